//! What can happen to a run. The log of these is the truth; everything else is computed from it.

use casemate_finding::UnixMs;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::extension::{Mode, OnExpiry, Phase, Retry};

/// One entry of a run's log. [`crate::advance`] makes most of them; those marked *from outside* are made by whoever drives
/// the run, and checked by [`crate::RunState::apply`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// *From outside*, first of all: the run exists. [`crate::Program::start`] makes it.
    RunStarted {
        /// Id of the run.
        run: String,
        /// Digest of the playbook that it runs.
        playbook: String,
        /// The playbook's name.
        name: String,
        /// First step.
        entry: String,
        /// `case` and `alert`, as expressions see them.
        input: Value,
        /// Variables at the start.
        vars: Map<String, Value>,
        /// Who or what started it; may not approve its steps.
        started_by: String,
        /// When.
        at: UnixMs,
    },
    /// A step waits for its `delay`.
    StepDelayed {
        /// The step instance.
        step: StepRef,
        /// Until when.
        until: UnixMs,
        /// When.
        at: UnixMs,
    },
    /// A step began; its commands are fixed from here on.
    StepStarted {
        /// The step instance.
        step: StepRef,
        /// The exact commands, in order; empty for control steps.
        commands: Vec<ResolvedCommand>,
        /// Who must agree first.
        approval: Option<ApprovalNeed>,
        /// How failed commands are tried again.
        retry: Retry,
        /// True if `output` is a list with one item for each command.
        many: bool,
        /// Why the commands could not be made; the step fails with it.
        error: Option<String>,
        /// When.
        at: UnixMs,
    },
    /// A control step opened branches.
    BranchesOpened {
        /// Place of the step.
        place: String,
        /// What was decided, for people: `true`, `case high`, `turn 3`, ….
        decision: String,
        /// Each branch: its scope and its first step.
        branches: Vec<Branch>,
        /// Variables set on the way in.
        vars: Map<String, Value>,
        /// When.
        at: UnixMs,
    },
    /// The effect is about to happen. Must be durable before it does.
    IntentRecorded {
        /// Place of the step.
        place: String,
        /// Which of its commands, from 0.
        index: usize,
        /// Which attempt, from 1.
        attempt: u32,
        /// When.
        at: UnixMs,
    },
    /// *From outside*: what came of an intent, or of asking about it.
    ActionResult {
        /// Place of the step.
        place: String,
        /// Which of its commands.
        index: usize,
        /// Which attempt.
        attempt: u32,
        /// The command's key; a result for another key is refused.
        key: String,
        /// What came of it.
        result: ActionOutcome,
        /// Who said so, if a person was asked.
        by: Option<String>,
        /// When.
        at: UnixMs,
    },
    /// A failed command will be tried again.
    RetryScheduled {
        /// Place of the step.
        place: String,
        /// Which of its commands.
        index: usize,
        /// When it will be.
        until: UnixMs,
        /// When this was decided.
        at: UnixMs,
    },
    /// *From outside*: a person agreed or did not.
    ApprovalDecided {
        /// Place of the step.
        place: String,
        /// The digest that the person saw; another one is refused.
        digest: String,
        /// Agreed or not.
        approve: bool,
        /// Who.
        by: String,
        /// In which role.
        role: String,
        /// What they said.
        comment: String,
        /// When.
        at: UnixMs,
    },
    /// Nobody answered in time.
    ApprovalExpired {
        /// Place of the step.
        place: String,
        /// When.
        at: UnixMs,
    },
    /// A step ended well.
    StepCompleted {
        /// Place of the step.
        place: String,
        /// The step after it; none ends the scope.
        next: Option<String>,
        /// What it gave.
        output: Value,
        /// Variables that it set.
        vars: Map<String, Value>,
        /// When.
        at: UnixMs,
    },
    /// A step ended badly.
    StepFailed {
        /// Place of the step.
        place: String,
        /// Why.
        error: String,
        /// The step that takes over; none fails the scope.
        next: Option<String>,
        /// When.
        at: UnixMs,
    },
    /// People, or the want of them, said no; the playbook goes on.
    StepDenied {
        /// Place of the step.
        place: String,
        /// Who or what denied it.
        reason: String,
        /// The step after it; none ends the scope.
        next: Option<String>,
        /// When.
        at: UnixMs,
    },
    /// The run failed and the playbook's exception step takes over.
    ExceptionEntered {
        /// The exception step.
        first: String,
        /// Why the run failed.
        error: String,
        /// When.
        at: UnixMs,
    },
    /// What was done is being taken back, last first.
    CompensationStarted {
        /// The commands that do it.
        commands: Vec<ResolvedCommand>,
        /// Why.
        error: String,
        /// When.
        at: UnixMs,
    },
    /// *From outside*: the driver was restarted. What was intended and has no result is now uncertain.
    RunResumed {
        /// When.
        at: UnixMs,
    },
    /// *From outside*: a person stopped the run.
    RunCancelled {
        /// Who.
        by: String,
        /// When.
        at: UnixMs,
    },
    /// The run is over.
    RunFinished {
        /// What it came to.
        outcome: RunOutcome,
        /// Why, if not well.
        reason: String,
        /// When.
        at: UnixMs,
    },
}

/// Which step, and where in the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRef {
    /// Names this instance within the run: scope and step name, as `watch/2/limit`.
    pub place: String,
    /// The scope that it runs in; empty for the run itself.
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
}

/// One branch of a control step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Branch {
    /// The scope that it runs in.
    pub scope: String,
    /// Its first step.
    pub first: String,
    /// What `item` is in it.
    pub item: Option<Value>,
}

/// One command as it will be carried out, every value filled in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResolvedCommand {
    /// Name of the action.
    pub action: String,
    /// Its arguments.
    pub args: Value,
    /// Idempotency key: SHA-256 over run, place, index and the canonical command.
    pub key: String,
    /// What may be done when it is not known whether it happened.
    pub mode: Mode,
    /// What takes it back.
    pub undo: Option<ResolvedUndo>,
    /// Milliseconds after which it ends by itself.
    pub lasts_ms: Option<u64>,
    /// Milliseconds that it may take.
    pub timeout_ms: u64,
}

/// What takes a command back, every value filled in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResolvedUndo {
    /// Name of the action.
    pub action: String,
    /// Its arguments.
    pub args: Value,
    /// Its mode.
    pub mode: Mode,
}

/// Who must agree to a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalNeed {
    /// Digest of run, place and the exact commands.
    pub digest: String,
    /// How many different people.
    pub need: u32,
    /// One of these roles each.
    pub roles: Vec<String>,
    /// Until when.
    pub expires: UnixMs,
    /// What no answer means.
    pub on_expiry: OnExpiry,
}

/// What came of a command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum ActionOutcome {
    /// It happened.
    Done {
        /// What the target answered.
        output: Value,
    },
    /// It did not happen.
    Failed {
        /// Why.
        message: String,
        /// True if trying again may help.
        retryable: bool,
    },
    /// It may have happened: a time-out after sending, a broken connection.
    Unknown {
        /// What was seen.
        message: String,
    },
    /// Answer to a verification or a question: it did not happen.
    NotDone,
}

/// What a run came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    /// It reached its end.
    Succeeded,
    /// It failed; what it did stands.
    Failed,
    /// It failed, and what it did was taken back.
    Compensated,
    /// A person stopped it.
    Cancelled,
}
