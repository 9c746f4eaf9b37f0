//! What is kept, by aggregate. Plain data: rules of change live with [`crate::traits`] and its back ends.

mod alert;
mod approval;
mod audit;
mod case;
mod containment;
mod event;
mod evidence;
mod id;
mod key;
mod person;
mod ruling;
mod run;
mod status;

pub use alert::{Alert, AlertState, DeadLetter, Ingested, NewAlert, Triaged};
pub use approval::{Approval, ApprovalState, Claim, Decision, StoppedCall, Vote};
pub use audit::AuditEntry;
pub use case::{Case, CaseState, Incident, TimelineEntry, Verdict};
pub use containment::{Applied, Containment, Effect, Target};
pub use event::{EventRecord, NewEvent};
pub use evidence::{Evidence, NewEvidence};
pub use id::{AlertId, ApprovalId, CaseId, ContainmentId, EvidenceId, IncidentId, KeyId, RulingId, RunId, TenantId};
pub use key::ApiKey;
pub use person::{Person, Role, Session};
pub use ruling::Ruling;
pub use run::{Intent, Run, RunEvent, RunState};
pub use status::ComponentStatus;
