//! The demonstration: a built-in model server and a scripted play against real listeners.
