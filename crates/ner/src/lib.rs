//! The optional NER tier: names of people and places, found by a small model and merged with what the rules found.
//!
//! ```no_run
//! use casemate_ner::{Gate, Limits, Model, merge};
//! # fn main() -> Result<(), casemate_ner::LoadError> {
//! let model = Model::load("/var/lib/casemate/models/rampart-1.4.0".as_ref())?;
//! let names = model.scan("Ask Noor Lindqvist in Tromsø.", Gate::default(), &Limits::default());
//! assert_eq!(names.entities[0].label.as_str(), "PERSON");
//! # Ok(())
//! # }
//! ```
//!
//! Reading order: [`package`] (which files, and whose), `onnx` (reads the weights), `bert` (the forward pass), `token`
//! (WordPiece with places in the text), `window`, `gate` (which windows are worth the model's time), `spell` (labels to
//! words), `things` (what is no name), `people` and `places` (words to spans), `model`, `merge`, `cache`.
//!
//! Invariants: synchronous, no clock, no randomness; the only I/O is [`Model::load`]; files whose digest is not the
//! one of [`package`] are not read further. Text beyond a limit is reported as not looked at, never as free of names.

mod bert;
mod cache;
mod gate;
mod gazetteer;
mod limits;
mod merge;
mod model;
mod onnx;
pub mod package;
mod people;
mod places;
mod spell;
mod things;
mod token;
mod weights;
mod window;

pub use cache::{Cache, CachedModel};
pub use gate::Gate;
pub use limits::Limits;
pub use merge::merge;
pub use model::{LoadError, Model, Names};
pub use spell::{Entity, Label};
