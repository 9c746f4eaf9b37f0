//! A second process on a store's file, for the tests of durability and locking: `store_child FILE PREFIX COUNT` ingests
//! COUNT alerts one by one and prints each delivery id after its acknowledgement; COUNT 0 means until killed.

use std::io::Write as _;

use casemate_finding::UnixMs;
use casemate_store::clock::Clock;
use casemate_store::model::{NewAlert, TenantId};
use casemate_store::sqlite::{SqliteOptions, SqliteStore};
use casemate_store::traits::Alerts as _;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(file), Some(prefix), Some(count)) = (args.next(), args.next(), args.next()) else {
        return Err("usage: store_child FILE PREFIX COUNT".into());
    };
    let count: u64 = count.parse()?;
    let store = SqliteStore::open(file, Clock::system(), SqliteOptions::default()).await?;
    let mut out = std::io::stdout().lock();
    for n in 0.. {
        if n == count && count != 0 {
            break;
        }
        let id = format!("{prefix}{n}");
        let alert = NewAlert {
            tenant: TenantId::default_tenant(),
            source: "child".into(),
            delivery_id: Some(id.clone()),
            content_hash: id.clone(),
            received_at: UnixMs(1),
            raw: serde_json::json!({"id": id}),
        };
        store.ingest(&[alert], 0).await?;
        writeln!(out, "{id}")?;
        out.flush()?;
    }
    Ok(())
}
