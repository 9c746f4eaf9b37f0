//! A run for reading: the playbook's steps by phase, each with how far it has come, and the log.

use std::collections::{HashMap, HashSet, VecDeque};

use casemate_finding::UnixMs;
use casemate_playbook::{CommandStatus, Event, Phase, Playbook, RunState, Step, StepKind, StepState, StepStatus};
use casemate_store::model::{Run, RunEvent};
use serde::Serialize;
use serde_json::Value;

use super::run_log::LogLine;
use crate::words;

/// How far a step has come, as drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Walk {
    /// Not reached yet.
    Pending,
    /// On its way.
    Running,
    /// Waits for people, a delay or another attempt.
    Waiting,
    /// Ended well.
    Done,
    /// Ended badly.
    Failed,
    /// People said no.
    Denied,
    /// The run is over and never came here.
    Skipped,
}

impl Walk {
    /// The wire name; also the class in the stylesheet.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Denied => "denied",
            Self::Skipped => "skipped",
        }
    }

    /// A sign that says the same without colour.
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Pending => "○",
            Self::Running => "▸",
            Self::Waiting => "‖",
            Self::Done => "✓",
            Self::Failed => "✕",
            Self::Denied => "⊘",
            Self::Skipped => "–",
        }
    }

    /// True if the run came here.
    pub const fn reached(self) -> bool {
        !matches!(self, Self::Pending | Self::Skipped)
    }
}

/// One command of a step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CommandView {
    /// Name of the action.
    pub action: String,
    /// Its arguments, on one line.
    pub args: String,
    /// Where it stands.
    pub status: String,
    /// Attempts so far.
    pub attempts: u32,
    /// What it gave, or why it failed, on one line.
    pub result: String,
}

/// One step of the playbook.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepView {
    /// Id in the playbook.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// CACAO type.
    pub kind: String,
    /// Its phase.
    pub phase: Phase,
    /// How far it has come.
    pub walk: Walk,
    /// How often it began (loops, branches).
    pub times: usize,
    /// Attempts over all commands.
    pub attempts: u32,
    /// When it began last.
    pub started_at: Option<UnixMs>,
    /// When it ended last.
    pub ended_at: Option<UnixMs>,
    /// What it waits for, decided or gave, or why it failed, on one line.
    pub summary: String,
    /// Its commands.
    pub commands: Vec<CommandView>,
}

impl StepView {
    /// How long it took, for people.
    pub fn took(&self) -> Option<String> {
        Some(words::duration_ms(self.ended_at?.since_ms(self.started_at?).max(0)))
    }
}

/// A way from one step to another; both are positions in [`RunView::steps`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Edge {
    /// From.
    pub from: usize,
    /// To.
    pub to: usize,
    /// When it is taken; empty for always.
    pub label: String,
    /// True for the way that a failure takes.
    pub upset: bool,
}

/// A run, or a playbook that has not run, for reading.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RunView {
    /// Steps by phase, then in the order in which they are reached.
    pub steps: Vec<StepView>,
    /// Ways between them.
    pub edges: Vec<Edge>,
    /// What happened, oldest first.
    pub log: Vec<LogLine>,
    /// Why it came to what it came to, if not well.
    pub reason: String,
    /// False if the playbook or an event could not be read; what could be is shown.
    pub complete: bool,
}

/// Length of summaries, in characters.
pub(super) const SUMMARY_CHARS: usize = 240;

impl RunView {
    /// A playbook as it stands, before any run.
    pub fn of_playbook(cacao: &Value) -> Self {
        let mut out = Self { complete: true, ..Self::default() };
        match serde_json::from_value::<Playbook>(cacao.clone()) {
            Ok(playbook) => out.lay(&playbook),
            Err(_) => out.complete = false,
        }
        out
    }

    /// A run after these events.
    pub fn of(run: &Run, events: &[RunEvent]) -> Self {
        let mut out = Self::of_playbook(&run.playbook);
        let mut known = Vec::with_capacity(events.len());
        for e in events {
            let event = serde_json::from_value::<Event>(e.event.clone()).ok();
            out.log.push(LogLine::of(e, event.as_ref()));
            out.complete &= event.is_some();
            known.extend(event);
        }
        let state = RunState::fold(&known);
        out.reason.clone_from(&state.reason);
        let over = run.state.is_final();
        for step in &mut out.steps {
            let instances: Vec<&StepState> = state.timeline().filter(|s| s.id == step.id).collect();
            step.times = instances.len();
            step.attempts = instances.iter().map(|s| s.attempts()).sum();
            match instances.last() {
                Some(last) => step.fill(last, over),
                None if over => step.walk = Walk::Skipped,
                None => {}
            }
        }
        for extra in state.timeline().filter(|s| s.kind == "compensation") {
            let mut step = StepView::empty(&extra.id, &extra.name, &extra.kind, Phase::Handoff);
            step.times = 1;
            step.attempts = extra.attempts();
            step.fill(extra, over);
            out.steps.push(step);
        }
        out
    }

    /// Steps of one phase.
    pub fn of_phase(&self, phase: &Phase) -> Vec<&StepView> {
        self.steps.iter().filter(|s| s.phase == *phase).collect()
    }

    /// Every phase in order, with its steps; phases without steps are there too.
    pub fn phases(&self) -> Vec<(Phase, Vec<&StepView>)> {
        Phase::ALL.into_iter().map(|p| (p, self.of_phase(&p))).collect()
    }

    fn lay(&mut self, playbook: &Playbook) {
        // Breadth first from the start, so that rows follow the order in which steps are reached.
        let mut order: Vec<(String, Phase)> = Vec::new();
        let mut seen = HashSet::new();
        // What only a failure leads to comes last.
        let mut upset_later = VecDeque::new();
        let mut queue = VecDeque::from([(playbook.workflow_start.clone(), Phase::Trigger)]);
        if let Some(exception) = &playbook.workflow_exception {
            queue.push_back((exception.clone(), Phase::Handoff));
        }
        while let Some((id, before)) = queue.pop_front().or_else(|| upset_later.pop_front()) {
            let Some(step) = playbook.workflow.get(&id) else { continue };
            if !seen.insert(id.clone()) {
                continue;
            }
            let phase =
                phase_of(step).unwrap_or(if matches!(step.kind, StepKind::End) { Phase::Handoff } else { before });
            for (next, _, upset) in ways(step) {
                if upset { upset_later.push_back((next, phase)) } else { queue.push_back((next, phase)) }
            }
            order.push((id, phase));
        }
        let ends = |id: &str| playbook.workflow.get(id).is_some_and(|s| matches!(s.kind, StepKind::End));
        order.sort_by_key(|(id, phase)| (*phase, ends(id)));
        let at: HashMap<&str, usize> = order.iter().enumerate().map(|(i, (id, _))| (id.as_str(), i)).collect();
        for (from, (id, phase)) in order.iter().enumerate() {
            let Some(step) = playbook.workflow.get(id) else { continue };
            let kind = step.kind.as_str();
            let name = step.name.clone().unwrap_or_else(|| words::plain(kind));
            self.steps.push(StepView::empty(id, &name, kind, *phase));
            for (next, label, upset) in ways(step) {
                if let Some(to) = at.get(next.as_str()) {
                    self.edges.push(Edge { from, to: *to, label, upset });
                }
            }
        }
    }
}

fn phase_of(step: &Step) -> Option<Phase> {
    let extension = step.step_extensions.get(&casemate_playbook::extension_id())?;
    extension.get("phase").and_then(|p| serde_json::from_value(p.clone()).ok())
}

/// Where a step leads: to which step, when, and whether that is the way of a failure.
fn ways(step: &Step) -> Vec<(String, String, bool)> {
    let branches: Vec<(String, &String)> = match &step.kind {
        StepKind::Parallel { next_steps } => next_steps.iter().map(|id| (String::new(), id)).collect(),
        StepKind::IfCondition { on_true, on_false, .. } => std::iter::once(("yes".to_owned(), on_true))
            .chain(on_false.iter().map(|id| ("no".to_owned(), id)))
            .collect(),
        StepKind::WhileCondition { on_true, .. } => vec![("while it holds".to_owned(), on_true)],
        StepKind::SwitchCondition { cases, .. } => cases.iter().map(|(case, id)| (case.clone(), id)).collect(),
        _ => Vec::new(),
    };
    let after = step.followers().into_iter().map(|(member, id)| {
        let upset = member == "on_failure";
        (id.to_owned(), if upset { "on failure".to_owned() } else { String::new() }, upset)
    });
    branches.into_iter().map(|(label, id)| (id.clone(), label, false)).chain(after).collect()
}

impl StepView {
    fn empty(id: &str, name: &str, kind: &str, phase: Phase) -> Self {
        Self {
            id: id.to_owned(),
            name: name.to_owned(),
            kind: kind.to_owned(),
            phase,
            walk: Walk::Pending,
            times: 0,
            attempts: 0,
            started_at: None,
            ended_at: None,
            summary: String::new(),
            commands: Vec::new(),
        }
    }

    fn fill(&mut self, s: &StepState, over: bool) {
        let waits = s.waiting_for();
        self.walk = match s.status {
            StepStatus::Done => Walk::Done,
            StepStatus::Failed => Walk::Failed,
            StepStatus::Denied => Walk::Denied,
            _ if over => Walk::Skipped,
            StepStatus::Delayed | StepStatus::AwaitingApproval => Walk::Waiting,
            StepStatus::Running if s.commands.iter().any(|c| matches!(c.status, CommandStatus::Backoff { .. })) => {
                Walk::Waiting
            }
            StepStatus::Running => Walk::Running,
        };
        self.started_at = s.started;
        self.ended_at = s.ended;
        self.summary = if !s.error.is_empty() {
            words::cut(&s.error, SUMMARY_CHARS)
        } else if let Some(waits) = waits {
            format!("waits for {waits}")
        } else if !s.decision.is_empty() {
            format!("decided: {}", words::cut(&s.decision, SUMMARY_CHARS))
        } else {
            words::one_line(&s.output, SUMMARY_CHARS)
        };
        self.commands = s
            .commands
            .iter()
            .map(|c| CommandView {
                action: c.command.action.clone(),
                args: words::one_line(&c.command.args, SUMMARY_CHARS),
                status: status_word(c.status).to_owned(),
                attempts: c.attempts,
                result: if c.error.is_empty() {
                    words::one_line(&c.output, SUMMARY_CHARS)
                } else {
                    words::cut(&c.error, SUMMARY_CHARS)
                },
            })
            .collect();
    }
}

const fn status_word(status: CommandStatus) -> &'static str {
    match status {
        CommandStatus::Ready => "ready",
        CommandStatus::Intended => "under way",
        CommandStatus::Uncertain => "uncertain",
        CommandStatus::Retryable { .. } | CommandStatus::Backoff { .. } => "will be tried again",
        CommandStatus::Done => "done",
        CommandStatus::Failed => "failed",
    }
}
