//! Check-digit schemes that many numbers share.

/// The values of ASCII digits; `None` if any byte is none.
pub(super) fn digits<const N: usize>(bytes: &[u8]) -> Option<[u32; N]> {
    let mut out = [0; N];
    if bytes.len() != N {
        return None;
    }
    for (value, b) in out.iter_mut().zip(bytes) {
        if !b.is_ascii_digit() {
            return None;
        }
        *value = u32::from(b - b'0');
    }
    Some(out)
}

/// Luhn's check (ISO/IEC 7812-1 annex B) over ASCII digits.
pub(super) fn luhn(bytes: &[u8]) -> bool {
    let sum: u32 = bytes
        .iter()
        .rev()
        .enumerate()
        .map(|(i, b)| {
            let d = u32::from(b.wrapping_sub(b'0'));
            if i % 2 == 0 { d } else { d * 2 / 10 + d * 2 % 10 }
        })
        .sum();
    sum.is_multiple_of(10) && bytes.iter().all(u8::is_ascii_digit)
}

/// Sum of products with weights.
pub(super) fn weighted(values: &[u32], weights: &[u32]) -> u32 {
    values.iter().zip(weights).map(|(v, w)| v * w).sum()
}

/// Verhoeff's check (dihedral group D5) over ASCII digits.
pub(super) fn verhoeff(bytes: &[u8]) -> bool {
    const POWERS: [[u8; 10]; 8] = [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [1, 5, 7, 6, 2, 8, 3, 0, 9, 4],
        [5, 8, 0, 3, 7, 9, 6, 1, 4, 2],
        [8, 9, 1, 6, 0, 4, 3, 5, 2, 7],
        [9, 4, 5, 3, 1, 2, 6, 8, 7, 0],
        [4, 2, 8, 6, 5, 7, 3, 9, 0, 1],
        [2, 7, 9, 3, 8, 0, 6, 4, 1, 5],
        [7, 0, 4, 6, 9, 1, 3, 2, 5, 8],
    ];
    /// Multiplication of D5: rotations 0 to 4, reflections 5 to 9.
    const fn times(a: u8, b: u8) -> u8 {
        match (a < 5, b < 5) {
            (true, true) => (a + b) % 5,
            (true, false) => 5 + (a + b - 5) % 5,
            (false, true) => 5 + (a - 5 + 5 - b) % 5,
            (false, false) => (a + 5 - b) % 5,
        }
    }
    let check = bytes.iter().rev().enumerate().try_fold(0u8, |c, (i, b)| {
        let d = b.checked_sub(b'0').filter(|d| *d < 10)?;
        Some(times(c, POWERS[i % 8][usize::from(d)]))
    });
    check == Some(0)
}

/// ISO 7064 mod 11,10 over ASCII digits, the last being the check digit.
pub(super) fn mod11_10(bytes: &[u8]) -> bool {
    let Some((last, rest)) = bytes.split_last() else { return false };
    if !bytes.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let product = rest.iter().fold(10u32, |p, b| {
        let s = (p + u32::from(b - b'0')) % 10;
        (if s == 0 { 10 } else { s }) * 2 % 11
    });
    (11 - product) % 10 == u32::from(last - b'0')
}

/// True for a day of a month (leap days of every year count).
pub(super) fn day_of_month(month: u32, day: u32) -> bool {
    let last = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 29,
        _ => 0,
    };
    (1..=last).contains(&day)
}

/// True if all digits are one digit.
pub(super) fn all_same(bytes: &[u8]) -> bool {
    bytes.windows(2).all(|w| w[0] == w[1])
}

#[cfg(test)]
mod tests {
    use super::{luhn, mod11_10, verhoeff};

    #[test]
    fn each_scheme_has_exactly_one_check_digit() {
        for body in ["7992739871", "23456789012", "1", "90817263544"] {
            for scheme in [luhn, verhoeff, mod11_10] {
                let valid: Vec<u8> = (b'0'..=b'9').filter(|d| scheme(&[body.as_bytes(), &[*d]].concat())).collect();
                assert_eq!(valid.len(), 1, "{body}");
            }
        }
        assert!(luhn(b"79927398713"));
        assert!(verhoeff(b"2363"));
        assert!(!luhn(b"7992739871x") && !verhoeff(b"23x3"));
    }

    #[test]
    fn verhoeff_sees_every_swap_of_neighbours() {
        let full = (b'0'..=b'9').map(|d| [b"47129056381".as_slice(), &[d]].concat()).find(|c| verhoeff(c)).unwrap();
        for i in 0..full.len() - 1 {
            let mut swapped = full.clone();
            swapped.swap(i, i + 1);
            assert!(swapped == full || !verhoeff(&swapped));
        }
    }
}
