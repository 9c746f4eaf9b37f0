//! From alerts to decisions: mapping, deduplication, storm folding, correlation, risk, and the decision under the cost of
//! being wrong.
//!
//! Invariants: pure and synchronous. No I/O, no clock, no randomness; a [`Window`] belongs to one tenant, and the same
//! alerts in the same order give the same incidents.

mod alert;
mod calibrate;
mod canonical;
mod correlate;
mod decide;
mod fields;
mod fold;
mod generic;
mod inventory;
mod risk;
mod sources;
mod tactics;
mod when;

pub use alert::{NormalAlert, content_hash};
pub use calibrate::{ClosedCases, calibrated};
pub use canonical::entity;
pub use correlate::{IncidentSummary, Placed, Placement, Window, WindowSettings, correlate};
pub use decide::{Arithmetic, Decision, Rung, RungFacts, Situation, TierPolicy, decide, default_rungs};
pub use fields::MapError;
pub use fold::{Distinct, Storm};
pub use generic::{GenericFields, GenericMapping};
pub use inventory::{Blast, Edge, Inventory, InventorySource, Node, Reached};
pub use risk::{RiskInput, RiskScore, risk};
pub use sources::{SOURCES, Source, map, map_all, map_as, source};
pub use tactics::{TACTICS, tactics_of};
