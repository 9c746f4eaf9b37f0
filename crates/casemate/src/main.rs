//! `casemate`: command line, configuration, wiring, exit codes. Nothing else is done here.

mod cli;
mod commands;
mod config;
mod exit;
mod failure;
mod logs;
mod models;
mod output;
mod playbooks;
mod progress;
mod refit;
mod rule_file;
mod state;
mod wiring;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use crate::output::Format;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
                let _gone = error.print();
                return exit::Exit::Ok.into();
            }
            if output::wants_json(std::env::args_os()) {
                let why = error.to_string();
                failure::Failure::usage("cannot understand the command line", why.trim_end()).print(Format::Json);
            } else {
                let _gone = error.print();
            }
            return exit::Exit::Usage.into();
        }
    };
    let format = cli.global.format;
    match commands::run(cli) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            failure.print(format);
            failure.exit.into()
        }
    }
}
