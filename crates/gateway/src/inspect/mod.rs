//! Looking at what is said, in both directions. Synchronous; bytes in, findings and changed bytes out.

mod doubt;
mod engines;
mod input;
mod known_texts;
mod notice;
mod output;
mod provenance;
mod readings;
mod replacements;
mod stopped_call;
mod stream;
mod tool_calls;
mod turns;

pub use doubt::{DOUBTS_MAX, Doubt};
pub use engines::{Engines, decide as action_for_decision};
pub use input::{InputVerdict, inspect_input};
pub use notice::{Check, Notice};
pub use output::{Inspected, inspect_answer};
pub use provenance::Provenance;
pub use stopped_call::StoppedToolCall;
pub use stream::{Cut, StreamInspector, StreamStep};
pub use turns::{Speaker, Turn};
