//! Where a run stands: the fold of its events.

use std::collections::{BTreeMap, BTreeSet};

use casemate_finding::UnixMs;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::extension::{Phase, Retry};
use crate::run::event::{ApprovalNeed, ResolvedCommand, RunOutcome};

/// The state of one run. Made by [`RunState::apply`] alone; serialisable, so that a long log can be cut short.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunState {
    /// Id of the run; empty before it started.
    pub run: String,
    /// Digest of the playbook that it runs.
    pub playbook: String,
    /// The playbook's name.
    pub name: String,
    /// Where it stands.
    pub status: RunStatus,
    /// What it came to, once finished.
    pub outcome: Option<RunOutcome>,
    /// Why, if not well.
    pub reason: String,
    /// Who or what started it.
    pub started_by: String,
    /// Who cancelled it.
    pub cancelled_by: Option<String>,
    /// When it started.
    pub started: Option<UnixMs>,
    /// When it ended.
    pub ended: Option<UnixMs>,
    /// `case` and `alert`, as expressions see them.
    pub input: Value,
    /// Variables.
    pub vars: Map<String, Value>,
    /// Outputs and states by step name, as expressions see them; of a step in a loop, the latest.
    pub outputs: Map<String, Value>,
    /// Step instances by place.
    pub steps: BTreeMap<String, StepState>,
    /// Places in the order in which they began.
    pub order: Vec<String>,
    /// Scopes by name; the run itself is the empty name.
    pub scopes: BTreeMap<String, ScopeState>,
    /// How many events were applied.
    pub events: u64,
    /// Places that have not ended.
    pub(crate) open: BTreeSet<String>,
    /// Scopes with a step to enter.
    pub(crate) ready: BTreeSet<String>,
    /// Places whose commands were done, in that order, to compensate backwards.
    pub(crate) done: Vec<(String, usize)>,
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// There is no [`crate::Event::RunStarted`] yet.
    #[default]
    NotStarted,
    /// On its way.
    Running,
    /// It failed, and is taking back what it did.
    Compensating,
    /// Over.
    Finished,
}

/// A sequence of steps: the run itself, a branch, a turn of a loop, a called playbook.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ScopeState {
    /// Place of the step that opened it.
    pub owner: Option<String>,
    /// The step to enter next.
    pub next: Option<String>,
    /// What `item` is in it.
    pub item: Option<Value>,
    /// True once it is over.
    pub ended: bool,
    /// Why it failed.
    pub error: Option<String>,
}

/// Where a step instance stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    /// Waits for its delay.
    Delayed,
    /// Waits for people to agree.
    AwaitingApproval,
    /// On its way.
    Running,
    /// Ended well.
    Done,
    /// Ended badly.
    Failed,
    /// People, or the want of them, said no.
    Denied,
}

impl StepStatus {
    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delayed => "delayed",
            Self::AwaitingApproval => "awaiting_approval",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Denied => "denied",
        }
    }
}

/// One step instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepState {
    /// Names it within the run.
    pub place: String,
    /// The scope that it runs in.
    pub scope: String,
    /// Id of the step in the playbook.
    pub id: String,
    /// Short name.
    pub slug: String,
    /// Name for people.
    pub name: String,
    /// Its phase.
    pub phase: Option<Phase>,
    /// CACAO type, or `compensation`.
    pub kind: String,
    /// Where it stands.
    pub status: StepStatus,
    /// When it began.
    pub started: Option<UnixMs>,
    /// When it ended.
    pub ended: Option<UnixMs>,
    /// Until when it is delayed.
    pub until: Option<UnixMs>,
    /// Its commands.
    pub commands: Vec<CommandState>,
    /// How failed commands are tried again.
    pub retry: Retry,
    /// True if the output is a list.
    pub many: bool,
    /// Who must agree, and who did.
    pub approval: Option<ApprovalState>,
    /// What was decided, for control steps.
    pub decision: String,
    /// Scopes that it opened.
    pub branches: Vec<String>,
    /// What it gave.
    pub output: Value,
    /// Why it failed or was denied.
    pub error: String,
}

/// One command of a step instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CommandState {
    /// The exact command.
    pub command: ResolvedCommand,
    /// Where it stands.
    pub status: CommandStatus,
    /// Attempts so far.
    pub attempts: u32,
    /// How often nobody could say whether it happened.
    pub unknowns: u32,
    /// What it gave.
    pub output: Value,
    /// Why it failed last.
    pub error: String,
}

/// Where a command stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum CommandStatus {
    /// Nothing was done.
    Ready,
    /// Its intent is recorded, no result yet.
    Intended,
    /// It is not known whether it happened.
    Uncertain,
    /// It did not happen, and may be tried again.
    Retryable {
        /// When it failed.
        at: UnixMs,
    },
    /// It will be tried again.
    Backoff {
        /// When.
        until: UnixMs,
    },
    /// It happened.
    Done,
    /// It did not happen, and will not be tried again.
    Failed,
}

/// Who must agree to a step, and who did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalState {
    /// What is needed.
    pub need: ApprovalNeed,
    /// Who decided, in order.
    pub decisions: Vec<Decision>,
    /// What it came to.
    pub answer: Answer,
}

/// What an approval came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Still open.
    Waiting,
    /// Enough people agreed, or the playbook goes on without.
    Granted,
    /// Somebody said no.
    Denied,
    /// Nobody answered, which the playbook takes as a no.
    Lapsed,
    /// Nobody answered, which the playbook takes as a failure.
    Expired,
}

/// One person's decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Who.
    pub by: String,
    /// In which role.
    pub role: String,
    /// Agreed or not.
    pub approve: bool,
    /// What they said.
    pub comment: String,
    /// When.
    pub at: UnixMs,
}

impl RunState {
    /// The state after these events, from nothing. Events that are refused (duplicates, late answers) change nothing.
    pub fn fold<'a>(events: impl IntoIterator<Item = &'a crate::Event>) -> Self {
        let mut state = Self::default();
        for event in events {
            let _refused = state.apply(event);
        }
        state
    }

    /// True once the run is over.
    pub fn is_finished(&self) -> bool {
        self.status == RunStatus::Finished
    }

    /// The steps in the order in which they began: the console's view of the run.
    pub fn timeline(&self) -> impl Iterator<Item = &StepState> {
        self.order.iter().filter_map(|place| self.steps.get(place))
    }

    /// The `item` of a scope: its own, or that of the nearest scope around it.
    pub(crate) fn item(&self, scope: &str) -> Option<&Value> {
        let mut scope = self.scopes.get(scope)?;
        loop {
            if scope.item.is_some() {
                return scope.item.as_ref();
            }
            let owner = self.steps.get(scope.owner.as_ref()?)?;
            scope = self.scopes.get(&owner.scope)?;
        }
    }
}

impl StepState {
    /// Attempts over all its commands.
    pub fn attempts(&self) -> u32 {
        self.commands.iter().map(|c| c.attempts).sum()
    }

    /// What it waits for, in one phrase for people; none if it is over or on its way.
    pub fn waiting_for(&self) -> Option<String> {
        match self.status {
            StepStatus::Delayed => self.until.map(|until| format!("delay until {until}")),
            StepStatus::AwaitingApproval => self.approval.as_ref().map(|a| {
                let given = a.decisions.iter().filter(|d| d.approve).count();
                let (need, roles) = (a.need.need, a.need.roles.join(" or "));
                format!("approval by {roles}: {given} of {need}, until {}", a.need.expires)
            }),
            StepStatus::Running => self.commands.iter().find_map(|c| match c.status {
                CommandStatus::Backoff { until } => Some(format!("next attempt of {} at {until}", c.command.action)),
                CommandStatus::Uncertain => Some(format!("word whether {} happened", c.command.action)),
                CommandStatus::Intended => Some(format!("the result of {}", c.command.action)),
                _ => None,
            }),
            StepStatus::Done | StepStatus::Failed | StepStatus::Denied => None,
        }
    }
}
