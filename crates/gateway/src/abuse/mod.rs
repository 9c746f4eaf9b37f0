//! Abuse that single requests do not show. Pure detectors with fixed memory; [`Watch`] puts them behind one lock each and
//! turns what they see into signals for response.

mod burst;
mod repeat;
mod stuffing;
mod surge;
mod watch;

pub use burst::BurstDetector;
pub use repeat::RepeatGate;
pub use stuffing::{StuffingDetector, StuffingSettings, Wave, WaveKind};
pub use surge::{Surge, SurgeDetector};
pub use watch::{Raised, Watch};
