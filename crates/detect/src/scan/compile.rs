//! Rules as written → the engine's tables.

use std::{
    collections::{HashMap, HashSet},
    hash::BuildHasherDefault,
    sync::{Arc, OnceLock},
};

use casemate_finding::Severity;
use regex::bytes::RegexBuilder;

use super::{
    Engine,
    masks::{Accept, MaskTrie},
    score::logit,
    words::{Fnv, WordTable},
};
use crate::{
    Kind, Rule, RuleError, RuleSet,
    limits::RUN_MAX,
    rule::{Family, Finder, Matcher, Pattern, RuleSpec, WordSet},
    validate,
};

/// Most bytes that one compiled regex may take.
const REGEX_BYTES_MAX: usize = 1 << 18;
/// Bytes searched before and after a keyword unless the rule says otherwise.
const WINDOW: [usize; 2] = [64, 256];
/// Widest window.
const WINDOW_MAX: usize = 384;

impl Engine {
    /// Compiles a set of rules.
    ///
    /// # Errors
    /// If a rule has no way to match, a pattern or regex cannot be read or costs more than allowed, or a validator is
    /// unknown. The error names the rule.
    pub fn new(set: &RuleSet) -> Result<Self, RuleError> {
        Self::compile(set.clone())
    }

    /// The same for a set that is not needed any more.
    pub(super) fn compile(set: RuleSet) -> Result<Self, RuleError> {
        let mut words = WordTable::default();
        let mut masks = MaskTrie::default();
        let mut runs = vec![Vec::new(); RUN_MAX + 1];
        let mut finders = Vec::new();
        let mut rules = Vec::with_capacity(set.rules.len());
        for word in &set.against {
            for form in forms(word) {
                let id = words.id("against", &form)?;
                words.uses[usize::from(id)].against = true;
            }
        }
        for word in &set.secret_words {
            for form in forms(word) {
                let id = words.id("secret_words", &form)?;
                let used = &mut words.uses[usize::from(id)];
                (used.secret, used.active, used.whole, used.initial) = (true, true, false, false);
            }
        }
        let mut seen = HashSet::with_capacity_and_hasher(set.rules.len(), BuildHasherDefault::<Fnv>::default());
        if let Some(twice) = set.rules.iter().find(|spec| !seen.insert(spec.id.as_str())) {
            return Err(RuleError::Duplicate { id: twice.id.clone() });
        }
        drop(seen);
        let mut values = ValueCache::default();
        let required = required(&set.rules)?;
        for (index, spec) in set.rules.into_iter().enumerate() {
            let index = index as u16;
            let parts = compile_rule(&spec, index, &mut words, &mut values)?;
            let shape = |pattern: &str, reason: String| RuleError::Pattern {
                id: spec.id.clone(),
                pattern: pattern.into(),
                reason,
            };
            for (list, bare) in [(&spec.masks, false), (&spec.bare, true)] {
                for mask in list {
                    masks.add(mask, Accept { rule: index, bare }).map_err(|reason| shape(mask, reason))?;
                }
            }
            for &len in &spec.runs {
                let bucket = runs.get_mut(len).ok_or_else(|| shape("runs", format!("longer than {RUN_MAX}")))?;
                bucket.push(index);
            }
            if let Some(finder) = spec.find {
                finders.push((finder, index));
                if finder == Finder::SeedPhrase {
                    // What follows these words is plain, and a stream would not wait for it.
                    for (id, used) in words.uses.iter_mut().enumerate() {
                        used.active |= parts.context.has(id as u16);
                    }
                }
                for anchor in anchors(finder) {
                    let id = words.id(&spec.id, anchor)?;
                    let used = &mut words.uses[usize::from(id)];
                    used.finders.push(finder);
                    (used.active, used.whole, used.initial) = (true, false, false);
                }
            }
            rules.push(Arc::new(parts.into_rule(spec, required.get(&index).copied())));
        }
        Ok(Self { rules, words: words.build()?, masks, runs, finders })
    }
}

/// For each rule that requires another, which one.
fn required(rules: &[RuleSpec]) -> Result<HashMap<u16, u16>, RuleError> {
    let mut required = HashMap::new();
    for (index, spec) in rules.iter().enumerate() {
        let Some(id) = &spec.requires else { continue };
        let other = rules.iter().position(|other| other.id == *id && other.regex.is_some());
        let other = other.ok_or_else(|| RuleError::Shape {
            id: spec.id.clone(),
            reason: format!("requires `{id}`, which is no rule with a regex"),
        })?;
        required.insert(index as u16, other as u16);
    }
    Ok(required)
}

/// Literals that start a recogniser.
fn anchors(finder: Finder) -> &'static [&'static str] {
    match finder {
        Finder::Url | Finder::UrlPassword => &["://"],
        Finder::PrivateKey => &["-----begin"],
        Finder::Jwt => &["eyj"],
        Finder::Basic => &["basic "],
        Finder::Bearer => &["bearer "],
        Finder::Age | Finder::Birthday | Finder::SeedPhrase => &[],
        Finder::Email | Finder::Ipv4 | Finder::Ipv6 | Finder::Mac | Finder::Phone | Finder::Iban | Finder::Generic => {
            &[]
        }
    }
}

/// A phrase as people and programmers write it: with spaces, underscores, hyphens, or run together.
fn forms(word: &str) -> Vec<String> {
    let lower = word.to_lowercase();
    let mut forms = vec![lower.clone()];
    if lower.contains(' ') {
        forms.extend([lower.replace(' ', "_"), lower.replace(' ', "-"), lower.replace(' ', "")]);
    }
    if !lower.is_ascii() {
        let upper = lower.to_uppercase();
        if upper != lower {
            // The automaton folds ASCII only; this form has the non-ASCII letters in upper case.
            forms.push(upper);
        }
    }
    forms
}

/// What a rule compiles to, besides the rule as written.
struct Parts {
    kind: Kind,
    matcher: Matcher,
    validator: Option<&'static validate::Validator>,
    context: WordSet,
    against: WordSet,
}

/// The family compiled last and its shapes of values: its rules, which share them, come one after the other.
type ValueCache = Option<(Arc<Family>, Arc<[Pattern]>)>;

fn compile_rule(
    spec: &RuleSpec,
    index: u16,
    words: &mut WordTable,
    values: &mut ValueCache,
) -> Result<Parts, RuleError> {
    let shape = |reason: &str| RuleError::Shape { id: spec.id.clone(), reason: reason.into() };
    let kind = match (spec.kind, spec.id.split_once('/')) {
        (Some(kind), _) => kind,
        (None, Some(("pii", _))) => Kind::Pii,
        (None, Some(("secret", _))) => Kind::Secret,
        _ => return Err(shape("the id begins with neither `pii/` nor `secret/`, and no `kind` is given")),
    };
    let written = !(spec.masks.is_empty() && spec.bare.is_empty() && spec.runs.is_empty());
    if !written && spec.find.is_none() && spec.tokens.is_empty() && spec.services.is_empty() && spec.regex.is_none() {
        return Err(shape("has no masks, runs, tokens, services, regex or recogniser"));
    }
    if spec.services.is_empty() != spec.values().is_empty() {
        return Err(shape("`services` and `values` go together"));
    }
    if spec.regex.is_some() && spec.keywords.is_empty() {
        return Err(shape("a regex needs keywords: it is searched around them only"));
    }
    if !(0.0..=1.0).contains(&spec.prior) {
        return Err(shape("`prior` is a probability"));
    }
    let validator = match &spec.validate {
        None => None,
        Some(name) => Some(
            validate::by_name(name).ok_or_else(|| RuleError::Validator { id: spec.id.clone(), name: name.clone() })?,
        ),
    };
    let matcher = compile_matcher(spec, index, words, values)?;
    let mut context = WordSet::default();
    let mut against = WordSet::default();
    for (list, set) in [(&spec.context, &mut context), (&spec.against, &mut against)] {
        for word in list {
            for form in forms(word) {
                set.insert(words.id(&spec.id, &form)?);
            }
        }
    }
    Ok(Parts { kind, matcher, validator, context, against })
}

impl Parts {
    fn into_rule(self, spec: RuleSpec, requires: Option<u16>) -> Rule {
        let label = if spec.label.is_empty() {
            spec.id.rsplit('/').next().unwrap_or_default().replace('-', "_").to_uppercase()
        } else {
            spec.label.clone()
        };
        let severity = spec.severity.unwrap_or(match self.kind {
            Kind::Pii => Severity::Medium,
            Kind::Secret => Severity::High,
        });
        Rule {
            id: spec.id.clone(),
            label,
            kind: self.kind,
            severity,
            find: spec.find,
            matcher: self.matcher,
            validator: self.validator,
            on_fail: spec.on_fail,
            prior: logit(spec.prior),
            prior_bare: logit(spec.prior_bare.unwrap_or(spec.prior)),
            context: self.context,
            against: self.against,
            needs_context: spec.needs_context,
            rarity: spec.rarity.unwrap_or(0.0),
            requires,
            spec,
        }
    }
}

fn compile_matcher(
    spec: &RuleSpec,
    index: u16,
    words: &mut WordTable,
    values: &mut ValueCache,
) -> Result<Matcher, RuleError> {
    let parse = |text: &String| {
        Pattern::parse(text).map_err(|reason| RuleError::Pattern { id: spec.id.clone(), pattern: text.clone(), reason })
    };
    let mut matcher = Matcher { window: spec.window.unwrap_or(WINDOW), ..Matcher::default() };
    for (i, text) in spec.tokens.iter().enumerate() {
        let pattern = parse(text)?;
        let prefix = String::from_utf8_lossy(pattern.prefix()).into_owned();
        let id = words.id(&spec.id, &prefix)?;
        let used = &mut words.uses[usize::from(id)];
        used.tokens.push((index, i as u16));
        (used.active, used.whole, used.initial) = (true, false, false);
        matcher.tokens.push(pattern);
    }
    matcher.values = match (spec.family(), &*values) {
        (Some(family), Some((known, shared))) if Arc::ptr_eq(family, known) => Arc::clone(shared),
        (family, _) => {
            let parsed: Arc<[Pattern]> = spec.values().iter().map(parse).collect::<Result<_, _>>()?;
            if let Some(family) = family {
                *values = Some((Arc::clone(family), Arc::clone(&parsed)));
            }
            parsed
        }
    };
    for service in &spec.services {
        for form in forms(service) {
            let id = words.id(&spec.id, &form)?;
            let used = &mut words.uses[usize::from(id)];
            used.services.push(index);
            (used.active, used.whole) = (true, false);
            used.initial &= form.len() < 5;
        }
    }
    if let Some(regex) = &spec.regex {
        if !spec.builtin {
            check_regex(spec, regex)?;
        }
        for keyword in &spec.keywords {
            let id = words.id(&spec.id, keyword)?;
            let used = &mut words.uses[usize::from(id)];
            used.regexes.push(index);
            (used.active, used.whole, used.initial) = (true, false, false);
        }
        matcher.regex = Some((regex.clone(), OnceLock::new()));
    }
    if matcher.window.iter().any(|w| *w > WINDOW_MAX) {
        return Err(RuleError::Shape { id: spec.id.clone(), reason: format!("window over {WINDOW_MAX} bytes") });
    }
    Ok(matcher)
}

/// Refuses a regex that is too large; one that parses is compiled when it is first needed.
fn check_regex(spec: &RuleSpec, regex: &str) -> Result<(), RuleError> {
    let refuse = |reason: String| RuleError::Regex { id: spec.id.clone(), reason };
    if regex.len() > 2_000 {
        return Err(refuse(format!("{} bytes long, limit 2000", regex.len())));
    }
    let built = build_regex(regex).map_err(|e| refuse(e.to_string()))?;
    drop(built);
    Ok(())
}

/// Compiles a rule's regex under the size limits.
pub(super) fn build_regex(regex: &str) -> Result<regex::bytes::Regex, regex::Error> {
    RegexBuilder::new(regex)
        .unicode(false)
        .size_limit(REGEX_BYTES_MAX)
        .dfa_size_limit(REGEX_BYTES_MAX)
        .nest_limit(32)
        .build()
}
