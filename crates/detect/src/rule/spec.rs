//! What a rule file says.

use std::{borrow::Cow, sync::Arc};

use casemate_finding::Severity;
use serde::{Deserialize, Serialize};

use crate::Kind;

/// A recogniser written in Rust because its grammar is no mask, token or value: which one a rule uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finder {
    /// E-mail addresses.
    Email,
    /// Web addresses.
    Url,
    /// Dotted quads.
    Ipv4,
    /// IPv6 addresses.
    Ipv6,
    /// Hardware addresses.
    Mac,
    /// Telephone numbers.
    Phone,
    /// International bank account numbers.
    Iban,
    /// Ages in years, by the rule's context words.
    Age,
    /// Dates of birth, by the rule's context words.
    Birthday,
    /// Wallet seed phrases, by the rule's context words.
    SeedPhrase,
    /// Passwords in URIs.
    UrlPassword,
    /// Private key blocks.
    PrivateKey,
    /// JSON web tokens.
    Jwt,
    /// Secrets assigned to telling names.
    Generic,
    /// Credentials of HTTP basic authentication.
    Basic,
    /// HTTP bearer tokens.
    Bearer,
}

/// What a failed check does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFail {
    /// The candidate is dropped.
    #[default]
    Drop,
    /// Its score falls.
    Lower,
}

fn default_prior() -> f32 {
    0.5
}

/// One rule as written. A rule matches through at least one of: `masks`, `bare`, `runs`, `find`, `tokens`, `services`
/// with `values`, or `keywords` with `regex`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSpec {
    /// Stable id: `pii/…` or `secret/…`.
    pub id: String,
    /// Label of its matches; for secrets, made from the id when absent.
    #[serde(default)]
    pub label: String,
    /// What it finds, in words.
    pub name: String,
    /// Family; by the id's first part when absent.
    #[serde(default)]
    pub kind: Option<Kind>,
    /// How bad a find is.
    #[serde(default)]
    pub severity: Option<Severity>,
    /// Written forms: `9` is a digit, `A` a letter, `X` either, anything else itself.
    #[serde(default)]
    pub masks: Vec<String>,
    /// Written forms so plain that they score `prior_bare`.
    #[serde(default)]
    pub bare: Vec<String>,
    /// Lengths of plain runs of letters and digits.
    #[serde(default)]
    pub runs: Vec<usize>,
    /// A recogniser written in Rust.
    #[serde(default)]
    pub find: Option<Finder>,
    /// Whole tokens: literals and `{class:min,max}` parts, beginning with a literal.
    #[serde(default)]
    pub tokens: Vec<String>,
    /// Names that announce a value: `datadog` in `DATADOG_API_KEY=…`.
    #[serde(default)]
    pub services: Vec<String>,
    /// Shapes of announced values, in the language of `tokens`; see [`RuleSpec::values`].
    #[serde(default)]
    values: Vec<String>,
    /// True if the service has no keys of other shapes than `values`: another value beside its name is no secret.
    #[serde(default)]
    pub exact: bool,
    /// Literals of which one is in, or shortly before, every match of `regex`.
    #[serde(default)]
    pub keywords: Vec<String>,
    /// Linear-time regular expression, searched in a window around a keyword. Group 1, if any, is the match.
    #[serde(default)]
    pub regex: Option<String>,
    /// Bytes before and after the keyword in which `regex` is searched.
    #[serde(default)]
    pub window: Option<[usize; 2]>,
    /// Name of the check on a candidate.
    #[serde(default)]
    pub validate: Option<String>,
    /// What a failed check does.
    #[serde(default)]
    pub on_fail: OnFail,
    /// Probability that a well-formed, valid candidate without context is true.
    #[serde(default = "default_prior")]
    pub prior: f32,
    /// The same for `bare` masks and `runs`; `prior` when absent.
    #[serde(default)]
    pub prior_bare: Option<f32>,
    /// Words that speak for it, whole words on either side.
    #[serde(default)]
    pub context: Vec<String>,
    /// Words that speak against it.
    #[serde(default)]
    pub against: Vec<String>,
    /// True if nothing is reported without a context word.
    #[serde(default)]
    pub needs_context: bool,
    /// Id of a rule with a regex that must match near by (512 bytes before, 160 after): without it, the score stays below
    /// the block point. An access key's id opens nothing without its secret.
    #[serde(default)]
    pub requires: Option<String>,
    /// Lowest rarity (mean bits a character, from the trigram model) of a value.
    #[serde(default)]
    pub rarity: Option<f32>,
    /// Texts that must match; see [`RuleSpec::examples`].
    #[serde(default)]
    examples: Vec<String>,
    /// Texts that must not match; see [`RuleSpec::counterexamples`].
    #[serde(default)]
    counterexamples: Vec<String>,
    /// One of the rules that ship with Casemate: its regex was judged when it was built.
    #[serde(skip)]
    pub(crate) builtin: bool,
    /// Where values and examples are written, if not here: a thousand rules share a few lists.
    #[serde(skip)]
    family: Option<Arc<Family>>,
}

impl RuleSpec {
    /// Shapes of announced values, in the language of `tokens`.
    pub fn values(&self) -> &[String] {
        self.family.as_ref().map_or(&self.values, |family| &family.values)
    }

    /// Texts that must match (templates, see [`crate::render_example`]).
    pub fn examples(&self) -> Cow<'_, [String]> {
        self.texts(&self.examples, |family| &family.examples)
    }

    /// Texts that must not match.
    pub fn counterexamples(&self) -> Cow<'_, [String]> {
        self.texts(&self.counterexamples, |family| &family.counterexamples)
    }

    /// The family's values, if they are written there.
    pub(crate) fn family(&self) -> Option<&Arc<Family>> {
        self.family.as_ref()
    }

    fn texts<'a>(&self, own: &'a [String], of: impl Fn(&Family) -> &[String]) -> Cow<'a, [String]> {
        match (&self.family, self.services.first()) {
            (Some(family), Some(service)) => of(family).iter().map(|text| filled(text, service)).collect(),
            _ => own.into(),
        }
    }
}

/// Rules that differ in the name of a service only.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Family {
    id: String,
    label: String,
    name: String,
    services: Vec<String>,
    values: Vec<String>,
    #[serde(default)]
    exact: bool,
    #[serde(default = "default_prior")]
    prior: f32,
    #[serde(default)]
    rarity: Option<f32>,
    examples: Vec<String>,
    counterexamples: Vec<String>,
}

impl Family {
    /// One rule for each service: `{name}` and `{NAME}` in the texts stand for it.
    pub(crate) fn rules(mut self) -> impl Iterator<Item = RuleSpec> {
        let services = std::mem::take(&mut self.services);
        let family = Arc::new(self);
        services.into_iter().map(move |service| RuleSpec {
            id: filled(&family.id, &service).replace('_', "-"),
            label: family.label.clone(),
            name: filled(&family.name, &service),
            exact: family.exact,
            prior: family.prior,
            rarity: family.rarity,
            services: vec![service],
            family: Some(Arc::clone(&family)),
            ..RuleSpec::default()
        })
    }
}

/// A template with `{name}` and `{NAME}` filled in.
fn filled(template: &str, service: &str) -> String {
    let mut out = String::with_capacity(template.len() + 2 * service.len());
    let mut rest = template;
    while let Some(at) = rest.find('{') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("{name}") {
            out.push_str(service);
            rest = after;
        } else if let Some(after) = rest.strip_prefix("{NAME}") {
            out.push_str(&service.to_uppercase());
            rest = after;
        } else {
            out.push('{');
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    out
}

/// A rule file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleFile {
    /// The rules.
    #[serde(default)]
    pub(crate) rule: Vec<RuleSpec>,
    /// Rules that differ in a name only.
    #[serde(default)]
    pub(crate) family: Vec<Family>,
    /// Words that speak against every number and code: `order`, `isbn`, `sha256`.
    #[serde(default)]
    pub(crate) against: Vec<String>,
    /// Words that, in a name, announce a secret value: `password`, `token`.
    #[serde(default)]
    pub(crate) secret_words: Vec<String>,
}
