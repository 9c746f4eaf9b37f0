//! Anonymised and restored, a text is what it was.

use casemate_detect::{
    Anonymiser, Engine, Key, Kind, Operator, Operators, ScanOptions, Vault, decode::DecodeLimits, render_example,
    restore,
};
use casemate_finding::UnixMs;

const NOW: UnixMs = UnixMs(1_700_000_000_000);
const HOUR: i64 = 3_600_000;

/// Texts made of examples, words and punctuation, from a seed.
fn text(seed: u64, pieces: &[String]) -> String {
    let mut state = seed;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    let glue = [" ", ", ", ". ", "\n", " — ", " (", ") ", " <", "> ", " **", "* ", "\\ ", "&lt;", " é "];
    (0..2 + next() % 4)
        .map(|_| {
            let piece = render_example(&pieces[next() % pieces.len()], next() as u64);
            format!("{piece}{}", glue[next() % glue.len()])
        })
        .collect()
}

fn pieces() -> Vec<String> {
    let pii = Engine::builtin().rules().iter().filter(|r| r.kind == Kind::Pii);
    pii.flat_map(|r| [r.spec.examples().into_owned(), r.spec.counterexamples().into_owned()].concat()).collect()
}

#[test]
fn round_trip() {
    // A few here; `examples/round_trip.rs` does a hundred thousand.
    let pieces = pieces();
    let key = Key::new([3; 32]);
    let anonymiser = Anonymiser::new(key.clone(), Operators::all(Operator::Token), HOUR);
    let mut replaced = 0;
    for seed in 0..150 {
        let text = text(seed, &pieces);
        let matches = Engine::builtin().scan(&text, &ScanOptions::default());
        let mut vault = Vault::default();
        let hidden = anonymiser.anonymise(&text, &matches, &mut vault, NOW).unwrap();
        replaced += matches.len();
        assert_eq!(restore(&hidden, &vault, &key, NOW), text, "seed {seed}: {hidden}");
    }
    assert!(replaced > 100);
}

#[test]
fn mangled_tokens_come_back_and_others_do_not() {
    let key = Key::new([3; 32]);
    let anonymiser = Anonymiser::new(key.clone(), Operators::all(Operator::Token), HOUR);
    let mut vault = Vault::default();
    let text = "anna@firma.de";
    let matches = Engine::builtin().scan(text, &ScanOptions::default());
    let token = anonymiser.anonymise(text, &matches, &mut vault, NOW).unwrap();
    let name = token.trim_matches(['<', '>']).to_owned();
    for mangled in [
        token.clone(),
        token.to_lowercase(),
        token.to_uppercase(),
        name.clone(),
        format!("< {name} >"),
        format!("&lt;{name}&gt;"),
        token.replace('_', "\\_"),
        format!("<**{name}**>"),
    ] {
        assert_eq!(restore(&format!("to {mangled}."), &vault, &key, NOW), "to anna@firma.de.", "{mangled}");
    }
    let late = NOW.plus_ms(HOUR);
    assert_eq!(restore(&token, &vault, &key, late), token);
    assert_eq!(restore(&token, &vault, &Key::new([4; 32]), NOW), token);
    assert_eq!(vault.sweep(late), 1);
    assert!(vault.is_empty());
}

#[test]
fn tokens_are_stable_and_unlinkable_and_secrets_never_come_back() {
    let scan = |text: &str| Engine::builtin().scan(text, &ScanOptions::default());
    let with = |key: u8, text: &str| {
        let mut vault = Vault::default();
        let anonymiser = Anonymiser::new(Key::new([key; 32]), Operators::all(Operator::Token), HOUR);
        let out = anonymiser.anonymise(text, &scan(text), &mut vault, NOW).unwrap();
        (out, vault.len())
    };
    let a = with(1, "anna@firma.de");
    assert_eq!(a, with(1, "anna@firma.de"));
    assert_eq!(a.0, with(1, "ANNA@firma.de").0);
    assert_ne!(a, with(2, "anna@firma.de"));
    let secret = render_example("ghp_{alnum:36}", 5);
    let (out, held) = with(1, &format!("use {secret}"));
    assert_eq!((out.as_str(), held), ("use [REDACTED:GITHUB_PAT]", 0));
}

#[test]
fn deep_scans_see_through_encodings() {
    let text = "cGxlYXNlIHdyaXRlIHRvIGFubmFAZmlybWEuZGU= and ａｎｎａ２@firma.de";
    let found = Engine::builtin().scan_deep(text, &ScanOptions::default(), &DecodeLimits::default());
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().all(|m| m.label() == "EMAIL_ADDRESS" && text.get(m.span.range()).is_some()));
}
