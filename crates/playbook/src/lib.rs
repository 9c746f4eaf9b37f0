//! CACAO playbooks: language, validation, expressions and the interpreter (state, event) to commands. Pure.
