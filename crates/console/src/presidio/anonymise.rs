//! `POST /anonymize`: results of an analyzer and operators in, the text without them out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Recognised;
use super::conflict::resolve;
use super::operator::{Operator, OperatorBody};
use crate::entropy::Entropy;
use crate::limits::{PRESIDIO_RESULTS_MAX, PRESIDIO_TEXT_BYTES_MAX};
use crate::problem::Problem;

/// Body of `anonymize`.
#[derive(Debug, Deserialize)]
pub struct AnonymizeBody {
    #[serde(default)]
    text: String,
    #[serde(default)]
    anonymizers: Option<BTreeMap<String, OperatorBody>>,
    analyzer_results: Vec<Recognised>,
}

/// One replacement, with its place in the text that comes out.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Item {
    start: usize,
    end: usize,
    entity_type: String,
    text: String,
    operator: &'static str,
    score: f64,
}

/// What came out.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Anonymized {
    text: String,
    /// From the last to the first, as Presidio has them.
    items: Vec<Item>,
}

/// Anonymises.
pub(super) fn anonymise(body: AnonymizeBody, entropy: &Entropy) -> Result<Anonymized, Problem> {
    let what = "Send the text that was analyzed with the results of that analysis.";
    if body.text.len() > PRESIDIO_TEXT_BYTES_MAX || body.analyzer_results.len() > PRESIDIO_RESULTS_MAX {
        return Err(Problem::invalid(
            format!("The limit is {PRESIDIO_TEXT_BYTES_MAX} bytes of text and {PRESIDIO_RESULTS_MAX} results."),
            "Send less at once.",
        ));
    }
    let text: Vec<char> = body.text.chars().collect();
    let count = text.len();
    for r in &body.analyzer_results {
        if r.start > r.end || r.end > count {
            let (start, end) = (r.start, r.end);
            return Err(Problem::invalid(
                format!("Invalid analyzer result, start: {start} and end: {end}, while text length is only {count}."),
                what,
            ));
        }
        if r.entity_type.is_empty() || !r.score.is_finite() {
            return Err(Problem::invalid("Invalid input, result must contain entity_type and score.", what));
        }
    }
    let written = body.anonymizers.unwrap_or_default();
    let operators = written
        .iter()
        .map(|(label, body)| Ok((label.as_str(), Operator::from_body(body)?)))
        .collect::<Result<BTreeMap<_, _>, Problem>>()?;
    let default = operators.get("DEFAULT").cloned().unwrap_or(Operator::Replace(None));
    // From the end: what is written stays, its place counted from the end until the length is known.
    let (mut parts, mut tail, mut from) = (Vec::new(), 0, count);
    let mut items: Vec<Item> = Vec::new();
    for result in resolve(&text, body.analyzer_results) {
        let value: String = text[result.start..result.end].iter().collect();
        let operator = operators.get(result.entity_type.as_str()).unwrap_or(&default);
        let new = operator.apply(&value, &result.entity_type, entropy)?;
        let end = result.end.min(from);
        parts.push(text[end..from].iter().collect::<String>());
        tail += from - end + new.chars().count();
        from = result.start;
        parts.push(new.clone());
        let Recognised { entity_type, score, .. } = result;
        items.push(Item { start: tail, end: 0, entity_type, text: new, operator: operator.name(), score });
    }
    parts.push(text[..from].iter().collect());
    let length = tail + from;
    for item in &mut items {
        item.start = length - item.start;
        item.end = item.start + item.text.chars().count();
    }
    Ok(Anonymized { text: parts.into_iter().rev().collect(), items })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::anonymise;
    use crate::entropy::Entropy;
    use crate::limits::{PRESIDIO_RESULTS_MAX, PRESIDIO_TEXT_BYTES_MAX};

    fn answer(body: Value) -> Result<Value, String> {
        let body = serde_json::from_value(body).expect("a body");
        let done = anonymise(body, &Entropy::system()).map_err(|p| p.message)?;
        Ok(serde_json::to_value(done).expect("JSON"))
    }

    /// What presidio-anonymizer 2.2.366 answers (`bench/presidio_diff.py` compares many more).
    #[test]
    fn places_are_those_of_the_text_that_comes_out() {
        let got = answer(json!({
            "text": "hi, Zoë calls 555 0100",
            "anonymizers": {
                "PERSON": {"type": "replace", "new_value": "somebody"},
                "PHONE_NUMBER": {"type": "mask", "masking_char": "#", "chars_to_mask": 4, "from_end": true},
            },
            "analyzer_results": [
                {"start": 4, "end": 7, "score": 0.8, "entity_type": "PERSON"},
                {"start": 14, "end": 22, "score": 0.95, "entity_type": "PHONE_NUMBER"},
            ],
        }));
        assert_eq!(
            got,
            Ok(json!({"text": "hi, somebody calls 555 ####", "items": [
                {"start": 19, "end": 27, "entity_type": "PHONE_NUMBER", "text": "555 ####", "operator": "mask", "score": 0.95},
                {"start": 4, "end": 12, "entity_type": "PERSON", "text": "somebody", "operator": "replace", "score": 0.8},
            ]}))
        );
    }

    #[test]
    fn results_outside_the_text_and_too_many_are_refused() {
        let one = |start: usize, end: usize| {
            answer(json!({"text": "abc", "analyzer_results": [
                {"start": start, "end": end, "score": 0.5, "entity_type": "X"}]}))
        };
        assert!(one(0, 3).is_ok());
        assert!(one(0, 4).is_err() && one(3, 2).is_err());
        let many = |n: usize| {
            let result = json!({"start": 0, "end": 1, "score": 0.5, "entity_type": "X"});
            answer(json!({"text": "abc", "analyzer_results": vec![result; n]}))
        };
        assert!(many(PRESIDIO_RESULTS_MAX).is_ok() && many(PRESIDIO_RESULTS_MAX + 1).is_err());
        let long = |n: usize| answer(json!({"text": "a".repeat(n), "analyzer_results": []}));
        assert!(long(PRESIDIO_TEXT_BYTES_MAX).is_ok() && long(PRESIDIO_TEXT_BYTES_MAX + 1).is_err());
    }
}
