//! Azure AI Content Safety, version 2024-09-01: `text:analyze` (harm categories with severities 0, 2, 4, 6) and
//! `text:shieldPrompt` (attacks in a prompt or in documents).

use casemate_finding::Secret;
use serde::Deserialize;
use serde_json::json;

use super::service::{Encoded, read, within};
use super::{AskError, Opinion, Question, ServiceSettings};
use crate::Channel;

/// "Maximum 10K characters", of a text to analyse, of a user's prompt, and of all documents together.
const CHARACTERS_MAX: usize = 10_000;
const VERSION: &str = "2024-09-01";
/// Severity from which a category counts as flagged: the service's own `medium`.
const SEVERITY_FLAGGED: u32 = 4;
const SEVERITY_MAX: u32 = 7;

fn encoded(s: &ServiceSettings, what: &str, body: &serde_json::Value) -> Encoded {
    let url = format!("{}/contentsafety/text:{what}?api-version={VERSION}", s.endpoint);
    let key = Secret::new(s.key.expose().clone());
    (url, vec![("ocp-apim-subscription-key", key)], body.to_string().into_bytes())
}

pub(super) fn encode_analyze(s: &ServiceSettings, question: &Question<'_>) -> Result<Encoded, AskError> {
    within(question.text, CHARACTERS_MAX)?;
    let body = json!({
        "text": question.text,
        "categories": ["Hate", "Sexual", "SelfHarm", "Violence"],
        "outputType": "FourSeverityLevels",
    });
    Ok(encoded(s, "analyze", &body))
}

pub(super) fn encode_shields(s: &ServiceSettings, question: &Question<'_>) -> Result<Encoded, AskError> {
    within(question.text, CHARACTERS_MAX)?;
    let body = if question.channel == Channel::Chat {
        json!({"userPrompt": question.text, "documents": []})
    } else {
        json!({"userPrompt": "", "documents": [question.text]})
    };
    Ok(encoded(s, "shieldPrompt", &body))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Analysis {
    categories_analysis: Vec<Category>,
}

#[derive(Deserialize)]
struct Category {
    category: String,
    severity: u32,
}

pub(super) fn decode_analyze(body: &[u8]) -> Result<Opinion, AskError> {
    let reply: Analysis = read(body)?;
    let Some(worst) = reply.categories_analysis.iter().map(|c| c.severity).max() else {
        return Err(AskError::Reply { what: "no category was analysed".into() });
    };
    if worst > SEVERITY_MAX {
        return Err(AskError::Reply { what: format!("severity {worst} is above {SEVERITY_MAX}") });
    }
    let named = reply.categories_analysis.into_iter().filter(|c| c.severity >= SEVERITY_FLAGGED).map(|c| c.category);
    // Severities 0, 2, 4, 6 become 0, ⅓, ⅔, 1; an eight-level service's 7 is no more than sure.
    Opinion::new((f64::from(worst) / 6.0).min(1.0), worst >= SEVERITY_FLAGGED, named)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shields {
    user_prompt_analysis: Option<Attack>,
    #[serde(default)]
    documents_analysis: Option<Vec<Attack>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attack {
    attack_detected: bool,
}

pub(super) fn decode_shields(body: &[u8]) -> Result<Opinion, AskError> {
    let reply: Shields = read(body)?;
    let documents = reply.documents_analysis.unwrap_or_default();
    if reply.user_prompt_analysis.is_none() && documents.is_empty() {
        return Err(AskError::Reply { what: "nothing was analysed".into() });
    }
    let prompt = reply.user_prompt_analysis.is_some_and(|a| a.attack_detected);
    let document = documents.iter().any(|a| a.attack_detected);
    let named = [(prompt, "user_prompt_attack"), (document, "document_attack")];
    let labels = named.into_iter().filter(|n| n.0).map(|n| n.1.to_owned());
    let score = if prompt || document { 1.0 } else { 0.0 };
    Opinion::new(score, prompt || document, labels)
}

#[cfg(test)]
mod tests {
    use super::super::service::tests::{question, service};
    use super::super::{AskError, HttpReply, ServiceKind};
    use crate::Channel;

    #[test]
    fn analysis_by_severity() {
        let s = service(ServiceKind::AzureContentSafety);
        let request = s.encode(&question("text", Channel::Output)).expect("a request");
        assert_eq!(request.url, "https://guard.example/contentsafety/text:analyze?api-version=2024-09-01");
        assert_eq!(request.headers[0].0, "ocp-apim-subscription-key");
        let of = |body: &str| s.decode(&HttpReply { status: 200, body: body.into() });
        let seen = of(r#"{"blocklistsMatch":[],"categoriesAnalysis":[{"category":"Hate","severity":2},
            {"category":"Violence","severity":4},{"category":"Sexual","severity":0}]}"#)
        .expect("an opinion");
        assert_eq!((seen.flagged, seen.labels), (true, vec!["Violence".to_owned()]));
        assert!((seen.score - 2.0 / 3.0).abs() < 1e-6);
        for bad in
            [r#"{"categoriesAnalysis":[]}"#, r#"{"categoriesAnalysis":[{"category":"Hate","severity":8}]}"#, "{}"]
        {
            assert!(matches!(of(bad), Err(AskError::Reply { .. })), "{bad}");
        }
        assert!(s.encode(&question(&"é".repeat(10_000), Channel::Chat)).is_ok());
        assert!(s.encode(&question(&"é".repeat(10_001), Channel::Chat)).is_err());
    }

    #[test]
    fn shields_for_prompts_and_documents() {
        let s = service(ServiceKind::AzurePromptShields);
        let body = |channel| -> serde_json::Value {
            serde_json::from_slice(&s.encode(&question("t", channel)).expect("a request").body).expect("JSON")
        };
        assert_eq!(body(Channel::Chat), serde_json::json!({"userPrompt": "t", "documents": []}));
        assert_eq!(body(Channel::Tool), serde_json::json!({"userPrompt": "", "documents": ["t"]}));
        let of = |body: &str| s.decode(&HttpReply { status: 200, body: body.into() });
        let seen =
            of(r#"{"userPromptAnalysis":{"attackDetected":false},"documentsAnalysis":[{"attackDetected":true}]}"#);
        let seen = seen.expect("an opinion");
        assert_eq!((seen.score, seen.flagged, seen.labels), (1.0, true, vec!["document_attack".to_owned()]));
        let clean =
            of(r#"{"userPromptAnalysis":{"attackDetected":false},"documentsAnalysis":[]}"#).expect("an opinion");
        assert_eq!((clean.score, clean.flagged), (0.0, false));
        assert!(of("{}").is_err() && of(r#"{"error":{"code":"x"}}"#).is_err());
    }
}
