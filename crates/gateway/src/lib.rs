//! The data plane: a reverse proxy in front of LLM and model APIs.
