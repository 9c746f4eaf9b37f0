//! What an analyst would look up in the console, over its JSON API.

use std::future::Future;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::loopback;
use crate::client::Caller;
use crate::play::Stage;

/// How often and how long something is looked for: 20 s in all.
const LOOKS: usize = 100;
const LOOK_EVERY: Duration = Duration::from_millis(200);

fn approver(stage: &Stage) -> Caller {
    Caller::at(loopback(0, 1)).with_bearer(&stage.approver_token)
}

/// Tries until there is an answer, at most [`LOOKS`] times.
pub(super) async fn until<T, F: Future<Output = Option<T>>>(mut look: impl FnMut() -> F) -> Option<T> {
    for _ in 0..LOOKS {
        if let Some(found) = look().await {
            return Some(found);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    None
}

async fn get(stage: &Stage, path: &str) -> Result<Value, String> {
    let answer = approver(stage).get(stage.console, path).await.map_err(|e| e.to_string())?;
    if answer.status != 200 {
        return Err(format!("GET {path} was answered with {}: {}", answer.status, answer.text()));
    }
    Ok(answer.json())
}

/// The rows under `member` of an answer.
async fn rows(stage: &Stage, path: &str, member: &str) -> Result<Vec<Value>, String> {
    match get(stage, path).await?.get_mut(member).map(Value::take) {
        Some(Value::Array(rows)) => Ok(rows),
        _ => Err(format!("GET {path} has no {member}")),
    }
}

/// The case that names `entity` and holds an alert of `rule`.
pub(super) async fn find_case(stage: &Stage, rule: &str, entity: &str) -> Option<String> {
    for case in rows(stage, "/api/v1/cases?state=all&sort=opened", "cases").await.ok()? {
        let id = case["id"].as_str()?.to_owned();
        let about = case["entities"].as_array().is_some_and(|all| all.iter().any(|e| e["value"] == entity));
        if !about {
            continue;
        }
        let alerts = rows(stage, &format!("/api/v1/cases/{id}/alerts?limit=200"), "alerts").await.ok()?;
        if alerts.iter().any(|a| a["rule"] == rule) {
            return Some(id);
        }
    }
    None
}

/// As [`find_case`], waiting for it.
pub(super) async fn wait_case(stage: &Stage, rule: &str, entity: &str) -> Result<String, String> {
    until(|| find_case(stage, rule, entity)).await.ok_or_else(|| format!("no case with rule {rule} about {entity}"))
}

/// The case's only run, once it is at its end; in words.
pub(super) async fn finished_run(stage: &Stage, case: &str) -> Result<String, String> {
    let path = format!("/api/v1/cases/{case}");
    let mut last = String::from("no run");
    let found = until(|| async { rows(stage, &path, "runs").await.ok().filter(|runs| is_finished(runs)) }).await;
    if let Some(runs) = found {
        let name = runs[0]["playbook_name"].as_str().unwrap_or("?");
        return Ok(format!("playbook {name} {}", runs[0]["state"].as_str().unwrap_or("?")));
    }
    if let Ok(runs) = rows(stage, &path, "runs").await {
        let states = runs.iter().map(|r| format!("{} {}", r["playbook_name"], r["state"]));
        last = states.collect::<Vec<_>>().join(", ");
    }
    Err(format!("{case}: the playbook did not end; found: {last}"))
}

fn is_finished(runs: &[Value]) -> bool {
    runs.len() == 1 && runs[0]["state"] == "completed"
}

/// The one containment in force on a target, in words with its end. A range may be asked for by one address.
pub(super) async fn containment(stage: &Stage, kind: &str, value: &str) -> Result<String, String> {
    let found = until(|| async {
        let all = rows(stage, "/api/v1/containments", "containments").await.ok()?;
        let mine: Vec<Value> = all
            .into_iter()
            .filter(|c| {
                let target = c["target"]["value"].as_str().unwrap_or_default();
                c["target"]["kind"] == kind && (target == value || target == format!("{value}/32"))
            })
            .collect();
        (!mine.is_empty()).then_some(mine)
    })
    .await
    .ok_or_else(|| format!("nothing in force on {kind} {value}"))?;
    if found.len() != 1 {
        return Err(format!("{} containments on {kind} {value}, expected one", found.len()));
    }
    let ends = found[0]["expires_at"].as_i64().unwrap_or(0);
    let begun = found[0]["created_at"].as_i64().unwrap_or(0);
    let minutes = (ends - begun) / 60_000;
    if minutes <= 0 {
        return Err(format!("the containment on {kind} {value} has no end"));
    }
    Ok(format!("{} on {kind} {value} for {minutes} min", found[0]["effect"].as_str().unwrap_or("?")))
}

/// The case's approval, once it is asked for: pending, or already answered.
pub(super) async fn wait_approval(stage: &Stage, case: &str) -> Result<Value, String> {
    let path = format!("/api/v1/approvals?case={case}");
    let found = until(|| async { rows(stage, &path, "approvals").await.ok()?.into_iter().next() });
    found.await.ok_or_else(|| format!("{case}: nobody was asked for approval"))
}

/// Says yes to exactly the command that was shown, unless that was done before the play was interrupted.
pub(super) async fn approve(stage: &Stage, approval: &Value) -> Result<(), String> {
    if approval["state"] == "approved" {
        return Ok(());
    }
    let id = approval["id"].as_str().unwrap_or_default();
    let decision = json!({
        "decision": "approve", "reason": "seen in the demonstration", "digest": approval["command_digest"],
    });
    let path = format!("/api/v1/approvals/{id}/decide");
    let answer = approver(stage).post(stage.console, &path, &decision).await.map_err(|e| e.to_string())?;
    if answer.status.is_success() {
        Ok(())
    } else {
        Err(format!("the approval was answered with {}: {}", answer.status, answer.text()))
    }
}

/// Checks that the file stands in the case's evidence by its digest, and that nothing was done before it was.
pub(super) async fn evidence(stage: &Stage, case: &str, file: &Path) -> Result<String, String> {
    let bytes = std::fs::read(file).map_err(|e| format!("cannot read {}: {e}", file.display()))?;
    let chain = rows(stage, &format!("/api/v1/cases/{case}"), "evidence").await?;
    let digest = hex::encode(Sha256::digest(&bytes));
    if !chain.iter().any(|e| e["sha256"] == digest.as_str()) {
        return Err(format!("{case}: the file's digest is not among its {} pieces of evidence", chain.len()));
    }
    let history = rows(stage, &format!("/api/v1/cases/{case}/timeline?limit=200"), "timeline").await?;
    let first = |kinds: &[&str]| history.iter().position(|e| e["kind"].as_str().is_some_and(|k| kinds.contains(&k)));
    match (first(&["evidence"]), first(&["action"])) {
        (Some(preserved), Some(acted)) if acted < preserved => {
            Err(format!("{case}: something was done before the evidence was preserved"))
        }
        (None, _) => Err(format!("{case}: its timeline does not say that evidence was preserved")),
        _ => Ok(format!("evidence sha256:{} preserved first", &digest[..12])),
    }
}
