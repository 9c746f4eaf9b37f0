//! Rows that are made, not collected: harmless requests in the words of attacks, planted instructions, and strings like
//! those that gradient search finds.

use super::Rng;
use super::adjacency::TokenSampler;
use super::synthetic_asks::{ASK_SLOTS, ASKS, ASKS_HARMLESS, CARRIERS, HIDDEN, HIDDEN_HARMLESS};
use super::synthetic_harm::{HARM, HARM_HARMLESS, HARM_SLOTS};
use super::synthetic_words::{GOALS, HARMLESS, HARMLESS_ELSEWHERE, PLANTED, SLOTS};
use crate::model::Embedding;

/// Nesting of slots is shallow; deeper would be a mistake in the lists.
const SLOTS_PER_ROW_MAX: usize = 24;

/// A harmless request that uses the words of attacks; one in five in another language than English.
pub fn harmless(rng: &mut Rng) -> String {
    let list = if rng.chance(0.2) { HARMLESS_ELSEWHERE } else { HARMLESS };
    let template = rng.pick(list);
    fill(template, "", rng)
}

/// A planted instruction with its goal; `goals` are requests from the data.
pub fn planted(goals: &[&str], rng: &mut Rng) -> String {
    let template = rng.pick(PLANTED);
    let goal =
        if rng.chance(0.5) || goals.is_empty() { fill(rng.pick(GOALS), "", rng) } else { rng.pick(goals).to_owned() };
    fill(template, &goal, rng)
}

/// A request for what the model was told to keep.
pub fn ask(rng: &mut Rng) -> String {
    fill(rng.pick(ASKS), "", rng)
}

/// A harmless request of the same make.
pub fn ask_harmless(rng: &mut Rng) -> String {
    fill(rng.pick(ASKS_HARMLESS), "", rng)
}

/// What hides in a comment or a caption: an instruction, or what else may stand there.
pub fn hidden(attack: bool, rng: &mut Rng) -> String {
    fill(rng.pick(if attack { HIDDEN } else { HIDDEN_HARMLESS }), "", rng)
}

/// A request with a text that carries such a thing.
pub fn carried(attack: bool, rng: &mut Rng) -> String {
    let inner = hidden(attack, rng);
    fill(rng.pick(CARRIERS), &inner, rng)
}

/// A text for the toxicity model: abusive or explicit, or harmless on the same matters.
pub fn harm(positive: bool, rng: &mut Rng) -> String {
    fill(rng.pick(if positive { HARM } else { HARM_HARMLESS }), "", rng)
}

/// Harmless text that is no prose: keys, digests, dumps, identifiers, drawn tables.
pub fn code_text(rng: &mut Rng) -> String {
    const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut of = |alphabet: &[u8], count: usize| -> String {
        (0..count).map(|_| char::from(alphabet[rng.below(alphabet.len())])).collect()
    };
    let (hex, digits) = (b"0123456789abcdef", b"0123456789");
    let lines = |mut line: Box<dyn FnMut() -> String + '_>, count: usize| -> String {
        (0..count).map(|_| line() + "\n").collect()
    };
    match of(digits, 1).as_bytes()[0] {
        b'0' | b'1' => {
            let body = lines(Box::new(|| of(BASE64, 64)), 6);
            format!("-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n")
        }
        b'2' | b'3' => {
            let pairs = lines(Box::new(|| (0..16).map(|_| of(hex, 2) + ":").collect()), 6);
            format!("Signature Algorithm: sha256WithRSAEncryption\n{pairs}")
        }
        b'4' => lines(Box::new(|| format!("{} *{}.tar.gz", of(hex, 40), of(b"abcdefghiklmnoprstu", 7))), 5),
        b'5' => lines(
            Box::new(|| format!("{}-{}-{}-{}-{}", of(hex, 8), of(hex, 4), of(hex, 4), of(hex, 4), of(hex, 12))),
            5,
        ),
        b'6' => lines(Box::new(|| (0..8).map(|_| format!("0x{}, ", of(hex, 2))).collect()), 6),
        b'7' => lines(
            Box::new(|| {
                format!(
                    "│ {} ┆ {}.{} ┆ {}.{} │",
                    of(b"abcdeinorst_", 8),
                    of(digits, 1),
                    of(digits, 2),
                    of(digits, 1),
                    of(digits, 2)
                )
            }),
            8,
        ),
        b'8' => lines(
            Box::new(|| {
                format!("| {} | {}.{} | {} |", of(b"abcdeinorst-", 9), of(digits, 2), of(digits, 3), of(digits, 4))
            }),
            8,
        ),
        _ => format!("data:image/png;base64,{}", of(BASE64, 300)),
    }
}

/// A suffix such as gradient search finds (Zou et al. 2023): pieces of words and marks without order.
pub fn suffix(embedding: &Embedding, sampler: &TokenSampler, rng: &mut Rng) -> String {
    const MARKS: &[&str] = &[
        "!", "!!", "\\", "](", "}{", "**", "\"@", "{'", ":(", "??", "--", "\\\\", "['", "<-", "==", ";", "`", "+",
        "))", "/*", "\\\"", "~~", "::", "$", "|", "#{", "\"}", "(", "];", "_{", "`.", "-->", "%", "</", "!--", ".",
        "?",
    ];
    let mut out = String::new();
    let length = 14 + rng.below(16);
    let (common, marks) = ([0.2, 0.5, 0.8][rng.below(3)], [0.05, 0.18, 0.3][rng.below(3)]);
    for _ in 0..length {
        if rng.chance(marks) {
            out.push_str(rng.pick(MARKS));
            continue;
        }
        // Half the pieces are such as texts use: a search that starts from words stays near them.
        let token = if rng.chance(common) { sampler.draw(rng) } else { rng.below(embedding.tokens()) as u32 };
        let (piece, goes_on) = embedding.piece(token);
        if !piece.is_ascii() || piece.is_empty() {
            continue;
        }
        if !goes_on && rng.chance(0.7) {
            out.push(' ');
        }
        match rng.below(6) {
            0 => out.extend(piece.chars().take(1).map(|c| c.to_ascii_uppercase()).chain(piece.chars().skip(1))),
            1 if piece.len() <= 4 => out.push_str(&piece.to_ascii_uppercase()),
            _ => out.push_str(piece),
        }
    }
    out
}

fn fill(template: &str, goal: &str, rng: &mut Rng) -> String {
    let mut text = template.to_owned();
    for _ in 0..SLOTS_PER_ROW_MAX {
        let Some((start, end, list)) = slot(&text) else { break };
        let put = list.map_or(goal, |items| rng.pick(items)).to_owned();
        text.replace_range(start..end, &put);
    }
    text
}

/// The first slot of `text`: its bytes, and its list, or none for `{goal}`.
fn slot(text: &str) -> Option<(usize, usize, Option<&'static [&'static str]>)> {
    for (start, _) in text.match_indices('{') {
        let length = text[start..].find('}')?;
        let name = &text[start + 1..start + length];
        if name == "goal" {
            return Some((start, start + length + 1, None));
        }
        if let Some((_, items)) = SLOTS.iter().chain(ASK_SLOTS).chain(HARM_SLOTS).find(|s| s.0 == name) {
            return Some((start, start + length + 1, Some(items)));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::synthetic_asks::{ASK_SLOTS, ASKS, ASKS_HARMLESS, CARRIERS, HIDDEN, HIDDEN_HARMLESS};
    use super::super::synthetic_harm::{HARM, HARM_HARMLESS, HARM_SLOTS};
    use super::super::synthetic_words::{GOALS, HARMLESS, HARMLESS_ELSEWHERE, PLANTED, SLOTS};
    use super::{ask, ask_harmless, carried, harmless, planted};
    use crate::train::Rng;

    #[test]
    fn every_slot_has_a_list() {
        let new = ASKS.iter().chain(ASKS_HARMLESS).chain(HIDDEN).chain(HIDDEN_HARMLESS).chain(CARRIERS);
        let new = new.chain(HARM).chain(HARM_HARMLESS);
        let inner = ASK_SLOTS.iter().chain(HARM_SLOTS).flat_map(|s| s.1);
        for template in HARMLESS.iter().chain(HARMLESS_ELSEWHERE).chain(GOALS).chain(PLANTED).chain(new).chain(inner) {
            for part in template.split('{').skip(1).filter(|p| p.starts_with(|c: char| c.is_ascii_lowercase())) {
                let name = part.split('}').next().unwrap_or_default();
                let known = SLOTS.iter().chain(ASK_SLOTS).chain(HARM_SLOTS).any(|s| s.0 == name);
                assert!(name == "goal" || known, "{template}: {name}");
            }
        }
    }

    #[test]
    fn rows_are_filled() {
        let mut rng = Rng::new(5);
        for _ in 0..500 {
            let (a, b) = (harmless(&mut rng), planted(&["sing a song."], &mut rng));
            assert!(!a.contains('{') && !b.contains("{goal}") && !b.contains("{number}"), "{a} | {b}");
            let (a, b, c) = (ask(&mut rng), ask_harmless(&mut rng), carried(true, &mut rng));
            assert!([&a, &b].iter().all(|t| !t.contains('{')) && !c.contains("{claim}"), "{a} | {b} | {c}");
        }
    }
}
