//! Lengths of time as people write them: `30s`, `15m`, `4h`, `7d`, `250ms`.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A length of time in milliseconds; YAML writes it with a unit, JSON as a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub u64);

const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

impl Span {
    /// Parses a whole number and a unit.
    ///
    /// # Errors
    /// A text without a unit, with an unknown unit, or past ten years.
    pub fn parse(text: &str) -> Result<Self, SpanError> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let unit_ms = UNITS.iter().find(|(name, _)| *name == unit.trim()).map(|(_, ms)| *ms);
        let number: Option<u64> = number.parse().ok();
        match (number, unit_ms) {
            (Some(n), Some(ms)) => n
                .checked_mul(ms)
                .filter(|ms| *ms <= 315_360_000_000)
                .map(Self)
                .ok_or(SpanError::TooLong { text: clip(text) }),
            _ => Err(SpanError::Malformed { text: clip(text) }),
        }
    }

    /// Milliseconds, for arithmetic on points in time.
    pub const fn as_ms(self) -> i64 {
        // A span is ten years at most, so it always fits.
        self.0 as i64
    }
}

fn clip(text: &str) -> String {
    text.chars().take(40).collect()
}

/// Why a length of time cannot be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SpanError {
    /// Not a whole number and a unit.
    #[error("`{text}` is not a length of time: write a whole number and ms, s, m, h or d, as 15m")]
    Malformed {
        /// What was written.
        text: String,
    },
    /// Longer than ten years.
    #[error("`{text}` is longer than ten years")]
    TooLong {
        /// What was written.
        text: String,
    },
}

impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (unit, ms) =
            UNITS.into_iter().find(|(_, ms)| self.0 >= *ms && self.0.is_multiple_of(*ms)).unwrap_or(("ms", 1));
        write!(f, "{}{unit}", self.0 / ms)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::Span;

    #[test]
    fn written_and_read() {
        for (text, ms) in [("250ms", 250), ("30s", 30_000), ("15m", 900_000), ("4h", 14_400_000), ("7d", 604_800_000)] {
            assert_eq!(Span::parse(text).map(|s| s.0), Ok(ms));
            assert_eq!(Span(ms).to_string(), text);
        }
        assert_eq!(Span(90_000).to_string(), "90s");
        assert_eq!(Span(0).to_string(), "0ms");
        for bad in ["", "5", "m", "1.5h", "-3s", "5y", "3651d", "99999999999999999999s"] {
            assert!(Span::parse(bad).is_err(), "{bad}");
        }
        assert!(Span::parse("3650d").is_ok());
    }
}
