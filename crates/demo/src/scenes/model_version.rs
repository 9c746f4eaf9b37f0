//! Scene f: a model version whose pickle would run a command.

use super::Observed;
use super::analyst;
use crate::play::{Progress, Stage};

const VERSION: &str = "churn@8";

/// A pickle that calls `os.system("true")` when loaded, as hex text so that no loadable file is in the source: `PROTO 2,
/// GLOBAL 'os system', BINUNICODE 'true', TUPLE1, REDUCE, STOP`.
const PICKLE_HEX: &str = "8002636f730a73797374656d0a5804000000747275658552";
const STOP_HEX: &str = "2e";

pub(super) async fn play(stage: &Stage, progress: &dyn Progress) -> Observed {
    progress.step("churn@8 comes out of training as a .pkl and meets the gate");
    let path = stage.work_dir.join("churn-8.pkl");
    std::fs::write(&path, bytes()).map_err(|e| format!("cannot write {}: {e}", path.display()))?;
    let answer = (stage.gate)(path, VERSION.to_owned()).await?;
    if answer.exit_code != 20 {
        return Err(format!("the gate said {} with exit code {}", answer.outcome, answer.exit_code));
    }
    progress.step("read back the case, the run and the hold");
    let case = analyst::wait_case(stage, "gate/model-artifact", VERSION).await?;
    let run = analyst::finished_run(stage, &case).await?;
    let hold = analyst::containment(stage, "model_version", VERSION).await?;
    Ok(format!("{} with exit code 20 ({}); {case}; {run}; {hold}", answer.outcome, answer.finding))
}

fn bytes() -> Vec<u8> {
    let hex = format!("{PICKLE_HEX}{STOP_HEX}");
    (0..hex.len()).step_by(2).filter_map(|i| u8::from_str_radix(hex.get(i..i + 2)?, 16).ok()).collect()
}
