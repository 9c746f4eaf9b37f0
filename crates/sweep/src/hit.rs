//! From a match of the detectors to a finding that shows no value.

use std::{collections::BTreeMap, sync::Arc};

use casemate_dataset::{Cell, ColumnCells};
use casemate_detect::{Key, Kind, Match, Rule, fingerprint, mask};
use casemate_finding::{Finding, Fingerprint, Location, Reference, Severity, Taxonomy};
use serde::Serialize;

/// Masked values shown for one rule in one column.
const SAMPLES_MAX: usize = 3;

/// What one rule found in one column of a table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ColumnHits {
    /// Name of the column.
    pub column: String,
    /// Id of the rule, as `pii/email`.
    pub rule: String,
    /// What it is, as `EMAIL_ADDRESS`.
    pub label: String,
    /// True for a secret, false for personal data.
    pub secret: bool,
    /// How bad a find is.
    pub severity: Severity,
    /// Cells that hold at least one.
    pub cells: u64,
    /// Cells of the column that hold a value.
    pub of_cells: u64,
    /// Highest score among them.
    pub score: f32,
    /// Line of the first, from 1; 0 in a format without lines.
    pub first_line: u64,
    /// Row of the first, from 1; 0 for a name of a column.
    pub first_row: u64,
    /// Of `cells`, those that have no finding of their own.
    pub hidden: u64,
    /// Masked values of the first few.
    pub samples: Vec<String>,
}

impl ColumnHits {
    /// Share of the column's values that hold one, 0 to 1.
    #[expect(clippy::cast_precision_loss, reason = "a share that is shown with one decimal")]
    pub fn share(&self) -> f64 {
        if self.of_cells == 0 { 0.0 } else { self.cells as f64 / self.of_cells as f64 }
    }

    /// The column as one finding, whose fingerprint stays when rows come and go.
    pub(crate) fn to_finding(&self, key: &Key, path: &str) -> Finding {
        let noun = if self.secret { "a secret" } else { "personal data" };
        let message = format!(
            "{} of {} values in column {:?} hold {noun} ({}), {:.1} %",
            self.cells,
            self.of_cells,
            self.column,
            self.label,
            self.share() * 100.0
        );
        Finding {
            rule: self.rule.clone(),
            severity: self.severity,
            message,
            location: Location {
                path: Some(path.to_owned()),
                line: Some(self.first_line).filter(|line| *line > 0),
                field: Some(self.column.clone()),
                ..Location::default()
            },
            evidence: self.samples.join(", "),
            score: self.score,
            fingerprint: fingerprint(key, "column", &format!("{}\u{0}{path}\u{0}{}", self.rule, self.column)),
            remedy: remedy(self.secret).to_owned(),
            references: references(self.secret),
        }
    }
}

const fn remedy(secret: bool) -> &'static str {
    if secret {
        "Revoke it where it was issued, then remove it here; a copy in history stays valid until it is revoked."
    } else {
        "Drop the value, or replace it by a token or a keyed hash, before the data goes on."
    }
}

fn references(secret: bool) -> Vec<Reference> {
    let cwe = if secret { "CWE-798" } else { "CWE-359" };
    vec![Reference::new(Taxonomy::Cwe, cwe)]
}

/// One match as a finding; `value` is the matched text, which is masked and hashed here and goes no further.
pub(crate) fn finding(key: &Key, m: &Match, value: &str, location: Location) -> Finding {
    let secret = m.kind == Kind::Secret;
    Finding {
        rule: m.rule_id().to_owned(),
        severity: m.rule.severity,
        message: m.rule.spec.name.clone(),
        location,
        evidence: mask(value),
        score: m.score,
        fingerprint: value_fingerprint(key, m, value),
        remedy: remedy(secret).to_owned(),
        references: references(secret),
    }
}

fn value_fingerprint(key: &Key, m: &Match, value: &str) -> Fingerprint {
    fingerprint(key, m.label(), value)
}

/// Counts what was found in the columns of one table.
#[derive(Debug, Default)]
pub(crate) struct ColumnCounter {
    columns: BTreeMap<(usize, String), Counted>,
}

#[derive(Debug)]
struct Counted {
    name: Arc<str>,
    rule: Arc<Rule>,
    secret: bool,
    cells: u64,
    score: f32,
    first_line: u64,
    first_row: u64,
    last: Option<(u64, usize)>,
    listed: usize,
    hidden: u64,
    samples: Vec<String>,
}

impl ColumnCounter {
    /// Counts a match in `cell` of `column`; false when the rule has as many findings in this column as it may.
    pub(crate) fn add(&mut self, column: &ColumnCells, cell: Cell, m: &Match, value: &str, listed_max: usize) -> bool {
        let counted = self.columns.entry((column.index, m.rule_id().to_owned())).or_insert_with(|| Counted {
            name: Arc::clone(&column.name),
            rule: Arc::clone(&m.rule),
            secret: m.kind == Kind::Secret,
            cells: 0,
            score: 0.0,
            first_line: cell.line,
            first_row: cell.row,
            last: None,
            listed: 0,
            hidden: 0,
            samples: Vec::new(),
        });
        // A cell may hold several; a value that no row shows stands in no cell, but is in the file all the same.
        let times = if counted.last == Some((cell.row, cell.start)) { 0 } else { cell.times.max(1) };
        counted.last = Some((cell.row, cell.start));
        counted.cells += times;
        counted.score = counted.score.max(m.score);
        if counted.samples.len() < SAMPLES_MAX {
            let sample = mask(value);
            if !counted.samples.contains(&sample) {
                counted.samples.push(sample);
            }
        }
        let listed = counted.listed < listed_max;
        if listed {
            counted.listed += 1;
        } else {
            counted.hidden += times;
        }
        listed
    }

    /// The counts; `values` tells how many cells of a column hold a value.
    pub(crate) fn finish(self, values: impl Fn(usize) -> u64) -> Vec<ColumnHits> {
        let hits = self.columns.into_iter().map(|((index, rule), c)| ColumnHits {
            column: c.name.to_string(),
            rule,
            label: c.rule.label.clone(),
            secret: c.secret,
            severity: c.rule.severity,
            cells: c.cells,
            // A header that holds a match is a cell of its own.
            of_cells: values(index).max(c.cells),
            score: c.score,
            first_line: c.first_line,
            first_row: c.first_row,
            hidden: c.hidden,
            samples: c.samples,
        });
        hits.collect()
    }
}
