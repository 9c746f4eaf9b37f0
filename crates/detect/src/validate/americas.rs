//! Numbers of the Americas, and those that are the same the world over (VIN, IMEI).

use super::{
    Check,
    arithmetic::{all_same, day_of_month, digits, luhn, weighted},
};

/// US social security number: no area 000, 666 or 9xx, no group 00, no serial 0000 (SSA, randomised since 2011).
pub(super) fn us_ssn(_: &[u8], c: &[u8]) -> Check {
    let Some(d) = digits::<9>(c) else { return Check::Fail };
    let area = d[0] * 100 + d[1] * 10 + d[2];
    let assigned = area != 0 && area != 666 && area < 900 && c[3..5] != *b"00" && c[5..] != *b"0000";
    // Printed in leaflets and wallets, never a person's.
    let sample = matches!(c, b"078051120" | b"219099999" | b"123456789") || all_same(c);
    Check::from(assigned && !sample)
}

/// US individual taxpayer number: 9xx with a group of 50–65, 70–88, 90–92 or 94–99 (IRS).
pub(super) fn us_itin(_: &[u8], c: &[u8]) -> Check {
    let Some(d) = digits::<9>(c) else { return Check::Fail };
    Check::from(d[0] == 9 && matches!(d[3] * 10 + d[4], 50..=65 | 70..=88 | 90..=92 | 94..=99))
}

/// US national provider id: Luhn over 80840 and the ten digits, first digit 1 or 2 (45 CFR 162.406).
pub(super) fn us_npi(_: &[u8], c: &[u8]) -> Check {
    Check::from(c.len() == 10 && matches!(c[0], b'1' | b'2') && luhn(&[b"80840", c].concat()))
}

/// US DEA registration: two letters (the second is `9` for some), seven digits with a weighted sum.
pub(super) fn us_dea(_: &[u8], c: &[u8]) -> Check {
    let (Some(d), true) = (c.get(2..).and_then(digits::<7>), c.len() == 9) else { return Check::Fail };
    let type_ok = b"ABCDEFGHJKLMPRSTUX".contains(&c[0]) && (c[1].is_ascii_uppercase() || c[1] == b'9');
    Check::from(type_ok && (d[0] + d[2] + d[4] + 2 * (d[1] + d[3] + d[5])) % 10 == d[6])
}

/// US Medicare beneficiary id: positions alternate digits and letters without S, L, O, I, B, Z (CMS).
pub(super) fn us_mbi(_: &[u8], c: &[u8]) -> Check {
    let letter = |b: u8| b.is_ascii_uppercase() && !b"SLOIBZ".contains(&b);
    Check::from(
        c.len() == 11
            && (b'1'..=b'9').contains(&c[0])
            && [1, 4, 7, 8].iter().all(|i| letter(c[*i]))
            && [3, 6, 9, 10].iter().all(|i| c[*i].is_ascii_digit())
            && [2, 5].iter().all(|i| letter(c[*i]) || c[*i].is_ascii_digit()),
    )
}

/// Canadian social insurance number: Luhn; 0 and 8 are not given as a first digit.
pub(super) fn ca_sin(_: &[u8], c: &[u8]) -> Check {
    Check::from(c.len() == 9 && luhn(c) && !matches!(c[0], b'0' | b'8') && !all_same(c))
}

/// Brazilian CPF: two check digits mod 11.
pub(super) fn br_cpf(_: &[u8], c: &[u8]) -> Check {
    let Some(d) = digits::<11>(c) else { return Check::Fail };
    let check = |n: usize| {
        let sum: u32 = (0..n).map(|i| d[i] * (n as u32 + 1 - i as u32)).sum();
        sum * 10 % 11 % 10
    };
    Check::from(!all_same(c) && check(9) == d[9] && check(10) == d[10])
}

/// Brazilian CNPJ: two check digits mod 11 (the all-digit form).
pub(super) fn br_cnpj(_: &[u8], c: &[u8]) -> Check {
    let Some(d) = digits::<14>(c) else { return Check::Fail };
    let check = |weights: &[u32]| {
        let rest = weighted(&d, weights) % 11;
        if rest < 2 { 0 } else { 11 - rest }
    };
    Check::from(
        !all_same(c)
            && check(&[5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]) == d[12]
            && check(&[6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]) == d[13],
    )
}

/// Mexican CURP: date, sex, state and a check digit over the alphabet with Ñ (RENAPO).
pub(super) fn mx_curp(_: &[u8], c: &[u8]) -> Check {
    if c.len() != 18 || !c[..4].iter().all(u8::is_ascii_uppercase) || !c[10..16].iter().all(u8::is_ascii_uppercase) {
        return Check::Fail;
    }
    let Some(d) = digits::<6>(&c[4..10]) else { return Check::Fail };
    if !day_of_month(d[2] * 10 + d[3], d[4] * 10 + d[5]) || !matches!(c[10], b'H' | b'M' | b'X') {
        return Check::Fail;
    }
    let value = |b: u8| match b {
        b'0'..=b'9' => u32::from(b - b'0'),
        b'A'..=b'N' => u32::from(b - b'A') + 10,
        _ => u32::from(b - b'A') + 11,
    };
    let sum: u32 = c[..17].iter().enumerate().map(|(i, b)| value(*b) * (18 - i as u32)).sum();
    Check::from(c[17].is_ascii_digit() && (10 - sum % 10) % 10 == u32::from(c[17] - b'0'))
}

/// Vehicle identification number: no I, O, Q; the check digit of ISO 3779 as North America uses it. Elsewhere position 9
/// is free, so that a wrong one only weakens.
pub(super) fn vin(raw: &[u8], c: &[u8]) -> Check {
    if c.len() != 17 || raw.len() != 17 || c.iter().any(|b| b"IOQ".contains(b)) {
        return Check::Fail;
    }
    let letters = c.iter().filter(|b| b.is_ascii_uppercase()).count();
    if !(2..=15).contains(&letters) || raw.iter().any(u8::is_ascii_lowercase) {
        return Check::Fail;
    }
    let value = |b: u8| match b {
        b'0'..=b'9' => u32::from(b - b'0'),
        b'A'..=b'H' => u32::from(b - b'A') + 1,
        b'J'..=b'R' => u32::from(b - b'J') + 1,
        _ => u32::from(b - b'S') + 2,
    };
    const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    let rest = c.iter().zip(WEIGHTS).map(|(b, w)| value(*b) * w).sum::<u32>() % 11;
    let check = if rest == 10 { b'X' } else { b'0' + rest as u8 };
    if c[8] == check { Check::Pass } else { Check::Weak }
}

/// Mobile equipment id: 15 digits, Luhn (3GPP TS 23.003).
pub(super) fn imei(_: &[u8], c: &[u8]) -> Check {
    Check::from(
        c.len() == 15 && luhn(c) && !all_same(c) && c[0] != b'0' || c.len() == 15 && c.starts_with(b"01") && luhn(c),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of the ten last digits pass.
    fn passing(check: fn(&[u8], &[u8]) -> Check, body: &str) -> usize {
        (b'0'..=b'9').filter(|d| check(b"", &[body.as_bytes(), &[*d]].concat()) == Check::Pass).count()
    }

    #[test]
    fn one_check_digit_each() {
        assert_eq!(passing(us_npi, "123456789"), 1);
        assert_eq!(passing(us_dea, "AB123456"), 1);
        assert_eq!(passing(ca_sin, "13045428"), 1);
        assert_eq!(passing(imei, "49015420323751"), 1);
        assert_eq!(passing(mx_curp, "HEGG560427MVZRRL0"), 1);
    }

    #[test]
    fn pairs_of_check_digits() {
        let count = |check: fn(&[u8], &[u8]) -> Check, body: &str| {
            (0..100).filter(|n| check(b"", format!("{body}{n:02}").as_bytes()) == Check::Pass).count()
        };
        assert_eq!(count(br_cpf, "123123123"), 1);
        assert_eq!(count(br_cnpj, "112223330001"), 1);
    }

    #[test]
    fn unassigned_ssns() {
        for bad in ["000121234", "666121234", "900121234", "123001234", "123120000", "078051120"] {
            assert_eq!(us_ssn(b"", bad.as_bytes()), Check::Fail, "{bad}");
        }
        assert_eq!(us_ssn(b"", b"536221234"), Check::Pass);
        assert_eq!(us_itin(b"", b"900701234"), Check::Pass);
        assert_eq!(us_itin(b"", b"900691234"), Check::Fail);
    }

    #[test]
    fn codes() {
        assert_eq!(us_mbi(b"", b"1EG4TE5MK73"), Check::Pass);
        assert_eq!(us_mbi(b"", b"1SG4TE5MK73"), Check::Fail);
        assert_eq!(vin(b"11111111111111111", b"11111111111111111"), Check::Fail);
        let vin_of = |check: u8| {
            let mut v = *b"1M8GDM9A0KP042788";
            v[8] = check;
            vin(&v, &v)
        };
        assert_eq!(vin_of(b'X'), Check::Pass);
        assert_eq!(vin_of(b'0'), Check::Weak);
    }
}
