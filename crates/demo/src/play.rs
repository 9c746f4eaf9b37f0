//! The play: six scenes in order, each with what was expected and what was observed.

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::Seen;
use crate::scenes;

/// What the gate said of a file.
#[derive(Clone, Debug)]
pub struct GateAnswer {
    /// Exit code, as the command `gate run` would have ended with.
    pub exit_code: u8,
    /// The worst outcome, in words.
    pub outcome: String,
    /// The first finding, for people.
    pub finding: String,
}

/// Runs the gate on a model version's file and reports to response, as `casemate gate run` does.
pub type GateRun =
    Arc<dyn Fn(PathBuf, String) -> Pin<Box<dyn Future<Output = Result<GateAnswer, String>> + Send>> + Send + Sync>;

/// Where the play is played, and with what.
#[derive(Clone)]
pub struct Stage {
    /// The gateway's listener.
    pub gateway: SocketAddr,
    /// Response's intake.
    pub intake: SocketAddr,
    /// The console's listener, whose JSON API the play reads back from.
    pub console: SocketAddr,
    /// What reached the model server.
    pub seen: Arc<Seen>,
    /// API keys of the clients, at least six.
    pub client_keys: Vec<String>,
    /// Bearer token of the DLP system at the intake.
    pub dlp_token: String,
    /// Bearer token of an approver at the console's API.
    pub approver_token: String,
    /// The credential that the model server leaks when asked.
    pub credential: String,
    /// The gate.
    pub gate: GateRun,
    /// A folder that evidence may be taken from; the play writes its data set and model file there.
    pub work_dir: PathBuf,
    /// Answer scene e's approval by API; otherwise it waits for a person.
    pub approve: bool,
}

/// What came of one scene.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SceneReport {
    /// `a` to `f`.
    pub id: String,
    /// What it shows.
    pub title: String,
    /// What should be seen.
    pub expected: String,
    /// What was seen.
    pub observed: String,
    /// Whether the two agree.
    pub ok: bool,
}

/// What came of the play.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlayReport {
    /// One for each scene, in order.
    pub scenes: Vec<SceneReport>,
    /// True if every scene went as expected.
    pub ok: bool,
}

/// Hears how the play goes on.
pub trait Progress: Send + Sync {
    /// A scene begins.
    fn scene(&self, number: usize, of: usize, title: &str);
    /// Something is being done or waited for.
    fn step(&self, text: &str);
    /// A scene is over.
    fn done(&self, report: &SceneReport);
}

/// The play.
pub struct Play {
    stage: Stage,
    earlier: Vec<SceneReport>,
}

impl Play {
    /// A play on this stage.
    pub const fn new(stage: Stage) -> Self {
        Self { stage, earlier: Vec::new() }
    }

    /// The same play after it broke off: scenes whose report is here are not played again. The gateway's baselines are
    /// in memory, so the traffic that they are learnt from is played again until the surge has been seen.
    #[must_use]
    pub fn after(mut self, earlier: Vec<SceneReport>) -> Self {
        let surge_seen = earlier.iter().any(|r| r.id == scenes::SURGE);
        self.earlier = earlier.into_iter().filter(|r| surge_seen || r.id != scenes::BASELINE).collect();
        self
    }

    /// Plays the scenes in order; one that fails does not stop the next.
    pub async fn run(&self, progress: &dyn Progress) -> PlayReport {
        let mut reports = Vec::new();
        for (index, scene) in scenes::ALL.iter().enumerate() {
            progress.scene(index + 1, scenes::ALL.len(), scene.title);
            if let Some(report) = self.earlier.iter().find(|r| r.id == scene.id) {
                progress.step("played before the interruption");
                reports.push(report.clone());
                continue;
            }
            let (ok, observed) = match scene.play(&self.stage, progress).await {
                Ok(observed) => (true, observed),
                Err(observed) => (false, observed),
            };
            let (id, title, expected) = (scene.id.to_owned(), scene.title.to_owned(), scene.expected.to_owned());
            let report = SceneReport { id, title, expected, observed, ok };
            progress.done(&report);
            reports.push(report);
        }
        let ok = reports.iter().all(|r| r.ok);
        PlayReport { scenes: reports, ok }
    }
}
