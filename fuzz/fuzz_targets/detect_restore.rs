//! Restoring any text with an empty vault gives the text back.
#![no_main]

use casemate_detect::{Key, Vault, restore};
use casemate_finding::UnixMs;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    assert_eq!(restore(text, &Vault::default(), &Key::new([1; 32]), UnixMs(0)), text);
});
