//! `casemate audit verify`: walks the hash chain.

use serde_json::json;

use crate::cli::{AuditCommand, Global};
use crate::exit::Exit;
use crate::failure::{Done, Failure};
use crate::output::{self, Format};
use crate::state;

pub(super) fn run(global: &Global, command: AuditCommand) -> Done {
    let AuditCommand::Verify = command;
    let broken = state::with_store(global, |store| async move { store.verify_audit().await })?;
    if global.format == Format::Json {
        output::json(&json!({"ok": broken.is_none(), "broken_at": broken}));
    } else if broken.is_none() {
        output::line("The audit log is whole: every entry follows from the one before it.");
    }
    match broken {
        None => Ok(Exit::Ok),
        Some(_) if global.format == Format::Json => Ok(Exit::Blocked),
        Some(seq) => Err(Failure::internal(
            "the audit log was changed",
            format!("entry {seq} does not follow from entry {}", seq - 1),
        )
        .remedy("keep the database as evidence, and compare entry by entry with a backup")),
    }
}
