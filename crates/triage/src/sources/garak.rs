//! garak reports (JSON lines, posted as a list of entries, or one entry): one alert for each probe and detector that found
//! something.

use casemate_finding::{EntityKind, Severity};
use serde_json::Value;

use crate::alert::NormalAlert;
use crate::fields::{Draft, MapError, Raw};
use crate::sources::Source;

pub(super) static SOURCE: Source = Source {
    name: "garak",
    title: "garak report",
    volatile: &["run", "start_time", "orig_uuid", "orig_start_time", "uuid"],
    map: read,
};

/// First parts of probe names, and the ATLAS techniques that they try.
const PROBES: [(&str, &str); 12] = [
    ("promptinject", "AML.T0051.000"),
    ("latentinjection", "AML.T0051.001"),
    ("dan", "AML.T0054"),
    ("grandma", "AML.T0054"),
    ("suffix", "AML.T0054"),
    ("tap", "AML.T0054"),
    ("encoding", "AML.T0068"),
    ("leakreplay", "AML.T0057"),
    ("packagehallucination", "AML.T0062"),
    ("xss", "AML.T0077"),
    ("exploitation", "AML.T0050"),
    ("sysprompt_extraction", "AML.T0056"),
];

fn read(raw: &Value) -> Result<Vec<NormalAlert>, MapError> {
    let entries = match raw {
        Value::Array(entries) => entries.as_slice(),
        one => std::slice::from_ref(one),
    };
    let model =
        entries.iter().find_map(|e| Raw(e).text("plugins.model_name").or_else(|| Raw(e).text("plugins.target_name")));
    let mut alerts = Vec::new();
    for (i, entry) in entries.iter().enumerate() {
        let e = Raw(entry);
        if e.need_text("entry_type").map_err(|why| MapError { field: format!("{i}.{}", why.field), ..why })? != "eval" {
            continue;
        }
        let probe = e.need_text("probe").map_err(|why| MapError { field: format!("{i}.{}", why.field), ..why })?;
        let number = |name: &str| e.number(name).filter(|n| *n >= 0.0);
        let total = number("total_evaluated").or_else(|| number("total")).unwrap_or(0.0);
        let fails = number("fails").or_else(|| Some(total - number("passed")?)).unwrap_or(0.0);
        if fails <= 0.0 || total <= 0.0 {
            continue;
        }
        let rate = (fails / total).clamp(0.0, 1.0);
        let severity = match rate {
            r if r >= 0.5 => Severity::High,
            r if r >= 0.1 => Severity::Medium,
            _ => Severity::Low,
        };
        let family = probe.split('.').next().unwrap_or(probe);
        let atlas: Vec<&str> = PROBES.iter().filter(|(p, _)| *p == family).map(|(_, id)| *id).collect();
        alerts.push(
            Draft::new(
                "garak",
                &format!("garak/{probe}"),
                &format!("{probe}: {fails} of {total} attempts got through"),
                severity,
            )
            .confidence(0.9)
            .atlas(&atlas)
            .entity(EntityKind::Model, model)
            .attribute("detector", e.text("detector"))
            .attribute("rate", Some(rate))
            .uid(e.text("run"))
            .alert,
        );
    }
    Ok(alerts)
}
