//! Every playbook that ships: clean under the validator, the same both ways, and through all five phases on mocks.

use std::path::PathBuf;

use casemate_playbook::{
    Limits, Phase, Program, compile, decompile, lint_text, load, parse_json, parse_tests, parse_yaml,
    playbook_extension, render_json, render_yaml, run_tests, step_extension,
};

fn shipped() -> Vec<(String, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../playbooks");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("playbooks/ is there")
        .map(|e| e.expect("an entry").path())
        .filter(|p| p.to_string_lossy().ends_with(".yaml") && !p.to_string_lossy().ends_with(".test.yaml"))
        .map(|p| {
            (p.file_name().expect("a name").to_string_lossy().into_owned(), std::fs::read_to_string(p).expect("text"))
        })
        .collect();
    files.sort();
    assert!(files.len() >= 5, "the shipped playbooks are there");
    files
}

#[test]
fn no_problem_in_any() {
    for (name, text) in shipped() {
        let problems = lint_text(&text, &[], &Limits::DEFAULT);
        assert!(problems.is_empty(), "{name}:\n{}", problems.iter().map(|p| format!("{p}\n")).collect::<String>());
    }
}

#[test]
fn five_phases_in_each() {
    for (name, text) in shipped() {
        let playbook = load(&text, &Limits::DEFAULT).expect("loads");
        let phases: std::collections::BTreeSet<Phase> =
            playbook.workflow.iter().filter_map(|(id, s)| step_extension(id, s).phase).collect();
        assert_eq!(phases.into_iter().collect::<Vec<_>>(), Phase::ALL, "{name}");
        assert!(playbook_extension(&playbook).is_some_and(|e| e.trigger.is_some()), "{name}");
    }
}

#[test]
fn yaml_and_cacao_say_the_same() {
    for (name, text) in shipped() {
        let source = parse_yaml(&text, &Limits::DEFAULT).expect("parses");
        let playbook = compile(&source).expect("compiles");
        assert_eq!(playbook.digest(), compile(&source).expect("compiles").digest(), "{name}: same YAML, same digest");
        let json = render_json(&playbook).expect("writes");
        let back = parse_json(&json, &Limits::DEFAULT).expect("reads");
        assert_eq!(back, playbook, "{name}: JSON and back");
        let written = decompile(&back);
        assert_eq!(written, source, "{name}: CACAO to YAML");
        let yaml = render_yaml(&written).expect("writes");
        let again = parse_yaml(&yaml, &Limits::DEFAULT).unwrap_or_else(|e| panic!("{name}: {e}\n{yaml}"));
        assert_eq!(again, source, "{name}: YAML text and back");
    }
}

#[test]
fn each_has_tests_on_mocks_and_passes_them() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../playbooks");
    for (name, text) in shipped() {
        let playbook = load(&text, &Limits::DEFAULT).expect("loads");
        let program = Program::compile(&playbook, &[], &Limits::DEFAULT).expect("compiles");
        let path = folder.join(name.replace(".yaml", ".test.yaml"));
        let tests = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let tests = parse_tests(&tests, &Limits::DEFAULT).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert!(tests.tests.len() >= 3, "{name}: at least three tests");
        for result in run_tests(&program, &tests) {
            assert!(result.failures.is_empty(), "{name}, {}:\n{}", result.name, result.failures.join("\n"));
        }
    }
}
