//! The demonstration's configuration: what a person would write in `casemate.yaml`, with windows of seconds where
//! production has minutes, so that a surge is seen while somebody watches.

use std::net::SocketAddr;
use std::path::Path;

use super::demo_stage::Folder;
use crate::config::Config;
use crate::failure::Failure;
use crate::playbooks::SHIPPED;

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

/// Where the playbooks are that also announce their case.
const PLAYBOOKS: &str = "playbooks";

/// Put before the hand-off of every playbook: one request that must arrive once, whatever happens meanwhile.
const ANNOUNCE: &str = "  - step: announce
    name: Announce the case
    phase: action
    action: http.request
    mode: verify
    args: {connection: announce, method: POST, path: [notify], body: {case: '${case.id}'}}
    undo:
      action: http.request
      args: {connection: announce, method: POST, path: [withdraw], body: {case: '${case.id}'}}
";
/// The step that every playbook that ships ends with.
const HAND_OFF: &str = "  - step: hand-off\n";

/// Writes the playbooks that ship into the folder, each with one step more: the case is announced before it is handed off.
pub(super) fn write_announcing_playbooks(folder: &Folder) -> Result<(), Failure> {
    for (file, text) in SHIPPED {
        let Some(at) = text.find(HAND_OFF) else {
            return Err(Failure::internal("cannot set the stage", format!("{file} has no hand-off")));
        };
        let (before, after) = text.split_at(at);
        folder.write(&format!("{PLAYBOOKS}/{file}"), &format!("{before}{ANNOUNCE}{after}"))?;
    }
    Ok(())
}

/// The configuration, read from YAML by the same code as a file.
pub(super) fn config(
    dir: &Path,
    model: SocketAddr,
    ports: &Ports,
    announce: Option<SocketAddr>,
) -> Result<Config, Failure> {
    let Ports { gateway, respond, console } = ports;
    let quoted = |path: &Path| serde_json::Value::from(path.display().to_string()).to_string();
    let (data, work, token) = (quoted(&dir.join("data")), quoted(&dir.join("work")), quoted(&dir.join("dlp-token")));
    let dataset = quoted(&dir.join("work").join("fraud-train-2026w47.csv"));
    let announcing = announce.map_or_else(String::new, |addr| {
        let playbooks = quoted(&dir.join(PLAYBOOKS));
        format!(
            r#"
  playbooks: {playbooks}
  connections:
    - {{name: announce, url: "http://{addr}", verify: "/seen/{{key}}"}}
  egress: {{hosts: ["{host}"], private_ranges: ["127.0.0.0/8", "::1/128"], plain_http: true}}"#,
            host = addr.ip()
        )
    });
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
  evidence: {{roots: [{work}]}}{announcing}
console:
  listen: 127.0.0.1:{console}
"#
    );
    serde_saphyr::from_str(&yaml).map_err(|e| Failure::internal("cannot read the demonstration's configuration", e))
}

#[cfg(test)]
mod tests {
    use super::{Folder, Ports, config, write_announcing_playbooks};

    #[test]
    fn it_is_a_configuration() {
        let made = config(std::path::Path::new("/x y/\"z\""), ([127, 0, 0, 1], 9).into(), &Ports::FREE, None);
        let made = made.expect("reads");
        assert_eq!(made.respond.sources.len(), 1);
        assert_eq!(made.data_dir, std::path::Path::new("/x y/\"z\"/data"));
    }

    #[test]
    fn every_playbook_can_announce_its_case() {
        let dir = tempfile::tempdir().expect("a folder");
        let folder = Folder::open(Some(&dir.path().join("stage")), true).expect("opens");
        write_announcing_playbooks(&folder).expect("writes");
        let library = crate::playbooks::library(Some(&folder.path.join("playbooks"))).expect("reads");
        assert_eq!(library.entries().len(), crate::playbooks::SHIPPED.len());
        let to = Some(([127, 0, 0, 1], 9).into());
        let made = config(&folder.path, ([127, 0, 0, 1], 8).into(), &Ports::FREE, to).expect("reads");
        assert_eq!(made.respond.connections.len(), 1);
    }
}
