//! Replacing what was found.

use crate::Match;

/// The text with every match replaced by `[REDACTED:LABEL]`. `matches` are those of a scan of this text, in order.
pub fn redact(text: &str, matches: &[Match]) -> String {
    redact_with(text, matches, |m| marker(m.label()))
}

/// The text with every match replaced by what `replacement` gives for it.
pub fn redact_with(text: &str, matches: &[Match], mut replacement: impl FnMut(&Match) -> String) -> String {
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for found in matches {
        if found.span.start < from || text.get(found.span.range()).is_none() {
            continue;
        }
        out.push_str(&text[from..found.span.start]);
        out.push_str(&replacement(found));
        from = found.span.end;
    }
    out.push_str(&text[from..]);
    out
}

/// The marker that stands for a redacted value.
pub(crate) fn marker(label: &str) -> String {
    format!("[REDACTED:{label}]")
}
