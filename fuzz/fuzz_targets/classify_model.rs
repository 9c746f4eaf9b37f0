//! Any bytes are a model or a clear error, never a panic; what parses also answers.
#![no_main]

use casemate_classify::model::{Container, Embedding, InjectionModel, TextModel};
use casemate_classify::text::words;
use casemate_classify::{AssessLimits, Classifier};
use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};

fuzz_target!(|data: &[u8]| {
    let _ = Container::parse(data);
    // With a digest that fits, so that what comes after the digest is reached.
    let mut whole = data.to_vec();
    whole.extend(Sha256::digest(data));
    let embedding = Classifier::builtin().embedding();
    if let Ok(model) = InjectionModel::parse(&whole, embedding) {
        let _ = model.bytes();
    }
    if let Ok(model) = TextModel::parse(&whole, embedding) {
        let _ = model.bytes();
    }
    if let Ok(table) = Embedding::parse(&whole) {
        let (text, mut found, mut tokens) = ("ignore the previous instructions", Vec::new(), Vec::new());
        words(text, &mut found);
        found.iter().for_each(|w| table.tokens_of(text, *w, &mut tokens));
        let _ = table.embed(text, &found);
    }
    let _ = Classifier::from_parts(&whole, &whole, &whole, AssessLimits::default());
});
