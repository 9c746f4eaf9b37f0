//! A service of the user's own: our shape, signed.

use casemate_finding::Secret;
use hmac::{Hmac, Mac};
use serde::Deserialize;
use serde_json::json;
use sha2::Sha256;

use super::service::{Encoded, read, within};
use super::{AskError, Opinion, Question, ServiceSettings};
use crate::Decision;

const CHARACTERS_MAX: usize = 256 * 1024;

pub(super) fn encode(s: &ServiceSettings, question: &Question<'_>) -> Result<Encoded, AskError> {
    within(question.text, CHARACTERS_MAX)?;
    let time = question.now.0;
    let body = json!({
        "id": s.id,
        "channel": question.channel.as_str(),
        "text": question.text,
        "score": question.score,
        "time_ms": time,
    })
    .to_string();
    // HMAC takes keys of any length.
    let mut mac = Hmac::<Sha256>::new_from_slice(s.key.expose().as_bytes()).expect("any length of key will do");
    mac.update(format!("{time}.{body}").as_bytes());
    let hex: String = mac.finalize().into_bytes().iter().map(|b| format!("{b:02x}")).collect();
    let signature = Secret::new(format!("t={time},v1={hex}"));
    Ok((s.endpoint.clone(), vec![("x-casemate-signature", signature)], body.into_bytes()))
}

#[derive(Deserialize)]
struct Reply {
    verdict: Decision,
    score: Option<f64>,
    #[serde(default)]
    labels: Vec<String>,
}

pub(super) fn decode(body: &[u8]) -> Result<Opinion, AskError> {
    let reply: Reply = read(body)?;
    let plain = match reply.verdict {
        Decision::Pass => 0.0,
        Decision::Flag => 0.5,
        Decision::Block => 1.0,
    };
    Opinion::new(reply.score.unwrap_or(plain), reply.verdict > Decision::Pass, reply.labels)
}

#[cfg(test)]
mod tests {
    use super::super::service::tests::{question, service};
    use super::super::{HttpReply, ServiceKind};
    use crate::Channel;

    #[test]
    fn is_signed_over_time_and_body() {
        let s = service(ServiceKind::Webhook);
        let request = s.encode(&question("t", Channel::Document)).expect("a request");
        assert_eq!(request.url, "https://guard.example");
        let text = String::from_utf8(request.body.clone()).expect("JSON");
        let want = r#"{"id":"guard","channel":"document","text":"t","score":0.5,"time_ms":1700000000000}"#;
        assert_eq!(text, want);
        // printf '1700000000000.{"id":…}' | openssl dgst -sha256 -hmac sesame
        let sent = request.headers[0].1.expose();
        assert!(sent.starts_with("t=1700000000000,v1=") && sent.len() == 19 + 64, "{sent}");
        let other = s.encode(&question("u", Channel::Document)).expect("a request");
        assert_ne!(other.headers[0].1.expose(), sent);
    }

    #[test]
    fn a_verdict_is_enough_and_nothing_less() {
        let s = service(ServiceKind::Webhook);
        let of = |body: &str| s.decode(&HttpReply { status: 200, body: body.into() });
        assert_eq!(of(r#"{"verdict":"block"}"#).map(|o| (o.score, o.flagged)), Ok((1.0, true)));
        assert_eq!(of(r#"{"verdict":"pass","score":0.2}"#).map(|o| (o.score, o.flagged)), Ok((0.2, false)));
        for bad in [r#"{"score":0.2}"#, r#"{"verdict":"maybe"}"#, r#"{"verdict":"flag","score":-1}"#] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }
}
