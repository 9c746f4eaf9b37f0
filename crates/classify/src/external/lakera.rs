//! Lakera Guard, `POST /v2/guard`: the project's policy says which detectors run.

use casemate_finding::Secret;
use serde::Deserialize;
use serde_json::json;

use super::service::{Encoded, read, within};
use super::{AskError, Opinion, Question, ServiceSettings};
use crate::Channel;

/// Refused here rather than there; the documentation names no limit.
const CHARACTERS_MAX: usize = 100_000;

pub(super) fn encode(s: &ServiceSettings, question: &Question<'_>) -> Result<Encoded, AskError> {
    within(question.text, CHARACTERS_MAX)?;
    let role = match question.channel {
        Channel::Output => "assistant",
        Channel::Tool => "tool",
        Channel::Chat | Channel::Document => "user",
    };
    let mut body = json!({"messages": [{"role": role, "content": question.text}], "breakdown": true});
    if !s.model.is_empty() {
        body["project_id"] = json!(s.model);
    }
    let bearer = Secret::new(format!("Bearer {}", s.key.expose()));
    Ok((format!("{}/v2/guard", s.endpoint), vec![("authorization", bearer)], body.to_string().into_bytes()))
}

#[derive(Deserialize)]
struct Reply {
    flagged: bool,
    #[serde(default)]
    breakdown: Vec<Detector>,
}

#[derive(Deserialize)]
struct Detector {
    detector_type: String,
    detected: bool,
}

pub(super) fn decode(body: &[u8]) -> Result<Opinion, AskError> {
    let reply: Reply = read(body)?;
    let mut named: Vec<String> = reply.breakdown.into_iter().filter(|d| d.detected).map(|d| d.detector_type).collect();
    named.sort();
    named.dedup();
    Opinion::new(if reply.flagged { 1.0 } else { 0.0 }, reply.flagged, named)
}

#[cfg(test)]
mod tests {
    use super::super::service::tests::{question, service};
    use super::super::{HttpReply, ServiceKind};
    use crate::Channel;

    #[test]
    fn asks_by_role_and_reads_the_breakdown() {
        let s = service(ServiceKind::LakeraGuard);
        for (channel, role) in [(Channel::Chat, "user"), (Channel::Output, "assistant"), (Channel::Tool, "tool")] {
            let request = s.encode(&question("t", channel)).expect("a request");
            assert_eq!(request.url, "https://guard.example/v2/guard");
            let body: serde_json::Value = serde_json::from_slice(&request.body).expect("JSON");
            assert_eq!(body, serde_json::json!({"messages": [{"role": role, "content": "t"}], "breakdown": true}));
        }
        let reply = br#"{"flagged":true,"metadata":{"request_uuid":"u"},"breakdown":[
            {"project_id":"p","policy_id":"q","detector_id":"d","detector_type":"prompt_attack","detected":true,"message_id":0},
            {"project_id":"p","policy_id":"q","detector_id":"e","detector_type":"pii/email","detected":false,"message_id":0}]}"#;
        let opinion = s.decode(&HttpReply { status: 200, body: reply.to_vec() }).expect("an opinion");
        assert_eq!((opinion.score, opinion.labels), (1.0, vec!["prompt_attack".to_owned()]));
        assert!(s.decode(&HttpReply { status: 200, body: b"{}".to_vec() }).is_err());
    }
}
