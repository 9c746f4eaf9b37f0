//! Charts as SVG and small HTML, drawn on the server from numbers; every text in them is escaped here.

mod graph;
mod traffic;

pub use crate::words::Markup;
pub use graph::step_graph;
pub use traffic::{risk_bar, traffic_chart};
