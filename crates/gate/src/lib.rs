//! The gate: security checks inside the pipeline that makes models, and one verdict that holds it or lets it go on.
//!
//! subjects (model files, data sets) → checks side by side → findings → mode and exemptions → one [`GateVerdict`].
//!
//! Invariants: synchronous; no store, no HTTP; the time is a parameter (how long a check has run is measured in
//! `clock` alone). It fails closed: a crash, a time-out, an empty input, no row and no check hold the pipeline; what
//! was not looked at is never a pass.

mod check;
mod checks;
mod clock;
mod config;
mod content;
mod digest;
mod exemption;
mod policy;
mod run;
mod signal;
mod stage;
mod subject;
mod verdict;

pub use check::{Check, CheckContext, CheckReport, Seen, Weight};
pub use checks::CHECKS;
pub use config::{CheckSettings, ConfigError, GateConfig, GateConfigFile, Incomplete, Mode};
pub use exemption::{Exemption, ExemptionError, ExemptionUse, Exemptions};
pub use run::{GateProgress, RunInput, run, run_checks};
pub use stage::Stage;
pub use subject::{Subject, SubjectKind};
pub use verdict::{GATE_VERDICT_SCHEMA, GateVerdict, GatedCheck, SubjectRecord};
