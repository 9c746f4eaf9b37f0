//! The refit: a correction to the shipped score, linear in the embedding, that starts at nothing and is pulled back to it.

use crate::model::{Container, ContainerWriter, DIMENSIONS, ModelError, sigmoid};

/// Verdicts never count for more than this share of a refit.
pub const VERDICT_SHARE_MAX: f32 = 0.2;
const STEPS: usize = 300;
const RATE: f32 = 0.5;
/// Pull towards no correction.
const RIDGE: f32 = 0.02;
/// The correction is cut at this logit: verdicts move a decision, they do not make one alone.
const CORRECTION_MAX: f32 = 3.0;

/// One judged or anchoring text.
#[derive(Clone, Debug)]
pub struct Example {
    /// Unit vector of the text.
    pub unit: Box<[f32; DIMENSIONS]>,
    /// The shipped score, 0 to 1.
    pub score: f32,
    /// The label.
    pub attack: bool,
}

/// A correction.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// One weight for each dimension, and a bias.
    weights: Vec<f32>,
    embedding: String,
}

/// Why a refit was refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum HeadError {
    /// Nothing to hold the correction back.
    #[error("{anchors} anchors are too few for {verdicts} verdicts: at least {needed} are needed")]
    Anchors {
        /// Anchors given.
        anchors: usize,
        /// Verdicts given.
        verdicts: usize,
        /// Anchors needed.
        needed: usize,
    },
}

impl Head {
    /// The corrected score of a text by its unit vector and its shipped score.
    pub fn correct(&self, unit: &[f32; DIMENSIONS], score: f32) -> f32 {
        sigmoid(logit(score) + self.correction(unit))
    }

    fn correction(&self, unit: &[f32; DIMENSIONS]) -> f32 {
        let (bias, weights) = self.weights.split_last().map_or((0.0, &[][..]), |(b, w)| (*b, w));
        let sum: f32 = weights.iter().zip(unit).map(|(w, x)| w * x).sum();
        (sum + bias).clamp(-CORRECTION_MAX, CORRECTION_MAX)
    }

    /// The correction as a file.
    pub fn bytes(&self) -> Vec<u8> {
        ContainerWriter::default()
            .section("EMBD", self.embedding.clone().into_bytes())
            .floats("HEAD", &self.weights)
            .finish()
    }

    /// Reads a correction made for `embedding`.
    ///
    /// # Errors
    /// [`ModelError`] if the file is broken, misshapen, or made for another table.
    pub fn parse(raw: &[u8], embedding: &str) -> Result<Self, ModelError> {
        let file = Container::parse(raw)?;
        let made_for = String::from_utf8_lossy(file.section("EMBD")?).into_owned();
        if made_for != embedding {
            return Err(ModelError::Embedding { wanted: made_for, loaded: embedding.into() });
        }
        let weights = file.floats("HEAD")?;
        if weights.len() != DIMENSIONS + 1 {
            return Err(ModelError::shape("HEAD", format!("{} numbers, wanted {}", weights.len(), DIMENSIONS + 1)));
        }
        Ok(Self { weights, embedding: made_for })
    }
}

/// Fits a correction to `verdicts`, held by `anchors`: rows with sure labels from benign and attack traffic, four for each
/// verdict at least, which make up at least 80 % of the weight.
///
/// # Errors
/// [`HeadError::Anchors`] if there are too few.
pub fn refit(anchors: &[Example], verdicts: &[Example], embedding: &str) -> Result<Head, HeadError> {
    let needed = (verdicts.len() * 4).max(16);
    if anchors.len() < needed {
        return Err(HeadError::Anchors { anchors: anchors.len(), verdicts: verdicts.len(), needed });
    }
    let share = VERDICT_SHARE_MAX.min(verdicts.len() as f32 / (anchors.len() + verdicts.len()) as f32);
    let weighted = anchors
        .iter()
        .map(|e| (e, (1.0 - share) / anchors.len() as f32))
        .chain(verdicts.iter().map(|e| (e, share / verdicts.len().max(1) as f32)));
    let rows: Vec<(&Example, f32)> = weighted.collect();
    let mut head = Head { weights: vec![0.0; DIMENSIONS + 1], embedding: embedding.into() };
    let mut gradient = vec![0.0_f32; DIMENSIONS + 1];
    for _ in 0..STEPS {
        gradient.fill(0.0);
        for (e, weight) in &rows {
            let error = (head.correct(&e.unit, e.score) - f32::from(u8::from(e.attack))) * weight;
            gradient.iter_mut().zip(e.unit.iter()).for_each(|(g, x)| *g += error * x);
            gradient[DIMENSIONS] += error * 0.1;
        }
        for (w, g) in head.weights.iter_mut().zip(&gradient) {
            *w -= RATE * 20.0 * (g + RIDGE * 0.01 * *w);
        }
    }
    Ok(head)
}

fn logit(p: f32) -> f32 {
    let p = p.clamp(1e-5, 1.0 - 1e-5);
    (p / (1.0 - p)).ln()
}

#[cfg(test)]
mod tests {
    use super::{Example, Head, HeadError, refit};
    use crate::{Channel, Classifier};

    fn example(text: &str, attack: bool) -> Example {
        let c = Classifier::builtin();
        Example { unit: Box::new(c.embed(text)), score: c.assess(text, Channel::Chat).injection, attack }
    }

    #[test]
    fn verdicts_move_their_neighbourhood_and_little_else() {
        let harmless =
            ["what time is it in Oslo", "bake bread", "plan a trip to Lima", "fix my bicycle", "a poem about rain"];
        let anchors: Vec<Example> = harmless.iter().cycle().take(40).map(|t| example(t, false)).collect();
        let verdicts: Vec<Example> =
            ["the heron flies at midnight over the vault", "at midnight the heron opens the vault"]
                .iter()
                .cycle()
                .take(8)
                .map(|t| example(t, true))
                .collect();
        let id = Classifier::builtin().embedding().id();
        let head = refit(&anchors, &verdicts, id).expect("a head");
        let moved = |text: &str| {
            let e = example(text, true);
            head.correct(&e.unit, e.score) - e.score
        };
        let near = example("the heron opens the vault at midnight", true);
        assert!(head.correction(&near.unit) > 0.3, "{}", head.correction(&near.unit));
        assert!(moved("bake some bread") < 0.01, "{}", moved("bake some bread"));
        assert_eq!(Head::parse(&head.bytes(), id).as_ref(), Ok(&head));
        assert!(Head::parse(&head.bytes(), "other").is_err());
        let few = refit(&anchors[..31], &verdicts, id);
        assert_eq!(few, Err(HeadError::Anchors { anchors: 31, verdicts: 8, needed: 32 }));
    }
}
