//! Points in time as alerts write them.

use casemate_finding::UnixMs;
use serde_json::Value;

/// RFC 3339 (also with a blank for the `T`, and without a zone, which is then UTC), or a number of seconds, milliseconds,
/// microseconds or nanoseconds since 1970, told apart by size.
pub(crate) fn parse(value: &Value) -> Option<UnixMs> {
    match value {
        Value::String(text) => rfc3339(text).or_else(|| number(text.trim().parse().ok()?)),
        Value::Number(n) => number(n.as_f64()?),
        _ => None,
    }
}

fn number(n: f64) -> Option<UnixMs> {
    // 1e11 s is the year 5138, 1e11 ms is 1973: between them the unit is never in doubt.
    let ms = match n {
        n if !(0.0..1e20).contains(&n) => return None,
        n if n < 1e11 => n * 1e3,
        n if n < 1e14 => n,
        n if n < 1e17 => n / 1e3,
        n => n / 1e6,
    };
    #[expect(clippy::cast_possible_truncation, reason = "below 1e17")]
    Some(UnixMs(ms as i64))
}

fn rfc3339(text: &str) -> Option<UnixMs> {
    let text = text.trim();
    let digits = |from: usize, to: usize| -> Option<i64> {
        let part = text.get(from..to)?;
        part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse().ok())?
    };
    let separator = |at: usize, allowed: &[u8]| text.as_bytes().get(at).is_some_and(|b| allowed.contains(b));
    if !(separator(4, b"-")
        && separator(7, b"-")
        && separator(10, b"Tt ")
        && separator(13, b":")
        && separator(16, b":"))
    {
        return None;
    }
    let (year, month, day) = (digits(0, 4)?, digits(5, 7)?, digits(8, 10)?);
    let (hour, minute, second) = (digits(11, 13)?, digits(14, 16)?, digits(17, 19)?);
    if !((1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second <= 60) {
        return None;
    }
    let mut rest = text.get(19..)?;
    let mut ms = 0;
    if let Some(fraction) = rest.strip_prefix('.') {
        let len = fraction.bytes().take_while(u8::is_ascii_digit).count();
        let shown = fraction.get(..len.min(3))?;
        ms = format!("{shown:0<3}").parse::<i64>().ok()?;
        rest = fraction.get(len..)?;
    }
    let offset_minutes = match rest.trim() {
        "" | "Z" | "z" | "UTC" => 0,
        zone => {
            let sign = match zone.as_bytes().first()? {
                b'+' => 1,
                b'-' => -1,
                _ => return None,
            };
            let zone: String = zone[1..].chars().filter(|c| *c != ':').collect();
            let hours: i64 = zone.get(..2)?.parse().ok()?;
            let minutes: i64 = zone.get(2..4).unwrap_or("00").parse().ok()?;
            sign * (hours * 60 + minutes)
        }
    };
    // Days from civil (H. Hinnant).
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let doy = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468;
    let seconds = ((days * 24 + hour) * 60 + minute - offset_minutes) * 60 + second;
    Some(UnixMs(seconds * 1_000 + ms))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::parse;

    #[test]
    fn instants() {
        for (text, expected) in [
            ("2026-11-21T20:24:03.120Z", "2026-11-21T20:24:03.120Z"),
            ("2023-09-19T11:05:22.487-04:00", "2023-09-19T15:05:22.487Z"),
            ("2025-02-25 20:40:06.000000000", "2025-02-25T20:40:06.000Z"),
            ("2000-02-29T00:00:00+0530", "2000-02-28T18:30:00.000Z"),
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"),
        ] {
            assert_eq!(parse(&json!(text)).map(|t| t.to_string()).as_deref(), Some(expected), "{text}");
        }
        for (n, ms) in [(1_795_284_000_i64, 1_795_284_000_000), (1_695_135_922_487, 1_695_135_922_487)] {
            assert_eq!(parse(&json!(n)).map(|t| t.0), Some(ms));
        }
        for bad in [
            json!("TIMESTAMP"),
            json!("2026-13-01T00:00:00Z"),
            json!("2026-1-1"),
            json!(-5),
            json!(null),
            json!("2026-11-21Té0:24:03"),
        ] {
            assert_eq!(parse(&bad), None, "{bad}");
        }
    }
}
