//! Comments in the scanned source that let a finding through: `casemate:allow <rule> <reason>`, on the line of the finding
//! or on the line above it. The reason is required: an allowance that nobody can explain later is none.

use casemate_finding::Finding;

const MARK: &str = "casemate:allow";
/// Longest comment that is read, in bytes.
const COMMENT_BYTES_MAX: usize = 512;
/// Comments remembered for one file.
const COMMENTS_MAX: usize = 10_000;

/// One comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Allowance {
    /// Line of the comment, from 1.
    pub(crate) line: u64,
    /// Rule id, or the part of it behind the `/`.
    pub(crate) rule: String,
    /// Why.
    pub(crate) reason: String,
}

impl Allowance {
    /// True when the comment lets `finding` through.
    pub(crate) fn covers(&self, finding: &Finding) -> bool {
        let on_line = finding.location.line.is_some_and(|l| l == self.line || l == self.line + 1);
        let short = finding.rule.rsplit('/').next();
        on_line && !self.reason.is_empty() && (self.rule == finding.rule || Some(self.rule.as_str()) == short)
    }
}

/// Gathers the comments of a text that comes in pieces.
#[derive(Debug, Default)]
pub(crate) struct Allowances {
    found: Vec<Allowance>,
    tail: String,
    line: u64,
}

impl Allowances {
    /// Takes the next piece of text.
    pub(crate) fn push(&mut self, piece: &str) {
        let text = std::mem::take(&mut self.tail) + piece;
        self.read(&text, false);
        let kept = self.keep_tail(&text);
        self.line += newlines(&text) - newlines(kept);
    }

    /// Ends the text; the comments in order.
    pub(crate) fn finish(mut self) -> Vec<Allowance> {
        let text = std::mem::take(&mut self.tail);
        self.read(&text, true);
        self.found
    }

    /// Keeps the end of `text` that may be the start of a comment.
    fn keep_tail<'t>(&mut self, text: &'t str) -> &'t str {
        let line = text.rfind('\n').map_or(0, |at| at + 1);
        let from = match text[line..].find(MARK) {
            Some(at) => line + at,
            // The mark itself may be cut.
            None => text.floor_char_boundary(text.len().saturating_sub(MARK.len() - 1)).max(line),
        };
        let from = if text.len() - from >= COMMENT_BYTES_MAX + MARK.len() { text.len() } else { from };
        text[from..].clone_into(&mut self.tail);
        &text[from..]
    }

    fn read(&mut self, text: &str, last: bool) {
        let mut from = 0;
        while let Some(at) = text[from..].find(MARK).map(|at| from + at) {
            from = at + MARK.len();
            let rest = &text[from..text.floor_char_boundary((from + COMMENT_BYTES_MAX).min(text.len()))];
            let end = rest.find('\n');
            if end.is_none() && !last && text.len() - from < COMMENT_BYTES_MAX {
                return;
            }
            let comment = rest[..end.unwrap_or(rest.len())].trim();
            let comment = ["*/", "-->", "#}", "%}"].iter().fold(comment, |c, close| c.trim_end_matches(close)).trim();
            let (rule, reason) = comment.split_once(char::is_whitespace).unwrap_or((comment, ""));
            if !rule.is_empty() && self.found.len() < COMMENTS_MAX {
                let line = self.line + 1 + newlines(&text[..at]);
                self.found.push(Allowance { line, rule: rule.to_owned(), reason: reason.trim().to_owned() });
            }
        }
    }
}

fn newlines(text: &str) -> u64 {
    text.bytes().filter(|b| *b == b'\n').count() as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Allowance, Allowances};

    const TEXT: &str = "one\n# casemate:allow secret/generic rotated in March\nx\n<!-- casemate:allow us-ssn sample -->\n// casemate:allow pii/url";

    fn read(pieces: &[&str]) -> Vec<Allowance> {
        let mut allowances = Allowances::default();
        pieces.iter().for_each(|p| allowances.push(p));
        allowances.finish()
    }

    fn expected() -> Vec<Allowance> {
        [(2, "secret/generic", "rotated in March"), (4, "us-ssn", "sample"), (5, "pii/url", "")]
            .map(|(line, rule, reason)| Allowance { line, rule: rule.into(), reason: reason.into() })
            .into()
    }

    #[test]
    fn comments_are_found_whole() {
        assert_eq!(read(&[TEXT]), expected());
    }

    proptest! {
        #[test]
        fn comments_are_found_however_the_text_is_cut(mut cuts in prop::collection::vec(0..TEXT.len(), 0..6)) {
            cuts.extend([0, TEXT.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&str> = cuts.windows(2).map(|w| &TEXT[w[0]..w[1]]).collect();
            prop_assert_eq!(read(&pieces), expected());
        }
    }
}
