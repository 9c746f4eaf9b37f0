//! Configuration: what was written ([`GatewayConfig`]), checked and turned into what is meant ([`Settings`]).

mod compile;
mod compile_defences;
mod defences;
mod settings;
mod written;
mod written_defences;

pub use compile::{ConfigProblem, ResolvedSecrets, compile, compile_in};
pub use defences::{Adviser, AdviserBy, ConversationDefence, Defences, OwnCheck, SecondOpinion, ToolDefence};
pub use settings::{
    Action, Checks, Endpoint, Inspection, ModelPattern, Rates, Settings, SurgeSettings, Tier, Timeouts, Upstream,
    UpstreamAuth,
};
pub use written::{
    AbuseConfig, ChecksConfig, EndpointConfig, GatewayConfig, InspectionConfig, JsonConfig, LimitsConfig,
    RELEASE_KEY_PATH, RatesConfig, SurgeConfig, TierConfig, TimeoutsConfig, TlsConfig, UpstreamConfig,
};
pub use written_defences::{
    About, AdviserConfig, AdviserKind, ApprovalsConfig, ConversationConfig, ConversationsConfig, Direction, Firmness,
    ModelsConfig, OwnCheckConfig, SecondOpinionConfig, ToolsConfig,
};
