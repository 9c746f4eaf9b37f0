//! People's door: server-rendered pages, the JSON API, sessions, roles.
//!
//! Reading order: [`config`], [`app`] (what handlers share and what the binary hands in), `server`, `routes`, `guard` (who
//! calls, and whether a form is theirs), `people`, `data` (what is shown), `pages`, `api`, `draw`.
//!
//! Invariants: every query is made within the caller's tenant; nothing is changed without a role check, this session's
//! form token (or a bearer token) and an audit entry; text from outside reaches a page through escaping templates only;
//! a page needs no script to work; the console knows the store, and neither gateway nor response.

mod api;
pub mod app;
mod assets;
pub mod config;
mod data;
mod draw;
mod entropy;
mod frame;
mod guard;
mod headers;
pub mod limits;
mod pages;
mod people;
mod presidio;
mod problem;
mod routes;
mod server;
mod tls;
mod words;

pub use api::openapi;
pub use app::{Extras, IssuedKey, KeyIssuer, KeyRequest, PlaybookSource, TierLimits};
pub use config::{ConfigError, ConsoleConfig, ConsoleSettings, TlsConfig};
pub use entropy::{Entropy, NoEntropy};
pub use headers::CONTENT_SECURITY_POLICY;
pub use people::{AccessError, bootstrap_admin, issue_api_token, revoke_api_token};
pub use server::{Console, RunningConsole, StartError};
pub use tls::TlsError;
