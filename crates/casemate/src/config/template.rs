//! The commented file that `casemate init` writes. A test holds it against the types, so that it stays true.

/// What `casemate init` writes.
pub(crate) const TEMPLATE: &str = r#"# Casemate configuration. Every key below may be left out; the values shown in comments are the defaults.
# Check it with `casemate check --config casemate.yaml`, test what it names with `casemate doctor --config casemate.yaml`.

# Everything that is kept: the store, evidence, hand-off packages, key material. Readable by this user alone.
data_dir: ./casemate-data

store:
  # path: ./casemate-data/casemate.db
  busy_timeout_ms: 5000

gateway:
  listen: 127.0.0.1:8080
  # tls: {cert: ./tls/chain.pem, key: ./tls/key.pem}
  # trusted_proxies: [10.0.0.0/8]       # whose X-Forwarded-For is believed; default none
  body_bytes_max: 4194304

  # LLM services. Secrets are named here, never written: {env: NAME} or {file: PATH}.
  upstreams:
    - name: local
      dialect: openai                   # openai or anthropic
      base_url: http://127.0.0.1:11434  # any OpenAI-compatible server
      # api_key: {env: OPENAI_API_KEY}
      models: ["*"]                     # which model names go there

  # Plain model services behind /infer/{name}.
  # endpoints:
  #   - name: churn
  #     url: http://127.0.0.1:9000/predict
  #     text_fields: [comment]          # members whose text is inspected

  # What the keys of a tier may do, and how their traffic is inspected: off, flag, redact or block.
  tiers:
    default:
      requests_per_min: 600
      tokens_per_min: 1000000
      concurrency: 64
      inspection:
        input: {pii: flag, secrets: redact, injection: block, toxicity: flag}
        output: {pii: flag, secrets: redact, canary: block}
      # Off until written; docs/gateway-defences.md says what each does.
      # checks: [{path: ./checks/price-list.bin, action: block, channel: output}]
      # tools: {allow: {mail: {arguments: {to: {kind: string, required: true}}}}, approvals: {people: 1, role: approver}}
      # second_opinions: [{adviser: lakera, about: injection, channel: input, fail: block}]
      # conversation: {action: block}

  # Who may be asked where the classifiers are unsure.
  # advisers:
  #   - {name: lakera, kind: lakera_guard, endpoint: https://api.lakera.ai, api_key: {env: LAKERA_KEY}}

  limits:
    per_address: {requests_per_min: 6000, concurrency: 256}

  abuse:
    surge: {window_ms: 30000, sustained_windows: 10, factor: 5.0}
    stuffing_distinct_min: 10

respond:
  listen: 127.0.0.1:8081
  # Playbooks of your own; those that ship are built in and work without.
  # playbooks: ./playbooks
  # Who may post alerts to /api/v1/alerts/NAME, and how they prove it.
  sources: []
  #  - name: dlp
  #    auth: {bearer: {token: {env: DLP_TOKEN}}}
  # Models with tier (1 is the most critical) and owner: blast radius and approvals depend on them.
  inventory:
    models: []
    #  - {name: churn, tier: 2, owner: growth, endpoints: [churn]}
  # Folders that evidence may be taken from.
  evidence: {roots: []}
  # Where http.request steps may go; private ranges are refused unless named.
  egress: {hosts: [], private_ranges: []}

console:
  listen: 127.0.0.1:8082
  session_hours: 12

# Each night a correction of the injection score is fitted to what people said of traffic. It waits as a candidate:
# `casemate feedback promote` puts one in force. Rows are JSON lines {"text": …, "label": 0 or 1}.
# feedback:
#   refit: {at: '02:30', zone: UTC, minimum: 50, anchors: [./anchors.jsonl], data: [./frozen.jsonl]}

log:
  level: info
  json: false
"#;

#[cfg(test)]
mod tests {
    use crate::config::Config;

    #[test]
    fn the_template_is_a_configuration() {
        let config: Config = serde_saphyr::from_str(super::TEMPLATE).expect("parses");
        assert_eq!(config.gateway.upstreams.len(), 1);
        assert_eq!(config.gateway.listen, "127.0.0.1:8080");
    }

    /// What the comments call a default is one.
    #[test]
    fn shown_values_are_the_defaults() {
        let shown: Config = serde_saphyr::from_str(super::TEMPLATE).expect("parses");
        let plain = Config::default();
        assert_eq!(shown.store, plain.store);
        assert_eq!(shown.log, plain.log);
        assert_eq!(shown.gateway.limits, plain.gateway.limits);
        assert_eq!(shown.gateway.abuse, plain.gateway.abuse);
        assert_eq!(shown.gateway.body_bytes_max, plain.gateway.body_bytes_max);
        assert_eq!(shown.respond.listen, plain.respond.listen);
    }
}
