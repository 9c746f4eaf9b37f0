//! One finding of an inspection, without a byte of what was found.

use casemate_finding::Severity;

use crate::config::{Action, Checks};

/// Which check saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Check {
    /// Personal data.
    Pii,
    /// Credentials.
    Secrets,
    /// Prompt injection.
    Injection,
    /// Abusive text.
    Toxicity,
    /// Canary strings.
    Canary,
    /// An address in a private range that the upstream would fetch from.
    PrivateUrl,
    /// A check of one's own.
    Own,
    /// A tool call that the policy refuses.
    ToolCall,
    /// A tool call that a person must approve.
    ToolApproval,
    /// A second opinion that the tier demands, and nobody gave.
    Unchecked,
    /// What a conversation came to over its turns.
    Conversation,
}

impl Check {
    /// The name in configuration, logs and error codes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pii => "pii",
            Self::Secrets => "secrets",
            Self::Injection => "injection",
            Self::Toxicity => "toxicity",
            Self::Canary => "canary",
            Self::PrivateUrl => "private_url",
            Self::Own => "own_check",
            Self::ToolCall => "tool_call",
            Self::ToolApproval => "tool_approval",
            Self::Unchecked => "unchecked",
            Self::Conversation => "conversation",
        }
    }

    /// What a refusal says to the caller: the check, never what it saw.
    pub const fn refusal(self) -> &'static str {
        match self {
            Self::Pii => "the request was blocked: it holds personal data",
            Self::Secrets => "the request was blocked: it holds a credential",
            Self::Injection => "the request was blocked: it looks like a prompt injection",
            Self::Toxicity => "the request was blocked: abusive text",
            Self::Canary => "the request was blocked: it holds a protected string",
            Self::PrivateUrl => "the request was blocked: it names an address that must not be fetched",
            Self::Own => "the request was blocked by a check of this organisation",
            Self::ToolCall => "the answer was blocked: it calls a tool in a way that the policy does not allow",
            Self::ToolApproval => "the answer was blocked: it calls a tool, which a person must approve first",
            Self::Unchecked => "the request was blocked: a check that is asked for here could not be made",
            Self::Conversation => "the request was blocked: the conversation has come to look like an attack",
        }
    }

    /// The OpenAI `code` of a refusal.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Pii => "blocked_pii",
            Self::Secrets => "blocked_secret",
            Self::Injection => "blocked_injection",
            Self::Toxicity => "blocked_toxicity",
            Self::Canary => "blocked_canary",
            Self::PrivateUrl => "blocked_private_url",
            Self::Own => "blocked_own_check",
            Self::ToolCall => "blocked_tool_call",
            Self::ToolApproval => "tool_approval_needed",
            Self::Unchecked => "blocked_unchecked",
            Self::Conversation => "blocked_conversation",
        }
    }

    /// How bad it is when it is blocked or redacted.
    pub const fn severity(self) -> Severity {
        match self {
            Self::Pii | Self::Toxicity => Severity::Low,
            Self::Injection
            | Self::PrivateUrl
            | Self::Own
            | Self::ToolCall
            | Self::ToolApproval
            | Self::Unchecked
            | Self::Conversation => Severity::Medium,
            Self::Secrets => Severity::High,
            Self::Canary => Severity::Critical,
        }
    }

    /// What the tier does about it.
    pub const fn action(self, checks: &Checks) -> Action {
        match self {
            Self::Pii => checks.pii,
            Self::Secrets => checks.secrets,
            Self::Injection => checks.injection,
            Self::Toxicity => checks.toxicity,
            Self::Canary => checks.canary,
            // Each of these says itself what it comes to.
            Self::PrivateUrl
            | Self::Own
            | Self::ToolCall
            | Self::ToolApproval
            | Self::Unchecked
            | Self::Conversation => Action::Block,
        }
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    /// Which check saw it.
    pub check: Check,
    /// What was done about it.
    pub action: Action,
    /// What it is: `EMAIL_ADDRESS`, `injection/override`, …
    pub label: String,
    /// Where, as `messages[1].content`; empty in streams.
    pub path: String,
    /// Probability that it is true, 0 to 1.
    pub score: f32,
}
