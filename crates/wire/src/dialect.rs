//! The two wire dialects.

/// Which vendor's wire format a route speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// OpenAI: `/v1/chat/completions`, `/v1/models`; also what plain model end-points get their errors in.
    OpenAi,
    /// Anthropic: `/v1/messages`.
    Anthropic,
}

impl Dialect {
    /// The name used in configuration and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
        }
    }

    /// The dialect with this name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::OpenAi, Self::Anthropic].into_iter().find(|d| d.as_str() == name)
    }
}

impl std::fmt::Display for Dialect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}
