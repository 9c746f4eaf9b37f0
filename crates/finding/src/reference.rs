//! Ids in public taxonomies that findings, rules and playbooks name.

use serde::{Deserialize, Serialize};

/// A body of public ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Taxonomy {
    /// MITRE ATLAS technique, tactic or mitigation, as `AML.T0010`.
    Atlas,
    /// OWASP Top 10 for LLM applications, as `LLM01:2025`.
    OwaspLlm,
    /// NIST AI RMF subcategory, as `MEASURE 2.7`.
    NistAiRmf,
    /// Common Weakness Enumeration, as `CWE-502`.
    Cwe,
    /// A vulnerability, as `CVE-2025-32434` or `GHSA-…`.
    Vulnerability,
    /// A page to read.
    Url,
}

/// One id in one taxonomy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Reference {
    /// Which body the id belongs to.
    pub taxonomy: Taxonomy,
    /// The id as that body writes it.
    pub id: String,
}

impl Reference {
    /// A reference to `id` in `taxonomy`.
    pub fn new(taxonomy: Taxonomy, id: impl Into<String>) -> Self {
        Self { taxonomy, id: id.into() }
    }
}
