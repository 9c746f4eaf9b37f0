//! What happens beside the requests, on the runtime of whoever hosts the gateway: keys and containments are read again
//! when they change, signals are written, the status is reported.

mod refresh;
mod report;

pub(crate) use refresh::{load_containments, load_keys, refresh};
pub(crate) use report::report;
