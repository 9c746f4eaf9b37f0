//! Markdown summary, as a CI system shows it on the page of a run (GitHub step summary, merge request comment).

use std::fmt::Write as _;

use casemate_finding::Outcome;

use crate::{
    Document, Tally, printable,
    table::{bytes, count, place, ranked},
};

/// Findings listed; a step summary may hold 1 MiB and a reader has less patience than that.
const FINDINGS_MAX: usize = 50;
/// Items listed that were not scanned.
const NOT_SCANNED_MAX: usize = 20;

/// Text with everything escaped that Markdown or HTML would act on, on one line.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in printable(text).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // A zero-width joiner would hide; an entity keeps `@name` and `#12` from turning into mentions.
            '@' => out.push_str("&#64;"),
            '#' => out.push_str("&#35;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '(' | ')' | '|' | '~' | '!' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// A code span that stays one whatever is in it, also inside a table.
fn code(text: &str) -> String {
    let text = printable(text).replace('|', "\\|");
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    if text.is_empty() {
        String::new()
    } else if longest > 0 {
        format!("{fence} {text} {fence}")
    } else {
        format!("{fence}{text}{fence}")
    }
}

const fn mark(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "✅",
        Outcome::Exempted => "☑️",
        Outcome::Warn => "⚠️",
        Outcome::Insufficient | Outcome::NotScanned => "❔",
        Outcome::Error => "💥",
        Outcome::Block => "⛔",
    }
}

/// The report as GitHub-flavoured Markdown.
pub fn to_markdown(document: &Document) -> String {
    let tally = Tally::of(document);
    let mut out = String::new();
    let o = document.outcome;
    _ = writeln!(out, "## {} {}: {}\n", mark(o), plain(&document.title), o.as_str().replace('_', " "));
    _ = writeln!(out, "{}; {}.\n", tally.checks_sentence(), tally.findings_sentence());
    out.push_str("| | check | subject | why |\n|---|---|---|---|\n");
    for check in &document.checks {
        _ = writeln!(
            out,
            "| {} {} | {} | {} | {} |",
            mark(check.outcome),
            check.outcome.as_str().replace('_', " "),
            plain(&check.check),
            plain(&check.subject),
            plain(&check.reason)
        );
    }
    write_findings(&mut out, document, tally.findings());
    if !document.not_scanned.is_empty() {
        _ = writeln!(out, "\n### Not scanned ({})\n", count(document.not_scanned.len(), "item"));
        for item in document.not_scanned.iter().take(NOT_SCANNED_MAX) {
            _ = writeln!(out, "* {}: {}", code(&item.path), plain(&item.reason));
        }
        if document.not_scanned.len() > NOT_SCANNED_MAX {
            _ = writeln!(out, "* … and {} more", document.not_scanned.len() - NOT_SCANNED_MAX);
        }
    }
    if !document.notes.is_empty() {
        out.push_str("\n### Notes\n\n");
        for note in &document.notes {
            _ = writeln!(out, "* {}", plain(note));
        }
    }
    if !document.subjects.is_empty() {
        out.push_str("\n### Subjects\n\n| subject | size | SHA-256 |\n|---|---|---|\n");
        for s in &document.subjects {
            let digest = s.sha256.as_deref().map_or_else(|| "none".to_owned(), code);
            _ = writeln!(out, "| {} | {} | {digest} |", plain(&s.name), bytes(s.size_bytes));
        }
    }
    out
}

fn write_findings(out: &mut String, document: &Document, total: usize) {
    if total == 0 {
        return;
    }
    out.push_str("\n### Findings\n\n| severity | rule | where | what | remedy |\n|---|---|---|---|---|\n");
    let mut left = FINDINGS_MAX;
    for check in &document.checks {
        for f in ranked(check).into_iter().take(left) {
            left -= 1;
            let allowed = document.suppression(&f.fingerprint).map(|s| format!(" (allowed: {})", s.justification));
            let what = format!("{}{}", f.message, allowed.unwrap_or_default());
            let cells = [
                f.severity.as_str().to_owned(),
                code(&f.rule),
                code(&place(&f.location)),
                plain(&what),
                plain(&f.remedy),
            ];
            _ = writeln!(out, "| {} |", cells.join(" | "));
        }
    }
    if total > FINDINGS_MAX {
        _ = writeln!(out, "\n… and {} more.", total - FINDINGS_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::{code, plain};

    #[test]
    fn hostile_names_stay_text() {
        assert_eq!(
            plain("<img src=x> @team #1 [a](b) a|b\nc"),
            "&lt;img src=x&gt; &#64;team &#35;1 \\[a\\]\\(b\\) a\\|b\\\\nc"
        );
        assert_eq!(code("a`b``c|d"), "``` a`b``c\\|d ```");
        assert_eq!(code("plain"), "`plain`");
        assert_eq!(code(""), "");
    }
}
