//! Whole-command tests: the program as a person or a pipeline runs it.

mod commands;
mod demonstration;
mod kill;
mod models;
mod process;
mod stub;
