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

#[test]
fn hostile_and_mistaken_rules_are_refused_with_the_reason() {
    let refused = |body: &str| {
        let mut set = RuleSet::default();
        set.add_toml(&format!("[[rule]]\nid = \"secret/mine\"\nname = \"mine\"\n{body}")).unwrap();
        Engine::new(&set).unwrap_err().to_string()
    };
    let huge = "keywords = [\"abc\"]\nregex = '((a{0,99}){0,99}){0,99}'";
    assert!(refused(huge).contains("regex refused"), "{}", refused(huge));
    assert!(refused("keywords = [\"abc\"]\nregex = '(a'").contains("regex refused"));
    assert!(refused("tokens = [\"abc{alnum:3}\"]\nvalidate = \"nothing\"").contains("no validator"));
    assert!(refused("tokens = [\"a{alnum:3}\"]").contains("must have 2 to 64 bytes"));
    assert!(refused("").contains("has no masks"));
    assert!(refused("regex = 'a'").contains("needs keywords"));
    let mut set = RuleSet::builtin().unwrap();
    set.add_toml("[[rule]]\nid = \"secret/mine\"\nname = \"mine\"\ntokens = [\"corp_{alnum:20}\"]\nprior = 0.9")
        .unwrap();
    let engine = Engine::new(&set).unwrap();
    let found = engine.scan("use corp_a8Xk29sLq0PzR71mTn4v now", &ScanOptions::default());
    assert_eq!(found[0].rule_id(), "secret/mine");
    assert!(engine.rule("secret/mine").unwrap().explain().contains("corp_"));
}
