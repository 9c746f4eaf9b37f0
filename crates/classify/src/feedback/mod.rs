//! How the classifiers learn from analysts: a verdict counts at once as a neighbour with a time to live; a nightly refit makes a
//! candidate; a candidate is promoted only after it did no harm on frozen rows and in shadow; every version is signed and can
//! be rolled back; loosening takes two people.

mod head;
mod release;
mod verdicts;

pub use head::{Example, Head, HeadError, refit};
pub use release::{Gate, GateReport, Manifest, ReleaseError, Releases, Shadow, shadow_compare};
pub use verdicts::{Label, Memory, MemorySettings, Recalled, Verdict, VerdictError};
