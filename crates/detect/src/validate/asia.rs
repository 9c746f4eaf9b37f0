//! Numbers of Asia, Australia, Africa, Russia and Turkey.

use super::{
    Check,
    arithmetic::{all_same, day_of_month, digits, luhn, verhoeff, weighted},
};

/// Indian Aadhaar: twelve digits, first 2–9, Verhoeff (UIDAI).
pub(super) fn in_aadhaar(_: &[u8], c: &[u8]) -> Check {
    Check::from(c.len() == 12 && (b'2'..=b'9').contains(&c[0]) && verhoeff(c) && !all_same(c))
}

/// Indian PAN: five letters of which the fourth is a holder type, four digits, a letter.
pub(super) fn in_pan(_: &[u8], c: &[u8]) -> Check {
    Check::from(c.len() == 10 && b"ABCFGHJLPTEK".contains(&c[3]) && c[9].is_ascii_uppercase())
}

/// Indian GSTIN: state code, PAN, entity, `Z`, check character in base 36.
pub(super) fn in_gstin(_: &[u8], c: &[u8]) -> Check {
    if c.len() != 15 || c[13] != b'Z' || in_pan(b"", &c[2..12]) != Check::Pass {
        return Check::Fail;
    }
    let value = |b: u8| if b.is_ascii_digit() { u32::from(b - b'0') } else { u32::from(b - b'A') + 10 };
    let sum: u32 = c[..14]
        .iter()
        .enumerate()
        .map(|(i, b)| {
            let p = value(*b) * (1 + i as u32 % 2);
            p / 36 + p % 36
        })
        .sum();
    let state = value(c[0]) * 10 + value(c[1]);
    Check::from((36 - sum % 36) % 36 == value(c[14]) && (1..=38).contains(&state))
}

/// Australian tax file number: nine digits mod 11 (eight-digit ones of old are not looked for).
pub(super) fn au_tfn(_: &[u8], c: &[u8]) -> Check {
    let Some(d) = digits::<9>(c) else { return Check::Fail };
    Check::from(weighted(&d, &[1, 4, 3, 7, 5, 8, 6, 9, 10]).is_multiple_of(11) && !all_same(c))
}

/// Australian business number: eleven digits mod 89 after taking 1 from the first.
pub(super) fn au_abn(_: &[u8], c: &[u8]) -> Check {
    let Some(d) = digits::<11>(c) else { return Check::Fail };
    let sum = weighted(&d, &[10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]);
    Check::from(d[0] > 0 && (sum + 79).is_multiple_of(89))
}

/// Australian company number: nine digits, last a complement mod 10.
pub(super) fn au_acn(_: &[u8], c: &[u8]) -> Check {
    let Some(d) = digits::<9>(c) else { return Check::Fail };
    Check::from((10 - weighted(&d, &[8, 7, 6, 5, 4, 3, 2, 1]) % 10) % 10 == d[8] && !all_same(c))
}

/// Australian Medicare card: ten or eleven digits, first 2–6, ninth a check digit.
pub(super) fn au_medicare(_: &[u8], c: &[u8]) -> Check {
    let (Some(d), 10..=11) = (c.get(..10).and_then(digits::<10>), c.len()) else { return Check::Fail };
    Check::from((2..=6).contains(&d[0]) && weighted(&d, &[1, 3, 7, 9, 1, 3, 7, 9]) % 10 == d[8] && d[9] > 0)
}

/// Singapore NRIC and FIN: letter, seven digits, check letter by series (S, T, F, G, M).
pub(super) fn sg_nric(_: &[u8], c: &[u8]) -> Check {
    let (Some(d), 9) = (c.get(1..8).and_then(digits::<7>), c.len()) else { return Check::Fail };
    let sum = weighted(&d, &[2, 7, 6, 5, 4, 3, 2]);
    let letters: &[u8; 11] = match c[0] {
        b'S' | b'T' => b"JZIHGFEDCBA",
        b'F' | b'G' => b"XWUTRQPNMLK",
        b'M' => b"KLJNPQRTUWX",
        _ => return Check::Fail,
    };
    let index = match c[0] {
        b'S' | b'F' => sum % 11,
        b'T' | b'G' => (sum + 4) % 11,
        _ => 10 - (sum + 3) % 11,
    };
    Check::from(letters[index as usize] == c[8])
}

/// Korean resident registration number: date, century digit; the check digit holds for numbers before October 2020 only,
/// so that a wrong one weakens.
pub(super) fn kr_rrn(_: &[u8], c: &[u8]) -> Check {
    let Some(d) = digits::<13>(c) else { return Check::Fail };
    if !day_of_month(d[2] * 10 + d[3], d[4] * 10 + d[5]) || d[6] == 0 || d[6] == 9 {
        return Check::Fail;
    }
    let sum = weighted(&d, &[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]);
    if (11 - sum % 11) % 10 == d[12] { Check::Pass } else { Check::Weak }
}

/// Japanese My Number: twelve digits mod 11.
pub(super) fn jp_my_number(_: &[u8], c: &[u8]) -> Check {
    let Some(d) = digits::<12>(c) else { return Check::Fail };
    let rest = weighted(&d, &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
    Check::from(d[11] == if rest <= 1 { 0 } else { 11 - rest } && !all_same(c))
}

/// Chinese resident identity number: date and check character mod 11-2 (GB 11643).
pub(super) fn cn_ric(_: &[u8], c: &[u8]) -> Check {
    let (Some(d), 18) = (c.get(..17).and_then(digits::<17>), c.len()) else { return Check::Fail };
    let year = d[6] * 1000 + d[7] * 100 + d[8] * 10 + d[9];
    if !(1900..=2100).contains(&year) || !day_of_month(d[10] * 10 + d[11], d[12] * 10 + d[13]) {
        return Check::Fail;
    }
    let sum = weighted(&d, &[7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]);
    Check::from(b"10X98765432"[(sum % 11) as usize] == c[17] && (1..=8).contains(&d[0]))
}

/// South African identity number: date, citizenship digit, Luhn.
pub(super) fn za_id(_: &[u8], c: &[u8]) -> Check {
    let Some(d) = digits::<13>(c) else { return Check::Fail };
    Check::from(day_of_month(d[2] * 10 + d[3], d[4] * 10 + d[5]) && d[10] <= 2 && luhn(c))
}

/// Turkish identity number: eleven digits, two check digits.
pub(super) fn tr_tc(_: &[u8], c: &[u8]) -> Check {
    let Some(d) = digits::<11>(c) else { return Check::Fail };
    let odd: u32 = d[..9].iter().step_by(2).sum();
    let even: u32 = d[1..8].iter().step_by(2).sum();
    Check::from(d[0] > 0 && (odd * 7 + 9 * even) % 10 == d[9] && d[..10].iter().sum::<u32>() % 10 == d[10])
}

/// Russian INN: ten digits for a company, twelve for a person.
pub(super) fn ru_inn(_: &[u8], c: &[u8]) -> Check {
    if let Some(d) = digits::<10>(c) {
        return Check::from(weighted(&d, &[2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11 % 10 == d[9] && !all_same(c));
    }
    let Some(d) = digits::<12>(c) else { return Check::Fail };
    let first = weighted(&d, &[7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11 % 10;
    let second = weighted(&d, &[3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11 % 10;
    Check::from(first == d[10] && second == d[11] && !all_same(c))
}

/// Russian SNILS: nine digits and a check number mod 101.
pub(super) fn ru_snils(_: &[u8], c: &[u8]) -> Check {
    let Some(d) = digits::<11>(c) else { return Check::Fail };
    let sum = weighted(&d, &[9, 8, 7, 6, 5, 4, 3, 2, 1]) % 101 % 100;
    Check::from(sum == d[9] * 10 + d[10] && !all_same(&c[..9]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(check: fn(&[u8], &[u8]) -> Check, body: &str) -> usize {
        let all = (b'0'..=b'9').chain(b'A'..=b'Z');
        all.filter(|d| check(b"", &[body.as_bytes(), &[*d]].concat()) == Check::Pass).count()
    }

    #[test]
    fn one_check_character_each() {
        assert_eq!(last(in_aadhaar, "23412341234"), 1);
        assert_eq!(last(in_gstin, "27AAPFU0939F1Z"), 1);
        assert_eq!(last(au_tfn, "12345678"), 1);
        assert_eq!(last(au_acn, "00400161"), 1);
        assert_eq!(last(sg_nric, "S1234567"), 1);
        assert_eq!(last(sg_nric, "G1234567"), 1);
        assert_eq!(last(sg_nric, "M1234567"), 1);
        assert_eq!(last(jp_my_number, "12345678901"), 1);
        assert_eq!(last(cn_ric, "11010519491231002"), 1);
        assert_eq!(last(za_id, "800101500908"), 1);
        assert_eq!(last(ru_inn, "770708389"), 1);
        assert_eq!(last(kr_rrn, "800101123456"), 1);
    }

    #[test]
    fn pairs() {
        let count = |check: fn(&[u8], &[u8]) -> Check, body: &str| {
            (0..100).filter(|n| check(b"", format!("{body}{n:02}").as_bytes()) == Check::Pass).count()
        };
        assert_eq!(count(tr_tc, "100000001"), 1);
        assert_eq!(count(ru_snils, "112233445"), 1);
        assert_eq!(count(ru_inn, "5001007322"), 1);
        assert_eq!(au_medicare(b"", b"2123456701"), Check::Pass);
        assert_eq!(au_abn(b"", b"51824753556"), Check::Pass);
        assert_eq!(au_abn(b"", b"51824753557"), Check::Fail);
        assert_eq!(in_pan(b"", b"ABCPE1234F"), Check::Pass);
        assert_eq!(in_pan(b"", b"ABCDE1234F"), Check::Fail);
    }
}
