//! What the simulation tests share: a seeded generator and random playbooks.
#![expect(unreachable_pub, reason = "shared by test binaries")]

use std::collections::BTreeMap;

use casemate_playbook::{
    Mode, OnExpiry, OnRunFailure, SourceAction, SourceApproval, SourcePlaybook, SourceRetry, SourceStep,
    SourceVariable, Span, Undo,
};
use serde_json::json;

/// SplitMix64 (Steele et al., 2014).
#[derive(Clone)]
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    pub fn percent(&mut self, p: u64) -> bool {
        self.below(100) < p
    }

    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        let at = usize::try_from(self.below(items.len() as u64)).expect("fits");
        &items[at]
    }
}

/// Makes random playbooks that pass the validator and always end.
pub struct Maker {
    rng: Rng,
    names: usize,
    budget: usize,
    variables: BTreeMap<String, SourceVariable>,
}

const ACTIONS: [&str; 6] =
    ["gateway.limit", "gateway.block", "case.note", "dataset.quarantine", "http.request", "evidence.preserve"];

impl Maker {
    pub fn playbook(seed: u64) -> SourcePlaybook {
        let mut maker = Self { rng: Rng(seed), names: 0, budget: 24, variables: BTreeMap::new() };
        maker.variables.insert(
            "number".into(),
            SourceVariable {
                r#type: Some("integer".into()),
                value: Some(json!(seed % 7)),
                ..SourceVariable::default()
            },
        );
        let mut steps = maker.list(0);
        let exception = maker.rng.percent(20).then(|| {
            let step = maker.action_step();
            let name = step.step.clone();
            steps.push(SourceStep { jump: Some("end".into()), ..SourceStep::default() });
            steps.push(SourceStep { on_failure: None, ..step });
            name.expect("named")
        });
        SourcePlaybook {
            playbook: format!("random-{seed}"),
            title: format!("Random {seed}"),
            on_failure: if maker.rng.percent(50) { OnRunFailure::Compensate } else { OnRunFailure::Keep },
            exception,
            variables: maker.variables,
            steps,
            ..SourcePlaybook::default()
        }
    }

    fn name(&mut self) -> String {
        self.names += 1;
        format!("s{}", self.names)
    }

    fn list(&mut self, depth: usize) -> Vec<SourceStep> {
        let n = 1 + self.rng.below(4);
        let mut steps: Vec<SourceStep> = (0..n).map(|_| self.step(depth)).collect();
        // A step that fails may hand over to a later one of its own list.
        let names: Vec<Option<String>> = steps.iter().map(|s| s.step.clone()).collect();
        for i in 0..steps.len() {
            if !steps[i].optional && !steps[i].end && self.rng.percent(15) && i + 1 < names.len() {
                let later: Vec<String> = names[i + 1..].iter().flatten().cloned().collect();
                steps[i].on_failure = Some(self.rng.pick(&later).clone());
            }
        }
        steps
    }

    fn step(&mut self, depth: usize) -> SourceStep {
        self.budget = self.budget.saturating_sub(1);
        if depth >= 3 || self.budget == 0 || self.rng.percent(60) {
            return self.action_step();
        }
        let mut s = SourceStep { step: Some(self.name()), optional: self.rng.percent(20), ..SourceStep::default() };
        match self.rng.below(4) {
            0 => {
                s.r#if = Some(format!("vars.number > {}", self.rng.below(7)));
                s.then = Some(self.list(depth + 1));
                s.r#else = self.rng.percent(50).then(|| self.list(depth + 1));
            }
            1 => {
                // Whatever an action answers has `n` from 0 to 9: the loop ends, or runs into its limit and fails.
                let mut body = self.action_step();
                let out = format!("v{}", self.names);
                body.output = Some(out.clone());
                body.for_each = None;
                body.actions = None;
                body.manual = None;
                body.action = Some("case.note".into());
                body.args = Some(json!({"text": "turn ${item}"}));
                body.undo = None;
                body.mode = None;
                s.r#while = Some(format!("vars.{out} == null || !has(vars.{out}.n) || vars.{out}.n < 6"));
                s.max_iterations = Some(6);
                s.r#do = Some(vec![body]);
            }
            2 => {
                s.switch = Some("vars.number % 3".into());
                let mut cases: BTreeMap<String, Vec<SourceStep>> = BTreeMap::new();
                for value in ["0", "1"] {
                    cases.insert(value.into(), self.list(depth + 1));
                }
                if self.rng.percent(50) {
                    cases.insert("default".into(), self.list(depth + 1));
                }
                s.cases = Some(cases);
            }
            _ => {
                let n = 2 + self.rng.below(2);
                s.parallel = Some((0..n).map(|_| self.list(depth + 1)).collect());
            }
        }
        s
    }

    fn action_step(&mut self) -> SourceStep {
        let name = self.name();
        let mut s = SourceStep { step: Some(name.clone()), optional: self.rng.percent(40), ..SourceStep::default() };
        let mut approve = self.rng.percent(20);
        if self.rng.percent(10) {
            s.manual = Some("Look at it".into());
        } else if self.rng.percent(20) {
            let some: Vec<SourceAction> = (0..1 + self.rng.below(3)).map(|_| self.command(&name)).collect();
            approve |= some.iter().any(|a| a.action == "http.request");
            s.actions = Some(some);
        } else {
            let one = self.command(&name);
            approve |= one.action == "http.request";
            (s.action, s.args, s.undo) = (Some(one.action), one.args, one.undo);
            if self.rng.percent(15) {
                s.for_each =
                    Some(format!("[{}]", (0..self.rng.below(4)).map(|n| n.to_string()).collect::<Vec<_>>().join(", ")));
            }
        }
        if self.rng.percent(30) {
            s.output = Some(format!("o{}", self.names));
        }
        if self.rng.percent(15) {
            s.delay = Some(Span(1 + self.rng.below(60_000)));
        }
        if self.rng.percent(30) {
            s.mode = Some(*self.rng.pick(&[Mode::Idempotent, Mode::Verify, Mode::AtMostOnce]));
        }
        if approve {
            s.approval = Some(SourceApproval {
                need: 1 + u32::try_from(self.rng.below(2)).expect("fits"),
                roles: vec!["analyst".into(), "approver".into()],
                expires: Span(3_600_000),
                on_expiry: if self.rng.percent(50) { OnExpiry::Deny } else { OnExpiry::Fail },
                when: None,
            });
        }
        s.retry = Some(SourceRetry { attempts: 20, backoff: Span(1_000), backoff_max: Span(60_000) });
        s.lasts = Some(Span(3_600_000));
        s
    }

    fn command(&mut self, step: &str) -> SourceAction {
        let action = (*self.rng.pick(&ACTIONS)).to_owned();
        let target = json!({"kind": "range", "value": format!("10.0.{}.0/24", self.rng.below(256))});
        let args = match action.as_str() {
            "gateway.limit" => json!({"target": target, "per_minute": "${vars.number + 1}"}),
            "gateway.block" => json!({"target": target, "reason": format!("{step}: $${{x}} ${{case.title}}")}),
            "case.note" => json!({"text": "${case.id} ${vars.number}"}),
            "dataset.quarantine" => json!({"dataset": format!("d{}", self.rng.below(5))}),
            "http.request" => json!({"connection": "siem", "body": {"n": "${vars.number}", "step": step}}),
            _ => json!({"what": "alerts"}),
        };
        let undo = (action.starts_with("gateway.") && self.rng.percent(70))
            .then(|| Undo { action: "gateway.lift".into(), args: json!({"target": target}) });
        SourceAction { action, args: Some(args), undo }
    }
}
