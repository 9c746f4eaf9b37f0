//! From the socket to the first station, and back.

mod guarded_io;
mod listener;
mod thread;
mod tls;

pub(crate) use listener::listen;
pub(crate) use thread::{ThreadParts, run_thread};
pub(crate) use tls::acceptor;
