//! Rules are data: what a rule says in TOML ([`RuleSpec`]), what that means once compiled ([`Rule`]), and the example
//! templates that every rule carries.

mod compiled;
mod error;
mod example;
mod pattern;
mod set;
mod spec;

pub use compiled::Rule;
pub(crate) use compiled::{Matcher, WordSet};
pub use error::RuleError;
pub use example::render_example;
pub(crate) use pattern::Pattern;
pub use set::RuleSet;
pub(crate) use spec::Family;
pub use spec::{Finder, OnFail, RuleSpec};
