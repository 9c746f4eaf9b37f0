//! The gateway against a real upstream stub over real sockets.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod abuse;
mod approvals;
mod chunkings;
mod conversations;
mod dialect_rules;
mod feedback;
mod flow_rules;
mod head_rules;
mod house;
mod inspection;
mod known_texts;
mod leaving;
mod models;
#[cfg(any(feature = "onnx", feature = "onnx-ort"))]
mod onnx;
mod own_checks;
mod own_models;
mod sdk;
mod second_opinions;
mod stub;
mod tls;
mod tool_calls;
