//! Durable state by aggregate: traits, the SQLite back end, migrations, one conformance suite.
