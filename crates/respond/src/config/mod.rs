//! Configuration: as written ([`RespondConfig`], every value with a documented default) and as meant ([`Settings`],
//! checked, no options left open).

mod settings;
mod written;

pub use casemate_finding::{SecretReader, SecretSource};
pub use settings::{Auth, ConfigProblem, Connection, Header, Reading, Settings, Source};
pub use written::{
    AuthConfig, ConnectionConfig, DatasetConfig, EgressConfig, EvidenceConfig, HeaderConfig, InventoryConfig,
    LimitsConfig, ModelConfig, PipelineConfig, RespondConfig, SourceConfig, TierConfig,
};
