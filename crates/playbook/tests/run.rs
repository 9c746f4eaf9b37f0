//! The interpreter, one behaviour at a time.

use casemate_finding::{Entity, EntityKind, Severity, UnixMs};
use casemate_playbook::{
    ActionOutcome, Approvals, CaseFacts, Command, Event, Limits, Mock, Mocks, Playbook, Program, Refused, RunOutcome,
    RunState, Simulation, advance, compile, parse_yaml, pending, run_input, simulate, wake_at,
};
use serde_json::{Map, Value, json};

fn playbook(text: &str) -> Playbook {
    let source = parse_yaml(text, &Limits::DEFAULT).unwrap_or_else(|e| panic!("{e}\n{text}"));
    compile(&source).unwrap_or_else(|p| panic!("{p:?}"))
}

fn program(steps: &str, head: &str) -> Program {
    let text = format!("playbook: p\ntitle: T\n{head}\nsteps:\n{steps}");
    Program::compile(&playbook(&text), &[], &Limits::DEFAULT).unwrap_or_else(|p| panic!("{p:?}"))
}

fn input() -> Value {
    let entities = [Entity::new(EntityKind::Range, "10.0.0.0/24"), Entity::new(EntityKind::Key, "k-1")];
    let case = CaseFacts {
        id: "c-1",
        tenant: "t",
        title: "T",
        severity: Severity::High,
        tier: 1,
        risk: 0.5,
        rung: "",
        entities: &entities,
    };
    run_input(&case, &json!({"title": "a", "confidence": 0.9}))
}

fn sim(steps: &str, head: &str, mocks: Value, approvals: Approvals) -> Simulation {
    let mocks: Mocks = serde_json::from_value(mocks).expect("mocks");
    let s = simulate(&program(steps, head), input(), &mocks, approvals);
    assert_eq!(s.stuck, None);
    assert_eq!(RunState::fold(&s.events), s.state, "the log gives the state");
    s
}

fn calm(steps: &str, head: &str) -> Simulation {
    sim(steps, head, json!({}), Approvals::Approve)
}

/// A run driven by hand.
struct Hand {
    program: Program,
    state: RunState,
    now: UnixMs,
}

impl Hand {
    fn new(steps: &str) -> Self {
        let program = program(steps, "");
        let mut state = RunState::default();
        let start = program.start("r-1", input(), &Map::new(), "ann", UnixMs(0));
        state.apply(&start).expect("starts");
        let mut hand = Self { program, state, now: UnixMs(0) };
        hand.go();
        hand
    }

    fn go(&mut self) -> Vec<Event> {
        advance(&self.program, &mut self.state, self.now)
    }

    fn result(&self, place: &str, attempt: u32, result: ActionOutcome) -> Event {
        let key = self.state.steps[place].commands[0].command.key.clone();
        Event::ActionResult { place: place.into(), index: 0, attempt, key, result, by: None, at: self.now }
    }

    fn status(&self, place: &str) -> &str {
        self.state.steps.get(place).map_or("absent", |s| s.status.as_str())
    }
}

const NOTE: &str = "  - step: note\n    action: case.note\n    args: {text: '${case.id}'}\n";

fn done(output: Value) -> ActionOutcome {
    ActionOutcome::Done { output }
}

#[test]
fn values_reach_the_command_with_their_type_and_outputs_come_back() {
    let s = sim(
        "  - step: look\n    action: inventory.lookup\n    args: {entities: '${[{\"kind\": \"key\", \"value\": case.entities.key[0]}]}'}\n    output: asset\n\
         \x20 - step: note\n    action: case.note\n    args: {text: 'tier ${vars.asset.tier} ${steps.look.output.owner}'}\n",
        "",
        json!({"inventory.lookup": [{"output": {"tier": 2, "owner": "fraud"}}]}),
        Approvals::Approve,
    );
    assert_eq!(s.performed[0].args, json!({"entities": [{"kind": "key", "value": "k-1"}]}));
    assert_eq!(s.performed[1].args, json!({"text": "tier 2 fraud"}));
    assert_eq!(s.state.outcome, Some(RunOutcome::Succeeded));
}

#[test]
fn branches_loops_and_switches() {
    let body = |name: &str| format!("[{{step: {name}, action: case.note, args: {{text: '${{item}}'}}}}]");
    let s = calm(
        &format!(
            "  - step: w\n    while: '!(\"n\" in steps) || int(steps.n.output.x) < 0'\n    max_iterations: 3\n    do: {}\n    optional: true\n{NOTE}",
            body("n")
        ),
        "",
    );
    // The condition cannot be decided once the output lacks `x`: the loop fails, and is optional.
    assert_eq!((s.performed.len(), s.steps_that_are("failed")), (2, vec!["w"]));
    assert_eq!(s.performed[0].args, json!({"text": "0"}));
    let s = calm(&format!("  - step: w\n    while: 'true'\n    max_iterations: 3\n    do: {}\n", body("n")), "");
    assert_eq!((s.performed.len(), s.state.outcome), (3, Some(RunOutcome::Failed)));
    assert!(s.state.reason.contains("after 3 turns"), "{}", s.state.reason);
    let switch = |on: &str| {
        calm(
            &format!(
                "  - step: s\n    switch: {on}\n    cases: {{high: {0}, default: {0}2]}}\n",
                "[{step: a, action: case.note, args: {text: hit}}]"
            )
            .replace("]2]", "]")
            .replace(
                "step: a, action: case.note, args: {text: hit}}]}",
                "step: b, action: case.note, args: {text: other}}]}",
            ),
            "",
        )
    };
    assert_eq!(switch("case.severity").performed[0].args, json!({"text": "hit"}));
    assert_eq!(switch("case.tier").performed[0].args, json!({"text": "other"}));
}

#[test]
fn parallel_branches_all_run_and_one_failure_fails_the_step() {
    let steps = "  - step: p\n    parallel:\n      - [{step: a, action: case.note, args: {text: a}}]\n      - [{step: b, action: gateway.lift, args: {target: {kind: key, value: k}}}, {step: c, action: case.note, args: {text: c}}]\n    on_failure: h\n  - jump: end\n  - step: h\n    action: case.handoff\n    args: {summary: s}\n";
    let s = sim(steps, "", json!({"gateway.lift": [{"fail": "no"}]}), Approvals::Approve);
    assert_eq!(s.steps_that_are("done"), ["start", "a", "end", "h", "end"]);
    assert_eq!((s.steps_that_are("failed"), s.state.outcome), (vec!["p", "b"], Some(RunOutcome::Succeeded)));
}

#[test]
fn a_for_each_makes_one_command_for_each_item_and_its_own_key() {
    let steps =
        "  - step: f\n    for_each: '[1, 2, 1]'\n    action: case.note\n    args: {text: '${item}'}\n    output: all\n";
    let s = calm(steps, "");
    let keys: std::collections::BTreeSet<_> = s.state.steps["f"].commands.iter().map(|c| &c.command.key).collect();
    assert_eq!((keys.len(), s.performed.len()), (3, 3));
    assert_eq!(s.state.vars["all"].as_array().map(Vec::len), Some(3));
    assert_eq!(calm(&steps.replace("[1, 2, 1]", "[]"), "").state.outcome, Some(RunOutcome::Succeeded));
    let many = |n: usize| calm(&steps.replace("[1, 2, 1]", &format!("[{}]", vec!["1"; n].join(","))), "").state.outcome;
    assert_eq!((many(200), many(201)), (Some(RunOutcome::Succeeded), Some(RunOutcome::Failed)));
}

#[test]
fn a_failure_is_tried_again_with_doubling_waits_then_fails() {
    let steps = "  - step: note\n    action: case.note\n    args: {text: x}\n    retry: {attempts: 3, backoff: 10s, backoff_max: 15s}\n";
    let s = sim(steps, "", json!({"case.note": [{"fail": "busy", "retryable": true}]}), Approvals::Approve);
    let times: Vec<i64> = s.performed.iter().map(|p| p.after_ms / 1_000).collect();
    assert_eq!(times, [0, 10, 25]);
    assert_eq!((s.state.outcome, s.state.reason.as_str()), (Some(RunOutcome::Failed), "case.note: busy"));
    let s = sim(steps, "", json!({"case.note": [{"fail": "no such case"}]}), Approvals::Approve);
    assert_eq!(s.performed.len(), 1, "what cannot help is not tried again");
}

#[test]
fn compensation_undoes_backwards_and_goes_past_what_cannot_be_undone() {
    let limit = |name: &str, value: &str| {
        format!(
            "  - step: {name}\n    action: gateway.limit\n    args: {{target: {{kind: key, value: {value}}}, per_minute: 1}}\n    undo: {{action: gateway.lift, args: {{target: {{kind: key, value: {value}}}}}}}\n    lasts: 1h\n"
        )
    };
    let steps =
        format!("{}{}  - step: no\n    action: case.note\n    args: {{text: x}}\n", limit("a", "k1"), limit("b", "k2"));
    let fail = json!({"case.note": [{"fail": "no"}]});
    let s = sim(&steps, "on_failure: compensate", fail.clone(), Approvals::Approve);
    let lifted: Vec<&str> =
        s.performed[3..].iter().map(|p| p.args["target"]["value"].as_str().expect("text")).collect();
    assert_eq!((lifted, s.state.outcome), (vec!["k2", "k1"], Some(RunOutcome::Compensated)));
    let broken = json!({"case.note": [{"fail": "no"}], "gateway.lift": [{"fail": "gone"}, {}]});
    let s = sim(&steps, "on_failure: compensate", broken, Approvals::Approve);
    assert_eq!((s.performed.len(), s.state.outcome), (5, Some(RunOutcome::Failed)));
    assert!(s.state.reason.contains("gone"), "{}", s.state.reason);
    let s = sim(&steps, "", fail, Approvals::Approve);
    assert_eq!((s.performed.len(), s.state.outcome), (3, Some(RunOutcome::Failed)));
}

#[test]
fn an_exception_step_takes_over_a_failed_run() {
    let steps = "  - step: note\n    action: case.note\n    args: {text: x}\n  - jump: end\n  - step: oops\n    action: case.handoff\n    args: {summary: 'failed: ${steps.note.error}'}\n";
    let s = sim(steps, "exception: oops", json!({"case.note": [{"fail": "no"}]}), Approvals::Approve);
    assert_eq!(s.performed[1].args, json!({"summary": "failed: case.note: no"}));
    assert_eq!(s.state.outcome, Some(RunOutcome::Failed));
}

#[test]
fn another_playbook_runs_to_its_end_with_what_it_is_given() {
    let called = playbook(
        "playbook: inner\ntitle: I\nvariables: {who: {value: nobody}}\nsteps:\n  - step: say\n    action: case.note\n    args: {text: '${vars.who}'}\n",
    );
    let outer = playbook(
        "playbook: outer\ntitle: O\nsteps:\n  - step: call\n    run: inner\n    with: {who: case.id}\n  - step: after\n    action: case.note\n    args: {text: '${steps.say.status}'}\n",
    );
    let program = Program::compile(&outer, &[called], &Limits::DEFAULT).expect("compiles");
    let s = simulate(&program, input(), &Mocks::new(), Approvals::Approve);
    let texts: Vec<&Value> = s.performed.iter().map(|p| &p.args["text"]).collect();
    assert_eq!(texts, [&json!("c-1"), &json!("done")]);
    let own = playbook("playbook: own\ntitle: O\nsteps:\n  - step: call\n    run: own\n");
    let problems = Program::compile(&own, std::slice::from_ref(&own), &Limits::DEFAULT).expect_err("refused");
    assert!(problems.iter().any(|p| p.code == "playbook-recursion"), "{problems:?}");
}

const ASK: &str = "  - step: act\n    action: case.note\n    args: {text: x}\n    approval: {need: 2, roles: [analyst, approver], expires: 1h}\n";

fn decide(hand: &Hand, by: &str, role: &str, approve: bool) -> Event {
    let digest = hand.state.steps["act"].approval.as_ref().expect("asks").need.digest.clone();
    Event::ApprovalDecided {
        place: "act".into(),
        digest,
        approve,
        by: by.into(),
        role: role.into(),
        comment: String::new(),
        at: hand.now,
    }
}

#[test]
fn an_approval_counts_people_who_may_and_only_for_what_they_saw() {
    let mut hand = Hand::new(ASK);
    assert_eq!(hand.status("act"), "awaiting_approval");
    assert!(matches!(&pending(&hand.state)[..], [Command::RequestApproval { need, .. }] if need.need == 2));
    let refused = |hand: &mut Hand, event: Event| hand.state.apply(&event).expect_err("refused");
    let event = decide(&hand, "bob", "viewer", true);
    assert!(matches!(refused(&mut hand, event), Refused::RoleNotAllowed { .. }));
    let event = decide(&hand, "ann", "analyst", true);
    assert!(matches!(refused(&mut hand, event), Refused::OwnRequest { .. }));
    let Event::ApprovalDecided { place, approve, by, role, comment, at, .. } = decide(&hand, "bob", "analyst", true)
    else {
        return;
    };
    let other = Event::ApprovalDecided { place, digest: "sha256:00".into(), approve, by, role, comment, at };
    assert!(matches!(refused(&mut hand, other), Refused::DigestMismatch { .. }));
    let event = decide(&hand, "bob", "analyst", true);
    hand.state.apply(&event).expect("counts");
    assert!(matches!(refused(&mut hand, event), Refused::AlreadyDecided { .. }));
    assert!(hand.go().is_empty(), "one of two is not enough");
    let event = decide(&hand, "eve", "approver", true);
    hand.state.apply(&event).expect("counts");
    assert!(matches!(&hand.go()[..], [Event::IntentRecorded { .. }]));
    let event = decide(&hand, "kim", "approver", true);
    assert!(matches!(refused(&mut hand, event), Refused::NotWaiting { .. }));
}

#[test]
fn one_no_is_a_no_and_the_playbook_goes_on() {
    let mut hand = Hand::new(&format!("{ASK}{NOTE}"));
    let event = decide(&hand, "ann", "analyst", false);
    hand.state.apply(&event).expect("who asked may still say no");
    hand.go();
    assert_eq!((hand.status("act"), hand.status("note")), ("denied", "running"));
}

#[test]
fn an_approval_expires_on_the_millisecond() {
    for (on_expiry, act) in [("deny", "denied"), ("fail", "failed"), ("proceed", "running")] {
        let mut hand = Hand::new(&ASK.replace("expires: 1h", &format!("expires: 1h, on_expiry: {on_expiry}")));
        assert_eq!(wake_at(&hand.state), Some(UnixMs(3_600_000)));
        hand.now = UnixMs(3_599_999);
        assert!(hand.go().is_empty());
        hand.now = UnixMs(3_600_000);
        let event = decide(&hand, "bob", "analyst", true);
        assert!(matches!(hand.state.apply(&event), Err(Refused::Expired { .. })));
        hand.go();
        assert_eq!(hand.status("act"), act, "{on_expiry}");
    }
}

#[test]
fn an_approval_may_depend_on_the_tier() {
    let steps = ASK.replace("expires: 1h", "expires: 1h, when: case.tier > 1");
    assert_eq!(Hand::new(&steps).status("act"), "running");
    assert_eq!(Hand::new(&steps.replace("> 1", "== 1")).status("act"), "awaiting_approval");
}

#[test]
fn after_a_crash_the_mode_decides() {
    for mode in ["idempotent", "verify", "at_most_once"] {
        let mut hand = Hand::new(&NOTE.replace("    args", &format!("    mode: {mode}\n    args")));
        assert!(matches!(&pending(&hand.state)[..], [Command::Perform { .. }]));
        hand.state.apply(&Event::RunResumed { at: hand.now }).expect("resumes");
        let asked = pending(&hand.state);
        match (mode, &asked[..]) {
            ("idempotent", [Command::Perform { attempt: 1, .. }])
            | ("verify", [Command::Verify { .. }])
            | ("at_most_once", [Command::AskPerson { .. }]) => {}
            _ => panic!("{mode}: {asked:?}"),
        }
        let event = hand.result("note", 1, done(json!({})));
        hand.state.apply(&event).expect("settles it");
        hand.go();
        assert_eq!(hand.state.outcome, Some(RunOutcome::Succeeded));
    }
}

#[test]
fn results_for_other_commands_and_attempts_are_refused() {
    let mut hand = Hand::new(NOTE);
    let wrong = Event::ActionResult {
        place: "note".into(),
        index: 0,
        attempt: 1,
        key: "sha256:1".into(),
        result: done(json!(1)),
        by: None,
        at: hand.now,
    };
    assert!(matches!(hand.state.apply(&wrong), Err(Refused::WrongKey { .. })));
    let event = hand.result("note", 2, done(json!(1)));
    assert!(matches!(hand.state.apply(&event), Err(Refused::NotWaiting { .. })));
    let busy = hand.result("note", 1, ActionOutcome::Failed { message: "busy".into(), retryable: true });
    hand.state.apply(&busy).expect("counts");
    hand.go();
    let late = hand.result("note", 1, done(json!("late")));
    hand.state.apply(&late).expect("that it happened is news even during the wait");
    hand.go();
    assert_eq!(
        (hand.state.outcome, hand.state.steps["note"].output.clone()),
        (Some(RunOutcome::Succeeded), json!("late"))
    );
    assert!(matches!(hand.state.apply(&late), Err(Refused::Finished)));
}

#[test]
fn a_manual_step_waits_for_a_person() {
    let mut hand = Hand::new("  - step: m\n    manual: 'Call ${case.id}'\n");
    let [Command::AskPerson { args, .. }] = &pending(&hand.state)[..] else { panic!("{:?}", pending(&hand.state)) };
    assert_eq!(*args, json!({"instruction": "Call ${case.id}"}), "a CACAO command is no template of ours");
    let event = hand.result("m", 1, ActionOutcome::NotDone);
    hand.state.apply(&event).expect("counts");
    hand.go();
    assert_eq!(hand.state.outcome, Some(RunOutcome::Failed));
}

#[test]
fn a_cancelled_run_waits_for_what_is_in_flight_and_starts_nothing() {
    let mut hand = Hand::new(&format!("{NOTE}{}", NOTE.replace("note", "other").replace("case.other", "case.note")));
    hand.state.apply(&Event::RunCancelled { by: "bob".into(), at: hand.now }).expect("cancels");
    assert!(hand.go().is_empty() && !hand.state.is_finished());
    let event = hand.result("note", 1, done(json!({})));
    hand.state.apply(&event).expect("counts");
    hand.go();
    assert_eq!((hand.state.outcome, hand.status("other")), (Some(RunOutcome::Cancelled), "absent"));
}

#[test]
fn delays_wait_and_are_announced() {
    let mut hand = Hand::new(&NOTE.replace("    args", "    delay: 5s\n    args"));
    assert_eq!((hand.status("note"), wake_at(&hand.state)), ("delayed", Some(UnixMs(5_000))));
    assert!(hand.state.steps["note"].waiting_for().is_some_and(|w| w.contains("delay")));
    hand.now = UnixMs(4_999);
    assert!(hand.go().is_empty());
    hand.now = UnixMs(5_000);
    hand.go();
    assert_eq!(hand.status("note"), "running");
}

#[test]
fn another_version_of_the_playbook_ends_the_run() {
    let mut hand = Hand::new(NOTE);
    hand.program = program(&NOTE.replace("case.id", "case.tenant"), "");
    hand.go();
    assert_eq!(hand.state.outcome, Some(RunOutcome::Failed));
    assert!(hand.state.reason.contains("changed"), "{}", hand.state.reason);
}

#[test]
fn instances_are_limited() {
    let text = format!("playbook: p\ntitle: T\nsteps:\n{NOTE}");
    for (instances_max, outcome) in [(3, RunOutcome::Succeeded), (2, RunOutcome::Failed)] {
        let limits = Limits { instances_max, ..Limits::DEFAULT };
        let program = Program::compile(&playbook(&text), &[], &limits).expect("compiles");
        let s = simulate(&program, input(), &Mocks::new(), Approvals::Approve);
        assert_eq!(s.state.outcome, Some(outcome), "{instances_max}");
    }
}

#[test]
fn outputs_too_large_say_so_in_their_place() {
    let large = Value::from("x".repeat(70_000));
    let mocks = Mocks::from([("case.note".to_owned(), vec![Mock { output: Some(large), ..Mock::default() }])]);
    let s = simulate(&program(NOTE, ""), input(), &mocks, Approvals::Approve);
    assert_eq!(s.state.steps["note"].output, json!({"truncated": true, "bytes": 70_002}));
    assert_eq!(s.state.outcome, Some(RunOutcome::Succeeded));
}

#[test]
fn state_and_events_survive_json() {
    let s = calm(&format!("{ASK}{NOTE}"), "");
    let events: Vec<Event> = s
        .events
        .iter()
        .map(|e| serde_json::from_str(&serde_json::to_string(e).expect("writes")).expect("reads"))
        .collect();
    assert_eq!(events, s.events);
    let state: RunState = serde_json::from_str(&serde_json::to_string(&s.state).expect("writes")).expect("reads");
    assert_eq!(state, s.state);
}
