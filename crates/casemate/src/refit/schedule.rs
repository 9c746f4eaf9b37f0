//! When a daily chore is due: a time of day at a fixed distance from UTC.

use casemate_finding::UnixMs;

const DAY_MS: i64 = 86_400_000;
const MINUTE_MS: i64 = 60_000;

/// Once a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Daily {
    /// Milliseconds of the UTC day at which it is due, 0 to 86,399,999.
    at_ms: i64,
}

impl Daily {
    /// `at` as `02:30`, `zone` as `UTC`, `+02:00` or `-05:30`.
    ///
    /// # Errors
    /// The key that is wrong, and why.
    pub(crate) fn parse(at: &str, zone: &str) -> Result<Self, (&'static str, String)> {
        let minutes = clock(at).ok_or_else(|| ("at", format!("`{at}` is no time of day")))?;
        let offset = match zone.split_at_checked(1) {
            _ if zone.eq_ignore_ascii_case("utc") || zone == "Z" => Some(0),
            Some(("+", rest)) => clock(rest),
            Some(("-", rest)) => clock(rest).map(|m| -m),
            _ => None,
        };
        let offset = offset.filter(|m| m.abs() <= 14 * 60).ok_or_else(|| ("zone", format!("`{zone}` is no offset")))?;
        Ok(Self { at_ms: ((minutes - offset) * MINUTE_MS).rem_euclid(DAY_MS) })
    }

    /// The last time that it was due, `now` included.
    pub(crate) const fn last(self, now: UnixMs) -> UnixMs {
        UnixMs((now.0 - self.at_ms).div_euclid(DAY_MS) * DAY_MS + self.at_ms)
    }

    /// The first time after `now`.
    pub(crate) const fn next(self, now: UnixMs) -> UnixMs {
        UnixMs(self.last(now).0 + DAY_MS)
    }
}

/// Minutes of `hh:mm`.
fn clock(text: &str) -> Option<i64> {
    let (hours, minutes) = text.split_once(':')?;
    let two =
        |t: &str| (t.len() == 2 && t.bytes().all(|b| b.is_ascii_digit())).then(|| t.parse::<i64>().ok()).flatten();
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
}

#[cfg(test)]
mod tests {
    use casemate_finding::UnixMs;

    use super::{DAY_MS, Daily};

    const HOUR: i64 = 3_600_000;

    #[test]
    fn due_once_a_day_wherever_the_day_begins() {
        let utc = Daily::parse("02:30", "UTC").expect("a time");
        let due = |day: i64| UnixMs(day * DAY_MS + 2 * HOUR + HOUR / 2);
        assert_eq!(utc.last(UnixMs(5 * DAY_MS)), due(4));
        assert_eq!(utc.last(UnixMs(due(5).0 - 1)), due(4));
        assert_eq!((utc.last(due(5)), utc.next(due(5))), (due(5), due(6)));
        let east = Daily::parse("02:30", "+05:30").expect("a time");
        assert_eq!(east.last(UnixMs(5 * DAY_MS)), UnixMs(4 * DAY_MS + 21 * HOUR));
        let west = Daily::parse("23:00", "-02:00").expect("a time");
        assert_eq!(west.last(UnixMs(5 * DAY_MS + HOUR)), UnixMs(5 * DAY_MS + HOUR));
        for (at, zone, key) in [
            ("2:30", "UTC", "at"),
            ("24:00", "UTC", "at"),
            ("02:60", "UTC", "at"),
            ("", "UTC", "at"),
            ("02:30", "Europe/Berlin", "zone"),
            ("02:30", "+15:00", "zone"),
            ("02:30", "", "zone"),
        ] {
            assert_eq!(Daily::parse(at, zone).expect_err("refused").0, key, "{at} {zone}");
        }
    }
}
