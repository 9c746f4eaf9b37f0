//! Deterministic simulation: random playbooks, crashes at random moments, answers that come twice or late. No effect
//! happens twice, and the run ends as it would have without.

mod support;
#[path = "support/world.rs"]
mod world;

use std::collections::BTreeMap;

use casemate_finding::{Severity, UnixMs};
use casemate_playbook::{
    ActionOutcome, CaseFacts, Command, Event, Level, Limits, Mode, Program, RunState, advance, compile, lint, pending,
    run_input, wake_at,
};
use serde_json::{Map, Value};
use support::{Maker, Rng};
use world::{World, hash};

/// What a run came to, without places in time.
#[derive(Debug, PartialEq)]
struct End {
    outcome: String,
    steps: BTreeMap<String, (String, Value)>,
    vars: Map<String, Value>,
    effects: Vec<String>,
}

struct Driver<'a> {
    program: &'a Program,
    /// What survives a crash.
    log: Vec<Event>,
    state: RunState,
    world: World,
    now: UnixMs,
    rng: Rng,
    crashes_left: u32,
    crashed: u32,
    duplicates: bool,
}

impl Driver<'_> {
    /// True if the process dies here; everything but the log and the world is lost.
    fn crash(&mut self) -> bool {
        if self.crashes_left == 0 || !self.rng.percent(12) {
            return false;
        }
        self.crashes_left -= 1;
        self.crashed += 1;
        self.state = RunState::fold(&self.log);
        self.now = self.now.plus_ms(1 + i64::try_from(self.rng.below(5_000)).expect("fits"));
        self.take(Event::RunResumed { at: self.now });
        true
    }

    /// Checks an event from outside, writes it, and delivers it again if that is what happens today.
    fn take(&mut self, event: Event) {
        if self.state.apply(&event).is_ok() {
            self.log.push(event.clone());
        }
        // "Unknown" once more is an answer to a second question, and cannot be told from a duplicate: it only counts.
        let countable = matches!(
            event,
            Event::RunResumed { .. } | Event::ActionResult { result: ActionOutcome::Unknown { .. }, .. }
        );
        if self.duplicates && !countable && self.rng.percent(30) {
            let before = self.state.clone();
            assert!(self.state.apply(&event).is_err(), "a duplicate was taken: {event:?}");
            assert_eq!(before, self.state, "a refused event changed something");
        }
    }

    fn run(mut self) -> (End, u32) {
        let facts = CaseFacts {
            id: "c-1",
            tenant: "t",
            title: "${not.a.template} '; drop",
            severity: Severity::High,
            tier: 2,
            risk: 0.5,
            rung: "",
            entities: &[],
        };
        let input = run_input(&facts, &serde_json::json!({"title": "x"}));
        let first = self.program.start("run-1", input, &Map::new(), "triage", self.now);
        self.take(first);
        for _ in 0..200_000 {
            // Steps since the last write are lost in a crash before it is durable.
            let before = self.log.len();
            let events = advance(self.program, &mut self.state, self.now);
            if self.crash() {
                continue;
            }
            self.log.extend(events);
            if self.log.len() > before && self.crash() {
                continue;
            }
            if self.state.is_finished() {
                return self.finish();
            }
            // Some requests nobody answers; time passes only when there is nothing else to do.
            let mut commands = pending(&self.state);
            commands.retain(
                |c| !matches!(c, Command::RequestApproval { need, .. } if hash(&need.digest).is_multiple_of(10)),
            );
            if commands.is_empty() {
                self.now =
                    wake_at(&self.state).expect("a run that waits for nothing is stuck").max(self.now.plus_ms(1));
                continue;
            }
            let command = self.rng.pick(&commands).clone();
            self.carry_out(command);
            self.now = self.now.plus_ms(1);
        }
        panic!("the run does not end");
    }

    fn carry_out(&mut self, command: Command) {
        let at = self.now;
        let answer =
            |place, index, attempt, key, result, by| Event::ActionResult { place, index, attempt, key, result, by, at };
        match command {
            Command::Perform { place, index, attempt, key, action, args, mode, .. } => {
                let result = self.world.perform(&key, &action, &args, mode);
                if self.crash() {
                    return;
                }
                self.take(answer(place, index, attempt, key, result, None));
            }
            Command::Verify { place, index, attempt, key, .. } => {
                let result = self.world.ask(&key);
                self.take(answer(place, index, attempt, key, result, None));
            }
            Command::AskPerson { place, index, attempt, key, action, .. } => {
                let result = if action == "manual" { World::by_hand(&key) } else { self.world.ask(&key) };
                self.take(answer(place, index, attempt, key, result, Some("ann".into())));
            }
            Command::RequestApproval { place, need, .. } => {
                // People answer by what they see, which is the digest.
                for who in 0..need.need {
                    self.take(Event::ApprovalDecided {
                        place: place.clone(),
                        digest: need.digest.clone(),
                        approve: hash(&need.digest) % 10 > 2,
                        by: format!("person {who}"),
                        role: "analyst".into(),
                        comment: String::new(),
                        at,
                    });
                }
            }
        }
        self.crash();
    }

    fn finish(self) -> (End, u32) {
        for (key, count) in &self.world.effects {
            assert!(*count <= 1, "effect {key} happened {count} times");
        }
        assert_eq!(RunState::fold(&self.log), self.state, "the log gives the state");
        let steps = self
            .state
            .steps
            .iter()
            .map(|(place, s)| {
                let mut output = s.output.clone();
                if let (true, Value::Array(items)) = (s.kind == "compensation", &mut output) {
                    // What ran in parallel is taken back in the order in which it was done, which may differ.
                    items.sort_by_key(Value::to_string);
                }
                (place.clone(), (format!("{:?} {}", s.status, s.error), output))
            })
            .collect();
        let end = End {
            outcome: format!("{:?} {}", self.state.outcome, self.state.reason),
            steps,
            vars: self.state.vars.clone(),
            effects: self.world.done.into_iter().collect(),
        };
        (end, self.crashed)
    }
}

fn program(seed: u64) -> Program {
    let playbook = compile(&Maker::playbook(seed)).unwrap_or_else(|p| panic!("seed {seed}: {p:?}"));
    let errors: Vec<_> = lint(&playbook).into_iter().filter(|p| p.level == Level::Error).collect();
    assert!(errors.is_empty(), "seed {seed}: {errors:?}");
    Program::compile(&playbook, &[], &Limits::DEFAULT).unwrap_or_else(|p| panic!("seed {seed}: {p:?}"))
}

fn drive(program: &Program, seed: u64, crashes: u32, duplicates: bool) -> (End, u32) {
    Driver {
        program,
        log: Vec::new(),
        state: RunState::default(),
        world: World::default(),
        now: UnixMs(1_000),
        rng: Rng(seed),
        crashes_left: crashes,
        crashed: 0,
        duplicates,
    }
    .run()
}

/// Prints the seed if the test below it fails.
struct Seed(u64);

impl Drop for Seed {
    #[expect(clippy::print_stderr, reason = "a failing seed must be seen")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("failing seed: {}", self.0);
        }
    }
}

#[test]
fn no_effect_twice_and_the_same_end_whatever_crashes() {
    let (mut crashes, mut effects, mut outcomes) = (0, 0, BTreeMap::new());
    for seed in 0..120 {
        let _seed = Seed(seed);
        let program = program(seed);
        let (calm, _) = drive(&program, 0, 0, false);
        effects += calm.effects.len();
        *outcomes.entry(calm.outcome.split(' ').next().unwrap_or_default().to_owned()).or_insert(0) += 1;
        for weather in 1..=8 {
            let (end, crashed) = drive(&program, seed * 31 + weather, 12, true);
            crashes += crashed;
            assert_eq!(end, calm, "seed {seed}, weather {weather}");
        }
    }
    // The play must have been worth its while.
    assert!(crashes > 4_000, "{crashes} crashes");
    assert!(effects > 500, "{effects} effects");
    assert!(outcomes.len() >= 2, "{outcomes:?}");
}

#[test]
fn every_mode_is_met() {
    let mut modes = BTreeMap::new();
    for seed in 0..60 {
        let program = program(seed);
        let mut state = RunState::default();
        let facts = CaseFacts {
            id: "c",
            tenant: "t",
            title: "",
            severity: Severity::Low,
            tier: 3,
            risk: 0.0,
            rung: "",
            entities: &[],
        };
        let first = program.start("r", run_input(&facts, &Value::Null), &Map::new(), "x", UnixMs(0));
        state.apply(&first).expect("starts");
        advance(&program, &mut state, UnixMs(0));
        for command in state.steps.values().flat_map(|s| &s.commands) {
            *modes.entry(command.command.mode).or_insert(0) += 1;
        }
    }
    for mode in [Mode::Idempotent, Mode::Verify, Mode::AtMostOnce] {
        assert!(modes.contains_key(&mode), "{modes:?}");
    }
}
