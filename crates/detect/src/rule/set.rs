//! A set of rules: the built-in ones, a user's, or both.

use std::{collections::HashSet, hash::BuildHasherDefault};

use super::{
    RuleError, RuleSpec,
    spec::{Family, RuleFile},
};
use crate::scan::Fnv;

/// Most rules in one engine.
pub(crate) const RULES_MAX: usize = 4_000;
/// Largest rule file, in bytes.
pub(crate) const FILE_BYTES_MAX: usize = 1 << 20;

/// The files in `rules`, read by the build script.
const BUILTIN: &[&str] = &[
    include_str!(concat!(env!("OUT_DIR"), "/pii.json")),
    include_str!(concat!(env!("OUT_DIR"), "/secrets-tokens.json")),
    include_str!(concat!(env!("OUT_DIR"), "/secrets-services.json")),
    include_str!(concat!(env!("OUT_DIR"), "/secrets-generic.json")),
];

/// Rules as written, not yet compiled.
#[derive(Clone, Debug, Default)]
pub struct RuleSet {
    pub(crate) rules: Vec<RuleSpec>,
    pub(crate) against: Vec<String>,
    pub(crate) secret_words: Vec<String>,
}

impl RuleSet {
    /// The rules that ship with Casemate.
    ///
    /// # Errors
    /// None in a released build: the built-in files are compiled by this crate's tests.
    pub fn builtin() -> Result<Self, RuleError> {
        let mut set = Self::default();
        for text in BUILTIN {
            let file = serde_json::from_str(text).map_err(|e| RuleError::Builtin { reason: e.to_string() })?;
            set.add(file)?;
        }
        set.rules.iter_mut().for_each(|rule| rule.builtin = true);
        Ok(set)
    }

    /// Adds the rules of a file's text. A rule with a known id replaces that rule.
    ///
    /// # Errors
    /// If the text is no rule file, is too large, uses an id twice or holds too many rules. What a rule's patterns and
    /// regexes cost is judged by [`crate::Engine::new`].
    pub fn add_toml(&mut self, text: &str) -> Result<(), RuleError> {
        if text.len() > FILE_BYTES_MAX {
            return Err(RuleError::FileTooLarge { bytes: text.len(), max: FILE_BYTES_MAX });
        }
        self.add(toml::from_str(text)?)
    }

    fn add(&mut self, mut file: RuleFile) -> Result<(), RuleError> {
        let families = std::mem::take(&mut file.family);
        file.rule.extend(families.into_iter().flat_map(Family::rules));
        let mut seen = HashSet::with_hasher(BuildHasherDefault::<Fnv>::default());
        for rule in &file.rule {
            if !seen.insert(rule.id.as_str()) {
                return Err(RuleError::Duplicate { id: rule.id.clone() });
            }
        }
        if !self.rules.is_empty() {
            self.rules.retain(|rule| !seen.contains(rule.id.as_str()));
        }
        self.rules.extend(file.rule);
        self.against.extend(file.against);
        self.secret_words.extend(file.secret_words);
        if self.rules.len() > RULES_MAX {
            return Err(RuleError::TooManyRules { rules: self.rules.len(), max: RULES_MAX });
        }
        Ok(())
    }

    /// The rules, in order.
    pub fn rules(&self) -> &[RuleSpec] {
        &self.rules
    }
}
