//! Looking at what is said, in both directions. Synchronous; bytes in, findings and changed bytes out.

mod engines;
mod input;
mod notice;
mod output;
mod readings;
mod replacements;
mod stream;

pub use engines::Engines;
pub use input::{InputVerdict, inspect_input};
pub use notice::{Check, Notice};
pub use output::{Inspected, inspect_answer};
pub use stream::{Cut, StreamInspector, StreamStep};
