//! To the upstream and back.

mod breaker;
mod headers;
mod pool;

pub use breaker::{Breaker, BreakerState};
pub use headers::{REQUEST_ID, request_headers, response_headers};
pub use pool::{CallError, Pools};
