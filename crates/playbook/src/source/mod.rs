//! The form that people write: YAML that says the same as the CACAO playbook. [`compile`] makes the CACAO playbook of it,
//! [`decompile`] the YAML form of a CACAO playbook; `parse` and `render` go between text and values.

mod compile;
mod decompile;
mod form;
mod text;

pub use compile::compile;
pub use decompile::decompile;
pub use form::{
    Foreign, SourceAction, SourceApproval, SourcePlaybook, SourceRetry, SourceStep, SourceVariable, StepForeign,
};
pub(crate) use text::parse_yaml_as;
pub use text::{SourceError, line_of_step, parse_json, parse_yaml, render_json, render_yaml};
