//! Anonymises and restores random texts and counts those that do not come back exactly: `round_trip [TEXTS]`, 100,000
//! unless told otherwise.
#![expect(clippy::print_stdout, reason = "a command-line tool")]

use std::error::Error;

use casemate_detect::{
    Anonymiser, Engine, Key, Kind, Operator, Operators, ScanOptions, Vault, render_example, restore,
};
use casemate_finding::UnixMs;

fn main() -> Result<(), Box<dyn Error>> {
    let texts: u64 = std::env::args().nth(1).map_or(Ok(100_000), |n| n.parse())?;
    let rules = Engine::builtin().rules().iter().filter(|r| r.kind == Kind::Pii);
    let pieces: Vec<String> =
        rules.flat_map(|r| [r.spec.examples().into_owned(), r.spec.counterexamples().into_owned()].concat()).collect();
    let glue = [" ", ", ", ". ", "\n", " — ", " (", ") ", " <", "> ", " **", "* ", "\\ ", "&lt;", " é ", "", "_", "<"];
    let key = Key::new([9; 32]);
    let anonymiser = Anonymiser::new(key.clone(), Operators::all(Operator::Token), 3_600_000);
    let now = UnixMs(1_700_000_000_000);
    let mut vault = Vault::default();
    let (mut replaced, mut wrong) = (0, 0);
    for seed in 0..texts {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize
        };
        let text: String = (0..1 + next() % 6)
            .map(|_| {
                let piece = render_example(&pieces[next() % pieces.len()], next() as u64);
                format!("{piece}{}", glue[next() % glue.len()])
            })
            .collect();
        let matches = Engine::builtin().scan(&text, &ScanOptions::default());
        replaced += matches.len();
        let hidden = anonymiser.anonymise(&text, &matches, &mut vault, now)?;
        if restore(&hidden, &vault, &key, now) != text {
            wrong += 1;
        }
    }
    println!("{texts} texts, {replaced} values replaced, {} in the vault, {wrong} not restored exactly", vault.len());
    Ok(())
}
