//! The console over a real SQLite store and real sockets: who comes in, what they may do, and what a page says.

#[path = "../../examples/gallery/data.rs"]
mod data;

mod access;
mod api;
mod browser;
mod cases;
mod door;
mod hostile;
mod presidio;
mod tls;
