//! Runs every check on every subject side by side, and makes the verdict.
//!
//! Workers are plain threads that own what they need: a check that hangs cannot be ended, so it is left behind when its
//! time is up, told to stop, and a fresh thread takes its place. What it says later is not heard.

use std::{
    any::Any,
    collections::{BTreeSet, VecDeque},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, RecvTimeoutError, Sender},
    },
    thread,
    time::Duration,
};

use casemate_detect::Key;
use casemate_finding::{Entity, Outcome, UnixMs};
use casemate_sweep::{Kinds, ScanPlan, detect_kind};

use crate::{
    CHECKS, Check, CheckContext, CheckReport, CheckSettings, Exemptions, GATE_VERDICT_SCHEMA, GateConfig, GateVerdict,
    Mode, Stage, Subject, SubjectRecord,
    clock::Moment,
    content::Content,
    digest::{self, Digested},
    policy,
};

/// What a run is given.
#[derive(Clone, Debug)]
pub struct RunInput {
    /// What to look at.
    pub subjects: Vec<Subject>,
    /// Stage of the pipeline.
    pub stage: Stage,
    /// Settings.
    pub config: GateConfig,
    /// Who lets what through.
    pub exemptions: Exemptions,
    /// What response holds at the moment.
    pub held: Vec<Entity>,
    /// Key of the fingerprints: the same key for runs that share exemptions.
    pub key: Key,
    /// Now.
    pub now: UnixMs,
}

/// How far a run has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateProgress {
    /// Checks done, each subject counted.
    pub done: usize,
    /// Checks in all.
    pub total: usize,
    /// Check that just ended.
    pub check: &'static str,
    /// Its subject.
    pub subject: String,
    /// False when it failed or ran out of its time.
    pub ended: bool,
}

/// Runs the gate's checks and gives the verdict. `progress` is called when a check ends.
pub fn run(input: &RunInput, progress: &mut dyn FnMut(&GateProgress)) -> GateVerdict {
    run_checks(CHECKS, input, progress)
}

/// Runs these checks; [`run`] gives it [`CHECKS`].
pub fn run_checks(
    checks: &[&'static dyn Check],
    input: &RunInput,
    progress: &mut dyn FnMut(&GateProgress),
) -> GateVerdict {
    let enabled: Vec<(&'static dyn Check, CheckSettings)> = checks
        .iter()
        .map(|check| {
            let configured = input.config.checks.iter().find(|(id, _)| *id == check.id());
            (*check, configured.map_or_else(|| CheckSettings::of(*check), |(_, settings)| settings.clone()))
        })
        .filter(|(check, settings)| check.always_enforced() || settings.stages.contains(&input.stage))
        .collect();
    let digests = digests(input);
    let mut verdict = GateVerdict {
        schema: GATE_VERDICT_SCHEMA.to_owned(),
        stage: input.stage,
        at: input.now,
        outcome: Outcome::Block,
        subjects: Vec::new(),
        checks: Vec::new(),
        exemptions_used: Vec::new(),
        exemptions_unused: Vec::new(),
        not_scanned: Vec::new(),
        notes: Vec::new(),
    };
    let held = Arc::new(input.held.clone());
    let mut jobs = Vec::new();
    let mut unread = Vec::new();
    for (subject, digest) in input.subjects.iter().zip(&digests) {
        let shown = subject.shown();
        let mut record = SubjectRecord {
            path: shown.clone(),
            name: subject.name.clone(),
            sha256: None,
            size_bytes: 0,
            format: String::new(),
        };
        match digest {
            Ok(digest) => {
                let kind = detect_kind(&shown, &digest.head);
                record.sha256 = Some(digest.sha256.clone());
                record.size_bytes = digest.size_bytes;
                kind.as_str().clone_into(&mut record.format);
                jobs.extend(prepare(&enabled, input, subject, digest, kind, &held));
            }
            Err(why) => unread.push((shown, why.clone())),
        }
        verdict.subjects.push(record);
    }
    let reports = execute(&jobs, input, progress);
    for (shown, why) in unread {
        for (check, settings) in enabled.iter().filter(|(check, _)| check.always_enforced()) {
            absorb(&mut verdict, *check, &shown, settings, Err(why.clone()), input);
        }
    }
    for (job, mut report) in jobs.iter().zip(reports) {
        let context = &job.context;
        if !context.digest.unchanged(&context.subject.path) {
            report = Err("the file changed while it was being checked".to_owned());
        }
        absorb(&mut verdict, job.check, &context.shown, &context.settings, report, input);
    }
    if input.subjects.is_empty() {
        verdict.notes.push("there is no subject: nothing was looked at, which is not a pass".to_owned());
    }
    settle(&mut verdict, input);
    verdict
}

struct Job {
    check: &'static dyn Check,
    context: Arc<CheckContext>,
}

/// SHA-256 of every subject, side by side.
fn digests(input: &RunInput) -> Vec<Result<Arc<Digested>, String>> {
    let never = AtomicBool::new(false);
    let one = |subject: &Subject| {
        digest::of_file(&subject.path, &never).map(Arc::new).map_err(|e| format!("cannot be read: {e}"))
    };
    let queue = Mutex::new(input.subjects.iter().enumerate().collect::<VecDeque<_>>());
    let done = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..workers(&input.config).min(input.subjects.len()) {
            scope.spawn(|| {
                while let Some((i, subject)) = lock(&queue).pop_front() {
                    let digested = one(subject);
                    lock(&done).push((i, digested));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(i, _)| *i);
    done.into_iter().map(|(_, digested)| digested).collect()
}

fn prepare(
    enabled: &[(&'static dyn Check, CheckSettings)],
    input: &RunInput,
    subject: &Subject,
    digest: &Arc<Digested>,
    kind: casemate_sweep::FileKind,
    held: &Arc<Vec<Entity>>,
) -> Vec<Job> {
    let shown = subject.shown();
    let settings_of = |id: &str| enabled.iter().find(|(c, _)| c.id() == id).map(|(_, s)| s);
    let kinds = Kinds { pii: settings_of("pii").is_some(), secrets: settings_of("secrets").is_some(), models: false };
    let mut plan = ScanPlan::new(Vec::new(), kinds, input.key.clone());
    // The more curious of the two checks decides what is found at all; each applies its own threshold.
    let scores = ["pii", "secrets"].iter().filter_map(|id| settings_of(id)).map(|s| s.score_min);
    plan.score_min = scores.fold(plan.score_min, f32::min);
    let content = Arc::new(Content::new(plan, subject.path.clone(), shown.clone()));
    let context = |settings: &CheckSettings| CheckContext {
        subject: subject.clone(),
        shown: shown.clone(),
        kind,
        settings: settings.clone(),
        held: Arc::clone(held),
        digest: Arc::clone(digest),
        content: Arc::clone(&content),
        cancel: Arc::default(),
    };
    enabled
        .iter()
        .map(|(check, settings)| Job { check: *check, context: Arc::new(context(settings)) })
        .filter(|job| job.check.applies(&job.context))
        .collect()
}

fn absorb(
    verdict: &mut GateVerdict,
    check: &'static dyn Check,
    shown: &str,
    settings: &CheckSettings,
    report: Result<CheckReport, String>,
    input: &RunInput,
) {
    if let Ok(report) = &report {
        verdict.not_scanned.extend(report.not_scanned.iter().cloned());
    }
    let judged = policy::judge(check, shown, settings, report, &input.exemptions, input.now);
    verdict.checks.push(judged.gated);
    verdict.exemptions_used.extend(judged.used);
    verdict.notes.extend(judged.notes);
}

fn settle(verdict: &mut GateVerdict, input: &RunInput) {
    let used: BTreeSet<&str> = verdict.exemptions_used.iter().map(|u| u.exemption.as_str()).collect();
    let unused = input.exemptions.iter().filter(|e| !used.contains(e.id.as_str()));
    verdict.exemptions_unused = unused.map(|e| e.id.clone()).collect();
    verdict.not_scanned.sort_unstable();
    verdict.not_scanned.dedup();
    verdict.notes.dedup();
    let audited: Vec<&str> =
        verdict.checks.iter().filter(|c| c.mode == Mode::Audit).map(|c| c.result.check.as_str()).collect();
    if !audited.is_empty() {
        let audited: BTreeSet<&str> = audited.into_iter().collect();
        let names: Vec<&str> = audited.into_iter().collect();
        verdict.notes.push(format!("in audit mode, and not part of the outcome: {}", names.join(", ")));
    }
    verdict.outcome = GateVerdict::worst(&verdict.checks);
}

fn workers(config: &GateConfig) -> usize {
    let cores = thread::available_parallelism().map_or(2, std::num::NonZero::get);
    if config.workers == 0 { cores.max(2) } else { config.workers.max(2) }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

enum Word {
    Began(usize),
    Ended(usize, Result<CheckReport, String>),
}

type Queue = Arc<Mutex<VecDeque<(usize, &'static dyn Check, Arc<CheckContext>)>>>;

fn spawn(queue: &Queue, say: &Sender<Word>) {
    let (queue, say) = (Arc::clone(queue), say.clone());
    thread::spawn(move || {
        loop {
            let Some((i, check, context)) = lock(&queue).pop_front() else { break };
            if say.send(Word::Began(i)).is_err() {
                break;
            }
            let report = catch_unwind(AssertUnwindSafe(|| check.run(&context)));
            let report = report.unwrap_or_else(|panic| Err(format!("the check crashed: {}", message(&*panic))));
            // One who was left behind ends here: another thread has taken its place.
            if context.cancelled() || say.send(Word::Ended(i, report)).is_err() {
                break;
            }
        }
    });
}

fn message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

/// Runs the jobs; the reports in their order.
fn execute(
    jobs: &[Job],
    input: &RunInput,
    progress: &mut dyn FnMut(&GateProgress),
) -> Vec<Result<CheckReport, String>> {
    let time_out = Duration::from_millis(input.config.time_out_ms);
    let waiting = jobs.iter().enumerate().map(|(i, job)| (i, job.check, Arc::clone(&job.context)));
    let queue: Queue = Arc::new(Mutex::new(waiting.collect()));
    let (say, hear) = mpsc::channel();
    for _ in 0..workers(&input.config).min(jobs.len()) {
        spawn(&queue, &say);
    }
    let mut reports: Vec<Option<Result<CheckReport, String>>> = jobs.iter().map(|_| None).collect();
    let mut running: Vec<(usize, Moment)> = Vec::new();
    let mut done = 0;
    while done < jobs.len() {
        let soonest = running.iter().map(|(_, since)| time_out.saturating_sub(since.elapsed())).min();
        let ended = match hear.recv_timeout(soonest.unwrap_or(time_out)) {
            Ok(Word::Began(i)) => {
                running.push((i, Moment::now()));
                continue;
            }
            Ok(Word::Ended(i, report)) => vec![(i, report, false)],
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                let late: Vec<usize> =
                    running.iter().filter(|(_, since)| since.elapsed() >= time_out).map(|(i, _)| *i).collect();
                let why = format!("ran out of its time of {} ms", input.config.time_out_ms);
                late.into_iter().map(|i| (i, Err(why.clone()), true)).collect()
            }
        };
        for (i, report, left_behind) in ended {
            if reports[i].is_some() {
                continue;
            }
            let context = &jobs[i].context;
            running.retain(|(j, _)| *j != i);
            if left_behind {
                context.cancel.store(true, Ordering::Relaxed);
                context.content.stop();
                spawn(&queue, &say);
            }
            done += 1;
            progress(&GateProgress {
                done,
                total: jobs.len(),
                check: jobs[i].check.id(),
                subject: context.shown.clone(),
                ended: report.is_ok(),
            });
            reports[i] = Some(report);
        }
    }
    reports.into_iter().map(|r| r.unwrap_or_else(|| Err("the check said nothing".to_owned()))).collect()
}
