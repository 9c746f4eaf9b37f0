//! Models of whole texts for one check: toxicity, and what a user labels.

use super::fit::{self, DenseSettings, Full, Sparse, SparseSettings};
use super::prepare::{Prepared, prepare};
use super::{Row, TrainError, check_classes, threshold_at};
use crate::Thresholds;
use crate::model::{Calibration, DIMENSIONS, Embedding, Hashed, Metadata, SourceResult, TextModel, sigmoid};

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

const FOLDS: usize = 5;
/// Rows of one source and class count together at most as this many.
const SOURCE_MASS: f32 = 4000.0;
const DENSE: DenseSettings = DenseSettings { hidden: 24, epochs: 8, rate: 2e-3, decay: 1e-2 };

/// Trains a model of whole texts; a fifth of the rows at a time is held out to weigh its two parts and to choose thresholds.
///
/// # Errors
/// [`TrainError`] if a class is missing.
pub fn text_model(data: TextData, embedding: &Embedding, seed: u64) -> Result<TextModel, TrainError> {
    check_classes(&data.rows)?;
    let prepared: Vec<Prepared> = data.rows.iter().enumerate().map(|(i, r)| prepare(r, i % FOLDS, embedding)).collect();
    let bits = data.bits.min(crate::model::TABLE_BITS_MAX);
    let mut held: Vec<([f32; 2], bool)> = Vec::new();
    for fold in 0..FOLDS {
        let (hashed, dense) = base(prepared.iter().filter(|p| p.fold != fold), bits, seed)?;
        held.extend(
            prepared
                .iter()
                .filter(|p| p.fold == fold)
                .map(|p| ([hashed.logit(p.features.all()), dense.logit(p.unit.as_slice())], p.positive)),
        );
    }
    let (hashed, dense) = base(prepared.iter(), bits, seed)?;
    let rows: Vec<Full<'_>> = held.iter().map(|(x, positive)| Full { x, positive: *positive, weight: 1.0 }).collect();
    let last = fit::linear(&rows, 2, &[true, true])?;
    let bias = last.logit(&[0.0, 0.0]);
    let mix = [last.logit(&[1.0, 0.0]) - bias, last.logit(&[0.0, 1.0]) - bias, bias];
    let score = |x: &[f32; 2]| sigmoid(mix[0] * x[0] + mix[1] * x[1] + mix[2]);
    let negatives: Vec<f32> = held.iter().filter(|h| !h.1).map(|h| score(&h.0)).collect();
    let thresholds = Thresholds { flag: threshold_at(&negatives, 0.05), block: threshold_at(&negatives, 0.005) };
    let positives: Vec<f32> = held.iter().filter(|h| h.1).map(|h| score(&h.0)).collect();
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

fn base<'a>(
    rows: impl Iterator<Item = &'a Prepared>,
    bits: u32,
    seed: u64,
) -> Result<(Hashed, crate::model::Dense), TrainError> {
    let rows: Vec<&Prepared> = rows.collect();
    let count = |p: &Prepared| rows.iter().filter(|q| q.source == p.source && q.positive == p.positive).count() as f32;
    let mut weights: Vec<(&str, bool, f32)> = Vec::new();
    for p in &rows {
        if !weights.iter().any(|w| w.0 == p.source && w.1 == p.positive) {
            weights.push((&p.source, p.positive, (SOURCE_MASS / count(p)).min(1.0)));
        }
    }
    let mass = |positive: bool| rows.iter().filter(|p| p.positive == positive).count().max(1) as f32;
    let even = [rows.len() as f32 / 2.0 / mass(false), rows.len() as f32 / 2.0 / mass(true)];
    let weight = |p: &Prepared| {
        let own = weights.iter().find(|w| w.0 == p.source && w.1 == p.positive).map_or(1.0, |w| w.2);
        own * even[usize::from(p.positive)].min(4.0)
    };
    let sparse: Vec<Sparse<'_>> =
        rows.iter().map(|p| Sparse { indices: p.features.all(), positive: p.positive, weight: weight(p) }).collect();
    let hashed = fit::hashed(&sparse, SparseSettings { bits, epochs: 5, rate: 0.1, decay: 0.02 }, seed);
    let full: Vec<Full<'_>> =
        rows.iter().map(|p| Full { x: p.unit.as_slice(), positive: p.positive, weight: weight(p) }).collect();
    Ok((hashed, fit::dense(&full, DIMENSIONS, DENSE, seed ^ 1)?))
}
