//! YAML and CACAO JSON say the same, for any playbook.

mod support;

use casemate_playbook::{Limits, compile, decompile, parse_json, parse_yaml, render_json, render_yaml};
use support::Maker;

#[test]
fn random_playbooks_both_ways() {
    for seed in 0..150 {
        let source = Maker::playbook(seed);
        let playbook = compile(&source).unwrap_or_else(|p| panic!("seed {seed}: {p:?}"));
        let json = render_json(&playbook).expect("writes");
        let read = parse_json(&json, &Limits::DEFAULT).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        assert_eq!(read, playbook, "seed {seed}: JSON");
        assert_eq!(read.digest(), playbook.digest(), "seed {seed}: digest");
        let written = decompile(&read);
        let yaml = render_yaml(&written).expect("writes");
        let again = parse_yaml(&yaml, &Limits::DEFAULT).unwrap_or_else(|e| panic!("seed {seed}: {e}\n{yaml}"));
        assert_eq!(again, written, "seed {seed}: YAML text");
        let compiled = compile(&again).unwrap_or_else(|p| panic!("seed {seed}: {p:?}"));
        assert_eq!(compiled, playbook, "seed {seed}: all the way round\n{yaml}");
    }
}
