//! Any text on any channel has an assessment whose spans lie in it, and the same text has the same one.
#![no_main]

use casemate_classify::{CanarySet, CanaryStream, Channel, Classifier};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let (Some((first, rest)), canaries) = (data.split_first(), CanarySet::new(&["kestrel-4417-qv"])) else { return };
    let channel = Channel::ALL[usize::from(*first) % Channel::ALL.len()];
    if let Ok(text) = std::str::from_utf8(rest) {
        let a = Classifier::builtin().assess(text, channel);
        for f in &a.findings {
            assert!(f.span.start <= f.span.end && f.span.end <= text.len(), "{f:?}");
        }
        assert!((0.0..=1.0).contains(&a.injection) && (0.0..=1.0).contains(&a.toxicity));
        assert_eq!(a, Classifier::builtin().assess(text, channel));
    }
    if let Ok(set) = canaries {
        let mut stream = CanaryStream::default();
        rest.chunks(7).for_each(|chunk| drop(stream.push(&set, chunk)));
    }
});
