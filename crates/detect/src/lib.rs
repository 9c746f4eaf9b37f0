//! The text detection engine: PII and secrets in one pass, streaming, anonymisation. Bytes in, findings out.
