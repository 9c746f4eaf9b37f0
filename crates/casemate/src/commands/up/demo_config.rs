//! The demonstration's configuration: what a person would write in `casemate.yaml`, with windows of seconds where
//! production has minutes, so that a surge is seen while somebody watches.

use std::net::SocketAddr;
use std::path::Path;

use crate::config::Config;
use crate::failure::Failure;

/// Listeners of one demonstration.
pub(super) struct Ports {
    pub(super) gateway: u16,
    pub(super) respond: u16,
    pub(super) console: u16,
}

impl Ports {
    /// Those of the documentation, for a person who follows it.
    pub(super) const FIXED: Self = Self { gateway: 8080, respond: 8081, console: 8082 };
    /// Any free ones, for a play that nobody watches.
    pub(super) const FREE: Self = Self { gateway: 0, respond: 0, console: 0 };
}

/// The configuration, read from YAML by the same code as a file.
pub(super) fn config(dir: &Path, model: SocketAddr, ports: &Ports) -> Result<Config, Failure> {
    let Ports { gateway, respond, console } = ports;
    let quoted = |path: &Path| serde_json::Value::from(path.display().to_string()).to_string();
    let (data, work, token) = (quoted(&dir.join("data")), quoted(&dir.join("work")), quoted(&dir.join("dlp-token")));
    let dataset = quoted(&dir.join("work").join("fraud-train-2026w47.csv"));
    let yaml = format!(
        r#"
data_dir: {data}
log: {{level: warn}}
gateway:
  listen: 127.0.0.1:{gateway}
  upstreams:
    - {{name: demo-openai, dialect: openai, base_url: "http://{model}", models: ["demo-chat"], private_ok: true}}
    - {{name: demo-anthropic, dialect: anthropic, base_url: "http://{model}", models: ["demo-claude"], private_ok: true}}
  endpoints:
    - {{name: churn, url: "http://{model}/churn", model: churn}}
  tiers:
    default: {{requests_per_min: 6000}}
    partner: {{requests_per_min: 60000, concurrency: 512}}
  abuse:
    surge: {{window_ms: 1000, sustained_windows: 3, factor: 5.0, learn_windows: 5, half_life_windows: 30.0, requests_min: 20}}
respond:
  listen: 127.0.0.1:{respond}
  sources:
    - name: dlp
      kind: generic
      auth: {{bearer: {{token: {{file: {token}}}}}}}
      mapping:
        rule: raw.rule
        title: raw.title
        severity: raw.severity
        confidence: "0.9"
        entities: {{dataset: raw.dataset, model: raw.model, principal: raw.user, run: raw.pipeline}}
        atlas: "['AML.T0020']"
        attributes: {{file: raw.file, detail: raw.detail}}
  inventory:
    models:
      - {{name: churn, tier: 2, owner: growth, endpoints: [churn], datasets: [crm-2026]}}
      - {{name: fraud, tier: 1, owner: risk, endpoints: [fraud], datasets: [fraud-train-2026w47]}}
    datasets:
      - {{name: fraud-train-2026w47, owner: risk, path: {dataset}}}
    pipelines:
      - {{name: fraud-weekly, datasets: [fraud-train-2026w47], models: [fraud]}}
  evidence: {{roots: [{work}]}}
console:
  listen: 127.0.0.1:{console}
"#
    );
    serde_saphyr::from_str(&yaml).map_err(|e| Failure::internal("cannot read the demonstration's configuration", e))
}

#[cfg(test)]
mod tests {
    use super::{Ports, config};

    #[test]
    fn it_is_a_configuration() {
        let made = config(std::path::Path::new("/x y/\"z\""), ([127, 0, 0, 1], 9).into(), &Ports::FREE).expect("reads");
        assert_eq!(made.respond.sources.len(), 1);
        assert_eq!(made.data_dir, std::path::Path::new("/x y/\"z\"/data"));
    }
}
