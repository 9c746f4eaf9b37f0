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
mod state;
mod wiring;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _gone = error.print();
            let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return if asked { exit::Exit::Ok.into() } else { exit::Exit::Usage.into() };
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
