//! The detector of optimised suffixes: what characters and tokens of harmless text are like, and windows of it against
//! windows of made suffixes.

use super::adjacency::{self, TEXT_TOKENS_MAX, TokenSampler};
use super::fit::{self, DenseSettings, Full};
use super::prepare::{Prepared, prepare};
use super::{Rng, Row, TrainError, synthetic};
use crate::model::{
    Adjacency, Dense, Embedding, SUFFIX_FEATURES, SYMBOLS, Surprisal, TokenBins, suffix_windows, symbol,
};

const SUFFIX: DenseSettings = DenseSettings { hidden: 24, epochs: 14, rate: 5e-3, decay: 1e-4 };
/// Texts of this fold are not learned from, so that windows of them look as those of unseen texts do.
const UNSEEN_FOLD: usize = 0;

/// What the detector is made of.
pub struct Suffix {
    pub surprisal: Surprisal,
    pub adjacency: Adjacency,
    pub network: Dense,
    /// Draws tokens for made suffixes.
    pub sampler: TokenSampler,
}

/// Learns all of it from harmless texts.
pub fn learn(texts: &[Prepared], embedding: &Embedding, seed: u64, rng: &mut Rng) -> Result<Suffix, TrainError> {
    let seen: Vec<&Prepared> = texts.iter().filter(|p| !p.positive && p.fold != UNSEEN_FOLD).collect();
    let surprisal = learn_surprisal(&seen);
    let tokens: Vec<Vec<u32>> = seen.iter().map(|p| tokens_of(p, embedding)).collect();
    let counts = adjacency::counts(&tokens, embedding.tokens());
    let sampler = TokenSampler::of(&counts, 0.5);
    let adjacency = adjacency::learn(&tokens, embedding, seed);
    let unseen = texts.iter().filter(|p| !p.positive && p.fold == UNSEEN_FOLD);
    let network = learn_network(&surprisal, &adjacency, &sampler, unseen, embedding, rng)?;
    Ok(Suffix { surprisal, adjacency, network, sampler })
}

fn tokens_of(p: &Prepared, embedding: &Embedding) -> Vec<u32> {
    let mut tokens = Vec::new();
    for w in &p.view.words {
        embedding.tokens_of(p.view.text.text(), *w, &mut tokens);
        if tokens.len() > TEXT_TOKENS_MAX {
            break;
        }
    }
    tokens.truncate(TEXT_TOKENS_MAX);
    tokens
}

fn learn_surprisal(seen: &[&Prepared]) -> Surprisal {
    let mut counts = vec![0_u32; Surprisal::ENTRIES];
    for p in seen {
        let (mut a, mut b) = (28_usize, 28_usize);
        for byte in p.text.bytes().take(1500) {
            let c = usize::from(symbol(byte));
            counts[(a * SYMBOLS + b) * SYMBOLS + c] += 1;
            (a, b) = (b, c);
        }
    }
    Surprisal::from_counts(&counts)
}

/// Windows of harmless texts against windows of made suffixes.
fn learn_network<'a>(
    surprisal: &Surprisal,
    adjacency: &Adjacency,
    sampler: &TokenSampler,
    unseen: impl Iterator<Item = &'a Prepared>,
    embedding: &Embedding,
    rng: &mut Rng,
) -> Result<Dense, TrainError> {
    let mut windows: Vec<([f32; SUFFIX_FEATURES], bool)> = Vec::new();
    for p in unseen {
        suffix_windows(surprisal, &p.text, &bins(p, embedding, adjacency), |_, f| windows.push((f, false)));
    }
    let harmless = windows.len();
    while windows.len() < harmless + harmless / 3 {
        let text = synthetic::suffix(embedding, sampler, rng);
        let before = windows.len();
        let row = Row { text, positive: true, source: String::new(), kind: String::new(), licence: String::new() };
        let p = prepare(&row, 0, embedding);
        suffix_windows(surprisal, &p.text, &bins(&p, embedding, adjacency), |_, f| windows.push((f, true)));
        if windows.len() == before && embedding.tokens() < 100 {
            break;
        }
    }
    let rows: Vec<Full<'_>> =
        windows.iter().map(|(x, positive)| Full { x, positive: *positive, weight: 1.0 }).collect();
    Ok(fit::dense(&rows, SUFFIX_FEATURES, SUFFIX, 11)?)
}

fn bins(p: &Prepared, embedding: &Embedding, adjacency: &Adjacency) -> TokenBins {
    let mut bins = TokenBins::of_written(p.text.len());
    let mut tokens = Vec::new();
    for w in &p.view.words {
        tokens.clear();
        embedding.tokens_of(p.view.text.text(), *w, &mut tokens);
        bins.add(&p.view, *w, &tokens, adjacency);
    }
    bins
}
