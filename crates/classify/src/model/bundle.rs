//! What ships for injection and for toxicity: tables, networks, how they are combined, and the thresholds.

use serde::{Deserialize, Serialize};

use super::embedding::dot;
use super::wide::{Wide, wide};
use super::{
    Adjacency, Container, ContainerWriter, DIMENSIONS, Dense, Embedding, Features, Hashed, ModelError, SUFFIX_FEATURES,
    SideBySide, Surprisal, TokenBins,
};
use crate::text::fold;
use crate::views::{View, ViewLimits, views};
use crate::{Channel, Thresholds};

/// Numbers that the last step weighs.
pub const STACK_FEATURES: usize = 22;
/// Words of a request short enough that a suffix is a large part of it. In a long text a list of names is the likelier reason.
const SHORT_WORDS: usize = 60;
/// Logits are kept in this range, so that no single part decides without limit.
const LOGIT_MAX: f32 = 10.0;

/// What the last step of one channel knows: weights and a bias over [`STACK_FEATURES`].
pub type Stack = Dense;

/// Thresholds of the four channels, in the order of [`Channel::ALL`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// `[chat, document, tool, output]`.
    pub thresholds: [Thresholds; 4],
}

/// Results on one source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceResult {
    /// Source and what was held out.
    pub source: String,
    /// Rows of one class in it.
    pub rows: usize,
    /// At or over the flag threshold.
    pub flagged: usize,
    /// At or over the block threshold.
    pub blocked: usize,
}

/// Where a model comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    /// Names this model.
    pub id: String,
    /// Id of the embedding table that it was trained with.
    pub embedding: String,
    /// Seed of the training.
    pub seed: u64,
    /// SHA-256 of each training file, by name.
    pub data: Vec<(String, String)>,
    /// Thresholds.
    pub calibration: Calibration,
    /// Results on whole sources that were held out in turn.
    pub held_out: Vec<SourceResult>,
}

/// The injection model.
#[derive(Debug)]
pub struct InjectionModel {
    /// Where it comes from.
    pub metadata: Metadata,
    /// Whole texts: hashed n-grams.
    pub text_hashed: Hashed,
    /// Whole texts: embedding.
    pub text_dense: Dense,
    /// Sentence windows: hashed n-grams.
    pub window_hashed: Hashed,
    /// Sentence windows: embedding.
    pub window_dense: Dense,
    /// Surprise of characters.
    pub surprisal: Surprisal,
    /// Which token follows which.
    pub adjacency: Adjacency,
    /// Windows of surprise and of odd pairs to a logit.
    pub suffix: Dense,
    /// Last step for chat, and for documents, tool results and output.
    pub stacks: [Stack; 2],
}

impl InjectionModel {
    /// The lowest suffix logit: of a text too short to hold one.
    const LOGIT_MIN: f32 = -LOGIT_MAX;

    /// Reads a model made for `embedding`.
    ///
    /// # Errors
    /// [`ModelError`] if the file is broken, a section is misshapen, or it was made for another table.
    pub fn parse(raw: &[u8], embedding: &Embedding) -> Result<Self, ModelError> {
        let file = Container::parse(raw)?;
        let metadata = metadata(&file, embedding)?;
        let hashed = |tag, head| Hashed::parse(file.section(tag)?, &file.floats(head)?, tag);
        let dense = |inputs, tag| Dense::parse(inputs, file.floats(tag)?, tag);
        Ok(Self {
            metadata,
            text_hashed: hashed("THSH", "THED")?,
            text_dense: dense(DIMENSIONS, "TDNS")?,
            window_hashed: hashed("WHSH", "WHED")?,
            window_dense: dense(DIMENSIONS, "WDNS")?,
            surprisal: Surprisal::parse(file.section("SURP")?)?,
            adjacency: Adjacency::parse(file.section("ADJC")?, &file.floats("ADJH")?, embedding.tokens())?,
            suffix: dense(SUFFIX_FEATURES, "SUFX")?,
            stacks: [dense(STACK_FEATURES, "STKC")?, dense(STACK_FEATURES, "STKD")?],
        })
    }

    /// The model as a file.
    pub fn bytes(&self) -> Vec<u8> {
        ContainerWriter::default()
            .section("META", serde_json::to_vec(&self.metadata).unwrap_or_default())
            .section("THSH", self.text_hashed.bytes())
            .floats("THED", &self.text_hashed.head())
            .floats("TDNS", self.text_dense.numbers())
            .section("WHSH", self.window_hashed.bytes())
            .floats("WHED", &self.window_hashed.head())
            .floats("WDNS", self.window_dense.numbers())
            .section("SURP", self.surprisal.bytes())
            .section("ADJC", self.adjacency.bytes())
            .floats("ADJH", &self.adjacency.head())
            .floats("SUFX", self.suffix.numbers())
            .floats("STKC", self.stacks[0].numbers())
            .floats("STKD", self.stacks[1].numbers())
            .finish()
    }

    /// The last step for `channel`.
    pub const fn stack(&self, channel: Channel) -> &Stack {
        &self.stacks[if matches!(channel, Channel::Chat) { 0 } else { 1 }]
    }

    /// How much a text as it was written looks like an optimised suffix somewhere; `bins` are those of its plain view.
    pub fn suffix(&self, text: &str, bins: &TokenBins) -> Suffix {
        let mut worst = Suffix::default();
        let mut previous = Self::LOGIT_MIN;
        super::suffix_windows(&self.surprisal, text, bins, |at, features| {
            let logit = self.suffix.logit(&features).clamp(-LOGIT_MAX, LOGIT_MAX);
            if logit > worst.window {
                (worst.window, worst.at) = (logit, at);
            }
            worst.pair = worst.pair.max((logit + previous) / 2.0);
            previous = logit;
        });
        worst
    }

    /// Its models of texts and windows beside each other, with another model of passages if wanted.
    ///
    /// # Errors
    /// [`ModelError`] as for [`SideBySide::new`].
    pub fn beside(&self, other: Option<&TextModel>) -> Result<SideBySide, ModelError> {
        let other = other.map(|o| (&o.hashed, &o.dense));
        SideBySide::new(&self.text_hashed, (&self.window_hashed, &self.window_dense), other)
    }

    /// What the parts say of one view, by `models` from [`InjectionModel::beside`]: numbers for the last step, and the worst window
    /// by its words. `passage` is shown each sentence as the other model sees it.
    pub fn parts(
        &self,
        embedding: &Embedding,
        models: &SideBySide,
        view: &View,
        bins: &mut TokenBins,
        mut passage: impl FnMut(&Sentence<'_>),
    ) -> Parts {
        let mut parts = Parts { window_logit: -LOGIT_MAX, ..Parts::default() };
        let mut tokens = Vec::with_capacity(64);
        let width = models.rows.width();
        let (mut previous, mut current) = (Window::of_width(width), Window::of_width(width));
        let (mut all, mut text_sum, mut features) = ([0.0; DIMENSIONS], 0, 0);
        for sums in models.sums(view) {
            let block = sums.block;
            tokens.clear();
            for w in view.words.get(block.start..block.end).unwrap_or_default() {
                let of_word = tokens.len();
                embedding.tokens_of(view.text.text(), *w, &mut tokens);
                bins.add(view, *w, &tokens[of_word..], &self.adjacency);
            }
            wide(Read {
                embedding,
                models,
                tokens: &tokens,
                previous: &previous,
                all: &mut all,
                current: &mut current,
            });
            let (own, others) = models.split(&current.projected);
            let weights = sums.weights[2];
            passage(&Sentence { weights, features: sums.features, vector: &current.sum, projected: others });
            text_sum += sums.weights[0];
            features += sums.features;
            (current.hashed, current.features) = (sums.weights[1], sums.features);
            (current.first, current.last) = (block.start, block.end);
            let one = self.window_logit((current.hashed, current.features), own, current.square);
            parts.see(one, (block.start, block.end));
            if block.start > 0 {
                // Every number of two sentences is made of those of each.
                let hashed = (previous.hashed + current.hashed, previous.features + current.features);
                let square = previous.square + (current.square + 2.0 * current.cross);
                previous.projected.iter_mut().zip(own).for_each(|(a, b)| *a += b);
                parts.see(self.window_logit(hashed, &previous.projected, square), (previous.first, block.end));
            }
            std::mem::swap(&mut previous, &mut current);
        }
        super::embedding::normalise(&mut all);
        parts.text_hashed = self.text_hashed.logit_of(text_sum, features);
        parts.text_dense = self.text_dense.logit(&all);
        parts
    }

    /// Judges a window by the sum of its hashed features' weights and their number, what the network's units get of the sum of its
    /// vectors, and the square of that.
    fn window_logit(&self, hashed: (i32, usize), projected: &[f32], square: f32) -> f32 {
        let length = square.max(0.0).sqrt();
        let scale = if length > 1e-9 { length.recip() } else { 1.0 };
        self.window_hashed.logit_of(hashed.0, hashed.1) + self.window_dense.finish(projected, scale)
    }
}

/// A sentence as a model of passages sees it.
#[derive(Clone, Copy, Debug)]
pub struct Sentence<'a> {
    /// Sum of the weights of its hashed features.
    pub weights: i32,
    /// Their number.
    pub features: usize,
    /// Sum of the vectors of its tokens.
    pub vector: &'a [f32; DIMENSIONS],
    /// What the network's units get of it.
    pub projected: &'a [f32],
}

/// What is kept of one sentence while the next is read.
struct Window {
    first: usize,
    last: usize,
    /// Sum of the weights of its hashed features, and their number.
    hashed: i32,
    features: usize,
    /// Sum of the vectors of its tokens, its square and its product with the sentence before, and what the networks' units get
    /// of it.
    sum: [f32; DIMENSIONS],
    square: f32,
    cross: f32,
    projected: Vec<f32>,
}

impl Window {
    fn of_width(width: usize) -> Self {
        Self {
            first: 0,
            last: 0,
            hashed: 0,
            features: 0,
            sum: [0.0; DIMENSIONS],
            square: 0.0,
            cross: 0.0,
            projected: vec![0.0; width],
        }
    }
}

/// All that is worked out of a sentence's vectors.
struct Read<'a> {
    embedding: &'a Embedding,
    models: &'a SideBySide,
    tokens: &'a [u32],
    previous: &'a Window,
    all: &'a mut [f32; DIMENSIONS],
    current: &'a mut Window,
}

impl Wide for Read<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let current = self.current;
        current.sum = [0.0; DIMENSIONS];
        self.embedding.add_wide(self.tokens, &mut current.sum);
        self.all.iter_mut().zip(&current.sum).for_each(|(all, one)| *all += one);
        current.square = dot(&current.sum, &current.sum);
        current.cross = dot(&self.previous.sum, &current.sum);
        self.models.rows.project(&current.sum, &mut current.projected);
    }
}

/// What the detector of optimised suffixes says of a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Suffix {
    /// Logit of the worst window.
    pub window: f32,
    /// Mean logit of the worst two windows in a row.
    pub pair: f32,
    /// First byte of the worst window.
    pub at: usize,
}

impl Default for Suffix {
    fn default() -> Self {
        Self { window: InjectionModel::LOGIT_MIN, pair: InjectionModel::LOGIT_MIN, at: 0 }
    }
}

/// What the parts of an injection model say of one view.
#[derive(Clone, Copy, Debug, Default)]
pub struct Parts {
    /// Whole text, hashed n-grams.
    pub text_hashed: f32,
    /// Whole text, embedding.
    pub text_dense: f32,
    /// Worst window, both models added.
    pub window_logit: f32,
    /// Words of the worst window.
    pub window_words: (usize, usize),
}

impl Parts {
    fn see(&mut self, logit: f32, words: (usize, usize)) {
        if logit > self.window_logit {
            (self.window_logit, self.window_words) = (logit, words);
        }
    }
}

/// The numbers that the last step weighs; `rules` is the noisy-or of the rules that matched, `words` their number.
pub fn stack_features(parts: &Parts, suffix: Suffix, rules: f32, words: usize) -> [f32; STACK_FEATURES] {
    let clamp = |z: f32| z.clamp(-LOGIT_MAX, LOGIT_MAX) / 4.0;
    let length = ((words as f32 + 1.0).ln() - 3.0) / 2.0;
    // What is far out counts more than in proportion: any one part may be right alone.
    let over = |z: f32, from: f32| (z - from).clamp(0.0, LOGIT_MAX) / 4.0;
    let at_least = |from: f32| f32::from(u8::from(rules >= from));
    let short = f32::from(u8::from(words <= SHORT_WORDS));
    [
        clamp(parts.text_hashed),
        clamp(parts.text_dense),
        clamp(parts.window_logit),
        clamp(suffix.window),
        -(1.0 - rules.min(0.995)).ln(),
        length,
        clamp(parts.text_hashed.min(parts.text_dense)),
        clamp(parts.text_hashed.max(parts.window_logit)),
        over(suffix.window, 1.0),
        over(suffix.window, 4.0),
        over(parts.window_logit, 3.0),
        over(parts.text_hashed, 2.5),
        over(parts.text_dense, 3.0),
        at_least(0.45),
        at_least(0.65),
        at_least(0.8),
        clamp(suffix.pair),
        over(suffix.pair, 0.0),
        over(suffix.pair, 0.0) * short,
        over(suffix.pair, 2.0) * short,
        over(suffix.window, 1.0) * short,
        over(suffix.window, 4.0) * short,
    ]
}

fn metadata(file: &Container<'_>, embedding: &Embedding) -> Result<Metadata, ModelError> {
    let metadata: Metadata =
        serde_json::from_slice(file.section("META")?).map_err(|e| ModelError::shape("META", e.to_string()))?;
    if metadata.embedding != embedding.id() {
        return Err(ModelError::Embedding { wanted: metadata.embedding, loaded: embedding.id().into() });
    }
    if metadata.calibration.thresholds.iter().any(|t| !(0.0 <= t.flag && t.flag <= t.block)) {
        return Err(ModelError::shape("META", "a flag threshold is below 0 or above its block threshold"));
    }
    // Scores are 0 to 1: such a model would say nothing of any text, and look like one that found nothing.
    if metadata.calibration.thresholds.iter().any(|t| t.flag > 1.0) {
        return Err(ModelError::shape("META", "a flag threshold is above 1, which no score can reach"));
    }
    Ok(metadata)
}

/// A model of texts by their passages: hashed n-grams and embedding, added by a last step. Toxicity, and users' own checks.
#[derive(Debug)]
pub struct TextModel {
    /// Where it comes from; the first threshold pair is its own.
    pub metadata: Metadata,
    /// Hashed n-grams.
    pub hashed: Hashed,
    /// Embedding.
    pub dense: Dense,
    /// `[weight of hashed, weight of embedding, bias]`.
    pub mix: [f32; 3],
}

impl TextModel {
    /// Reads a model made for `embedding`.
    ///
    /// # Errors
    /// [`ModelError`] as for [`InjectionModel::parse`].
    pub fn parse(raw: &[u8], embedding: &Embedding) -> Result<Self, ModelError> {
        let file = Container::parse(raw)?;
        let mix = file.floats("MIXT")?;
        Ok(Self {
            metadata: metadata(&file, embedding)?,
            hashed: Hashed::parse(file.section("THSH")?, &file.floats("THED")?, "THSH")?,
            dense: Dense::parse(DIMENSIONS, file.floats("TDNS")?, "TDNS")?,
            mix: mix
                .try_into()
                .map_err(|m: Vec<f32>| ModelError::shape("MIXT", format!("{} numbers, wanted 3", m.len())))?,
        })
    }

    /// The model as a file.
    pub fn bytes(&self) -> Vec<u8> {
        ContainerWriter::default()
            .section("META", serde_json::to_vec(&self.metadata).unwrap_or_default())
            .section("THSH", self.hashed.bytes())
            .floats("THED", &self.hashed.head())
            .floats("TDNS", self.dense.numbers())
            .floats("MIXT", &self.mix)
            .finish()
    }

    /// The logit of a text as it is read in clear.
    pub fn logit_of(&self, text: &str, embedding: &Embedding) -> f32 {
        let limits = ViewLimits { depth_max: 0, ..ViewLimits::default() };
        let plain = views(text, &mut fold(text), &limits).views.swap_remove(0);
        self.logit(&plain, &Features::of(&plain), embedding)
    }

    /// The highest logit of a view's passages.
    pub fn logit(&self, view: &View, features: &Features, embedding: &Embedding) -> f32 {
        let all = super::passages(&self.hashed, &self.dense, embedding, view, features);
        all.into_iter().map(|parts| self.mixed(parts)).fold(f32::MIN, f32::max)
    }

    /// The logit of a passage by those of its two parts.
    pub fn mixed(&self, parts: [f32; 2]) -> f32 {
        let [hashed, dense, bias] = self.mix;
        hashed * parts[0] + dense * parts[1] + bias
    }
}
