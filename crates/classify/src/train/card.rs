//! Tables for model cards.

use std::fmt::Write;

use super::wilson;
use crate::Channel;
use crate::model::Metadata;

/// Results on held-out sources as a Markdown table, with Wilson intervals.
pub fn injection_results(metadata: &Metadata) -> String {
    let mut out = String::from("| held out | rows | flagged | 95 % | blocked | 95 % |\n|---|---|---|---|---|---|\n");
    for r in &metadata.held_out {
        let share = |hits: usize| {
            let (low, high) = wilson(hits, r.rows);
            (hits as f64 / r.rows.max(1) as f64, low, high)
        };
        let (f, fl, fh) = share(r.flagged);
        let (b, bl, bh) = share(r.blocked);
        // Writing to a string cannot fail.
        let _ = writeln!(out, "| {} | {} | {f:.3} | {fl:.3}–{fh:.3} | {b:.3} | {bl:.3}–{bh:.3} |", r.source, r.rows);
    }
    out
}

/// What a card says of a model beside its results: id, thresholds, seed, digests.
pub fn summary(metadata: &Metadata, sha256: &str, bytes: usize) -> String {
    let mut out = format!("`{}`: {bytes} bytes, SHA-256 `{sha256}`\n", metadata.id);
    let _ = writeln!(out, "Embedding `{}`, seed {}", metadata.embedding, metadata.seed);
    for (channel, t) in Channel::ALL.iter().zip(metadata.calibration.thresholds) {
        let _ = writeln!(out, "Thresholds, {}: flag {:.4}, block {:.4}", channel.as_str(), t.flag, t.block);
    }
    for (name, digest) in &metadata.data {
        let _ = writeln!(out, "Data `{name}`: SHA-256 `{digest}`");
    }
    out
}

#[cfg(test)]
mod tests {
    use crate::Thresholds;
    use crate::model::{Calibration, Metadata, SourceResult};

    #[test]
    fn a_row_for_each_source() {
        let metadata = Metadata {
            id: "m".into(),
            embedding: "e".into(),
            seed: 1,
            data: vec![],
            calibration: Calibration { thresholds: [Thresholds { flag: 0.1, block: 0.2 }; 4] },
            held_out: vec![SourceResult { source: "chat/x/attack".into(), rows: 10, flagged: 9, blocked: 0 }],
        };
        let table = super::injection_results(&metadata);
        assert!(table.contains("| chat/x/attack | 10 | 0.900 | 0.596–0.982 | 0.000 |"), "{table}");
    }
}
