//! Files inside files: archives and compressed streams.

pub(crate) mod path;
pub(crate) mod sevenz;
mod sparse;
pub(crate) mod stream;
pub(crate) mod tar;
pub(crate) mod torch;
pub(crate) mod zip;
