//! AWS CloudTrail records about models: SageMaker and Bedrock. Calls that only use or read a model are events, not alerts;
//! calls that change or blind what guards it are.

use casemate_finding::{EntityKind, Severity};
use serde_json::Value;

use crate::alert::NormalAlert;
use crate::fields::{Draft, MapError, Raw};
use crate::sources::Source;

pub(super) static SOURCE: Source = Source {
    name: "cloudtrail",
    title: "AWS CloudTrail (SageMaker, Bedrock)",
    volatile: &["eventID", "requestID"],
    map: read,
};

/// Calls that are alerts: service, call, severity, ATLAS techniques.
const CALLS: [(&str, &str, Severity, &[&str]); 9] = [
    ("bedrock", "DeleteModelInvocationLoggingConfiguration", Severity::High, &["AML.T0107"]),
    ("bedrock", "DeleteGuardrail", Severity::High, &["AML.T0107"]),
    ("bedrock", "UpdateGuardrail", Severity::Medium, &["AML.T0107"]),
    ("bedrock", "CreateModelCustomizationJob", Severity::Low, &["AML.T0018"]),
    ("bedrock", "ImportModel", Severity::Medium, &["AML.T0010.003"]),
    ("sagemaker", "CreatePresignedNotebookInstanceUrl", Severity::Medium, &["AML.T0012"]),
    ("sagemaker", "UpdateEndpoint", Severity::Low, &["AML.T0018"]),
    ("sagemaker", "DeleteMonitoringSchedule", Severity::High, &["AML.T0107"]),
    ("sagemaker", "StopMonitoringSchedule", Severity::Medium, &["AML.T0107"]),
];

fn read(raw: &Value) -> Result<Vec<NormalAlert>, MapError> {
    let r = Raw(raw);
    let records = r.list("Records");
    if !records.is_empty() {
        return records.iter().filter_map(|record| one(Raw(record)).transpose()).collect();
    }
    let record = r.at("detail").map_or(r, Raw);
    Ok(one(record)?.into_iter().collect())
}

fn one(r: Raw<'_>) -> Result<Option<NormalAlert>, MapError> {
    let service = r.need_text("eventSource")?.trim_end_matches(".amazonaws.com");
    let call = r.need_text("eventName")?;
    let Some((_, _, severity, atlas)) = CALLS.iter().find(|(s, c, _, _)| *s == service && *c == call) else {
        return Ok(None);
    };
    // A refused call is an attempt: worth knowing, less worth acting on.
    let refused = r.text("errorCode");
    let user = r.text("userIdentity.userName").or_else(|| r.text("userIdentity.sessionContext.sessionIssuer.userName"));
    let title = format!("{service}: {call}{}", if refused.is_some() { " was refused" } else { "" });
    Ok(Some(
        Draft::new(
            "cloudtrail",
            &format!("{service}/{call}"),
            &title,
            if refused.is_some() { Severity::Low } else { *severity },
        )
        .confidence(0.5)
        .atlas(atlas)
        .entity(EntityKind::Principal, user.or_else(|| r.text("userIdentity.arn")))
        .entity(EntityKind::Key, r.text("userIdentity.accessKeyId"))
        .entity(EntityKind::Address, r.text("sourceIPAddress"))
        .entity(EntityKind::Endpoint, r.text("requestParameters.endpointName"))
        .entity(EntityKind::Model, r.text("requestParameters.modelId"))
        .entity(EntityKind::Tenant, r.word("recipientAccountId"))
        .attribute("region", r.text("awsRegion"))
        .attribute("user_agent", r.text("userAgent"))
        .attribute("error", refused)
        .attribute("request", r.at("requestParameters").cloned())
        .uid(r.text("eventID"))
        .at(r.time("eventTime"))
        .alert,
    ))
}
