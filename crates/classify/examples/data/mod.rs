//! Reading the evaluation data, where it is.

use std::io::Read;
use std::path::PathBuf;

use casemate_classify::{AssessLimits, Classifier};
use serde::Deserialize;

/// One row.
#[derive(Debug, Deserialize)]
pub struct Row {
    /// The text.
    pub text: String,
    #[serde(rename = "label", deserialize_with = "truth")]
    /// The label.
    pub positive: bool,
    /// Where it comes from.
    pub source: String,
    /// Kind within the source.
    #[serde(default)]
    pub kind: String,
}

fn truth<'de, D: serde::Deserializer<'de>>(d: D) -> Result<bool, D::Error> {
    Ok(match serde_json::Value::deserialize(d)? {
        serde_json::Value::Bool(b) => b,
        other => other.as_i64() == Some(1),
    })
}

/// The rows of a file under the evaluation folder by source and kind, or `None` (and a word on stderr) where it is absent.
#[expect(clippy::print_stderr, reason = "the only way to say that there is nothing to measure with")]
pub fn load(name: &str) -> Option<Vec<Row>> {
    let root = std::env::var("CASEMATE_EVAL")
        .map_or_else(|_| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/eval")), PathBuf::from);
    let raw = match std::fs::read(root.join(name)) {
        Ok(raw) => raw,
        Err(e) => {
            eprintln!("no evaluation data at {}: {e}", root.join(name).display());
            return None;
        }
    };
    let mut text = String::new();
    flate2::read::GzDecoder::new(&raw[..]).read_to_string(&mut text).ok()?;
    let mut rows: Vec<Row> = text.lines().filter_map(|l| serde_json::from_str(l).ok()).collect();
    rows.sort_by(|a, b| (&a.source, &a.kind).cmp(&(&b.source, &b.kind)));
    Some(rows)
}

/// The classifier of the files under `models/`, so that a training can be measured without a build between.
pub fn classifier() -> Classifier {
    let file = |name: &str| {
        let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models")).join(name);
        std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    };
    let (embedding, injection, toxicity) = (file("embedding.bin"), file("injection.bin"), file("toxicity.bin"));
    Classifier::from_parts(&embedding, &injection, &toxicity, AssessLimits::default()).expect("models that fit")
}
