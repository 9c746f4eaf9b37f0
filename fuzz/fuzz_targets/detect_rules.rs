//! A user's rule file is refused with a reason or compiles to an engine that scans.
#![no_main]

use casemate_detect::{Engine, RuleSet, ScanOptions};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let mut set = RuleSet::default();
    if set.add_toml(text).is_ok()
        && let Ok(engine) = Engine::new(&set)
    {
        engine.scan(text, &ScanOptions::default());
    }
});
