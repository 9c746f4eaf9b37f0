//! Scene b: ten addresses of one /24 ask the churn model far more than everybody together did before.

use std::time::Duration;

use super::analyst;
use super::normal::{CLIENTS, client, customer};
use super::{Observed, loopback};
use crate::client::Caller;
use crate::play::{Progress, Stage};

/// The attackers' network, third octet.
const NET: u8 = 66;
const RANGE: &str = "127.0.66.0/24";
const ADDRESSES: u8 = 10;
/// Requests in a burst, and bursts at most: 400 a second against a baseline of 8, for 20 s.
const BURST: usize = 40;
const BURSTS_MAX: usize = 200;
const PAUSE_MS: u64 = 100;

pub(super) async fn play(stage: &Stage, progress: &dyn Progress) -> Observed {
    progress.step("400 requests a second from 127.0.66.0/24, with a valid key");
    let key = stage.client_keys.get(usize::from(CLIENTS)).or(stage.client_keys.last()).cloned().unwrap_or_default();
    let attackers: Vec<Caller> = (1..=ADDRESSES).map(|n| Caller::at(loopback(NET, n)).with_bearer(&key)).collect();
    let (mut sent, mut limited, mut harmed, mut normal) = (0_u32, 0_u32, 0_u32, 0_u32);
    let mut case = None;
    let mut tick = tokio::time::interval(Duration::from_millis(PAUSE_MS));
    for burst in 0..BURSTS_MAX {
        tick.tick().await;
        let calls = (0..BURST).map(|n| {
            let caller = attackers[n % attackers.len()].clone();
            async move { caller.post(stage.gateway, "/infer/churn", &customer(n)).await }
        });
        for answer in futures_util::future::join_all(calls).await {
            sent += 1;
            limited += u32::from(answer.is_ok_and(|a| a.status == 429 || a.status == 403));
        }
        if burst % 5 == 0 {
            let n = u8::try_from(burst / 5 % usize::from(CLIENTS)).unwrap_or(0);
            let answer = client(stage, n).post(stage.gateway, "/infer/churn", &customer(burst)).await;
            normal += 1;
            harmed += u32::from(!answer.is_ok_and(|a| a.status == 200));
        }
        if burst % 10 == 9 {
            case = analyst::find_case(stage, "gateway/surge", RANGE).await;
            if case.is_some() && limited > 0 {
                break;
            }
        }
    }
    progress.step("read back the case, the run and the limit");
    let Some(case) = case else {
        return Err(format!("no case for {RANGE} after {sent} requests ({limited} limited)"));
    };
    let run = analyst::finished_run(stage, &case).await?;
    let hold = analyst::containment(stage, "range", RANGE).await?;
    if limited == 0 {
        return Err(format!("{case} and its run exist, but none of {sent} requests was limited"));
    }
    if harmed > 0 {
        return Err(format!("{harmed} of {normal} requests of other clients failed during the surge"));
    }
    Ok(format!("{case}; {run}; {hold}; {limited} of {sent} limited; others {normal} of {normal} answered"))
}
