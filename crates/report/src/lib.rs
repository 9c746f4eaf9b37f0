//! Writers of findings and verdicts: JSON, SARIF, tables.
