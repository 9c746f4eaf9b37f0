//! Second opinions: a user's own model (features `onnx`, `onnx-ort`) and outside services, asked only where the embedded classifiers are
//! unsure. Nothing here opens a connection: a [`Service`] turns a question into an HTTP request and a reply into an
//! [`Opinion`], a [`Desk`] says whether to ask at all and what an answer, or none, comes to. Who sends is a [`Transport`].
//!
//! What could not be asked is *not checked* ([`Advice::NotChecked`]) and never *clean*.

mod azure;
mod cache;
mod desk;
mod http;
mod lakera;
#[cfg(any(feature = "onnx", feature = "onnx-ort"))]
mod onnx;
mod openai;
mod service;
mod webhook;

pub use cache::{CacheKey, OpinionCache};
pub use desk::{Advice, Advised, Desk, DeskSettings, FailMode, GreyBand, SettingsError, Step};
pub use http::{HttpReply, HttpRequest, Transport, TransportError};
#[cfg(any(feature = "onnx", feature = "onnx-ort"))]
pub use onnx::{OnnxError, OnnxModel, OnnxSettings};
pub use service::{Adviser, AskError, Opinion, Question, Service, ServiceError, ServiceKind, ServiceSettings};
