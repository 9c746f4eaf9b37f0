//! Checks of a user's own: a trained model of whole texts that a tier can demand by name.

use serde::Serialize;

use crate::model::{Embedding, Features, ModelError, TextModel, sigmoid};
use crate::text::fold;
use crate::views::{ViewLimits, views};
use crate::{Decision, Thresholds};

/// Longest text that a check reads.
const TEXT_BYTES_MAX: usize = 256 * 1024;

/// A check by its model. Made at start: one that does not load fails the start of a tier that demands it.
#[derive(Debug)]
pub struct CustomCheck {
    model: TextModel,
}

/// What a check says of a text.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CheckScore {
    /// Calibrated probability, 0 to 1: the highest over the text's readings.
    pub score: f32,
    /// What it calls for.
    pub decision: Decision,
    /// False if part of the text was not read: never the same as clean.
    pub complete: bool,
}

impl CustomCheck {
    /// Reads a model that `casemate train classifier` wrote.
    ///
    /// # Errors
    /// [`ModelError`] if the file is broken, misshapen, or made for another embedding table.
    pub fn load(raw: &[u8], embedding: &Embedding) -> Result<Self, ModelError> {
        Ok(Self { model: TextModel::parse(raw, embedding)? })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.model.metadata.id
    }

    /// Its thresholds.
    pub const fn thresholds(&self) -> Thresholds {
        self.model.metadata.calibration.thresholds[0]
    }

    /// Judges a text in clear and in every reading that it gives cause for.
    pub fn assess(&self, text: &str, embedding: &Embedding) -> CheckScore {
        let read = crate::classifier::cut(text, TEXT_BYTES_MAX);
        let all = views(read, &mut fold(read), &ViewLimits::default());
        let mut score = 0.0_f32;
        for view in &all.views {
            score = score.max(sigmoid(self.model.logit(view, &Features::of(view), embedding)));
        }
        let complete = all.complete && read.len() == text.len();
        CheckScore { score, decision: self.thresholds().decide(score), complete }
    }
}

#[cfg(test)]
mod tests {
    use super::{CustomCheck, TEXT_BYTES_MAX};
    use crate::Decision;
    use crate::model::builtin_embedding;
    use crate::train::{TrainingFiles, custom};

    #[test]
    fn a_trained_check_judges_and_a_broken_file_does_not_load() {
        let text: String = (0..60)
            .map(|i| {
                let (text, label) = match i % 2 {
                    0 => (format!("our internal price list says figs sell at {i} a crate"), 1),
                    _ => (format!("when are figs ripe and how do I store them in week {i}"), 0),
                };
                format!("{{\"text\":\"{text}\",\"label\":{label}}}\n")
            })
            .collect();
        let mut files = TrainingFiles::default();
        files.add("t.jsonl", text.as_bytes(), &text).expect("rows");
        let mut bytes = custom("prices", files, builtin_embedding(), 3).expect("a model").bytes;
        let check = CustomCheck::load(&bytes, builtin_embedding()).expect("loads");
        assert_eq!(check.name(), "prices");
        let of = |t: &str| check.assess(t, builtin_embedding());
        assert!(of("the internal price list says plums sell at 9 a crate").decision >= Decision::Flag);
        assert_eq!(of("how do I store ripe plums").decision, Decision::Pass);
        assert!(of(&"a ".repeat(TEXT_BYTES_MAX / 2)).complete && !of(&"a ".repeat(TEXT_BYTES_MAX / 2 + 1)).complete);
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        assert!(CustomCheck::load(&bytes, builtin_embedding()).is_err());
    }
}
