//! What single messages do not show: scores that add up over a conversation, a refused request that comes back, a message
//! that holds a whole conversation, and values that travel from untrusted text into a tool call.

mod many_shot;
mod taint;
mod tools;
mod turns;

pub use many_shot::{embedded_turns, many_shot_score};
pub use taint::{Taint, TaintLimits};
pub use tools::{Approval, ArgumentKind, ArgumentRule, ToolDecision, ToolPolicy, ToolRefusal, ToolRule};
pub use turns::{Conversation, ConversationScore, ConversationSettings, is_refusal};
