//! One file for each command. Each turns arguments into calls of the crates that do the work, and their results into
//! output and an exit code; nothing is decided here.

mod approvals;
mod audit;
mod case;
mod check;
mod completions;
mod detect;
mod doctor;
mod feedback;
mod gate;
mod init;
mod key;
mod models;
mod playbook;
mod post;
mod rules;
mod scan;
mod token;
pub(crate) mod train;
mod up;

use std::path::PathBuf;

use crate::cli::{Cli, Command};
use crate::failure::Done;

/// The configuration when none is named: `casemate init` writes it, and every command in that folder heeds it.
const CONFIG_FILE: &str = "casemate.yaml";

/// Runs the command.
pub(crate) fn run(cli: Cli) -> Done {
    let mut global = cli.global;
    if global.config.is_none() && !matches!(&cli.command, Command::Up(args) if args.demo) {
        global.config = Some(PathBuf::from(CONFIG_FILE)).filter(|here| here.is_file());
    }
    match cli.command {
        Command::Up(args) => up::run(&global, &args),
        Command::Gateway => post::run(&global, post::Post::Gateway),
        Command::Respond => post::run(&global, post::Post::Respond),
        Command::Console => post::run(&global, post::Post::Console),
        Command::Gate(command) => gate::run(&global, command),
        Command::Scan(args) => scan::run(&global, &args),
        Command::Detect(args) => detect::run(&global, &args),
        Command::Rules(command) => rules::run(&global, command),
        Command::Models(command) => models::run(&global, &command),
        Command::Train(command) => train::run(&global, command),
        Command::Feedback(command) => feedback::run(&global, &command),
        Command::Key(command) => key::run(&global, command),
        Command::Token(command) => token::run(&global, &command),
        Command::Playbook(command) => playbook::run(&global, command),
        Command::Case(command) => case::run(&global, command),
        Command::Approvals(command) => approvals::run(&global, command),
        Command::Audit(command) => audit::run(&global, command),
        Command::Init(args) => init::run(&global, &args),
        Command::Check => check::run(&global),
        Command::Doctor => doctor::run(&global),
        Command::Completions { shell } => completions::run(&global, shell),
    }
}
