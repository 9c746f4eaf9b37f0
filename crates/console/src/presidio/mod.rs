//! Presidio's analyzer and anonymizer over our detectors: the requests and answers of its two services (Microsoft
//! Presidio 2.2, `presidio-analyzer` and `presidio-anonymizer` images), so that what calls them can call this instead.
//!
//! The same: fields of requests and answers, offsets in characters, overlap rules, operators. Different: a caller needs
//! a token; refusals have this API's shape; patterns are linear-time, so look-around is refused; rules are of all
//! languages, so `language` chooses nothing.

mod adhoc;
mod analyse;
mod anonymise;
mod conflict;
pub mod handlers;
mod operator;

use serde::{Deserialize, Serialize};

/// What was recognised: `start..end` in characters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recognised {
    /// First character.
    pub start: usize,
    /// One past the last.
    pub end: usize,
    /// Its label.
    pub entity_type: String,
    /// 0 to 1.
    pub score: f64,
}
