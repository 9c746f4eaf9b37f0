//! OCSF findings (Compliance 2003, Vulnerability 2002, Detection 2004, Incident 2005, Data Security 2006) as they come.

use casemate_finding::{EntityKind, Severity};
use serde_json::Value;

use crate::alert::NormalAlert;
use crate::fields::{Draft, MapError, Raw};
use crate::sources::Source;

pub(super) static SOURCE: Source = Source {
    name: "ocsf",
    title: "OCSF finding",
    volatile: &[
        "time",
        "time_dt",
        "metadata.logged_time",
        "metadata.processed_time",
        "modified_time",
        "modified_time_dt",
    ],
    map: read,
};

fn read(raw: &Value) -> Result<Vec<NormalAlert>, MapError> {
    let r = Raw(raw);
    let class = r.number("class_uid").ok_or_else(|| MapError::new("class_uid", "is missing or no number"))?;
    if ![2002.0, 2003.0, 2004.0, 2005.0, 2006.0].contains(&class) {
        return Err(MapError::new("class_uid", format!("{class} is no finding")));
    }
    let title = r
        .text("finding_info.title")
        .or_else(|| r.text("message"))
        .ok_or_else(|| MapError::new("finding_info.title", "is missing, and so is message"))?;
    let severity = match r.number("severity_id").map(|n| n as i64) {
        Some(1) => Severity::Info,
        Some(2) => Severity::Low,
        Some(4) => Severity::High,
        Some(5 | 6) => Severity::Critical,
        _ => Severity::Medium,
    };
    let product = r.text("metadata.product.name").unwrap_or("ocsf");
    let rule = r
        .text("finding_info.analytic.uid")
        .or_else(|| r.text("finding_info.analytic.name"))
        .or_else(|| r.text("finding_info.types.0"))
        .unwrap_or(title);
    let mut draft = Draft::new("ocsf", &format!("{product}/{rule}"), title, severity)
        .confidence(r.number("confidence_score").map_or(0.6, |percent| percent / 100.0))
        .entity(EntityKind::Tenant, r.word("cloud.account.uid"))
        .entity(EntityKind::Principal, r.text("actor.user.name"));
    for observable in r.list("observables") {
        let o = Raw(observable);
        let kind = match o.number("type_id").map(|n| n as i64) {
            Some(1) => EntityKind::Endpoint,
            Some(2) => EntityKind::Address,
            Some(4 | 21) => EntityKind::Principal,
            Some(8) => EntityKind::Digest,
            Some(12) => EntityKind::Range,
            Some(10) if o.text("value").is_some_and(|v| v.contains("AccessKey:")) => EntityKind::Key,
            _ => continue,
        };
        let value =
            o.text("value").map(|v| if kind == EntityKind::Key { v.rsplit(':').next().unwrap_or(v) } else { v });
        draft = draft.entity(kind, value);
    }
    for attack in r.list("finding_info.attacks").iter().chain(r.list("attacks")) {
        if let Some(id) = Raw(attack).text("technique.uid") {
            draft = draft.atlas(&[id]);
        }
    }
    Ok(vec![
        draft
            .attribute("product", Some(product))
            .attribute("description", r.text("finding_info.desc"))
            .attribute("types", r.at("finding_info.types").cloned())
            .uid(r.text("finding_info.uid"))
            .at(r.time("time").or_else(|| r.time("time_dt")))
            .resolved(
                matches!(r.number("status_id").map(|n| n as i64), Some(3 | 4)) || r.number("activity_id") == Some(3.0),
            )
            .alert,
    ])
}
