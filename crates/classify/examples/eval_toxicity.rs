//! Average precision on the development set: `cargo run --release -p casemate-classify --example eval_toxicity`.
#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a command")]

#[path = "data/mod.rs"]
mod data;

use casemate_classify::Channel;
use casemate_classify::train::{average_precision, wilson};

fn main() {
    let Some(rows) = data::load("toxicity/development.jsonl.gz") else { return };
    let c = &data::classifier();
    let scored: Vec<(f32, bool)> =
        rows.iter().map(|r| (c.assess(&r.text, Channel::Output).toxicity, r.positive)).collect();
    println!(
        "{} rows, {} positive, AUPRC {:.3}",
        rows.len(),
        scored.iter().filter(|s| s.1).count(),
        average_precision(&scored)
    );
    let t = c.toxicity_thresholds();
    for (name, at) in [("flag", t.flag), ("block", t.block)] {
        for (class, positive) in [("recall", true), ("false positives", false)] {
            let of: Vec<f32> = scored.iter().filter(|s| s.1 == positive).map(|s| s.0).collect();
            let hits = of.iter().filter(|s| **s >= at).count();
            let (low, high) = wilson(hits, of.len());
            println!("{name} at {at:.3}: {class} {:.3} [{low:.3}, {high:.3}]", hits as f64 / of.len().max(1) as f64);
        }
    }
    let Some(harmless) = data::load("injection/development.jsonl.gz") else { return };
    println!("harmless texts of other sources, flagged and blocked:");
    for source in ["alpaca-harmless", "local-docs-doc", "mitre-frr-benign", "notinject"] {
        let of: Vec<f32> = harmless
            .iter()
            .filter(|r| r.source == source)
            .map(|r| c.assess(&r.text, Channel::Output).toxicity)
            .collect();
        let share = |at: f32| of.iter().filter(|s| **s >= at).count() as f64 / of.len().max(1) as f64;
        println!("{source}: {} rows, {:.4}, {:.4}", of.len(), share(t.flag), share(t.block));
    }
}
