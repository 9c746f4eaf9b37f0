//! The validator: each kind of problem, found where it is; and the public CACAO examples that are broken on purpose.

use std::path::PathBuf;

use casemate_playbook::{Level, Limits, Problem, compile, decompile, lint, lint_text, load, parse_json, render_yaml};

fn problems(steps: &str, head: &str) -> Vec<Problem> {
    let text = format!("playbook: p\ntitle: T\n{head}\nsteps:\n{steps}");
    lint_text(&text, &[], &Limits::DEFAULT)
}

/// The code must be there, at this place; the line is checked where the place is a step.
fn finds(code: &str, place: &str, steps: &str, head: &str) {
    let found = problems(steps, head);
    let hit = found.iter().find(|p| p.code == code && p.place == place);
    let hit = hit.unwrap_or_else(|| panic!("no `{code}` at `{place}` in {found:#?}"));
    assert!(!hit.message.is_empty() && !hit.remedy.is_empty(), "{hit}");
    let text = format!("playbook: p\ntitle: T\n{head}\nsteps:\n{steps}");
    if let Some(line) = hit.line.filter(|_| code != "unreadable") {
        let line = text.lines().nth(usize::try_from(line).expect("fits") - 1).expect("a line of the text");
        assert!(line.contains(place), "{hit} points to `{line}`");
    } else if code != "unreadable" {
        assert!(!text.contains(&format!("step: {place}")), "{hit} has no line");
    }
}

const NOTE: &str = "  - step: note\n    action: case.note\n    args: {text: x}\n";

#[test]
fn a_clean_playbook_has_no_problem() {
    assert_eq!(problems(NOTE, ""), []);
}

#[test]
fn each_kind_of_problem_is_found_where_it_is() {
    for (code, place, steps, head) in [
        ("unreadable", "playbook", "  - step: a\n    acton: case.note\n", ""),
        ("unreadable", "playbook", NOTE, "variables: {a: {value: 1}, a: {value: 2}}"),
        ("name", "A b", "  - step: A b\n    manual: x\n", ""),
        ("name-taken", "a", "  - step: a\n    manual: x\n  - step: a\n    manual: y\n", ""),
        ("step-kind", "a", "  - step: a\n", ""),
        ("step-kind", "a", "  - step: a\n    manual: x\n    action: case.note\n", ""),
        ("step-kind", "a", "  - step: a\n    end: true\n    retry: {attempts: 2, backoff: 1s, backoff_max: 1s}\n", ""),
        ("step-kind", "steps", "  - jump: end\n    manual: x\n", ""),
        ("missing-step", "a", "  - step: a\n    manual: x\n    on_failure: nowhere\n", ""),
        ("missing-step", "exception", NOTE, "exception: nowhere"),
        ("unreachable-step", "b", "  - jump: end\n  - step: b\n    manual: x\n", ""),
        ("endless-loop", "a", "  - step: a\n    manual: x\n  - jump: a\n", ""),
        (
            "endless-loop",
            "b",
            "  - step: a\n    if: 'true'\n    then:\n      - step: b\n        manual: x\n      - jump: a\n",
            "",
        ),
        ("loop-unbounded", "a", "  - step: a\n    while: 'true'\n    do:\n      - step: b\n        manual: x\n", ""),
        ("loop-unbounded", "a", "  - step: a\n    while: 'true'\n    max_iterations: 1001\n    do: []\n", ""),
        ("undeclared-variable", "a", "  - step: a\n    if: vars.x > 1\n    then: []\n", ""),
        (
            "undeclared-variable",
            "a",
            "  - step: a\n    manual: x\n    approval: {roles: [r], expires: 1h, when: vars.y}\n",
            "",
        ),
        ("undeclared-variable", "a", "  - step: a\n    action: case.note\n    args: {text: 'x ${vars[\"z\"]}'}\n", ""),
        (
            "constant-assigned",
            "a",
            "  - step: a\n    manual: x\n    output: c\n",
            "variables: {c: {value: 1, constant: true}}",
        ),
        ("missing-step", "a", "  - step: a\n    if: steps.ghost.status == 'done'\n    then: []\n", ""),
        ("unknown-name", "a", "  - step: a\n    if: nobody.x\n    then: []\n", ""),
        ("unknown-name", "a", "  - step: a\n    if: item > 1\n    then: []\n", ""),
        ("unknown-name", "a", "  - step: a\n    if: raw.x\n    then: []\n", ""),
        ("expression-syntax", "a", "  - step: a\n    if: 'case.tier >'\n    then: []\n", ""),
        ("expression-syntax", "a", "  - step: a\n    action: case.note\n    args: {text: '${case.'}\n", ""),
        ("unknown-atlas-id", "atlas", NOTE, "atlas: [AML.T0020, AML.T9999]"),
        ("unknown-nist-id", "nist", NOTE, "nist: [MANAGE 9.9]"),
        ("unknown-action", "a", "  - step: a\n    action: gateway.explode\n", ""),
        ("unknown-argument", "a", "  - step: a\n    action: case.note\n    args: {text: x, colour: red}\n", ""),
        ("missing-argument", "a", "  - step: a\n    action: case.note\n", ""),
        ("argument-type", "a", "  - step: a\n    action: case.note\n    args: {text: 7}\n", ""),
        (
            "argument-type",
            "a",
            "  - step: a\n    action: gateway.block\n    args: {target: 10.0.0.1}\n    lasts: 1h\n",
            "",
        ),
        ("spliced-url", "a", "  - step: a\n    action: http.request\n    args: {connection: '${alert.title}'}\n", ""),
        (
            "irreversible-without-approval",
            "a",
            "  - step: a\n    action: http.request\n    args: {connection: siem}\n",
            "",
        ),
        (
            "irreversible-without-approval",
            "a",
            "  - step: a\n    action: http.request\n    args: {connection: siem}\n    approval: {roles: [r], expires: 1h, when: case.tier > 1}\n",
            "",
        ),
        (
            "expiry-proceeds",
            "a",
            "  - step: a\n    action: http.request\n    args: {connection: siem}\n    approval: {roles: [r], expires: 1h, on_expiry: proceed}\n",
            "",
        ),
        ("approval-impossible", "a", "  - step: a\n    manual: x\n    approval: {roles: [], expires: 1h}\n", ""),
        (
            "approval-impossible",
            "a",
            "  - step: a\n    manual: x\n    approval: {need: 0, roles: [r], expires: 1h}\n",
            "",
        ),
        (
            "containment-without-end",
            "a",
            "  - step: a\n    action: gateway.block\n    args: {target: {kind: range, value: 10.0.0.0/24}}\n",
            "",
        ),
        ("phase-missing", "steps", NOTE, "trigger: {rules: [x]}"),
        ("trigger-matches-all", "trigger", NOTE, "trigger: {}"),
        ("missing-playbook", "a", "  - step: a\n    run: other\n", ""),
        ("too-few-branches", "a", "  - step: a\n    parallel: [[]]\n", ""),
        ("command-unsupported", "a", "  - step: a\n    commands: [{type: bash, command: 'rm __x__:value'}]\n", ""),
    ] {
        finds(code, place, steps, head);
    }
}

#[test]
fn on_lesser_tiers_what_cannot_be_taken_back_needs_nobody() {
    let steps = "  - step: a\n    action: http.request\n    args: {connection: siem}\n";
    let found = problems(steps, "trigger: {rules: [x], tiers: [2, 3]}");
    assert!(!found.iter().any(|p| p.code == "irreversible-without-approval"), "{found:?}");
}

#[test]
fn limits_at_the_limit_and_one_past_it() {
    let limits = Limits {
        steps_max: 4,
        branches_max: 2,
        commands_max: 2,
        variables_max: 1,
        value_bytes_max: 40,
        ..Limits::DEFAULT
    };
    let check = |head: &str, steps: &str| -> Vec<String> {
        let text = format!("playbook: p\ntitle: T\n{head}\nsteps:\n{steps}");
        lint_text(&text, &[], &limits).into_iter().filter(|p| p.level == Level::Error).map(|p| p.code).collect()
    };
    // With start and end these are four steps, and five.
    let manual = |n: usize| (0..n).map(|i| format!("  - step: s{i}\n    manual: x\n")).collect::<String>();
    assert_eq!(check("", &manual(2)), [""; 0]);
    assert!(check("", &manual(3)).contains(&"too-many-steps".to_owned()));
    let parallel = |n: usize| format!("  - step: a\n    parallel: [{}]\n", vec!["[]"; n].join(", "));
    assert_eq!(check("", &parallel(2)), [""; 0]);
    assert_eq!(check("", &parallel(3)), ["too-many-branches"]);
    let actions = |n: usize| {
        format!("  - step: a\n    actions: [{}]\n", vec!["{action: case.note, args: {text: x}}"; n].join(", "))
    };
    assert_eq!(check("", &actions(2)), [""; 0]);
    assert_eq!(check("", &actions(3)), ["too-many-commands"]);
    assert_eq!(check("variables: {a: {}}", NOTE), [""; 0]);
    assert_eq!(check("variables: {a: {}, b: {}}", NOTE), ["too-many-variables"]);
    let value = |n: usize| format!("variables: {{a: {{value: {}}}}}", "x".repeat(n));
    assert_eq!(check(&value(38), NOTE), [""; 0]);
    assert_eq!(check(&value(39), NOTE), ["value-too-large"]);
    let short = Limits { source_bytes_max: 60, ..Limits::DEFAULT };
    let text = format!("playbook: p\ntitle: T\nsteps:\n{NOTE}");
    assert_eq!(lint_text(&text, &[], &Limits { source_bytes_max: text.len(), ..short }), []);
    assert_eq!(lint_text(&text, &[], &Limits { source_bytes_max: text.len() - 1, ..short })[0].code, "unreadable");
}

#[test]
fn hostile_texts_are_problems_not_panics() {
    for text in
        ["", "{", "[]", "playbook: [", "{\"type\":\"playbook\"}", "&a [*a]", "a: &x [*x, *x]", "\u{0}", "---\n---\n"]
    {
        assert!(!lint_text(text, &[], &Limits::DEFAULT).is_empty(), "{text:?}");
    }
    let deep = format!(
        "playbook: p\ntitle: T\nsteps:\n{}",
        (0..40)
            .map(|d| format!(
                "{}- step: s{d}\n{}  if: 'true'\n{}  then:\n",
                "  ".repeat(d * 2 + 1),
                "  ".repeat(d * 2 + 1),
                "  ".repeat(d * 2 + 1)
            ))
            .collect::<String>()
    );
    assert!(lint_text(&deep, &[], &Limits::DEFAULT).iter().any(|p| p.code == "too-deep" || p.code == "unreadable"));
}

/// The public CACAO examples, if they are there: `CASEMATE_EVAL`, or `../shared/eval` beside the workspace.
#[expect(clippy::print_stderr, reason = "a test that does not run must say so")]
fn examples() -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "where the examples are is the machine's business")]
    let named = std::env::var("CASEMATE_EVAL").ok().map(PathBuf::from);
    let folder = named.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/eval"));
    let folder = folder.join("conformance/cacao");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("the public CACAO examples are not here ({}): they were not tested", folder.display());
    None
}

#[test]
fn public_examples_are_read_judged_and_kept() {
    let Some(folder) = examples() else { return };
    let errors = |path: &str| -> Vec<String> {
        let text = std::fs::read_to_string(folder.join(path)).expect(path);
        let playbook = load(&text, &Limits::DEFAULT).unwrap_or_else(|p| panic!("{path}: {p:?}"));
        let mut codes: Vec<String> =
            lint(&playbook).into_iter().filter(|p| p.level == Level::Error).map(|p| p.code).collect();
        codes.dedup();
        codes
    };
    for (path, code) in [
        ("soarca/test/playbooks/infinite_playbook.json", "endless-loop"),
        ("soarca/test/playbooks/missing_step_playbook.json", "missing-step"),
    ] {
        let found = errors(path);
        assert!(found.iter().any(|c| c == code), "{path}: {found:?}");
    }
    for path in [
        "oasis/Examples/CACAO-2.0/spec-3.1-example.json",
        "oasis/Examples/CACAO-2.0/basic-example-1.json",
        "soarca/examples/http-playbook.json",
        "soarca/examples/manual-playbook.json",
    ] {
        let text = std::fs::read_to_string(folder.join(path)).expect(path);
        let playbook = parse_json(&text, &Limits::DEFAULT).unwrap_or_else(|e| panic!("{path}: {e}"));
        let raw: serde_json::Value = serde_json::from_str(&text).expect("json");
        let written = serde_json::to_value(&playbook).expect("writes");
        for (member, value) in raw.as_object().expect("object") {
            if *value != serde_json::json!([]) && *value != serde_json::json!({}) && member != "workflow" {
                assert_eq!(written.get(member), Some(value), "{path}: {member} is kept");
            }
        }
        // Into the YAML form and back: the same steps under the same ids, and the second time round the same bytes.
        let source = decompile(&playbook);
        let again =
            compile(&source).unwrap_or_else(|p| panic!("{path}: {p:?}\n{}", render_yaml(&source).unwrap_or_default()));
        assert_eq!(
            (again.id.as_str(), again.workflow_start.as_str()),
            (playbook.id.as_str(), playbook.workflow_start.as_str())
        );
        for (id, step) in &playbook.workflow {
            let kept = again.workflow.get(id).unwrap_or_else(|| panic!("{path}: {id} is lost"));
            assert_eq!(kept.kind, step.kind, "{path}: {id}");
        }
        let twice = compile(&decompile(&again)).unwrap_or_else(|p| panic!("{path}: {p:?}"));
        assert_eq!(twice.digest(), again.digest(), "{path}");
    }
    for entry in ["http", "manual", "openc2", "fin", "powershell", "ssh"] {
        let found = errors(&format!("soarca/examples/{entry}-playbook.json"));
        let refused = found.iter().any(|c| c == "command-unsupported");
        assert_eq!(refused, ["fin", "powershell", "ssh"].contains(&entry), "{entry}: {found:?}");
    }
}

#[test]
fn the_atlas_ids_are_those_of_the_data() {
    let Some(folder) = examples() else { return };
    let text = std::fs::read_to_string(folder.join("../atlas/ATLAS.yaml")).expect("ATLAS.yaml");
    let is_id = |id: &str| {
        let number = id.strip_prefix("AML.").map(|rest| rest.trim_start_matches(|c: char| c.is_ascii_uppercase()));
        number.is_some_and(|n| n.len() >= 4 && n.bytes().all(|b| b.is_ascii_digit() || b == b'.'))
            && !id.starts_with("AML.CS")
    };
    let mut ids: Vec<&str> = text
        .lines()
        .filter_map(|l| l.trim_start().trim_start_matches("- ").strip_prefix("id: "))
        .filter(|id| is_id(id))
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids, casemate_playbook::ATLAS_IDS);
}
