//! National numbers of Europe.

use super::{
    Check,
    arithmetic::{all_same, day_of_month, digits, luhn, mod11_10, weighted},
};

/// UK NHS number: ten digits mod 11 (NHS Data Dictionary).
pub(super) fn uk_nhs(_: &[u8], c: &[u8]) -> Check {
    let Some(d) = digits::<10>(c) else { return Check::Fail };
    let check = 11 - weighted(&d, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    Check::from(check % 11 == d[9] && check != 10 && !all_same(c))
}

/// UK National Insurance number: prefixes that are given out, suffix A–D (HMRC NIM39110).
pub(super) fn uk_nino(_: &[u8], c: &[u8]) -> Check {
    if c.len() != 9 && c.len() != 8 {
        return Check::Fail;
    }
    let first = c[0].is_ascii_uppercase() && !b"DFIQUV".contains(&c[0]);
    let second = c[1].is_ascii_uppercase() && !b"DFIOQUV".contains(&c[1]);
    let given = !matches!(&c[..2], b"BG" | b"GB" | b"NK" | b"KN" | b"TN" | b"NT" | b"ZZ");
    let suffix = c.get(8).is_none_or(|b| (b'A'..=b'D').contains(b));
    Check::from(first && second && given && suffix && c[2..8].iter().all(u8::is_ascii_digit))
}

const ES_LETTERS: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";

/// Spanish NIF: eight digits and a letter mod 23.
pub(super) fn es_nif(_: &[u8], c: &[u8]) -> Check {
    let (Some(d), 9) = (c.get(..8).and_then(digits::<8>), c.len()) else { return Check::Fail };
    let number = d.iter().fold(0, |v, d| v * 10 + d);
    Check::from(ES_LETTERS[(number % 23) as usize] == c[8])
}

/// Spanish NIE: X, Y or Z for 0, 1 or 2, then as the NIF.
pub(super) fn es_nie(_: &[u8], c: &[u8]) -> Check {
    let (Some(d), 9) = (c.get(1..8).and_then(digits::<7>), c.len()) else { return Check::Fail };
    let Some(first) = c[0].checked_sub(b'X').filter(|f| *f < 3) else { return Check::Fail };
    let number = d.iter().fold(u32::from(first), |v, d| v * 10 + d);
    Check::from(ES_LETTERS[(number % 23) as usize] == c[8])
}

/// Italian codice fiscale: layout with digits that may be letters (omocodia), check letter (DM 23/12/1976).
pub(super) fn it_fiscal_code(_: &[u8], c: &[u8]) -> Check {
    if c.len() != 16 || !c[..6].iter().all(u8::is_ascii_uppercase) || !b"ABCDEHLMPRST".contains(&c[8]) {
        return Check::Fail;
    }
    let digit = |b: u8| b.is_ascii_digit() || b"LMNPQRSTUV".contains(&b);
    if ![6, 7, 9, 10, 12, 13, 14].iter().all(|i| digit(c[*i])) || !c[11].is_ascii_uppercase() {
        return Check::Fail;
    }
    const ODD: [u32; 26] =
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    let index = |b: u8| usize::from(if b.is_ascii_digit() { b - b'0' } else { b - b'A' });
    let sum: u32 =
        c[..15].iter().enumerate().map(|(i, b)| if i % 2 == 0 { ODD[index(*b)] } else { index(*b) as u32 }).sum();
    Check::from(u32::from(c[15].wrapping_sub(b'A')) == sum % 26)
}

/// Italian partita IVA: eleven digits, Luhn.
pub(super) fn it_vat(_: &[u8], c: &[u8]) -> Check {
    Check::from(c.len() == 11 && luhn(c) && !all_same(c))
}

/// French NIR: sex, year, month, department (Corsica 2A, 2B), key 97 (INSEE).
pub(super) fn fr_nir(_: &[u8], c: &[u8]) -> Check {
    if c.len() != 15 || !matches!(c[0], b'1' | b'2' | b'3' | b'4' | b'7' | b'8') {
        return Check::Fail;
    }
    let mut body = [0u8; 15];
    body.copy_from_slice(c);
    let mut minus = 0u64;
    if let (b'2', letter @ (b'A' | b'B')) = (c[5], c[6]) {
        // 2A counts as 19, 2B as 18.
        (body[5], body[6]) = (b'2', b'0');
        minus = if letter == b'A' { 1_000_000 } else { 2_000_000 };
    }
    let Some(d) = digits::<15>(&body) else { return Check::Fail };
    let month = d[3] * 10 + d[4];
    let number = d[..13].iter().fold(0u64, |v, d| v * 10 + u64::from(*d)) - minus;
    let key = u64::from(d[13] * 10 + d[14]);
    Check::from(97 - number % 97 == key && matches!(month, 1..=12 | 20..=42 | 50..=99))
}

/// Portuguese NIF: nine digits mod 11.
pub(super) fn pt_nif(_: &[u8], c: &[u8]) -> Check {
    let Some(d) = digits::<9>(c) else { return Check::Fail };
    let rest = weighted(&d, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    Check::from(d[8] == if rest < 2 { 0 } else { 11 - rest } && matches!(d[0], 1..=3 | 5..=6 | 8..=9))
}

/// Dutch BSN: nine digits, the eleven test.
pub(super) fn nl_bsn(_: &[u8], c: &[u8]) -> Check {
    let Some(d) = digits::<9>(c) else { return Check::Fail };
    let sum = weighted(&d, &[9, 8, 7, 6, 5, 4, 3, 2]) as i64 - i64::from(d[8]);
    Check::from(sum % 11 == 0 && !all_same(c))
}

/// Belgian national number: date, serial, 97 less the number mod 97 (with a 2 before it from 2000 on).
pub(super) fn be_nrn(_: &[u8], c: &[u8]) -> Check {
    let Some(d) = digits::<11>(c) else { return Check::Fail };
    let number = d[..9].iter().fold(0u64, |v, d| v * 10 + u64::from(*d));
    let key = u64::from(d[9] * 10 + d[10]);
    let (month, day) = (d[2] * 10 + d[3], d[4] * 10 + d[5]);
    let dated = day_of_month(month % 20, day) || month % 20 == 0 || day == 0;
    Check::from(dated && (97 - number % 97 == key || 97 - (2_000_000_000 + number) % 97 == key))
}

/// German tax id: eleven digits, one digit of the first ten twice or thrice, mod 11,10 (§ 139b AO).
pub(super) fn de_tax_id(_: &[u8], c: &[u8]) -> Check {
    if c.len() != 11 || c[0] == b'0' || !mod11_10(c) {
        return Check::Fail;
    }
    let mut counts = [0; 10];
    c[..10].iter().for_each(|b| counts[usize::from(b - b'0')] += 1);
    let repeated = counts.iter().filter(|n| **n > 1).count();
    Check::from(repeated == 1 && counts.iter().all(|n| *n <= 3))
}

/// German identity card or passport number: letters without vowels, weights 7, 3, 1 (ICAO 9303). Without the tenth
/// character there is nothing to check.
pub(super) fn de_document(_: &[u8], c: &[u8]) -> Check {
    let allowed = |b: &u8| b.is_ascii_digit() || b"CFGHJKLMNPRTVWXYZ".contains(b);
    if !(9..=10).contains(&c.len()) || !c[..9].iter().all(allowed) || !b"CFGHJKLMNPRTVWXYZ".contains(&c[0]) {
        return Check::Fail;
    }
    let Some(check) = c.get(9) else { return Check::Unknown };
    let value = |b: u8| if b.is_ascii_digit() { u32::from(b - b'0') } else { u32::from(b - b'A') + 10 };
    let sum: u32 = c[..9].iter().zip([7, 3, 1].iter().cycle()).map(|(b, w)| value(*b) * w).sum();
    Check::from(u32::from(check.wrapping_sub(b'0')) == sum % 10)
}

/// Polish PESEL: date with the century in the month, weights 1, 3, 7, 9.
pub(super) fn pl_pesel(_: &[u8], c: &[u8]) -> Check {
    let Some(d) = digits::<11>(c) else { return Check::Fail };
    let month = (d[2] * 10 + d[3]) % 20;
    let sum = weighted(&d, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]);
    Check::from(sum.is_multiple_of(10) && day_of_month(month, d[4] * 10 + d[5]))
}

/// Swedish personnummer: date (coordination numbers add 60 to the day), Luhn over the last ten digits.
pub(super) fn se_personnummer(_: &[u8], c: &[u8]) -> Check {
    let ten = match c.len() {
        10 => c,
        12 if matches!(&c[..2], b"18" | b"19" | b"20") => &c[2..],
        _ => return Check::Fail,
    };
    let Some(d) = digits::<10>(ten) else { return Check::Fail };
    let day = d[4] * 10 + d[5];
    Check::from(luhn(ten) && day_of_month(d[2] * 10 + d[3], if day > 60 { day - 60 } else { day }))
}

/// Finnish HETU: date, century sign, check character mod 31. `raw` has the sign.
pub(super) fn fi_hetu(raw: &[u8], c: &[u8]) -> Check {
    if raw.len() != 11 || !b"+-ABCDEFYXWVU".contains(&raw[6].to_ascii_uppercase()) {
        return Check::Fail;
    }
    let serial_from = c.len() - 4;
    let nine = [&raw[..6], &c[serial_from..serial_from + 3]].concat();
    let Some(d) = digits::<9>(&nine) else { return Check::Fail };
    let number = d.iter().fold(0, |v, d| v * 10 + d);
    let check = b"0123456789ABCDEFHJKLMNPRSTUVWXY"[(number % 31) as usize];
    Check::from(c[c.len() - 1] == check && day_of_month(d[2] * 10 + d[3], d[0] * 10 + d[1]))
}

/// Danish CPR: a date; the check mod 11 was given up in 2007, so that a wrong one weakens.
pub(super) fn dk_cpr(_: &[u8], c: &[u8]) -> Check {
    let Some(d) = digits::<10>(c) else { return Check::Fail };
    if !day_of_month(d[2] * 10 + d[3], d[0] * 10 + d[1]) {
        return Check::Fail;
    }
    if weighted(&d, &[4, 3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11) { Check::Pass } else { Check::Weak }
}

/// Norwegian fødselsnummer: date (D-numbers add 40 to the day), two check digits mod 11.
pub(super) fn no_fnr(_: &[u8], c: &[u8]) -> Check {
    let Some(d) = digits::<11>(c) else { return Check::Fail };
    let day = d[0] * 10 + d[1];
    let first = weighted(&d, &[3, 7, 6, 1, 8, 9, 4, 5, 2, 1]).is_multiple_of(11);
    let second = weighted(&d, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11);
    Check::from(first && second && day_of_month(d[2] * 10 + d[3], if day > 40 { day - 40 } else { day }))
}

/// Czech and Slovak rodné číslo: date (women add 50 to the month, since 2004 also 20 or 70), divisible by 11.
pub(super) fn cz_rc(_: &[u8], c: &[u8]) -> Check {
    let Some(d) = digits::<10>(c) else { return Check::Fail };
    let month = d[2] * 10 + d[3];
    let month = [0, 20, 50, 70].iter().filter_map(|add| month.checked_sub(*add)).find(|m| (1..=12).contains(m));
    let number = d.iter().fold(0u64, |v, d| v * 10 + u64::from(*d));
    Check::from(number % 11 == 0 && month.is_some_and(|m| day_of_month(m, d[4] * 10 + d[5])))
}

/// Swiss AHV number: 756 and an EAN-13 check digit.
pub(super) fn ch_ahv(_: &[u8], c: &[u8]) -> Check {
    let Some(d) = digits::<13>(c) else { return Check::Fail };
    Check::from(c.starts_with(b"756") && weighted(&d, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]).is_multiple_of(10))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(check: fn(&[u8], &[u8]) -> Check, body: &str) -> usize {
        let all = (b'0'..=b'9').chain(b'A'..=b'Z');
        all.filter(|d| {
            let full = [body.as_bytes(), &[*d]].concat();
            check(&full, &full) == Check::Pass
        })
        .count()
    }

    #[test]
    fn one_check_character_each() {
        assert_eq!(last(uk_nhs, "943476591"), 1);
        assert_eq!(last(uk_nino, "AB123456"), 4);
        assert_eq!(last(es_nif, "12345678"), 1);
        assert_eq!(last(es_nie, "X1234567"), 1);
        assert_eq!(last(it_fiscal_code, "RSSMRA85T10A562"), 1);
        assert_eq!(last(it_vat, "0743821001"), 1);
        assert_eq!(last(pt_nif, "12345678"), 1);
        assert_eq!(last(nl_bsn, "11122233"), 1);
        assert_eq!(last(de_tax_id, "8609574271"), 1);
        assert_eq!(last(pl_pesel, "4405140135"), 1);
        assert_eq!(last(se_personnummer, "811228987"), 1);
        assert_eq!(last(ch_ahv, "756921707698"), 1);
        assert_eq!(last(cz_rc, "736028516"), 1);
        assert_eq!(last(de_document, "L01X00T47"), 1);
    }

    #[test]
    fn dated_pairs() {
        let count = |check: fn(&[u8], &[u8]) -> Check, body: &str| {
            (0..100).filter(|n| check(b"", format!("{body}{n:02}").as_bytes()) == Check::Pass).count()
        };
        assert_eq!(count(fr_nir, "1840612414770"), 1);
        assert_eq!(count(fr_nir, "184062A414770"), 1);
        assert!((1..=2).contains(&count(be_nrn, "850730033")));
        assert_eq!(count(no_fnr, "010180123"), 1);
        let hetu = "131052-308";
        let checks = (b'0'..=b'9').chain(b'A'..=b'Z').filter(|d| {
            let raw = [hetu.as_bytes(), &[*d]].concat();
            let compact: Vec<u8> = raw.iter().copied().filter(u8::is_ascii_alphanumeric).collect();
            fi_hetu(&raw, &compact) == Check::Pass
        });
        assert_eq!(checks.count(), 1);
        assert_eq!(dk_cpr(b"", b"3113701234"), Check::Fail);
    }
}
