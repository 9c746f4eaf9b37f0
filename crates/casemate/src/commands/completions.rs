//! `casemate completions SHELL`.

use clap::CommandFactory;

use serde_json::json;

use crate::cli::{Cli, Global};
use crate::exit::Exit;
use crate::failure::Done;
use crate::output::{self, Format};

pub(super) fn run(global: &Global, shell: clap_complete::Shell) -> Done {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "casemate", &mut script);
    let script = String::from_utf8_lossy(&script);
    if global.format == Format::Json {
        output::json(&json!({"shell": shell.to_string(), "script": script}));
    } else {
        output::line(script.trim_end());
    }
    Ok(Exit::Ok)
}
