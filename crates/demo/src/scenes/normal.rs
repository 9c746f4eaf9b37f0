//! Scene a: six clients at six networks, each with its own key, chat and score.

use serde_json::{Value, json};

use super::{Observed, loopback};
use crate::client::Caller;
use crate::play::{Progress, Stage};

/// Rounds of churn requests; together with [`PAUSE_MS`] long enough for a baseline of ten one-second windows.
const ROUNDS: usize = 40;
const PAUSE_MS: u64 = 250;
pub(super) const CLIENTS: u8 = 6;

/// Client `n` (from 0) with its own address and key.
pub(super) fn client(stage: &Stage, n: u8) -> Caller {
    let key = stage.client_keys.get(usize::from(n)).map(String::as_str).unwrap_or_default();
    Caller::at(loopback(10 + n, 5)).with_bearer(key)
}

/// One churn request body.
pub(super) fn customer(n: usize) -> Value {
    json!({"support_calls": n % 5, "months": n % 36, "late_payments": n % 3})
}

pub(super) async fn play(stage: &Stage, progress: &dyn Progress) -> Observed {
    let (mut sent, mut wrong) = (0_u32, Vec::new());
    let mut count = |what: &str, ok: bool, detail: String| {
        sent += 1;
        if !ok {
            wrong.push(format!("{what}: {detail}"));
        }
    };
    progress.step("chat in both dialects, streaming and not");
    for n in 0..CLIENTS {
        let caller = client(stage, n);
        for stream in [false, true] {
            let chat = json!({
                "model": "demo-chat", "stream": stream,
                "messages": [{"role": "user", "content": "Which customers of ours are likely to leave next month?"}],
            });
            match caller.post(stage.gateway, "/v1/chat/completions", &chat).await {
                Ok(a) => {
                    let whole = !stream || a.text().contains("data: [DONE]");
                    count("chat", a.status == 200 && whole, format!("{} {}", a.status, excerpt(&a.text())));
                }
                Err(e) => count("chat", false, e.to_string()),
            }
            let message = json!({
                "model": "demo-claude", "max_tokens": 200, "stream": stream,
                "messages": [{"role": "user", "content": "Summarise why customers leave, in one sentence."}],
            });
            match caller.post(stage.gateway, "/v1/messages", &message).await {
                Ok(a) => {
                    let whole = !stream || a.text().contains("message_stop");
                    count("messages", a.status == 200 && whole, format!("{} {}", a.status, excerpt(&a.text())));
                }
                Err(e) => count("messages", false, e.to_string()),
            }
        }
    }
    progress.step("steady scoring by the churn model, so that a baseline forms");
    let mut tick = tokio::time::interval(std::time::Duration::from_millis(PAUSE_MS));
    for round in 0..ROUNDS {
        tick.tick().await;
        let caller = client(stage, u8::try_from(round % usize::from(CLIENTS)).unwrap_or(0));
        for n in 0..2 {
            match caller.post(stage.gateway, "/infer/churn", &customer(round + n)).await {
                Ok(a) => count("infer", a.status == 200, format!("{} {}", a.status, excerpt(&a.text()))),
                Err(e) => count("infer", false, e.to_string()),
            }
        }
    }
    if wrong.is_empty() {
        Ok(format!("{sent} of {sent} requests of {CLIENTS} clients answered"))
    } else {
        Err(format!("{} of {sent} requests failed, the first: {}", wrong.len(), wrong[0]))
    }
}

/// The first characters of an answer, for a report.
pub(super) fn excerpt(text: &str) -> String {
    text.chars().take(160).collect()
}
