//! The engine as its users see it: built-in rules and their examples, streams against whole texts.

mod escapes;
mod examples;
mod streams;
mod vault;
