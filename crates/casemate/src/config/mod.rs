//! The one configuration file: what was written, read strictly, and what is meant by it.

mod load;
mod secret;
pub(crate) mod template;
mod written;

pub(crate) use load::or_default;
pub(crate) use secret::{SecretFiles, random};
pub(crate) use written::{Config, LogConfig};
