//! A stream gives what a whole text gives, however it is cut.

use casemate_detect::{Engine, Match, ScanOptions, StreamRedactor, StreamScanner, redact, render_example};
use proptest::prelude::*;

/// Fragments that touch every recogniser, and the glue between them.
fn fragment() -> impl Strategy<Value = String> {
    let rules = Engine::builtin().rules();
    let examples: Vec<String> = rules
        .iter()
        .flat_map(|r| [r.spec.examples().into_owned(), r.spec.counterexamples().into_owned()].concat())
        .collect();
    prop_oneof![
        4 => (0..examples.len(), any::<u64>()).prop_map(move |(i, seed)| render_example(&examples[i], seed)),
        3 => "[a-zA-Zäß€ ,.:;=@/_+()\"'\n-]{0,40}",
        2 => "[0-9 .()/+-]{0,40}",
        1 => "[A-Za-z0-9+/_-]{0,300}",
        1 => Just(" ".repeat(60)),
        1 => prop::sample::select(vec!["password: ", "token=", "SSN ", "call ", "key ", "secret \"", "card ", "\n"]).prop_map(str::to_owned),
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(fragment(), 0..12).prop_map(|parts| parts.join(" "))
}

fn pieces<'t>(text: &'t str, cuts: &[usize]) -> Vec<&'t str> {
    let mut at: Vec<usize> = cuts.iter().map(|c| text.floor_char_boundary(c % (text.len() + 1))).collect();
    at.extend([0, text.len()]);
    at.sort_unstable();
    at.windows(2).map(|w| &text[w[0]..w[1]]).collect()
}

fn stream(text: &[&str]) -> (String, Vec<Match>) {
    let options = ScanOptions::default();
    let mut scanner = StreamScanner::new(Engine::builtin(), options);
    let mut matches = Vec::new();
    let mut out = String::new();
    for piece in text {
        let progress = scanner.push(piece);
        assert_eq!(progress.offset, out.len());
        out.push_str(&progress.text);
        matches.extend(progress.matches);
    }
    let progress = scanner.finish();
    out.push_str(&progress.text);
    matches.extend(progress.matches);
    (out, matches)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_cuts(text in text(), cuts in prop::collection::vec(any::<usize>(), 0..30)) {
        let whole = Engine::builtin().scan(&text, &ScanOptions::default());
        let pieces = pieces(&text, &cuts);
        let (out, matches) = stream(&pieces);
        prop_assert_eq!(&out, &text);
        prop_assert_eq!(&matches, &whole);
        let mut redactor = StreamRedactor::new(Engine::builtin(), ScanOptions::default());
        let mut redacted: String = pieces.iter().map(|p| redactor.push(p).0).collect();
        redacted.push_str(&redactor.finish().0);
        prop_assert_eq!(redacted, redact(&text, &whole));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn character_by_character(text in text()) {
        let whole = Engine::builtin().scan(&text, &ScanOptions::default());
        let pieces: Vec<&str> = text.split_inclusive(|_: char| true).collect();
        prop_assert_eq!(stream(&pieces).1, whole);
    }
}

#[test]
fn little_is_held_back() {
    let mut scanner = StreamScanner::new(Engine::builtin(), ScanOptions::default());
    let prose = "The committee met on Tuesday and agreed that the plan was sound, if late. ".repeat(40);
    let mut most = 0;
    for piece in prose.as_bytes().chunks(5) {
        scanner.push(std::str::from_utf8(piece).unwrap());
        most = most.max(scanner.held_bytes());
    }
    assert!(most <= 32, "held {most} bytes of prose");
    let mut scanner = StreamScanner::new(Engine::builtin(), ScanOptions::default());
    for _ in 0..5000 {
        scanner.push("A1b2-");
        most = most.max(scanner.held_bytes());
    }
    assert!(most <= casemate_detect::limits::HOLD_MAX, "held {most} bytes of a run");
}
