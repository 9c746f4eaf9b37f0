//! Scene d: one address tries key after key.

use serde_json::json;

use super::analyst;
use super::normal::client;
use super::{Observed, loopback};
use crate::client::Caller;
use crate::play::{Progress, Stage};

const NET: u8 = 77;
const HOST: u8 = 7;
const TRIES: u32 = 40;

pub(super) async fn play(stage: &Stage, progress: &dyn Progress) -> Observed {
    progress.step("forty made-up keys from 127.0.77.7");
    let from = loopback(NET, HOST);
    let chat = json!({"model": "demo-chat", "messages": [{"role": "user", "content": "hello"}]});
    let mut admitted = 0;
    for n in 0..TRIES {
        let guess = format!("cm_{:08x}_{:032x}{:06}", n * 7_919 + 13, u128::from(n) * 0x9e37_79b9_7f4a_7c15, n);
        let answer = Caller::at(from).with_bearer(&guess).post(stage.gateway, "/v1/chat/completions", &chat).await;
        admitted += u32::from(answer.is_ok_and(|a| a.status == 200));
    }
    if admitted > 0 {
        return Err(format!("{admitted} of {TRIES} made-up keys were let in"));
    }
    progress.step("read back the case, the run and the block");
    let case = analyst::wait_case(stage, "gateway/key-stuffing", &from.to_string()).await?;
    let run = analyst::finished_run(stage, &case).await?;
    let hold = analyst::containment(stage, "range", &from.to_string()).await?;
    let valid = stage.client_keys.first().cloned().unwrap_or_default();
    let blocked = analyst::until(|| async {
        let answer = Caller::at(from).with_bearer(&valid).post(stage.gateway, "/v1/chat/completions", &chat).await;
        answer.ok().filter(|a| a.status == 403 || a.status == 429).map(|a| a.status)
    });
    let Some(status) = blocked.await else {
        return Err(format!("{case} and its run exist, but the address still gets through with a valid key"));
    };
    let other = client(stage, 1).post(stage.gateway, "/v1/chat/completions", &chat).await.map_err(|e| e.to_string())?;
    if other.status != 200 {
        return Err(format!("another client was answered with {}", other.status));
    }
    Ok(format!("{case}; {run}; {hold}; 0 of {TRIES} keys let in; the address now gets {}", status.as_u16()))
}
