//! Any bytes are a model or a clear error, never a panic; what parses also answers.
#![no_main]

use casemate_classify::model::{Container, Embedding, InjectionModel, TextModel};
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
        let mut tokens = Vec::new();
        table.tokens_of("ignore the previous instructions", &mut tokens);
    }
    let _ = Classifier::from_parts(&whole, &whole, &whole, AssessLimits::default());
});
