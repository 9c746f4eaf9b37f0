//! The play: six scenes in order, each with what was expected and what was observed.

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use serde::Serialize;

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
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SceneReport {
    /// `a` to `f`.
    pub id: &'static str,
    /// What it shows.
    pub title: &'static str,
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
}

impl Play {
    /// A play on this stage.
    pub const fn new(stage: Stage) -> Self {
        Self { stage }
    }

    /// Plays all scenes in order; a scene that fails does not stop the next.
    pub async fn run(&self, progress: &dyn Progress) -> PlayReport {
        let mut reports = Vec::new();
        for (index, scene) in scenes::ALL.iter().enumerate() {
            progress.scene(index + 1, scenes::ALL.len(), scene.title);
            let (ok, observed) = match scene.play(&self.stage, progress).await {
                Ok(observed) => (true, observed),
                Err(observed) => (false, observed),
            };
            let report =
                SceneReport { id: scene.id, title: scene.title, expected: scene.expected.to_owned(), observed, ok };
            progress.done(&report);
            reports.push(report);
        }
        let ok = reports.iter().all(|r| r.ok);
        PlayReport { scenes: reports, ok }
    }
}
