//! Model files and what is computed with them. Inference is plain arithmetic over bytes: no threads, no allocation that
//! grows with anything but the text.

mod adjacency;
mod bundle;
mod container;
mod dense;
mod embedding;
mod features;
mod hashed;
mod passages;
mod projection;
mod side_by_side;
mod surprisal;
mod wide;

pub use adjacency::{Adjacency, RANK as ADJACENCY_RANK};
pub use bundle::{
    Calibration, InjectionModel, Metadata, Parts, STACK_FEATURES, Sentence, SourceResult, Stack, Suffix, TextModel,
    stack_features,
};
pub use container::{Container, ContainerWriter, ModelError};
pub use dense::Dense;
pub use embedding::{DIMENSIONS, Embedding, builtin_embedding, cosine, normalise};
pub use features::{Block, Features, TABLE_BITS_MAX};
pub use hashed::Hashed;
pub use passages::{PASSAGE_SENTENCES, Passages, passages};
pub use side_by_side::{SideBySide, Sums, TABLES};
pub use surprisal::{SUFFIX_FEATURES, Surprisal, TokenBins, suffix_windows};
pub(crate) use surprisal::{SYMBOLS, symbol};

#[cfg(test)]
pub(crate) use embedding::tests::tiny as tiny_table;

/// The logistic function.
pub fn sigmoid(z: f32) -> f32 {
    1.0 / (1.0 + (-z).exp())
}
