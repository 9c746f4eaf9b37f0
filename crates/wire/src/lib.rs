//! LLM wire formats: dialects, SSE codec, error bodies, text carriers. No I/O.
