//! Alerts to incidents: mapping, deduplication, folding, correlation, risk, decision. Pure.
