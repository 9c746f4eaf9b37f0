//! Thresholds from a tenant's own traffic, and the table of how a classifier does on labelled rows.

use std::fmt::Write;

use super::{DataError, Row, TrainError, threshold_at, wilson};
use crate::model::{Embedding, InjectionModel, TextModel, sigmoid};
use crate::{Channel, Classifier, Thresholds};

/// Fewest harmless rows: with fewer, one row in a thousand is nothing.
pub const HARMLESS_ROWS_MIN: usize = 1000;
/// Shares of harmless rows at the flag and the block threshold.
const SHARES: (f64, f64) = (0.01, 0.001);
/// However harmless the traffic, thresholds lie no lower.
const FLAG_MIN: f32 = 0.05;

/// What a calibration came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibrated {
    /// The model file with the new thresholds.
    pub bytes: Vec<u8>,
    /// Thresholds before.
    pub before: Thresholds,
    /// Thresholds now.
    pub after: Thresholds,
    /// Harmless rows that they rest on.
    pub rows: usize,
}

/// Chooses the thresholds of an injection model on `channel` from harmless rows of the channel's own traffic: flag at 1 %,
/// block at 0.1 %. Rows labelled as attacks are left out.
///
/// # Errors
/// [`TrainError`] if there are fewer than [`HARMLESS_ROWS_MIN`] harmless rows or the model does not fit the embedding.
pub fn calibrate_injection(
    classifier: &Classifier,
    model: &[u8],
    rows: &[Row],
    channel: Channel,
) -> Result<Calibrated, TrainError> {
    let mut model = InjectionModel::parse(model, classifier.embedding())?;
    let scores: Vec<f32> =
        rows.iter().filter(|r| !r.positive).map(|r| classifier.assess(&r.text, channel).injection).collect();
    let after = thresholds(&scores)?;
    let before = std::mem::replace(&mut model.metadata.calibration.thresholds[channel as usize], after);
    Ok(Calibrated { bytes: model.bytes(), before, after, rows: scores.len() })
}

/// The same for a model of whole texts: toxicity, or a check of one's own.
///
/// # Errors
/// As [`calibrate_injection`].
pub fn calibrate_text(embedding: &Embedding, model: &[u8], rows: &[Row]) -> Result<Calibrated, TrainError> {
    let mut model = TextModel::parse(model, embedding)?;
    let scores: Vec<f32> =
        rows.iter().filter(|r| !r.positive).map(|r| sigmoid(model.logit_of(&r.text, embedding))).collect();
    let after = thresholds(&scores)?;
    let before = model.metadata.calibration.thresholds[0];
    model.metadata.calibration.thresholds = [after; 4];
    Ok(Calibrated { bytes: model.bytes(), before, after, rows: scores.len() })
}

fn thresholds(harmless: &[f32]) -> Result<Thresholds, TrainError> {
    if harmless.len() < HARMLESS_ROWS_MIN {
        let (rows, min) = (harmless.len(), HARMLESS_ROWS_MIN);
        return Err(DataError::OneClass { class: "negative", rows, min }.into());
    }
    let flag = threshold_at(harmless, SHARES.0).max(FLAG_MIN);
    Ok(Thresholds { flag, block: threshold_at(harmless, SHARES.1).max(flag) })
}

/// Flagged and blocked rows of each source and class, with Wilson intervals, as a Markdown table.
pub fn per_source(rows: &[Row], thresholds: Thresholds, score: impl Fn(&str) -> f32) -> String {
    let mut sources: Vec<(&str, bool)> = rows.iter().map(|r| (r.source.as_str(), r.positive)).collect();
    sources.sort_unstable();
    sources.dedup();
    let mut out =
        String::from("| source | class | rows | flagged | 95 % | blocked | 95 % |\n|---|---|---|---|---|---|---|\n");
    for (source, positive) in sources {
        let of: Vec<f32> =
            rows.iter().filter(|r| r.source == source && r.positive == positive).map(|r| score(&r.text)).collect();
        let cell = |from: f32| {
            let hits = of.iter().filter(|s| **s >= from).count();
            let (low, high) = wilson(hits, of.len());
            format!("{:.3} | {low:.3}–{high:.3}", hits as f64 / of.len().max(1) as f64)
        };
        let class = if positive { "positive" } else { "negative" };
        let name = if source.is_empty() { "(none)" } else { source };
        let (flagged, blocked) = (cell(thresholds.flag), cell(thresholds.block));
        // Writing to a string cannot fail.
        let _ = writeln!(out, "| {name} | {class} | {} | {flagged} | {blocked} |", of.len());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{FLAG_MIN, per_source, thresholds};
    use crate::Thresholds;
    use crate::train::{DataError, Row, TrainError};

    #[test]
    fn thresholds_rest_on_enough_rows_and_never_fall_to_nothing() {
        let of = |n: usize| thresholds(&(0..n).map(|i| i as f32 / n as f32).collect::<Vec<_>>());
        let t = of(1000).expect("enough");
        assert!((t.flag - 0.989).abs() < 0.002 && (t.block - 0.998).abs() < 0.002, "{t:?}");
        let few = DataError::OneClass { class: "negative", rows: 999, min: 1000 };
        assert_eq!(of(999), Err(TrainError::Data(few)));
        let t = thresholds(&[0.0; 1000]).expect("enough");
        assert_eq!((t.flag, t.block), (FLAG_MIN, FLAG_MIN));
    }

    #[test]
    fn a_row_for_each_source_and_class() {
        let row = |positive: bool, source: &str| Row {
            text: if positive { "bad" } else { "good" }.into(),
            positive,
            source: source.into(),
            kind: String::new(),
            licence: String::new(),
        };
        let rows = [row(true, "a"), row(true, "a"), row(false, "a"), row(false, "")];
        let table = per_source(&rows, Thresholds { flag: 0.5, block: 0.9 }, |t| if t == "bad" { 0.6 } else { 0.1 });
        assert!(table.contains("| a | positive | 2 | 1.000 | 0.342–1.000 | 0.000 |"), "{table}");
        assert!(table.contains("| (none) | negative | 1 | 0.000 |"), "{table}");
    }
}
