//! `casemate feedback`: what people said of traffic, and what is learned from it. Verdicts and releases are rulings in the store;
//! a running gateway heeds them a moment later.

mod refit;

use std::io::Read;
use std::path::Path;

use casemate_finding::UnixMs;
use casemate_gateway::feedback::{CANDIDATE, KeptLabel, KeptVerdict, RELEASE, VERDICT};
use casemate_store::clock::Clock;
use casemate_store::model::{Applied, AuditEntry, Role, Ruling, RulingId, TenantId};
use casemate_store::{Store, StoreError};
use serde_json::{Value, json};

use crate::cli::{FeedbackCommand, FeedbackLearnArgs, FeedbackWithdrawArgs, Global, LabelArg};
use crate::exit::Exit;
use crate::failure::{Done, Failure};
use crate::output::{self, Format};
use crate::state;

const DAY_MS: i64 = 86_400_000;
/// Longest text that is learned: what the gateway would read of one.
const TEXT_BYTES_MAX: u64 = 256 << 10;
/// Rulings that are listed.
const LISTED_MAX: u32 = 1_000;

pub(super) fn run(global: &Global, command: &FeedbackCommand) -> Done {
    match command {
        FeedbackCommand::Learn(args) => learn(global, args),
        FeedbackCommand::List => list(global),
        FeedbackCommand::Withdraw(args) => withdraw(global, args),
        FeedbackCommand::Refit(args) => refit::refit(global, args),
        FeedbackCommand::Shadow(args) => refit::shadow(global, args),
        FeedbackCommand::Promote(args) => refit::promote(global, args),
        FeedbackCommand::Rollback(args) => refit::rollback(global, args),
    }
}

fn learn(global: &Global, args: &FeedbackLearnArgs) -> Done {
    let text = read_text(&args.file)?;
    let label = match args.label {
        LabelArg::Attack => KeptLabel::Attack,
        LabelArg::Harmless => KeptLabel::Harmless,
    };
    if label == KeptLabel::Harmless {
        two(&args.by, args.second.as_deref())?;
    }
    let now = Clock::system().now();
    let kept = KeptVerdict::on(&text, label);
    // The same text said the same of, by the same person, on one day is one verdict.
    let day = now.0.div_euclid(DAY_MS);
    let key = format!("verdict:{}:{:?}:{}:{}:{}:{day}", args.tenant, label, args.by, kept.fingerprint, kept.vector);
    let ruling = Ruling {
        id: RulingId(format!("verdict-{}", digest_id(&key))),
        idempotency_key: key,
        tenant: TenantId(args.tenant.clone()),
        kind: VERDICT.into(),
        by: args.by.clone(),
        second: args.second.clone(),
        payload: serde_json::to_value(&kept).map_err(|e| Failure::internal("cannot keep the verdict", e))?,
        created_at: now,
        expires_at: now.plus_ms(i64::from(args.days) * DAY_MS),
        withdrawn_at: None,
    };
    let people: Vec<&str> = std::iter::once(args.by.as_str()).chain(args.second.as_deref()).collect();
    let applied = with_people(global, &people, Role::Analyst, |store| {
        let (mut ruling, data) = (ruling.clone(), json!({"label": kept.label, "second": args.second}));
        async move {
            let mut applied = store.make_ruling(&ruling).await?;
            if let Applied::Already(ended) = &applied
                && !ended.is_active(now)
            {
                // One that was taken back counts no more: to say it again is to make another.
                ruling.idempotency_key = format!("{}:{}", ruling.idempotency_key, now.0);
                ruling.id = RulingId(format!("verdict-{}", digest_id(&ruling.idempotency_key)));
                applied = store.make_ruling(&ruling).await?;
            }
            if applied.is_new() {
                store.audit(&entry(now, &ruling.tenant, &ruling.by, "feedback.learn", &ruling.id, data)).await?;
            }
            Ok(applied)
        }
    })?;
    let is_new = matches!(applied, Applied::New(_));
    let made = applied.into_inner();
    if global.format == Format::Json {
        output::json(&json!({"id": made.id, "new": is_new, "expires_at": made.expires_at, "score": kept.score}));
    } else {
        output::line(made.id.to_string());
        let what = if is_new { "Counts" } else { "Was learned before, and counts" };
        output::line(format!(
            "{what} for tenant {} until {}; it scored {:.3}.",
            made.tenant, made.expires_at, kept.score
        ));
    }
    Ok(Exit::Ok)
}

fn list(global: &Global) -> Done {
    let rulings = state::with_store(global, |s| async move { s.recent_rulings(LISTED_MAX).await })?;
    let now = Clock::system().now();
    if global.format == Format::Json {
        let rows: Vec<Value> = rulings
            .iter()
            .map(|r| {
                let mut row = json!(r);
                // Where a text stands is of no use to a reader.
                if let Some(Value::Object(payload)) = row.get_mut("payload") {
                    for long in ["vector", "fingerprint", "head"] {
                        payload.remove(long);
                    }
                }
                row["active"] = r.is_active(now).into();
                row
            })
            .collect();
        output::json(&json!({ "rulings": rows }));
        return Ok(Exit::Ok);
    }
    // The newest release that stands is the one that counts; those before it wait for a way back.
    let in_force = rulings.iter().filter(|r| r.kind == RELEASE && r.is_active(now)).map(|r| &r.id).next();
    for r in &rulings {
        let what = match (r.kind.as_str(), r.payload["label"].as_str()) {
            (_, Some(label)) => label.to_owned(),
            (CANDIDATE, None) => format!("of {} verdicts", r.payload["verdicts"]),
            _ => format!("version {}", r.payload["manifest"]["version"]),
        };
        let second = r.second.as_deref().map(|s| format!(" and {s}")).unwrap_or_default();
        let state = match r.is_active(now) {
            true if r.kind == RELEASE && in_force != Some(&r.id) => "passed",
            true => "active",
            false => "ended",
        };
        let until = r.withdrawn_at.map_or_else(|| format!("until {}", r.expires_at), |at| format!("withdrawn {at}"));
        output::line(format!(
            "{:<24} {state} {:<9} {what}, tenant {}, by {}{second}, {until}",
            r.id, r.kind, r.tenant, r.by
        ));
    }
    output::line(format!("{} rulings", rulings.len()));
    Ok(Exit::Ok)
}

fn withdraw(global: &Global, args: &FeedbackWithdrawArgs) -> Done {
    let id = RulingId(args.id.clone());
    let rulings = state::with_store(global, |s| async move { s.recent_rulings(LISTED_MAX).await })?;
    let found = rulings.iter().find(|r| r.id == id);
    let found = found.ok_or_else(|| unknown(&format!("there is no ruling {id}")))?;
    // What caught something will not catch it any more; a candidate catches nothing.
    if found.kind != CANDIDATE && found.payload["label"] != json!("harmless") {
        two(&args.by, args.second.as_deref())?;
    }
    let now = Clock::system().now();
    let people: Vec<&str> = std::iter::once(args.by.as_str()).chain(args.second.as_deref()).collect();
    let audited = entry(now, &found.tenant, &args.by, "feedback.withdraw", &id, json!({"second": args.second}));
    // Taking a release back is as much as rolling back.
    let role = if found.kind == RELEASE { Role::Approver } else { Role::Analyst };
    let ended = with_people(global, &people, role, |store| async move {
        let ended = store.withdraw_ruling(&id, now).await?;
        if ended {
            store.audit(&audited).await?;
        }
        Ok(ended)
    })?;
    if global.format == Format::Json {
        output::json(&json!({ "withdrawn": ended }));
    } else {
        output::line(if ended { "It is withdrawn." } else { "It had ended before." });
    }
    Ok(Exit::Ok)
}

/// Refuses what loosens by one person alone.
fn two(by: &str, second: Option<&str>) -> Result<(), Failure> {
    let other = second.map(str::trim).filter(|s| !s.is_empty() && *s != by.trim());
    match other {
        Some(_) => Ok(()),
        None => Err(Failure::usage("cannot do that alone", format!("this loosens: it takes two people, {by} is one"))
            .remedy("name the other one with --second NAME")),
    }
}

fn unknown(why: &str) -> Failure {
    Failure::usage("cannot do that", why).remedy("`casemate feedback list` shows what there is")
}

/// Runs `ask` once everybody named is somebody who may do this. Whoever can open the store's file can name anybody: the
/// names are for the record, and a slip of the pen is caught.
fn with_people<T, F>(
    global: &Global,
    people: &[&str],
    role: Role,
    ask: impl FnOnce(std::sync::Arc<dyn Store>) -> F,
) -> Result<T, Failure>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let config: crate::config::Config = crate::config::or_default(global.config.as_deref())?;
    state::runtime()?.block_on(async {
        let store = state::open(&config).await?;
        for name in people {
            let person = store.person(name).await.map_err(|e| state::store_failure(&e))?;
            let fits = person.is_some_and(|p| p.disabled_at.is_none() && p.role >= role);
            if !fits {
                let why = format!("`{name}` is nobody here who may do this: it takes the role {}", role.as_str());
                return Err(Failure::usage("cannot do that", why)
                    .remedy("people are made in the console; `casemate console` makes the first, `admin`"));
            }
        }
        ask(store).await.map_err(|e| state::store_failure(&e))
    })
}

fn entry(at: UnixMs, tenant: &TenantId, actor: &str, action: &str, id: &RulingId, data: Value) -> AuditEntry {
    AuditEntry {
        seq: 0,
        at,
        tenant: tenant.clone(),
        actor: actor.into(),
        action: action.into(),
        subject: id.to_string(),
        data,
        hash: String::new(),
    }
}

fn digest_id(key: &str) -> String {
    casemate_store::canonical::sha256_hex(&[key.as_bytes()]).chars().take(12).collect()
}

/// A text from a file or, for `-`, from standard input: never from the command line, which others may see.
fn read_text(file: &Path) -> Result<String, Failure> {
    let shown = file.display().to_string();
    let fail = |why: String| {
        let remedy = "name a file with the text in UTF-8, or - for standard input";
        Failure::usage("cannot read the text", why).at(shown.clone()).remedy(remedy)
    };
    let mut text = String::new();
    let read = if file == Path::new("-") {
        std::io::stdin().lock().take(TEXT_BYTES_MAX + 1).read_to_string(&mut text)
    } else {
        let opened = std::fs::File::open(file).map_err(|e| fail(e.to_string()))?;
        opened.take(TEXT_BYTES_MAX + 1).read_to_string(&mut text)
    };
    read.map_err(|e| fail(e.to_string()))?;
    if text.len() as u64 > TEXT_BYTES_MAX {
        return Err(fail(format!("it is longer than {TEXT_BYTES_MAX} bytes")));
    }
    let text = text.trim().to_owned();
    if text.is_empty() { Err(fail("it is empty".into())) } else { Ok(text) }
}
