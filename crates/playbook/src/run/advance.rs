//! What the playbook does next: the pure half of a run.

use casemate_finding::UnixMs;
use serde_json::{Map, Value, json};

use crate::actions::{action as action_spec, settle};
use crate::canonical::{digest_of, json_bytes};
use crate::expression::{ExpressionError, Roots};
use crate::extension::{OnRunFailure, Retry};
use crate::program::{ActionNode, CommandNode, Node, NodeKind, Program, TIMEOUT_MS};
use crate::run::apply::{EXCEPTION_SCOPE, UNDO_PLACE};
use crate::run::event::{ApprovalNeed, Branch, Event, ResolvedCommand, ResolvedUndo, RunOutcome, StepRef};
use crate::run::state::{Answer, CommandStatus, RunState, RunStatus, StepState, StepStatus};
use crate::template::Template;

/// Drives the run as far as it goes without the outside, and returns the events that did it, already applied to `state`.
///
/// Write them to the log, durably and in one transaction, before carrying out anything that [`crate::pending`] asks for: the
/// intents are among them. Nothing here depends on anything but the arguments, so the same log and time give the same
/// events. `program` must be the one whose digest the run was started with.
pub fn advance(program: &Program, state: &mut RunState, now: UnixMs) -> Vec<Event> {
    let mut events = Vec::new();
    while let Some(event) = next_event(program, state, now) {
        if state.apply(&event).is_err() {
            // Only a state that was not made by this program can refuse its event; stopping is all that is safe.
            break;
        }
        events.push(event);
    }
    events
}

fn next_event(program: &Program, state: &RunState, now: UnixMs) -> Option<Event> {
    if !matches!(state.status, RunStatus::Running | RunStatus::Compensating) {
        return None;
    }
    if program.digest != state.playbook {
        let reason = format!("the playbook has changed: the run is bound to {}", state.playbook);
        return Some(Event::RunFinished { outcome: RunOutcome::Failed, reason, at: now });
    }
    if state.status == RunStatus::Compensating {
        return compensation_event(state, now);
    }
    if let Some(by) = &state.cancelled_by {
        return if in_flight(state) {
            None
        } else {
            Some(fail_run(program, state, &format!("cancelled by {by}"), now))
        };
    }
    for place in &state.open {
        if let Some(step) = state.steps.get(place)
            && let Some(event) = drive(program, state, step, now)
        {
            return Some(event);
        }
    }
    if let Some(scope) = state.ready.first() {
        return Some(enter(program, state, scope, now));
    }
    root_event(program, state, now)
}

/// The run itself, or its exception branch, is over.
fn root_event(program: &Program, state: &RunState, now: UnixMs) -> Option<Event> {
    let exception = state.scopes.get(EXCEPTION_SCOPE);
    if exception.is_some_and(|s| s.ended) {
        return Some(fail_run(program, state, &state.reason.clone(), now));
    }
    let root = state.scopes.get("").filter(|s| s.ended && exception.is_none())?;
    Some(match (&root.error, &program.exception) {
        (None, _) => Event::RunFinished { outcome: RunOutcome::Succeeded, reason: String::new(), at: now },
        (Some(error), Some(first)) => Event::ExceptionEntered { first: first.clone(), error: error.clone(), at: now },
        (Some(error), None) => fail_run(program, state, error, now),
    })
}

/// Ends a run that failed: takes back what it did, if its playbook says so and there is something.
fn fail_run(program: &Program, state: &RunState, error: &str, now: UnixMs) -> Event {
    let commands: Vec<ResolvedCommand> = if program.on_failure == OnRunFailure::Compensate {
        let done = state.done.iter().rev();
        done.filter_map(|(place, index)| {
            let undo = state.steps.get(place)?.commands.get(*index)?.command.undo.clone()?;
            Some(ResolvedCommand {
                key: key(&state.run, &format!("{UNDO_PLACE}/{place}"), *index, &undo.action, &undo.args),
                action: undo.action,
                args: undo.args,
                mode: undo.mode,
                undo: None,
                lasts_ms: None,
                timeout_ms: TIMEOUT_MS,
            })
        })
        .collect()
    } else {
        Vec::new()
    };
    let outcome = if state.cancelled_by.is_some() { RunOutcome::Cancelled } else { RunOutcome::Failed };
    if commands.is_empty() {
        Event::RunFinished { outcome, reason: error.to_owned(), at: now }
    } else {
        Event::CompensationStarted { commands, error: error.to_owned(), at: now }
    }
}

fn compensation_event(state: &RunState, now: UnixMs) -> Option<Event> {
    let step = state.steps.get(UNDO_PLACE)?;
    match step.status {
        // One that cannot be taken back must not keep the others from it.
        StepStatus::Running => match drive_commands(step, true, now) {
            Drive::Wait => None,
            Drive::Event(event) => Some(*event),
            Drive::Done => Some(completed(step, None, outputs(step), Map::new(), now)),
            Drive::Failed(error) => Some(Event::StepFailed { place: step.place.clone(), error, next: None, at: now }),
        },
        StepStatus::Done => {
            let outcome = if state.cancelled_by.is_some() { RunOutcome::Cancelled } else { RunOutcome::Compensated };
            Some(Event::RunFinished { outcome, reason: state.reason.clone(), at: now })
        }
        _ => {
            let reason = format!("{}; taking back what was done failed too: {}", state.reason, step.error);
            Some(Event::RunFinished { outcome: RunOutcome::Failed, reason, at: now })
        }
    }
}

fn in_flight(state: &RunState) -> bool {
    let commands = state.open.iter().filter_map(|p| state.steps.get(p)).flat_map(|s| &s.commands);
    commands.into_iter().any(|c| matches!(c.status, CommandStatus::Intended | CommandStatus::Uncertain))
}

/// Starts the next step of a scope.
fn enter(program: &Program, state: &RunState, scope: &str, now: UnixMs) -> Event {
    let failed = |reason: String| Event::RunFinished { outcome: RunOutcome::Failed, reason, at: now };
    let id = state.scopes.get(scope).and_then(|s| s.next.clone()).unwrap_or_default();
    let Some(node) = program.nodes.get(&id) else { return failed(format!("there is no step `{id}`")) };
    let place = if scope.is_empty() { node.slug.clone() } else { format!("{scope}/{}", node.slug) };
    if state.steps.contains_key(&place) {
        return failed(format!("step `{place}` is reached twice in one scope: the workflow runs in a circle"));
    }
    if state.steps.len() >= program.limits.instances_max {
        return failed(format!("more than {} steps were run", program.limits.instances_max));
    }
    if place.matches('/').count() > program.limits.depth_max {
        return failed(format!("scopes lie more than {} deep at `{place}`", program.limits.depth_max));
    }
    let step = StepRef {
        place,
        scope: scope.to_owned(),
        id,
        slug: node.slug.clone(),
        name: node.name.clone(),
        phase: node.phase,
        kind: node.type_name.to_owned(),
    };
    if node.delay_ms > 0 {
        return Event::StepDelayed { step, until: now.plus_ms(node.delay_ms), at: now };
    }
    start(program, state, node, step, now)
}

fn start(program: &Program, state: &RunState, node: &Node, step: StepRef, now: UnixMs) -> Event {
    let mut started = Event::StepStarted {
        commands: Vec::new(),
        approval: None,
        retry: Retry::DEFAULT,
        many: false,
        error: None,
        at: now,
        step,
    };
    if let NodeKind::Action(action) = &node.kind
        && let Event::StepStarted { step, commands, approval, retry, many, error, .. } = &mut started
    {
        *retry = action.retry;
        *many = action.for_each.is_some() || action.commands.len() != 1;
        match resolve(program, state, action, step, now) {
            Ok((resolved, need)) => (*commands, *approval) = (resolved, need),
            Err(why) => *error = Some(why),
        }
    }
    started
}

/// Fills in the commands of a step, for every item if it has a for-each.
fn resolve(
    program: &Program,
    state: &RunState,
    action: &ActionNode,
    step: &StepRef,
    now: UnixMs,
) -> Result<(Vec<ResolvedCommand>, Option<ApprovalNeed>), String> {
    let seen = Seen::of(state, &step.scope);
    let mut commands = Vec::new();
    let why = |e: ExpressionError| e.to_string();
    match &action.for_each {
        None => {
            for command in &action.commands {
                commands.push(render(program, state, action, step, command, &seen.roots(), commands.len())?);
            }
        }
        Some(list) => {
            let Value::Array(items) = list.evaluate(&seen.roots(), &program.limits).map_err(why)? else {
                return Err(format!("`{}` gives no list", list.source()));
            };
            if items.len() > program.limits.items_max {
                return Err(format!("{} items; the limit is {}", items.len(), program.limits.items_max));
            }
            for item in &items {
                let mut roots = seen.roots();
                roots.insert("item", item);
                for command in &action.commands {
                    commands.push(render(program, state, action, step, command, &roots, commands.len())?);
                }
            }
        }
    }
    let asks = match &action.approval {
        _ if commands.is_empty() => None,
        None => None,
        Some((approval, None)) => Some(approval),
        Some((approval, Some(when))) => when.holds(&seen.roots(), &program.limits).map_err(why)?.then_some(approval),
    };
    let need = asks.map(|approval| ApprovalNeed {
        digest: commands_digest(&state.run, &step.place, &commands),
        need: approval.need,
        roles: approval.roles.clone(),
        expires: now.plus_ms(i64::try_from(approval.expires_ms).unwrap_or(i64::MAX)),
        on_expiry: approval.on_expiry,
    });
    Ok((commands, need))
}

fn render(
    program: &Program,
    state: &RunState,
    action: &ActionNode,
    step: &StepRef,
    command: &CommandNode,
    roots: &Roots<'_>,
    index: usize,
) -> Result<ResolvedCommand, String> {
    let limits = &program.limits;
    let fill = |name: &str, template: &Template| {
        let args = template.render(roots, limits).map_err(|e| e.to_string())?;
        // Actions of packs are not in the catalogue; their connector checks its arguments itself.
        match action_spec(name) {
            Some(spec) => settle(spec, args),
            None => Ok(args),
        }
    };
    let args = fill(&command.action, &command.args)?;
    let bytes = json_bytes(&args);
    if bytes > limits.value_bytes_max {
        return Err(format!(
            "the arguments of `{}` are {bytes} bytes; the limit is {}",
            command.action, limits.value_bytes_max
        ));
    }
    let undo = match &command.undo {
        None => None,
        Some((name, args, mode)) => Some(ResolvedUndo { action: name.clone(), args: fill(name, args)?, mode: *mode }),
    };
    Ok(ResolvedCommand {
        key: key(&state.run, &step.place, index, &command.action, &args),
        action: command.action.clone(),
        args,
        mode: command.mode,
        undo,
        lasts_ms: action.lasts_ms,
        timeout_ms: action.timeout_ms,
    })
}

/// Idempotency key of a command: SHA-256 over run, place (which holds the iteration), index and the canonical command.
fn key(run: &str, place: &str, index: usize, action: &str, args: &Value) -> String {
    digest_of(&json!([run, place, index, {"action": action, "args": args}]))
}

/// What an approval is bound to: SHA-256 over run, place and the canonical commands, containment durations included.
pub fn commands_digest(run: &str, place: &str, commands: &[ResolvedCommand]) -> String {
    let list: Vec<Value> =
        commands.iter().map(|c| json!({"action": c.action, "args": c.args, "lasts_ms": c.lasts_ms})).collect();
    digest_of(&json!([run, place, list]))
}

/// What an open step does next; none if it waits.
fn drive(program: &Program, state: &RunState, step: &StepState, now: UnixMs) -> Option<Event> {
    let Some(node) = program.nodes.get(&step.id) else {
        let reason = format!("there is no step `{}`", step.id);
        return Some(Event::RunFinished { outcome: RunOutcome::Failed, reason, at: now });
    };
    if step.status == StepStatus::Delayed {
        return step.until.is_some_and(|until| now >= until).then(|| start(program, state, node, ref_of(step), now));
    }
    if step.started.is_some() && !step.error.is_empty() {
        return Some(failed(node, step, step.error.clone(), now));
    }
    match &node.kind {
        NodeKind::Start => Some(completed(step, node.on_success.clone(), Value::Null, Map::new(), now)),
        NodeKind::End => Some(completed(step, None, Value::Null, Map::new(), now)),
        NodeKind::Action(_) => drive_action(node, step, now),
        _ => drive_control(program, state, node, step, now),
    }
}

fn drive_action(node: &Node, step: &StepState, now: UnixMs) -> Option<Event> {
    if let Some(approval) = &step.approval {
        let denied = |reason: String| Event::StepDenied {
            place: step.place.clone(),
            reason,
            next: node.on_failure.clone().or_else(|| node.on_success.clone()),
            at: now,
        };
        match approval.answer {
            Answer::Waiting if now >= approval.need.expires => {
                return Some(Event::ApprovalExpired { place: step.place.clone(), at: now });
            }
            Answer::Waiting => return None,
            Answer::Granted => {}
            Answer::Denied => {
                let by = approval.decisions.iter().rev().find(|d| !d.approve).map_or("somebody", |d| d.by.as_str());
                return Some(denied(format!("denied by {by}")));
            }
            Answer::Lapsed => return Some(denied("nobody answered in time".to_owned())),
            Answer::Expired => return Some(failed(node, step, "nobody approved it in time".to_owned(), now)),
        }
    }
    match drive_commands(step, false, now) {
        Drive::Wait => None,
        Drive::Event(event) => Some(*event),
        Drive::Failed(error) => Some(failed(node, step, error, now)),
        Drive::Done => {
            let output = outputs(step);
            let mut vars = Map::new();
            if let Some(name) = &node.output {
                vars.insert(name.clone(), output.clone());
            }
            Some(completed(step, node.on_success.clone(), output, vars, now))
        }
    }
}

enum Drive {
    Wait,
    Event(Box<Event>),
    Done,
    Failed(String),
}

/// The commands of a step, one after the other; past those that failed, if the others are to be done all the same.
fn drive_commands(step: &StepState, past_failures: bool, now: UnixMs) -> Drive {
    let place = || step.place.clone();
    let mut failures = Vec::new();
    for (index, c) in step.commands.iter().enumerate() {
        let intent = || {
            Drive::Event(Box::new(Event::IntentRecorded { place: place(), index, attempt: c.attempts + 1, at: now }))
        };
        return match c.status {
            CommandStatus::Done => continue,
            CommandStatus::Ready => intent(),
            CommandStatus::Backoff { until } if now >= until => intent(),
            CommandStatus::Intended | CommandStatus::Uncertain | CommandStatus::Backoff { .. } => Drive::Wait,
            CommandStatus::Retryable { at } => {
                let until = at.plus_ms(step.retry.wait_ms(c.attempts));
                Drive::Event(Box::new(Event::RetryScheduled { place: place(), index, until, at: now }))
            }
            CommandStatus::Failed => {
                let why = format!("{}: {}", c.command.action, c.error);
                if past_failures {
                    failures.push(why);
                    continue;
                }
                Drive::Failed(why)
            }
        };
    }
    if failures.is_empty() {
        return Drive::Done;
    }
    failures.sort();
    Drive::Failed(failures.join("; "))
}

fn outputs(step: &StepState) -> Value {
    if step.many {
        Value::Array(step.commands.iter().map(|c| c.output.clone()).collect())
    } else {
        step.commands.first().map_or(Value::Null, |c| c.output.clone())
    }
}

/// Control steps: decide once, open branches, wait for them, go on.
fn drive_control(program: &Program, state: &RunState, node: &Node, step: &StepState, now: UnixMs) -> Option<Event> {
    let opened: Vec<_> = step.branches.iter().filter_map(|name| state.scopes.get(name)).collect();
    if opened.iter().any(|scope| !scope.ended) {
        return None;
    }
    if let Some(error) = opened.iter().find_map(|scope| scope.error.clone()) {
        return Some(failed(node, step, error, now));
    }
    let ok = || Some(completed(step, node.on_success.clone(), Value::from(step.decision.as_str()), Map::new(), now));
    let is_loop = matches!(node.kind, NodeKind::While { .. });
    if !step.branches.is_empty() && !is_loop {
        return ok();
    }
    let seen = Seen::of(state, &step.scope);
    match decide(program, node, step, &seen, now) {
        Ok(Some(event)) => Some(event),
        Ok(None) => ok(),
        Err(why) => Some(failed(node, step, why, now)),
    }
}

/// The branches that a control step opens now; none if it opens no (more) branch.
fn decide(program: &Program, node: &Node, step: &StepState, seen: &Seen, now: UnixMs) -> Result<Option<Event>, String> {
    let limits = &program.limits;
    let why = |e: ExpressionError| e.to_string();
    let branch = |name: String, first: &String, item: Option<Value>| Branch {
        scope: format!("{}/{name}", step.place),
        first: first.clone(),
        item,
    };
    let mut set = Map::new();
    let (decision, branches) = match &node.kind {
        NodeKind::If { condition, on_true, on_false } => {
            let holds = condition.holds(&seen.roots(), limits).map_err(why)?;
            let taken = if holds { Some(on_true) } else { on_false.as_ref() };
            (holds.to_string(), taken.map(|first| branch(holds.to_string(), first, None)).into_iter().collect())
        }
        NodeKind::Switch { value, cases } => {
            let value = match value.evaluate(&seen.roots(), limits).map_err(why)? {
                Value::String(text) => text,
                other => other.to_string(),
            };
            let (name, taken) = match (cases.get_key_value(&value), cases.get_key_value("default")) {
                (Some((name, first)), _) | (None, Some((name, first))) => (name.as_str(), Some(first)),
                (None, None) => ("no case", None),
            };
            (format!("case {name}"), taken.map(|first| branch(name.to_owned(), first, None)).into_iter().collect())
        }
        NodeKind::While { condition, on_true, max } => {
            let turn = step.decision.strip_prefix("turn ").and_then(|n| n.parse::<u32>().ok()).unwrap_or(0);
            if !condition.holds(&seen.roots(), limits).map_err(why)? {
                return Ok(None);
            }
            if turn >= *max {
                return Err(format!("the loop's condition still holds after {max} turns"));
            }
            (format!("turn {}", turn + 1), vec![branch(turn.to_string(), on_true, Some(Value::from(turn)))])
        }
        NodeKind::Parallel { branches } => {
            let all = branches.iter().enumerate().map(|(i, first)| branch(i.to_string(), first, None));
            (format!("{} branches", branches.len()), all.collect())
        }
        NodeKind::Call { entry, vars, with } => {
            set.clone_from(vars);
            for (name, value) in with {
                set.insert(name.clone(), value.evaluate(&seen.roots(), limits).map_err(why)?);
            }
            ("called".to_owned(), vec![branch("run".to_owned(), entry, None)])
        }
        NodeKind::Start | NodeKind::End | NodeKind::Action(_) => return Ok(None),
    };
    if branches.is_empty() {
        // Nothing to do in this case is a decision too, and goes into the output.
        let done = completed(step, node.on_success.clone(), Value::from(decision), Map::new(), now);
        return Ok(Some(done));
    }
    Ok(Some(Event::BranchesOpened { place: step.place.clone(), decision, branches, vars: set, at: now }))
}

fn completed(step: &StepState, next: Option<String>, output: Value, vars: Map<String, Value>, now: UnixMs) -> Event {
    Event::StepCompleted { place: step.place.clone(), next, output, vars, at: now }
}

fn failed(node: &Node, step: &StepState, error: String, now: UnixMs) -> Event {
    Event::StepFailed { place: step.place.clone(), error, next: node.on_failure.clone(), at: now }
}

fn ref_of(step: &StepState) -> StepRef {
    StepRef {
        place: step.place.clone(),
        scope: step.scope.clone(),
        id: step.id.clone(),
        slug: step.slug.clone(),
        name: step.name.clone(),
        phase: step.phase,
        kind: step.kind.clone(),
    }
}

/// What expressions see of a run.
struct Seen {
    case: Value,
    alert: Value,
    vars: Value,
    steps: Value,
    run: Value,
    item: Option<Value>,
}

impl Seen {
    fn of(state: &RunState, scope: &str) -> Self {
        let input = |name: &str| state.input.get(name).cloned().unwrap_or(Value::Null);
        Self {
            case: input("case"),
            alert: input("alert"),
            vars: Value::Object(state.vars.clone()),
            steps: Value::Object(state.outputs.clone()),
            run: json!({"id": state.run, "playbook": state.name, "started_ms": state.started}),
            item: state.item(scope).cloned(),
        }
    }

    fn roots(&self) -> Roots<'_> {
        let mut roots: Roots<'_> = [
            ("case", &self.case),
            ("alert", &self.alert),
            ("vars", &self.vars),
            ("steps", &self.steps),
            ("run", &self.run),
        ]
        .into();
        if let Some(item) = &self.item {
            roots.insert("item", item);
        }
        roots
    }
}
