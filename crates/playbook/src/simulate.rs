//! Runs a playbook on recorded answers instead of connectors: `casemate playbook simulate`, `test` and `replay`.

use std::collections::BTreeMap;

use casemate_finding::UnixMs;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::actions::action;
use crate::extension::is_default;
use crate::limits::Limits;
use crate::program::Program;
use crate::run::{ActionOutcome, Command, Event, RunOutcome, RunState, advance, pending, wake_at};
use crate::source::SourceError;

/// A recorded answer of an action.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mock {
    /// It happens, and this is what the target answers; the catalogue's sample if nothing here says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// It does not happen, for this reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fail: Option<String>,
    /// With `fail`: true if trying again may help.
    #[serde(default, skip_serializing_if = "is_default")]
    pub retryable: bool,
    /// It happens, but nobody can say so for this reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
}

/// Answers by action, one after the other; the last one stays.
pub type Mocks = BTreeMap<String, Vec<Mock>>;

/// What people answer to requests for approval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Approvals {
    /// Enough people agree.
    #[default]
    Approve,
    /// The first one says no.
    Deny,
    /// Nobody answers.
    Ignore,
}

/// Something that was carried out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Performed {
    /// Place of the step.
    pub place: String,
    /// Name of the action.
    pub action: String,
    /// Its arguments.
    pub args: Value,
    /// Milliseconds since the start.
    pub after_ms: i64,
}

/// A simulated run.
#[derive(Clone, Debug, PartialEq)]
pub struct Simulation {
    /// Its log.
    pub events: Vec<Event>,
    /// Where it ended.
    pub state: RunState,
    /// What was carried out, in order.
    pub performed: Vec<Performed>,
    /// Why it could not go on, if it did not finish.
    pub stuck: Option<String>,
}

/// Runs a program on `mocks` from a simulated midnight in 2026. `input` is what [`crate::run_input`] makes.
pub fn simulate(program: &Program, input: Value, mocks: &Mocks, approvals: Approvals) -> Simulation {
    let start = UnixMs(1_767_225_600_000);
    let first = program.start("simulation", input, &Map::new(), "simulation", start);
    let mut s = Simulation { events: Vec::new(), state: RunState::default(), performed: Vec::new(), stuck: None };
    s.take(first);
    let mut now = start;
    let mut calls: BTreeMap<String, usize> = BTreeMap::new();
    // Each turn records at least one event, and the limits on instances and attempts bound those.
    for _ in 0..1_000_000 {
        s.events.extend(advance(program, &mut s.state, now));
        if s.state.is_finished() {
            return s;
        }
        let answers: Vec<Event> = pending(&s.state)
            .into_iter()
            .flat_map(|command| s.answer(command, mocks, approvals, &mut calls, start, now))
            .collect();
        if answers.is_empty() {
            match wake_at(&s.state) {
                Some(at) => now = at.max(now),
                None => {
                    s.stuck = Some("nothing moves it: no timer, no command".to_owned());
                    return s;
                }
            }
        }
        for event in answers {
            s.take(event);
        }
        now = now.plus_ms(1);
    }
    s.stuck = Some("it did not end within a million turns".to_owned());
    s
}

impl Simulation {
    fn take(&mut self, event: Event) {
        if self.state.apply(&event).is_ok() {
            self.events.push(event);
        }
    }

    fn answer(
        &mut self,
        command: Command,
        mocks: &Mocks,
        approvals: Approvals,
        calls: &mut BTreeMap<String, usize>,
        start: UnixMs,
        now: UnixMs,
    ) -> Vec<Event> {
        match command {
            Command::Perform { place, index, attempt, key, action, args, .. } => {
                let result = next_answer(&action, mocks, calls);
                self.performed.push(Performed { place: place.clone(), action, args, after_ms: now.since_ms(start) });
                vec![Event::ActionResult { place, index, attempt, key, result, by: None, at: now }]
            }
            // In a simulation what was left unknown did happen.
            Command::Verify { place, index, attempt, key, action, .. } => {
                let result = ActionOutcome::Done { output: sample(&action) };
                vec![Event::ActionResult { place, index, attempt, key, result, by: None, at: now }]
            }
            Command::AskPerson { place, index, attempt, key, action, .. } => {
                let result = next_answer(&action, mocks, calls);
                let by = Some("simulated analyst".to_owned());
                vec![Event::ActionResult { place, index, attempt, key, result, by, at: now }]
            }
            Command::RequestApproval { place, need, .. } => {
                let people = match approvals {
                    Approvals::Ignore => 0,
                    Approvals::Deny => 1,
                    Approvals::Approve => need.need,
                };
                let role = need.roles.first().cloned().unwrap_or_default();
                let decide = |n: u32| Event::ApprovalDecided {
                    place: place.clone(),
                    digest: need.digest.clone(),
                    approve: approvals == Approvals::Approve,
                    by: format!("simulated {role} {}", n + 1),
                    role: role.clone(),
                    comment: String::new(),
                    at: now,
                };
                (0..people.min(100)).map(decide).collect()
            }
        }
    }

    /// Names of the steps with this state, in the order in which they began.
    pub fn steps_that_are(&self, status: &str) -> Vec<&str> {
        self.state.timeline().filter(|s| s.status.as_str() == status).map(|s| s.slug.as_str()).collect()
    }
}

fn next_answer(name: &str, mocks: &Mocks, calls: &mut BTreeMap<String, usize>) -> ActionOutcome {
    let call = calls.entry(name.to_owned()).or_insert(0);
    let mock = mocks.get(name).and_then(|list| list.get(*call).or_else(|| list.last())).cloned().unwrap_or_default();
    *call += 1;
    match mock {
        Mock { fail: Some(message), retryable, .. } => ActionOutcome::Failed { message, retryable },
        Mock { unknown: Some(message), .. } => ActionOutcome::Unknown { message },
        Mock { output, .. } => ActionOutcome::Done { output: output.unwrap_or_else(|| sample(name)) },
    }
}

fn sample(name: &str) -> Value {
    action(name).and_then(|a| serde_json::from_str(a.sample).ok()).unwrap_or_else(|| Value::Object(Map::new()))
}

/// What two simulations of the same case do differently, one line each: what a changed playbook would have decided.
pub fn differences(before: &Simulation, after: &Simulation) -> Vec<String> {
    let mut out = Vec::new();
    let end =
        |s: &Simulation| s.state.outcome.map_or_else(|| "unfinished".to_owned(), |o| format!("{o:?}").to_lowercase());
    if end(before) != end(after) {
        out.push(format!("outcome: {} → {}", end(before), end(after)));
    }
    let list =
        |s: &Simulation| -> Vec<String> { s.performed.iter().map(|p| format!("{} {}", p.action, p.args)).collect() };
    let (was, is) = (list(before), list(after));
    out.extend(was.iter().filter(|line| !is.contains(line)).map(|line| format!("no longer: {line}")));
    out.extend(is.iter().filter(|line| !was.contains(line)).map(|line| format!("now: {line}")));
    out
}

/// Tests of one playbook, as `NAME.test.yaml` beside it holds them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestFile {
    /// Name of the playbook.
    pub playbook: String,
    /// The tests.
    pub tests: Vec<TestCase>,
}

/// One test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestCase {
    /// What it shows.
    pub name: String,
    /// Members of `case` that differ from a case of tier 2 and severity high without entities.
    #[serde(default)]
    pub case: Map<String, Value>,
    /// The alert.
    #[serde(default)]
    pub alert: Map<String, Value>,
    /// Recorded answers.
    #[serde(default)]
    pub mocks: Mocks,
    /// What people answer.
    #[serde(default)]
    pub approvals: Approvals,
    /// What must come of it.
    pub expect: Expect,
}

/// What must come of a test; what is left out is not looked at.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// What the run comes to.
    #[serde(default)]
    pub outcome: Option<RunOutcome>,
    /// Names of the actions that are carried out, in order, all of them.
    #[serde(default)]
    pub performed: Option<Vec<String>>,
    /// Steps and their states.
    #[serde(default)]
    pub steps: BTreeMap<String, String>,
}

/// How a test went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CaseResult {
    /// Name of the test.
    pub name: String,
    /// What differs from what must be; empty if it passed.
    pub failures: Vec<String>,
}

/// Reads a test file.
///
/// # Errors
/// Why it is none, with line and column.
pub fn parse_tests(text: &str, limits: &Limits) -> Result<TestFile, SourceError> {
    crate::source::parse_yaml_as(text, limits)
}

/// Runs tests.
pub fn run_tests(program: &Program, file: &TestFile) -> Vec<CaseResult> {
    file.tests.iter().map(|test| CaseResult { name: test.name.clone(), failures: run_one(program, test) }).collect()
}

fn run_one(program: &Program, test: &TestCase) -> Vec<String> {
    let facts = crate::input::CaseFacts {
        id: "test",
        tenant: "test",
        title: &test.name,
        severity: casemate_finding::Severity::High,
        tier: 2,
        risk: 0.5,
        rung: "",
        entities: &[],
    };
    let mut input = crate::input::run_input(&facts, &Value::Object(test.alert.clone()));
    if let Some(Value::Object(case)) = input.get_mut("case") {
        for (name, value) in &test.case {
            match (case.get_mut(name), value) {
                (Some(Value::Object(known)), Value::Object(given)) => known.extend(given.clone()),
                _ => {
                    case.insert(name.clone(), value.clone());
                }
            }
        }
    }
    let s = simulate(program, input, &test.mocks, test.approvals);
    let mut failures = Vec::new();
    failures.extend(s.stuck.clone());
    if let Some(expected) = test.expect.outcome
        && s.state.outcome != Some(expected)
    {
        failures.push(format!("outcome is {:?} ({}), not {expected:?}", s.state.outcome, s.state.reason));
    }
    if let Some(expected) = &test.expect.performed {
        let performed: Vec<&str> = s.performed.iter().map(|p| p.action.as_str()).collect();
        if performed != expected.iter().map(String::as_str).collect::<Vec<_>>() {
            failures.push(format!("performed {}, not {}", performed.join(", "), expected.join(", ")));
        }
    }
    for (slug, expected) in &test.expect.steps {
        let of = s.state.timeline().filter(|step| step.slug == *slug).last();
        let status = of.map_or("absent", |step| step.status.as_str());
        if status != expected {
            let why = of.map_or("", |step| step.error.as_str());
            failures.push(format!("step `{slug}` is {status}, not {expected} {why}"));
        }
    }
    failures
}
