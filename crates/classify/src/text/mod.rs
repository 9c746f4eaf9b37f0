//! Folding text for the classifiers, and the way back: every byte of a folded or decoded text knows the bytes of the
//! original that it came from.

mod confusables;
mod fold;
mod index;
mod invisible;
pub mod lexicon;
mod lexicon_words;
mod mapped;
mod words;

pub use fold::{Fold, Signs, fold};
pub(crate) use index::{Index, prefix_hashes, word_hash};
pub use invisible::{Invisible, invisible};
pub use mapped::{Mapped, Patches};
pub use words::{Word, words};
