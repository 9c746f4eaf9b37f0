//! Drives the readers over a queue of parts: the file itself, then what was found inside, within one budget.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use sha2::{Digest, Sha256};

use crate::budget::Budget;
use crate::container::stream::{Codec, SevenZipCoder};
use crate::report::{ArtifactFinding, ArtifactSeverity, FileReport, TreeNode};
use crate::rules::Rule;
use crate::source::Source;
use crate::{ScanConfig, identify};

/// Longest evidence kept, in characters.
const EVIDENCE_CHARS_MAX: usize = 400;

/// Why a part is being looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hint {
    /// The file itself or a member: whatever it is, it is reported.
    Member,
    /// Bytes inside a value that look like something: only what it would do counts, not that it is damaged.
    Guess,
    /// Bytes that the stream around them hands to an unpickler.
    Pickle,
    /// A member of a PyTorch archive that a loader unpickles.
    TorchPickle,
}

/// One part to look at.
pub(crate) struct Job<'a> {
    /// Its bytes.
    pub(crate) source: Source<'a>,
    /// Its path inside the file; empty for the file itself.
    pub(crate) member: String,
    /// How deep it is nested.
    pub(crate) depth: u32,
    /// Why it is being looked at.
    pub(crate) hint: Hint,
    /// Its place in the tree.
    pub(crate) node: usize,
    /// How its bytes are still packed.
    pub(crate) packing: Packing,
    /// Length and CRC-32 that the container promises.
    pub(crate) promise: Option<(u64, u32)>,
    /// Storages of the PyTorch archive that it is a member of, by key, with their length in bytes.
    pub(crate) storages: Option<Rc<HashMap<String, u64>>>,
}

/// How the bytes of a part are packed; they are unpacked when its turn comes, so that few are held at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    /// As they are.
    Plain,
    /// By a codec.
    Codec(Codec),
    /// By a coder of a 7z folder.
    SevenZip(SevenZipCoder),
    /// As base64 or hex text; `true` inside Python quotes.
    Text(bool),
}

/// A part to be queued.
pub(crate) struct Child<'a> {
    /// Its name inside its container.
    pub(crate) name: String,
    /// Its packed bytes.
    pub(crate) source: Source<'a>,
    /// Why it is being looked at.
    pub(crate) hint: Hint,
    /// How it is packed.
    pub(crate) packing: Packing,
    /// Length and CRC-32 that the container promises.
    pub(crate) promise: Option<(u64, u32)>,
    /// See [`Job::storages`].
    pub(crate) storages: Option<Rc<HashMap<String, u64>>>,
}

impl<'a> Child<'a> {
    /// A plain member.
    pub(crate) fn plain(name: impl Into<String>, source: Source<'a>, hint: Hint) -> Self {
        Self { name: name.into(), source, hint, packing: Packing::Plain, promise: None, storages: None }
    }

    /// A member packed by `codec`.
    pub(crate) fn packed(name: impl Into<String>, source: Source<'a>, hint: Hint, codec: Codec) -> Self {
        Self { packing: Packing::Codec(codec), ..Self::plain(name, source, hint) }
    }
}

impl<'a> Job<'a> {
    /// The file itself.
    pub(crate) fn root(source: Source<'a>) -> Self {
        Job {
            source,
            member: String::new(),
            depth: 0,
            hint: Hint::Member,
            node: 0,
            packing: Packing::Plain,
            promise: None,
            storages: None,
        }
    }

    /// The last part of the name, which carries the extension.
    pub(crate) fn file_name<'s>(&'s self, scan: &'s Scan<'_, '_>) -> &'s str {
        let full = if self.member.is_empty() { &scan.name } else { &self.member };
        full.rsplit(['/', '\\']).next().unwrap_or(full)
    }
}

/// The state of the scan of one file.
pub(crate) struct Scan<'a, 'c> {
    /// The limits.
    pub(crate) config: &'c ScanConfig,
    /// What is left of them.
    pub(crate) budget: Budget,
    /// Name of the file as given.
    pub(crate) name: String,
    /// The folder that the file lies in, where it was opened by path.
    folder: Option<PathBuf>,
    findings: Vec<ArtifactFinding>,
    findings_dropped: u64,
    severity: ArtifactSeverity,
    tampered: bool,
    reasons: Vec<String>,
    queue: Vec<Job<'a>>,
    tree: Vec<TreeNode>,
    member: String,
    node: usize,
    /// A member that the caller asked for, and its bytes once its turn came.
    wanted: Option<(String, Option<Source<'a>>)>,
}

impl<'a, 'c> Scan<'a, 'c> {
    pub(crate) fn new(name: &str, config: &'c ScanConfig) -> Self {
        Self {
            config,
            budget: Budget::new(config),
            name: name.to_owned(),
            folder: None,
            findings: Vec::new(),
            findings_dropped: 0,
            severity: ArtifactSeverity::Data,
            tampered: false,
            reasons: Vec::new(),
            queue: Vec::new(),
            tree: Vec::new(),
            member: String::new(),
            node: 0,
            wanted: None,
        }
    }

    /// Reports what was seen in the current part.
    pub(crate) fn find(
        &mut self,
        rule: &Rule,
        severity: ArtifactSeverity,
        offset: u64,
        message: impl Into<String>,
        evidence: impl Into<String>,
        extra_references: &[&str],
    ) {
        self.raise(severity);
        self.tampered |= rule.tamper;
        if self.findings.len() >= self.config.findings_max {
            self.findings_dropped += 1;
            let weakest = self.findings.iter().enumerate().min_by_key(|(_, f)| f.severity);
            match weakest {
                Some((i, f)) if f.severity < severity => {
                    self.findings.swap_remove(i);
                }
                _ => return,
            }
        }
        let mut references: Vec<String> = rule.references.iter().map(|r| (*r).to_owned()).collect();
        for r in extra_references {
            if !references.iter().any(|have| have == r) {
                references.push((*r).to_owned());
            }
        }
        let mut evidence: String = evidence.into();
        if let Some((cut, _)) = evidence.char_indices().nth(EVIDENCE_CHARS_MAX) {
            evidence.truncate(cut);
            evidence.push('…');
        }
        let finding = ArtifactFinding {
            rule: rule.id.to_owned(),
            severity,
            message: message.into(),
            offset,
            evidence,
            references,
            member: self.member.clone(),
        };
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }

    /// Raises the verdict without a finding (a known constructor is not worth a line).
    pub(crate) fn raise(&mut self, severity: ArtifactSeverity) {
        self.severity = self.severity.max(severity);
        if let Some(n) = self.tree.get_mut(self.node) {
            n.severity = n.severity.max(severity);
        }
    }

    /// Notes that some part was not looked at.
    pub(crate) fn incomplete(&mut self, reason: impl Into<String>) {
        let mut reason: String = reason.into();
        if !self.member.is_empty() {
            reason = format!("{}: {reason}", self.member);
        }
        if self.reasons.len() < 32 && !self.reasons.contains(&reason) {
            self.reasons.push(reason);
        }
    }

    /// True when the container of `job` has this format.
    pub(crate) fn inside(&self, job: &Job<'_>, format: &str) -> bool {
        let parent = self.tree.get(job.node).and_then(|n| n.parent);
        parent.and_then(|p| self.tree.get(p)).is_some_and(|n| n.format.split('+').any(|f| f == format))
    }

    /// True when no reader knew the part, or it is mere text.
    pub(crate) fn is_unknown(&self, job: &Job<'_>) -> bool {
        self.tree.get(job.node).is_some_and(|n| n.format.is_empty() || n.format == "text")
    }

    /// Keeps the unpacked bytes of the part when it is the one that was asked for.
    pub(crate) fn offer(&mut self, job: &Job<'a>) {
        if let Some((member, found)) = self.wanted.as_mut()
            && *member == job.member
            && found.is_none()
        {
            *found = Some(job.source.clone());
        }
    }

    /// True when a file of this relative path lies beside the part: in its archive, or in the folder of the file. Only
    /// whether it is there is looked at; `relative` is made of plain names.
    pub(crate) fn lies_beside(&self, job: &Job<'_>, relative: &str) -> bool {
        if job.depth == 0 {
            return self.folder.as_ref().is_some_and(|f| f.join(relative).is_file());
        }
        let Some(parent) = self.tree.get(job.node).map(|n| n.parent) else { return false };
        let folder = job.member.rfind('/').map_or("", |at| &job.member[..=at]);
        self.budget.work(self.tree.len() as u64)
            && self.tree.iter().any(|n| n.parent == parent && n.member.strip_prefix(folder) == Some(relative))
    }

    /// Sets the length of the current part once it is known.
    pub(crate) fn size(&mut self, bytes: u64) {
        if let Some(n) = self.tree.get_mut(self.node) {
            n.size_bytes = bytes;
        }
    }

    /// Names the format of the current part.
    pub(crate) fn format(&mut self, format: &str) {
        if let Some(n) = self.tree.get_mut(self.node) {
            if n.format.is_empty() {
                format.clone_into(&mut n.format);
            } else if !n.format.split('+').any(|f| f == format) && n.format.len() < 64 {
                n.format = format!("{}+{format}", n.format);
            }
        }
    }

    /// Queues a part found inside the part of `parent`. Depth and entries are checked here.
    pub(crate) fn enqueue(&mut self, parent: &Job<'a>, child: Child<'a>) {
        let Child { name, source, hint, packing, promise, storages } = child;
        if parent.depth >= self.config.depth_max {
            if hint != Hint::Guess {
                self.incomplete(format!("nested deeper than {} levels", self.config.depth_max));
            }
            return;
        }
        if !self.budget.entry() {
            self.incomplete(format!("more than {} members", self.config.entries_max));
            return;
        }
        let member = if parent.member.is_empty() {
            printable(&name)
        } else {
            format!("{}!/{}", parent.member, printable(&name))
        };
        self.tree.push(TreeNode {
            member: member.clone(),
            format: String::new(),
            size_bytes: source.len(),
            parent: Some(parent.node),
            severity: ArtifactSeverity::Data,
        });
        let node = self.tree.len() - 1;
        self.queue.push(Job { source, member, depth: parent.depth + 1, hint, node, packing, promise, storages });
    }

    fn run(&mut self, root: Source<'a>) {
        self.tree.push(TreeNode {
            member: String::new(),
            format: String::new(),
            size_bytes: root.len(),
            parent: None,
            severity: ArtifactSeverity::Data,
        });
        self.queue.push(Job::root(root));
        while let Some(job) = self.queue.pop() {
            if self.config.cancelled() {
                self.incomplete("the scan was stopped by its caller");
                break;
            }
            self.member.clone_from(&job.member);
            self.node = job.node;
            let waiting = self.queue.len();
            identify::dispatch(self, job);
            // In the order that they were found in: members of a stream are read in one pass.
            self.queue[waiting..].reverse();
        }
    }

    fn finish(mut self, path: &str, sha256: String, size_bytes: u64) -> FileReport {
        if self.findings_dropped > 0 && self.severity <= ArtifactSeverity::Allowed {
            self.reasons.push("more findings than are kept".into());
        }
        self.findings.sort_by(|a, b| {
            (&a.member, a.offset, &a.rule, &a.evidence).cmp(&(&b.member, b.offset, &b.rule, &b.evidence))
        });
        for n in &mut self.tree {
            if n.format.is_empty() {
                n.format = "unknown".into();
            }
        }
        FileReport {
            path: path.to_owned(),
            sha256,
            format: self.tree.first().map(|n| n.format.clone()).unwrap_or_default(),
            severity: self.severity,
            complete: self.reasons.is_empty(),
            tampered: self.tampered,
            findings: self.findings,
            incomplete_reasons: self.reasons,
            tree: self.tree,
            size_bytes,
        }
    }
}

/// A name fit to be printed: control characters escaped, at most 300 characters.
pub(crate) fn printable(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars().take(300) {
        if c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}'..='\u{200f}') {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// Scans bytes in memory. `name` is used for its extension and as the path of the report.
pub fn scan_bytes(name: &str, bytes: &[u8], config: &ScanConfig) -> FileReport {
    scan_held(name, bytes, None, config)
}

fn scan_held(name: &str, bytes: &[u8], folder: Option<PathBuf>, config: &ScanConfig) -> FileReport {
    let digest = hex::encode(Sha256::digest(bytes));
    let mut scan = Scan::new(name, config);
    scan.folder = folder;
    scan.run(Source::borrowed(bytes));
    scan.finish(name, digest, bytes.len() as u64)
}

/// Scans one file. Small files are read whole; larger ones in windows. The digest is made in the same pass: what the
/// readers read in order goes into it on the way, and only what they skip is read for it alone.
///
/// # Errors
/// Only when the file cannot be opened or read; damage in its content is reported, not returned.
pub fn scan_path(path: &Path, config: &ScanConfig) -> std::io::Result<FileReport> {
    let mut file = File::open(path)?;
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let name = path.to_string_lossy();
    let folder = path.parent().map(Path::to_path_buf);
    if meta.len() <= config.file_in_memory_bytes_max {
        let mut bytes = Vec::with_capacity(usize::try_from(meta.len()).unwrap_or(0) + 1);
        (&mut file).take(config.file_in_memory_bytes_max + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 <= config.file_in_memory_bytes_max {
            return Ok(scan_held(&name, &bytes, folder, config));
        }
        return scan_large(file, &name, folder, config);
    }
    scan_large(file, &name, folder, config)
}

fn scan_large(file: File, name: &str, folder: Option<PathBuf>, config: &ScanConfig) -> std::io::Result<FileReport> {
    let len = file.metadata()?.len();
    let source = Source::file(file, len);
    let mut scan = Scan::new(name, config);
    scan.folder = folder;
    scan.run(source.clone());
    let digest = source.file_digest();
    if digest.is_none() {
        scan.reasons.push("the file changed while it was read".into());
    }
    Ok(scan.finish(name, digest.unwrap_or_default(), len))
}

/// Scans the file and hands the unpacked bytes of one member (named as in findings; empty for the file itself) to
/// `use_it`; `None` when there is no such member.
pub(crate) fn with_member<T>(
    path: &Path,
    member: &str,
    config: &ScanConfig,
    use_it: impl FnOnce(&Source<'_>) -> T,
) -> std::io::Result<(Option<T>, FileReport)> {
    let file = File::open(path)?;
    let len = file.metadata()?.len();
    let name = path.to_string_lossy();
    let mut scan = Scan::new(&name, config);
    scan.folder = path.parent().map(Path::to_path_buf);
    scan.wanted = Some((member.to_owned(), None));
    scan.run(Source::file(file, len));
    let found = scan.wanted.take().and_then(|(_, s)| s);
    let made = found.as_ref().map(use_it);
    Ok((made, scan.finish(&name, String::new(), len)))
}
