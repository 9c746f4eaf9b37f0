//! IBANs (ISO 13616): length by country, check digits mod 97.

use casemate_finding::Span;

use crate::bytes::{ALNUM, WORD};

/// Country and total length, from the SWIFT IBAN registry.
const LENGTHS: &[(&[u8; 2], usize)] = &[
    (b"AD", 24),
    (b"AE", 23),
    (b"AL", 28),
    (b"AT", 20),
    (b"AZ", 28),
    (b"BA", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"BH", 22),
    (b"BI", 27),
    (b"BR", 29),
    (b"BY", 28),
    (b"CH", 21),
    (b"CR", 22),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DJ", 27),
    (b"DK", 18),
    (b"DO", 28),
    (b"EE", 20),
    (b"EG", 29),
    (b"ES", 24),
    (b"FI", 18),
    (b"FK", 18),
    (b"FO", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GE", 22),
    (b"GI", 23),
    (b"GL", 18),
    (b"GR", 27),
    (b"GT", 28),
    (b"HN", 28),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IQ", 23),
    (b"IS", 26),
    (b"IT", 27),
    (b"JO", 30),
    (b"KW", 30),
    (b"KZ", 20),
    (b"LB", 28),
    (b"LC", 32),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"LY", 25),
    (b"MC", 27),
    (b"MD", 24),
    (b"ME", 22),
    (b"MK", 19),
    (b"MN", 20),
    (b"MR", 27),
    (b"MT", 31),
    (b"MU", 30),
    (b"NI", 28),
    (b"NL", 18),
    (b"NO", 15),
    (b"OM", 23),
    (b"PK", 24),
    (b"PL", 28),
    (b"PS", 29),
    (b"PT", 25),
    (b"QA", 29),
    (b"RO", 24),
    (b"RS", 22),
    (b"RU", 33),
    (b"SA", 24),
    (b"SC", 31),
    (b"SD", 18),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"SM", 27),
    (b"SO", 23),
    (b"ST", 25),
    (b"SV", 28),
    (b"TL", 23),
    (b"TN", 24),
    (b"TR", 26),
    (b"UA", 29),
    (b"VA", 22),
    (b"VG", 24),
    (b"XK", 20),
    (b"YE", 30),
];

/// The IBAN that begins at `start`, with or without single spaces or hyphens between its groups.
pub(crate) fn iban(bytes: &[u8], start: usize) -> Option<Span> {
    let head = bytes.get(start..start + 4)?;
    let country = [head[0].to_ascii_uppercase(), head[1].to_ascii_uppercase()];
    let want = LENGTHS.iter().find(|l| *l.0 == country)?.1;
    if !(head[2].is_ascii_digit() && head[3].is_ascii_digit()) {
        return None;
    }
    let mut code = [0u8; 34];
    let mut n = 0;
    let mut i = start;
    while n < want {
        let b = *bytes.get(i)?;
        if ALNUM.has(b) {
            code[n] = b.to_ascii_uppercase();
            n += 1;
        } else if !matches!(b, b' ' | b'-') || !bytes.get(i + 1).is_some_and(|b| ALNUM.has(*b)) {
            return None;
        }
        i += 1;
    }
    if bytes.get(i).is_some_and(|b| WORD.has(*b)) {
        return None;
    }
    mod97(&code[..n]).then_some(Span::new(start, i))
}

/// True if the code, its first four characters moved to the end, is 1 modulo 97.
fn mod97(code: &[u8]) -> bool {
    let rest = code[4..].iter().chain(&code[..4]).fold(0u32, |sum, b| match b {
        b'0'..=b'9' => (sum * 10 + u32::from(b - b'0')) % 97,
        _ => (sum * 100 + u32::from(b - b'A') + 10) % 97,
    });
    rest == 1
}

#[cfg(test)]
mod tests {
    use super::{LENGTHS, iban, mod97};

    /// An IBAN of this country with a made-up account and right check digits.
    fn made(country: &str) -> String {
        let len = LENGTHS.iter().find(|l| l.0 == country.as_bytes()).unwrap().1;
        let account: String = (0..len - 4).map(|i| char::from(b'1' + (i % 9) as u8)).collect();
        (2..=98).map(|check| format!("{country}{check:02}{account}")).find(|c| mod97(c.as_bytes())).unwrap()
    }

    #[test]
    fn every_country_with_and_without_spaces() {
        for (country, len) in LENGTHS {
            let code = made(std::str::from_utf8(*country).unwrap());
            assert_eq!(iban(code.as_bytes(), 0).unwrap().len(), *len);
            let spaced =
                code.as_bytes().chunks(4).map(|c| std::str::from_utf8(c).unwrap()).collect::<Vec<_>>().join(" ");
            assert_eq!(iban(format!("{spaced}.").as_bytes(), 0).unwrap().len(), spaced.len());
            assert_eq!(iban(format!("{code}0").as_bytes(), 0), None);
            let last = if code.ends_with('1') { '2' } else { '1' };
            assert_eq!(iban(format!("{}{last}", &code[..code.len() - 1]).as_bytes(), 0), None);
        }
    }
}
