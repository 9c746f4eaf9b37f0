//! JUnit XML: one test case for each check and subject, as CI systems read it.
//!
//! A check that could not look at everything is an error here, not a skipped test: CI systems show skipped as green.

use std::fmt::Write as _;

use casemate_finding::{CheckResult, Outcome};

use crate::{
    Document,
    table::{place, ranked},
};

/// Findings written into one failure.
const FINDINGS_MAX: usize = 100;

/// Text for XML 1.0: markup escaped, characters that XML forbids replaced by U+FFFD.
fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

fn body(check: &CheckResult) -> String {
    let mut text = String::new();
    for f in ranked(check).into_iter().take(FINDINGS_MAX) {
        _ = writeln!(text, "{} {} {}: {}", f.severity, f.rule, place(&f.location), f.message);
        if !f.remedy.is_empty() {
            _ = writeln!(text, "  remedy: {}", f.remedy);
        }
    }
    if check.findings.len() > FINDINGS_MAX {
        _ = writeln!(text, "… and {} more", check.findings.len() - FINDINGS_MAX);
    }
    text
}

/// The report as JUnit XML: a suite for each check, a case for each subject.
pub fn to_junit(document: &Document) -> String {
    let mut names: Vec<&str> = Vec::new();
    for check in &document.checks {
        if !names.contains(&check.check.as_str()) {
            names.push(&check.check);
        }
    }
    let failed = |c: &&CheckResult| c.outcome == Outcome::Block;
    let broken = |c: &&CheckResult| matches!(c.outcome, Outcome::Error | Outcome::NotScanned | Outcome::Insufficient);
    let all = &document.checks;
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    _ = writeln!(
        out,
        "<testsuites name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\">",
        xml(&document.title),
        all.len(),
        all.iter().filter(failed).count(),
        all.iter().filter(broken).count()
    );
    for name in names {
        let cases: Vec<&CheckResult> = all.iter().filter(|c| c.check == name).collect();
        _ = writeln!(
            out,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\">",
            xml(name),
            cases.len(),
            cases.iter().filter(|c| failed(c)).count(),
            cases.iter().filter(|c| broken(c)).count()
        );
        for case in cases {
            write_case(&mut out, case);
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

fn write_case(out: &mut String, case: &CheckResult) {
    _ = write!(out, "    <testcase classname=\"{}\" name=\"{}\"", xml(&case.check), xml(&case.subject));
    let element = match case.outcome {
        Outcome::Block => "failure",
        Outcome::Error | Outcome::NotScanned | Outcome::Insufficient => "error",
        Outcome::Pass => {
            out.push_str("/>\n");
            return;
        }
        Outcome::Warn | Outcome::Exempted => {
            let text = format!("{}: {}\n{}", case.outcome, case.reason, body(case));
            _ = writeln!(out, ">\n      <system-out>{}</system-out>\n    </testcase>", xml(&text));
            return;
        }
    };
    _ = writeln!(
        out,
        ">\n      <{element} type=\"{}\" message=\"{}\">{}</{element}>\n    </testcase>",
        case.outcome,
        xml(&case.reason),
        xml(&body(case))
    );
}

#[cfg(test)]
mod tests {
    use super::xml;

    #[test]
    fn markup_and_forbidden_characters_do_not_get_through() {
        assert_eq!(xml("a<b>&\"c\"\u{0}\u{1b}\n"), "a&lt;b&gt;&amp;&quot;c&quot;\u{fffd}\u{fffd}&#10;");
    }
}
