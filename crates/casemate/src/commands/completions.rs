//! `casemate completions SHELL`.

use clap::CommandFactory;

use crate::cli::Cli;
use crate::exit::Exit;
use crate::failure::Done;

pub(super) fn run(shell: clap_complete::Shell) -> Done {
    clap_complete::generate(shell, &mut Cli::command(), "casemate", &mut std::io::stdout());
    Ok(Exit::Ok)
}
