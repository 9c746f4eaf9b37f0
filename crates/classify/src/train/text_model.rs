//! Models of whole texts for one check: toxicity, and what a user labels.

use super::fit::{self, DenseSettings, Full, Sparse, SparseSettings};
use super::made::EVERYDAY;
use super::prepare::{Prepared, prepare};
use super::{Row, TrainError, check_classes, threshold_at};
use crate::Thresholds;
use crate::model::{
    Calibration, DIMENSIONS, Dense, Embedding, Hashed, Metadata, SourceResult, TextModel, passages, sigmoid,
};

/// What goes into a training.
#[derive(Debug)]
pub struct TextData {
    /// Names the model.
    pub id: String,
    /// Rows from every file.
    pub rows: Vec<Row>,
    /// Name and SHA-256 of each file.
    pub digests: Vec<(String, String)>,
    /// Bits of the table, at most [`crate::model::TABLE_BITS_MAX`].
    pub bits: u32,
}

impl TextData {
    /// The data of the toxicity model that ships.
    pub fn toxicity(rows: Vec<Row>, digests: Vec<(String, String)>) -> Self {
        Self { id: "casemate-toxicity-4".into(), rows, digests, bits: 18 }
    }

    /// The data of a user's own check.
    pub fn custom(name: &str, rows: Vec<Row>, digests: Vec<(String, String)>) -> Self {
        Self { id: name.into(), rows, digests, bits: 16 }
    }
}

const FOLDS: usize = 5;
const EVEN_ODDS: f32 = 0.5;
/// The rows of a source and class count together as their number to this power: a source ten times as large counts about three
/// times as much.
const SOURCE_POWER: f32 = 0.8;
/// Source of rows that other models labelled (`tools/toxicity_teacher.py`): the two parts learn words from them, how the parts
/// are weighed, and the thresholds, are learned from what people labelled.
const TAUGHT: &str = "taught";
const DENSE: DenseSettings = DenseSettings { hidden: 24, epochs: 8, rate: 2e-3, decay: 1e-2 };

/// Trains a model of whole texts; a fifth of the rows at a time is held out to weigh its two parts and to choose thresholds.
///
/// # Errors
/// [`TrainError`] if a class is missing.
pub fn text_model(data: TextData, embedding: &Embedding, seed: u64) -> Result<TextModel, TrainError> {
    check_classes(&data.rows)?;
    let prepared: Vec<Prepared> = data.rows.iter().enumerate().map(|(i, r)| prepare(r, i % FOLDS, embedding)).collect();
    let bits = data.bits.min(crate::model::TABLE_BITS_MAX);
    let counts = Counts::of(&prepared);
    let mut held: Vec<Held> = Vec::new();
    for fold in 0..FOLDS {
        let (hashed, dense) = base(prepared.iter().filter(|p| p.fold != fold), bits, seed, &counts)?;
        held.extend(prepared.iter().filter(|p| p.fold == fold).map(|p| Held {
            whole: [hashed.logit(p.features.all()), dense.logit(p.unit.as_slice())],
            passages: passages(&hashed, &dense, embedding, &p.view, &p.features),
            positive: p.positive,
            weight: counts.weight(p),
            to_learn: matches!(p.source.as_str(), TAUGHT | EVERYDAY),
        }));
    }
    held.retain(|h| !h.to_learn);
    let (hashed, dense) = base(prepared.iter(), bits, seed, &counts)?;
    let rows: Vec<Full<'_>> =
        held.iter().map(|h| Full { x: &h.whole, positive: h.positive, weight: h.weight }).collect();
    let last = fit::linear(&rows, 2, &[true, true])?;
    let bias = last.logit(&[0.0, 0.0]);
    let mix = [last.logit(&[1.0, 0.0]) - bias, last.logit(&[0.0, 1.0]) - bias, bias];
    let passage = |x: &[f32; 2]| sigmoid(mix[0] * x[0] + mix[1] * x[1] + mix[2]);
    let score = |h: &Held| h.passages.iter().map(passage).fold(0.0, f32::max);
    let negatives: Vec<f32> = held.iter().filter(|h| !h.positive).map(score).collect();
    // A small set is told apart without a doubt, and its highest negative is no bound for what comes: even odds are the least.
    let flag = threshold_at(&negatives, 0.05).max(EVEN_ODDS);
    let thresholds = Thresholds { flag, block: threshold_at(&negatives, 0.005).max(flag) };
    let positives: Vec<f32> = held.iter().filter(|h| h.positive).map(score).collect();
    let result = |source: &str, of: &[f32]| SourceResult {
        source: source.into(),
        rows: of.len(),
        flagged: of.iter().filter(|s| **s >= thresholds.flag).count(),
        blocked: of.iter().filter(|s| **s >= thresholds.block).count(),
    };
    let metadata = Metadata {
        id: data.id,
        embedding: embedding.id().into(),
        seed,
        data: data.digests,
        calibration: Calibration { thresholds: [thresholds; 4] },
        held_out: vec![result("positive", &positives), result("negative", &negatives)],
    };
    Ok(TextModel { metadata, hashed, dense, mix })
}

/// A row by a model that did not see it.
struct Held {
    whole: [f32; 2],
    passages: Vec<[f32; 2]>,
    positive: bool,
    weight: f32,
    /// Of rows that nobody labelled: the two parts learn from them, and nothing is measured on them.
    to_learn: bool,
}

fn base<'a>(
    rows: impl Iterator<Item = &'a Prepared>,
    bits: u32,
    seed: u64,
    counts: &Counts,
) -> Result<(Hashed, Dense), TrainError> {
    let rows: Vec<&Prepared> = rows.collect();
    let sparse: Vec<Sparse<'_>> = rows
        .iter()
        .map(|p| Sparse { indices: p.features.all(), positive: p.positive, weight: counts.weight(p) })
        .collect();
    let hashed = fit::hashed(&sparse, SparseSettings { bits, epochs: 5, rate: 0.1, decay: 0.02 }, seed);
    let full: Vec<Full<'_>> =
        rows.iter().map(|p| Full { x: p.unit.as_slice(), positive: p.positive, weight: counts.weight(p) }).collect();
    Ok((hashed, fit::dense(&full, DIMENSIONS, DENSE, seed ^ 1)?))
}

/// Weights that keep a large source from drowning small ones, and the classes even.
struct Counts {
    rows: Vec<(String, bool, f32)>,
    even: [f32; 2],
}

impl Counts {
    fn of(prepared: &[Prepared]) -> Self {
        let mut rows: Vec<(String, bool, f32)> = Vec::new();
        for p in prepared {
            match rows.iter_mut().find(|c| c.0 == p.source && c.1 == p.positive) {
                Some(c) => c.2 += 1.0,
                None => rows.push((p.source.clone(), p.positive, 1.0)),
            }
        }
        let mass = |positive: bool| -> f32 {
            rows.iter().filter(|c| c.1 == positive).map(|c| c.2.powf(SOURCE_POWER)).sum::<f32>().max(1.0)
        };
        let (negative, positive) = (mass(false), mass(true));
        // Each class weighs as much as half of all rows.
        let half = prepared.len() as f32 / 2.0;
        Self { even: [half / negative, half / positive], rows }
    }

    fn weight(&self, p: &Prepared) -> f32 {
        let count = self.rows.iter().find(|c| c.0 == p.source && c.1 == p.positive).map_or(1.0, |c| c.2);
        count.powf(SOURCE_POWER - 1.0) * self.even[usize::from(p.positive)]
    }
}

#[cfg(test)]
mod tests {
    use super::{TextData, text_model};
    use crate::Classifier;
    use crate::model::{Embedding, ModelError, TextModel};
    use crate::train::{DataError, Row, TrainError};

    fn data(positive: usize) -> TextData {
        let goods = ["apples", "pears", "plums", "figs", "dates"];
        let row = |i: usize| {
            let leak = i < positive;
            let good = goods[i % goods.len()];
            let text = if leak {
                format!("our internal price list says {good} sell at {i} a crate")
            } else {
                format!("when are {good} ripe, and how do I store them in week {i}?")
            };
            Row { text, positive: leak, source: "s".into(), kind: String::new(), licence: String::new() }
        };
        TextData { id: "prices".into(), rows: (0..60).map(row).collect(), digests: vec![], bits: 12 }
    }

    fn logit(model: &TextModel, text: &str) -> f32 {
        model.logit_of(text, Classifier::builtin().embedding())
    }

    #[test]
    fn a_users_check_is_learned_the_same_each_time_and_bound_to_its_table() {
        let embedding = Classifier::builtin().embedding();
        let model = text_model(data(30), embedding, 7).expect("a model");
        assert_eq!(model.bytes(), text_model(data(30), embedding, 7).expect("the same").bytes());
        let model = TextModel::parse(&model.bytes(), embedding).expect("what was written");
        let leak = logit(&model, "the internal price list has plums at 99 a crate");
        let clean = logit(&model, "how do I store ripe plums?");
        assert!(leak > clean + 1.0, "{leak} {clean}");
        let other = Embedding::parse(&crate::model::tiny_table(&["[UNK]", "a"])).expect("a table");
        assert!(matches!(TextModel::parse(&model.bytes(), &other), Err(ModelError::Embedding { .. })));
    }

    #[test]
    fn one_class_is_refused() {
        let embedding = Classifier::builtin().embedding();
        let refused = text_model(data(60), embedding, 7).err();
        assert_eq!(refused, Some(TrainError::Data(DataError::OneClass { class: "negative", rows: 0, min: 8 })));
    }
}
