//! One scan over one piece of text: what it has found so far, and in which order it looks.

use super::{
    Candidate, Engine, Hit,
    score::{promised, sigmoid},
    tail::Tail,
};
use crate::{
    Kind, ScanOptions,
    rule::{Finder, WordSet},
    validate::Check,
};

/// Room for a candidate's letters and digits without its separators.
pub(crate) const COMPACT_MAX: usize = 64;

/// Recognisers there are.
const FINDERS: usize = Finder::Bearer as usize + 1;

/// One scan over one piece of text.
pub(crate) struct Pass<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) bytes: &'a [u8],
    pub(crate) text: &'a str,
    pub(crate) options: &'a ScanOptions,
    /// Every word that counts, ordered by end.
    pub(crate) hits: Vec<Hit>,
    /// Words in the field's name.
    pub(crate) field_words: WordSet,
    pub(crate) field_secret: bool,
    skip: Vec<bool>,
    /// The rule of each recogniser, if it applies, by [`Finder`] as a number.
    finders: [Option<u16>; FINDERS],
}

impl<'a> Pass<'a> {
    pub(crate) fn new(engine: &'a Engine, text: &'a str, options: &'a ScanOptions) -> Self {
        let bytes = text.as_bytes();
        let mut hits = Vec::with_capacity(bytes.len() / 48 + 16);
        let mut field_words = WordSet::default();
        let mut field_secret = false;
        if let Some(field) = &options.field {
            engine.words.find(field.as_bytes(), &mut hits);
            for hit in hits.drain(..) {
                field_secret |= engine.words.uses[usize::from(hit.word)].secret && hit.initial;
                if hit.whole {
                    field_words.insert(hit.word);
                }
            }
        }
        let skip = if options.disabled.is_empty() {
            Vec::new()
        } else {
            let off = |name: &String| options.disabled.contains(name);
            engine.rules.iter().map(|rule| off(&rule.id) || off(&rule.label)).collect()
        };
        let mut pass =
            Self { engine, bytes, text, options, hits, field_words, field_secret, skip, finders: [None; FINDERS] };
        for (finder, rule) in engine.finders.iter().rev() {
            pass.finders[*finder as usize] = pass.applies(*rule).then_some(*rule);
        }
        pass
    }

    /// Runs every pass; candidates come in no order.
    pub(crate) fn run(&mut self, out: &mut Vec<Candidate>) {
        let mut hits = std::mem::take(&mut self.hits);
        self.engine.words.find(self.bytes, &mut hits);
        self.hits = hits;
        if self.options.kinds.contains(Kind::Pii) {
            self.numbers(out);
        }
        self.anchors(out);
    }

    /// True if the rule applies in this scan.
    pub(crate) fn applies(&self, rule: u16) -> bool {
        self.options.kinds.contains(self.engine.rules[usize::from(rule)].kind)
            && !self.skip.get(usize::from(rule)).copied().unwrap_or(false)
    }

    /// The rule of a recogniser, if it applies.
    pub(crate) fn finder(&self, finder: Finder) -> Option<u16> {
        self.finders[finder as usize]
    }

    /// Checks, scores and keeps a candidate of a rule. `extra` is added to the logits.
    pub(crate) fn consider(
        &self,
        rule_index: u16,
        start: usize,
        end: usize,
        bare: bool,
        extra: f32,
        out: &mut Vec<Candidate>,
    ) {
        let mut compact = [0u8; COMPACT_MAX];
        let mut n = 0;
        if self.engine.rules[usize::from(rule_index)].validator.is_some() {
            for b in self.bytes[start..end].iter().filter(|b| b.is_ascii_alphanumeric()).take(COMPACT_MAX) {
                compact[n] = b.to_ascii_uppercase();
                n += 1;
            }
        }
        self.consider_compact(rule_index, start, end, bare, extra, &compact[..n], out);
    }

    /// The same with the candidate's letters, in upper case, and digits at hand.
    #[expect(clippy::too_many_arguments, reason = "what a candidate is, written out")]
    pub(crate) fn consider_compact(
        &self,
        rule_index: u16,
        start: usize,
        end: usize,
        bare: bool,
        extra: f32,
        compact: &[u8],
        out: &mut Vec<Candidate>,
    ) {
        if !self.applies(rule_index) {
            return;
        }
        let rule = &self.engine.rules[usize::from(rule_index)];
        let mut logits = if bare { rule.prior_bare } else { rule.prior } + extra;
        if let Some(validator) = rule.validator {
            match validator.check(&self.bytes[start..end], compact) {
                Check::Fail if rule.on_fail == crate::rule::OnFail::Drop => return,
                Check::Fail => logits -= 1.0,
                Check::Unknown => {}
                Check::Weak => logits -= 1.5,
                Check::Pass => {}
            }
        }
        let context = self.context(rule, start, end);
        if rule.needs_context && context.for_it == 0.0 {
            return;
        }
        logits += context.logits();
        self.keep(rule_index, start, end, sigmoid(logits), out);
    }

    /// Keeps a scored candidate unless it is hopeless.
    pub(crate) fn keep(&self, rule: u16, start: usize, end: usize, score: f32, out: &mut Vec<Candidate>) {
        self.keep_with_tail(rule, start, end, score, None, out);
    }

    /// The same for a match that may go on: `end` is moved to where it stops in the text at hand.
    pub(crate) fn keep_with_tail(
        &self,
        rule: u16,
        start: usize,
        end: usize,
        score: f32,
        tail: Option<Tail>,
        out: &mut Vec<Candidate>,
    ) {
        let spec = &self.engine.rules[usize::from(rule)];
        if score < 0.05 || promised(spec.kind, score) < self.options.min_score {
            return;
        }
        let rank = match spec.kind {
            Kind::Pii => 1,
            Kind::Secret if spec.find == Some(Finder::Generic) => 0,
            Kind::Secret => 2,
        };
        let rank = if tail == Some(Tail::KeyBlock) { 9 } else { rank };
        let decided = end;
        let (end, open) = match tail {
            None => (end, false),
            Some(tail) => tail.end(self.bytes, start, end),
        };
        out.push(Candidate { start, end, rule, score, rank, tail, decided, open });
    }
}
