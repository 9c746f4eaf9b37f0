//! The checks, in the order in which verdicts list them.

mod content_hits;
mod file_type;
mod held;
mod input;
mod model_artifact;
mod table_form;

use crate::Check;

/// Every check. Documentation, configuration and `gate checks` go by this list.
pub static CHECKS: &[&dyn Check] = &[
    &input::Input,
    &file_type::FileType,
    &held::Held,
    &model_artifact::ModelArtifact,
    &content_hits::PII,
    &content_hits::SECRETS,
    &table_form::TableForm,
];

/// A fingerprint for what a check says of a subject as a whole: rule and digest name it.
pub(crate) fn whole_fingerprint(rule: &str, sha256: &str) -> casemate_finding::Fingerprint {
    casemate_finding::Fingerprint(format!("{rule}:{sha256}"))
}
