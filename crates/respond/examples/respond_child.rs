//! The response engine as a process of its own, for the crash tests and measurements: `respond_child CONFIG STORE`, both
//! files; CONFIG is the `respond` section as JSON. Prints `READY ADDRESS` once it serves, and runs until it is killed.

use std::io::Write as _;

use casemate_respond::Respond;
use casemate_respond::config::{RespondConfig, SecretReader};
use casemate_store::clock::Clock;
use casemate_store::sqlite::{SqliteOptions, SqliteStore};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(config), Some(file)) = (args.next(), args.next()) else {
        return Err("usage: respond_child CONFIG STORE".into());
    };
    let config: RespondConfig = serde_json::from_slice(&std::fs::read(config)?)?;
    let secrets =
        SecretReader { env: &|_| None, file: &|path| std::fs::read_to_string(path), base: std::path::Path::new(".") };
    let settings =
        config.validate(&secrets).map_err(|p| p.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
    let store = SqliteStore::open(file, Clock::system(), SqliteOptions::default()).await?;
    let running = Respond::start(settings, store, Clock::system()).await?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "READY {}", running.addr)?;
    out.flush()?;
    std::future::pending::<()>().await;
    Ok(())
}
