//! From what the model says of each word to names and places in the text.

use casemate_finding::Span;

use crate::people::people;
use crate::places::places;
use crate::token::Piece;
use crate::weights::LABELS;

/// What a name is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Label {
    /// A person.
    Person,
    /// A street, city or address.
    Location,
}

impl Label {
    /// The name in findings, as Presidio has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Person => "PERSON",
            Self::Location => "LOCATION",
        }
    }
}

/// A name in a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Entity {
    /// What it is of.
    pub label: Label,
    /// Where it is, in bytes of the text.
    pub span: Span,
    /// Probability that it is one, 0 to 1: what the model believes, by how often it was right on the development data.
    pub score: f32,
}

/// How often people of so much belief were people, and places places, on the development split of the evaluation set
/// (`bench/detect_ner.md`): pairs of belief and probability, straight lines between. What is decided to be a name is one
/// far more often than the belief in its words says.
const PERSON_WORTH: &[(f32, f32)] = &[(0.2, 0.6), (0.45, 0.67), (0.75, 0.84), (1.0, 0.93)];
const LOCATION_WORTH: &[(f32, f32)] = &[(0.5, 0.87), (0.9, 0.87), (1.0, 0.96)];

/// The probability that belongs to the mean belief of a name's words.
fn worth(label: Label, belief: f32) -> f32 {
    let known = match label {
        Label::Person => PERSON_WORTH,
        Label::Location => LOCATION_WORTH,
    };
    let line = known.windows(2).find(|w| belief <= w[1].0).or(known.windows(2).last());
    let Some([(x0, y0), (x1, y1)]) = line else { return belief };
    let share = ((belief - x0) / (x1 - x0)).clamp(0.0, 1.0);
    y0 + share * (y1 - y0)
}

/// Groups of labels that are told apart.
pub(crate) const GROUPS: usize = 9;
const GIVEN: usize = 1;
const SURNAME: usize = 2;
const STREET: usize = 3;
const CITY: usize = 4;
const STATE: usize = 5;
/// Building numbers and units: parts of an address beside a street or city, noise elsewhere.
const HOUSE: usize = 6;
const CODE: usize = 7;
/// The numeric labels (phone, tax id, account and so on): noise beside validated rules.
const OTHER: usize = 8;

/// The group of each label of the model, in its order (`id2label` of its configuration): begin and inside of a label
/// are one here.
static GROUP_OF: [usize; LABELS] = {
    let pairs = [
        GIVEN, SURNAME, OTHER, OTHER, OTHER, OTHER, OTHER, OTHER, OTHER, OTHER, OTHER, HOUSE, STREET, HOUSE, CITY,
        STATE, CODE,
    ];
    let mut groups = [0; LABELS];
    let mut label = 1;
    while label < LABELS {
        groups[label] = pairs[(label - 1) / 2];
        label += 1;
    }
    groups
};

/// Probabilities of the groups for one piece or word.
pub(crate) type Belief = [f32; GROUPS];

/// The model's logits as probabilities of groups.
pub(crate) fn belief(logits: &[f32; LABELS]) -> Belief {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut out = [0.0; GROUPS];
    for (logit, group) in logits.iter().zip(GROUP_OF) {
        out[group] += (logit - top).exp();
    }
    let sum: f32 = out.iter().sum();
    out.map(|p| p / sum)
}

/// A word as the model saw it, and as it is written, which the model does not see: it reads all text in small letters.
pub(crate) struct Word<'t> {
    pub(crate) text: &'t str,
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Split into several pieces: not one of the common words.
    pub(crate) is_rare: bool,
    belief: Belief,
}

impl Word<'_> {
    /// Probability of a part of a person's name.
    pub(crate) fn person(&self) -> f32 {
        self.belief[GIVEN] + self.belief[SURNAME]
    }

    /// True if it is rather a family name than a given name.
    pub(crate) fn is_surname(&self) -> bool {
        self.belief[SURNAME] > self.belief[GIVEN]
    }

    /// Probability of any part of an address.
    pub(crate) fn place(&self) -> f32 {
        self.belief[STREET..=CODE].iter().sum()
    }

    /// Probability of a street, city or state.
    pub(crate) fn named_place(&self) -> f32 {
        self.belief[STREET..=STATE].iter().sum()
    }

    pub(crate) fn has_letter(&self) -> bool {
        self.text.chars().any(char::is_alphabetic)
    }

    pub(crate) fn has_digit(&self) -> bool {
        self.text.bytes().any(|b| b.is_ascii_digit())
    }

    pub(crate) fn is_capital(&self) -> bool {
        self.text.chars().find(|c| c.is_alphabetic()).is_some_and(|c| !c.is_lowercase())
    }

    pub(crate) fn is_one_of(&self, sorted: &[&str]) -> bool {
        self.text.len() <= 24 && sorted.binary_search(&self.text.to_lowercase().as_str()).is_ok()
    }
}

/// Names and places in a text, in order, from the belief of each piece (`None` where the model did not look).
pub(crate) fn entities(text: &str, pieces: &[Piece], beliefs: &[Option<Belief>]) -> Vec<Entity> {
    let words = words(text, pieces, beliefs);
    let places = places(text, &words);
    let mut out = people(text, &words);
    out.retain(|p| !places.iter().any(|l| l.span.overlaps(p.span) && l.score >= p.score));
    let people = out.len();
    out.extend(places);
    let (people, places) = out.split_at(people);
    let mut all: Vec<Entity> = people.to_vec();
    all.extend(places.iter().filter(|l| !people.iter().any(|p| p.span.overlaps(l.span))));
    all.sort_by_key(|e| e.span);
    all.iter_mut().for_each(|e| e.score = worth(e.label, e.score));
    all
}

/// Words with the mean belief of their pieces.
fn words<'t>(text: &'t str, pieces: &[Piece], beliefs: &[Option<Belief>]) -> Vec<Word<'t>> {
    let mut out = Vec::new();
    let mut at = 0;
    for word in pieces.chunk_by(|a, b| a.word == b.word) {
        let of = &beliefs[at..at + word.len()];
        at += word.len();
        let (Some(first), Some(last)) = (word.first(), word.last()) else { continue };
        let mut belief = [0.0; GROUPS];
        for known in of.iter().flatten() {
            for (sum, p) in belief.iter_mut().zip(known) {
                *sum += p / word.len() as f32;
            }
        }
        let Some(written) = text.get(first.start..last.end) else { continue };
        out.push(Word { text: written, start: first.start, end: last.end, is_rare: word.len() > 1, belief });
    }
    out
}

#[cfg(test)]
pub(crate) fn word(text: &str, part: &'static str, person: f32, place: f32) -> Word<'static> {
    let start = text.find(part).expect("there");
    let mut belief = [0.0; GROUPS];
    belief[0] = 1.0 - person - place;
    belief[SURNAME] = person;
    belief[CITY] = place;
    Word { text: part, start, end: start + part.len(), is_rare: false, belief }
}

#[cfg(test)]
mod tests {
    use super::{CITY, CODE, GIVEN, GROUP_OF, GROUPS, HOUSE, LABELS, Label, OTHER, STREET, SURNAME, belief, worth};

    #[test]
    fn what_is_decided_passes_the_usual_threshold() {
        for label in [Label::Person, Label::Location] {
            let rising: Vec<f32> = (0..=10).map(|n| worth(label, n as f32 / 10.0)).collect();
            assert!(rising.is_sorted() && rising[0] > 0.5 && rising[10] < 1.0, "{rising:?}");
        }
    }

    #[test]
    fn labels_fall_into_their_groups() {
        for (label, group) in [(0, 0), (1, GIVEN), (4, SURNAME), (5, OTHER), (22, OTHER), (23, HOUSE), (25, STREET)] {
            assert_eq!(GROUP_OF[label], group, "{label}");
        }
        assert_eq!((GROUP_OF[28], GROUP_OF[30], GROUP_OF[34]), (HOUSE, CITY, CODE));
        let mut logits = [0.0; LABELS];
        logits[1] = 50.0;
        let sure = belief(&logits);
        assert!(sure[GIVEN] > 0.999 && (sure.iter().sum::<f32>() - 1.0).abs() < 1e-5 && sure.len() == GROUPS);
    }
}
