//! A model of whole texts over passages of a few sentences: what is said in one of them must not drown in a long text.

use super::embedding::dot;
use super::{DIMENSIONS, Dense, Embedding, Features, Hashed};
use crate::views::View;

/// Sentences of one passage; a text of fewer is one passage.
pub const PASSAGE_SENTENCES: usize = 5;

/// Takes the sentences of a text one after the other and judges each passage of them.
#[derive(Debug)]
pub struct Passages<'m> {
    hashed: &'m Hashed,
    dense: &'m Dense,
    /// The last sentences: sum of their hashed weights, number of features, sum of their vectors.
    last: [(i32, usize, [f32; DIMENSIONS]); PASSAGE_SENTENCES],
    seen: usize,
    projected: Vec<[f32; 8]>,
}

impl<'m> Passages<'m> {
    /// No sentence yet.
    pub fn new(hashed: &'m Hashed, dense: &'m Dense) -> Self {
        let last = [(0, 0, [0.0; DIMENSIONS]); PASSAGE_SENTENCES];
        Self { hashed, dense, last, seen: 0, projected: Vec::with_capacity(8) }
    }

    /// The next sentence by its features and the sum of its vectors; the logits (hashed features, embedding) of the passage that
    /// it completes.
    pub fn push(&mut self, indices: &[u32], sum: &[f32; DIMENSIONS]) -> Option<[f32; 2]> {
        self.last[self.seen % PASSAGE_SENTENCES] = (self.hashed.sum(indices), indices.len(), *sum);
        self.seen += 1;
        (self.seen >= PASSAGE_SENTENCES).then(|| self.judge())
    }

    /// The logits of a text of too few sentences for a passage.
    pub fn finish(&mut self) -> Option<[f32; 2]> {
        (self.seen < PASSAGE_SENTENCES).then(|| self.judge())
    }

    fn judge(&mut self) -> [f32; 2] {
        let (mut weights, mut features, mut vector) = (0, 0, [0.0; DIMENSIONS]);
        for (w, n, v) in &self.last {
            weights += w;
            features += n;
            vector.iter_mut().zip(v).for_each(|(sum, v)| *sum += v);
        }
        let length = dot(&vector, &vector).sqrt();
        self.dense.project(&vector, &mut self.projected);
        let scale = if length > 1e-9 { length.recip() } else { 1.0 };
        [self.hashed.logit_of(weights, features), self.dense.finish(self.projected.iter().copied(), scale)]
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
    for block in features.blocks() {
        let mut sum = [0.0; DIMENSIONS];
        tokens.clear();
        for word in view.words.get(block.start..block.end).unwrap_or_default() {
            embedding.tokens_of(word.of(view.text.text()), &mut tokens);
        }
        embedding.add(&tokens, &mut sum);
        out.extend(all.push(features.of_words(block.start, block.end), &sum));
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
