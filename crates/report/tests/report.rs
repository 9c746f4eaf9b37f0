//! Golden reports, and the rules of SARIF 2.1.0 and GitHub code scanning held against what the writer makes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
use casemate_finding::{
    CheckResult, Finding, Fingerprint, Location, Outcome, Reference, Severity, Span, Taxonomy, UnixMs,
};
use casemate_report::{
    Document, NotScanned, SarifLimits, Style, Subject, Suppression, to_json, to_junit, to_markdown, to_sarif,
    to_sarif_value, to_table,
};
use serde_json::Value;

fn finding(rule: &str, severity: Severity, message: &str, location: Location, fingerprint: &str) -> Finding {
    Finding {
        rule: rule.into(),
        severity,
        message: message.into(),
        location,
        evidence: String::new(),
        score: 0.75,
        fingerprint: Fingerprint(fingerprint.into()),
        remedy: String::new(),
        references: vec![],
    }
}

fn sample() -> Document {
    let pickle = Finding {
        evidence: "os.system('id')".into(),
        remedy: "Do not load it; ask the publisher for safetensors.".into(),
        references: vec![
            Reference::new(Taxonomy::Atlas, "AML.T0011"),
            Reference::new(Taxonomy::Cwe, "CWE-502"),
            Reference::new(Taxonomy::Url, "https://example.org/pickle"),
        ],
        ..finding(
            "artifact/pickle-dangerous-call",
            Severity::Critical,
            "runs a shell command when it is loaded",
            Location {
                path: Some("models/churn.pt!/archive/data.pkl".into()),
                span: Some(Span::new(31, 62)),
                ..Location::default()
            },
            "f1",
        )
    };
    let cell = |line, fp: &str| {
        finding(
            "pii/email-address",
            Severity::Medium,
            "e-mail address a…@firma.de",
            Location {
                path: Some("data/train set.csv".into()),
                line: Some(line),
                column: Some(3),
                field: Some("contact".into()),
                span: None,
            },
            fp,
        )
    };
    let check = |check: &str, subject: &str, outcome, reason: &str, findings| CheckResult {
        check: check.into(),
        subject: subject.into(),
        outcome,
        reason: reason.into(),
        findings,
    };
    let mut document = Document::new(
        "gate, stage deploy",
        "0.1.0",
        vec![
            check("file-type", "models/churn.pt", Outcome::Pass, "content and extension agree", vec![]),
            check("model-artifact", "models/churn.pt", Outcome::Block, "1 dangerous finding", vec![pickle]),
            check(
                "pii",
                "data/train set.csv",
                Outcome::Warn,
                "3 cells hold personal data; mode is warn until 2026-12-31",
                vec![cell(2, "f2"), cell(9, "f2"), cell(40, "f3")],
            ),
            check("secrets", "data/evil\u{1b}[2J|<b>.zip", Outcome::NotScanned, "archive is encrypted", vec![]),
            check("held", "models/churn.pt", Outcome::Error, "the check crashed: index out of range", vec![]),
        ],
    );
    document.at = Some(UnixMs(1_795_292_643_120));
    document.subjects = vec![Subject {
        name: "models/churn.pt".into(),
        sha256: Some("ab".repeat(32)),
        size_bytes: 209_715_200,
        format: "torch-zip".into(),
    }];
    document.suppressions = vec![Suppression {
        fingerprint: Fingerprint("f3".into()),
        justification: "EX-7 by ann, approved by bob, until 2026-12-01: test rows".into(),
        in_source: false,
    }];
    document.not_scanned = vec![NotScanned { path: "data/old.zip!/x.pdf".into(), reason: "encrypted document".into() }];
    document.notes = vec!["exemption EX-9 was not used".into()];
    document
}

#[test]
fn golden() {
    let document = sample();
    insta::assert_snapshot!("json", to_json(&document));
    insta::assert_snapshot!("sarif", to_sarif(&document, &SarifLimits::default()));
    insta::assert_snapshot!("table", to_table(&document, &Style { width: 80, ..Style::plain() }));
    insta::assert_snapshot!("markdown", to_markdown(&document));
    insta::assert_snapshot!("junit", to_junit(&document));
}

#[test]
fn colour_only_wraps_the_same_words() {
    let document = sample();
    let plain = to_table(&document, &Style::plain());
    let coloured = to_table(&document, &Style { colour: true, ..Style::plain() });
    let mut stripped = String::new();
    let mut rest = coloured.as_str();
    while let Some(at) = rest.find("\u{1b}[") {
        stripped.push_str(&rest[..at]);
        rest = &rest[at + rest[at..].find('m').unwrap() + 1..];
    }
    stripped.push_str(rest);
    assert_ne!(plain, coloured);
    // Padding inside a painted word keeps a space that the plain line trims.
    let trimmed: Vec<&str> = stripped.lines().map(str::trim_end).collect();
    assert_eq!(trimmed, plain.lines().collect::<Vec<_>>());
}

#[test]
fn no_control_character_of_a_file_name_gets_through() {
    let document = sample();
    for text in [to_table(&document, &Style::plain()), to_markdown(&document), to_junit(&document)] {
        assert!(!text.contains('\u{1b}'), "{text}");
    }
    assert!(!to_markdown(&document).contains("<b>"));
}

/// What the schema of SARIF 2.1.0 and GitHub's ingestion ask of the members that the writer uses.
fn assert_sarif(value: &Value) {
    assert_eq!(value["version"], "2.1.0");
    assert!(value["$schema"].as_str().unwrap().ends_with("sarif-schema-2.1.0.json"));
    let runs = value["runs"].as_array().unwrap();
    assert!(!runs.is_empty() && runs.len() <= 20);
    for run in runs {
        let driver = &run["tool"]["driver"];
        assert!(driver["name"].is_string());
        let rules = driver["rules"].as_array().unwrap();
        assert!(rules.len() <= 25_000);
        let mut ids: Vec<&str> = rules.iter().map(|r| r["id"].as_str().unwrap()).collect();
        for rule in rules {
            assert_level(&rule["defaultConfiguration"]["level"]);
            assert!(rule["shortDescription"]["text"].as_str().is_some_and(|t| !t.is_empty()));
            let score: f64 = rule["properties"]["security-severity"].as_str().unwrap().parse().unwrap();
            assert!((0.0..=10.0).contains(&score));
            let tags = rule["properties"]["tags"].as_array().unwrap();
            assert!(tags.len() <= 20);
            assert!(tags.iter().enumerate().all(|(i, t)| !tags[..i].contains(t)), "tags are a set");
        }
        for invocation in run["invocations"].as_array().unwrap() {
            assert!(invocation["executionSuccessful"].is_boolean());
            for n in invocation["toolExecutionNotifications"].as_array().unwrap() {
                assert!(n["message"]["text"].is_string() && n["descriptor"]["id"].is_string());
                assert_level(&n["level"]);
                n["locations"].as_array().into_iter().flatten().for_each(assert_location);
            }
        }
        let results = run["results"].as_array().unwrap();
        assert!(results.len() <= 25_000);
        for r in results {
            let index = usize::try_from(r["ruleIndex"].as_u64().unwrap()).unwrap();
            assert_eq!(ids[index], r["ruleId"]);
            assert_level(&r["level"]);
            assert!(r["message"]["text"].as_str().is_some_and(|t| !t.is_empty()));
            let locations = r["locations"].as_array().unwrap();
            assert!(locations[0]["physicalLocation"]["artifactLocation"]["uri"].is_string());
            let related = r["relatedLocations"].as_array().map_or(&[][..], Vec::as_slice);
            assert!(locations.len() + related.len() <= 1_000);
            locations.iter().chain(related).for_each(assert_location);
            assert!(r["partialFingerprints"].as_object().unwrap().values().all(Value::is_string));
            for s in r["suppressions"].as_array().into_iter().flatten() {
                assert!(matches!(s["kind"].as_str(), Some("inSource" | "external")));
            }
        }
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count, "rule ids are unique");
        for a in run["artifacts"].as_array().unwrap() {
            assert_uri(&a["location"]["uri"]);
            assert!(a["length"].as_i64().is_some_and(|n| n >= -1));
        }
    }
}

fn assert_level(level: &Value) {
    assert!(matches!(level.as_str(), Some("none" | "note" | "warning" | "error")), "{level}");
}

fn assert_uri(uri: &Value) {
    let uri = uri.as_str().unwrap();
    assert!(!uri.is_empty() && uri.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~/%".contains(&b)), "{uri}");
}

fn assert_location(location: &Value) {
    if let Some(physical) = location.get("physicalLocation") {
        assert_uri(&physical["artifactLocation"]["uri"]);
        if let Some(region) = physical.get("region") {
            for key in ["startLine", "startColumn"] {
                assert!(region.get(key).is_none_or(|n| n.as_u64().is_some_and(|n| n >= 1)));
            }
            for key in ["byteOffset", "byteLength"] {
                assert!(region.get(key).is_none_or(Value::is_u64));
            }
        }
    }
}

#[test]
fn sarif_keeps_the_rules_of_the_standard() {
    assert_sarif(&to_sarif_value(&sample(), &SarifLimits::default()));
    assert_sarif(&to_sarif_value(&Document::new("empty", "0.1.0", vec![]), &SarifLimits::default()));
}

fn many(n: usize) -> Document {
    let findings = (0..n)
        .map(|i| {
            let severity = if i % 100 == 99 { Severity::Critical } else { Severity::Low };
            let location = Location { path: Some(format!("f{i}")), line: Some(1), ..Location::default() };
            finding("pii/ssn", severity, "a number", location, &format!("fp{i}"))
        })
        .collect();
    let check = CheckResult {
        check: "pii".into(),
        subject: "d".into(),
        outcome: Outcome::Block,
        reason: "many".into(),
        findings,
    };
    Document::new("scan", "0.1.0", vec![check])
}

#[test]
fn sarif_is_cut_at_the_limit_and_says_so() {
    let limits = SarifLimits::default();
    let at = to_sarif_value(&many(25_000), &limits);
    assert_sarif(&at);
    assert_eq!(at["runs"][0]["results"].as_array().unwrap().len(), 25_000);
    assert_eq!(at["runs"][0]["invocations"][0]["toolExecutionNotifications"].as_array().unwrap().len(), 0);

    let past = to_sarif_value(&many(25_001), &limits);
    assert_sarif(&past);
    let results = past["runs"][0]["results"].as_array().unwrap();
    assert_eq!(results.len(), 25_000);
    let critical = results.iter().filter(|r| r["properties"]["severity"] == "critical").count();
    assert_eq!(critical, 250, "the most severe are kept");
    let said = past["runs"][0]["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"].as_str().unwrap();
    assert!(said.starts_with("1 of 25001 results are left out"), "{said}");
}

#[test]
fn one_value_in_many_places_is_one_result_with_related_locations() {
    let value = to_sarif_value(&sample(), &SarifLimits::default());
    let results = value["runs"][0]["results"].as_array().unwrap();
    assert_eq!(results.len(), 3);
    let folded = results.iter().find(|r| r["partialFingerprints"]["casemate/v1"] == "f2").unwrap();
    assert_eq!(folded["occurrenceCount"], 2);
    assert_eq!(folded["relatedLocations"][0]["physicalLocation"]["region"]["startLine"], 9);
    let limited = SarifLimits { related_max: 0, ..SarifLimits::default() };
    assert_sarif(&to_sarif_value(&sample(), &limited));
}

#[test]
fn junit_counts_what_it_holds() {
    let text = to_junit(&sample());
    assert!(text.contains("tests=\"5\" failures=\"1\" errors=\"2\">"), "{text}");
    assert_eq!(text.matches("<testcase").count(), 5);
    assert_eq!(text.matches("<failure").count(), 1);
    assert_eq!(text.matches("<error ").count(), 2);
}
