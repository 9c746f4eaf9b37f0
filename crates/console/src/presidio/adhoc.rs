//! Recognizers and allow-lists that come with a request, in linear-time patterns.

use regex::{Regex, RegexBuilder};
use serde::Deserialize;

use crate::limits::{PRESIDIO_PATTERN_BYTES_MAX, PRESIDIO_PATTERNS_MAX, PRESIDIO_REGEX_BYTES_MAX};
use crate::problem::Problem;

/// Python's flags: `re.I`, `re.M`, `re.S`, and all three, which is the default.
const IGNORE_CASE: u32 = 2;
const MULTI_LINE: u32 = 8;
const DOT_ALL: u32 = 16;
pub(super) const FLAGS: u32 = IGNORE_CASE | MULTI_LINE | DOT_ALL;

/// One pattern of a recognizer.
#[derive(Clone, Debug, Deserialize)]
struct PatternBody {
    #[serde(default)]
    name: String,
    regex: String,
    score: f64,
}

/// A `PatternRecognizer` of a request.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct RecognizerBody {
    #[serde(default)]
    name: String,
    supported_entity: String,
    #[serde(default)]
    patterns: Vec<PatternBody>,
    #[serde(default)]
    deny_list: Vec<String>,
    #[serde(default = "sure")]
    deny_list_score: f64,
    #[serde(default = "flags")]
    global_regex_flags: u32,
}

const fn sure() -> f64 {
    1.0
}

const fn flags() -> u32 {
    FLAGS
}

/// One pattern, compiled.
#[derive(Debug)]
pub(super) struct AdHoc {
    pub(super) recognizer: String,
    pub(super) pattern_name: String,
    pub(super) entity: String,
    pub(super) score: f64,
    regex: Regex,
    /// A word of a deny-list: whole words only.
    whole: bool,
}

impl AdHoc {
    /// Byte spans of what matches.
    pub(super) fn spans<'t>(&'t self, text: &'t str) -> impl Iterator<Item = (usize, usize)> + 't {
        let word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        self.regex.find_iter(text).map(|m| (m.start(), m.end())).filter(|(start, end)| end > start).filter(
            move |(start, end)| {
                !self.whole || !(word(text[..*start].chars().next_back()) || word(text[*end..].chars().next()))
            },
        )
    }
}

fn refused(why: impl Into<String>) -> Problem {
    Problem::invalid(why, "Patterns are of linear time (docs.rs/regex, syntax): no look-around, no back-references.")
}

/// Compiles one pattern with Python's flags.
pub(super) fn compile(pattern: &str, flags: u32, of: &str) -> Result<Regex, Problem> {
    if pattern.len() > PRESIDIO_PATTERN_BYTES_MAX {
        return Err(refused(format!("{of}: a pattern is longer than {PRESIDIO_PATTERN_BYTES_MAX} bytes.")));
    }
    RegexBuilder::new(pattern)
        .case_insensitive(flags & IGNORE_CASE != 0)
        .multi_line(flags & MULTI_LINE != 0)
        .dot_matches_new_line(flags & DOT_ALL != 0)
        .size_limit(PRESIDIO_REGEX_BYTES_MAX)
        .dfa_size_limit(PRESIDIO_REGEX_BYTES_MAX)
        .build()
        .map_err(|error| {
            let last = error.to_string().lines().last().unwrap_or_default().to_owned();
            refused(format!("{of}: a pattern cannot be used: {last}."))
        })
}

/// Compiles the recognizers of a request.
pub(super) fn recognizers(bodies: &[RecognizerBody]) -> Result<Vec<AdHoc>, Problem> {
    let count: usize = bodies.iter().map(|b| b.patterns.len() + b.deny_list.len()).sum();
    if count > PRESIDIO_PATTERNS_MAX {
        return Err(refused(format!("{count} patterns and words, the limit is {PRESIDIO_PATTERNS_MAX}.")));
    }
    let mut out = Vec::with_capacity(count);
    for body in bodies {
        let recognizer = if body.name.is_empty() { "PatternRecognizer" } else { &body.name };
        let shown: String = recognizer.escape_debug().take(64).collect();
        if body.supported_entity.is_empty() {
            return Err(refused(format!("{shown}: Pattern recognizer should be initialized with entity.")));
        }
        if body.patterns.is_empty() && body.deny_list.is_empty() {
            return Err(refused(format!(
                "{shown}: Pattern recognizer should be initialized with patterns or with deny list."
            )));
        }
        let patterns = body.patterns.iter().map(|p| (p.name.as_str(), p.regex.clone(), p.score, false));
        let words = body.deny_list.iter().map(|w| ("deny_list", regex::escape(w), body.deny_list_score, true));
        for (name, pattern, score, whole) in patterns.chain(words) {
            if !(0.0..=1.0).contains(&score) {
                return Err(refused(format!("{shown}: Invalid score: {score}. Score should be between 0 and 1.")));
            }
            out.push(AdHoc {
                recognizer: recognizer.to_owned(),
                pattern_name: name.to_owned(),
                entity: body.supported_entity.clone(),
                score,
                regex: compile(&pattern, body.global_regex_flags, &shown)?,
                whole,
            });
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{RecognizerBody, recognizers};
    use crate::limits::{PRESIDIO_PATTERN_BYTES_MAX, PRESIDIO_PATTERNS_MAX};

    fn found(body: Value, text: &str) -> Result<Vec<String>, String> {
        let bodies: Vec<RecognizerBody> = serde_json::from_value(json!([body])).expect("a body");
        let all = recognizers(&bodies).map_err(|p| p.message)?;
        Ok(all.iter().flat_map(|r| r.spans(text).map(|(s, e)| text[s..e].to_owned())).collect())
    }

    #[test]
    fn patterns_and_words() {
        let zip = json!({"name": "Zip", "supported_language": "en", "supported_entity": "ZIP",
            "patterns": [{"name": "zip", "regex": "(\\b\\d{5}\\b)", "score": 0.01}], "context": ["zip"]});
        assert_eq!(found(zip, "at 78024, 7802"), Ok(vec!["78024".into()]));
        let words = json!({"supported_entity": "TITLE", "deny_list": ["Mr.", "Mrs"]});
        assert_eq!(found(words, "mr. A, MRS B, Mrsx"), Ok(vec!["mr.".into(), "MRS".into()]));
    }

    #[test]
    fn what_cannot_be_used_is_refused() {
        let pattern = |regex: &str, score: f64| json!({"supported_entity": "X", "patterns": [{"name": "x", "regex": regex, "score": score}]});
        assert!(found(pattern("a", 1.0), "a").is_ok());
        assert!(found(pattern("(?<=a)b", 0.5), "").is_err_and(|e| e.contains("look-around")));
        assert!(found(pattern("a{1000}{1000}", 0.5), "").is_err());
        assert!(found(pattern("a", 1.5), "").is_err());
        assert!(found(json!({"supported_entity": "X"}), "").is_err());
        let long = |n: usize| found(pattern(&"a".repeat(n), 0.5), "");
        assert!(long(PRESIDIO_PATTERN_BYTES_MAX).is_ok() && long(PRESIDIO_PATTERN_BYTES_MAX + 1).is_err());
        let many = |n: usize| found(json!({"supported_entity": "X", "deny_list": vec!["a"; n]}), "");
        assert!(many(PRESIDIO_PATTERNS_MAX).is_ok() && many(PRESIDIO_PATTERNS_MAX + 1).is_err());
    }
}
