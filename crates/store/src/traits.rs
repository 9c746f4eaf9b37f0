//! What can be done with the state, one trait for each aggregate, and [`Store`] over all of them.

use async_trait::async_trait;
use casemate_finding::UnixMs;
use serde_json::Value;
use tokio::sync::watch;

use crate::Result;
use crate::model::{
    Alert, AlertId, AlertState, ApiKey, Applied, Approval, ApprovalId, AuditEntry, Case, CaseId, CaseState, Claim,
    ComponentStatus, Containment, ContainmentId, DeadLetter, EventRecord, Evidence, Incident, Ingested, Intent, KeyId,
    NewAlert, NewEvent, NewEvidence, Person, Ruling, RulingId, Run, RunEvent, RunId, RunState, Session, TenantId,
    TimelineEntry, Triaged, Verdict, Vote,
};

/// Everything that is kept. One value is shared by all parts of a process.
pub trait Store:
    Keys
    + Containments
    + Rulings
    + Events
    + Alerts
    + Cases
    + Runs
    + Approvals
    + EvidenceIndex
    + Audit
    + People
    + Components
    + Send
    + Sync
    + 'static
{
    /// Counts this process's committed writes. A waiter sees the number move and looks again; since other processes may
    /// write as well, waiters also look at an interval of their own.
    fn changes(&self) -> watch::Receiver<u64>;
}

/// API keys.
#[async_trait]
pub trait Keys {
    /// Adds a key; its id is new.
    async fn insert_key(&self, key: &ApiKey) -> Result<()>;
    /// All keys, or one tenant's, oldest first.
    async fn list_keys(&self, tenant: Option<&TenantId>) -> Result<Vec<ApiKey>>;
    /// Revokes a key; false if it was revoked before.
    async fn revoke_key(&self, id: &KeyId, at: UnixMs) -> Result<bool>;
    /// Moves whenever any key changed, in any process.
    async fn keys_generation(&self) -> Result<i64>;
}

/// Blocks, limits and holds.
#[async_trait]
pub trait Containments {
    /// Puts it in force once; a second call with the same idempotency key changes nothing.
    async fn apply_containment(&self, containment: &Containment) -> Result<Applied<Containment>>;
    /// Ends it early; false if it had ended.
    async fn lift_containment(&self, id: &ContainmentId, at: UnixMs) -> Result<bool>;
    /// What was put in force with this idempotency key.
    async fn containment_by_key(&self, idempotency_key: &str) -> Result<Option<Containment>>;
    /// All in force at `now`.
    async fn active_containments(&self, now: UnixMs) -> Result<Vec<Containment>>;
    /// The newest, ended ones included.
    async fn recent_containments(&self, limit: u32) -> Result<Vec<Containment>>;
    /// Moves whenever any containment changed, in any process.
    async fn containments_generation(&self) -> Result<i64>;
}

/// What people ruled on traffic, for the gateway to heed.
#[async_trait]
pub trait Rulings {
    /// Makes it once; a second call with the same idempotency key changes nothing.
    async fn make_ruling(&self, ruling: &Ruling) -> Result<Applied<Ruling>>;
    /// Takes it back; false if it had ended.
    async fn withdraw_ruling(&self, id: &RulingId, at: UnixMs) -> Result<bool>;
    /// All that hold at `now`, oldest first.
    async fn active_rulings(&self, now: UnixMs) -> Result<Vec<Ruling>>;
    /// The newest, ended ones included.
    async fn recent_rulings(&self, limit: u32) -> Result<Vec<Ruling>>;
    /// Moves whenever any ruling changed, in any process.
    async fn rulings_generation(&self) -> Result<i64>;
}

/// The log through which gateway and gate speak to response.
#[async_trait]
pub trait Events {
    /// Appends; an event whose source and dedupe key are known already is skipped. Returns how many were new.
    async fn append_events(&self, events: &[NewEvent]) -> Result<u64>;
    /// Up to `limit` events after `seq`, in order.
    async fn events_after(&self, seq: i64, limit: u32) -> Result<Vec<EventRecord>>;
    /// The newest, newest first.
    async fn recent_events(&self, limit: u32) -> Result<Vec<EventRecord>>;
    /// How far a named reader has come; 0 at first.
    async fn cursor(&self, reader: &str) -> Result<i64>;
    /// Moves a reader forward, never back.
    async fn advance_cursor(&self, reader: &str, seq: i64) -> Result<()>;
}

/// Alerts and their dead letters.
#[async_trait]
pub trait Alerts {
    /// Stores alerts in one durable write; `window_ms` is how far back equal content counts as the same alert.
    async fn ingest(&self, alerts: &[NewAlert], window_ms: i64) -> Result<Vec<Ingested>>;
    /// Up to `limit` alerts that nobody has looked at, oldest first.
    async fn untriaged(&self, limit: u32) -> Result<Vec<Alert>>;
    /// Writes what triage made of an alert together with its incident and case, in one transaction: the incident and
    /// case given are inserted or replaced (what people and runs set on a case stands), the timeline entries appended, the
    /// runs begun. A second call for the same alert changes nothing and returns false. Refused with `Conflict` if the
    /// incident or case is closed.
    async fn record_triaged(&self, triaged: &Triaged) -> Result<bool>;
    /// The same without memory and runs.
    async fn record_triage(
        &self,
        alert: &Alert,
        incident: &Incident,
        case: &Case,
        timeline: &[TimelineEntry],
    ) -> Result<bool> {
        self.record_triaged(&Triaged {
            alert: alert.clone(),
            incident: incident.clone(),
            memory: Value::Null,
            case: case.clone(),
            timeline: timeline.to_vec(),
            runs: Vec::new(),
        })
        .await
    }
    /// Marks an alert as dead and keeps the reason.
    async fn bury(&self, id: &AlertId, reason: &str, at: UnixMs) -> Result<()>;
    /// Keeps what could not even be stored as an alert.
    async fn dead_letter(&self, letter: &DeadLetter) -> Result<()>;
    /// The newest dead letters.
    async fn dead_letters(&self, limit: u32) -> Result<Vec<DeadLetter>>;
    /// One alert.
    async fn alert(&self, id: &AlertId) -> Result<Alert>;
    /// The alerts of a case, newest first, from `offset`.
    async fn alerts_of_case(&self, case: &CaseId, offset: u64, limit: u32) -> Result<Vec<Alert>>;
    /// How many alerts are in each state.
    async fn count_alerts(&self, state: AlertState) -> Result<u64>;
    /// Incidents that still take alerts and whose last alert is not before `since`.
    async fn open_incidents(&self, tenant: &TenantId, since: UnixMs) -> Result<Vec<Incident>>;
    /// The same, each with what correlation must know of it.
    async fn incident_memories(&self, tenant: &TenantId, since: UnixMs) -> Result<Vec<(Incident, Value)>>;
}

/// Cases.
#[async_trait]
pub trait Cases {
    /// A fresh case id, `case-` and a running number.
    async fn next_case_id(&self) -> Result<CaseId>;
    /// One case.
    async fn case(&self, id: &CaseId) -> Result<Case>;
    /// Cases of a tenant (`*`: all), newest first, by state if given.
    async fn list_cases(
        &self,
        tenant: &TenantId,
        state: Option<CaseState>,
        offset: u64,
        limit: u32,
    ) -> Result<Vec<Case>>;
    /// Moves a case and writes the timeline entry for it.
    async fn set_case_state(&self, id: &CaseId, state: CaseState, entry: &TimelineEntry) -> Result<()>;
    /// Sets who works on it.
    async fn assign_case(&self, id: &CaseId, assignee: Option<&str>, entry: &TimelineEntry) -> Result<()>;
    /// Closes a case and its incidents with a verdict.
    async fn close_case(&self, id: &CaseId, verdict: Verdict, entry: &TimelineEntry) -> Result<()>;
    /// Appends to the history; `idempotency_key`, if given, makes a repeat a no-op. The entry's `seq` is ignored.
    async fn append_timeline(&self, id: &CaseId, entry: &TimelineEntry, idempotency_key: Option<&str>) -> Result<()>;
    /// The history, oldest first.
    async fn timeline(&self, id: &CaseId, after: i64, limit: u32) -> Result<Vec<TimelineEntry>>;
    /// How many cases are in each state.
    async fn count_cases(&self, tenant: &TenantId) -> Result<Vec<(CaseState, u64)>>;
}

/// Playbook runs.
#[async_trait]
pub trait Runs {
    /// Starts a run once by its idempotency key.
    async fn start_run(&self, run: &Run) -> Result<Applied<Run>>;
    /// Appends events at the given positions in one transaction and sets the state; refused with `Conflict` if a
    /// position is taken (another worker was faster). Intents given are written in the same transaction.
    async fn append_run(&self, id: &RunId, events: &[RunEvent], intents: &[Intent], state: RunState) -> Result<()>;
    /// Writes the result of an effect next to its intent, with the events and further intents that follow from it, in
    /// one transaction; refused with `Conflict` if the intent has its result.
    async fn record_result(
        &self,
        key: &str,
        result: &Value,
        events: &[RunEvent],
        intents: &[Intent],
        state: RunState,
    ) -> Result<()>;
    /// The log of a run, in order.
    async fn run_events(&self, id: &RunId) -> Result<Vec<RunEvent>>;
    /// An intent by its key.
    async fn intent(&self, key: &str) -> Result<Option<Intent>>;
    /// One run.
    async fn run(&self, id: &RunId) -> Result<Run>;
    /// Runs that are not at their end.
    async fn live_runs(&self) -> Result<Vec<Run>>;
    /// Runs of a case, oldest first.
    async fn runs_of_case(&self, case: &CaseId) -> Result<Vec<Run>>;
    /// Newest runs of a tenant (`*`: all).
    async fn list_runs(&self, tenant: &TenantId, offset: u64, limit: u32) -> Result<Vec<Run>>;
}

/// Questions to people.
#[async_trait]
pub trait Approvals {
    /// Asks once by the idempotency key.
    async fn request_approval(&self, approval: &Approval) -> Result<Applied<Approval>>;
    /// Adds a vote under [`Approval::vote`]'s rules, in one transaction with the audit entry.
    async fn vote(&self, id: &ApprovalId, vote: Vote, seen_digest: &str) -> Result<Approval>;
    /// Claims the tool calls of one answer, in one transaction: if each was approved, is not spent and has not lapsed, all are
    /// spent, each with an audit entry; else nothing is spent, and those that are not asked yet are. A denied one stays denied
    /// until it lapses. The same call twice in one answer is never granted: an approval is for one. At most `pending_max`
    /// questions of one key wait. Every `ask` holds a [`Approval::call`] of one key and one tenant.
    async fn claim_calls(&self, asks: &[Approval], pending_max: u32, now: UnixMs) -> Result<Claim>;
    /// Marks pending approvals whose time is over, and approved tool calls that did not come in theirs; returns them.
    async fn expire_approvals(&self, now: UnixMs) -> Result<Vec<Approval>>;
    /// One approval.
    async fn approval(&self, id: &ApprovalId) -> Result<Approval>;
    /// The approval asked with this key.
    async fn approval_by_key(&self, idempotency_key: &str) -> Result<Option<Approval>>;
    /// Pending ones of a tenant (`*`: all), oldest first.
    async fn pending_approvals(&self, tenant: &TenantId) -> Result<Vec<Approval>>;
    /// The newest of a tenant (`*`: all) in any state, newest first.
    async fn recent_approvals(&self, tenant: &TenantId, limit: u32) -> Result<Vec<Approval>>;
    /// All of a case, oldest first.
    async fn approvals_of_case(&self, case: &CaseId) -> Result<Vec<Approval>>;
}

/// The index of the evidence vault.
#[async_trait]
pub trait EvidenceIndex {
    /// Adds to the case's chain once by the idempotency key.
    async fn add_evidence(&self, item: &NewEvidence) -> Result<Applied<Evidence>>;
    /// The chain of a case, in order.
    async fn evidence_of_case(&self, case: &CaseId) -> Result<Vec<Evidence>>;
}

/// The audit log.
#[async_trait]
pub trait Audit {
    /// Appends and chains; `seq` and `hash` of the entry given are ignored and set.
    async fn audit(&self, entry: &AuditEntry) -> Result<AuditEntry>;
    /// The newest entries, newest first.
    async fn recent_audit(&self, limit: u32) -> Result<Vec<AuditEntry>>;
    /// Walks the chain; the first position that does not follow, or none.
    async fn verify_audit(&self) -> Result<Option<i64>>;
}

/// People and their sessions.
#[async_trait]
pub trait People {
    /// Adds or replaces a person.
    async fn put_person(&self, person: &Person) -> Result<()>;
    /// One person.
    async fn person(&self, name: &str) -> Result<Option<Person>>;
    /// Everyone.
    async fn list_people(&self) -> Result<Vec<Person>>;
    /// Adds a session.
    async fn insert_session(&self, session: &Session) -> Result<()>;
    /// A session by the digest of its token.
    async fn session(&self, token_digest: &str) -> Result<Option<Session>>;
    /// Ends a session.
    async fn delete_session(&self, token_digest: &str) -> Result<()>;
}

/// What the running components say of themselves.
#[async_trait]
pub trait Components {
    /// Replaces the report of this instance.
    async fn report_status(&self, status: &ComponentStatus) -> Result<()>;
    /// The last report of every instance not older than `since`.
    async fn component_status(&self, since: UnixMs) -> Result<Vec<ComponentStatus>>;
}
