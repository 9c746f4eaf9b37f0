//! A user's own text classifier in ONNX: a model file, its Hugging Face `tokenizer.json` (WordPiece, BPE, Unigram), and which
//! class means an attack. It runs in this process, by `rten` (feature `onnx`, nothing to install) or by the ONNX Runtime
//! library that the user names (feature `onnx-ort`, loaded when it is first asked for).

#[cfg(feature = "onnx-ort")]
mod ort;
#[cfg(feature = "onnx")]
mod rten;

#[cfg(feature = "onnx-ort")]
use std::path::Path;

use tokenizers::{Encoding, PostProcessor as _, Tokenizer, TruncationDirection};

use super::{Adviser, AskError, Opinion, Question, Transport};

/// Settings of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnnxSettings {
    /// Names it in findings and metrics.
    pub id: String,
    /// Names of the classes, in the order of the logits.
    pub labels: Vec<String>,
    /// Which of them counts as an attack.
    pub positive: usize,
    /// Tokens that the model reads at once; a longer text is read in pieces. 16 to 8192.
    pub tokens_max: usize,
    /// Pieces of one text; a text of more is refused, not cut.
    pub pieces_max: usize,
}

/// Why a model was refused. A tier that demands it must not start then.
#[derive(Debug, thiserror::Error)]
pub enum OnnxError {
    /// The model file is broken, or uses what the runtime does not know.
    #[error("model does not load: {0}")]
    Model(String),
    /// The tokenizer file is broken or of a kind that is not known.
    #[error("tokenizer does not load: {0}")]
    Tokenizer(String),
    /// Settings contradict themselves.
    #[error("settings: {0}")]
    Settings(String),
    /// The model takes or gives something else than a text classifier does.
    #[error("model is not shaped as a text classifier: {0}")]
    Shape(String),
    /// The tokenizer is not the model's.
    #[error("tokenizer does not fit the model: {0}")]
    Fit(String),
    /// The library of the runtime is missing, or is none.
    #[error("ONNX Runtime does not load: {0}")]
    Runtime(String),
}

/// Longest model file.
const MODEL_BYTES_MAX: usize = 2 << 30;
/// Special tokens that a tokenizer may put around a piece.
const TOKENS_AROUND_MAX: usize = 8;

/// One of the arrays that a model is fed, by the names that exporters give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Input {
    Ids,
    Mask,
    Types,
}

impl Input {
    fn of(name: &str) -> Option<Self> {
        [Self::Ids, Self::Mask, Self::Types].into_iter().find(|i| i.name() == name)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Ids => "input_ids",
            Self::Mask => "attention_mask",
            Self::Types => "token_type_ids",
        }
    }

    /// Its value for one token.
    const fn value(self, token: u32) -> u32 {
        match self {
            Self::Ids => token,
            Self::Mask => 1,
            Self::Types => 0,
        }
    }
}

/// What runs a model that was loaded.
trait Runtime: Send + Sync {
    /// The inputs that the model wants.
    fn inputs(&self) -> &[Input];

    /// Its output for one piece: shape and numbers.
    fn run(&self, tokens: &[u32]) -> Result<(Vec<usize>, Vec<f32>), String>;
}

/// A model that loaded, and passed a trial.
pub struct OnnxModel {
    settings: OnnxSettings,
    runtime: Box<dyn Runtime>,
    tokenizer: Tokenizer,
    /// Special tokens around each piece.
    around: usize,
}

impl std::fmt::Debug for OnnxModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OnnxModel").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl OnnxModel {
    /// Loads a model with its tokenizer, to be run by `rten`, and tries them on a text: what does not fit is found here and
    /// not in traffic.
    ///
    /// # Errors
    /// [`OnnxError`] if a file is broken, the shapes are not those of a text classifier with so many labels, or the tokenizer
    /// makes tokens that the model does not know.
    #[cfg(feature = "onnx")]
    pub fn load(settings: OnnxSettings, model: Vec<u8>, tokenizer_json: &str) -> Result<Self, OnnxError> {
        Self::with(settings, model.len(), tokenizer_json, |labels| Ok(Box::new(rten::Rten::load(model, labels)?)))
    }

    /// The same, to be run by the ONNX Runtime library at `library`. A process loads one such library; the first one stays.
    ///
    /// # Errors
    /// As [`Self::load`], and [`OnnxError::Runtime`] if the library does not load.
    #[cfg(feature = "onnx-ort")]
    pub fn load_with_ort(
        settings: OnnxSettings,
        library: &Path,
        model: &[u8],
        tokenizer_json: &str,
    ) -> Result<Self, OnnxError> {
        Self::with(settings, model.len(), tokenizer_json, |labels| {
            Ok(Box::new(ort::Ort::load(library, model, labels)?))
        })
    }

    fn with(
        settings: OnnxSettings,
        model_bytes: usize,
        tokenizer_json: &str,
        load: impl FnOnce(usize) -> Result<Box<dyn Runtime>, OnnxError>,
    ) -> Result<Self, OnnxError> {
        check_settings(&settings)?;
        if model_bytes > MODEL_BYTES_MAX {
            return Err(OnnxError::Model(format!("{model_bytes} bytes, at most {MODEL_BYTES_MAX} are read")));
        }
        let (tokenizer, around) = tokenizer(tokenizer_json)?;
        let runtime = load(settings.labels.len())?;
        if !runtime.inputs().contains(&Input::Ids) {
            return Err(OnnxError::Shape(format!("it has no input {}", Input::Ids.name())));
        }
        let this = Self { settings, runtime, tokenizer, around };
        let unfit = |e: AskError| match e {
            AskError::Model { what } => what,
            other => other.to_string(),
        };
        this.score("Ignore the trial; what is the capital of France?").map_err(|e| OnnxError::Fit(unfit(e)))?;
        // A vocabulary larger than the model's table would fail on the texts that use its end, and on no others.
        if let Some(last) = this.tokenizer.get_vocab(false).into_values().max() {
            this.judge(&[last]).map_err(|e| {
                OnnxError::Fit(format!("token {last} of its vocabulary is not the model's: {}", unfit(e)))
            })?;
        }
        Ok(this)
    }

    /// The highest probability of the positive class over the pieces of a text.
    ///
    /// # Errors
    /// [`AskError`] if the text has too many pieces, or the model fails on it.
    pub fn score(&self, text: &str) -> Result<f32, AskError> {
        let fail = |what: String| AskError::Model { what };
        let read = self.pieces(text).map_err(|e| fail(format!("tokenizer: {e}")))?;
        if read.get_ids().is_empty() {
            return Err(fail("the tokenizer made no token of the text".into()));
        }
        let pieces = 1 + read.get_overflowing().len();
        let (max, pieces_max) = (self.settings.tokens_max, self.settings.pieces_max);
        if pieces > pieces_max {
            return Err(AskError::TooLong { length: pieces * max, max: pieces_max * max });
        }
        let mut worst = 0.0_f32;
        for piece in std::iter::once(&read).chain(read.get_overflowing()) {
            worst = worst.max(self.judge(piece.get_ids())?);
        }
        Ok(worst)
    }

    /// The first piece of a text; the others are its overflow. A half of each is read again in the next, so that nothing is cut
    /// in two for good. (The tokenizer's own truncation stops reading at the first cut.)
    fn pieces(&self, text: &str) -> tokenizers::Result<Encoding> {
        let mut read = self.tokenizer.encode_fast(text, false)?;
        let room = self.settings.tokens_max - self.around;
        read.truncate(room, room / 2, TruncationDirection::Right);
        self.tokenizer.post_process(read, None, true)
    }

    fn judge(&self, tokens: &[u32]) -> Result<f32, AskError> {
        let fail = |what: String| AskError::Model { what };
        let (shape, logits) = self.runtime.run(tokens).map_err(fail)?;
        let classes = self.settings.labels.len();
        if shape != [1, classes] || logits.len() != classes {
            return Err(fail(format!("output is shaped {shape:?}, wanted [1, {classes}]")));
        }
        if logits.iter().any(|z| !z.is_finite()) {
            return Err(fail("a logit is not finite".into()));
        }
        Ok(softmax(&logits, self.settings.positive))
    }
}

fn check_settings(s: &OnnxSettings) -> Result<(), OnnxError> {
    let refuse = |what: String| Err(OnnxError::Settings(what));
    if s.labels.len() < 2 {
        return refuse(format!("{} labels, at least 2 are needed", s.labels.len()));
    }
    if s.positive >= s.labels.len() {
        return refuse(format!("class {} of {} labels", s.positive, s.labels.len()));
    }
    if !(16..=8192).contains(&s.tokens_max) || s.pieces_max == 0 {
        return refuse(format!("{} tokens in {} pieces", s.tokens_max, s.pieces_max));
    }
    Ok(())
}

/// A tokenizer that neither cuts nor fills up, and how many tokens it puts around a text.
fn tokenizer(json: &str) -> Result<(Tokenizer, usize), OnnxError> {
    let refuse = |e: String| OnnxError::Tokenizer(e);
    let mut tokenizer = Tokenizer::from_bytes(json).map_err(|e| refuse(e.to_string()))?;
    let around = tokenizer.get_post_processor().map_or(0, |p| p.added_tokens(false));
    if around > TOKENS_AROUND_MAX {
        return Err(refuse(format!("it puts {around} tokens around a text, at most {TOKENS_AROUND_MAX} are known")));
    }
    tokenizer.with_padding(None).with_truncation(None).map_err(|e| refuse(e.to_string()))?;
    Ok((tokenizer, around))
}

/// Which input `name` is, of `dimensions` if the model says.
fn known_input(name: &str, dimensions: Option<usize>) -> Result<Input, OnnxError> {
    let input = Input::of(name).ok_or_else(|| OnnxError::Shape(format!("it wants an input {name:?}")))?;
    match dimensions {
        Some(d) if d != 2 => Err(OnnxError::Shape(format!("input {name} has {d} dimensions, wanted 2"))),
        _ => Ok(input),
    }
}

/// The output is one logit a class; `classes` is `None` where the model leaves it open.
fn check_output(dimensions: usize, classes: Option<usize>, labels: usize) -> Result<(), OnnxError> {
    match (dimensions, classes) {
        (2, Some(classes)) if classes != labels => {
            Err(OnnxError::Shape(format!("it has {classes} classes, {labels} labels were given")))
        }
        (2, _) => Ok(()),
        (other, _) => Err(OnnxError::Shape(format!("its output has {other} dimensions, wanted 2"))),
    }
}

fn softmax(logits: &[f32], at: usize) -> f32 {
    let largest = logits.iter().copied().fold(f32::MIN, f32::max);
    let sum: f32 = logits.iter().map(|z| (z - largest).exp()).sum();
    logits.get(at).map_or(0.0, |z| (z - largest).exp() / sum)
}

impl Adviser for OnnxModel {
    fn id(&self) -> &str {
        &self.settings.id
    }

    fn ask(&self, question: &Question<'_>, _: &dyn Transport) -> Result<Opinion, AskError> {
        let score = self.score(question.text)?;
        let flagged = score >= 0.5;
        let label = self.settings.labels.get(self.settings.positive).filter(|_| flagged).cloned();
        Opinion::new(f64::from(score.clamp(0.0, 1.0)), flagged, label)
    }
}

#[cfg(test)]
mod fixture;

#[cfg(test)]
mod tests {
    use super::fixture::{model, tokenizer};
    use super::{OnnxError, OnnxModel, OnnxSettings};
    use crate::external::AskError;

    fn settings() -> OnnxSettings {
        let labels = vec!["harmless".into(), "injection".into()];
        OnnxSettings { id: "own".into(), labels, positive: 1, tokens_max: 16, pieces_max: 3 }
    }

    type Load = Box<dyn Fn(OnnxSettings, Vec<u8>, &str) -> Result<OnnxModel, OnnxError>>;

    /// Every runtime that is built in and at hand. ONNX Runtime is where `CASEMATE_ONNXRUNTIME` says.
    fn loaders() -> Vec<Load> {
        let mut all: Vec<Load> = Vec::new();
        #[cfg(feature = "onnx")]
        all.push(Box::new(OnnxModel::load));
        #[cfg(feature = "onnx-ort")]
        match std::env::var_os("CASEMATE_ONNXRUNTIME") {
            Some(library) => all.push(Box::new(move |settings, model, tokenizer| {
                OnnxModel::load_with_ort(settings, library.as_ref(), &model, tokenizer)
            })),
            None => eprintln!("not run with ONNX Runtime: CASEMATE_ONNXRUNTIME does not name its library"),
        }
        all
    }

    #[test]
    fn a_model_and_its_tokenizer_judge_text_piece_by_piece() {
        for load in loaders() {
            let m = load(settings(), model("input_ids", 2), &tokenizer(5)).expect("loads");
            let (good, evil) = (m.score("the good good").expect("good"), m.score("evil evil").expect("evil"));
            assert!(good < 0.2 && evil > 0.9, "{good} {evil}");
            let late = m.score(&format!("{}evil evil evil evil evil evil", "good ".repeat(14))).expect("two pieces");
            assert!(late > good, "{late}");
            let long = m.score(&"good ".repeat(400));
            assert!(matches!(long, Err(AskError::TooLong { .. })), "{long:?}");
            assert!(matches!(m.score(""), Err(AskError::Model { .. })));
        }
    }

    #[test]
    fn a_unigram_tokenizer_is_read() {
        // As DeBERTa v3 and Prompt Guard have it: pieces with their log probabilities, words begun by U+2581.
        let pieces =
            r#"[["[UNK]",0.0],["[CLS]",0.0],["[SEP]",0.0],["\u2581good",-2.0],["\u2581the",-2.0],["\u2581evil",-2.0]]"#;
        let unigram = format!(
            r#"{{"version":"1.0","added_tokens":[],"normalizer":{{"type":"Lowercase"}},
            "pre_tokenizer":{{"type":"Metaspace","replacement":"\u2581","prepend_scheme":"always","split":true}},
            "post_processor":null,"decoder":null,"model":{{"type":"Unigram","unk_id":0,"vocab":{pieces}}}}}"#
        );
        for load in loaders() {
            let m = load(settings(), model("input_ids", 2), &unigram).expect("loads");
            let (good, evil) = (m.score("The good").expect("good"), m.score("evil EVIL").expect("evil"));
            assert!(good < 0.2 && evil > 0.9, "{good} {evil}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_at_start() {
        for load in loaders() {
            let load = |s: OnnxSettings, m: Vec<u8>, t: &str| load(s, m, t).map(|_| ());
            let (good, tokens) = (model("input_ids", 2), tokenizer(5));
            assert!(matches!(load(settings(), vec![1, 2, 3], &tokens), Err(OnnxError::Model(_))));
            assert!(matches!(load(settings(), good.clone(), "{}"), Err(OnnxError::Tokenizer(_))));
            assert!(matches!(load(settings(), model("pixels", 2), &tokens), Err(OnnxError::Shape(_))));
            let three = OnnxSettings { labels: vec!["a".into(), "b".into(), "c".into()], ..settings() };
            assert!(matches!(load(three, good.clone(), &tokens), Err(OnnxError::Shape(_))));
            for odd in [
                OnnxSettings { positive: 2, ..settings() },
                OnnxSettings { tokens_max: 15, ..settings() },
                OnnxSettings { pieces_max: 0, ..settings() },
                OnnxSettings { labels: vec!["a".into()], positive: 0, ..settings() },
            ] {
                assert!(matches!(load(odd, good.clone(), &tokens), Err(OnnxError::Settings(_))));
            }
            // Words of the trial that are not in the vocabulary are [UNK], whose id is beyond the model's table here.
            let beyond = tokens.replace("\"[UNK]\":0", "\"[UNK]\":77");
            assert!(matches!(load(settings(), good.clone(), &beyond), Err(OnnxError::Fit(_))));
            // None of the trial's words is `evil`: its id alone is beyond the table.
            let refused = load(settings(), good.clone(), &tokenizer(6)).expect_err("a larger vocabulary");
            assert!(refused.to_string().contains("token 6 of its vocabulary"), "{refused}");
        }
    }

    #[cfg(feature = "onnx-ort")]
    #[test]
    fn a_library_that_is_none_is_refused() {
        // In a process of its own: the first library that is named stays.
        if std::env::var_os("CASEMATE_ONNXRUNTIME").is_some() {
            return;
        }
        let load =
            OnnxModel::load_with_ort(settings(), "/no/such/library".as_ref(), &model("input_ids", 2), &tokenizer(5));
        assert!(matches!(load, Err(OnnxError::Runtime(why)) if why.contains("/no/such/library")));
    }
}
