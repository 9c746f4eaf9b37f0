//! One file, whatever it is: what is found in it and what could not be looked at.

use std::{
    collections::HashSet,
    fs::File,
    io::{self, Read},
    path::Path,
};

use casemate_artifact::{FileReport, scan_bytes, scan_path};
use casemate_dataset::{Problem, ProblemKind, TableFormat, TableReport};
use casemate_finding::{Finding, Fingerprint};
use casemate_report::{NotScanned, Suppression};

use crate::{
    FileKind, HEAD_BYTES, ScanPlan,
    allow::Allowance,
    archive::{self, Nest},
    detect_kind,
    hit::ColumnHits,
    kind::has_model_name,
    pdf,
    table::scan_table,
    text::{scan_str, scan_text},
};

/// What one file, with all that is inside it, came to.
#[derive(Clone, Debug, Default)]
pub struct FileScan {
    /// What the file is.
    pub kind: Option<FileKind>,
    /// Personal data, secrets and what model files do, in order of place.
    pub findings: Vec<Finding>,
    /// What is wrong with the form of tables.
    pub form: Vec<Finding>,
    /// Findings that are counted in `columns` or `notes` but not listed.
    pub hidden: u64,
    /// What each rule found in each column, for tables.
    pub columns: Vec<ColumnHits>,
    /// The table, if it is one.
    pub table: Option<TableReport>,
    /// The model scanner's own reports.
    pub models: Vec<FileReport>,
    /// What was not looked at, with the reason.
    pub not_scanned: Vec<NotScanned>,
    /// Findings that a comment beside them lets through.
    pub suppressions: Vec<Suppression>,
    /// Sentences about what was read with reservations.
    pub notes: Vec<String>,
    /// Kinds of bytes without text that were passed over, one entry for each file.
    pub binaries: Vec<&'static str>,
    /// Bytes of text and cells that the detectors saw.
    pub bytes: u64,
}

impl FileScan {
    pub(crate) fn not_scanned(&mut self, path: &str, reason: impl Into<String>) {
        self.not_scanned.push(NotScanned { path: path.to_owned(), reason: reason.into() });
    }

    /// Applies comments to the findings from `first` on.
    pub(crate) fn allow(&mut self, first: usize, allowances: &[Allowance]) {
        for allowance in allowances {
            if allowance.reason.is_empty() {
                self.notes
                    .push(format!("line {}: a casemate:allow comment without a reason does nothing", allowance.line));
            }
        }
        for finding in &self.findings[first..] {
            if let Some(a) = allowances.iter().find(|a| a.covers(finding)) {
                self.suppressions.push(Suppression {
                    fingerprint: finding.fingerprint.clone(),
                    justification: format!("comment on line {}: {}", a.line, a.reason),
                    in_source: true,
                });
            }
        }
    }
}

/// Scans one file. `shown` is the path that findings name.
///
/// # Errors
/// Only when the file cannot be opened or its beginning cannot be read.
pub fn scan_file(plan: &ScanPlan, path: &Path, shown: &str) -> io::Result<FileScan> {
    let mut out = FileScan::default();
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let head = read_head(&mut file)?;
    let kind = detect_kind(shown, &head);
    out.kind = Some(kind);
    if plan.kinds.models && is_model(kind, shown) {
        model(plan, shown, || scan_path(path, &plan.limits.model), &mut out)?;
    }
    if !plan.kinds.text() {
        return Ok(out);
    }
    let mut nest = Nest::new(&plan.limits);
    nest.models_done = !out.models.is_empty();
    match kind {
        FileKind::Zip => {
            io::Seek::rewind(&mut file)?;
            archive::scan_zip(plan, shown, io::BufReader::new(file), &mut nest, &mut out);
        }
        FileKind::Pdf if length > plan.limits.pdf_bytes_max => {
            let max = plan.limits.pdf_bytes_max;
            out.not_scanned(shown, format!("a PDF of {length} bytes; the limit is {max}"));
        }
        kind => {
            scan_kind(plan, shown, kind, &head, &file, &mut nest, &mut out);
            if dropped_content(&out) {
                io::Seek::rewind(&mut file)?;
                as_text_too(plan, shown, &mut file, &mut out)?;
            }
        }
    }
    Ok(out)
}

/// True when the reader of tables let go of what is too long for it.
fn dropped_content(out: &FileScan) -> bool {
    let lossy = |p: &Problem| matches!(p.kind, ProblemKind::RecordTooLong | ProblemKind::TooManyColumns);
    out.table.as_ref().is_some_and(|t| t.problems.iter().any(lossy))
}

/// Reads a table once more, as text, which has no limit on its lines: what was dropped is then seen, without its column.
fn as_text_too(plan: &ScanPlan, shown: &str, file: &mut File, out: &mut FileScan) -> io::Result<()> {
    let head = read_head(file)?;
    let mut text = FileScan::default();
    scan_text(plan, shown, &head, file, &mut text);
    let known: HashSet<Fingerprint> = out.findings.iter().map(|f| f.fingerprint.clone()).collect();
    out.findings.extend(text.findings.into_iter().filter(|f| !known.contains(&f.fingerprint)));
    out.suppressions.append(&mut text.suppressions);
    out.hidden += text.hidden;
    out.bytes += text.bytes;
    out.notes.push(format!("{shown}: too long or too wide for a table in places; read as text as well"));
    // The text reader has the last word on what was not seen.
    out.not_scanned.retain(|n| n.path != shown);
    out.not_scanned.append(&mut text.not_scanned);
    Ok(())
}

/// Scans what `source` gives, as if it were a file of the name `shown`. Archives and documents are held in memory.
///
/// # Errors
/// Only when the beginning cannot be read.
pub fn scan_reader(plan: &ScanPlan, shown: &str, mut source: impl Read) -> io::Result<FileScan> {
    let mut out = FileScan::default();
    let head = read_head(&mut source)?;
    let kind = detect_kind(shown, &head);
    out.kind = Some(kind);
    let mut nest = Nest::new(&plan.limits);
    member(plan, shown, kind, &head, &mut source, &mut nest, &mut out);
    Ok(out)
}

/// Scans a member of an archive, a blob of a history: something that is no file on disk.
pub(crate) fn member(
    plan: &ScanPlan,
    shown: &str,
    kind: FileKind,
    head: &[u8],
    source: &mut dyn Read,
    nest: &mut Nest,
    out: &mut FileScan,
) {
    let models = plan.kinds.models && !nest.models_done && is_model(kind, shown);
    let held = matches!(kind, FileKind::Zip | FileKind::Pdf);
    if !(models || held) {
        if plan.kinds.text() {
            scan_kind(plan, shown, kind, head, source, nest, out);
        }
        return;
    }
    let max = plan.limits.member_bytes_max;
    let mut bytes = head.to_vec();
    if let Err(e) = source.take(max.saturating_sub(head.len() as u64) + 1).read_to_end(&mut bytes) {
        out.not_scanned(shown, format!("cannot be read to its end: {e}"));
    }
    if bytes.len() as u64 > max {
        out.not_scanned(shown, format!("a {} of more than {max} bytes inside an archive", kind.as_str()));
        return;
    }
    if models {
        // Bytes in memory do not fail.
        _ = model(plan, shown, || Ok(scan_bytes(shown, &bytes, &plan.limits.model)), out);
    }
    if !plan.kinds.text() {
        return;
    }
    let before = nest.models_done;
    nest.models_done |= models;
    if kind == FileKind::Zip {
        archive::scan_zip(plan, shown, io::Cursor::new(bytes), nest, out);
    } else {
        let (head, rest) = bytes.split_at(head.len().min(bytes.len()));
        scan_kind(plan, shown, kind, head, rest, nest, out);
    }
    nest.models_done = before;
}

/// Scans anything but a zip archive for text.
fn scan_kind(
    plan: &ScanPlan,
    shown: &str,
    kind: FileKind,
    head: &[u8],
    source: impl Read,
    nest: &mut Nest,
    out: &mut FileScan,
) {
    match kind {
        FileKind::Empty => {}
        FileKind::Text => scan_text(plan, shown, head, source, out),
        FileKind::Csv => scan_table(plan, shown, TableFormat::Csv, head, source, out),
        FileKind::JsonLines => scan_table(plan, shown, TableFormat::JsonLines, head, source, out),
        FileKind::JsonTable => scan_table(plan, shown, TableFormat::Json, head, source, out),
        FileKind::Tar => archive::scan_tar(plan, shown, head.chain(source), nest, out),
        FileKind::Gzip => archive::scan_gzip(plan, shown, head.chain(source), nest, out),
        FileKind::Pdf => scan_pdf(plan, shown, head, source, out),
        FileKind::Ole => {
            out.not_scanned(
                shown,
                "an encrypted or pre-2007 office document; save it as docx, xlsx or pptx without a password",
            );
        }
        FileKind::OtherArchive(name) => {
            out.not_scanned(shown, format!("{name} is not read for text; unpack or convert it first"));
        }
        FileKind::Zip => out.not_scanned(shown, "a zip archive that cannot be sought in"),
        // A model that is text (protocol 0, PMML, a tokenizer) may hold secrets as well.
        FileKind::Model if casemate_dataset::detect_encoding(head).is_ok() => scan_text(plan, shown, head, source, out),
        FileKind::Model => out.binaries.push("model"),
        FileKind::Binary(name) => out.binaries.push(name),
    }
}

fn scan_pdf(plan: &ScanPlan, shown: &str, head: &[u8], source: impl Read, out: &mut FileScan) {
    let mut bytes = Vec::new();
    if let Err(e) = head.chain(source).take(plan.limits.pdf_bytes_max).read_to_end(&mut bytes) {
        out.not_scanned(shown, format!("cannot be read to its end: {e}"));
    }
    let pdf = pdf::text_of(&bytes, plan.limits.inflated_bytes_max);
    for reason in pdf.reasons {
        out.not_scanned(shown, reason);
    }
    scan_str(plan, shown, &pdf.text, out);
}

fn is_model(kind: FileKind, shown: &str) -> bool {
    match kind {
        FileKind::Model => true,
        FileKind::Zip | FileKind::Tar | FileKind::Gzip | FileKind::OtherArchive(_) => true,
        FileKind::Binary("binary") | FileKind::Text => has_model_name(shown),
        _ => false,
    }
}

fn model(
    plan: &ScanPlan,
    shown: &str,
    scan: impl FnOnce() -> io::Result<FileReport>,
    out: &mut FileScan,
) -> io::Result<()> {
    let mut report = scan()?;
    report.path = shown.to_owned();
    if plan.cancelled() {
        report.complete = false;
    }
    out.findings.extend(report.to_findings());
    if !report.complete {
        let reasons = report.incomplete_reasons.join("; ");
        out.not_scanned(
            shown,
            if reasons.is_empty() { "the model was not read to its end".to_owned() } else { reasons },
        );
    }
    out.models.push(report);
    Ok(())
}

pub(crate) fn read_head(source: &mut (impl Read + ?Sized)) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    source.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    Ok(head)
}
