//! The telephone plans of all calling codes: which first two digits a national number may have, and how many digits in
//! all; of 1, which area codes are in use. The table is made by `bench/phone_plans.py`.

use std::{collections::BTreeMap, sync::LazyLock};

/// Longest national number.
const DIGITS_MAX: usize = 15;

/// Lengths allowed, as bits, by the first two digits of the national number.
type Plan = [u16; 100];

const TABLE: &str = include_str!("../../rules/phone-plans.txt");
/// Head of the line of calling code 1, whose numbers all have ten digits.
const AREAS: &str = "1 10:";

static PLANS: LazyLock<BTreeMap<u16, Plan>> =
    LazyLock::new(|| TABLE.lines().filter(|line| !line.starts_with(AREAS)).filter_map(read).collect());

/// The area codes in use under calling code 1, as bits.
static AREA_CODES: LazyLock<[u64; 16]> = LazyLock::new(|| {
    let mut bits = [0; 16];
    let codes = TABLE.lines().find_map(|line| line.strip_prefix(AREAS)).unwrap_or_default();
    for (first, last) in codes.split(',').filter_map(range) {
        for code in first..=last.min(999) {
            bits[code / 64] |= 1 << (code % 64);
        }
    }
    bits
});

/// `20-29`, or `1`.
fn range(text: &str) -> Option<(usize, usize)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Some((first.parse().ok()?, last.parse().ok()?))
}

/// True if a number of the North American plan begins with an area code in use.
pub(super) fn has_area(number: &[u8]) -> bool {
    let digits = number.iter().take(3).filter(|b| b.is_ascii_digit());
    let code = digits.fold(0, |code, b| code * 10 + usize::from(b - b'0'));
    AREA_CODES[code / 64] >> (code % 64) & 1 == 1
}

/// Reads a line: a calling code, then groups of lengths and first digits, as `44 9,10:1,20-29`.
fn read(line: &str) -> Option<(u16, Plan)> {
    let mut fields = line.split(' ');
    let code = fields.next()?.parse().ok()?;
    let mut plan = [0; 100];
    for field in fields {
        let (lengths, prefixes) = field.split_once(':')?;
        let mask = lengths.split(',').try_fold(0u16, |mask, n| Some(mask | 1u16.checked_shl(n.parse().ok()?)?))?;
        for range in prefixes.split(',') {
            let wide = if range.split('-').next()?.len() == 1 { 10 } else { 1 };
            let (first, last) = self::range(range)?;
            plan.get_mut(first * wide..(last + 1) * wide)?.iter_mut().for_each(|lengths| *lengths |= mask);
        }
    }
    Some((code, plan))
}

/// Whether the digits after a `+` are a number of their country's plan; a trunk zero after the calling code, which writers
/// keep, is passed over. `None` if no country has the calling code.
pub(super) fn allows(number: &str) -> Option<bool> {
    let (rest, plan) =
        (1..=3).find_map(|n| Some((number.get(n..)?, PLANS.get(&number.get(..n)?.parse::<u16>().ok()?)?)))?;
    let fits = |rest: &str| {
        let prefix = rest.get(..2).and_then(|p| p.parse::<usize>().ok());
        rest.len() <= DIGITS_MAX && prefix.is_some_and(|p| plan[p] >> rest.len() & 1 == 1)
    };
    Some(fits(rest) || rest.strip_prefix('0').is_some_and(fits))
}

#[cfg(test)]
mod tests {
    use super::{AREA_CODES, PLANS, TABLE, allows, has_area};

    #[test]
    fn every_line_is_read() {
        let lines = TABLE.lines().filter(|l| !l.starts_with('#')).count();
        assert_eq!(PLANS.len() + 1, lines);
        assert!(AREA_CODES.iter().map(|bits| bits.count_ones()).sum::<u32>() > 400);
        // N11 and N9X are set aside; 555 is no area code; 212 is New York's.
        assert!(has_area(b"2125550142") && !has_area(b"9115550142") && !has_area(b"5555550142") && !has_area(b"111"));
        assert!(PLANS.values().all(|plan| plan.iter().any(|lengths| *lengths != 0)));
    }

    #[test]
    fn numbers_of_their_plans() {
        // Numbers set aside for fiction by Ofcom, the Bundesnetzagentur and ACMA, and their likes.
        for number in ["442079460958", "4402079460958", "4915223456789", "33612345678", "61491570156", "390612345678"] {
            assert_eq!(allows(number), Some(true), "{number}");
        }
        assert_eq!(allows("331"), Some(false));
        assert_eq!(allows("33012345678912"), Some(false));
        assert_eq!(allows("999123456789"), None);
    }
}
