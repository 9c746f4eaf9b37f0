//! A gateway alone, for measurements: `serve UPSTREAM_URL PROFILE [LISTEN] [KEYS]`, where PROFILE is `off`, `limits`, `text`
//! (all but the learned classifiers) or `all`, and KEYS how many keys there are. Prints its address and a key, and runs until
//! its standard input closes.
#![expect(clippy::print_stdout, reason = "a command-line tool")]

use std::io::Read;
use std::sync::Arc;

use casemate_finding::Secret;
use casemate_gateway::key::RANDOM_BYTES;
use casemate_gateway::{Gateway, GatewayConfig, NewKey, ResolvedSecrets, compile, issue_key};
use casemate_store::Store;
use casemate_store::clock::Clock;
use casemate_store::model::TenantId;
use casemate_store::sqlite::{SqliteOptions, SqliteStore};
use casemate_store::traits::Keys;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const OFF: &str = "{pii: off, secrets: off, injection: off, toxicity: off, canary: off}";

/// `off`: proxy and key only. `limits`: with limits by address, key, tenant and model. `text`: and personal data and secrets.
/// `all`: and every check there is.
fn profile(name: &str) -> Option<String> {
    let wide = "{requests_per_min: 100000000, tokens_per_min: 100000000000, concurrency: 100000}";
    let limits = format!("limits: {{per_address: {wide}, per_tenant: {wide}, per_model: {wide}}}");
    let rates = "requests_per_min: 100000000, tokens_per_min: 100000000000, concurrency: 100000";
    let unlimited = "requests_per_min: null, tokens_per_min: null, concurrency: null";
    let off = format!("inspection: {{input: {OFF}, output: {OFF}}}");
    let every = "{pii: redact, secrets: redact, injection: block, toxicity: flag}";
    let all = format!("inspection: {{input: {every}, output: {every}}}");
    let found = "{pii: redact, secrets: redact, injection: off, toxicity: off}";
    let text = format!("inspection: {{input: {found}, output: {found}}}");
    Some(match name {
        "off" => format!("limits: {{per_address: {{}}}}\ntiers: {{default: {{{unlimited}, {off}}}}}"),
        "limits" => format!("{limits}\ntiers: {{default: {{{rates}, {off}}}}}"),
        "text" => format!("{limits}\ntiers: {{default: {{{rates}, {text}}}}}"),
        "all" => format!("{limits}\ntiers: {{default: {{{rates}, {all}}}}}"),
        _ => return None,
    })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [upstream, name, rest @ ..] = &arguments[..] else {
        return Err("serve UPSTREAM_URL PROFILE [LISTEN] [KEYS]".into());
    };
    let profile = profile(name).ok_or("PROFILE is off, limits, text or all")?;
    let listen = rest.first().map_or("127.0.0.1:0", String::as_str);
    let yaml = format!(
        "listen: '{listen}'\nthreads: 1\nupstreams: [{{name: u, dialect: openai, base_url: '{upstream}'}}]\n{profile}"
    );
    let config: GatewayConfig = serde_saphyr::from_str(&yaml)?;
    let pepper = "measurements need a pepper too";
    let secrets = ResolvedSecrets::from([("gateway.pepper".to_owned(), Secret::new(pepper.to_owned()))]);
    let settings = compile(&config, &secrets).map_err(|p| format!("{p:?}"))?;
    let folder = tempfile::tempdir()?;
    let clock = Clock::system();
    let store = SqliteStore::open(folder.path().join("store.db"), clock.clone(), SqliteOptions::default()).await?;
    let issue = |n: u32| {
        let new = NewKey::new(TenantId::default_tenant(), "default", "bench");
        let random: [u8; RANDOM_BYTES] = std::array::from_fn(|i| {
            (i as u8).wrapping_mul(73) ^ n.to_le_bytes()[i % 4].wrapping_mul(1 + (i / 4) as u8)
        });
        issue_key(&random, pepper.as_bytes(), new, clock.now())
    };
    let (key, kept) = issue(0);
    store.insert_key(&kept).await?;
    let keys: u32 = rest.get(1).map_or(Ok(1), |n| n.parse())?;
    for n in 1..keys {
        store.insert_key(&issue(n).1).await?;
    }
    let shared: Arc<dyn Store> = store;
    let running = Gateway::start(settings, shared.clone(), clock, &tokio::runtime::Handle::current()).await?;
    println!("{} {}", running.addr(), key.expose());
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
    running.shutdown().await;
    // What the gateway said of itself last: how many texts were known.
    if let Some(status) = shared.component_status(casemate_finding::UnixMs(0)).await?.first() {
        println!("{}", status.report["texts"]);
    }
    Ok(())
}
