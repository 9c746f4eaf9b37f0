//! `casemate gate run|checks`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use casemate_detect::Key;
use casemate_finding::{Entity, EntityKind, Outcome, UnixMs};
use casemate_gate::{
    CHECKS, Exemptions, GateConfig, GateConfigFile, GateVerdict, RunInput, Stage, Subject, SubjectKind,
};
use casemate_report::{SarifLimits, to_sarif, to_table};
use casemate_store::Store;
use casemate_store::clock::Clock;
use casemate_store::model::{Containment, NewEvent, Target, TenantId};
use serde_json::json;

use crate::cli::{GateCommand, GateRunArgs, Global, StageArg};
use crate::config::{self, Config, SecretFiles, random};
use crate::exit::Exit;
use crate::failure::{Done, Failure};
use crate::output::{self, Format};
use crate::progress;
use crate::state;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What is to be checked.
pub(super) struct Job {
    subjects: Vec<Subject>,
    stage: Stage,
    gate: GateConfig,
    exemptions: Exemptions,
}

/// What came of it.
pub(super) struct Checked {
    pub(super) exit: Exit,
    pub(super) outcome: Outcome,
    /// The worst finding's message.
    pub(super) first_finding: String,
    verdict: GateVerdict,
}

impl Job {
    /// One model version's file on its way to deployment.
    pub(super) fn one_model(path: PathBuf, version: String) -> Self {
        let subject = Subject { path, kind: SubjectKind::Model, name: Some(version) };
        Self {
            subjects: vec![subject],
            stage: Stage::Deploy,
            gate: GateConfig::default(),
            exemptions: Exemptions::default(),
        }
    }

    fn from_args(args: &GateRunArgs) -> Result<Self, Failure> {
        let (mut gate, mut exemptions, mut subjects) = (GateConfig::default(), Exemptions::default(), Vec::new());
        if let Some(path) = &args.gate {
            let refuse =
                |why: String| Failure::usage("cannot use the gate's configuration", why).at(path.display().to_string());
            let text = std::fs::read_to_string(path).map_err(|e| refuse(e.to_string()))?;
            let file = GateConfigFile::parse(&text).map_err(|e| refuse(e.to_string()))?;
            gate = GateConfig::try_from(&file).map_err(|e| refuse(e.to_string()))?;
            let base = path.parent().unwrap_or(Path::new(""));
            subjects.extend(file.subjects.iter().map(|s| Subject { path: base.join(&s.path), ..s.clone() }));
            if let Some(name) = &file.exemptions {
                exemptions = read_exemptions(&base.join(name))?;
            }
        }
        gate.warn_exit |= args.warn_exit;
        subjects.extend(args.paths.iter().map(|p| match &args.version_of {
            Some(version) => Subject { path: p.clone(), kind: SubjectKind::Model, name: Some(version.clone()) },
            None => Subject::new(p),
        }));
        let stage = match args.stage {
            StageArg::Ingest => Stage::Ingest,
            StageArg::Train => Stage::Train,
            StageArg::Build => Stage::Build,
            StageArg::Deploy => Stage::Deploy,
        };
        Ok(Self { subjects, stage, gate, exemptions })
    }

    /// Runs the checks, with progress on standard error.
    fn run(self, held: Vec<Entity>, key: Key, now: UnixMs) -> Checked {
        let input = RunInput {
            subjects: self.subjects,
            stage: self.stage,
            config: self.gate,
            exemptions: self.exemptions,
            held,
            key,
            now,
        };
        let bar = progress::counter("checking");
        let verdict = casemate_gate::run(&input, &mut |p| {
            bar.set_length(p.total as u64);
            bar.set_position(p.done as u64);
            bar.set_message(format!("{} {}", p.check, p.subject));
        });
        bar.finish_and_clear();
        let worst = verdict.checks.iter().flat_map(|c| &c.result.findings).max_by_key(|f| f.severity);
        Checked {
            exit: exit_of(verdict.exit_code(&input.config)),
            outcome: verdict.outcome,
            first_finding: worst.map(|f| f.message.clone()).unwrap_or_default(),
            verdict,
        }
    }
}

const fn exit_of(code: u8) -> Exit {
    match code {
        0 => Exit::Ok,
        10 => Exit::Warned,
        30 => Exit::Incomplete,
        _ => Exit::Blocked,
    }
}

fn read_exemptions(path: &Path) -> Result<Exemptions, Failure> {
    let refuse = |why: String| Failure::usage("cannot use the exemptions", why).at(path.display().to_string());
    let text = std::fs::read_to_string(path).map_err(|e| refuse(e.to_string()))?;
    Exemptions::parse(&text).map_err(|e| refuse(e.to_string()))
}

pub(super) fn run(global: &Global, command: GateCommand) -> Done {
    match command {
        GateCommand::Run(args) => run_checks(global, &args),
        GateCommand::Checks => list(global),
    }
}

fn run_checks(global: &Global, args: &GateRunArgs) -> Done {
    let job = Job::from_args(args)?;
    let checked = if global.config.is_some() {
        let config: Config = config::or_default(global.config.as_deref())?;
        state::runtime()?.block_on(async {
            let store = state::open(&config).await?;
            let held = held(&store).await?;
            if args.report {
                check_and_report(&config, store, job).await
            } else {
                Ok(job.run(held, own_key(&config)?, Clock::system().now()))
            }
        })?
    } else if args.report {
        return Err(Failure::usage("cannot report to response", "no store is named")
            .remedy("add --config FILE, whose store response reads"));
    } else {
        let mut bytes = [0; 32];
        random(&mut bytes).map_err(|e| Failure::internal("cannot make a fingerprint key", e))?;
        job.run(Vec::new(), Key::new(bytes), Clock::system().now())
    };
    let document = checked.verdict.document(VERSION);
    if let Some(path) = &args.sarif {
        std::fs::write(path, to_sarif(&document, &SarifLimits::default()))
            .map_err(|e| Failure::usage("cannot write SARIF", e.to_string()).at(path.display().to_string()))?;
    }
    match global.format {
        Format::Json => output::line(checked.verdict.to_json().trim_end()),
        Format::Sarif => output::line(to_sarif(&document, &SarifLimits::default()).trim_end()),
        Format::Human => output::line(to_table(&document, &output::style()).trim_end()),
    }
    Ok(checked.exit)
}

/// Checks, and leaves an event for response in the store for everything that holds the pipeline.
pub(super) async fn check_and_report(config: &Config, store: Arc<dyn Store>, job: Job) -> Result<Checked, Failure> {
    let held = held(&store).await?;
    let (key, now) = (own_key(config)?, Clock::system().now());
    let subjects = job.subjects.clone();
    let checked = tokio::task::spawn_blocking(move || job.run(held, key, now))
        .await
        .map_err(|e| Failure::internal("the gate failed", e))?;
    let signals = checked.verdict.signals(&subjects);
    let mut events = Vec::with_capacity(signals.len());
    for signal in signals {
        let payload = serde_json::to_value(&signal).map_err(|e| Failure::internal("cannot write the event", e))?;
        events.push(NewEvent {
            source: "gate".into(),
            kind: "gate_blocked".into(),
            tenant: TenantId::default_tenant(),
            dedupe_key: format!("{}/{}/{}", signal.rule, signal.details["sha256"].as_str().unwrap_or_default(), now.0),
            at: now,
            payload,
        });
    }
    store.append_events(&events).await.map_err(|e| state::store_failure(&e))?;
    Ok(checked)
}

/// What response holds back at the moment.
async fn held(store: &Arc<dyn Store>) -> Result<Vec<Entity>, Failure> {
    let active = store.active_containments(Clock::system().now()).await.map_err(|e| state::store_failure(&e))?;
    Ok(active.iter().filter_map(entity_of).collect())
}

fn entity_of(containment: &Containment) -> Option<Entity> {
    match &containment.target {
        Target::ModelVersion(v) => Some(Entity::new(EntityKind::ModelVersion, v.clone())),
        Target::Dataset(v) => Some(Entity::new(EntityKind::Dataset, v.clone())),
        Target::Model(v) => Some(Entity::new(EntityKind::Model, v.clone())),
        Target::Range(_) | Target::Key(_) | Target::Tenant(_) | Target::Pipeline(_) => None,
    }
}

fn own_key(config: &Config) -> Result<Key, Failure> {
    Ok(Key::new(*SecretFiles::under(&config.data_dir).bytes32("fingerprint-key")?.expose()))
}

fn list(global: &Global) -> Done {
    if global.format == Format::Json {
        let rows: Vec<_> =
            CHECKS.iter().map(|c| json!({"id": c.id(), "about": c.about(), "stages": c.stages()})).collect();
        output::json(&json!({ "checks": rows }));
    } else {
        output::table(
            &["check", "stages", "what it does"],
            CHECKS.iter().map(|c| {
                let stages: Vec<_> = c.stages().iter().map(|s| s.as_str()).collect();
                vec![c.id().to_owned(), stages.join(" "), c.about().to_owned()]
            }),
        );
    }
    Ok(Exit::Ok)
}
