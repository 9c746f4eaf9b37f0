//! `POST /analyze`: texts in, what was recognised in them out.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use casemate_detect::{Engine, Kind, Kinds, Match, OperatingPoint, ScanOptions};
use casemate_ner::{CachedModel, Gate, Label, Limits, merge};
use regex::Regex;
use serde::Deserialize;
use serde_json::{Value, json};

use super::adhoc::{self, AdHoc, RecognizerBody};
use crate::limits::{PRESIDIO_PATTERNS_MAX, PRESIDIO_TEXT_BYTES_MAX, PRESIDIO_TEXTS_MAX};
use crate::problem::Problem;

/// One text or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Texts {
    One(String),
    Several(Vec<String>),
}

/// Body of `analyze`. `correlation_id` is taken and not needed; `language` has to be there, as for Presidio, and chooses
/// nothing.
#[derive(Debug, Deserialize)]
pub struct AnalyzeBody {
    text: Texts,
    language: String,
    #[serde(default)]
    entities: Option<BTreeSet<String>>,
    #[serde(default)]
    score_threshold: Option<f64>,
    #[serde(default)]
    return_decision_process: Option<bool>,
    #[serde(default)]
    ad_hoc_recognizers: Option<Vec<RecognizerBody>>,
    #[serde(default)]
    context: Option<Vec<String>>,
    #[serde(default)]
    allow_list: Option<Vec<String>>,
    #[serde(default)]
    allow_list_match: Option<String>,
    #[serde(default)]
    regex_flags: Option<u32>,
}

/// Labels of the rules, sorted.
static LABELS: LazyLock<BTreeSet<&'static str>> = LazyLock::new(|| {
    let rules = Engine::builtin().rules().iter();
    rules.filter(|r| r.kind == Kind::Pii).map(|r| r.label.as_str()).collect()
});

/// Labels that can be recognised, sorted.
pub(super) fn labels(with_names: bool) -> Vec<&'static str> {
    let mut all: BTreeSet<&str> = LABELS.clone();
    if with_names {
        all.extend([Label::Person.as_str(), Label::Location.as_str()]);
    }
    all.into_iter().collect()
}

/// Names of the recognizers: the rules' ids, sorted.
pub(super) fn recognizers(with_names: bool) -> Vec<&'static str> {
    let rules = Engine::builtin().rules().iter().filter(|r| r.kind == Kind::Pii);
    let mut all: BTreeSet<&str> = rules.map(|r| r.id.as_str()).collect();
    if with_names {
        all.extend([Label::Person, Label::Location].map(|l| l.rule().id.as_str()));
    }
    all.into_iter().collect()
}

/// What a value must not be to be reported.
enum Allowed {
    Exactly(BTreeSet<String>),
    Like(Vec<Regex>),
}

impl Allowed {
    fn has(&self, value: &str) -> bool {
        match self {
            Self::Exactly(values) => values.contains(value),
            Self::Like(patterns) => patterns.iter().any(|p| p.is_match(value)),
        }
    }
}

/// A request that was checked.
pub(super) struct Analysis {
    options: ScanOptions,
    entities: Option<BTreeSet<String>>,
    ad_hoc: Vec<AdHoc>,
    allowed: Allowed,
    explain: bool,
}

/// Checks a body and analyses its texts. Costs time in proportion to the text, and with names some 100 ms a KB: not for
/// a thread that serves others.
pub(super) fn analyse(body: AnalyzeBody, names: Option<&CachedModel>) -> Result<Value, Problem> {
    let (texts, one) = match &body.text {
        Texts::One(text) => (std::slice::from_ref(text), true),
        Texts::Several(texts) => (texts.as_slice(), false),
    };
    if texts.is_empty() || texts.iter().all(String::is_empty) {
        return Err(Problem::invalid("No text provided.", "Send `text`, a string or several."));
    }
    if body.language.is_empty() {
        return Err(Problem::invalid("No language provided.", "Send `language`, for example `en`."));
    }
    if texts.len() > PRESIDIO_TEXTS_MAX || texts.iter().map(String::len).sum::<usize>() > PRESIDIO_TEXT_BYTES_MAX {
        let limit = format!("The limit is {PRESIDIO_TEXTS_MAX} texts of {PRESIDIO_TEXT_BYTES_MAX} bytes together.");
        return Err(Problem::invalid(limit, "Send less at once."));
    }
    let analysis = Analysis::new(&body, names.is_some())?;
    let mut answers = texts.iter().map(|text| analysis.of(text, names)).collect::<Result<Vec<_>, _>>()?;
    Ok(if one { answers.swap_remove(0) } else { answers.into() })
}

impl Analysis {
    fn new(body: &AnalyzeBody, with_names: bool) -> Result<Self, Problem> {
        let ad_hoc = adhoc::recognizers(body.ad_hoc_recognizers.as_deref().unwrap_or_default())?;
        let mut options = ScanOptions::new(Kinds::PII, OperatingPoint::Redact);
        if let Some(least) = body.score_threshold {
            if !(0.0..=1.0).contains(&least) {
                return Err(Problem::invalid("`score_threshold` is not in 0 to 1.", "Send a number from 0 to 1."));
            }
            options.min_score = least as f32;
        }
        if let Some(words) = body.context.as_ref().filter(|words| !words.is_empty()) {
            let words: String = words.join(" ").chars().take(400).collect();
            options = options.in_field(&words);
        }
        // No entity at all means every one, as for Presidio; none that is known is a mistake.
        let entities = body.entities.clone().filter(|e| !e.is_empty());
        if let Some(wanted) = &entities {
            let known = labels(with_names);
            let is_known = |e: &String| known.contains(&e.as_str()) || ad_hoc.iter().any(|a| a.entity == *e);
            if !wanted.iter().any(is_known) {
                return Err(Problem::invalid(
                    "No matching recognizers were found to serve the request.",
                    "GET /supportedentities lists what can be recognised; names need the optional model.",
                ));
            }
        }
        Ok(Self {
            options,
            entities,
            ad_hoc,
            allowed: allowed(body)?,
            explain: body.return_decision_process.unwrap_or(false),
        })
    }

    fn of(&self, text: &str, names: Option<&CachedModel>) -> Result<Value, Problem> {
        let mut matches = Engine::builtin().scan(text, &self.options);
        let wants_names = self.entities.as_ref().is_none_or(|e| e.contains("PERSON") || e.contains("LOCATION"));
        if let Some(model) = names.filter(|_| wants_names) {
            let found = model.scan(text, Gate::Signs, &Limits::default());
            if !found.is_complete(text) {
                return Err(Problem::invalid(
                    "The text is longer than the model of names looks at.",
                    "Send it in parts, or name the `entities` without PERSON and LOCATION.",
                ));
            }
            matches = merge(text, matches, &found.entities, self.options.min_score);
        }
        let in_characters = Characters::new(text);
        let wanted = |entity: &str| self.entities.as_ref().is_none_or(|e| e.contains(entity));
        let mut results: Vec<(usize, usize, Value)> = Vec::new();
        let mut push = |entity: &str, (start, end): (usize, usize), score: f64, why: &dyn Fn() -> Value| {
            if wanted(entity) && !self.allowed.has(&text[start..end]) {
                let (from, to) = (in_characters.at(start), in_characters.at(end));
                let explanation = if self.explain { why() } else { Value::Null };
                results.push((from, to, json!({
                    "analysis_explanation": explanation, "end": to, "entity_type": entity, "score": score, "start": from,
                })));
            }
        };
        for m in &matches {
            push(m.label(), (m.span.start, m.span.end), rounded(m.score), &|| explanation(m));
        }
        for recognizer in self.ad_hoc.iter().filter(|r| r.score as f32 >= self.options.min_score || self.keeps_low()) {
            for span in recognizer.spans(text) {
                push(&recognizer.entity, span, recognizer.score, &|| {
                    explained(
                        &recognizer.recognizer,
                        &recognizer.pattern_name,
                        recognizer.score,
                        "pattern of the request",
                    )
                });
            }
        }
        results.sort_by_key(|(start, end, _)| (*start, *end));
        Ok(results.into_iter().map(|(.., result)| result).collect())
    }

    /// Without a threshold in the request, its own patterns are reported whatever they score, as Presidio does.
    fn keeps_low(&self) -> bool {
        self.options.min_score.to_bits() == OperatingPoint::Redact.min_score().to_bits()
    }
}

fn allowed(body: &AnalyzeBody) -> Result<Allowed, Problem> {
    let list = body.allow_list.clone().unwrap_or_default();
    if list.len() > PRESIDIO_PATTERNS_MAX {
        let said = format!("{} entries of `allow_list`, the limit is {PRESIDIO_PATTERNS_MAX}.", list.len());
        return Err(Problem::invalid(said, "Send fewer; a regular expression can stand for several."));
    }
    match body.allow_list_match.as_deref().unwrap_or("exact") {
        "exact" => Ok(Allowed::Exactly(list.into_iter().collect())),
        "regex" => {
            let flags = body.regex_flags.unwrap_or(adhoc::FLAGS);
            let compiled = list.iter().map(|p| adhoc::compile(p, flags, "allow_list")).collect::<Result<_, _>>()?;
            Ok(Allowed::Like(compiled))
        }
        _ => {
            Err(Problem::invalid("allow_list_match must either be set to 'exact' or 'regex'.", "Send one of the two."))
        }
    }
}

/// A score as it is shown: four digits are all that it means.
fn rounded(score: f32) -> f64 {
    (f64::from(score) * 10_000.0).round() / 10_000.0
}

fn explanation(found: &Match) -> Value {
    explained(found.rule_id(), &found.rule.spec.name, rounded(found.score), "rule, check digits and context words")
}

fn explained(recognizer: &str, name: &str, score: f64, how: &str) -> Value {
    json!({
        "recognizer": recognizer, "pattern_name": name, "pattern": null, "original_score": score, "score": score,
        "textual_explanation": how, "score_context_improvement": 0, "supportive_context_word": "",
        "validation_result": null, "regex_flags": null,
    })
}

/// Bytes to characters, in constant time a question.
struct Characters(Option<Vec<usize>>);

impl Characters {
    fn new(text: &str) -> Self {
        if text.is_ascii() {
            return Self(None);
        }
        let mut count = 0;
        let mut before = Vec::with_capacity(text.len() + 1);
        for (i, _) in text.bytes().enumerate() {
            before.push(count);
            count += usize::from(text.is_char_boundary(i + 1));
        }
        before.push(count);
        Self(Some(before))
    }

    fn at(&self, byte: usize) -> usize {
        self.0.as_ref().map_or(byte, |before| before.get(byte).copied().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::analyse;
    use crate::limits::{PRESIDIO_TEXT_BYTES_MAX, PRESIDIO_TEXTS_MAX};

    fn answer(body: Value) -> Result<Value, String> {
        analyse(serde_json::from_value(body).expect("a body"), None).map_err(|p| p.message)
    }

    #[test]
    fn results_are_in_characters_and_as_presidio_writes_them() {
        let got = answer(json!({"text": "Zoë: anna@firma.de", "language": "en", "correlation_id": "c-1"}));
        let got = got.expect("analysed");
        assert_eq!(got.as_array().map(Vec::len), Some(1), "{got}");
        let first = &got[0];
        assert_eq!(
            (&first["start"], &first["end"], &first["entity_type"]),
            (&json!(5), &json!(18), &json!("EMAIL_ADDRESS"))
        );
        assert!(first["analysis_explanation"].is_null() && first["score"].as_f64() > Some(0.5));
    }

    #[test]
    fn entities_threshold_allow_list_and_reasons() {
        let text = "anna@firma.de from 203.0.113.9";
        let with = |more: Value| {
            let mut body = json!({"text": text, "language": "en"});
            body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
            answer(body).map(|v| v.as_array().map(Vec::len))
        };
        let all = with(json!({})).expect("analysed");
        assert_eq!(all, Some(2));
        assert_eq!(with(json!({"entities": ["EMAIL_ADDRESS"]})), Ok(Some(1)));
        assert_eq!(with(json!({"entities": ["EMAIL_ADDRESS", "NOBODY"]})), Ok(Some(1)));
        assert!(with(json!({"entities": ["NOBODY"]})).is_err_and(|e| e.contains("No matching recognizers")));
        assert_eq!(with(json!({"allow_list": ["anna@firma.de"]})), Ok(Some(1)));
        assert_eq!(with(json!({"allow_list": ["ANNA@.*"], "allow_list_match": "regex"})), Ok(Some(1)));
        assert!(with(json!({"allow_list_match": "other"})).is_err());
        assert_eq!(with(json!({"score_threshold": 1.0})), Ok(Some(0)));
        assert!(with(json!({"score_threshold": 1.1})).is_err());
        let why = answer(json!({"text": text, "language": "en", "return_decision_process": true})).expect("analysed");
        assert!(why[0]["analysis_explanation"]["recognizer"].as_str().is_some_and(|r| r.starts_with("pii/")), "{why}");
    }

    #[test]
    fn several_texts_and_patterns_of_the_request() {
        let zip =
            json!([{"supported_entity": "ZIP", "patterns": [{"name": "z", "regex": "\\b\\d{5}\\b", "score": 0.01}]}]);
        let got =
            answer(json!({"text": ["at 78024", ""], "language": "en", "ad_hoc_recognizers": zip})).expect("analysed");
        assert_eq!(got[0][0]["entity_type"], "ZIP");
        assert_eq!(got[1], json!([]));
        let filtered =
            answer(json!({"text": "at 78024", "language": "en", "ad_hoc_recognizers": zip, "score_threshold": 0.3}));
        assert_eq!(filtered, Ok(json!([])));
    }

    #[test]
    fn limits() {
        assert!(answer(json!({"text": "", "language": "en"})).is_err_and(|e| e == "No text provided."));
        assert!(answer(json!({"text": "a", "language": ""})).is_err_and(|e| e == "No language provided."));
        let texts = |n: usize| answer(json!({"text": vec!["a"; n], "language": "en"}));
        assert!(texts(PRESIDIO_TEXTS_MAX).is_ok() && texts(PRESIDIO_TEXTS_MAX + 1).is_err());
        let long = |n: usize| answer(json!({"text": "a".repeat(n), "language": "en"}));
        assert!(long(PRESIDIO_TEXT_BYTES_MAX).is_ok() && long(PRESIDIO_TEXT_BYTES_MAX + 1).is_err());
    }
}
