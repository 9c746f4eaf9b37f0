//! `POST /v1/moderations` (`OpenAI` API reference, Moderations; spoken by many others).

use std::collections::BTreeMap;

use casemate_finding::Secret;
use serde::Deserialize;
use serde_json::json;

use super::service::{Encoded, read, within};
use super::{AskError, Opinion, Question, ServiceSettings};

/// Characters that the endpoint takes in one input are not documented; longer texts are refused here rather than there.
const CHARACTERS_MAX: usize = 100_000;
const MODEL: &str = "omni-moderation-latest";

pub(super) fn encode(s: &ServiceSettings, question: &Question<'_>) -> Result<Encoded, AskError> {
    within(question.text, CHARACTERS_MAX)?;
    let model = if s.model.is_empty() { MODEL } else { &s.model };
    let body = json!({"model": model, "input": question.text});
    let bearer = Secret::new(format!("Bearer {}", s.key.expose()));
    Ok((format!("{}/v1/moderations", s.endpoint), vec![("authorization", bearer)], body.to_string().into_bytes()))
}

#[derive(Deserialize)]
struct Reply {
    results: Vec<Outcome>,
}

#[derive(Deserialize)]
struct Outcome {
    flagged: bool,
    // Null where a model does not know a category.
    categories: BTreeMap<String, Option<bool>>,
    category_scores: BTreeMap<String, Option<f64>>,
}

pub(super) fn decode(body: &[u8]) -> Result<Opinion, AskError> {
    let reply: Reply = read(body)?;
    let [outcome] = <[Outcome; 1]>::try_from(reply.results)
        .map_err(|r| AskError::Reply { what: format!("{} results for one input", r.len()) })?;
    let score = outcome.category_scores.values().flatten().copied().fold(0.0, f64::max);
    let named = outcome.categories.into_iter().filter(|(_, yes)| *yes == Some(true)).map(|(name, _)| name);
    Opinion::new(score, outcome.flagged, named)
}

#[cfg(test)]
mod tests {
    use super::super::service::tests::{question, service};
    use super::super::{AskError, HttpReply, ServiceKind};
    use crate::Channel;

    #[test]
    fn asks_and_reads_as_the_reference_says() {
        let s = service(ServiceKind::OpenaiModeration);
        let request = s.encode(&question("I will \"hurt\" you", Channel::Chat)).expect("a request");
        assert_eq!(request.url, "https://guard.example/v1/moderations");
        assert_eq!(request.headers[0].1.expose(), "Bearer sesame");
        assert!(!format!("{request:?}").contains("sesame"));
        let body: serde_json::Value = serde_json::from_slice(&request.body).expect("JSON");
        assert_eq!(body, serde_json::json!({"model": "omni-moderation-latest", "input": "I will \"hurt\" you"}));
        let reply = br#"{"id":"modr-1","model":"omni-moderation-latest","results":[{"flagged":true,
            "categories":{"violence":true,"sexual":false,"illicit":null},
            "category_scores":{"violence":0.91,"sexual":1e-5,"illicit":null},
            "category_applied_input_types":{"violence":["text"]}}]}"#;
        let opinion = s.decode(&HttpReply { status: 200, body: reply.to_vec() }).expect("an opinion");
        assert_eq!((opinion.score, opinion.flagged, opinion.labels), (0.91, true, vec!["violence".to_owned()]));
    }

    #[test]
    fn other_answers_are_no_answers() {
        let s = service(ServiceKind::OpenaiModeration);
        let of = |status, body: &str| s.decode(&HttpReply { status, body: body.into() });
        assert_eq!(of(429, "{}"), Err(AskError::Status { status: 429 }));
        for body in [
            "",
            "[]",
            r#"{"results":[]}"#,
            r#"{"results":[{"flagged":false}]}"#,
            r#"{"results":[{"flagged":false,"categories":{},"category_scores":{"a":7}}]}"#,
        ] {
            assert!(matches!(of(200, body), Err(AskError::Reply { .. })), "{body}");
        }
        assert!(s.encode(&question(&"a".repeat(100_000), Channel::Chat)).is_ok());
        let long = s.encode(&question(&"a".repeat(100_001), Channel::Chat)).map(|_| ());
        assert_eq!(long, Err(AskError::TooLong { length: 100_001, max: 100_000 }));
    }
}
