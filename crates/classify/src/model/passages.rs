//! A model of whole texts over passages of a few sentences: what is said in one of them must not drown in a long text.

use super::embedding::dot;
use super::wide::{Wide, wide};
use super::{DIMENSIONS, Dense, Embedding, Features, Hashed, Sentence};
use crate::views::View;

/// Sentences of one passage; a text of fewer is one passage.
pub const PASSAGE_SENTENCES: usize = 5;

/// Takes the sentences of a text one after the other and judges each passage of them.
#[derive(Debug)]
pub struct Passages<'m> {
    hashed: &'m Hashed,
    dense: &'m Dense,
    last: [Kept; PASSAGE_SENTENCES],
    seen: usize,
    /// Of a passage: what the network's units get.
    projected: Vec<f32>,
}

/// One of the last sentences: sum of its hashed weights, number of features, sum of its vectors, what the network gets of them.
#[derive(Clone, Debug)]
struct Kept {
    weights: i32,
    features: usize,
    vector: [f32; DIMENSIONS],
    projected: Vec<f32>,
}

impl<'m> Passages<'m> {
    /// No sentence yet.
    pub fn new(hashed: &'m Hashed, dense: &'m Dense) -> Self {
        let none = Kept { weights: 0, features: 0, vector: [0.0; DIMENSIONS], projected: vec![0.0; dense.hidden()] };
        let projected = none.projected.clone();
        Self { hashed, dense, last: std::array::from_fn(|_| none.clone()), seen: 0, projected }
    }

    /// The next sentence; the logits (hashed features, embedding) of the passage that it completes.
    pub fn push(&mut self, sentence: &Sentence<'_>) -> Option<[f32; 2]> {
        let kept = &mut self.last[self.seen % PASSAGE_SENTENCES];
        (kept.weights, kept.features, kept.vector) = (sentence.weights, sentence.features, *sentence.vector);
        kept.projected.iter_mut().zip(sentence.projected).for_each(|(to, from)| *to = *from);
        self.seen += 1;
        (self.seen >= PASSAGE_SENTENCES).then(|| self.judge())
    }

    /// The logits of a text of too few sentences for a passage.
    pub fn finish(&mut self) -> Option<[f32; 2]> {
        (self.seen < PASSAGE_SENTENCES).then(|| self.judge())
    }

    fn judge(&mut self) -> [f32; 2] {
        let (mut weights, mut features) = (0, 0);
        self.projected.fill(0.0);
        for kept in &self.last {
            weights += kept.weights;
            features += kept.features;
            self.projected.iter_mut().zip(&kept.projected).for_each(|(sum, one)| *sum += one);
        }
        let length = wide(Square(&self.last)).sqrt();
        let scale = if length > 1e-9 { length.recip() } else { 1.0 };
        [self.hashed.logit_of(weights, features), self.dense.finish(&self.projected, scale)]
    }
}

/// The square of the sum of the sentences' vectors.
struct Square<'a>(&'a [Kept; PASSAGE_SENTENCES]);

impl Wide for Square<'_> {
    type Output = f32;

    #[inline(always)]
    fn run(self) -> f32 {
        let mut sum = [0.0; DIMENSIONS];
        for kept in self.0 {
            for (sum, v) in sum.iter_mut().zip(&kept.vector) {
                *sum += v;
            }
        }
        dot(&sum, &sum)
    }
}

/// The logits of every passage of a view.
pub fn passages(
    hashed: &Hashed,
    dense: &Dense,
    embedding: &Embedding,
    view: &View,
    features: &Features,
) -> Vec<[f32; 2]> {
    let mut all = Passages::new(hashed, dense);
    let mut out = Vec::with_capacity(features.blocks().len().max(1));
    let mut tokens = Vec::with_capacity(8);
    let mut projected = Vec::new();
    for block in features.blocks() {
        let mut sum = [0.0; DIMENSIONS];
        tokens.clear();
        for word in view.words.get(block.start..block.end).unwrap_or_default() {
            embedding.tokens_of(view.text.text(), *word, &mut tokens);
        }
        embedding.add(&tokens, &mut sum);
        let indices = features.of_words(block.start, block.end);
        dense.project(&sum, &mut projected);
        let (weights, features) = (hashed.sum(indices), indices.len());
        out.extend(all.push(&Sentence { weights, features, vector: &sum, projected: &projected }));
    }
    out.extend(all.finish());
    out
}

#[cfg(test)]
mod tests {
    use super::{PASSAGE_SENTENCES, passages};
    use crate::model::{DIMENSIONS, Dense, Features, Hashed, builtin_embedding};
    use crate::text::fold;
    use crate::views::{View, ViewLimits, views};

    fn read(text: &str) -> (View, Features) {
        let view = views(text, &mut fold(text), &ViewLimits::default()).views.swap_remove(0);
        let features = Features::of(&view);
        (view, features)
    }

    #[test]
    fn a_short_text_is_one_passage_and_a_long_one_slides() {
        let weights: Vec<f32> = (0..64).map(|i| i as f32 / 32.0 - 1.0).collect();
        let hashed = Hashed::quantise(&weights, 0.5);
        let numbers = (0..DIMENSIONS + 3).map(|i| (i % 7) as f32 / 7.0).collect();
        let dense = Dense::new(DIMENSIONS, 1, numbers, "TEST").expect("fits");
        let of = |text: &str| {
            let (view, features) = read(text);
            passages(&hashed, &dense, builtin_embedding(), &view, &features)
        };
        let near = |a: &[f32; 2], b: &[f32; 2]| (a[0] - b[0]).abs() < 1e-4 && (a[1] - b[1]).abs() < 1e-4;
        for text in ["", "One. Two now. Three of them!"] {
            let (view, features) = read(text);
            let unit = builtin_embedding().embed(view.text.text(), &view.words);
            let whole = [hashed.logit(features.all()), dense.logit(&unit)];
            let got = of(text);
            assert!(got.len() == 1 && near(&got[0], &whole), "{text}: {got:?} {whole:?}");
        }
        let sentences: Vec<String> =
            (0..PASSAGE_SENTENCES + 2).map(|i| format!("Sentence {i} says some{i}thing. ")).collect();
        let all = of(&sentences.concat());
        assert_eq!(all.len(), 3);
        for (i, got) in all.iter().enumerate() {
            let alone = of(&sentences[i..i + PASSAGE_SENTENCES].concat());
            assert!(alone.len() == 1 && near(got, &alone[0]), "{i}: {got:?} {alone:?}");
        }
    }
}
