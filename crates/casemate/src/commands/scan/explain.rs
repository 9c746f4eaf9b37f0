//! `--explain FILE@OFFSET`: what stands around a finding, as the calls that an unpickler would make.

use std::path::Path;

use casemate_artifact::{ArtifactFinding, ExplainLine, FileReport, RULES, ScanConfig, explain_path, scan_path};
use casemate_report::printable;
use serde::Serialize;

use crate::cli::Global;
use crate::exit::Exit;
use crate::failure::{Done, Failure};
use crate::output::{self, Format};

/// A place in a file: `model.pt!/archive/data.pkl@0x1f`.
#[derive(Debug, PartialEq, Eq)]
struct Place<'a> {
    path: &'a str,
    /// Path inside the file, empty for the file itself.
    member: &'a str,
    offset: u64,
}

fn place(text: &str) -> Option<Place<'_>> {
    let (file, offset) = text.rsplit_once('@')?;
    let offset = match offset.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok()?,
        None => offset.parse().ok()?,
    };
    let (path, member) = file.split_once("!/").unwrap_or((file, ""));
    (!path.is_empty()).then_some(Place { path, member, offset })
}

/// The document that `--format json` prints.
#[derive(Serialize)]
struct Explained<'a> {
    path: &'a str,
    member: &'a str,
    offset: u64,
    lines: Vec<Line<'a>>,
    findings: Vec<&'a ArtifactFinding>,
}

#[derive(Serialize)]
struct Line<'a> {
    offset: u64,
    text: &'a str,
}

pub(super) fn run(global: &Global, asked: &str) -> Done {
    let Some(place) = place(asked) else {
        return Err(Failure::usage("cannot explain", "not a place in a file")
            .at(asked.to_owned())
            .remedy("write FILE@OFFSET or FILE!/MEMBER@OFFSET, as the findings do; the offset may be 0x…"));
    };
    let config = ScanConfig::default();
    let read = |e: std::io::Error| Failure::usage("cannot explain", e.to_string()).at(place.path.to_owned());
    let lines = explain_path(Path::new(place.path), place.member, place.offset, &config).map_err(read)?;
    let report = scan_path(Path::new(place.path), &config).map_err(read)?;
    let near = findings(&report, &place, &lines);
    if lines.is_empty() && near.is_empty() {
        return Err(Failure::usage("cannot explain", "there is no pickle and no finding there")
            .at(asked.to_owned())
            .remedy("`casemate scan FILE --tree` shows what is inside"));
    }
    match global.format {
        Format::Json => {
            let lines = lines.iter().map(|l| Line { offset: l.offset, text: &l.text }).collect();
            output::json(&Explained {
                path: place.path,
                member: place.member,
                offset: place.offset,
                lines,
                findings: near,
            });
        }
        Format::Sarif => return Err(Failure::usage("cannot explain as SARIF", "there is no such form of it")),
        Format::Human => print(&place, &lines, &near),
    }
    Ok(Exit::Ok)
}

/// Findings of the same part between the first and the last line, or at the place itself.
fn findings<'r>(report: &'r FileReport, place: &Place<'_>, lines: &[ExplainLine]) -> Vec<&'r ArtifactFinding> {
    let first = lines.first().map_or(place.offset, |l| l.offset.min(place.offset));
    let last = lines.last().map_or(place.offset, |l| l.offset.max(place.offset));
    report.findings.iter().filter(|f| f.member == place.member && (first..=last).contains(&f.offset)).collect()
}

fn print(place: &Place<'_>, lines: &[ExplainLine], near: &[&ArtifactFinding]) {
    for line in lines {
        let mark = if line.offset == place.offset { ">" } else { " " };
        output::line(format!("{mark} {:#010x}  {}", line.offset, printable(&line.text)));
    }
    for f in near {
        output::line(format!("\n{} {} at {:#x}: {}", f.severity, f.rule, f.offset, printable(&f.message)));
        if !f.evidence.is_empty() {
            output::line(format!("  {}", printable(&f.evidence)));
        }
        if let Some(rule) = RULES.iter().find(|r| r.id == f.rule) {
            output::line(format!("  {}", rule.remedy));
        }
        if !f.references.is_empty() {
            output::line(format!("  {}", f.references.join(", ")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Place, place};

    #[test]
    fn places() {
        assert_eq!(place("m.pkl@31"), Some(Place { path: "m.pkl", member: "", offset: 31 }));
        assert_eq!(place("a@b.pkl@0x1f"), Some(Place { path: "a@b.pkl", member: "", offset: 31 }));
        let inner = Place { path: "m.pt", member: "archive/data.pkl!/@0x20", offset: 2 };
        assert_eq!(place("m.pt!/archive/data.pkl!/@0x20@2"), Some(inner));
        for bad in ["m.pkl", "m.pkl@", "m.pkl@x", "@3", ""] {
            assert_eq!(place(bad), None, "{bad}");
        }
    }
}
