//! Anonymisation: what stands in a text instead of what was found, and how it comes back.

mod operator;
mod preserve;
mod restore;
mod token;
mod vault;

pub use operator::{Operator, Operators};
pub use preserve::{FormatPreserving, PreserveError};
pub use restore::restore;
pub use vault::{Anonymiser, Vault, VaultError};
