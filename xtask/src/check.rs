//! `cargo xtask check`: everything that CI asks of a commit.

use std::process::Command;

use anyhow::{Context, Result, bail};

pub(crate) fn run() -> Result<()> {
    cargo("format", &["fmt", "--all", "--check"], &[])?;
    crate::direction::run()?;
    cargo("lints", &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"], &[])?;
    crate::testing::run(&["--locked".to_owned()])?;
    // The targets are a workspace of their own. They are only checked, which needs no libFuzzer: told of one, its crate builds none.
    let fuzz = ["check", "--manifest-path", "fuzz/Cargo.toml", "--locked", "--target-dir", "target/fuzz"];
    cargo("fuzz targets", &fuzz, &[("CUSTOM_LIBFUZZER_PATH", "none/libfuzzer.a")])?;
    cargo("docs", &["doc", "--workspace", "--no-deps", "--locked"], &[("RUSTDOCFLAGS", "-D warnings")])
}

fn cargo(what: &str, args: &[&str], environment: &[(&str, &str)]) -> Result<()> {
    crate::say(&format!("xtask check: {what}"));
    let status = Command::new(env!("CARGO"))
        .args(args)
        .envs(environment.iter().copied())
        .status()
        .with_context(|| format!("cannot run cargo {}", args.join(" ")))?;
    if !status.success() {
        bail!("{what} failed: cargo {}", args.join(" "));
    }
    Ok(())
}
