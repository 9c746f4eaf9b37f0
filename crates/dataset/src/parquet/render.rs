//! Stored values as the text that people would write.

use std::fmt::Write as _;

use super::schema::{Logical, Physical};

/// Appends the text of a value to `out`; false when it is bytes that no text has.
pub(super) fn render(value: &[u8], physical: Physical, logical: Logical, out: &mut String) -> bool {
    match physical {
        Physical::Boolean => out.push_str(if value == [1] { "true" } else { "false" }),
        Physical::Int32 | Physical::Int64 => integer(value, logical, out),
        Physical::Int96 => int96(value, out),
        Physical::Float => {
            let Some(bytes) = value.first_chunk() else { return false };
            number(f64::from(f32::from_le_bytes(*bytes)), out);
        }
        Physical::Double => {
            let Some(bytes) = value.first_chunk() else { return false };
            number(f64::from_le_bytes(*bytes), out);
        }
        Physical::Bytes | Physical::Fixed(_) => return bytes(value, physical, logical, out),
    }
    true
}

fn signed(value: &[u8]) -> i64 {
    match value.first_chunk::<8>() {
        Some(bytes) => i64::from_le_bytes(*bytes),
        None => value.first_chunk::<4>().map_or(0, |b| i64::from(i32::from_le_bytes(*b))),
    }
}

fn integer(value: &[u8], logical: Logical, out: &mut String) {
    let n = signed(value);
    // Writing to a string does not fail.
    _ = match logical {
        Logical::Decimal { scale } => {
            decimal(i128::from(n), scale, out);
            Ok(())
        }
        Logical::Integer { signed: false } if value.len() == 4 => write!(out, "{}", n as u32),
        Logical::Integer { signed: false } => write!(out, "{}", n as u64),
        Logical::Date => {
            date(n, out);
            Ok(())
        }
        Logical::Time { unit } => {
            clock(n.div_euclid(per_second(unit)), out);
            Ok(())
        }
        Logical::Timestamp { unit } => {
            timestamp(n.div_euclid(per_second(unit)), out);
            Ok(())
        }
        _ => write!(out, "{n}"),
    };
}

const fn per_second(unit: i16) -> i64 {
    match unit {
        1 => 1_000,
        2 => 1_000_000,
        _ => 1_000_000_000,
    }
}

/// Nanoseconds of the day, then the Julian day: what Impala and old Spark write.
fn int96(value: &[u8], out: &mut String) {
    let day = value.get(8..12).map_or(0, signed);
    timestamp((day - 2_440_588) * 86_400 + signed(value).div_euclid(1_000_000_000), out);
}

/// Seconds since 1970 as `2026-11-22 00:30:00`, or the day alone at midnight.
fn timestamp(seconds: i64, out: &mut String) {
    date(seconds.div_euclid(86_400), out);
    let of_day = seconds.rem_euclid(86_400);
    if of_day > 0 {
        out.push(' ');
        clock(of_day, out);
    }
}

fn clock(seconds: i64, out: &mut String) {
    let of_day = seconds.rem_euclid(86_400);
    _ = write!(out, "{:02}:{:02}:{:02}", of_day / 3_600, of_day / 60 % 60, of_day % 60);
}

/// Days since 1970 in the proleptic Gregorian calendar (H. Hinnant, "chrono-compatible low-level date algorithms").
pub(crate) fn date(days: i64, out: &mut String) {
    // Beyond this no calendar goes; the number is then what people see.
    if days.abs() > 100_000_000 {
        _ = write!(out, "{days}");
        return;
    }
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    _ = write!(out, "{year:04}-{month:02}-{day:02}");
}

/// A floating-point number; a whole one without point, as the long number that it was before a null made it one.
fn number(value: f64, out: &mut String) {
    _ = if value.fract() == 0.0 && value.abs() < 1e18 { write!(out, "{value:.0}") } else { write!(out, "{value}") };
}

fn decimal(unscaled: i128, scale: i32, out: &mut String) {
    let Ok(scale @ 1..=38) = usize::try_from(scale) else {
        _ = write!(out, "{unscaled}");
        return;
    };
    let digits = format!("{:0width$}", unscaled.unsigned_abs(), width = scale + 1);
    if unscaled < 0 {
        out.push('-');
    }
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    out.push_str(whole);
    out.push('.');
    out.push_str(fraction);
}

fn bytes(value: &[u8], physical: Physical, logical: Logical, out: &mut String) -> bool {
    match logical {
        Logical::Decimal { scale } if (1..=16).contains(&value.len()) => {
            let negative = value.first().is_some_and(|b| b & 0x80 != 0);
            let start = if negative { -1_i128 } else { 0 };
            decimal(value.iter().fold(start, |n, b| n << 8 | i128::from(*b)), scale, out);
            return true;
        }
        Logical::Uuid if value.len() == 16 => {
            for (i, b) in value.iter().enumerate() {
                if matches!(i, 4 | 6 | 8 | 10) {
                    out.push('-');
                }
                _ = write!(out, "{b:02x}");
            }
            return true;
        }
        Logical::Float16 if physical == Physical::Fixed(2) => {
            number(half(u16::from_le_bytes([value[0], value[1]])), out);
            return true;
        }
        _ => {}
    }
    if let Ok(text) = std::str::from_utf8(value) {
        out.push_str(text);
        // NUL and its kin are valid UTF-8, but no text is made of them.
        return logical == Logical::Text || crate::detect_encoding(value).is_ok() || value.is_empty();
    }
    if logical != Logical::Text && crate::detect_encoding(value).is_err() {
        return false;
    }
    out.extend(value.iter().copied().map(char::from));
    true
}

/// A number of IEEE 754's binary16.
fn half(bits: u16) -> f64 {
    let (sign, exponent, fraction) = (bits >> 15, bits >> 10 & 0x1f, f64::from(bits & 0x3ff));
    let size = match exponent {
        0 => fraction / 1_024.0 * 2_f64.powi(-14),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        e => (1.0 + fraction / 1_024.0) * 2_f64.powi(i32::from(e) - 15),
    };
    if sign == 1 { -size } else { size }
}

#[cfg(test)]
mod tests {
    use super::{Logical, Physical, render};

    fn text(value: &[u8], physical: Physical, logical: Logical) -> String {
        let mut out = String::new();
        assert!(render(value, physical, logical, &mut out), "{value:?}");
        out
    }

    #[test]
    fn values_read_as_people_write_them() {
        use {Logical as L, Physical as P};
        let days = |n: i32| n.to_le_bytes();
        for (value, physical, logical, expected) in [
            (&days(-1)[..], P::Int32, L::None, "-1"),
            (&days(-1), P::Int32, L::Integer { signed: false }, "4294967295"),
            (&days(0), P::Int32, L::Date, "1970-01-01"),
            (&days(20_779), P::Int32, L::Date, "2026-11-22"),
            (&days(-25_509), P::Int32, L::Date, "1900-02-28"),
            (&days(-719_162), P::Int32, L::Date, "0001-01-01"),
            (&days(1_234_567), P::Int32, L::Decimal { scale: 2 }, "12345.67"),
            (&days(-5), P::Int32, L::Decimal { scale: 3 }, "-0.005"),
            (&days(3_723_000), P::Int32, L::Time { unit: 1 }, "01:02:03"),
            (&1_700_000_000_123_i64.to_le_bytes(), P::Int64, L::Timestamp { unit: 1 }, "2023-11-14 22:13:20"),
            (&(-86_400_000_000_i64).to_le_bytes(), P::Int64, L::Timestamp { unit: 2 }, "1969-12-31"),
            (&[0, 0, 0, 0, 0, 0, 0, 0, 0x8c, 0x3d, 0x25, 0], P::Int96, L::None, "1970-01-01"),
            (&4_111_111_111_111_111_f64.to_le_bytes(), P::Double, L::None, "4111111111111111"),
            (&1.5_f32.to_le_bytes(), P::Float, L::None, "1.5"),
            (&[1], P::Boolean, L::None, "true"),
            (&[0xff, 0x85], P::Fixed(2), L::Decimal { scale: 1 }, "-12.3"),
            (&[0xab; 16], P::Fixed(16), L::Uuid, "abababab-abab-abab-abab-abababababab"),
            (&[0, 0x3e], P::Fixed(2), L::Float16, "1.5"),
            (b"caf\xc3\xa9", P::Bytes, L::Text, "café"),
            (b"caf\xe9 au lait", P::Bytes, L::None, "café au lait"),
        ] {
            assert_eq!(text(value, physical, logical), expected);
        }
        assert!(!render(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", Physical::Bytes, Logical::None, &mut String::new()));
    }
}
