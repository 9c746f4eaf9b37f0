//! SARIF that code scanning accepts: it refuses a file of more than ten megabytes once packed.

use std::io::{self, Write};

use casemate_report::{Document, SarifLimits, to_sarif};
use flate2::{Compression, write::GzEncoder};

/// Bytes of a SARIF file, packed with gzip, that GitHub code scanning takes.
pub const SARIF_BYTES_MAX: u64 = 10_000_000;

/// The report as SARIF of at most `bytes_max` bytes once packed with gzip. Where all results do not fit, the most severe
/// are kept, and the file says how many are left out.
pub fn sarif_within(document: &Document, limits: SarifLimits, bytes_max: u64) -> String {
    let mut limits = limits;
    let found = document.findings().count();
    limits.results_max = limits.results_max.min(found.max(1));
    loop {
        let text = to_sarif(document, &limits);
        let packed = packed_bytes(&text);
        if packed <= bytes_max || limits.results_max <= 1 {
            if packed <= bytes_max || limits.notifications_max == 0 {
                return text;
            }
            // A single result fits; it is what was not scanned that does not.
            limits.notifications_max /= 2;
            continue;
        }
        // Packed size goes with the number of results; a tenth less than the rule of three, so that few rounds do.
        let share = u128::from(bytes_max) * 9 * limits.results_max as u128 / (u128::from(packed) * 10);
        let fewer = usize::try_from(share).unwrap_or(1);
        limits.results_max = fewer.clamp(1, limits.results_max - 1);
    }
}

/// Bytes of `text` packed with gzip at its usual level.
fn packed_bytes(text: &str) -> u64 {
    struct Count(u64);
    impl Write for Count {
        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            self.0 += buf.len() as u64;
            Ok(buf.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut encoder = GzEncoder::new(Count(0), Compression::default());
    // Counting does not fail; if it did, the text would count as it is.
    match encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish()) {
        Ok(count) => count.0,
        Err(_) => text.len() as u64,
    }
}

#[cfg(test)]
mod tests {
    use casemate_finding::{CheckResult, Finding, Fingerprint, Location, Outcome, Severity};
    use casemate_report::{Document, SarifLimits};

    use super::{packed_bytes, sarif_within};

    fn document(n: usize) -> Document {
        let finding = |i: usize| Finding {
            rule: "pii/email".into(),
            severity: if i == n - 1 { Severity::Critical } else { Severity::Low },
            message: format!("finding {}", i.wrapping_mul(0x9e37_79b9)),
            location: Location { path: Some(format!("f{i}.txt")), ..Location::default() },
            evidence: String::new(),
            score: 1.0,
            fingerprint: Fingerprint(format!("{i:032x}")),
            remedy: String::new(),
            references: Vec::new(),
        };
        let check = CheckResult {
            check: "pii".into(),
            subject: "1 target".into(),
            outcome: Outcome::Block,
            reason: "findings".into(),
            findings: (0..n).map(finding).collect(),
        };
        Document::new("scan", "t", vec![check])
    }

    #[test]
    fn what_does_not_fit_is_left_out_and_said() {
        let document = document(500);
        let whole = sarif_within(&document, SarifLimits::default(), u64::MAX);
        let size = packed_bytes(&whole);
        assert_eq!(sarif_within(&document, SarifLimits::default(), size), whole, "at the limit");
        let fewer = sarif_within(&document, SarifLimits::default(), size - 1);
        assert!(packed_bytes(&fewer) < size && fewer.contains("results are left out"), "one byte past it");
        let few = sarif_within(&document, SarifLimits::default(), size / 4);
        assert!(packed_bytes(&few) <= size / 4 && few.contains("f499.txt"), "the most severe is kept");
        let none = sarif_within(&document, SarifLimits::default(), 1);
        assert!(none.contains("results are left out"), "what can be made no smaller is given as it is");
    }
}
