//! One list out of two tiers: what the rules found, and the model's names where no rule speaks.

use std::sync::{Arc, LazyLock};

use casemate_detect::{Engine, Kind, Match, Rule, RuleSet};
use casemate_finding::Span;

use crate::{Entity, Label};

/// The model's labels as rules, so that its finds can be redacted, anonymised and reported as any other. Nothing scans
/// with them: they only name.
const RULES: &str = r#"
[[rule]]
id = "pii/ner-person"
label = "PERSON"
name = "Name of a person, found by the NER tier"
runs = [1]

[[rule]]
id = "pii/ner-location"
label = "LOCATION"
name = "Street, city or address, found by the NER tier"
runs = [1]
"#;

static NAMED: LazyLock<[Arc<Rule>; 2]> = LazyLock::new(|| {
    let mut set = RuleSet::default();
    set.add_toml(RULES).expect("a constant, read in the tests");
    let engine = Engine::new(&set).expect("a constant, compiled in the tests");
    ["pii/ner-person", "pii/ner-location"].map(|id| Arc::clone(engine.rule(id).expect("is in the constant")))
});

impl Label {
    /// The rule that stands for this label in matches: `pii/ner-person` or `pii/ner-location`.
    pub fn rule(self) -> &'static Arc<Rule> {
        &NAMED[usize::from(self == Self::Location)]
    }
}

/// Matches of both tiers in order, no two overlapping. A rule's match stands, since it was validated; of an entity that
/// overlaps one, what lies outside stays if it still holds two letters. Entities below `min_score` are left out.
pub fn merge(text: &str, matches: Vec<Match>, entities: &[Entity], min_score: f32) -> Vec<Match> {
    let mut free = Vec::new();
    for entity in entities.iter().filter(|e| e.score >= min_score) {
        let (mut from, end) = (entity.span.start, entity.span.end);
        let taken = matches.iter().map(|m| m.span).filter(|s| s.overlaps(entity.span));
        for span in taken.chain([Span::new(end, end)]) {
            if let Some(part) = trimmed(text, from, span.start.min(end)) {
                free.push(as_match(entity, part));
            }
            from = from.max(span.end);
        }
    }
    let mut out = matches;
    out.extend(free);
    out.sort_by_key(|m| m.span);
    let mut last = 0;
    out.retain(|m| {
        let stands = m.span.start >= last;
        if stands {
            last = m.span.end;
        }
        stands
    });
    out
}

fn as_match(entity: &Entity, span: Span) -> Match {
    Match { rule: Arc::clone(entity.label.rule()), kind: Kind::Pii, span, score: entity.score }
}

/// The part without what is neither letter nor digit at its ends; none if it has fewer than two letters.
fn trimmed(text: &str, from: usize, to: usize) -> Option<Span> {
    let part = text.get(from..to)?;
    let start = from + (part.len() - part.trim_start_matches(|c: char| !c.is_alphanumeric()).len());
    let kept = part.trim_matches(|c: char| !c.is_alphanumeric());
    (kept.chars().filter(|c| c.is_alphabetic()).count() > 1).then(|| Span::new(start, start + kept.len()))
}

#[cfg(test)]
mod tests {
    use casemate_detect::{Engine, Kinds, OperatingPoint, ScanOptions, redact};
    use casemate_finding::Span;

    use super::merge;
    use crate::{Entity, Label};

    fn entity(text: &str, part: &str, label: Label) -> Entity {
        let at = text.find(part).expect("there");
        Entity { label, span: Span::new(at, at + part.len()), score: 0.9 }
    }

    fn merged(text: &str, entities: &[Entity]) -> String {
        let options = ScanOptions::new(Kinds::PII, OperatingPoint::Redact);
        redact(text, &merge(text, Engine::builtin().scan(text, &options), entities, 0.5))
    }

    #[test]
    fn rules_stand_and_names_fill_in() {
        let text = "Noor Lindqvist writes from noor@firma.de";
        let both = [entity(text, "Noor Lindqvist", Label::Person), entity(text, "noor@firma", Label::Person)];
        assert_eq!(merged(text, &both), "[REDACTED:PERSON] writes from [REDACTED:EMAIL_ADDRESS]");
    }

    #[test]
    fn an_entity_around_a_match_is_split() {
        let text = "Storgata noor@firma.de, Tromsø";
        let whole = [entity(text, text, Label::Location)];
        assert_eq!(merged(text, &whole), "[REDACTED:LOCATION] [REDACTED:EMAIL_ADDRESS], [REDACTED:LOCATION]");
    }

    #[test]
    fn low_scores_and_scraps_are_left_out() {
        let text = "A noor@firma.de";
        assert_eq!(merged(text, &[entity(text, "A noor", Label::Person)]), "A [REDACTED:EMAIL_ADDRESS]");
        let low = Entity { score: 0.4, ..entity("Noor", "Noor", Label::Person) };
        assert_eq!(merged("Noor", &[low]), "Noor");
    }
}
