//! Server-sent events (WHATWG HTML, "Server-sent events", section "Parsing an event stream"), byte by byte.
//!
//! [`SseParser`] cuts a stream into events for any chunking and keeps each event's bytes as they came, so that an event
//! that nobody changes goes out verbatim; [`rewrite_data`] and [`write_event`] make the others.

mod parser;
mod writer;

pub use parser::{EventTooLarge, SseEvent, SseParser};
pub use writer::{rewrite_data, write_event};
