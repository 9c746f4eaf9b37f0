//! Every source: written examples with what must come of them, hostile shapes, and recorded samples where they are.

use std::path::PathBuf;

use casemate_finding::{EntityKind, Severity, UnixMs};
use casemate_triage::{GenericFields, GenericMapping, NormalAlert, SOURCES, map, map_all, map_as};
use serde_json::{Value, json};

fn entities(alert: &NormalAlert) -> Vec<String> {
    alert.entities.iter().map(|e| format!("{}={}", e.kind.as_str(), e.value)).collect()
}

#[test]
fn signals_of_gateway_and_gate() {
    let raw = json!({
        "rule": "gateway/surge", "title": "5.2 times the usual requests", "severity": "high", "confidence": 0.92,
        "entities": [{"kind": "range", "value": "127.0.66.9/24"}, {"kind": "endpoint", "value": "Churn"}],
        "atlas": ["AML.T0029", "AML.T9999"], "details": {"factor": 5.2},
    });
    let alert = map("gateway", &raw).expect("maps");
    assert_eq!(entities(&alert), ["range=127.0.66.0/24", "endpoint=churn"]);
    assert_eq!((alert.severity, alert.confidence, alert.atlas), (Severity::High, 0.92, vec!["AML.T0029".to_owned()]));
    assert_eq!(alert.attributes["factor"], json!(5.2));
    assert_eq!(map("gate", &raw).expect("maps").source, "gate");
    let error = map("gateway", &json!({"rule": "", "title": "", "severity": "low", "confidence": 0.1, "entities": []}));
    assert_eq!(error.expect_err("refused").field, "rule");
}

#[test]
fn a_dlp_alert_in_plain_json() {
    let raw = json!({
        "title": "Poisoned training data", "rule": "dlp/poisoned-dataset", "severity": "critical", "user": "J.Doe",
        "dataset": "fraud-train", "model": "fraud", "pipeline": "fraud-weekly", "file": "/data/fraud.csv",
    });
    let alert = &map_as("plain", "dlp", &raw).expect("maps")[0];
    assert_eq!(entities(alert), ["principal=j.doe", "model=fraud", "dataset=fraud-train", "run=fraud-weekly"]);
    assert_eq!((alert.source.as_str(), alert.severity), ("dlp", Severity::Critical));
    assert_eq!(alert.attributes["file"], json!("/data/fraud.csv"));
    for (member, value) in [
        ("severity", json!("shrill")),
        ("severity", json!(3)),
        ("confidence", json!(1.5)),
        ("dataset", json!(7)),
        ("title", json!("")),
        ("rule", json!(null)),
        ("entities", json!([{"kind": "ghost", "value": "x"}])),
    ] {
        let mut bad = raw.clone();
        bad[member] = value.clone();
        let error = map("plain", &bad).expect_err("refused");
        assert!(error.field.starts_with(member), "{member} = {value}: {error}");
    }
}

#[test]
fn alertmanager_groups_and_what_is_over() {
    let raw = json!({"version": "4", "alerts": [
        {"status": "firing", "labels": {"alertname": "Surge", "severity": "page", "client_range": "10.1.2.3/24"},
         "annotations": {"summary": "five times"}, "startsAt": "2026-11-21T10:00:00Z", "fingerprint": "aa"},
        {"status": "resolved", "labels": {"alertname": "Surge"}, "startsAt": "2026-11-21T10:00:00Z"},
    ]});
    let alerts = map_all("alertmanager", &raw).expect("maps");
    assert_eq!((alerts.len(), alerts[0].resolved, alerts[1].resolved), (2, false, true));
    assert_eq!((alerts[0].severity, entities(&alerts[0])), (Severity::High, vec!["range=10.1.2.0/24".to_owned()]));
    assert_eq!(alerts[0].occurred_at.map(|t| t.to_string()).as_deref(), Some("2026-11-21T10:00:00.000Z"));
    assert_ne!(alerts[0].content_hash, alerts[1].content_hash);
    let error = map_all("alertmanager", &json!({"alerts": [{"labels": {}}]})).expect_err("refused");
    assert_eq!(error.field, "alerts.0.labels.alertname");
}

#[test]
fn guardduty_rescores_what_the_vendor_calls_low() {
    let finding = |kind: &str, severity: f64| {
        json!({"type": kind, "severity": severity, "id": "x", "title": "t", "updatedAt": "2026-11-21T10:00:00Z",
               "resource": {"accessKeyDetails": {"accessKeyId": "key-1", "userName": "ci"},
                            "modelDetails": [{"modelId": "m"}]}})
    };
    let ai = map("guardduty", &finding("Impact:IAMUser/CostHarvesting", 2.0)).expect("maps");
    assert_eq!((ai.severity, ai.atlas.contains(&"AML.T0034".to_owned())), (Severity::High, true));
    assert_eq!(entities(&ai), ["principal=ci", "key=key-1", "model=m"]);
    let other = map("guardduty", &finding("Recon:EC2/PortProbe", 2.0)).expect("maps");
    assert_eq!(other.severity, Severity::Low);
    let again = finding("Recon:EC2/PortProbe", 2.0);
    let mut later = again.clone();
    later["updatedAt"] = json!("2026-11-22T10:00:00Z");
    assert_eq!(map("guardduty", &later).map(|a| a.content_hash), map("guardduty", &again).map(|a| a.content_hash));
    let event = json!({"detail-type": "GuardDuty Finding", "detail": again});
    assert_eq!(map("guardduty", &event).expect("maps").rule, "Recon:EC2/PortProbe");
}

#[test]
fn reading_is_an_event_and_blinding_is_an_alert() {
    let record =
        |service: &str, call: &str| json!({"eventSource": format!("{service}.amazonaws.com"), "eventName": call});
    assert_eq!(map_all("cloudtrail", &record("sagemaker", "InvokeEndpoint")), Ok(vec![]));
    let alerts = map_all("cloudtrail", &record("bedrock", "DeleteGuardrail")).expect("maps");
    assert_eq!(alerts[0].severity, Severity::High);
    let mut refused = record("bedrock", "DeleteGuardrail");
    refused["errorCode"] = json!("AccessDenied");
    assert_eq!(map("cloudtrail", &refused).expect("maps").severity, Severity::Low);
}

#[test]
fn scanners_that_found_nothing_give_no_alert() {
    for (source, raw) in [
        ("modelscan", json!({"issues": [], "summary": {}})),
        ("picklescan", json!({"output": "----------- SCAN SUMMARY -----------\nInfected files: 0"})),
        ("fickling", json!({"severity": "LIKELY_SAFE"})),
        ("evidently", json!({"tests": [{"status": "SUCCESS"}]})),
        ("sagemaker", json!({"violations": []})),
        ("garak", json!([{"entry_type": "eval", "probe": "dan.Dan", "passed": 3, "total_evaluated": 3}])),
    ] {
        assert_eq!(map_all(source, &raw), Ok(vec![]), "{source}");
    }
    let garak = json!([{"entry_type": "eval", "probe": "dan.Dan", "passed": 1, "total_evaluated": 4}]);
    let alert = map("garak", &garak).expect("maps");
    assert_eq!((alert.severity, alert.atlas), (Severity::High, vec!["AML.T0054".to_owned()]));
    let scan = json!({"output": "m.pkl: dangerous import 'posix system' FOUND\n--- SCAN SUMMARY ---", "model_version": "churn@8"});
    let alert = map("picklescan", &scan).expect("maps");
    assert_eq!(
        (alert.severity, entities(&alert)),
        (Severity::Critical, vec!["model_version=churn@8".into(), "model=churn".into()])
    );
}

#[test]
fn a_source_that_configuration_describes() {
    let fields = GenericFields {
        rule: "'dlp/' + raw.policy.id".into(),
        title: "'DLP: ' + raw.policy.name".into(),
        severity: Some("raw.level >= 8 ? 'critical' : 'low'".into()),
        confidence: Some("double(raw.score) / 100.0".into()),
        entities: [
            (EntityKind::Dataset, "raw.objects.filter(o, o.type == 'dataset').map(o, o.name)".into()),
            (EntityKind::Principal, "has(raw.user) ? raw.user : null".into()),
        ]
        .into(),
        attributes: [("path".into(), "raw.objects[0].path".into())].into(),
        when: Some("raw.kind == 'incident'".into()),
        time: Some("raw.seen".into()),
        volatile: vec!["seen".into()],
        ..GenericFields::default()
    };
    let mapping = GenericMapping::compile("acme-dlp", &fields).expect("compiles");
    let raw = json!({"kind": "incident", "policy": {"id": "7", "name": "poison"}, "level": 9, "score": 80, "seen": 1_795_284_000,
                     "objects": [{"type": "dataset", "name": "fraud", "path": "s3://x"}, {"type": "user", "name": "j"}]});
    let alert = &mapping.map(&raw).expect("maps")[0];
    assert_eq!((alert.rule.as_str(), alert.severity, alert.confidence), ("dlp/7", Severity::Critical, 0.8));
    assert_eq!(
        (entities(alert), alert.occurred_at),
        (vec!["dataset=fraud".to_owned()], Some(UnixMs(1_795_284_000_000)))
    );
    let mut later = raw.clone();
    later["seen"] = json!(1_795_284_999);
    assert_eq!(mapping.map(&later).expect("maps")[0].content_hash, alert.content_hash);
    assert_eq!(mapping.map(&json!({"kind": "info"})), Ok(vec![]));
    assert_eq!(mapping.map(&json!({"kind": "incident", "policy": {}})).expect_err("refused").field, "severity");
    assert_eq!(mapping.map(&json!([])).expect_err("refused").field, "when");
    let wrong = GenericFields { rule: "vars.x".into(), title: "'t'".into(), ..GenericFields::default() };
    assert_eq!(GenericMapping::compile("x", &wrong).expect_err("refused").field, "rule");
}

#[test]
fn no_source_trips_over_hostile_shapes() {
    let deep = (0..100).fold(json!(1), |inner, _| json!([inner]));
    let shapes = [
        json!(null),
        json!(true),
        json!(-1e308),
        json!(""),
        json!("x\u{0}"),
        json!([]),
        json!({}),
        json!([[], {}, null]),
        deep,
        json!({"alerts": [null]}),
        json!({"alerts": {"a": 1}}),
        json!({"issues": [1]}),
        json!({"tests": [{}]}),
        json!({"violations": ["x"]}),
        json!({"result": []}),
        json!({"type": {}, "severity": "x"}),
        json!({"Records": [[]]}),
        json!({"class_uid": 2004, "message": "m", "observables": [null, {"type_id": 2, "value": {}}]}),
        json!({"finding": {"category": "c\u{202e}", "resourceName": "///"}}),
        json!({"detail": {"findings": [7]}}),
        json!({"rule": "r".repeat(100_000), "title": "é".repeat(100_000), "address": "999.1.1.1"}),
    ];
    for source in SOURCES {
        for shape in &shapes {
            if let Ok(alerts) = map_all(source.name, shape) {
                for alert in alerts {
                    assert!(alert.title.chars().count() <= 300 && alert.entities.len() <= 64);
                }
            }
        }
    }
    assert_eq!(map("nobody", &json!({})).expect_err("refused").field, "source");
}

#[test]
fn too_many_alerts_in_one_delivery_are_refused_as_a_whole() {
    let group = |n: usize| json!({"alerts": vec![json!({"labels": {"alertname": "x"}}); n]});
    assert_eq!(map_all("alertmanager", &group(1_000)).map(|a| a.len()), Ok(1_000));
    assert_eq!(map_all("alertmanager", &group(1_001)).expect_err("refused").field, "(delivery)");
}

#[test]
fn the_ocsf_form_is_a_detection_finding() {
    let alert =
        map("plain", &json!({"rule": "r", "title": "t", "address": "10.0.0.1", "atlas": ["AML.T0051"]})).expect("maps");
    let ocsf = alert.ocsf("al-1", "acme", UnixMs(1_000));
    for (pointer, value) in [
        ("/class_uid", json!(2004)),
        ("/category_uid", json!(2)),
        ("/type_uid", json!(200_401)),
        ("/severity_id", json!(3)),
        ("/time", json!(1_000)),
        ("/finding_info/uid", json!("al-1")),
        ("/finding_info/attacks/0/technique/uid", json!("AML.T0051")),
        ("/observables/0/type_id", json!(2)),
        ("/observables/0/value", json!("10.0.0.1")),
    ] {
        assert_eq!(ocsf.pointer(pointer), Some(&value), "{pointer}");
    }
    let back = map("ocsf", &ocsf).expect("our own form maps");
    assert_eq!((back.atlas, back.entities, back.severity), (alert.atlas, alert.entities, alert.severity));
}

/// Recorded samples, if they are there: `CASEMATE_EVAL`, or `../shared/eval` beside the workspace.
#[expect(clippy::print_stderr, reason = "a test that does not run must say so")]
fn samples() -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "where the samples are is the machine's business")]
    let named = std::env::var("CASEMATE_EVAL").ok().map(PathBuf::from);
    let folder = named.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/eval"));
    let folder = folder.join("alerts");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("recorded alert samples are not here ({}): their mapping was not tested", folder.display());
    None
}

#[test]
fn recorded_samples_map() {
    let Some(folder) = samples() else { return };
    let read = |path: &str| -> Value {
        let text = std::fs::read_to_string(folder.join(path)).expect(path);
        serde_json::from_str(&text).unwrap_or_else(|_| {
            // JSON lines
            Value::Array(text.lines().filter_map(|l| serde_json::from_str(l).ok()).collect())
        })
    };
    for (source, path, severities, first_entity) in [
        (
            "guardduty",
            "guardduty/ai_protection_constructed.json",
            vec![Severity::High, Severity::High, Severity::Medium],
            "principal=ci-bot",
        ),
        (
            "azure_defender",
            "azure_defender/arm_anomalous_sample_alert.json",
            vec![Severity::Medium],
            "address=81.2.69.142",
        ),
        ("gcp_scc", "gcp_scc_ai/ai_agent_tokencreator_docs.json", vec![Severity::High], "principal=principal_email"),
        ("evidently", "evidently/data_drift_report.json", vec![Severity::Medium], ""),
        ("sagemaker", "sagemaker/constraint_violations_shape.json", vec![Severity::Medium], ""),
        ("modelscan", "mlscan/modelscan_pickle.json", vec![Severity::Critical], ""),
        ("fickling", "mlscan/fickling.json", vec![Severity::Critical], ""),
        ("splunk", "splunk/webhook.json", vec![Severity::Medium], ""),
        ("falco", "ocsf/Falco_samples_falco.raw", vec![Severity::Medium], "principal=user.name"),
        (
            "security_hub",
            "ocsf/AWS_v1.1.0_Security_Hub_Detection_Finding_samples_sechub-guardduty.raw",
            vec![Severity::Low],
            "",
        ),
        (
            "ocsf",
            "ocsf/AWS_v1.1.0_Security_Hub_Detection_Finding_samples_sechub-guardduty.ocsf",
            vec![Severity::Low],
            "tenant=111111111111",
        ),
        ("ocsf", "ocsf/Okta_v1.3.0_System_Logs_Detection_Finding_samples_detection_finding.ocsf", vec![], ""),
        ("cloudtrail", "sagemaker/cloudtrail_InvokeEndpoint.json", vec![], ""),
        ("garak", "garak/report_min.jsonl", vec![], ""),
    ] {
        let alerts = map_all(source, &read(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
        if path.contains("Okta") {
            assert_eq!(alerts.len(), 1, "{path}");
            continue;
        }
        assert_eq!(alerts.iter().map(|a| a.severity).collect::<Vec<_>>(), severities, "{path}");
        if !first_entity.is_empty() {
            assert_eq!(entities(&alerts[0]).first().map(String::as_str), Some(first_entity), "{path}");
        }
    }
    let text = std::fs::read_to_string(folder.join("mlscan/picklescan.txt")).expect("picklescan");
    assert_eq!(map("picklescan", &json!({"output": text})).expect("maps").severity, Severity::Critical);
    for name in
        ["model_version.created", "model_version_alias.created", "registered_model.created", "budget_policy.exceeded"]
    {
        let alert =
            map("mlflow", &read(&format!("mlflow/{name}.json"))["body"]).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(alert.rule, format!("mlflow/{name}"));
    }
    for entry in read("azure_defender/ai_alert_catalogue.json").as_array().expect("a list") {
        let alert = map("azure_defender", entry).expect("maps");
        assert!(!alert.rule.is_empty());
    }
    let (mut scc, mut active) = (0, 0);
    for entry in std::fs::read_dir(folder.join("gcp_scc")).expect("gcp_scc") {
        let path = entry.expect("an entry").path();
        let raw: Value = serde_json::from_str(&std::fs::read_to_string(&path).expect("text")).expect("json");
        let alert = map("gcp_scc", &raw).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        scc += 1;
        active += usize::from(!alert.resolved);
    }
    assert!(scc >= 20 && active > 0, "{scc} findings, {active} of them active");
}
