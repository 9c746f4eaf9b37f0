//! Injection, toxicity and similarity: embedded classifiers. Text in, calibrated scores out.
