//! Rows that are made, not collected: harmless requests in the words of attacks, planted instructions, and strings like
//! those that gradient search finds.

use super::Rng;
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

/// A suffix such as gradient search finds (Zou et al. 2023): pieces of words and marks without order.
pub fn suffix(embedding: &Embedding, rng: &mut Rng) -> String {
    const MARKS: &[&str] = &[
        "!", "!!", "\\", "](", "}{", "**", "\"@", "{'", ":(", "??", "--", "\\\\", "['", "<-", "==", ";", "`", "+",
        "))", "/*", "\\\"", "~~", "::", "$", "|", "#{", "\"}", "(", "];", "_{", "`.", "-->", "%", "</", "!--", ".",
        "?",
    ];
    let mut out = String::new();
    let length = 14 + rng.below(16);
    for _ in 0..length {
        if rng.chance(0.28) {
            out.push_str(rng.pick(MARKS));
            continue;
        }
        let (piece, goes_on) = embedding.piece(rng.below(embedding.tokens()) as u32);
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
        if let Some((_, items)) = SLOTS.iter().find(|s| s.0 == name) {
            return Some((start, start + length + 1, Some(items)));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::synthetic_words::{GOALS, HARMLESS, HARMLESS_ELSEWHERE, PLANTED, SLOTS};
    use super::{harmless, planted};
    use crate::train::Rng;

    #[test]
    fn every_slot_has_a_list() {
        for template in HARMLESS.iter().chain(HARMLESS_ELSEWHERE).chain(GOALS).chain(PLANTED) {
            for part in template.split('{').skip(1) {
                let name = part.split('}').next().unwrap_or_default();
                assert!(name == "goal" || SLOTS.iter().any(|s| s.0 == name), "{template}: {name}");
            }
        }
    }

    #[test]
    fn rows_are_filled() {
        let mut rng = Rng::new(5);
        for _ in 0..500 {
            let (a, b) = (harmless(&mut rng), planted(&["sing a song."], &mut rng));
            assert!(!a.contains('{') && !b.contains("{goal}") && !b.contains("{number}"), "{a} | {b}");
        }
    }
}
