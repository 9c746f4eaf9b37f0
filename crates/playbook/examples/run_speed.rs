//! Runs a shipped playbook many times on recorded answers, to take its CPU time from outside:
//! `time cargo run --release -p casemate-playbook --example run_speed -- 10000`.

use std::io::Write as _;

use casemate_finding::{Entity, EntityKind, Severity};
use casemate_playbook::{Approvals, CaseFacts, Limits, Mocks, Program, load, run_input, simulate};

const PLAYBOOK: &str = include_str!("../../../playbooks/poisoned-dataset.yaml");

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runs: usize = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(1_000);
    let playbook = load(PLAYBOOK, &Limits::DEFAULT).map_err(|p| format!("{p:?}"))?;
    let program = Program::compile(&playbook, &[], &Limits::DEFAULT).map_err(|p| format!("{p:?}"))?;
    let entities = [Entity::new(EntityKind::Dataset, "fraud-train"), Entity::new(EntityKind::Run, "fraud-weekly")];
    let case = CaseFacts {
        id: "c",
        tenant: "t",
        title: "T",
        severity: Severity::Critical,
        tier: 1,
        risk: 0.5,
        rung: "",
        entities: &entities,
    };
    let input = run_input(&case, &serde_json::json!({"title": "t", "confidence": 0.9}));
    let (mut steps, mut events) = (0, 0);
    for _ in 0..runs {
        let s = simulate(&program, input.clone(), &Mocks::new(), Approvals::Approve);
        steps += s.state.steps.len();
        events += s.events.len();
    }
    writeln!(std::io::stdout(), "{runs} runs, {steps} steps, {events} events")?;
    Ok(())
}
