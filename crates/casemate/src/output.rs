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

/// True if the command line asks for JSON; for errors in the command line itself.
pub(crate) fn wants_json(args: impl Iterator<Item = std::ffi::OsString>) -> bool {
    let args: Vec<_> = args.collect();
    args.iter().any(|a| a == "--format=json") || args.windows(2).any(|pair| pair[0] == "--format" && pair[1] == "json")
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
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_header(header);
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

/// How reports are drawn on this terminal.
pub(crate) fn style() -> casemate_report::Style {
    let width = Table::new().width().map_or(100, usize::from);
    casemate_report::Style { colour: std::io::stdout().is_terminal() && !no_color(), width, findings_per_check_max: 5 }
}
