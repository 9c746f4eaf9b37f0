//! Figures of the response engine (see `bench/respond.md`): `bench intake|ingest|steps [SECONDS or RUNS] [PARALLEL] [BATCH]`.
//!
//! `ingest`: callers of the store alone. `intake`: HTTP clients against `respond_child`, a process of its own whose CPU time
//! is read from `/proc`. `steps`: alerts that each start a playbook of ten steps, until every run is over.

use std::error::Error;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use casemate_finding::UnixMs;
use casemate_respond::Respond;
use casemate_respond::config::{RespondConfig, SecretReader};
use casemate_respond::library::Library;
use casemate_store::Store;
use casemate_store::clock::Clock;
use casemate_store::model::{AlertState, NewAlert, RunState, TenantId};
use casemate_store::sqlite::{SqliteOptions, SqliteStore};
use casemate_store::traits::{Alerts as _, Runs as _};
use serde_json::{Value, json};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let what = args.next().unwrap_or_default();
    let number = |text: Option<String>, default: u64| text.and_then(|t| t.parse().ok()).unwrap_or(default);
    let (size, parallel, batch) = (args.next(), args.next(), args.next());
    let home = std::env::temp_dir().join(format!("casemate-bench-{}", std::process::id()));
    std::fs::create_dir_all(&home)?;
    let line = match what.as_str() {
        "ingest" => ingest(&home, number(size, 10), number(parallel, 256)).await?,
        "intake" => intake(&home, number(size, 10), number(parallel, 128), number(batch, 1)).await?,
        "steps" => steps(&home, number(size, 1_000)).await?,
        _ => return Err("usage: bench intake|ingest|steps [SECONDS or RUNS] [PARALLEL] [BATCH]".into()),
    };
    std::fs::remove_dir_all(&home)?;
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}

/// An alert of 1 KiB about one of 50 addresses, so that storms fold.
fn alert(n: u64) -> Value {
    let mut raw = json!({
        "rule": "bench/probe", "title": "probe of an end-point", "severity": "low", "n": n,
        "address": format!("198.51.100.{}", n % 50), "pad": "",
    });
    let missing = 1_024_usize.saturating_sub(raw.to_string().len());
    raw["pad"] = "x".repeat(missing).into();
    raw
}

fn clock() -> UnixMs {
    Clock::system().now()
}

/// User and system milliseconds of a process, and of this one.
fn cpu_ms(pid: &str) -> Result<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |i: usize| fields.get(i).and_then(|f| f.parse::<u64>().ok()).unwrap_or(0);
    // Fields 14 and 15 of proc(5), in ticks of 10 ms.
    Ok((ticks(11) + ticks(12)) * 10)
}

fn percentile(sorted: &[u64], share: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index"
    )]
    let at = ((sorted.len() as f64 - 1.0) * share).max(0.0) as usize;
    sorted.get(at).copied().unwrap_or(0)
}

/// Callers that each store one alert after the other; acknowledged means committed and synced.
async fn ingest(home: &Path, seconds: u64, parallel: u64) -> Result<String> {
    let store = SqliteStore::open(home.join("store.db"), Clock::system(), SqliteOptions::default()).await?;
    let (begun, until) = (clock(), clock().plus_ms(i64::try_from(seconds * 1_000)?));
    let before = cpu_ms("self")?;
    let number = Arc::new(AtomicU64::new(0));
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..parallel {
        let (store, number) = (store.clone(), number.clone());
        callers.spawn(async move {
            let mut waits = Vec::new();
            while clock() < until {
                let n = number.fetch_add(1, Ordering::Relaxed);
                let new = NewAlert {
                    tenant: TenantId::default_tenant(),
                    source: "bench".into(),
                    delivery_id: Some(format!("d{n}")),
                    content_hash: format!("{n:064x}"),
                    received_at: clock(),
                    raw: alert(n),
                };
                let sent = clock();
                store.ingest(&[new], 3_600_000).await?;
                waits.push(clock().since_ms(sent).unsigned_abs());
            }
            Ok::<_, casemate_store::StoreError>(waits)
        });
    }
    let mut waits = Vec::new();
    for end in callers.join_all().await {
        waits.extend(end?);
    }
    figures("ingest", &mut waits, 1, begun, cpu_ms("self")? - before, "")
}

fn figures(what: &str, waits: &mut [u64], each: u64, begun: UnixMs, cpu: u64, more: &str) -> Result<String> {
    waits.sort_unstable();
    let took = clock().since_ms(begun).unsigned_abs().max(1);
    let alerts = waits.len() as u64 * each;
    Ok(format!(
        "{what}: {} alerts/s for {} s, p50 {} ms, p99 {} ms, {} µs CPU per alert{more}",
        alerts * 1_000 / took,
        took / 1_000,
        percentile(waits, 0.5),
        percentile(waits, 0.99),
        cpu * 1_000 / alerts.max(1),
    ))
}

/// HTTP clients against an engine in a process of its own.
async fn intake(home: &Path, seconds: u64, parallel: u64, batch: u64) -> Result<String> {
    let (token_file, config_file, store_file) = (home.join("token"), home.join("config.json"), home.join("store.db"));
    let token = format!("bench-{}", std::process::id());
    std::fs::write(&token_file, &token)?;
    let config = json!({
        "listen": "127.0.0.1:0", "data_dir": home.join("data"),
        "sources": [{"name": "bench", "auth": {"bearer": {"token": {"file": token_file}}}}],
    });
    std::fs::write(&config_file, config.to_string())?;
    let here = std::env::current_exe()?;
    let engine = here.with_file_name("respond_child");
    let mut child = Command::new(engine).args([&config_file, &store_file]).stdout(Stdio::piped()).spawn()?;
    let pid = child.id().to_string();
    let mut ready = String::new();
    BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut ready)?;
    let url = format!("http://{}/api/v1/alerts/bench", ready.trim().trim_start_matches("READY "));

    let _first = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(usize::MAX).build()?;
    let before = cpu_ms(&pid)?;
    let (begun, until) = (clock(), clock().plus_ms(i64::try_from(seconds * 1_000)?));
    let number = Arc::new(AtomicU64::new(0));
    let mut senders = tokio::task::JoinSet::new();
    for _ in 0..parallel {
        let (client, url, token, number) = (client.clone(), url.clone(), token.clone(), number.clone());
        senders.spawn(async move {
            let mut waits = Vec::new();
            while clock() < until {
                let n = number.fetch_add(batch, Ordering::Relaxed);
                let body = if batch == 1 {
                    alert(n).to_string()
                } else {
                    Value::Array((n..n + batch).map(alert).collect()).to_string()
                };
                let sent = clock();
                let request = client.post(&url).bearer_auth(&token).header("x-delivery-id", format!("d{n}")).body(body);
                request.send().await?.error_for_status()?.bytes().await?;
                waits.push(clock().since_ms(sent).unsigned_abs());
            }
            Ok::<_, reqwest::Error>(waits)
        });
    }
    let mut waits = Vec::new();
    for end in senders.join_all().await {
        waits.extend(end?);
    }
    let acknowledged = waits.len() as u64 * batch;
    let line = figures(
        &format!("intake, {parallel} clients, {batch} a request"),
        &mut waits,
        batch,
        begun,
        cpu_ms(&pid)? - before,
        "",
    )?;
    let store = SqliteStore::open(&store_file, Clock::system(), SqliteOptions::default()).await?;
    let backlog = store.count_alerts(AlertState::Received).await?;
    let drain = clock();
    while store.count_alerts(AlertState::Received).await? > 0 && clock().since_ms(drain) < 120_000 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let drained = clock().since_ms(drain).unsigned_abs().max(1);
    let stored = store.count_alerts(AlertState::Triaged).await?;
    child.kill()?;
    child.wait()?;
    Ok(format!(
        "{line}\n  {backlog} not yet triaged at the end of sending, triaged in {drained} ms more ({} alerts/s); {stored} of \
         {acknowledged} acknowledged alerts are triaged",
        backlog * 1_000 / drained,
    ))
}

const PLAYBOOK: &str = "playbook: bench\ntitle: Ten steps\ntrigger: {rules: [bench/*]}\nsteps:\n";

/// Alerts that each start a playbook of ten steps with an intent and a result each.
async fn steps(home: &Path, runs: u64) -> Result<String> {
    let mut text = PLAYBOOK.to_owned();
    for n in 0..10 {
        let action = "action: case.note\n    args: {text: 'note for ${case.id}'}";
        text.push_str(&format!("  - step: note-{n}\n    phase: action\n    {action}\n"));
    }
    let config: RespondConfig =
        serde_json::from_value(json!({"listen": "127.0.0.1:0", "data_dir": home.join("data")}))?;
    let secrets = SecretReader { env: &|_| None, file: &|path| std::fs::read_to_string(path), base: Path::new("/") };
    let settings = config.validate(&secrets).map_err(|p| format!("{p:?}"))?;
    let playbook = casemate_playbook::load(&text, &casemate_playbook::Limits::DEFAULT).map_err(|p| format!("{p:?}"))?;
    let library = Library::new(vec![("bench".into(), playbook)]).map_err(|p| format!("{p:?}"))?;
    let store = SqliteStore::open(home.join("store.db"), Clock::system(), SqliteOptions::default()).await?;
    let new = |n: u64| NewAlert {
        tenant: TenantId::default_tenant(),
        source: "bench".into(),
        delivery_id: None,
        content_hash: format!("{n:064x}"),
        received_at: clock(),
        raw: json!({"rule": "bench/x", "title": "t", "key": format!("k{n}")}),
    };
    let alerts: Vec<_> = (0..runs).map(new).collect();
    store.ingest(&alerts, 0).await?;
    let mut settings = settings;
    settings.sources = vec![casemate_respond::config::Source {
        name: "bench".into(),
        reading: casemate_respond::config::Reading::Form("plain"),
        tenant: TenantId::default_tenant(),
        auth: casemate_respond::config::Auth::Authorization(casemate_finding::Secret::new("x".into())),
        delivery_header: "x-delivery-id".into(),
        volatile: Vec::new(),
    }];
    let (begun, before) = (clock(), cpu_ms("self")?);
    let shared: Arc<dyn Store> = store.clone();
    let running = Respond::start_with(settings, library, shared, Clock::system()).await?;
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let triaged = store.count_alerts(AlertState::Triaged).await? == runs;
        if triaged && store.live_runs().await?.is_empty() {
            break;
        }
    }
    let (took, cpu) = (clock().since_ms(begun).unsigned_abs().max(1), cpu_ms("self")? - before);
    let all = store.list_runs(&"*".into(), 0, u32::try_from(runs)?).await?;
    let done = all.iter().filter(|r| r.state == RunState::Completed).count() as u64;
    running.shutdown().await;
    Ok(format!(
        "steps: {done} of {runs} runs of 10 steps completed in {took} ms, triage and case history included: {} steps/s, \
         {} µs CPU per step",
        done * 10_000 / took,
        cpu * 1_000 / (done * 10).max(1),
    ))
}
