//! The one configuration file: what was written, read strictly, and what is meant by it.

mod load;
mod locate;
mod secret;
pub(crate) mod template;
mod written;

pub(crate) use load::or_default;
pub(crate) use locate::place_in;
pub(crate) use secret::{SecretFiles, random};
pub(crate) use written::{Config, LogConfig};
