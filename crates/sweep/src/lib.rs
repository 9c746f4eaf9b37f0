//! Batch scanning.
