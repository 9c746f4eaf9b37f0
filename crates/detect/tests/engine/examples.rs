//! Every rule's examples match, and its counterexamples do not.

use casemate_detect::{Engine, Kinds, OperatingPoint, RuleSet, ScanOptions, render_example};

#[test]
fn every_example_and_counterexample() {
    let engine = Engine::builtin();
    let failures: Vec<String> = engine.rules().iter().flat_map(|rule| engine.test_rule(rule)).collect();
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn every_rule_has_both() {
    for rule in RuleSet::builtin().unwrap().rules() {
        assert!(!rule.examples().is_empty() && !rule.counterexamples().is_empty(), "{}", rule.id);
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

/// The score of this rule's match in the text, if there is one at the report point.
fn score(text: &str, rule: &str) -> Option<f32> {
    let options = ScanOptions::new(Kinds::ALL, OperatingPoint::Report);
    Engine::builtin().scan(text, &options).iter().find(|m| m.rule_id() == rule).map(|m| m.score)
}

#[test]
fn an_access_key_id_blocks_only_beside_its_secret() {
    let (redact, block) = (OperatingPoint::Redact.min_score(), OperatingPoint::Block.min_score());
    for seed in 1..40 {
        let id = render_example("AK¦IA{base32:16}", seed);
        let secret = render_example("{b64:40}", seed);
        let alone = score(&format!("the key {id} was seen"), "secret/aws-access-key").unwrap();
        assert!((redact..block).contains(&alone), "{alone}");
        let both = format!("aws_access_key_id = {id}\naws_secret_access_key = {secret}\n");
        let both = score(&both, "secret/aws-access-key").unwrap();
        assert!(both >= block, "{both}");
        let far = format!("id {id}\n{}aws_secret_access_key = {secret}\n", "a line of nothing\n".repeat(12));
        assert_eq!(score(&far, "secret/aws-access-key"), Some(alone));
    }
}

#[test]
fn a_rule_that_requires_another_needs_one_with_a_regex() {
    let mut set = RuleSet::default();
    set.add_toml("[[rule]]\nid = \"secret/a\"\nname = \"a\"\ntokens = [\"abc{alnum:9}\"]\nrequires = \"secret/b\"")
        .unwrap();
    assert!(Engine::new(&set).unwrap_err().to_string().contains("requires `secret/b`"));
}

#[test]
fn services_with_one_form_of_key_have_no_other() {
    for seed in 1..40 {
        let right = render_example("GITEA_TOKEN={lhex:40}", seed);
        assert!(score(&right, "secret/gitea-credential").is_some(), "{right}");
        let wrong = render_example("GITEA_TOKEN={lhex:32}", seed);
        assert!(Engine::builtin().scan(&wrong, &ScanOptions::default()).is_empty(), "{wrong}");
    }
}
