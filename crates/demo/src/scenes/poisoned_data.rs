//! Scene e: DLP says that somebody uploaded manipulated training data for the fraud model.

use serde_json::json;

use super::analyst;
use super::{Observed, loopback};
use crate::client::Caller;
use crate::play::{Progress, Stage};

/// The data set's name in the alert.
const DATASET: &str = "fraud-train-2026w47";

pub(super) async fn play(stage: &Stage, progress: &dyn Progress) -> Observed {
    progress.step("the data set is written, and DLP posts its alert");
    let path = stage.work_dir.join("fraud-train-2026w47.csv");
    std::fs::write(&path, poisoned()).map_err(|e| format!("cannot write {}: {e}", path.display()))?;
    let alert = json!({
        "title": "Poisoned training data uploaded for the fraud model",
        "rule": "dlp/poisoned-dataset",
        "severity": "critical",
        "user": "j.doe",
        "dataset": DATASET,
        "model": "fraud",
        "pipeline": "fraud-weekly",
        "file": path.display().to_string(),
        "detail": "label of 3.1 % of rows flipped where amount is above 9,000",
    });
    let dlp = Caller::at(loopback(90, 1)).with_bearer(&stage.dlp_token).with("x-delivery-id", "dlp-demo-1");
    let mut accepted = Vec::new();
    for _ in 0..2 {
        let answer = dlp.post(stage.intake, "/api/v1/alerts/dlp", &alert).await.map_err(|e| e.to_string())?;
        accepted.push(answer.status.as_u16());
        if !answer.status.is_success() {
            return Err(format!("the alert was answered with {}: {}", answer.status, answer.text()));
        }
    }
    progress.step("wait for the case and its question");
    let case = analyst::wait_case(stage, "dlp/poisoned-dataset", DATASET).await?;
    let approval = analyst::wait_approval(stage, &case).await?;
    let evidence = analyst::evidence(stage, &case, &path).await?;
    if !stage.approve {
        return Ok(format!("{case}; {evidence}; waits for approval in the console (alert sent twice, one case)"));
    }
    progress.step("an approver says yes, by API");
    analyst::approve(stage, &approval).await?;
    let run = analyst::finished_run(stage, &case).await?;
    let data = analyst::containment(stage, "dataset", DATASET).await?;
    let training = analyst::containment(stage, "pipeline", "fraud-weekly").await?;
    Ok(format!("{case}; {evidence}; approved; {run}; {data}; {training}"))
}

/// A thousand rows, some with the label against all sense.
fn poisoned() -> String {
    let mut csv = String::from("amount,hour,merchant,label\n");
    for n in 0..1_000_u32 {
        let amount = n * 37 % 12_000;
        let honest = u32::from(amount > 9_000);
        let label = if amount > 9_000 && n % 8 == 0 { 0 } else { honest };
        csv.push_str(&format!("{amount},{},{},{label}\n", n % 24, n % 50));
    }
    csv
}
