//! `cargo xtask test`: the workspace's tests, then one line that says what did not run and why.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::servers;

#[derive(Default)]
struct Tally {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Tally {
    /// Adds a line such as `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; …`.
    fn add(&mut self, line: &str) {
        let Some(counts) = line.trim_start().strip_prefix("test result: ") else { return };
        for part in counts.split([';', '.']) {
            let mut words = part.split_whitespace();
            let (Some(number), Some(what)) = (words.next().and_then(|n| n.parse::<u64>().ok()), words.next()) else {
                continue;
            };
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.skipped += number,
                _ => {}
            }
        }
    }
}

pub(crate) fn run(args: &[String]) -> Result<()> {
    let missing = servers::missing();
    if servers::required() && !missing.is_empty() {
        let names: Vec<_> = missing.iter().map(|s| format!("{} ({})", s.name, s.install)).collect();
        bail!("CASEMATE_REQUIRE_SERVICES=1 and these are missing: {}", names.join("; "));
    }
    let mut child = Command::new(env!("CARGO"))
        .args(["test", "--workspace", "--no-fail-fast"])
        .args(args)
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot run cargo test")?;
    let mut tally = Tally::default();
    let out = child.stdout.take().context("cargo test has no output")?;
    for line in BufReader::new(out).lines() {
        let line = line.context("cannot read the output of cargo test")?;
        tally.add(&line);
        writeln!(std::io::stdout(), "{line}").context("cannot write")?;
    }
    let status = child.wait().context("cargo test did not end")?;
    writeln!(
        std::io::stdout(),
        "\n{} passed, {} failed, {} skipped\n{}",
        tally.passed,
        tally.failed,
        tally.skipped,
        summary(&missing)
    )
    .context("cannot write")?;
    if !status.success() {
        bail!("tests failed; run `cargo test -p CRATE` for the crate named above");
    }
    Ok(())
}

fn summary(missing: &[&servers::Server]) -> String {
    if missing.is_empty() {
        return "servers: all there, everything ran".into();
    }
    let parts: Vec<_> = missing.iter().map(|s| format!("{} missing, not run: {}", s.name, s.tests)).collect();
    format!("servers: {}", parts.join("; "))
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn counts_what_cargo_prints() {
        let mut tally = Tally::default();
        tally.add("test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s");
        tally.add("test result: FAILED. 2 passed; 4 failed; 0 ignored; 0 measured; 0 filtered out");
        tally.add("running 3 tests");
        assert_eq!((tally.passed, tally.failed, tally.skipped), (5, 4, 1));
    }
}
