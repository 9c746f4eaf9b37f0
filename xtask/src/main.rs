//! Chores of the house: `cargo xtask check | test | direction | servers | allowlist`.
//!
//! Knows the workspace's layout and cargo; knows nothing of what the crates do.

mod allowlist;
mod check;
mod direction;
mod servers;
mod testing;

use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask <command>
  test [ARGS]   run the workspace's tests; close with which servers were missing and what therefore did not run
  check         fmt, clippy, dependency direction, tests, fuzz targets, docs: what CI runs
  direction     which crate may know which, read from `cargo metadata`
  allowlist     fetch, check or make the artifact scanner's list of known classes from published wheels
  servers       which servers the tests use, and whether they answer";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = match args.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("", &[][..]),
    };
    let done = match command {
        "test" => testing::run(rest),
        "check" => check::run(),
        "direction" => direction::run(),
        "allowlist" => allowlist::run(rest),
        "servers" => servers::print_all(),
        _ => {
            say(USAGE);
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("xtask {command}: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// One line to the person at the terminal.
#[expect(clippy::print_stderr, reason = "xtask speaks to a terminal")]
pub(crate) fn say(line: &str) {
    eprintln!("{line}");
}
