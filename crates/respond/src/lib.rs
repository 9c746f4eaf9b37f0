//! The response engine: intake, durable runs, approvals, cases, connectors, evidence.
