//! The injection model: base models, each validated on whole sources that it did not see; a last step fitted to those
//! unseen scores; thresholds from the harmless ones among them.

use std::collections::BTreeMap;

use super::fit::{self, DenseSettings, Full, Sparse, SparseSettings};
use super::prepare::{Prepared, prepare};
use super::{Rng, Row, TrainError, check_classes, made, suffix};
use crate::model::{
    Calibration, DIMENSIONS, Dense, Embedding, Hashed, InjectionModel, Metadata, Parts, STACK_FEATURES, SideBySide,
    SourceResult, TokenBins, sigmoid, stack_features,
};
use crate::{Channel, Thresholds};

/// What goes into a training.
#[derive(Debug)]
pub struct InjectionData {
    /// Rows from every file.
    pub rows: Vec<Row>,
    /// Name and SHA-256 of each file.
    pub digests: Vec<(String, String)>,
}

const FOLDS: usize = 5;
/// Rows of one source and class count together at most as this many.
const SOURCE_MASS: f32 = 2500.0;
/// Rows that the trainer makes count less: they are many of few templates.
const MADE_MASS: f32 = 1200.0;
/// A source of fewer harmless rows counts less for the thresholds.
const SOURCE_ROWS_MIN: usize = 100;
const TEXT: SparseSettings = SparseSettings { bits: 19, epochs: 5, rate: 0.15, decay: 0.02 };
const WINDOW: SparseSettings = SparseSettings { bits: 18, epochs: 5, rate: 0.15, decay: 0.02 };
/// Harmless windows over this logit are shown again.
const MINED_LOGIT: f32 = -2.5;
const TEXT_DENSE: DenseSettings = DenseSettings { hidden: 32, epochs: 6, rate: 2e-3, decay: 1e-2 };
const WINDOW_DENSE: DenseSettings = DenseSettings { hidden: 24, epochs: 4, rate: 2e-3, decay: 1e-2 };

/// Trains the injection model.
///
/// # Errors
/// [`TrainError`] if a class is missing.
pub fn injection(
    data: InjectionData,
    embedding: &Embedding,
    seed: u64,
    tell: &mut dyn FnMut(&str),
) -> Result<InjectionModel, TrainError> {
    let mut rng = Rng::new(seed);
    let rows: Vec<Row> =
        data.rows.into_iter().filter(Row::may_ship).filter(is_labelled_well).map(strip_template).collect();
    check_classes(&rows)?;
    let made = made::rows(&rows, embedding, &mut rng);
    tell(&format!("{} rows, {} made", rows.len(), made.texts.len()));
    let ready = |rows: &[Row]| -> Vec<Prepared> { rows.iter().map(|r| prepare(r, fold_of(r), embedding)).collect() };
    let mut texts = ready(&rows);
    texts.extend(ready(&made.texts));
    let documents = ready(&made.documents);
    tell("rows prepared");

    let suffix = suffix::learn(&texts, embedding, seed, &mut rng)?;
    let suffixed = ready(&made::suffixed(&rows, embedding, &suffix.sampler, &mut rng));
    tell("suffixes learned");
    let mut model = InjectionModel {
        metadata: Metadata {
            id: "casemate-injection-4".into(),
            embedding: embedding.id().into(),
            seed,
            data: data.digests,
            calibration: Calibration { thresholds: [Thresholds { flag: 0.5, block: 0.5 }; 4] },
            held_out: vec![],
        },
        text_hashed: Hashed::quantise(&[0.0], 0.0),
        text_dense: fit::linear(&[], DIMENSIONS, &[])?,
        window_hashed: Hashed::quantise(&[0.0], 0.0),
        window_dense: fit::linear(&[], DIMENSIONS, &[])?,
        surprisal: suffix.surprisal,
        adjacency: suffix.adjacency,
        suffix: suffix.network,
        stacks: [fit::linear(&[], STACK_FEATURES, &[])?, fit::linear(&[], STACK_FEATURES, &[])?],
    };

    let (mut chat, mut content) = (Vec::new(), Vec::new());
    for fold in 0..FOLDS {
        learn_base(&mut model, &texts, Some(fold), embedding, seed)?;
        let models = model.beside(None)?;
        let held = |set: &'_ [Prepared], channel: usize| -> Vec<Scored> {
            set.iter().filter(|p| p.fold == fold).map(|p| score(&model, &models, embedding, p, channel)).collect()
        };
        chat.extend(held(&texts, 0));
        chat.retain(|s| !made::is_content_attack(&s.source));
        chat.extend(held(&suffixed, 0));
        content.extend(held(&documents, 1));
        let harmless = texts.iter().filter(|p| p.fold == fold && !p.positive && made::is_content(&p.source));
        content.extend(harmless.map(|p| score(&model, &models, embedding, p, 1)));
        tell(&format!("fold {} of {FOLDS}", fold + 1));
    }
    learn_base(&mut model, &texts, None, embedding, seed)?;
    model.stacks = [learn_stack(&chat)?, learn_stack(&content)?];
    calibrate(&mut model, &chat, &content);
    Ok(model)
}

/// One collection files its harmless requests of control among the attacks.
fn is_labelled_well(row: &Row) -> bool {
    !(row.positive && row.source == "neuralchemy" && row.kind == "control")
}

/// Wrappers that a collector put around texts are no sign of an attack.
fn strip_template(mut row: Row) -> Row {
    for wrapper in ["{% raw %}", "{% endraw %}", "{{ prompt }}", "{{prompt}}", "[INSERT PROMPT HERE]"] {
        if row.text.contains(wrapper) {
            row.text = row.text.replace(wrapper, "");
        }
    }
    row
}

/// Sources that are held out together: attacks of one collector with the harmless rows nearest to them.
fn fold_of(row: &Row) -> usize {
    match row.source.as_str() {
        "s-labs" => 0,
        "neuralchemy" | "gpteacher-tool" => 1,
        "yanismiraoui" | "pypi-home_assistant_intents" | "pypi-django_allauth" | "restaurant8k" => 2,
        "trustairlab-jailbreak" | "gpteacher-roleplay" => 3,
        "pyrit-templates" | "giskard" | "clinc150" | "gpteacher-code" | "self-instruct-seeds" => 4,
        source if source.starts_with("pkg-") => hash(source),
        _ => hash(&row.text),
    }
}

fn hash(text: &str) -> usize {
    text.bytes().fold(7_usize, |h, b| h.wrapping_mul(31).wrapping_add(usize::from(b))) % FOLDS
}

/// Fits the four base models to rows outside `fold`.
fn learn_base(
    model: &mut InjectionModel,
    texts: &[Prepared],
    fold: Option<usize>,
    embedding: &Embedding,
    seed: u64,
) -> Result<(), TrainError> {
    let seen: Vec<&Prepared> = texts
        .iter()
        .filter(|p| fold != Some(p.fold) && p.source != "synthetic-indirect" && !made::is_content_attack(&p.source))
        .collect();
    let mass = Mass::of(seen.iter().copied());
    let sparse: Vec<Sparse<'_>> = seen
        .iter()
        .map(|p| Sparse { indices: p.features.all(), positive: p.positive, weight: mass.weight(p) })
        .collect();
    model.text_hashed = fit::hashed(&sparse, TEXT, seed);
    let full: Vec<Full<'_>> =
        seen.iter().map(|p| Full { x: p.unit.as_slice(), positive: p.positive, weight: mass.weight(p) }).collect();
    model.text_dense = fit::dense(&full, DIMENSIONS, TEXT_DENSE, seed ^ 1)?;

    let mut windows = windows(texts, fold, embedding, seed);
    let first = fit_windows(&windows, seed ^ 2);
    windows.extend(mined(texts, fold, embedding, &first));
    model.window_hashed = fit_windows(&windows, seed ^ 2);
    let weight = Window::weights(&windows);
    let full: Vec<Full<'_>> = windows
        .iter()
        .map(|w| Full { x: w.unit.as_slice(), positive: w.positive, weight: weight[usize::from(w.positive)] })
        .collect();
    model.window_dense = fit::dense(&full, DIMENSIONS, WINDOW_DENSE, seed ^ 3)?;
    Ok(())
}

struct Window<'a> {
    indices: &'a [u32],
    unit: Box<[f32; DIMENSIONS]>,
    positive: bool,
}

impl Window<'_> {
    /// Weights of a harmless window and of an attack.
    fn weights(windows: &[Self]) -> [f32; 2] {
        let negatives = windows.iter().filter(|w| !w.positive).count().max(1);
        [1.0, (negatives as f32 / (windows.len() - negatives).max(1) as f32).clamp(0.2, 5.0)]
    }
}

fn fit_windows(windows: &[Window<'_>], seed: u64) -> Hashed {
    let weight = Window::weights(windows);
    let sparse: Vec<Sparse<'_>> = windows
        .iter()
        .map(|w| Sparse { indices: w.indices, positive: w.positive, weight: weight[usize::from(w.positive)] })
        .collect();
    fit::hashed(&sparse, WINDOW, seed)
}

/// Sentences of harmless texts, alone and with the next, that a first pass comes near to taking for an instruction: what was not drawn
/// is seen where it matters.
fn mined<'a>(texts: &'a [Prepared], fold: Option<usize>, embedding: &Embedding, first: &Hashed) -> Vec<Window<'a>> {
    let mut out = Vec::new();
    for p in texts.iter().filter(|p| fold != Some(p.fold) && !p.positive) {
        let blocks = p.features.blocks();
        for (i, block) in blocks.iter().enumerate() {
            for end in [block.end, blocks.get(i + 1).map_or(block.end, |next| next.end)] {
                let indices = p.features.of_words(block.start, end);
                if first.logit(indices) > MINED_LOGIT {
                    let unit = Box::new(embedding.embed(p.view.text.text(), &p.view.words[block.start..end]));
                    out.push(Window { indices, unit, positive: false });
                }
            }
        }
    }
    out
}

/// Sentence windows: short attacks whole; harmless texts sentence by sentence and in pairs.
fn windows<'a>(texts: &'a [Prepared], fold: Option<usize>, embedding: &Embedding, seed: u64) -> Vec<Window<'a>> {
    let mut rng = Rng::new(seed ^ 9);
    let mut out = Vec::new();
    let mut add = |p: &'a Prepared, start: usize, end: usize| {
        let unit = Box::new(embedding.embed(p.view.text.text(), &p.view.words[start..end]));
        out.push(Window { indices: p.features.of_words(start, end), unit, positive: p.positive });
    };
    for p in texts.iter().filter(|p| fold != Some(p.fold)) {
        let (words, blocks) = (p.view.words.len(), p.features.blocks());
        if p.positive {
            if (3..=40).contains(&words) && !matches!(p.source.as_str(), "synthetic-indirect" | "made-hidden") {
                add(p, 0, words);
            }
            continue;
        }
        for (i, block) in blocks.iter().enumerate() {
            // A third of the sentences is enough of the long texts.
            if blocks.len() > 3 && !rng.chance(0.34) {
                continue;
            }
            add(p, block.start, block.end);
            if let Some(next) = blocks.get(i + 1).filter(|_| rng.chance(0.5)) {
                add(p, block.start, next.end);
            }
        }
    }
    out
}

/// Weights that keep large sources from drowning small ones, and the classes even.
struct Mass {
    counts: Vec<(String, bool, f32)>,
    scale: [f32; 2],
}

impl Mass {
    fn of<'a>(rows: impl Iterator<Item = &'a Prepared>) -> Self {
        let mut counts: Vec<(String, bool, f32)> = Vec::new();
        for p in rows {
            match counts.iter_mut().find(|c| c.0 == p.source && c.1 == p.positive) {
                Some(c) => c.2 += 1.0,
                None => counts.push((p.source.clone(), p.positive, 1.0)),
            }
        }
        let total = |positive: bool| -> f32 {
            counts.iter().filter(|c| c.1 == positive).map(|c| c.2.min(source_mass(&c.0))).sum::<f32>().max(1.0)
        };
        let (negative, positive) = (total(false), total(true));
        let even = (negative + positive) / 2.0;
        Self { scale: [even / negative, even / positive], counts }
    }

    fn weight(&self, p: &Prepared) -> f32 {
        let count = self.counts.iter().find(|c| c.0 == p.source && c.1 == p.positive).map_or(1.0, |c| c.2);
        (source_mass(&p.source) / count).min(1.0) * self.scale[usize::from(p.positive)]
    }
}

fn source_mass(source: &str) -> f32 {
    if source.starts_with("made-") { MADE_MASS } else { SOURCE_MASS }
}

/// A row scored by models that did not see its source.
struct Scored {
    source: String,
    positive: bool,
    x: [f32; STACK_FEATURES],
}

fn score(model: &InjectionModel, models: &SideBySide, embedding: &Embedding, p: &Prepared, channel: usize) -> Scored {
    let mut bins = TokenBins::of_written(p.text.len());
    let parts: Parts = model.parts(embedding, models, &p.view, &mut bins, |_| {});
    let suffix = model.suffix(&p.text, &bins);
    let x = stack_features(&parts, suffix, p.rules[channel], p.view.words.len());
    Scored { source: p.source.clone(), positive: p.positive, x }
}

fn learn_stack(scored: &[Scored]) -> Result<Dense, TrainError> {
    let mut counts: Vec<(&str, bool, f32)> = Vec::new();
    for s in scored {
        match counts.iter_mut().find(|c| c.0 == s.source && c.1 == s.positive) {
            Some(c) => c.2 += 1.0,
            None => counts.push((&s.source, s.positive, 1.0)),
        }
    }
    // Every source counts the same within its class, and the classes the same.
    let sources = |positive: bool| counts.iter().filter(|c| c.1 == positive).count().max(1) as f32;
    let (negative, positive) = (sources(false), sources(true));
    let rows: Vec<Full<'_>> = scored
        .iter()
        .map(|s| {
            let count = counts.iter().find(|c| c.0 == s.source && c.1 == s.positive).map_or(1.0, |c| c.2);
            let classes = if s.positive { positive } else { negative };
            Full { x: &s.x, positive: s.positive, weight: 1.0 / count.max(30.0) / classes }
        })
        .collect();
    // More of any part must never make a text look cleaner; length alone may go either way.
    let mut monotone = [true; STACK_FEATURES];
    monotone[5] = false;
    Ok(fit::linear(&rows, STACK_FEATURES, &monotone)?)
}

/// The lowest threshold that at most `share` of the harmless scores reach, where every source counts the same, but for those of few rows.
fn threshold_by_source(harmless: &[(&str, f32)], share: f64) -> f32 {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    harmless.iter().for_each(|(source, _)| *counts.entry(source).or_default() += 1);
    let weight = |source: &str| 1.0 / counts.get(source).map_or(1, |n| (*n).max(SOURCE_ROWS_MIN)) as f64;
    let total: f64 = harmless.iter().map(|(source, _)| weight(source)).sum();
    let mut scores = harmless.to_vec();
    scores.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut over = 0.0;
    for (source, score) in scores {
        over += weight(source);
        if over > share * total {
            return score.next_up();
        }
    }
    1.0
}

fn calibrate(model: &mut InjectionModel, chat: &[Scored], content: &[Scored]) {
    let probability = |stack: &Dense, s: &Scored| sigmoid(stack.logit(&s.x));
    let thresholds = |stack: &Dense, scored: &[Scored]| {
        let harmless: Vec<(&str, f32)> =
            scored.iter().filter(|s| !s.positive).map(|s| (s.source.as_str(), probability(stack, s))).collect();
        Thresholds { flag: threshold_by_source(&harmless, 0.01), block: threshold_by_source(&harmless, 0.001) }
    };
    let of_chat = thresholds(model.stack(Channel::Chat), chat);
    let of_content = thresholds(model.stack(Channel::Document), content);
    model.metadata.calibration = Calibration { thresholds: [of_chat, of_content, of_content, of_content] };
    for (stack, scored, t, name) in
        [(&model.stacks[0], chat, of_chat, "chat"), (&model.stacks[1], content, of_content, "content")]
    {
        let mut sources: Vec<&str> = scored.iter().map(|s| s.source.as_str()).collect();
        sources.sort_unstable();
        sources.dedup();
        for source in sources {
            for positive in [true, false] {
                let of: Vec<f32> = scored
                    .iter()
                    .filter(|s| s.source == source && s.positive == positive)
                    .map(|s| probability(stack, s))
                    .collect();
                if !of.is_empty() {
                    model.metadata.held_out.push(SourceResult {
                        source: format!("{name}/{source}/{}", if positive { "attack" } else { "harmless" }),
                        rows: of.len(),
                        flagged: of.iter().filter(|p| **p >= t.flag).count(),
                        blocked: of.iter().filter(|p| **p >= t.block).count(),
                    });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::threshold_by_source;

    #[test]
    fn a_large_source_decides_no_more_than_a_small_one() {
        // A thousand rows far below, and a hundred of which every tenth is high.
        let mut harmless = vec![("large", 0.1); 1000];
        harmless.extend((0..100).map(|i| ("small", if i % 10 == 0 { 0.9 } else { 0.2 })));
        let reached = |t: f32| {
            [("large", 1000), ("small", 100)]
                .map(|(name, n)| harmless.iter().filter(|(s, p)| *s == name && *p >= t).count() as f64 / f64::from(n))
        };
        let strict = threshold_by_source(&harmless, 0.04);
        assert_eq!(reached(strict), [0.0, 0.0], "five of a hundred, sources alike, are over the share: {strict}");
        let loose = threshold_by_source(&harmless, 0.06);
        assert_eq!(reached(loose), [0.0, 0.1], "{loose}");
        assert_eq!(threshold_by_source(&[], 0.01), 1.0);
    }
}
