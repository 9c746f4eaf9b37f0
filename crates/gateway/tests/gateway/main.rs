//! The gateway against a real upstream stub over real sockets.

mod abuse;
mod dialect_rules;
mod flow_rules;
mod head_rules;
mod house;
mod inspection;
mod sdk;
mod stub;
