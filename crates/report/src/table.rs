//! The report for people: what came of it, why, and what to do.

use std::fmt::Write as _;

use casemate_finding::{CheckResult, Finding, Location, Outcome, Severity};

use crate::{Document, Tally, printable, wrap::wrap};

/// How the table is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// ANSI colours; the caller decides (terminal, `NO_COLOR`).
    pub colour: bool,
    /// Characters in a line; below 40 is taken as 40.
    pub width: usize,
    /// Findings shown for each check, the most severe first; the rest are counted.
    pub findings_per_check_max: usize,
}

impl Style {
    /// No colour, 100 characters, 20 findings for each check.
    pub const fn plain() -> Self {
        Self { colour: false, width: 100, findings_per_check_max: 20 }
    }
}

impl Default for Style {
    fn default() -> Self {
        Self::plain()
    }
}

const RED: &str = "31;1";
const YELLOW: &str = "33";
const GREEN: &str = "32";
const CYAN: &str = "36";
const DIM: &str = "2";
const BOLD: &str = "1";

const fn outcome_colour(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => GREEN,
        Outcome::Exempted => CYAN,
        Outcome::Warn | Outcome::Insufficient | Outcome::NotScanned => YELLOW,
        Outcome::Error | Outcome::Block => RED,
    }
}

const fn severity_colour(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => RED,
        Severity::Medium => YELLOW,
        Severity::Low => CYAN,
        Severity::Info => DIM,
    }
}

struct Canvas {
    out: String,
    style: Style,
}

impl Canvas {
    fn paint(&self, text: &str, code: &str) -> String {
        if self.style.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn line(&mut self, text: &str) {
        self.out.push_str(text.trim_end());
        self.out.push('\n');
    }

    /// `label` padded to `column`, then `text` wrapped beside it.
    fn labelled(&mut self, indent: usize, label: &str, column: usize, code: &str, text: &str) {
        let left = indent + column;
        let width = self.style.width.max(40).saturating_sub(left);
        for (i, part) in wrap(&printable(text), width).iter().enumerate() {
            let head = if i == 0 { self.paint(&format!("{label:<column$}"), code) } else { " ".repeat(column) };
            self.line(&format!("{:indent$}{head}{part}", ""));
        }
    }
}

/// Where a finding is, on one line: `a.csv:12:3, column email`.
pub(crate) fn place(location: &Location) -> String {
    let mut text = location.path.as_deref().map(|p| printable(p).into_owned()).unwrap_or_default();
    match (location.line, location.column, location.span) {
        (Some(line), Some(column), _) => _ = write!(text, ":{line}:{column}"),
        (Some(line), None, _) => _ = write!(text, ":{line}"),
        (None, _, Some(span)) => _ = write!(text, " @ byte {}", span.start),
        (None, _, None) => {}
    }
    if let Some(field) = &location.field {
        _ = write!(text, "{}column {}", if text.is_empty() { "" } else { ", " }, printable(field));
    }
    text
}

/// The findings of one check, most severe and most certain first; ties keep their order.
pub(crate) fn ranked(check: &CheckResult) -> Vec<&Finding> {
    let mut findings: Vec<&Finding> = check.findings.iter().collect();
    findings.sort_by(|a, b| b.severity.cmp(&a.severity).then(b.score.total_cmp(&a.score)));
    findings
}

/// The report as text. Every line ends with a line feed.
pub fn to_table(document: &Document, style: &Style) -> String {
    let mut c = Canvas { out: String::new(), style: *style };
    for check in &document.checks {
        write_check(&mut c, document, check);
    }
    if !document.not_scanned.is_empty() {
        c.line("");
        let head = c.paint("NOT SCANNED", YELLOW);
        c.line(&format!("{head}  {} (not the same as clean)", count(document.not_scanned.len(), "item")));
        for item in document.not_scanned.iter().take(style.findings_per_check_max) {
            let text = format!("{}: {}", item.path, item.reason);
            c.labelled(2, "", 0, DIM, &text);
        }
        more(&mut c, document.not_scanned.len(), 2);
    }
    for note in &document.notes {
        c.labelled(0, "note", 6, DIM, note);
    }
    if !document.subjects.is_empty() {
        c.line("");
        for subject in &document.subjects {
            let digest = subject.sha256.as_ref().map_or_else(|| "no digest".to_owned(), |d| format!("sha256:{d}"));
            let text = format!(
                "{}  {} {}  {digest}",
                printable(&subject.name),
                bytes(subject.size_bytes),
                if subject.format.is_empty() { "" } else { &subject.format },
            );
            let text = c.paint(&text, DIM);
            c.line(&text);
        }
    }
    let tally = Tally::of(document);
    c.line("");
    let verdict = c.paint(&document.outcome.as_str().to_uppercase(), outcome_colour(document.outcome));
    let title = printable(&document.title).into_owned();
    c.line(&format!("{title}: {verdict}  ({}; {})", tally.checks_sentence(), tally.findings_sentence()));
    c.out
}

fn write_check(c: &mut Canvas, document: &Document, check: &CheckResult) {
    let label = check.outcome.as_str().to_uppercase().replace('_', " ");
    let head = format!("{}  {}: {}", check.check, check.subject, check.reason);
    c.labelled(0, &label, 13, outcome_colour(check.outcome), &head);
    let ranked = ranked(check);
    for finding in ranked.iter().take(c.style.findings_per_check_max) {
        let severity = c.paint(&format!("{:<9}", finding.severity.as_str()), severity_colour(finding.severity));
        let rule = c.paint(&printable(&finding.rule), BOLD);
        c.line(&format!("    {severity} {rule}  {}", place(&finding.location)));
        c.labelled(14, "", 0, DIM, &finding.message);
        if !finding.evidence.is_empty() {
            c.labelled(14, "seen", 8, DIM, &finding.evidence);
        }
        if !finding.remedy.is_empty() {
            c.labelled(14, "remedy", 8, DIM, &finding.remedy);
        }
        if let Some(s) = document.suppression(&finding.fingerprint) {
            c.labelled(14, "allowed", 8, CYAN, &s.justification);
        }
    }
    more(c, ranked.len(), 4);
}

fn more(c: &mut Canvas, total: usize, indent: usize) {
    if total > c.style.findings_per_check_max {
        let hidden = total - c.style.findings_per_check_max;
        c.line(&format!("{:indent$}… and {hidden} more; `--format json` has all", ""));
    }
}

/// `1 item`, `2 items`.
pub(crate) fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

/// `12 B`, `1.5 KiB`, `200.0 MiB`.
pub(crate) fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if n < 1024 {
        return format!("{n} B");
    }
    #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
    let mut value = n as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}
