//! What commands print: a table for people, JSON for programs.

use std::io::{IsTerminal, Write};

use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

/// Who reads the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Tables and sentences.
    #[default]
    Human,
    /// One JSON document.
    Json,
    /// SARIF 2.1.0, where findings are the result.
    Sarif,
}

/// Writes a line to standard output. A reader that has gone away is not an error worth a word.
pub(crate) fn line(text: impl AsRef<str>) {
    let mut out = std::io::stdout().lock();
    let _gone = writeln!(out, "{}", text.as_ref());
}

/// Writes a value as one JSON document.
pub(crate) fn json(value: &impl Serialize) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => line(text),
        Err(error) => line(format!("{{\"error\":{{\"what\":\"cannot write JSON\",\"why\":\"{error}\"}}}}")),
    }
}

/// Writes a table that fits the terminal.
pub(crate) fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_header(header);
    let mut any = false;
    for row in rows {
        any = true;
        table.add_row(row);
    }
    if any {
        line(table.to_string());
    }
}

/// True if colour and moving progress may be used on standard error.
pub(crate) fn is_interactive() -> bool {
    std::io::stderr().is_terminal() && !no_color()
}

#[expect(clippy::disallowed_methods, reason = "the binary reads the environment")]
fn no_color() -> bool {
    std::env::var("NO_COLOR").is_ok_and(|v| !v.is_empty())
}

/// Text from outside as it may be shown in a terminal: no control characters, so that an alert cannot move the cursor
/// or rewrite what stands above it.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || is_bidi(c) { '\u{fffd}' } else { c }).collect()
}

const fn is_bidi(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
}

#[cfg(test)]
mod tests {
    #[test]
    fn escapes_do_not_reach_the_terminal() {
        assert_eq!(super::printable("a\u{1b}[2Jb\u{202e}c"), "a\u{fffd}[2Jb\u{fffd}c");
    }
}
