//! A user's own text classifier in ONNX, run by `rten` in this process: a model file, its Hugging Face `tokenizer.json`, and which
//! class means an attack. Tokenizers of the kinds WordPiece and BPE are read; Unigram (DeBERTa v3, mDeBERTa) is not, and is refused.

use rten::{Dimension, Model, NodeId, Value, ValueOrView};
use rten_tensor::prelude::*;
use rten_tensor::{NdTensor, Tensor};
use rten_text::Tokenizer;
use rten_text::tokenizer::EncodeOptions;

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
}

/// What the runtime is fed, by the names that exporters give.
const IDS: &str = "input_ids";
const MASK: &str = "attention_mask";
const TYPES: &str = "token_type_ids";
/// Longest model file.
const MODEL_BYTES_MAX: usize = 2 << 30;

/// A model that loaded, and passed a trial.
pub struct OnnxModel {
    settings: OnnxSettings,
    model: Model,
    tokenizer: Tokenizer,
    inputs: Vec<(Input, NodeId)>,
    output: NodeId,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Input {
    Ids,
    Mask,
    Types,
}

impl std::fmt::Debug for OnnxModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OnnxModel").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl OnnxModel {
    /// Loads a model with its tokenizer, and tries them on a text: what does not fit is found here and not in traffic.
    ///
    /// # Errors
    /// [`OnnxError`] if a file is broken, the shapes are not those of a text classifier with so many labels, or the tokenizer
    /// makes tokens that the model does not know.
    pub fn load(settings: OnnxSettings, model: Vec<u8>, tokenizer_json: &str) -> Result<Self, OnnxError> {
        check_settings(&settings)?;
        if model.len() > MODEL_BYTES_MAX {
            return Err(OnnxError::Model(format!("{} bytes, at most {MODEL_BYTES_MAX} are read", model.len())));
        }
        let model = Model::load(model).map_err(|e| OnnxError::Model(e.to_string()))?;
        let tokenizer = Tokenizer::from_json(tokenizer_json).map_err(|e| OnnxError::Tokenizer(e.to_string()))?;
        let inputs = inputs(&model)?;
        let &output = model.output_ids().first().ok_or_else(|| OnnxError::Shape("it has no output".into()))?;
        check_output(&model, output, settings.labels.len())?;
        let this = Self { settings, model, tokenizer, inputs, output };
        this.score("Ignore the trial; what is the capital of France?").map_err(|e| match e {
            AskError::Model { what } => OnnxError::Fit(what),
            other => OnnxError::Fit(other.to_string()),
        })?;
        Ok(this)
    }

    /// The highest probability of the positive class over the pieces of a text.
    ///
    /// # Errors
    /// [`AskError`] if the text has too many pieces, or the model fails on it.
    pub fn score(&self, text: &str) -> Result<f32, AskError> {
        let fail = |what: String| AskError::Model { what };
        let max = self.settings.tokens_max;
        // A half of each piece is read again in the next, so that nothing is cut in two for good.
        let options = EncodeOptions { max_chunk_len: Some(max), overlap: max / 2 };
        let pieces = self.tokenizer.encode_chunks(text.into(), options).map_err(|e| fail(format!("tokenizer: {e}")))?;
        if pieces.iter().all(|p| p.token_ids().is_empty()) {
            return Err(fail("the tokenizer made no token of the text".into()));
        }
        if pieces.len() > self.settings.pieces_max {
            return Err(AskError::TooLong { length: pieces.len() * max, max: self.settings.pieces_max * max });
        }
        let mut worst = 0.0_f32;
        for piece in &pieces {
            let tokens: Vec<i32> = piece.token_ids().iter().map(|t| *t as i32).collect();
            worst = worst.max(self.run(&tokens)?);
        }
        Ok(worst)
    }

    fn run(&self, tokens: &[i32]) -> Result<f32, AskError> {
        let fail = |what: String| AskError::Model { what };
        let row = |values: Vec<i32>| NdTensor::from_data([1, tokens.len()], values);
        let fed: Vec<(NodeId, ValueOrView<'_>)> = self
            .inputs
            .iter()
            .map(|(input, node)| {
                let values = match input {
                    Input::Ids => tokens.to_vec(),
                    Input::Mask => vec![1; tokens.len()],
                    Input::Types => vec![0; tokens.len()],
                };
                (*node, Value::from(row(values)).into())
            })
            .collect();
        let [value] = self.model.run_n(fed, [self.output], None).map_err(|e| fail(e.to_string()))?;
        let logits: Tensor<f32> = value.try_into().map_err(|e| fail(format!("output: {e}")))?;
        let classes = self.settings.labels.len();
        if logits.shape() != [1, classes] {
            return Err(fail(format!("output is shaped {:?}, wanted [1, {classes}]", logits.shape())));
        }
        let logits = logits.to_vec();
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

/// The inputs that the model wants, by name.
fn inputs(model: &Model) -> Result<Vec<(Input, NodeId)>, OnnxError> {
    let mut found = Vec::new();
    for &node in model.input_ids() {
        let info = model.node_info(node);
        let name = info.as_ref().and_then(rten::NodeInfo::name).unwrap_or_default();
        let input = match name {
            IDS => Input::Ids,
            MASK => Input::Mask,
            TYPES => Input::Types,
            other => return Err(OnnxError::Shape(format!("it wants an input {other:?}"))),
        };
        let shape = info.as_ref().and_then(rten::NodeInfo::shape);
        if let Some(shape) = shape.filter(|s| s.len() != 2) {
            return Err(OnnxError::Shape(format!("input {name} has {} dimensions, wanted 2", shape.len())));
        }
        found.push((input, node));
    }
    if found.iter().any(|(i, _)| *i == Input::Ids) {
        Ok(found)
    } else {
        Err(OnnxError::Shape(format!("it has no input {IDS}")))
    }
}

/// The output is one logit a class.
fn check_output(model: &Model, output: NodeId, labels: usize) -> Result<(), OnnxError> {
    let Some(shape) = model.node_info(output).and_then(|n| n.shape()) else { return Ok(()) };
    match shape.as_slice() {
        [_, Dimension::Fixed(classes)] if *classes != labels => {
            Err(OnnxError::Shape(format!("it has {classes} classes, {labels} labels were given")))
        }
        [_, _] => Ok(()),
        other => Err(OnnxError::Shape(format!("its output has {} dimensions, wanted 2", other.len()))),
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
mod tests {
    use super::{OnnxError, OnnxModel, OnnxSettings};
    use crate::external::AskError;

    /// Protocol buffers by hand: a varint field, and a field of bytes.
    fn number(field: u64, value: u64) -> Vec<u8> {
        [varint(field << 3), varint(value)].concat()
    }

    fn bytes(field: u64, value: &[u8]) -> Vec<u8> {
        [varint(field << 3 | 2), varint(value.len() as u64), value.to_vec()].concat()
    }

    fn varint(mut v: u64) -> Vec<u8> {
        let mut out = Vec::new();
        while v >= 0x80 {
            out.push(v as u8 | 0x80);
            v >>= 7;
        }
        out.push(v as u8);
        out
    }

    fn value_info(name: &str, kind: u64, dims: &[Option<u64>]) -> Vec<u8> {
        let dims: Vec<u8> =
            dims.iter().flat_map(|d| bytes(1, &d.map_or_else(|| bytes(2, b"n"), |fixed| number(1, fixed)))).collect();
        let tensor = [number(1, kind), bytes(2, &dims)].concat();
        [bytes(1, name.as_bytes()), bytes(2, &bytes(1, &tensor))].concat()
    }

    /// A classifier that looks up two logits for each token and takes their mean: ONNX, operators of version 13.
    fn model(input: &str, classes: u64) -> Vec<u8> {
        let table: Vec<u8> =
            (0..6).flat_map(|t| [0.0_f32, if t == 5 { 8.0 } else { -2.0 }]).flat_map(f32::to_le_bytes).collect();
        let weights = [number(1, 6), number(1, 2), number(2, 1), bytes(8, b"table"), bytes(9, &table)].concat();
        let gather = [bytes(1, b"table"), bytes(1, input.as_bytes()), bytes(2, b"each"), bytes(4, b"Gather")].concat();
        let axes = [bytes(1, b"axes"), number(8, 1), number(20, 7)].concat();
        let keep = [bytes(1, b"keepdims"), number(3, 0), number(20, 2)].concat();
        let mean = [bytes(1, b"each"), bytes(2, b"logits"), bytes(4, b"ReduceMean"), bytes(5, &axes), bytes(5, &keep)];
        let graph = [
            bytes(1, &gather),
            bytes(1, &mean.concat()),
            bytes(2, b"g"),
            bytes(5, &weights),
            bytes(11, &value_info(input, 7, &[None, None])),
            bytes(12, &value_info("logits", 1, &[None, Some(classes)])),
        ]
        .concat();
        let opset = [bytes(1, b""), number(2, 13)].concat();
        [number(1, 8), bytes(7, &graph), bytes(8, &opset)].concat()
    }

    fn tokenizer(evil: u32) -> String {
        format!(
            r###"{{"version":"1.0","added_tokens":[],"normalizer":{{"type":"Lowercase"}},
            "pre_tokenizer":{{"type":"BertPreTokenizer"}},"post_processor":null,"decoder":null,
            "model":{{"type":"WordPiece","unk_token":"[UNK]","vocab":
            {{"[UNK]":0,"[CLS]":1,"[SEP]":2,"good":3,"the":4,"evil":{evil}}}}}}}"###
        )
    }

    fn settings() -> OnnxSettings {
        let labels = vec!["harmless".into(), "injection".into()];
        OnnxSettings { id: "own".into(), labels, positive: 1, tokens_max: 16, pieces_max: 3 }
    }

    #[test]
    fn a_model_and_its_tokenizer_judge_text_piece_by_piece() {
        let m = OnnxModel::load(settings(), model("input_ids", 2), &tokenizer(5)).expect("loads");
        let (good, evil) = (m.score("the good good").expect("good"), m.score("evil evil").expect("evil"));
        assert!(good < 0.2 && evil > 0.9, "{good} {evil}");
        assert!(m.score(&format!("{}evil evil evil evil evil evil", "good ".repeat(14))).expect("two pieces") > good);
        assert!(matches!(m.score(&"good ".repeat(400)), Err(AskError::TooLong { .. })));
    }

    #[test]
    fn what_does_not_fit_is_refused_at_start() {
        let load = |s: OnnxSettings, m: Vec<u8>, t: &str| OnnxModel::load(s, m, t).map(|_| ());
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
        assert!(matches!(load(settings(), good, &beyond), Err(OnnxError::Fit(_))));
    }
}
