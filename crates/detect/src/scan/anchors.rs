//! The pass over anchors: tokens, regexes, assigned values, URIs, keys: whatever a literal announces.

use super::{Candidate, Hit, Pass, compile::build_regex, score::sigmoid, tail::Tail};
use crate::{
    Kind,
    bytes::{ALNUM, ByteSet, WORD, word_ends},
    find,
    limits::{LOOK_AHEAD, MATCH_MAX, REQUIRED_BEFORE},
    rule::Finder,
    secret::{self, Assigned, Name},
    validate::Check,
};

/// Base64url, where a long token goes on.
const TOKEN_TAIL: ByteSet = ByteSet::of(b"_-.").range(b'a', b'z').range(b'A', b'Z').range(b'0', b'9');

/// Highest score of what needs another to be of use, and stands alone.
const ALONE_SCORE_MAX: f32 = 0.8;
/// Score of what opens a provider's sandbox: shown, neither replaced nor a reason to block.
const SANDBOX_SCORE: f32 = 0.4;
/// Score of what looks typed, not made, where a service's key belongs: replaced, never a reason to block.
const FILLER_SCORE: f32 = 0.55;

impl Pass<'_> {
    /// Follows every anchor up.
    pub(crate) fn anchors(&self, out: &mut Vec<Candidate>) {
        let mut last: Option<(usize, Option<Assigned>)> = None;
        for (i, hit) in self.hits.iter().enumerate() {
            let used = &self.engine.words.uses[usize::from(hit.word)];
            if !used.active {
                continue;
            }
            let (start, end) = (hit.start as usize, hit.end as usize);
            for (rule, pattern) in &used.tokens {
                self.token_at(*rule, usize::from(*pattern), start, out);
            }
            let repeated = self.repeated(i);
            for rule in used.regexes.iter().filter(|_| !repeated) {
                self.regex_near(*rule, start, end, out);
            }
            for finder in &used.finders {
                self.anchored(*finder, start, end, out);
            }
            if (used.secret || !used.services.is_empty()) && !repeated && self.options.kinds.contains(Kind::Secret) {
                // All words of one name lead to one value.
                let assigned = match last {
                    Some((name_end, found)) if end <= name_end && found.is_some_and(|a| start >= a.name.0) => found,
                    _ => {
                        let found = secret::value_after(self.bytes, start, end);
                        last = Some((found.map_or(end, |a| a.name.1), found));
                        found
                    }
                };
                if let Some(assigned) = assigned {
                    self.assigned(hit, self.within_longer_service(i), &assigned, out);
                }
            }
        }
        if self.field_secret {
            self.whole_field(out);
        }
    }

    fn token_at(&self, rule_index: u16, pattern: usize, start: usize, out: &mut Vec<Candidate>) {
        let rule = &self.engine.rules[usize::from(rule_index)];
        if !self.applies(rule_index) {
            return;
        }
        let bytes = self.bytes;
        let pattern = &rule.matcher.tokens[pattern];
        // `\nghp_…` in JSON: an escape, not a letter before.
        let begins = pattern.prefix().first().is_some_and(|b| ALNUM.has(*b));
        if begins && start.checked_sub(1).is_some_and(|i| ALNUM.has(bytes[i])) && !find::is_escape(bytes, start) {
            return;
        }
        let Some(end) = pattern.match_at(bytes, start) else { return };
        self.secret_value(rule_index, start, end, 0.0, out);
    }

    fn regex_near(&self, rule_index: u16, start: usize, end: usize, out: &mut Vec<Candidate>) {
        let rule = &self.engine.rules[usize::from(rule_index)];
        let (Some((source, compiled)), true) = (&rule.matcher.regex, self.applies(rule_index)) else { return };
        let Some(regex) = compiled.get_or_init(|| build_regex(source).ok()) else { return };
        let from = start.saturating_sub(rule.matcher.window[0]);
        let to = self.bytes.len().min(end + rule.matcher.window[1]);
        let window = &self.bytes[..to];
        let mut at = from;
        // A keyword's window holds few matches; more than these are a repetition.
        for _ in 0..4 {
            let Some(captures) = regex.captures_at(window, at) else { return };
            let Some(found) = captures.iter().skip(1).flatten().next().or_else(|| captures.get(0)) else { return };
            let whole = captures.get(0).map_or(found.end(), |m| m.end());
            if found.start() < found.end()
                && self.text.is_char_boundary(found.start())
                && self.text.is_char_boundary(found.end())
            {
                if rule.kind == Kind::Secret {
                    self.secret_value(rule_index, found.start(), found.end(), 0.0, out);
                } else {
                    self.consider(rule_index, found.start(), found.end(), false, 0.0, out);
                }
            }
            if whole <= at {
                return;
            }
            at = whole;
        }
    }

    /// Scores a value that a secret rule matched.
    fn secret_value(&self, rule_index: u16, start: usize, end: usize, extra: f32, out: &mut Vec<Candidate>) {
        let rule = &self.engine.rules[usize::from(rule_index)];
        let value = &self.bytes[start..end];
        let mut logits = rule.prior + extra;
        let mut proven = false;
        if let Some(validator) = rule.validator {
            match validator.check(value, b"") {
                Check::Fail if rule.on_fail == crate::rule::OnFail::Drop => return,
                Check::Fail => logits -= 0.8,
                Check::Weak => logits -= 0.5,
                Check::Pass => {
                    proven = rule.on_fail == crate::rule::OnFail::Lower;
                    logits += 1.5;
                }
                Check::Unknown => {}
            }
        }
        // What carries its own check digits is no filler, whatever it looks like.
        if (!proven && secret::is_placeholder(value)) || (rule.rarity > 0.0 && secret::rarity(value) < rule.rarity) {
            return;
        }
        if !rule.context.is_empty() {
            let context = self.context(rule, start, end);
            if rule.needs_context && context.for_it == 0.0 {
                return;
            }
            logits += context.for_it * 3.0;
        }
        logits -= self.path_evidence();
        let mut score = sigmoid(logits);
        if secret::is_sandbox(value) {
            score = score.min(SANDBOX_SCORE);
        }
        if rule.requires.is_some_and(|other| !self.is_near(other, start, end)) {
            score = score.min(ALONE_SCORE_MAX);
        }
        let tail = (end - start > MATCH_MAX / 2).then_some(Tail::Run(TOKEN_TAIL));
        self.keep_with_tail(rule_index, start, end, score, tail, out);
    }

    /// True if the regex of this rule matches near `start..end`.
    fn is_near(&self, rule: u16, start: usize, end: usize) -> bool {
        let Some((source, compiled)) = &self.engine.rules[usize::from(rule)].matcher.regex else { return false };
        let Some(regex) = compiled.get_or_init(|| build_regex(source).ok()) else { return false };
        let near = start.saturating_sub(REQUIRED_BEFORE)..self.bytes.len().min(end + LOOK_AHEAD);
        regex.is_match(&self.bytes[near])
    }

    /// A value assigned to a name with a service's or a secret's word in it.
    fn assigned(&self, hit: &Hit, partial: bool, assigned: &Assigned, out: &mut Vec<Candidate>) {
        let used = &self.engine.words.uses[usize::from(hit.word)];
        let (start, end) = assigned.value;
        let value = &self.bytes[start..end];
        for &rule_index in &used.services {
            if partial || assigned.call {
                break;
            }
            let rule = &self.engine.rules[usize::from(rule_index)];
            if !rule.matcher.values.iter().any(|p| p.matches_all(value)) {
                continue;
            }
            if secret::names_no_secret(self.bytes, assigned, false) {
                break;
            }
            if (hit.whole || hit.end - hit.start >= 4) && assigned.fillers <= 5 {
                let keyed = assigned.fillers > 0 || self.secret_word_in(assigned.name);
                let usual = secret::usual_length(value);
                let exact = rule.spec.exact;
                if !exact && self.cut_short(start, end) {
                    continue;
                }
                let extra = if keyed {
                    2.0
                } else if usual || exact {
                    0.2
                } else {
                    -0.3
                } - if assigned.operator { 0.0 } else { 0.5 }
                    + if exact { 0.0 } else { secret::shape_evidence(value) };
                let alternating = secret::is_alternating(value);
                let typed = alternating || secret::is_sequence(value);
                let plain = rule.rarity > 0.0 && secret::rarity(value) < rule.rarity;
                if keyed && alternating && secret::is_stub(value) || secret::is_one_case(value) {
                    self.keep(rule_index, start, end, SANDBOX_SCORE, out);
                } else if keyed
                    && (typed && (usual || value.len() >= 24)
                        || plain && usual && value.iter().any(u8::is_ascii_digit) && !secret::is_placeholder(value))
                {
                    // A sequence where the service's key belongs is a filler, or a key that a test made up: shown and
                    // replaced, never a reason to block.
                    self.keep(rule_index, start, end, FILLER_SCORE - 0.1 * self.path_evidence(), out);
                } else if !(keyed && typed) {
                    self.secret_value(rule_index, start, end, extra, out);
                }
            }
        }
        // `apikey` at the end of `acmeapikey` counts, `key` at the beginning of `keyframe` does not.
        let bytes = self.bytes;
        let len = hit.end - hit.start;
        let ends = hit.whole || word_ends(bytes, hit.end as usize);
        let named = hit.whole
            || (hit.initial && len >= 5)
            || (ends && assigned.operator && (hit.end as usize) == assigned.name.1);
        if used.secret
            && named
            && let Some(rule) = self.finder(Finder::Generic)
            && let Some(logits) =
                secret::judge(self.bytes, assigned, name_kind(&self.bytes[hit.start as usize..hit.end as usize]))
        {
            let misfit = if self.misfit(assigned.name, value) { 3.5 } else { 0.0 };
            let prior = self.engine.rules[usize::from(rule)].prior - misfit;
            self.keep(rule, start, end, sigmoid(logits + prior - self.path_evidence()), out);
        }
    }

    /// True if the same word is just before: the first of a row is enough, and a row of a hundred thousand costs little.
    fn repeated(&self, index: usize) -> bool {
        let hit = &self.hits[index];
        self.hits[..index]
            .iter()
            .rev()
            .take_while(|h| h.end + 10 >= hit.end)
            .any(|h| h.word == hit.word && h.end < hit.end)
    }

    /// True if a longer service name holds this one: `circle` in `circleci`.
    fn within_longer_service(&self, index: usize) -> bool {
        let hit = &self.hits[index];
        let service = |h: &Hit| !self.engine.words.uses[usize::from(h.word)].services.is_empty();
        let same_end = self.hits[..index].iter().rev().take_while(|h| h.end == hit.end);
        let later = self.hits[index + 1..].iter().take_while(|h| h.end <= hit.end + 24);
        same_end.chain(later).any(|h| h.start <= hit.start && h.end - h.start > hit.end - hit.start && service(h))
    }

    /// True if the name has a service's word whose keys have a form that `value` has not.
    fn misfit(&self, (start, end): (usize, usize), value: &[u8]) -> bool {
        let first = self.hits.partition_point(|h| (h.end as usize) <= start);
        let mut named = self.hits[first..]
            .iter()
            .take_while(|h| h.end as usize <= end)
            .filter(|h| h.start as usize >= start)
            .flat_map(|h| &self.engine.words.uses[usize::from(h.word)].services)
            .map(|rule| &self.engine.rules[usize::from(*rule)])
            .filter(|rule| rule.spec.exact)
            .peekable();
        named.peek().is_some() && !named.any(|rule| rule.matcher.values.iter().any(|p| p.matches_all(value)))
    }

    /// True if `start..end` has the head of a known token and is shorter than any of them.
    fn cut_short(&self, start: usize, end: usize) -> bool {
        let first = self.hits.partition_point(|h| (h.end as usize) <= start);
        let heads = self.hits[first..].iter().take_while(|h| (h.end as usize) <= start + 24);
        let mut known = false;
        for head in heads.filter(|h| h.start as usize == start && h.end - h.start >= 3) {
            for (rule, pattern) in &self.engine.words.uses[usize::from(head.word)].tokens {
                let pattern = &self.engine.rules[usize::from(*rule)].matcher.tokens[usize::from(*pattern)];
                if !matches!(pattern.prefix().last(), Some(b'_' | b'-'))
                    || !self.bytes[start..].starts_with(pattern.prefix())
                {
                    continue;
                }
                if pattern.length_min() <= end - start {
                    return false;
                }
                known = true;
            }
        }
        known
    }

    /// True if a word such as `key` or `token` is in the name.
    fn secret_word_in(&self, (start, end): (usize, usize)) -> bool {
        let first = self.hits.partition_point(|h| (h.end as usize) <= start);
        self.hits[first..]
            .iter()
            .take_while(|h| (h.end as usize) <= end)
            .any(|h| h.start as usize >= start && self.engine.words.uses[usize::from(h.word)].secret)
    }

    /// The text is the value of a field whose name announces a secret.
    fn whole_field(&self, out: &mut Vec<Candidate>) {
        let trimmed = self.text.trim();
        let start = self.text.len() - self.text.trim_start().len();
        let assigned = Assigned {
            name: (0, 0),
            value: (start, start + trimmed.len()),
            quoted: true,
            operator: true,
            call: false,
            fillers: 0,
        };
        if let Some(rule) = self.finder(Finder::Generic)
            && trimmed.len() <= 512
            && let Some(logits) = secret::judge(self.bytes, &assigned, Name::Password)
        {
            let prior = self.engine.rules[usize::from(rule)].prior;
            self.keep(rule, start, start + trimmed.len(), sigmoid(logits + prior), out);
        }
    }

    fn anchored(&self, finder: Finder, start: usize, end: usize, out: &mut Vec<Candidate>) {
        let Some(rule) = self.finder(finder) else { return };
        match finder {
            Finder::Url => {
                if let Some(span) = find::url(self.text, start) {
                    self.consider(rule, span.start, span.end, false, 0.0, out);
                }
            }
            Finder::UrlPassword => {
                if let Some((span, plain)) = secret::url_password(self.bytes, start) {
                    if plain {
                        self.keep(rule, span.start, span.end, 0.55, out);
                    } else {
                        self.secret_value(rule, span.start, span.end, 0.0, out);
                    }
                }
            }
            Finder::PrivateKey => {
                if let Some(span) = secret::key_block(self.bytes, start) {
                    let score = sigmoid(self.engine.rules[usize::from(rule)].prior - self.path_evidence());
                    self.keep_with_tail(rule, span.start, span.end, score, Some(Tail::KeyBlock), out);
                }
            }
            Finder::Jwt => {
                if let Some(span) = secret::web_token(self.bytes, start, MATCH_MAX / 3) {
                    self.secret_value(rule, span.start, span.end, 0.0, out);
                }
            }
            Finder::Basic | Finder::Bearer => {
                let before = &self.bytes[start.saturating_sub(24)..start].to_ascii_lowercase();
                let header =
                    before.windows(13).any(|w| w == b"authorization") || before.windows(4).any(|w| w == b"auth");
                let set = if finder == Finder::Basic { ByteSet::of(b"+/=") } else { ByteSet::of(b"._~+/=-") };
                let set = set.range(b'a', b'z').range(b'A', b'Z').range(b'0', b'9');
                let stop = set.run_end(self.bytes, end, 1_000);
                let value = &self.bytes[end..stop];
                let free = start.checked_sub(1).is_none_or(|i| !WORD.has(self.bytes[i]));
                let min = if finder == Finder::Basic { 12 } else { 16 };
                let rare = secret::rarity(value);
                if free && value.len() >= min && (header || rare > 4.6) && rare > 3.6 {
                    self.secret_value(rule, end, stop, if header { 1.0 } else { -0.5 }, out);
                }
            }
            _ => {}
        }
    }

    /// What the file's path says against a secret, in logits.
    fn path_evidence(&self) -> f32 {
        let Some(path) = &self.options.path else { return 0.0 };
        let lower = path.to_ascii_lowercase();
        let fixture =
            ["test", "fixture", "example", "sample", "mock", "testdata", "spec/"].iter().any(|w| lower.contains(w));
        if fixture { 1.0 } else { 0.0 }
    }
}

fn name_kind(word: &[u8]) -> Name {
    let lower = word.to_ascii_lowercase();
    let password = [&b"pass"[..], b"pwd", b"pw", b"passwort", b"contrase", b"senha", b"mot de passe"]
        .iter()
        .any(|p| lower.starts_with(p));
    if password { Name::Password } else { Name::Key }
}
