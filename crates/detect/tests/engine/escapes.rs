//! Text inside JSON strings that nobody has decoded: a written line end is no letter of the word after it.

use casemate_detect::{Engine, Kinds, OperatingPoint, ScanOptions};

#[track_caller]
fn check(text: &str, rule: &str, expected: bool) {
    let found = Engine::builtin().scan(text, &ScanOptions::new(Kinds::ALL, OperatingPoint::Redact));
    let labels: Vec<&str> = found.iter().map(|m| m.rule.id.as_str()).collect();
    assert_eq!(labels.contains(&rule), expected, "{text}: {labels:?}");
}

#[test]
fn a_word_may_follow_a_written_line_end() {
    for escape in ["\\n", "\\r\\n", "\\t", "\n", " "] {
        check(&format!("{{\"note\": \"of Anna{escape}nhs {}\"}}", "943 476 5919"), "pii/uk-nhs", true);
        check(&format!("{{\"note\": \"of Anna{escape}dob 1980-02-29\"}}"), "pii/date-of-birth", true);
    }
    // A letter is one.
    check("{\"note\": \"of Annaxdob 1980-02-29\"}", "pii/date-of-birth", false);
}
