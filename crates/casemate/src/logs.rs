//! Logs on standard error: a constant message and structured fields; no prompt text, no secret.

use tracing_subscriber::EnvFilter;

use crate::config::LogConfig;
use crate::failure::Failure;
use crate::output;

/// Starts logging for this process.
pub(crate) fn start(config: &LogConfig) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(&config.level).map_err(|e| {
        Failure::usage("cannot use the configuration", e.to_string())
            .at("log.level")
            .remedy("write `info` or `casemate_gateway=debug,info`")
    })?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A file of logs holds no colours.
    let builder = builder.with_ansi(output::is_interactive());
    let started = if config.json { builder.json().try_init() } else { builder.with_target(true).try_init() };
    started.map_err(|e| Failure::internal("cannot start logging", e))
}
