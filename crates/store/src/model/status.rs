//! What a running component last said of itself, so that the console can show a gateway in another process.

use casemate_finding::UnixMs;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The last report of one instance of one component.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComponentStatus {
    /// `gateway`, `respond`, `console`.
    pub component: String,
    /// Which instance, as `host:pid` or the listen address.
    pub instance: String,
    /// When it was said.
    pub at: UnixMs,
    /// Counters and gauges as the component has them (gateway: requests, blocked, redacted, limited, upstreams and
    /// their breakers, per-minute series for the charts).
    pub report: Value,
}
