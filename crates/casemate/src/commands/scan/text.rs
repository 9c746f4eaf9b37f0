//! Files, tables, documents, archives and git history, for personal data and secrets (and models with them).

use std::path::Path;
use std::time::Duration;

use casemate_detect::Key;
use casemate_finding::Outcome;
use casemate_ner::{CachedModel, Gate, Limits, merge};
use casemate_report::{Document, SarifLimits, to_json, to_table};
use casemate_sweep::{
    Baseline, Kinds, NameTier, Named, Progress, SARIF_BYTES_MAX, ScanPlan, SweepError, Target, sarif_within,
};

use crate::cli::{Global, Kind, ScanArgs};
use crate::config::{self, Config, SecretFiles, random};
use crate::exit::Exit;
use crate::failure::{Done, Failure};
use crate::models;
use crate::output::{self, Format};
use crate::progress;
use crate::rule_file;

pub(super) fn run(global: &Global, args: &ScanArgs) -> Done {
    let key = fingerprint_key(global, args)?;
    let mut plan = plan(args, &key)?;
    if plan.kinds.pii {
        plan.names = models::wanted(global, args.ner)?.map(name_tier);
    }
    let bar = progress::bar(0, "scanning");
    // Without a terminal a line now and then says how far it is, for logs that someone waits at.
    let lines = bar.is_hidden();
    let mut next = LINE_EVERY;
    let mut seen = |p: &Progress| {
        bar.set_length(p.bytes_total);
        bar.set_position(p.bytes_done);
        if lines && bar.elapsed() >= next {
            next = bar.elapsed() + LINE_EVERY;
            progress::say(&progress_line(p, bar.eta()));
        }
    };
    let report = casemate_sweep::run(&plan, &mut seen).map_err(|e| refused(&e))?;
    bar.finish_and_clear();
    if let Some(path) = &args.write_baseline {
        let baseline = Baseline::new(&key.name, report.open()).render();
        std::fs::write(path, baseline)
            .map_err(|e| Failure::usage("cannot write the baseline", e.to_string()).at(path.display().to_string()))?;
        progress::say(&format!(
            "Wrote {} findings to {}; they are known from now on.",
            report.open().count(),
            path.display()
        ));
    }
    let document = report.document(&plan, env!("CARGO_PKG_VERSION"));
    match global.format {
        Format::Json => output::line(to_json(&document).trim_end()),
        Format::Sarif => output::line(sarif_within(&document, SarifLimits::default(), SARIF_BYTES_MAX).trim_end()),
        Format::Human => output::line(to_table(&document, &output::style()).trim_end()),
    }
    let written = args.write_baseline.is_some();
    Ok(if written { Exit::Ok } else { exit_of(&document, args.incomplete_exit) })
}

/// Time between two lines of progress where no terminal watches.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// How far a scan is, in a line.
fn progress_line(p: &Progress, left: Duration) -> String {
    let percent = (p.bytes_done * 100).checked_div(p.bytes_total).unwrap_or(0);
    format!(
        "scanning: {} of {} files, {} of {} MB ({percent} %), about {} s left",
        p.files_done,
        p.files_total,
        p.bytes_done / 1_000_000,
        p.bytes_total / 1_000_000,
        left.as_secs()
    )
}

fn exit_of(document: &Document, incomplete_exit: bool) -> Exit {
    if document.checks.iter().any(|c| c.outcome == Outcome::Block) {
        Exit::Blocked
    } else if document.checks.iter().any(|c| c.outcome == Outcome::Error) {
        Exit::Internal
    } else if incomplete_exit && !document.not_scanned.is_empty() {
        Exit::Incomplete
    } else {
        Exit::Ok
    }
}

fn plan(args: &ScanArgs, key: &NamedKey) -> Result<ScanPlan, Failure> {
    let wants = |kind| args.kinds.contains(&kind);
    let kinds = Kinds { pii: wants(Kind::Pii), secrets: wants(Kind::Secrets), models: wants(Kind::Models) };
    let mut targets: Vec<Target> = args.paths.iter().cloned().map(Target::Path).collect();
    if args.history {
        targets.extend(args.paths.iter().cloned().map(Target::GitHistory));
    }
    let mut plan = ScanPlan::new(targets, kinds, Key::new(key.bytes));
    plan.respect_ignore = !args.no_ignore;
    plan.engine = args.rules.as_deref().map(rule_file::engine_with).transpose()?;
    if let Some(path) = &args.baseline {
        plan.baseline = Some(baseline(path, &key.name)?);
    }
    Ok(plan)
}

/// The model of names as the sweep asks it.
fn name_tier(model: CachedModel) -> NameTier {
    NameTier::new(move |text, matches, min_score| {
        let names = model.scan(text, Gate::Signs, &Limits::default());
        Named { matches: merge(text, matches, &names.entities, min_score), looked_at: names.looked_at }
    })
}

fn baseline(path: &Path, key: &str) -> Result<Baseline, Failure> {
    let refuse = |why: String| Failure::usage("cannot use the baseline", why).at(path.display().to_string());
    let text = std::fs::read_to_string(path).map_err(|e| refuse(e.to_string()))?;
    Baseline::parse(&text, key)
        .map_err(|e| refuse(e.to_string()).remedy("pass the same --fingerprint-key as when it was written"))
}

fn refused(error: &SweepError) -> Failure {
    Failure::usage("cannot scan", error.to_string())
}

/// A fingerprint key and a name for it that gives nothing away.
struct NamedKey {
    bytes: [u8; 32],
    name: String,
}

/// The key of the fingerprints: a file that is named, the installation's own with a configuration, else one for this run
/// alone, with which a baseline would be worthless.
fn fingerprint_key(global: &Global, args: &ScanArgs) -> Result<NamedKey, Failure> {
    let bytes = if let Some(path) = &args.fingerprint_key {
        let dir = path.parent().unwrap_or(Path::new(""));
        let name = path
            .file_name()
            .and_then(|n| n.to_str())
            .ok_or_else(|| Failure::usage("cannot use --fingerprint-key", "not a file name"))?;
        *SecretFiles::in_folder(dir).bytes32(name)?.expose()
    } else if global.config.is_some() {
        let config: Config = config::or_default(global.config.as_deref())?;
        *SecretFiles::under(&config.data_dir).bytes32("fingerprint-key")?.expose()
    } else if args.baseline.is_some() || args.write_baseline.is_some() {
        return Err(Failure::usage("cannot use a baseline", "its fingerprints need a key that stays the same")
            .remedy("add --fingerprint-key FILE (made if it is not there; keep it with the repository's secrets)"));
    } else {
        let mut bytes = [0; 32];
        random(&mut bytes).map_err(|e| Failure::internal("cannot make a fingerprint key", e))?;
        bytes
    };
    let name = casemate_detect::fingerprint(&Key::new(bytes), "key-name", "fingerprint-key").0;
    Ok(NamedKey { bytes, name })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use casemate_sweep::Progress;

    use super::progress_line;

    #[test]
    fn a_line_of_progress_says_how_long_it_takes_yet() {
        let p = Progress {
            files_done: 3,
            files_total: 9,
            bytes_done: 25_000_000,
            bytes_total: 100_000_000,
            ..Progress::default()
        };
        let expected = "scanning: 3 of 9 files, 25 of 100 MB (25 %), about 42 s left";
        assert_eq!(progress_line(&p, Duration::from_secs(42)), expected);
        assert!(progress_line(&Progress::default(), Duration::ZERO).contains("(0 %)"));
    }
}
