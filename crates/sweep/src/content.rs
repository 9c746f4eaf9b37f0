//! One file, whatever it is: what is found in it and what could not be looked at.

use std::{
    collections::HashSet,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};

use casemate_artifact::{FileReport, scan_bytes, scan_path};
use casemate_dataset::{Problem, ProblemKind, TableFormat, TableReport};
use casemate_finding::{Finding, Fingerprint};
use casemate_report::{NotScanned, Suppression};

use crate::{
    FileKind, HEAD_BYTES, ScanPlan,
    allow::Allowance,
    archive::{self, Nest, Packing},
    detect_kind,
    hit::ColumnHits,
    kind::has_model_name,
    pdf,
    table::{scan_parquet, scan_table},
    text::{scan_str, scan_text},
};

/// Bytes that the streams of a PDF may give.
const PDF_UNPACKED_MAX: u64 = 1 << 30;

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
    scan_counted(plan, path, shown, &|_| {})
}

/// As [`scan_file`]; `read` is told how many bytes were read, each time some were.
pub(crate) fn scan_counted(plan: &ScanPlan, path: &Path, shown: &str, read: &dyn Fn(u64)) -> io::Result<FileScan> {
    let mut out = FileScan::default();
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut file = Counted { source: file, read };
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
            file.rewind()?;
            archive::scan_zip(plan, shown, io::BufReader::new(file), &mut nest, &mut out);
        }
        FileKind::SevenZip => archive::scan_seven_zip(plan, shown, io::BufReader::new(file), &mut nest, &mut out),
        FileKind::Parquet => scan_parquet(plan, shown, file, &mut out),
        FileKind::Pdf if length > plan.limits.pdf_bytes_max => {
            let max = plan.limits.pdf_bytes_max;
            out.not_scanned(shown, format!("a PDF of {length} bytes; the limit is {max}"));
        }
        kind => {
            scan_kind(plan, shown, kind, &head, &mut file, &mut nest, &mut out);
            if dropped_content(&out) {
                file.rewind()?;
                as_text_too(plan, shown, &mut file, &mut out)?;
            }
        }
    }
    Ok(out)
}

/// A file that tells how much of it is read.
struct Counted<'a> {
    source: File,
    read: &'a dyn Fn(u64),
}

impl Read for Counted<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.source.read(buf)?;
        (self.read)(n as u64);
        Ok(n)
    }
}

impl Seek for Counted<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.source.seek(to)
    }
}

/// True when the reader of tables let go of what is too long for it.
fn dropped_content(out: &FileScan) -> bool {
    let lossy = |p: &Problem| matches!(p.kind, ProblemKind::RecordTooLong | ProblemKind::TooManyColumns);
    out.table.as_ref().is_some_and(|t| t.problems.iter().any(lossy))
}

/// Reads a table once more, as text, which has no limit on its lines: what was dropped is then seen, without its column.
fn as_text_too(plan: &ScanPlan, shown: &str, file: &mut impl Read, out: &mut FileScan) -> io::Result<()> {
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
    let held = matches!(kind, FileKind::Zip | FileKind::Pdf | FileKind::SevenZip | FileKind::Parquet);
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
    match kind {
        FileKind::Zip => archive::scan_zip(plan, shown, io::Cursor::new(bytes), nest, out),
        FileKind::SevenZip => archive::scan_seven_zip(plan, shown, io::Cursor::new(bytes), nest, out),
        FileKind::Parquet => scan_parquet(plan, shown, io::Cursor::new(bytes), out),
        _ => {
            let (head, rest) = bytes.split_at(head.len().min(bytes.len()));
            scan_kind(plan, shown, kind, head, rest, nest, out);
        }
    }
    nest.models_done = before;
}

/// Scans anything that is read from front to end for text.
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
        FileKind::Gzip => archive::scan_packed(plan, shown, Packing::Gzip, head.chain(source), nest, out),
        FileKind::Packed(packing) => archive::scan_packed(plan, shown, packing, head.chain(source), nest, out),
        FileKind::Pdf => scan_pdf(plan, shown, head, source, nest, out),
        FileKind::Ole => {
            // The folder of an OLE file names its streams in UTF-16.
            let encrypted = ole_has(head, source, "EncryptedPackage");
            let reason = if encrypted {
                "an encrypted office document; remove the password and scan it again"
            } else {
                "a pre-2007 office document (OLE2); save it as docx, xlsx or pptx"
            };
            out.not_scanned(shown, reason);
        }
        FileKind::OtherArchive(name) => {
            out.not_scanned(shown, format!("{name} is not read for text; unpack or convert it first"));
        }
        FileKind::Zip | FileKind::SevenZip | FileKind::Parquet => {
            out.not_scanned(shown, format!("a {} file that cannot be sought in", kind.as_str()));
        }
        // A model that is text (protocol 0, PMML, a tokenizer) may hold secrets as well.
        FileKind::Model if casemate_dataset::detect_encoding(head).is_ok() => scan_text(plan, shown, head, source, out),
        FileKind::Model => out.binaries.push("model"),
        FileKind::Binary(name) => out.binaries.push(name),
    }
}

/// True when the folder of an OLE file, looked for in its first bytes, names a stream `name`.
fn ole_has(head: &[u8], source: impl Read, name: &str) -> bool {
    let mut bytes = head.to_vec();
    // What cannot be read only makes the reason less exact.
    _ = source.take(16 << 20).read_to_end(&mut bytes);
    let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
    memchr::memmem::find(&bytes, &name).is_some()
}

fn scan_pdf(plan: &ScanPlan, shown: &str, head: &[u8], source: impl Read, nest: &mut Nest, out: &mut FileScan) {
    let mut bytes = Vec::new();
    if let Err(e) = head.chain(source).take(plan.limits.pdf_bytes_max).read_to_end(&mut bytes) {
        out.not_scanned(shown, format!("cannot be read to its end: {e}"));
    }
    let max = plan.limits.inflated_bytes_max.min(PDF_UNPACKED_MAX);
    let reasons = pdf::read(&bytes, max, &mut |part| {
        match part {
            pdf::Part::Text(place, text) => scan_str(plan, &format!("{shown}!/{place}"), &text, out),
            pdf::Part::Attachment(name, bytes) => {
                let inner = format!("{shown}!/{name}");
                if !nest.too_deep(&inner, out) && nest.enter(shown, out) {
                    archive::open_member(plan, &inner, bytes.as_slice(), nest, out);
                }
            }
        }
        !plan.cancelled()
    });
    for reason in reasons {
        out.not_scanned(shown, reason);
    }
}

fn is_model(kind: FileKind, shown: &str) -> bool {
    match kind {
        FileKind::Model => true,
        FileKind::Zip | FileKind::Tar | FileKind::Gzip | FileKind::Packed(_) | FileKind::SevenZip => true,
        FileKind::OtherArchive(_) => true,
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
