//! Starting a run: once for a case and playbook.

use casemate_finding::UnixMs;
use casemate_playbook::digest_of;
use casemate_store::model::{CaseId, Run, RunId, RunState, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::library::Entry;

/// What a run began with; kept in [`Run::input`], so that it can be begun again from the log alone.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Beginning {
    /// `case` and `alert`, as expressions see them.
    pub(super) input: Value,
    /// Variables given on the way in.
    pub(super) given: Map<String, Value>,
    /// Who or what started it; may not approve its steps.
    pub(super) started_by: String,
    /// Playbooks that it calls, as they were.
    pub(super) called: Vec<casemate_playbook::Playbook>,
}

/// Who starts a run, and why.
#[derive(Clone, Debug)]
pub struct Starter<'a> {
    /// Whose.
    pub tenant: &'a TenantId,
    /// The case.
    pub case: &'a CaseId,
    /// A person, or `triage`.
    pub by: &'a str,
    /// `case` and `alert`, as [`casemate_playbook::run_input`] makes them.
    pub input: Value,
}

/// The row of a run of this playbook on this case. The same case and playbook give the same run.
pub fn new_run(entry: &Entry, starter: &Starter<'_>, now: UnixMs) -> Run {
    let idempotency_key = format!("{}/{}", starter.case, entry.slug);
    let beginning = Beginning {
        input: starter.input.clone(),
        given: Map::new(),
        started_by: starter.by.to_owned(),
        called: entry.called.clone(),
    };
    let id = digest_of(&json!([idempotency_key, entry.program.digest]));
    Run {
        id: RunId(format!("run-{}", id.trim_start_matches("sha256:").get(..16).unwrap_or_default())),
        idempotency_key,
        tenant: starter.tenant.clone(),
        case: starter.case.clone(),
        playbook_name: entry.slug.clone(),
        playbook_digest: entry.program.digest.clone(),
        playbook: json!(entry.playbook),
        input: json!(beginning),
        state: RunState::Running,
        started_at: now,
        updated_at: now,
    }
}
