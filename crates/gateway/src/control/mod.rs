//! What happens beside the requests, on the runtime of whoever hosts the gateway: keys, containments and rulings are read again
//! when they change, signals are written, the status is reported.

mod refresh;
mod report;

pub(crate) use refresh::{Generations, load_containments, load_feedback, load_keys, refresh};
pub(crate) use report::report;
