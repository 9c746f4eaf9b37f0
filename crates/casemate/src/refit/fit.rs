//! A refit and its shadow, as the command and the nightly run both make them.

use std::path::PathBuf;

use casemate_classify::feedback::{Example, GateReport, Head, Shadow, refit, shadow_compare};
use casemate_classify::{Channel, Classifier};
use casemate_finding::UnixMs;
use casemate_gateway::feedback::{KeptLabel, KeptRelease, KeptVerdict, RELEASE, VERDICT};
use casemate_store::model::Ruling;

use crate::commands::train;
use crate::failure::Failure;

/// The verdicts among these rulings that a refit can learn from, of one tenant or of all.
pub(crate) fn verdicts(rulings: &[Ruling], tenant: Option<&str>) -> Vec<Example> {
    rulings
        .iter()
        .filter(|r| r.kind == VERDICT && tenant.is_none_or(|t| r.tenant.0 == *t))
        .filter_map(|r| {
            let kept: KeptVerdict = serde_json::from_value(r.payload.clone()).ok()?;
            let unit = Box::new(kept.vector()?.unit());
            Some(Example { unit, score: kept.score, attack: kept.label == KeptLabel::Attack })
        })
        .collect()
}

/// Rows with sure labels that hold a correction back.
pub(crate) fn anchors(files: &[PathBuf]) -> Result<Vec<Example>, Failure> {
    let c = Classifier::builtin();
    let example = |text: &str, attack| Example {
        unit: Box::new(c.embed(text)),
        score: c.assess(text, Channel::Chat).injection,
        attack,
    };
    let rows = train::read(files)?.rows;
    let attacks = rows.iter().filter(|r| r.positive).count();
    if attacks == 0 || attacks == rows.len() {
        let why = format!("{attacks} of {} anchors are attacks: rows of one kind hold nothing back", rows.len());
        return Err(
            Failure::usage("cannot refit", why).remedy("give anchors of both kinds, with label 0 and with label 1")
        );
    }
    Ok(rows.iter().map(|row| example(&row.text, row.positive)).collect())
}

/// Fits a correction to the verdicts.
pub(crate) fn fit(anchors: &[Example], verdicts: &[Example]) -> Result<Head, Failure> {
    refit(anchors, verdicts, Classifier::builtin().embedding().id())
        .map_err(|e| Failure::usage("cannot refit", e.to_string()).remedy("give more anchors: rows with sure labels"))
}

/// How a candidate does beside what is in force, over labelled rows.
pub(crate) fn compare(data: &[PathBuf], candidate: &Head, current: Option<&Head>) -> Result<GateReport, Failure> {
    let c = Classifier::builtin();
    let thresholds = c.injection_thresholds(Channel::Chat);
    let rows = train::read(data)?.rows;
    Ok(shadow_compare(rows.iter().map(|row| {
        let (unit, seen) = (c.embed(&row.text), c.assess(&row.text, Channel::Chat));
        Shadow {
            current: current.map_or(seen.injection_decision, |h| thresholds.decide(h.correct(&unit, seen.injection))),
            candidate: thresholds.decide(candidate.correct(&unit, seen.injection)),
            attack: row.positive,
        }
    })))
}

/// The correction in force among these rulings, if there is one.
pub(crate) fn current(rulings: &[Ruling], key: &[u8], now: UnixMs) -> Result<Option<Head>, Failure> {
    let Some(ruling) = rulings.iter().rfind(|r| r.kind == RELEASE && r.is_active(now)) else { return Ok(None) };
    let fail = |why: String| Failure::internal("the release in force cannot be used", why).at(ruling.id.to_string());
    let kept: KeptRelease = serde_json::from_value(ruling.payload.clone()).map_err(|e| fail(e.to_string()))?;
    kept.head(key).map(Some).map_err(fail)
}
