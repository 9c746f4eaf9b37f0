//! Limits: token buckets and counts of requests under way, for every scope a request falls into, combined by AND.

mod bucket;
mod headers;
mod table;

pub use bucket::Bucket;
pub use headers::limit_headers;
pub use table::{LimitTable, Permit, Quota, Refusal, Scope, ScopeKind, Standing};
