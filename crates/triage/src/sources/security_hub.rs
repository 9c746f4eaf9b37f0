//! AWS Security Hub findings (ASFF), one or a batch from EventBridge.

use casemate_finding::{EntityKind, Severity};
use serde_json::Value;

use crate::alert::NormalAlert;
use crate::fields::{Draft, MapError, Raw, severity_word};
use crate::sources::Source;

pub(super) static SOURCE: Source = Source {
    name: "security_hub",
    title: "AWS Security Hub",
    volatile: &["UpdatedAt", "LastObservedAt", "ProcessedAt", "time", "id"],
    map: read,
};

fn read(raw: &Value) -> Result<Vec<NormalAlert>, MapError> {
    let findings = Raw(raw).list("detail.findings");
    if findings.is_empty() { Ok(vec![one(Raw(raw))?]) } else { findings.iter().map(|f| one(Raw(f))).collect() }
}

fn one(r: Raw<'_>) -> Result<NormalAlert, MapError> {
    let title = r.need_text("Title")?;
    let rule = r.text("GeneratorId").or_else(|| r.text("Types.0")).unwrap_or("security_hub");
    let label = r.text("Severity.Label").or_else(|| r.text("FindingProviderFields.Severity.Label"));
    let severity = label.and_then(severity_word).unwrap_or(Severity::Medium);
    let mut draft = Draft::new("security_hub", rule, title, severity)
        .confidence(r.number("Confidence").map_or(0.6, |percent| percent / 100.0))
        .entity(EntityKind::Tenant, r.word("AwsAccountId"))
        .entity(EntityKind::Address, r.text("Action.AwsApiCallAction.RemoteIpDetails.IpAddressV4"))
        .entity(EntityKind::Address, r.text("Network.SourceIpV4"));
    for resource in r.list("Resources") {
        let resource = Raw(resource);
        let id = resource.text("Id").map(|id| id.rsplit(':').next().unwrap_or(id));
        draft = match resource.text("Type") {
            Some("AwsIamAccessKey") => draft
                .entity(EntityKind::Key, id)
                .entity(EntityKind::Principal, resource.text("Details.AwsIamAccessKey.PrincipalName")),
            Some("AwsIamUser" | "AwsIamRole") => draft.entity(EntityKind::Principal, id),
            Some(kind) if kind.starts_with("AwsSageMaker") => draft.entity(EntityKind::Endpoint, id),
            _ => draft,
        };
    }
    let over = matches!(r.text("Workflow.Status"), Some("RESOLVED" | "SUPPRESSED"))
        || r.text("RecordState") == Some("ARCHIVED");
    Ok(draft
        .attribute("types", r.at("Types").cloned())
        .attribute("region", r.text("Region"))
        .attribute("product", r.text("ProductName"))
        .uid(r.text("Id"))
        .at(r.time("UpdatedAt").or_else(|| r.time("CreatedAt")))
        .resolved(over)
        .alert)
}
