//! The rows that a training of the injection model makes for itself.

use super::adjacency::TokenSampler;
use super::synthetic_lists::{Vocabulary, list};
use super::synthetic_tasks::task;
use super::{Rng, Row, synthetic};
use crate::model::Embedding;

const HARMLESS_ROWS: usize = 6000;
const PLANTED_ROWS: usize = 5000;
const ASK_ROWS: usize = 5000;
const ASK_HARMLESS_ROWS: usize = 5000;
const HIDDEN_ROWS: usize = 2500;
const HIDDEN_HARMLESS_ROWS: usize = 2500;
const HIDDEN_BARE_ROWS: usize = 2000;
const CODE_ROWS: usize = 1500;
const LIST_ROWS: usize = 2500;
const PLAY_ROWS: usize = 4000;
const PLAY_HARMLESS_ROWS: usize = 4000;
const ELSEWHERE_ROWS: usize = 2500;
const AGENT_ROWS: usize = 1500;
const AGENT_HARMLESS_ROWS: usize = 1500;
const NOTE_ROWS: usize = 2500;
const NOTE_HARMLESS_ROWS: usize = 2000;
const MAIL_ROWS: usize = 2000;
const TASK_ROWS: usize = 6000;
const SUFFIX_ROWS: usize = 1500;
const DOCUMENTS: usize = 3500;
const EVERYDAY_ROWS: usize = 600;
const HARM_ROWS: usize = 3000;
const HARM_PROSE_ROWS: usize = 3000;
const ADVERT_ROWS: usize = 1500;
const DESPAIR_ROWS: usize = 2000;
const NUMBER_ROWS: usize = 500;

/// Rows made.
pub struct Made {
    /// To learn the base models from, and to weigh them.
    pub texts: Vec<Row>,
    /// Documents that carry a planted instruction: to weigh the models of content.
    pub documents: Vec<Row>,
}

/// True for sources whose harmless rows may stand for documents and tool results.
pub fn is_content(source: &str) -> bool {
    source.starts_with("pypi-")
        || source.starts_with("npm-")
        || source.starts_with("crates-")
        || source.starts_with("debs-")
        || matches!(
            source,
            "synthetic-indirect"
                | "made-codes"
                | "made-lists"
                | "made-agent-harmless"
                | "made-notes-harmless"
                | "made-mails"
                | "pkg-bfcl_eval-tools"
        )
        || source.starts_with("gpteacher")
}

/// True for attacks that are none where a user writes them: they are kept from the models of whole texts and from chat.
pub fn is_content_attack(source: &str) -> bool {
    matches!(source, "made-agent" | "made-notes")
}

fn row(text: String, positive: bool, source: &str) -> Row {
    Row { text, positive, source: source.into(), kind: String::new(), licence: "made".into() }
}

/// Harmless requests of the data, for what planted instructions want and what suffixes are put behind.
fn goals(rows: &[Row]) -> Vec<&str> {
    rows.iter()
        .filter(|r| {
            !r.positive && matches!(r.source.as_str(), "self-instruct-seeds" | "gpteacher-code" | "s-labs" | "clinc150")
        })
        .map(|r| r.text.lines().next().unwrap_or(""))
        .filter(|t| (20..120).contains(&t.len()))
        .collect()
}

/// Sentences of harmless prose and talk, for requests that do something with one.
fn sentences(rows: &[Row]) -> Vec<&str> {
    let prose = |r: &&Row| {
        !r.positive && (r.source.starts_with("pypi-") || r.source == "pkg-chitchat" || r.source == "gpteacher-roleplay")
    };
    rows.iter()
        .filter(prose)
        .flat_map(|r| r.text.split_inclusive(['.', '!', '?', '\n']))
        .map(str::trim)
        .filter(|s| (15..140).contains(&s.len()) && s.contains(' ') && !s.contains(['{', '}']))
        .collect()
}

/// Makes rows beside `rows`.
pub fn rows(rows: &[Row], embedding: &Embedding, rng: &mut Rng) -> Made {
    let goals = goals(rows);
    let carriers: Vec<&str> = rows
        .iter()
        .filter(|r| !r.positive && is_content(&r.source) && r.text.len() > 160)
        .map(|r| r.text.as_str())
        .collect();
    let mut texts = Vec::new();
    texts.extend((0..HARMLESS_ROWS).map(|_| row(synthetic::harmless(rng), false, "made-harmless")));
    texts.extend((0..PLANTED_ROWS).map(|_| row(synthetic::planted(&goals, rng), true, "made-planted")));
    texts.extend((0..ASK_ROWS).map(|_| row(synthetic::ask(rng), true, "made-asks")));
    texts.extend((0..ASK_HARMLESS_ROWS).map(|_| row(synthetic::ask_harmless(rng), false, "made-asks-harmless")));
    texts.extend((0..HIDDEN_ROWS).map(|_| row(synthetic::carried(true, rng), true, "made-hidden")));
    texts.extend((0..HIDDEN_BARE_ROWS).map(|_| row(synthetic::hidden(true, rng), true, "made-hidden-bare")));
    texts.extend((0..HIDDEN_HARMLESS_ROWS).map(|_| row(synthetic::carried(false, rng), false, "made-carriers")));
    texts.extend((0..CODE_ROWS).map(|_| row(synthetic::code_text(rng), false, "made-codes")));
    let vocabulary = Vocabulary::of(embedding);
    texts.extend((0..LIST_ROWS).map(|_| row(list(&vocabulary, rng), false, "made-lists")));
    texts.extend((0..PLAY_ROWS).map(|_| row(synthetic::play(true, &goals, rng), true, "made-plays")));
    texts.extend((0..PLAY_HARMLESS_ROWS).map(|_| row(synthetic::play(false, &[], rng), false, "made-plays-harmless")));
    texts.extend((0..ELSEWHERE_ROWS).map(|_| row(synthetic::elsewhere(rng), true, "made-elsewhere")));
    texts.extend((0..AGENT_ROWS).map(|_| row(synthetic::agent_order(true, &goals, rng), true, "made-agent")));
    let step = |rng: &mut Rng| row(synthetic::agent_order(false, &[], rng), false, "made-agent-harmless");
    texts.extend((0..AGENT_HARMLESS_ROWS).map(|_| step(rng)));
    texts.extend((0..NOTE_ROWS).map(|_| row(synthetic::note(true, &goals, rng), true, "made-notes")));
    texts.extend((0..NOTE_HARMLESS_ROWS).map(|_| row(synthetic::note(false, &[], rng), false, "made-notes-harmless")));
    texts.extend((0..MAIL_ROWS).map(|_| row(synthetic::mail(rng), false, "made-mails")));
    let sentences = sentences(rows);
    texts.extend((0..TASK_ROWS).map(|_| row(task(&sentences, rng), false, "made-tasks")));
    let documents = (0..DOCUMENTS)
        .filter(|_| !carriers.is_empty())
        .map(|_| {
            let carrier = carriers[rng.below(carriers.len())];
            let breaks: Vec<usize> =
                carrier.match_indices(['.', '\n']).map(|(i, _)| i + 1).chain([carrier.len()]).collect();
            let at = breaks[rng.below(breaks.len())];
            let gap = rng.pick(&[" ", "\n", "\n\n"]);
            let planted = match rng.below(8) {
                0 | 1 => synthetic::hidden(true, rng),
                2 => synthetic::agent_order(true, &goals, rng),
                3 | 4 => synthetic::note(true, &goals, rng),
                _ => synthetic::planted(&goals, rng),
            };
            row(format!("{}{gap}{planted}{gap}{}", &carrier[..at], &carrier[at..]), true, "made-documents")
        })
        .collect();
    Made { texts, documents }
}

/// Rows for the toxicity model.
pub fn harm(seed: u64) -> Vec<Row> {
    let mut rng = Rng::new(seed ^ 0x4a);
    let of = |positive: bool, name: &str, rng: &mut Rng| -> Vec<Row> {
        (0..HARM_ROWS).map(|_| row(synthetic::harm(positive, rng), positive, name)).collect()
    };
    let mut rows = of(true, "made-harm", &mut rng);
    rows.extend(of(false, "made-harm-harmless", &mut rng));
    for positive in [true, false] {
        let of = |name: &str| if positive { name.to_owned() } else { format!("{name}-harmless") };
        rows.extend(
            (0..HARM_PROSE_ROWS)
                .map(|_| row(synthetic::harm_prose(positive, &mut rng), positive, &of("made-harm-prose"))),
        );
        rows.extend(
            (0..ADVERT_ROWS).map(|_| row(synthetic::advert(positive, &mut rng), positive, &of("made-adverts"))),
        );
    }
    for (positive, name) in [(true, "made-despair"), (false, "made-despair-harmless")] {
        rows.extend((0..DESPAIR_ROWS).map(|_| row(synthetic::despair(positive, &mut rng), positive, name)));
    }
    rows.extend((0..NUMBER_ROWS).map(|_| row(synthetic::numbers(&mut rng), false, "made-numbers")));
    rows
}

/// Source of the everyday rows that a user's own check learns from beside the user's rows.
pub const EVERYDAY: &str = "made-everyday";

/// Harmless texts of many kinds: a user labels what a check is to find and what is near it, seldom what has nothing to do with it.
pub fn everyday(embedding: &Embedding, seed: u64) -> Vec<Row> {
    let mut rng = Rng::new(seed ^ 0xe7);
    let vocabulary = Vocabulary::of(embedding);
    let sentences: Vec<String> = (0..EVERYDAY_ROWS / 4).map(|_| synthetic::harm_prose(false, &mut rng)).collect();
    let sentences: Vec<&str> = sentences.iter().map(String::as_str).filter(|s| s.len() < 140).collect();
    (0..EVERYDAY_ROWS)
        .map(|i| {
            let rng = &mut rng;
            let text = match i % 12 {
                0..=2 => task(&sentences, rng),
                3 | 4 => synthetic::harm_prose(false, rng),
                5 => synthetic::harmless(rng),
                6 => synthetic::mail(rng),
                7 => synthetic::agent_order(false, &[], rng),
                8 => synthetic::note(false, &[], rng),
                9 => synthetic::code_text(rng),
                10 => list(&vocabulary, rng),
                _ => synthetic::advert(false, rng),
            };
            row(text, false, EVERYDAY)
        })
        .collect()
}

/// Requests with a made suffix, to weigh the detector of suffixes.
pub fn suffixed(rows: &[Row], embedding: &Embedding, sampler: &TokenSampler, rng: &mut Rng) -> Vec<Row> {
    let goals = goals(rows);
    (0..SUFFIX_ROWS)
        .filter(|_| !goals.is_empty())
        .map(|_| {
            let goal = goals[rng.below(goals.len())];
            row(format!("{goal} {}", synthetic::suffix(embedding, sampler, rng)), true, "made-suffix")
        })
        .collect()
}
