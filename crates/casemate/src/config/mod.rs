//! The one configuration file: what was written, read strictly, and what is meant by it.

mod load;
mod secret;
pub(crate) mod template;
mod written;

pub(crate) use load::{load, or_default};
pub(crate) use secret::SecretFiles;
pub(crate) use written::{Config, StoreConfig};
