//! The response engine end to end, on a real SQLite file.
