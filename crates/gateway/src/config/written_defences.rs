//! What a tier may demand beyond the checks that ship, as written: checks of one's own, a policy for tool calls, second opinions, what a conversation comes to.
//! All of it is off until it is written.

use std::collections::BTreeMap;
use std::path::PathBuf;

use casemate_classify::external::{DeskSettings, FailMode, ServiceKind};
use casemate_classify::session::{ConversationSettings, ToolRule};
use casemate_finding::SecretSource;
use casemate_store::model::Role;
use serde::{Deserialize, Serialize};

use super::settings::Action;

/// Models in place of those that ship, for every tier.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelsConfig {
    /// File of `casemate train injection` or `casemate train calibrate --kind injection`.
    pub injection: Option<PathBuf>,
    /// File of `casemate train toxicity`, or of `casemate train calibrate --kind text` on it.
    pub toxicity: Option<PathBuf>,
}

/// What to do about a finding that can be let pass or refused, and nothing in between.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Firmness {
    /// Let it pass and say so.
    Flag,
    /// Refuse the request, stop the answer.
    #[default]
    Block,
}

impl From<Firmness> for Action {
    fn from(firmness: Firmness) -> Self {
        match firmness {
            Firmness::Flag => Self::Flag,
            Firmness::Block => Self::Block,
        }
    }
}

/// Which way a text goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// In requests.
    Input,
    /// In answers.
    Output,
}

/// A check of one's own: a model that `casemate train classifier` wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnCheckConfig {
    /// The model's file; a relative path starts at the configuration file's folder. One that cannot be loaded fails the
    /// start.
    pub path: PathBuf,
    /// What a text at or over the model's block threshold comes to: `flag` or `block`. Over the flag threshold alone it
    /// is flagged. Default `block`.
    #[serde(default)]
    pub action: Firmness,
    /// `input` or `output`.
    pub channel: Direction,
}

/// Which tool calls of an answer reach the caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolsConfig {
    /// What a call comes to that is not on the list or does not have the shape that its rule asks for. Default `block`.
    #[serde(default)]
    pub refused: Firmness,
    /// What a call comes to that a person must approve. Default `block`.
    #[serde(default)]
    pub approval: Firmness,
    /// How people are asked where `approval` is `block`.
    #[serde(default)]
    pub approvals: ApprovalsConfig,
    /// Tools that may be called, with the shape of their arguments; all others are refused.
    pub allow: BTreeMap<String, ToolRule>,
}

/// How people are asked about a tool call that takes approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApprovalsConfig {
    /// How many different people must allow a call, 1 to 8. Default 1.
    pub people: u32,
    /// The least role that may answer: `analyst`, `approver`, `engineer`, `admin`. Default `approver`.
    pub role: Role,
    /// How long a question stands, and with it what was allowed or denied, in milliseconds, at most a week. Default one hour.
    pub expires_ms: i64,
    /// Questions of one key that may wait at once, 1 to 1,024. Default 64.
    pub pending_max: u32,
}

impl Default for ApprovalsConfig {
    fn default() -> Self {
        Self { people: 1, role: Role::Approver, expires_ms: 3_600_000, pending_max: 64 }
    }
}

/// What an adviser is: a service outside, or a model of one's own in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdviserKind {
    /// `POST /v1/moderations` of OpenAI and those that are compatible with it.
    OpenaiModeration,
    /// Azure AI Content Safety `text:analyze`.
    AzureContentSafety,
    /// Azure AI Content Safety `text:shieldPrompt`.
    AzurePromptShields,
    /// Lakera Guard `POST /v2/guard`.
    LakeraGuard,
    /// A service of one's own; each request is signed.
    Webhook,
    /// A text classifier in ONNX with its tokenizer.
    Onnx,
}

impl AdviserKind {
    /// What a service speaks; none for a model.
    pub const fn service(self) -> Option<ServiceKind> {
        match self {
            Self::OpenaiModeration => Some(ServiceKind::OpenaiModeration),
            Self::AzureContentSafety => Some(ServiceKind::AzureContentSafety),
            Self::AzurePromptShields => Some(ServiceKind::AzurePromptShields),
            Self::LakeraGuard => Some(ServiceKind::LakeraGuard),
            Self::Webhook => Some(ServiceKind::Webhook),
            Self::Onnx => None,
        }
    }
}

/// Who may be asked for a second opinion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdviserConfig {
    /// Its name in tiers, findings and reports; unique.
    pub name: String,
    /// What it is.
    pub kind: AdviserKind,
    /// A service's address: `https://host`, with a path if it has one before its own; a webhook's whole URL.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// A service's key; for a webhook the secret that signs.
    #[serde(default)]
    pub api_key: Option<SecretSource>,
    /// `openai_moderation`: the model's name. `lakera_guard`: the project's id. `onnx`: the model's file. Default: the service's own.
    #[serde(default)]
    pub model: Option<String>,
    /// When to give up, in milliseconds, 1 to 30,000. Default 1,000.
    #[serde(default = "timeout_ms")]
    pub timeout_ms: u64,
    /// `onnx`: the model's `tokenizer.json`.
    #[serde(default)]
    pub tokenizer: Option<PathBuf>,
    /// `onnx`: the ONNX Runtime library that runs it (a build with `onnx-ort`). Default: the runtime that is built in.
    #[serde(default)]
    pub library: Option<PathBuf>,
    /// `onnx`: names of the classes, in the order of the logits.
    #[serde(default)]
    pub labels: Vec<String>,
    /// `onnx`: which of them counts as an attack.
    #[serde(default)]
    pub positive: Option<String>,
    /// `onnx`: tokens that the model reads at once, 16 to 8,192. Default 512.
    #[serde(default = "tokens_max")]
    pub tokens_max: usize,
    /// `onnx`: pieces of one text; a text of more is not checked. Default 8.
    #[serde(default = "pieces_max")]
    pub pieces_max: usize,
}

const fn timeout_ms() -> u64 {
    1_000
}

const fn tokens_max() -> usize {
    512
}

const fn pieces_max() -> usize {
    8
}

/// Which score an opinion is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum About {
    /// Prompt injection.
    Injection,
    /// Abusive text.
    Toxicity,
}

/// A second opinion that a tier asks for where the classifiers that ship are unsure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecondOpinionConfig {
    /// Who is asked.
    pub adviser: String,
    /// About which score: `injection` or `toxicity`. The tier's check of that name must not be `off`.
    pub about: About,
    /// `input` or `output`.
    pub channel: Direction,
    /// Lowest score that is asked about. Default 0.2.
    #[serde(default = "low")]
    pub low: f32,
    /// First score that is sure. Default 0.998.
    #[serde(default = "high")]
    pub high: f32,
    /// Score of an opinion from which to flag. Default 0.5.
    #[serde(default = "flag")]
    pub flag: f32,
    /// Score of an opinion from which to do what the tier's check says. Default 0.9.
    #[serde(default = "block")]
    pub block: f32,
    /// An opinion of harmless may take back a flag, never a block. Default false.
    #[serde(default)]
    pub may_clear: bool,
    /// What no opinion comes to: `block`, `flag`, or `keep` (the first decision, marked as not checked). Default `block`.
    #[serde(default = "fail")]
    pub fail: FailMode,
    /// Opinions remembered, without the texts. Default 10,000.
    #[serde(default = "cache_entries_max")]
    pub cache_entries_max: usize,
    /// For how long, in milliseconds. Default ten minutes.
    #[serde(default = "cache_ttl_ms")]
    pub cache_ttl_ms: i64,
    /// Failures in a row after which the adviser is left in peace. Default 5.
    #[serde(default = "failures_max")]
    pub failures_max: u32,
    /// For how long, in milliseconds. Default 30 s.
    #[serde(default = "rest_ms")]
    pub rest_ms: i64,
}

fn low() -> f32 {
    DeskSettings::default().band.low
}

fn high() -> f32 {
    DeskSettings::default().band.high
}

fn flag() -> f32 {
    DeskSettings::default().thresholds.flag
}

fn block() -> f32 {
    DeskSettings::default().thresholds.block
}

const fn fail() -> FailMode {
    FailMode::Block
}

fn cache_entries_max() -> usize {
    DeskSettings::default().cache_entries_max
}

fn cache_ttl_ms() -> i64 {
    DeskSettings::default().cache_ttl_ms
}

fn failures_max() -> u32 {
    DeskSettings::default().failures_max
}

fn rest_ms() -> i64 {
    DeskSettings::default().rest_ms
}

/// What single requests do not show: scores that add up over a conversation, a refused request that comes back, a message that
/// holds a whole conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConversationConfig {
    /// What a conversation at or over a block threshold comes to: `flag` or `block`. Default `block`.
    pub action: Firmness,
    /// Share of the accumulated evidence that is kept from one turn to the next, 0 to 1. Default 0.8.
    pub memory: f32,
    /// Score of a turn below which it adds nothing, 0 to 1. Default 0.3.
    pub baseline: f32,
    /// Accumulated evidence, in turns that scored 1, from which to flag. Default 1.2.
    pub accumulated_flag: f32,
    /// And from which to block. Default 2.4.
    pub accumulated_block: f32,
    /// How near a request must be to a refused one to be the same again, 0 to 1. Default 0.7.
    pub retry_cosine_min: f32,
    /// Retries after a refusal from which to flag. Default 2.
    pub retries_flag: u32,
    /// And from which to block. Default 5.
    pub retries_block: u32,
}

impl Default for ConversationConfig {
    fn default() -> Self {
        let s = ConversationSettings::default();
        Self {
            action: Firmness::Block,
            memory: s.memory,
            baseline: s.baseline,
            accumulated_flag: s.accumulated.flag,
            accumulated_block: s.accumulated.block,
            retry_cosine_min: s.retry_cosine_min,
            retries_flag: s.retries.0,
            retries_block: s.retries.1,
        }
    }
}

/// Conversations that are followed, of all tiers that ask for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConversationsConfig {
    /// Most at once, about 5 KiB each; the one that was idle longest goes. Default 4,096.
    pub entries_max: usize,
    /// One that was idle for so long begins anew, in milliseconds. Default one hour.
    pub idle_ms: i64,
}

impl Default for ConversationsConfig {
    fn default() -> Self {
        Self { entries_max: 4_096, idle_ms: 3_600_000 }
    }
}
