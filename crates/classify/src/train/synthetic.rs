//! Rows that are made, not collected: harmless requests in the words of attacks, planted instructions, and strings like
//! those that gradient search finds.

use super::Rng;
use super::adjacency::TokenSampler;
use super::synthetic_asks::{ASK_SLOTS, ASKS, ASKS_HARMLESS, CARRIERS, HIDDEN, HIDDEN_HARMLESS};
use super::synthetic_elsewhere::{ELSEWHERE, ELSEWHERE_SLOTS};
use super::synthetic_harm::{HARM, HARM_HARMLESS, HARM_SLOTS};
use super::synthetic_harm_prose::{ADVERTS, PROSE_SLOTS, THEMES, Theme};
use super::synthetic_plays::{
    AGENT_ORDERS, AGENT_ORDERS_HARMLESS, MAILS, NOTES, NOTES_HARMLESS, PLAY_SLOTS, PLAYS, PLAYS_HARMLESS,
};
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
    let goal = goal(goals, rng);
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

/// A goal of an attack: one of ours, or a request from the data.
fn goal(goals: &[&str], rng: &mut Rng) -> String {
    if rng.chance(0.5) || goals.is_empty() { fill(rng.pick(GOALS), "", rng) } else { rng.pick(goals).to_owned() }
}

/// An attack in another language than English.
pub fn elsewhere(rng: &mut Rng) -> String {
    fill(rng.pick(ELSEWHERE), "", rng)
}

/// A play about a goal, or a harmless request of the same make.
pub fn play(attack: bool, goals: &[&str], rng: &mut Rng) -> String {
    let goal = goal(goals, rng);
    fill(rng.pick(if attack { PLAYS } else { PLAYS_HARMLESS }), &goal, rng)
}

/// An order to an agent that its user did not give, or a harmless step or result.
pub fn agent_order(attack: bool, goals: &[&str], rng: &mut Rng) -> String {
    let goal = goal(goals, rng);
    fill(rng.pick(if attack { AGENT_ORDERS } else { AGENT_ORDERS_HARMLESS }), &goal, rng)
}

/// A note to the model that reads a document, or to the people who do.
pub fn note(attack: bool, goals: &[&str], rng: &mut Rng) -> String {
    let goal = goal(goals, rng);
    fill(rng.pick(if attack { NOTES } else { NOTES_HARMLESS }), &goal, rng)
}

/// A harmless mail or ticket.
pub fn mail(rng: &mut Rng) -> String {
    fill(rng.pick(MAILS), "", rng)
}

/// A text for the toxicity model: abusive or explicit, or harmless on the same matters.
pub fn harm(positive: bool, rng: &mut Rng) -> String {
    fill(rng.pick(if positive { HARM } else { HARM_HARMLESS }), "", rng)
}

/// One to five sentences on one matter for the toxicity model; an abusive text may hold harmless sentences too.
pub fn harm_prose(positive: bool, rng: &mut Rng) -> String {
    passage(&THEMES[rng.below(THEMES.len())], positive, rng)
}

/// The same on despair and self-harm, which neither the tweets nor the teachers know.
pub fn despair(positive: bool, rng: &mut Rng) -> String {
    passage(&THEMES[0], positive, rng)
}

fn passage(theme: &Theme, positive: bool, rng: &mut Rng) -> String {
    let count = 1 + rng.below(5);
    let worst = rng.below(count);
    let sentences: Vec<String> = (0..count)
        .map(|i| {
            let harm = positive && (i == worst || rng.chance(0.7));
            fill(rng.pick(if harm { theme.harm } else { theme.harmless }), "", rng)
        })
        .collect();
    sentences.join(rng.pick(&[" ", " ", "\n"]))
}

/// A page that advertises sex, or anything else, as a run of words in one of nine languages.
pub fn advert(positive: bool, rng: &mut Rng) -> String {
    let page = &ADVERTS[rng.below(ADVERTS.len())];
    let words = |list: &'static str| list.split('|').collect::<Vec<_>>();
    let (adult, other, plain) = (words(page.adult), words(page.other), words(page.plain));
    let share = 0.15 + 0.1 * rng.below(6) as f64;
    let mut text = String::new();
    for i in 0..8 + rng.below(50) {
        let special = i == 2 || rng.chance(share);
        let from = match (special, positive) {
            (true, true) => &adult,
            (true, false) => &plain,
            (false, _) if rng.chance(0.3) => &plain,
            (false, _) => &other,
        };
        text += rng.pick(from);
        text += rng.pick(&[" ", " ", " ", " ", ", ", ". ", " - "]);
    }
    text
}

/// A run or table of numbers: of tweets, a model would learn that digits are the numbers of emoji.
pub fn numbers(rng: &mut Rng) -> String {
    let columns = 1 + rng.below(6);
    let digits: Vec<usize> = (0..columns).map(|_| 1 + rng.below(9)).collect();
    let (between, end) = (rng.pick(&[" ", " ", "  ", ", ", "\t", ";"]), rng.pick(&[" ", "\n", "\n"]));
    let (point, sign) = (rng.chance(0.3), rng.chance(0.2));
    let mut text = String::new();
    for _ in 0..5 + rng.below(30) {
        for (i, &digits) in digits.iter().enumerate() {
            text += if i == 0 { "" } else { between };
            text += if sign && rng.chance(0.3) { "-" } else { "" };
            text.extend((0..digits).map(|_| char::from(b'0' + rng.below(10) as u8)));
            if point {
                text += ".";
                text.extend((0..digits).map(|_| char::from(b'0' + rng.below(10) as u8)));
            }
        }
        text += end;
    }
    text
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
    let length = 12 + rng.below(20);
    let (common, marks) = ([0.2, 0.5, 0.8, 1.0][rng.below(4)], [0.02, 0.05, 0.18, 0.3][rng.below(4)]);
    // How often a piece begins after a space, in capitals, and how often a token of the start of the search is left as it was.
    let (spaced, capitals, left) =
        ([0.5, 0.7, 0.9][rng.below(3)], [0.08, 0.17, 0.3][rng.below(3)], [0.0, 0.0, 0.2][rng.below(3)]);
    let start = rng.pick(&["!", "[", "x", "*", "?"]);
    for _ in 0..length {
        if rng.chance(left) {
            out.push(' ');
            out.push_str(start);
            continue;
        }
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
        if !goes_on && rng.chance(spaced) {
            out.push(' ');
        }
        if rng.chance(capitals) {
            out.extend(piece.chars().take(1).map(|c| c.to_ascii_uppercase()).chain(piece.chars().skip(1)));
        } else if piece.len() <= 4 && rng.chance(capitals) {
            out.push_str(&piece.to_ascii_uppercase());
        } else {
            out.push_str(piece);
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

/// The lists of every grammar.
fn all_slots() -> impl Iterator<Item = &'static (&'static str, &'static [&'static str])> {
    SLOTS.iter().chain(ASK_SLOTS).chain(HARM_SLOTS).chain(PLAY_SLOTS).chain(ELSEWHERE_SLOTS).chain(PROSE_SLOTS)
}

/// The first slot of `text`: its bytes, and its list, or none for `{goal}`.
fn slot(text: &str) -> Option<(usize, usize, Option<&'static [&'static str]>)> {
    for (start, _) in text.match_indices('{') {
        let length = text[start..].find('}')?;
        let name = &text[start + 1..start + length];
        if name == "goal" {
            return Some((start, start + length + 1, None));
        }
        if let Some((_, items)) = all_slots().find(|s| s.0 == name) {
            return Some((start, start + length + 1, Some(items)));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::synthetic_asks::{ASKS, ASKS_HARMLESS, CARRIERS, HIDDEN, HIDDEN_HARMLESS};
    use super::super::synthetic_elsewhere::ELSEWHERE;
    use super::super::synthetic_harm::{HARM, HARM_HARMLESS};
    use super::super::synthetic_harm_prose::{ADVERTS, THEMES};
    use super::super::synthetic_plays::{
        AGENT_ORDERS, AGENT_ORDERS_HARMLESS, MAILS, NOTES, NOTES_HARMLESS, PLAYS, PLAYS_HARMLESS,
    };
    use super::super::synthetic_words::{GOALS, HARMLESS, HARMLESS_ELSEWHERE, PLANTED};
    use super::{advert, all_slots, ask, ask_harmless, carried, harm_prose, harmless, numbers, planted};
    use crate::train::Rng;

    #[test]
    fn every_slot_has_a_list() {
        let new = ASKS.iter().chain(ASKS_HARMLESS).chain(HIDDEN).chain(HIDDEN_HARMLESS).chain(CARRIERS);
        let new = new.chain(HARM).chain(HARM_HARMLESS).chain(PLAYS).chain(PLAYS_HARMLESS).chain(AGENT_ORDERS);
        let new = new.chain(ELSEWHERE).chain(AGENT_ORDERS_HARMLESS).chain(NOTES).chain(NOTES_HARMLESS).chain(MAILS);
        let new = new.chain(THEMES.iter().flat_map(|t| t.harm.iter().chain(t.harmless)));
        let inner = all_slots().flat_map(|s| s.1);
        for template in HARMLESS.iter().chain(HARMLESS_ELSEWHERE).chain(GOALS).chain(PLANTED).chain(new).chain(inner) {
            for part in template.split('{').skip(1).filter(|p| p.starts_with(|c: char| c.is_ascii_lowercase())) {
                let name = part.split('}').next().unwrap_or_default();
                let known = all_slots().any(|s| s.0 == name);
                assert!(name == "goal" || known, "{template}: {name}");
            }
        }
    }

    #[test]
    fn no_list_hides_another_of_its_name() {
        let mut names: Vec<&str> = all_slots().map(|s| s.0).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn what_is_explicit_stands_in_explicit_texts_alone() {
        let mut rng = Rng::new(6);
        let adult: Vec<&str> = ADVERTS.iter().flat_map(|a| a.adult.split('|')).collect();
        let (mut harm, mut plain) = (Vec::new(), Vec::new());
        for _ in 0..500 {
            let (bad, good) = (advert(true, &mut rng), advert(false, &mut rng));
            assert!(adult.iter().any(|w| bad.contains(w)), "{bad}");
            plain
                .extend(good.split([' ', ',']).filter(|w| matches!(*w, "porno" | "xxx" | "escort")).map(str::to_owned));
            harm.extend([harm_prose(true, &mut rng), harm_prose(false, &mut rng)]);
            assert!(numbers(&mut rng).chars().all(|c| !c.is_alphabetic()));
        }
        assert!(plain.is_empty(), "{plain:?}");
        assert!(harm.iter().all(|t| !t.contains('{') && !t.is_empty()));
        assert!(harm.iter().any(|t| t.contains(". ")) && harm.iter().any(|t| !t.contains(". ")));
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
