//! What many threads find, put in one order: bounded while it comes in, and the same whatever thread was first.

use std::collections::BTreeMap;

use casemate_artifact::FileReport;
use casemate_finding::Finding;
use casemate_report::{NotScanned, Suppression};

use crate::{ColumnHits, FileScan, ScanReport, Totals};

/// Items by the place of their file in the order of the report. Past the limit the last ones go, and are counted.
#[derive(Debug)]
struct Ordered<T> {
    parts: BTreeMap<usize, Vec<T>>,
    held: usize,
    max: usize,
    dropped: u64,
}

impl<T> Ordered<T> {
    const fn new(max: usize) -> Self {
        Self { parts: BTreeMap::new(), held: 0, max, dropped: 0 }
    }

    fn add(&mut self, place: usize, items: Vec<T>) {
        if items.is_empty() {
            return;
        }
        self.held += items.len();
        self.parts.entry(place).or_default().extend(items);
        while self.held > self.max {
            let Some(mut last) = self.parts.last_entry() else { break };
            let over = (self.held - self.max).min(last.get().len());
            let kept = last.get().len() - over;
            last.get_mut().truncate(kept);
            last.get_mut().shrink_to_fit();
            if kept == 0 {
                last.remove();
            }
            self.held -= over;
            self.dropped += over as u64;
        }
    }

    fn into_vec(self) -> Vec<T> {
        self.parts.into_values().flatten().collect()
    }
}

/// Everything that a scan has found so far.
#[derive(Debug)]
pub(crate) struct Gather {
    findings: Ordered<Finding>,
    form: Ordered<Finding>,
    suppressions: Ordered<Suppression>,
    not_scanned: Ordered<NotScanned>,
    columns: Ordered<(String, ColumnHits)>,
    models: Ordered<FileReport>,
    notes: Ordered<String>,
    totals: Totals,
    binaries: BTreeMap<&'static str, u64>,
}

impl Gather {
    /// Holds `findings_max` of each sort of thing at most.
    pub(crate) fn new(findings_max: usize) -> Self {
        Self {
            findings: Ordered::new(findings_max),
            form: Ordered::new(findings_max),
            suppressions: Ordered::new(findings_max),
            not_scanned: Ordered::new(findings_max),
            columns: Ordered::new(findings_max),
            models: Ordered::new(findings_max),
            notes: Ordered::new(findings_max),
            totals: Totals::default(),
            binaries: BTreeMap::new(),
        }
    }

    /// Takes what the file at `place` in the order, of `bytes` bytes, came to.
    pub(crate) fn add(&mut self, place: usize, path: &str, bytes: u64, scan: FileScan) {
        self.totals.files += 1;
        self.totals.bytes += bytes;
        self.totals.text_bytes += scan.bytes;
        self.totals.hidden += scan.hidden;
        self.findings.add(place, scan.findings);
        self.form.add(place, scan.form);
        self.suppressions.add(place, scan.suppressions);
        self.not_scanned.add(place, scan.not_scanned);
        self.columns.add(place, scan.columns.into_iter().map(|c| (path.to_owned(), c)).collect());
        self.models.add(place, scan.models);
        self.notes.add(place, scan.notes);
        for binary in scan.binaries {
            *self.binaries.entry(binary).or_default() += 1;
        }
    }

    /// Takes something that was not looked at and is no file of the order.
    pub(crate) fn refuse(&mut self, items: Vec<NotScanned>) {
        self.not_scanned.add(0, items);
    }

    pub(crate) fn into_report(self) -> ScanReport {
        let mut totals = self.totals;
        let mut notes = Vec::new();
        let max = self.findings.max;
        if self.findings.dropped > 0 {
            totals.hidden += self.findings.dropped;
            notes.push(format!("the report holds {max} findings; later ones are counted but not listed"));
        }
        let left_out = [
            ("remarks on the form of tables", self.form.dropped),
            ("columns", self.columns.dropped),
            ("models", self.models.dropped),
            ("notes", self.notes.dropped),
        ];
        for (what, n) in left_out.into_iter().filter(|(_, n)| *n > 0) {
            notes.push(format!("{n} {what} are left out: the report holds {max} of each"));
        }
        let more = self.not_scanned.dropped;
        let mut not_scanned = self.not_scanned.into_vec();
        if more > 0 {
            let reason = format!("{more} more items were not looked at; the report holds {max}");
            not_scanned.push(NotScanned { path: "(more)".into(), reason });
        }
        notes.extend(self.notes.into_vec());
        ScanReport {
            findings: self.findings.into_vec(),
            form: self.form.into_vec(),
            suppressions: self.suppressions.into_vec(),
            not_scanned,
            columns: self.columns.into_vec(),
            models: self.models.into_vec(),
            notes,
            totals,
            binaries: self.binaries,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Gather, Ordered};
    use crate::FileScan;

    #[test]
    fn the_first_in_order_are_kept_whatever_came_first() {
        let parts = [(2, vec![20, 21]), (0, vec![0]), (1, vec![10, 11, 12]), (3, vec![30])];
        for start in 0..parts.len() {
            let mut ordered = Ordered::new(4);
            for i in 0..parts.len() {
                let (place, items) = parts[(start + i) % parts.len()].clone();
                ordered.add(place, items);
            }
            assert_eq!(ordered.dropped, 3);
            assert_eq!(ordered.into_vec(), [0, 10, 11, 12]);
        }
        let mut whole = Ordered::new(4);
        whole.add(0, vec![1, 2, 3, 4]);
        assert_eq!(whole.dropped, 0, "at the limit");
    }

    #[test]
    fn what_is_left_out_is_said() {
        let mut gather = Gather::new(1);
        for place in 0..3 {
            let mut scan = FileScan::default();
            scan.not_scanned("a", "b");
            gather.add(place, "a", 5, scan);
        }
        let report = gather.into_report();
        assert_eq!((report.totals.files, report.totals.bytes, report.not_scanned.len()), (3, 15, 2));
        assert!(report.not_scanned[1].reason.starts_with("2 more items"));
    }
}
