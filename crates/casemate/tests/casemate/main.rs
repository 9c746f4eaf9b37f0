//! Whole-command tests: the program as a person or a pipeline runs it.

mod approvals;
mod commands;
mod demonstration;
mod feedback;
mod kill;
mod kill_play;
mod model_index;
mod models;
mod own_check;
mod process;
mod scan_models;
mod stub;
mod train;
