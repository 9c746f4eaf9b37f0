//! Configuration: what was written ([`GatewayConfig`]), checked and turned into what is meant ([`Settings`]).

mod compile;
mod settings;
mod written;

pub use compile::{ConfigProblem, ResolvedSecrets, compile};
pub use settings::{
    Action, Checks, Endpoint, Inspection, ModelPattern, Rates, Settings, SurgeSettings, Tier, Timeouts, Upstream,
    UpstreamAuth,
};
pub use written::{
    AbuseConfig, ChecksConfig, EndpointConfig, GatewayConfig, InspectionConfig, JsonConfig, LimitsConfig, RatesConfig,
    SurgeConfig, TierConfig, TimeoutsConfig, TlsConfig, UpstreamConfig,
};
