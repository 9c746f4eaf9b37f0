//! Payment cards and bank routing numbers.

use super::{
    Check,
    arithmetic::{all_same, digits, luhn, weighted},
};

/// Payment card: a length that the issuer's range has, and Luhn (ISO/IEC 7812).
pub(super) fn card(_: &[u8], c: &[u8]) -> Check {
    if !(13..=19).contains(&c.len()) || !luhn(c) || all_same(c) {
        return Check::Fail;
    }
    let head = |n: usize| c[..n].iter().fold(0u32, |v, b| v * 10 + u32::from(b - b'0'));
    let n = c.len();
    let known = match (head(2), head(4)) {
        (40..=49, _) => matches!(n, 13 | 16 | 19),
        (51..=55, _) | (22..=27, 2221..=2720) => n == 16,
        (34 | 37, _) => n == 15,
        (36 | 38 | 39, _) | (30, 3000..=3059 | 3095) => (14..=19).contains(&n),
        (35, 3528..=3589) | (64..=65, _) | (60, 6011) | (62, _) | (81, _) => (16..=19).contains(&n),
        (50 | 56..=58 | 60..=61 | 63 | 66..=69, _) => (12..=19).contains(&n),
        (21, 2131) | (18, 1800) => n == 15,
        (22, 2200..=2204) => (16..=19).contains(&n),
        _ => false,
    };
    if !known {
        return Check::Fail;
    }
    // Maestro's wide ranges take in a tenth of all numbers.
    let narrow = !matches!(head(2), 50 | 56..=58 | 61 | 63 | 66..=69) && n != 13 && n != 19;
    if narrow { Check::Pass } else { Check::Weak }
}

/// US bank routing number: Federal Reserve district and weights 3, 7, 1 (ANSI X9.13).
pub(super) fn aba(_: &[u8], c: &[u8]) -> Check {
    let Some(d) = digits::<9>(c) else { return Check::Fail };
    let district = d[0] * 10 + d[1];
    let known = matches!(district, 0..=12 | 21..=32 | 61..=72 | 80);
    Check::from(known && weighted(&d, &[3, 7, 1, 3, 7, 1, 3, 7, 1]).is_multiple_of(10) && !all_same(c))
}

/// Bank identifier code (ISO 9362): four letters, a country, two or five more, all capitals.
pub(super) fn bic(raw: &[u8], c: &[u8]) -> Check {
    let well_formed = matches!(c.len(), 8 | 11)
        && c[..6].iter().all(u8::is_ascii_uppercase)
        && raw.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    Check::from(well_formed)
}

#[cfg(test)]
mod tests {
    use super::{aba, card};
    use crate::validate::{Check, arithmetic::luhn};

    fn with_check(body: &str) -> Vec<u8> {
        (b'0'..=b'9').map(|d| [body.as_bytes(), &[d]].concat()).find(|c| luhn(c)).unwrap()
    }

    #[test]
    fn ranges() {
        for good in ["411111222233334", "555555111122223", "222100112233445", "37828224631000", "601100112233445"] {
            assert_eq!(card(b"", &with_check(good)), Check::Pass, "{good}");
        }
        for bad in ["999999111122223", "222000112233445", "41111122223333"] {
            assert_eq!(card(b"", &with_check(bad)), Check::Fail, "{bad}");
        }
        let mut wrong = with_check("411111222233334");
        wrong[15] = if wrong[15] == b'9' { b'0' } else { wrong[15] + 1 };
        assert_eq!(card(b"", &wrong), Check::Fail);
    }

    #[test]
    fn routing_numbers() {
        assert_eq!(aba(b"", b"011000015"), Check::Pass);
        assert_eq!(aba(b"", b"011000016"), Check::Fail);
        assert_eq!(aba(b"", b"990000000"), Check::Fail);
    }
}
