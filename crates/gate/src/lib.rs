//! The gate: checks by stage, verdict, exit code.
