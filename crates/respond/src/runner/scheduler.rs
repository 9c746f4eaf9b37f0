//! Which run is driven when: a bounded number at once, tenants in turn, those that wait woken by answers and timers.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use casemate_finding::UnixMs;
use casemate_store::StoreError;
use casemate_store::model::{ApprovalState, Run, RunId, TenantId};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use super::live::Live;
use super::turn::{Rest, turn};
use crate::connectors::Surroundings;
use crate::library::Library;

/// How often the store is searched for runs that another process started, or whose writes failed.
const SEARCH_MS: i64 = 1_000;
/// The least time between two looks at open questions.
const QUESTIONS_MS: i64 = 50;

/// Drives every run in the store.
pub struct Runner {
    around: Arc<Surroundings>,
    library: Arc<Library>,
    figures: Arc<RunnerFigures>,
    wake: Arc<Notify>,
}

/// Counts for the status report.
#[derive(Debug, Default)]
pub struct RunnerFigures {
    /// Steps ended since the start.
    pub steps: Arc<AtomicU64>,
    /// Runs that are not over.
    pub live: AtomicU64,
    /// Runs that wait for people or time.
    pub waiting: AtomicU64,
}

enum Job {
    Fresh(Box<Run>),
    Parked(Box<Live>),
}

impl Job {
    #[cfg(test)]
    fn tenant(&self) -> &str {
        match self {
            Self::Fresh(run) => run.tenant.as_str(),
            Self::Parked(live) => live.run.tenant.as_str(),
        }
    }

    fn run(&self) -> RunId {
        match self {
            Self::Fresh(run) => run.id.clone(),
            Self::Parked(live) => live.run.id.clone(),
        }
    }
}

struct Parked {
    live: Box<Live>,
    wake_at: Option<UnixMs>,
    questions: Vec<String>,
    votes: usize,
}

type End = (RunId, Box<Option<Live>>, Result<Rest, StoreError>);

struct Board {
    queue: BTreeMap<TenantId, VecDeque<Job>>,
    last_served: Option<TenantId>,
    parked: HashMap<RunId, Parked>,
    known: HashSet<RunId>,
    working: JoinSet<End>,
    driven: HashMap<tokio::task::Id, RunId>,
    search_at: UnixMs,
    /// When open questions are looked at next; none while nothing has changed.
    answers_at: Option<UnixMs>,
}

impl Runner {
    /// A runner; `wake` tells it that a run was started.
    pub fn new(around: Arc<Surroundings>, library: Arc<Library>, wake: Arc<Notify>) -> Self {
        Self { around, library, figures: Arc::default(), wake }
    }

    /// Its counts.
    pub fn figures(&self) -> Arc<RunnerFigures> {
        self.figures.clone()
    }

    /// Drives runs until `stop` is true; then waits for the effects that are on their way.
    pub async fn run(self, stop: watch::Receiver<bool>) {
        let mut stopping = stop.clone();
        let mut changes = self.around.store.changes();
        let mut board = Board::new();
        while !*stop.borrow() {
            let now = self.around.clock.now();
            if now >= board.search_at {
                self.search(&mut board, now).await;
            }
            if board.answers_at.is_some_and(|at| at <= now) {
                board.answers_at = None;
                self.answers(&mut board, now).await;
            }
            if board.due(now).next().is_some() {
                // A question that lapses lapses for those who would answer it, too.
                self.expire(now).await;
                board.wake(now);
            }
            self.fill(&mut board, &stop);
            self.count(&board);
            let (busy, waits) = (!board.working.is_empty(), !board.parked.is_empty());
            let pause = board.pause(now);
            tokio::select! {
                Some(end) = board.working.join_next_with_id(), if busy => board.settle(end, self.around.clock.now()),
                () = self.wake.notified() => board.search_at = UnixMs(i64::MIN),
                Ok(()) = changes.changed(), if waits && board.answers_at.is_none() => {
                    board.answers_at = Some(now.plus_ms(QUESTIONS_MS));
                }
                () = tokio::time::sleep(pause) => {}
                _ = stopping.changed() => {}
            }
        }
        while let Some(end) = board.working.join_next_with_id().await {
            board.settle(end, self.around.clock.now());
        }
    }

    /// Finds runs that nobody drives.
    async fn search(&self, board: &mut Board, now: UnixMs) {
        board.search_at = now.plus_ms(SEARCH_MS);
        // Another process may have answered; this one's watch does not see that.
        board.answers_at = Some(now);
        match self.around.store.live_runs().await {
            Ok(runs) => {
                for run in runs {
                    if board.known.insert(run.id.clone()) {
                        board.queue.entry(run.tenant.clone()).or_default().push_back(Job::Fresh(Box::new(run)));
                    }
                }
            }
            Err(error) => tracing::error!(%error, "runs cannot be read; trying again"),
        }
    }

    /// Wakes runs whose questions were answered.
    async fn answers(&self, board: &mut Board, now: UnixMs) {
        self.expire(now).await;
        for parked in board.parked.values_mut() {
            let mut votes = 0;
            for key in &parked.questions {
                match self.around.store.approval_by_key(key).await {
                    Ok(Some(approval)) => {
                        votes += approval.votes.len() + usize::from(approval.state != ApprovalState::Pending);
                    }
                    Ok(None) => {}
                    Err(error) => {
                        tracing::error!(%error, "answers cannot be read; trying again");
                        return;
                    }
                }
            }
            if votes != parked.votes {
                parked.votes = votes;
                parked.wake_at = Some(now);
            }
        }
    }

    async fn expire(&self, now: UnixMs) {
        if let Err(error) = self.around.store.expire_approvals(now).await {
            tracing::error!(%error, "approvals cannot be expired; trying again");
        }
    }

    fn fill(&self, board: &mut Board, stop: &watch::Receiver<bool>) {
        while board.working.len() < self.around.limits.runs_parallel_max {
            let Some(job) = board.next() else { return };
            let (around, library, stop) = (self.around.clone(), self.library.clone(), stop.clone());
            let steps = self.figures.steps.clone();
            let run = job.run();
            let task = board.working.spawn(async move {
                let (id, live) = match job {
                    Job::Parked(live) => (live.run.id.clone(), Ok(*live)),
                    Job::Fresh(run) => {
                        let id = run.id.clone();
                        (id, Live::read(&*around.store, &library, *run, around.clock.now()).await)
                    }
                };
                match live {
                    Err(error) => (id, Box::new(None), Err(error)),
                    Ok(mut live) => {
                        let end = turn(&around, &mut live, &steps, &stop).await;
                        (id, Box::new(Some(live)), end)
                    }
                }
            });
            board.driven.insert(task.id(), run);
        }
    }

    fn count(&self, board: &Board) {
        let waiting = board.parked.len() as u64;
        let queued: usize = board.queue.values().map(VecDeque::len).sum();
        self.figures.waiting.store(waiting, Ordering::Relaxed);
        self.figures.live.store(waiting + (queued + board.working.len()) as u64, Ordering::Relaxed);
    }
}

impl Board {
    fn new() -> Self {
        Self {
            queue: BTreeMap::new(),
            last_served: None,
            parked: HashMap::new(),
            known: HashSet::new(),
            working: JoinSet::new(),
            driven: HashMap::new(),
            search_at: UnixMs(i64::MIN),
            answers_at: None,
        }
    }

    /// The next run to drive: tenants in turn, each tenant's runs in order.
    fn next(&mut self) -> Option<Job> {
        use std::ops::Bound::{Excluded, Unbounded};
        let after = match &self.last_served {
            Some(last) => self.queue.range::<TenantId, _>((Excluded(last), Unbounded)).next().map(|(t, _)| t.clone()),
            None => None,
        };
        let tenant = after.or_else(|| self.queue.keys().next().cloned())?;
        let jobs = self.queue.get_mut(&tenant)?;
        let job = jobs.pop_front();
        if jobs.is_empty() {
            self.queue.remove(&tenant);
        }
        self.last_served = Some(tenant);
        job
    }

    /// Runs whose time has come.
    fn due(&self, now: UnixMs) -> impl Iterator<Item = &RunId> {
        self.parked.iter().filter(move |(_, p)| p.wake_at.is_some_and(|at| at <= now)).map(|(id, _)| id)
    }

    /// Queues them.
    fn wake(&mut self, now: UnixMs) {
        let due: Vec<RunId> = self.due(now).cloned().collect();
        for id in due {
            if let Some(parked) = self.parked.remove(&id) {
                let tenant = parked.live.run.tenant.clone();
                self.queue.entry(tenant).or_default().push_back(Job::Parked(parked.live));
            }
        }
    }

    /// How long nothing happens by itself.
    fn pause(&self, now: UnixMs) -> Duration {
        let next = self.parked.values().filter_map(|p| p.wake_at).chain([self.search_at]).chain(self.answers_at).min();
        let ms = next.map_or(SEARCH_MS, |at| at.since_ms(now)).clamp(1, SEARCH_MS);
        Duration::from_millis(u64::try_from(ms).unwrap_or(1))
    }

    fn settle(&mut self, end: Result<(tokio::task::Id, End), tokio::task::JoinError>, now: UnixMs) {
        let (id, live, rest) = match end {
            Ok((task, end)) => {
                self.driven.remove(&task);
                end
            }
            Err(error) => {
                // Its run is not lost: the next search finds it in the store.
                tracing::error!(%error, "driving a run broke off");
                if let Some(id) = self.driven.remove(&error.id()) {
                    self.known.remove(&id);
                }
                return;
            }
        };
        match (rest, *live) {
            (Ok(Rest::Over), _) => {
                self.known.remove(&id);
            }
            (Ok(Rest::Waits { wake_at, questions }), Some(live)) => {
                let votes = live_votes(&live);
                self.parked.insert(id, Parked { live: Box::new(live), wake_at, questions, votes });
            }
            (Ok(Rest::Stopped), _) | (Ok(Rest::Waits { .. }), None) => {
                self.known.remove(&id);
            }
            (Err(error), _) => {
                tracing::error!(run = %id, %error, "a run cannot go on now; it is read again from its log");
                self.known.remove(&id);
                self.search_at = self.search_at.max(now.plus_ms(SEARCH_MS));
            }
        }
    }
}

/// Answers that the run has taken.
fn live_votes(live: &Live) -> usize {
    let approvals = live.state.steps.values().filter_map(|s| s.approval.as_ref());
    let open = approvals.filter(|a| a.answer == casemate_playbook::Answer::Waiting);
    open.map(|a| a.decisions.len()).sum()
}

#[cfg(test)]
mod tests {
    use casemate_store::model::{Run, RunState, TenantId};
    use serde_json::Value;

    use super::{Board, Job};

    #[test]
    fn tenants_take_turns() {
        let mut board = Board::new();
        for (tenant, runs) in [("a", 5), ("b", 1), ("c", 2)] {
            for n in 0..runs {
                let run = Run {
                    id: format!("{tenant}{n}").as_str().into(),
                    idempotency_key: String::new(),
                    tenant: tenant.into(),
                    case: "case-1".into(),
                    playbook_name: String::new(),
                    playbook_digest: String::new(),
                    playbook: Value::Null,
                    input: Value::Null,
                    state: RunState::Running,
                    started_at: casemate_finding::UnixMs(0),
                    updated_at: casemate_finding::UnixMs(0),
                };
                board.queue.entry(TenantId(tenant.into())).or_default().push_back(Job::Fresh(Box::new(run)));
            }
        }
        let order: String = std::iter::from_fn(|| board.next().map(|job| job.tenant().to_owned())).collect();
        assert_eq!(order, "abcacaaa", "the one run of b does not wait for the five of a");
    }
}
