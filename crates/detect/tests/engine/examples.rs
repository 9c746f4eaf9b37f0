//! Every rule's examples match, and its counterexamples do not.

use casemate_detect::{Engine, Kinds, OperatingPoint, RuleSet, ScanOptions};

#[test]
fn every_example_and_counterexample() {
    let engine = Engine::builtin();
    let failures: Vec<String> = engine.rules().iter().flat_map(|rule| engine.test_rule(rule)).collect();
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn every_rule_has_both() {
    for rule in RuleSet::builtin().unwrap().rules() {
        assert!(!rule.examples.is_empty() && !rule.counterexamples.is_empty(), "{}", rule.id);
    }
}

#[test]
fn options_are_obeyed() {
    let engine = Engine::builtin();
    let text = "mail anna@firma.de now";
    let options = ScanOptions::new(Kinds::SECRETS, OperatingPoint::Report);
    assert!(engine.scan(text, &options).is_empty());
    let options =
        ScanOptions { disabled: std::sync::Arc::new(["pii/email".to_owned()].into()), ..ScanOptions::default() };
    assert!(engine.scan(text, &options).is_empty());
    let options = ScanOptions {
        allow_values: std::sync::Arc::new(["anna@firma.de".to_owned()].into()),
        ..ScanOptions::default()
    };
    assert!(engine.scan(text, &options).is_empty());
    assert_eq!(engine.scan("536221234", &ScanOptions::default().in_field("ssn"))[0].label(), "US_SSN");
}
