//! Serves a console over a store full of believable data, to look at and to take pictures of:
//! `cargo run -p casemate-console --example gallery -- 127.0.0.1:8082`

mod data;

use std::io::Write as _;
use std::sync::Arc;

use casemate_console::{Console, ConsoleConfig, Entropy};
use casemate_store::clock::Clock;
use casemate_store::sqlite::{SqliteOptions, SqliteStore};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listen = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8082".to_owned());
    let folder = tempfile::tempdir()?;
    let clock = Clock::system();
    let store = SqliteStore::open(folder.path().join("gallery.db"), clock.clone(), SqliteOptions::default()).await?;
    let entropy = Entropy::system();
    let password = data::fill(store.as_ref(), &clock, &entropy).await?;
    let settings = ConsoleConfig { listen: Some(listen), ..ConsoleConfig::default() }.settings()?;
    let console = Console::start(settings, Arc::clone(&store) as _, clock, data::extras(entropy)).await?;
    let names = data::PEOPLE.map(|(name, ..)| name).join(", ");
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}  password of {names}: {password}", console.url())?;
    out.flush()?;
    drop(out);
    std::future::pending::<()>().await;
    Ok(())
}
