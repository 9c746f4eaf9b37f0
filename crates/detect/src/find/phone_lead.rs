//! What stands around a number that has nothing of a telephone number but its digits: `on 2125550142`, `P: 2125550142`, a
//! line of its own in a signature, an e-mail address near by.

use crate::bytes::{ALNUM, ALPHA, DIGIT};

/// Words after which a sentence gives a number to be called or written to. Lower case.
const LEADS: &[&[u8]] = &[
    b"at", b"on", b"to", b"via", b"me", b"us", b"him", b"her", b"them", b"is", b"was", b"under", b"from", b"try",
    b"use", b"number", b"ph", b"mob", b"nr", b"unter", b"al", b"au", b"sur", b"or",
];
/// Words whose numbers are no telephone numbers, though a sentence leads in to them all the same. Lower case.
const OTHERS: &[&[u8]] = &[
    b"id",
    b"ids",
    b"uid",
    b"account",
    b"acct",
    b"customer",
    b"member",
    b"membership",
    b"claim",
    b"policy",
    b"case",
    b"confirmation",
    b"booking",
    b"transaction",
    b"invoice",
    b"order",
    b"ticket",
    b"npi",
    b"routing",
    b"ssn",
    b"nhs",
    b"population",
    b"licence",
    b"license",
    b"iban",
    b"bank",
    b"amount",
    b"serial",
    b"tracking",
    b"sku",
    b"isbn",
    b"code",
    b"equal",
    b"value",
    b"offset",
    b"timestamp",
    b"hash",
    b"seed",
    b"record",
    b"file",
    b"row",
    b"version",
    b"patient",
    b"mrn",
    b"imei",
    b"passport",
    b"insurance",
    b"reference",
    b"ref",
    b"tax",
    b"set",
    b"up",
];
/// These count this far before.
const OTHERS_BEFORE: usize = 32;
/// Letters that stand for telephone, phone, mobile, cell, fax, home and work in signatures.
const INITIALS: &[u8] = b"tpmcfhw";
/// An e-mail address counts this far before and after.
const ADDRESS_BEFORE: usize = 72;
const ADDRESS_AFTER: usize = 40;

/// Log odds for the number at `start..end` from what is right beside it.
pub(super) fn leads_in(bytes: &[u8], start: usize, end: usize) -> f32 {
    if names_other(bytes, start) {
        return 0.0;
    }
    if labelled(bytes, start) || alone_on_line(bytes, start, end) {
        return 2.6;
    }
    if in_prose(bytes, start)
        && (has_address(&bytes[start.saturating_sub(ADDRESS_BEFORE)..start])
            || has_address(&bytes[end..bytes.len().min(end + ADDRESS_AFTER)]))
    {
        return 2.4;
    }
    if after_lead(bytes, start) && ends_clause(bytes, end) { 2.4 } else { 0.0 }
}

/// `P: 2125550142`, `(m) 2125550142`, `T. 2125550142`.
fn labelled(bytes: &[u8], start: usize) -> bool {
    let mut i = start;
    while i > start.saturating_sub(3) && matches!(bytes[i - 1], b' ' | b'\t' | b':' | b'.' | b')') {
        i -= 1;
    }
    let initial = i.checked_sub(1).map(|at| bytes[at].to_ascii_lowercase());
    i < start
        && bytes[i..start].iter().any(|b| matches!(b, b':' | b'.' | b')'))
        && initial.is_some_and(|b| INITIALS.contains(&b))
        && i.checked_sub(2).is_none_or(|at| !ALNUM.has(bytes[at]) && !matches!(bytes[at], b'.' | b'_' | b'-' | b'\''))
}

/// A line that holds the number only, after one that holds words and no number of this sort.
fn alone_on_line(bytes: &[u8], start: usize, end: usize) -> bool {
    let blank = |b: &u8| matches!(b, b' ' | b'\t' | b'\r');
    let begin = start - bytes[..start].iter().rev().take(8).take_while(|b| blank(b)).count();
    let stop = end + bytes[end..].iter().take(8).take_while(|b| blank(b)).count();
    let closed = bytes.get(stop).is_none_or(|b| *b == b'\n');
    if begin == 0 || bytes[begin - 1] != b'\n' || !closed {
        return false;
    }
    let above = bytes[begin.saturating_sub(ADDRESS_BEFORE)..begin - 1].rsplit(|b| *b == b'\n').next();
    above.is_some_and(|line| {
        let letters = line.iter().filter(|b| ALPHA.has(**b)).count();
        let capital = line.iter().find(|b| ALPHA.has(**b)).is_some_and(u8::is_ascii_uppercase);
        capital && letters >= 4 && !line.iter().any(|b| matches!(b, b'=' | b'{' | b';' | b'_' | b'|'))
    })
}

/// True if one of [`OTHERS`] is on the same line shortly before.
fn names_other(bytes: &[u8], start: usize) -> bool {
    let near = &bytes[start.saturating_sub(OTHERS_BEFORE)..start];
    let line = near.rsplit(|b| *b == b'\n').next().unwrap_or_default();
    line.split(|b| !ALPHA.has(*b)).any(|word| OTHERS.iter().any(|other| word.eq_ignore_ascii_case(other)))
}

/// True if what is before the number is a space and a word or comma, as in no row of data.
fn in_prose(bytes: &[u8], start: usize) -> bool {
    let before = |n: usize| start.checked_sub(n).map(|at| bytes[at]);
    match (before(2), before(1)) {
        (_, Some(b'\n')) => true,
        (Some(b), Some(b' ')) => ALPHA.has(b) || matches!(b, b',' | b';' | b'|' | b'-' | b'>'),
        (None, None) => true,
        _ => false,
    }
}

/// True if there is `name@host` in `near`.
fn has_address(near: &[u8]) -> bool {
    memchr::memchr_iter(b'@', near)
        .any(|at| at > 0 && ALNUM.has(near[at - 1]) && near.get(at + 1).is_some_and(|b| ALNUM.has(*b)))
}

/// True if the word right before, on the same line, is one of [`LEADS`].
fn after_lead(bytes: &[u8], start: usize) -> bool {
    let gap = bytes[..start].iter().rev().take(3).take_while(|b| matches!(b, b' ' | b':' | b'"')).count();
    let end = start - gap;
    let word = &bytes[ALPHA.run_start(bytes, end, 8)..end];
    let lower = word.to_ascii_lowercase();
    gap > 0 && LEADS.contains(&lower.as_slice())
}

/// True if the sentence ends or goes on with a word after the number, as no expression does.
fn ends_clause(bytes: &[u8], end: usize) -> bool {
    let after = |i: usize| bytes.get(end + i).copied();
    match after(0) {
        None | Some(b'\n' | b'\r' | b'?' | b'!' | b',' | b';') => !after(1).is_some_and(|b| DIGIT.has(b)),
        Some(b'.') => !after(1).is_some_and(|b| ALNUM.has(b)),
        Some(b' ') => after(1).is_some_and(|b| ALPHA.has(b) || b == b'(') || after(1).is_none(),
        Some(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::leads_in;

    #[track_caller]
    fn check(text: &str, expected: bool) {
        let start = text.find("2125550142").unwrap();
        assert_eq!(leads_in(text.as_bytes(), start, start + 10) > 2.0, expected, "{text}");
    }

    #[test]
    fn what_announces_a_number() {
        for text in [
            "best to get me on 2125550142, evenings",
            "P: 2125550142",
            "(m) 2125550142",
            "Noor Lindqvist\n14 Harbour Road\n2125550142\n",
            "noor@firma.de, 2125550142",
            "2125550142 noor@firma.de",
        ] {
            check(text, true);
        }
        for text in [
            "2125550142",
            "id 2125550142",
            "total: 2125550142",
            "map: 2125550142",
            "1125550142\n2125550142\n3125550142",
            "count = 3;\n2125550142\n",
            "from 2125550142 * 3",
            "sum: 2125550142",
            "your account number is 2125550142, noor@firma.de",
            "{\"n\": 2125550142, \"m\": \"noor@firma.de\"}",
            "7,2125550142,noor@firma.de",
        ] {
            check(text, false);
        }
    }
}
