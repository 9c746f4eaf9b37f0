//! From verdicts to a release: a candidate, how it would have done, promotion, and the way back.

use std::path::Path;

use casemate_classify::Classifier;
use casemate_classify::feedback::{Gate, GateReport, Head, ReleaseError, Releases};
use casemate_finding::UnixMs;
use casemate_gateway::feedback::{CANDIDATE, KeptCandidate, KeptRelease, RELEASE};
use casemate_store::clock::Clock;
use casemate_store::model::{Role, Ruling, RulingId, TenantId};
use serde_json::json;

use super::{DAY_MS, LISTED_MAX, entry, two, unknown, with_people};
use crate::cli::{FeedbackPromoteArgs, FeedbackRefitArgs, FeedbackRollbackArgs, FeedbackShadowArgs, Global};
use crate::config::{self, Config};
use crate::exit::Exit;
use crate::failure::{Done, Failure};
use crate::output::{self, Format};
use crate::refit;
use crate::state;
use crate::wiring::Wiring;

/// Fits a correction to the verdicts that count.
pub(super) fn refit(global: &Global, args: &FeedbackRefitArgs) -> Done {
    let now = Clock::system().now();
    let verdicts = refit::verdicts(&active(global, now)?, args.tenant.as_deref());
    if verdicts.is_empty() {
        return Err(Failure::usage("cannot refit", "there is no verdict to learn from")
            .remedy("`casemate feedback learn` takes verdicts"));
    }
    let anchors = refit::anchors(&args.anchors)?;
    let head = refit::fit(&anchors, &verdicts)?;
    std::fs::write(&args.out, head.bytes())
        .map_err(|e| Failure::usage("cannot write the candidate", e.to_string()).at(args.out.display().to_string()))?;
    if global.format == Format::Json {
        output::json(&json!({"candidate": args.out, "verdicts": verdicts.len(), "anchors": anchors.len()}));
    } else {
        output::line(format!("{} verdicts, {} anchors", verdicts.len(), anchors.len()));
        output::line(args.out.display().to_string());
        output::line("`casemate feedback shadow` says how it would have done.");
    }
    Ok(Exit::Ok)
}

/// Says how a candidate does beside what is in force.
pub(super) fn shadow(global: &Global, args: &FeedbackShadowArgs) -> Done {
    let (_, head) = candidate(global, &args.candidate)?;
    let current = current(global, Clock::system().now())?;
    let report = refit::compare(&args.data, &head, current.as_ref())?;
    tell(global, &report, None);
    Ok(Exit::Ok)
}

/// Puts a candidate in force that passes the gate.
pub(super) fn promote(global: &Global, args: &FeedbackPromoteArgs) -> Done {
    let now = Clock::system().now();
    let (raw, head) = candidate(global, &args.candidate)?;
    let current = current(global, now)?;
    let report = refit::compare(&args.data, &head, current.as_ref())?;
    let (mut releases, _) = releases(global)?;
    let people: Vec<&str> = std::iter::once(args.by.as_str()).chain(args.second.as_deref()).collect();
    let key = key(global)?;
    let gate = Gate { rows_min: args.rows_min as usize, ..Gate::default() };
    let manifest = releases.promote(&raw, report, &gate, &people, &key).map_err(|e| refused(&e))?.clone();
    let kept = KeptRelease { manifest, head: raw.iter().map(|b| format!("{b:02x}")).collect() };
    keep(global, &kept, &people, now, args.days)?;
    tell(global, &report, Some(kept.manifest.version));
    Ok(Exit::Ok)
}

/// Goes back to an earlier release, or to the classifier as it ships.
pub(super) fn rollback(global: &Global, args: &FeedbackRollbackArgs) -> Done {
    two(&args.by, args.second.as_deref())?;
    let now = Clock::system().now();
    let people: Vec<&str> = std::iter::once(args.by.as_str()).chain(args.second.as_deref()).collect();
    let (mut releases, rulings) = releases(global)?;
    let version = if args.to == 0 {
        let ids: Vec<Ruling> = rulings.into_iter().filter(|r| r.is_active(now)).collect();
        let by = args.by.clone();
        with_people(global, &people, Role::Approver, |store| async move {
            for r in &ids {
                if store.withdraw_ruling(&r.id, now).await? {
                    store.audit(&entry(now, &r.tenant, &by, "feedback.rollback", &r.id, json!({"to": 0}))).await?;
                }
            }
            Ok(())
        })?;
        0
    } else {
        let manifest = releases.roll_back(args.to, &people, &key(global)?).map_err(|e| refused(&e))?.clone();
        let old = rulings.iter().find(|r| r.payload["manifest"]["version"] == json!(args.to));
        let old = old.ok_or_else(|| unknown(&format!("release {} is not kept", args.to)))?;
        let head = old.payload["head"].as_str().unwrap_or_default().to_owned();
        let kept = KeptRelease { manifest, head };
        keep(global, &kept, &people, now, args.days)?;
        kept.manifest.version
    };
    if global.format == Format::Json {
        output::json(&json!({"version": version, "model_of": args.to}));
    } else if version == 0 {
        output::line("No release is in force any more.");
    } else {
        output::line(format!("Version {version} is in force: the model of version {}.", args.to));
    }
    Ok(Exit::Ok)
}

fn active(global: &Global, now: UnixMs) -> Result<Vec<Ruling>, Failure> {
    state::with_store(global, |s| async move { s.active_rulings(now).await })
}

/// All releases so far, oldest first, with their rulings.
fn releases(global: &Global) -> Result<(Releases, Vec<Ruling>), Failure> {
    let mut rulings = state::with_store(global, |s| async move { s.recent_rulings(LISTED_MAX * 10).await })?;
    rulings.retain(|r| r.kind == RELEASE);
    rulings.reverse();
    let manifests: Vec<_> = rulings.iter().map(|r| r.payload["manifest"].clone()).collect();
    let releases = serde_json::from_value(json!(manifests))
        .map_err(|e| Failure::internal("cannot read the releases so far", e))?;
    Ok((releases, rulings))
}

/// The correction in force, if there is one.
fn current(global: &Global, now: UnixMs) -> Result<Option<Head>, Failure> {
    refit::current(&active(global, now)?, &key(global)?, now)
}

fn key(global: &Global) -> Result<Vec<u8>, Failure> {
    let config: Config = config::or_default(global.config.as_deref())?;
    state::make_private_dir(&config.data_dir)?;
    let key = Wiring::new(&config, global.config.as_deref()).release_key()?;
    Ok(key.expose().as_bytes().to_vec())
}

/// A candidate from a file, or one that a nightly refit left in the store.
fn candidate(global: &Global, name: &Path) -> Result<(Vec<u8>, Head), Failure> {
    let shown = name.display().to_string();
    let fail = |why: String| {
        Failure::usage("the candidate will not load", why)
            .at(shown.clone())
            .remedy("`casemate feedback refit` writes one; `casemate feedback list` shows those of the nightly refit")
    };
    if !name.exists() {
        let rulings = state::with_store(global, |s| async move { s.recent_rulings(LISTED_MAX * 10).await })?;
        let kept = rulings.iter().find(|r| r.kind == CANDIDATE && r.id.as_str() == shown);
        if let Some(ruling) = kept {
            if !ruling.is_active(Clock::system().now()) {
                return Err(fail("it has ended".into()));
            }
            let kept: KeptCandidate =
                serde_json::from_value(ruling.payload.clone()).map_err(|e| fail(e.to_string()))?;
            return kept.head().map_err(fail);
        }
    }
    let raw = std::fs::read(name)
        .map_err(|e| Failure::usage("cannot read the candidate", e.to_string()).at(shown.clone()))?;
    let head = Head::parse(&raw, Classifier::builtin().embedding().id()).map_err(|e| fail(e.to_string()))?;
    Ok((raw, head))
}

fn keep(global: &Global, kept: &KeptRelease, people: &[&str], now: UnixMs, days: u16) -> Result<(), Failure> {
    let version = kept.manifest.version;
    let ruling = Ruling {
        id: RulingId(format!("release-{version}")),
        idempotency_key: format!("release-{version}"),
        tenant: TenantId("*".into()),
        kind: RELEASE.into(),
        by: people.first().copied().unwrap_or_default().to_owned(),
        second: people.get(1).map(|s| (*s).to_owned()),
        payload: serde_json::to_value(kept).map_err(|e| Failure::internal("cannot keep the release", e))?,
        created_at: now,
        expires_at: now.plus_ms(i64::from(days) * DAY_MS),
        withdrawn_at: None,
    };
    let data = json!({"version": version, "loosens": kept.manifest.loosens, "sha256": kept.manifest.model_sha256});
    let audited = entry(now, &ruling.tenant, &ruling.by, "feedback.release", &ruling.id, data);
    let made = with_people(global, people, Role::Approver, |store| async move {
        let applied = store.make_ruling(&ruling).await?;
        store.audit(&audited).await?;
        Ok(applied.is_new())
    })?;
    if made { Ok(()) } else { Err(unknown(&format!("version {version} was made by somebody else a moment ago"))) }
}

fn refused(error: &ReleaseError) -> Failure {
    let remedy = match error {
        ReleaseError::TooFew { .. } => "give more --data, of both kinds",
        ReleaseError::TwoPeople { .. } => "name the other one with --second NAME",
        ReleaseError::Worse { .. } => "refit with more anchors of the kind that it gets wrong",
        ReleaseError::Unknown { .. } | ReleaseError::Signature { .. } => "`casemate feedback list` shows the releases",
    };
    Failure::usage("cannot release this", error.to_string()).remedy(remedy)
}

fn tell(global: &Global, report: &GateReport, version: Option<u64>) {
    if global.format == Format::Json {
        output::json(&json!({"report": report, "version": version}));
        return;
    }
    let GateReport { harmless, attacks, .. } = report;
    output::line(format!(
        "{harmless} harmless rows: {} newly caught, {} no longer caught",
        report.new_false_positives, report.cured_false_positives
    ));
    output::line(format!(
        "{attacks} attacks: {} newly missed, {} no longer missed",
        report.new_misses, report.cured_misses
    ));
    if let Some(version) = version {
        output::line(format!("Version {version} is in force."));
    }
}
