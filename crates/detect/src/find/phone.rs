//! Telephone numbers: how they are written, and what the plan of their country (ITU-T E.164) says of them.

use casemate_finding::Span;

use super::{phone_lead::leads_in, phone_plan};
use crate::{
    bytes::{DIGIT, WORD},
    limits::LOOK_AHEAD,
};

/// A telephone number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Phone {
    pub(crate) span: Span,
    /// Digits only, or in a form that other numbers share: weak without context.
    pub(crate) bare: bool,
    /// Correction to the log odds.
    pub(crate) extra: f32,
}

/// The telephone number whose first digit is at `start`; a `+` or `(` before belongs to it.
pub(crate) fn phone(bytes: &[u8], start: usize) -> Option<Phone> {
    // Cards and accounts: three groups of four, without a trunk zero.
    let fours = |g: &[u8]| g.iter().enumerate().all(|(i, b)| if i % 5 == 4 { *b == b' ' } else { b.is_ascii_digit() });
    if bytes[start] != b'0'
        && bytes.get(start + 4) == Some(&b' ')
        && bytes.get(start..start + 14).is_some_and(fours)
        && !start.checked_sub(1).is_some_and(|i| matches!(bytes[i], b'+' | b'('))
    {
        return None;
    }
    // Most numbers in data are short: seven digits within reach, or no telephone number.
    let reach = &bytes[start..bytes.len().min(start + 20)];
    if reach.len() < 7 || reach.iter().filter(|b| b.is_ascii_digit()).count() < 7 {
        return None;
    }
    let mut from = start;
    let open = from > 0 && bytes[from - 1] == b'(';
    if open {
        from -= 1;
    }
    let mut plus = from > 0 && bytes[from - 1] == b'+';
    if plus {
        from -= 1;
    }
    // `(+44) 7400 250175`.
    let open_plus = plus && !open && from > 0 && bytes[from - 1] == b'(';
    if open_plus {
        from -= 1;
    }
    let open = open || open_plus;
    if !begins_here(bytes, from, start, plus) {
        return None;
    }
    let mut digits = [0u8; 20];
    let mut n = 0;
    let mut groups = [0usize; 10];
    let mut g = 0;
    let mut i = start;
    let mut end = start;
    let mut depth = i32::from(open);
    let mut separators = [0usize; 4];
    let mut parens = open;
    loop {
        let stop = DIGIT.run_end(bytes, i, 18);
        if stop == i || n + stop - i > 17 || g == groups.len() {
            break;
        }
        digits[n..n + stop - i].copy_from_slice(&bytes[i..stop]);
        n += stop - i;
        groups[g] = stop - i;
        g += 1;
        end = stop;
        i = stop;
        // `212-555-0142/646-555-0199`: whole before the slash.
        if matches!(groups[..g], [3, 3, 4] | [1, 3, 3, 4]) && bytes.get(i) == Some(&b'/') {
            break;
        }
        let mut gap = 0;
        while gap < 3
            && let Some(&b) = bytes.get(i)
        {
            let wide = wide_separator(&bytes[i..]);
            if wide > 0 {
                separators[0] += 1;
                i += wide;
                gap += 1;
                continue;
            }
            match b {
                b'(' if depth == 0 => (depth, parens) = (1, true),
                b')' if depth == 1 => depth = 0,
                b' ' => separators[0] += 1,
                b'-' => separators[1] += 1,
                b'.' => separators[2] += 1,
                b'/' => separators[3] += 1,
                _ => break,
            }
            i += 1;
            gap += 1;
        }
        if gap == 0 || gap == 3 {
            break;
        }
    }
    if n < 7 || !ends_there(bytes, end, plus || g > 1) {
        return None;
    }
    let number = std::str::from_utf8(&digits[..n]).ok()?;
    let mut number = number;
    if !plus && let Some(rest) = number.strip_prefix("00").filter(|_| g > 1 || n > 10) {
        (number, plus) = (rest, true);
    }
    // What is dialled before a country code in North America.
    if !plus && let Some(rest) = number.strip_prefix("011").filter(|_| g > 1 && n > 11) {
        (number, plus) = (rest, true);
    }
    let kinds = separators.iter().filter(|s| **s > 0).count();
    if kinds > 2 && !plus && !parens {
        return None;
    }
    let shaped = g > 1;
    let groups = &groups[..g];
    let (extra, bare) =
        if plus { (international(number)?, false) } else { national(number, groups, parens, shaped, separators)? };
    let number_end = end;
    let end = extension(bytes, end);
    let extra = if bare { extra + leads_in(bytes, from, number_end) } else { extra };
    Some(Phone { span: Span::new(from, end), bare, extra })
}

/// True if a number may begin at `from`, its first digit at `start`: not in the middle of a word, an amount or a longer code.
fn begins_here(bytes: &[u8], from: usize, start: usize, plus: bool) -> bool {
    let before = |n: usize| from.checked_sub(n).map(|at| bytes[at]);
    let Some(last) = before(1) else { return true };
    // `\n+33 6 …` in JSON: an escape, no letter.
    if WORD.has(last) {
        return is_escape(bytes, from);
    }
    if matches!(last, b'$' | b'%') || (last == b'#' && before(2).is_none_or(|b| b != b' ' && !WORD.has(b))) {
        return false;
    }
    // Signed and decimal numbers, and the middle of longer codes.
    if !before(2).is_some_and(|b| b.is_ascii_digit()) {
        return true;
    }
    match last {
        b'.' | b'-' | b':' => plus && last == b':',
        // A column after a number, or a second number; no thousands and no date.
        b',' | b'/' => plus || DIGIT.run_end(bytes, start, 4) - start > 3 || bytes.get(start + 3) == Some(&b'-'),
        _ => true,
    }
}

/// True if what ends at `end` is not the beginning of a longer word, amount or code. `shaped`: it is written as telephone
/// numbers are.
fn ends_there(bytes: &[u8], end: usize, shaped: bool) -> bool {
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    match bytes.get(end) {
        Some(b) if WORD.has(*b) => b.eq_ignore_ascii_case(&b'x'),
        Some(b'.' | b':' | b'@') => !digit(end + 1),
        // The next column, or a second number.
        Some(b',' | b'/') => !digit(end + 1) || (shaped && DIGIT.run_end(bytes, end + 1, 4) - end > 3),
        _ => true,
    }
}

/// True if `\n`, `\r` or `\t`, written out, ends at `at`.
pub(crate) fn is_escape(bytes: &[u8], at: usize) -> bool {
    at >= 2 && bytes[at - 2] == b'\\' && matches!(bytes[at - 1], b'n' | b'r' | b't')
}

/// Length of a separator beyond ASCII: spaces that do not break, hyphens that are none of ASCII.
fn wide_separator(bytes: &[u8]) -> usize {
    match bytes {
        [0xc2, 0xa0, ..] => 2,
        [0xe2, 0x80, 0x80..=0x8a | 0x90..=0x93 | 0xaf, ..] => 3,
        _ => 0,
    }
}

/// Log odds for a number after `+`, if its country's plan has it.
fn international(number: &str) -> Option<f32> {
    if let Some(rest) = number.strip_prefix('1') {
        return nanp(rest.as_bytes()).then_some(3.0);
    }
    match phone_plan::allows(number) {
        Some(true) => Some(2.5),
        // A country's code and a number that its plan does not have: made up, new, or no telephone number.
        Some(false) if (8..=15).contains(&number.len()) => Some(-0.8),
        _ => None,
    }
}

/// Ten digits of the North American plan: area and exchange codes begin with 2 to 9, no N11.
fn nanp(number: &[u8]) -> bool {
    let code = |c: &[u8]| (b'2'..=b'9').contains(&c[0]) && !(c[1] == b'1' && c[2] == b'1');
    number.len() == 10 && code(&number[..3]) && code(&number[3..6]) && number[1] != b'9'
}

/// Log odds and bareness for a number without a country code, by how it is written.
fn national(number: &str, groups: &[usize], parens: bool, shaped: bool, separators: [usize; 4]) -> Option<(f32, bool)> {
    let bytes = number.as_bytes();
    let ten = number.strip_prefix('1').filter(|rest| rest.len() == 10).unwrap_or(number);
    // The largest numbers of 31 and 32 bits have a New York area code.
    if !shaped && matches!(number, "2147483647" | "2147483648") {
        return None;
    }
    if ten.len() == 10 && nanp(ten.as_bytes()) {
        let usual = matches!(groups, [3, 3, 4] | [1, 3, 3, 4] | [3, 7] | [6, 4]);
        return match (shaped && usual, parens) {
            (true, true) => Some((2.5, false)),
            (true, false) => Some((1.5, false)),
            (false, _) if !shaped && !phone_plan::has_area(ten.as_bytes()) => Some((-1.0, true)),
            (false, _) if !shaped && number.len() == 10 => Some((0.3, true)),
            (false, _) if !shaped => Some((-0.2, true)),
            _ => None,
        };
    }
    // A trunk zero and nine to ten more digits: most of Europe, Australia, Japan and India.
    if bytes[0] == b'0' && bytes[1] != b'0' && (9..=12).contains(&number.len()) {
        let pairs = groups.len() == 5 && groups.iter().all(|g| *g == 2);
        if shaped && groups[0] >= 2 && groups.iter().skip(1).all(|g| *g >= 2) && separators[2] + separators[1] < 5 {
            let mobile = pairs || number.starts_with("07") || number.starts_with("01") || number.starts_with("06");
            return Some((if mobile { 0.8 } else { 0.0 }, false));
        }
        return (!shaped).then_some((-1.0, true));
    }
    // Seven to nine digits in groups: local numbers, only ever beside a word.
    let local = matches!(
        groups,
        [3, 4]
            | [4, 4]
            | [3, 3, 3]
            | [2, 3, 4]
            | [2, 3, 2, 2]
            | [3, 2, 2, 2]
            | [2, 2, 2, 2]
            | [5, 5]
            | [4, 3, 3]
            | [2, 8]
            | [2, 4, 4]
            | [2, 5, 4]
    );
    if local && (7..=11).contains(&number.len()) {
        return Some((-1.5, true));
    }
    (!shaped && matches!(number.len(), 8..=11)).then_some((-2.0, true))
}

/// The end of the number with `x123` or `ext. 123`.
fn extension(bytes: &[u8], end: usize) -> usize {
    let rest = &bytes[end..bytes.len().min(end + LOOK_AHEAD.min(16))];
    let lower = rest.to_ascii_lowercase();
    for word in [&b" ext. "[..], b" ext ", b" ext.", b" x", b"x", b" extension "] {
        if lower.starts_with(word) {
            let stop = DIGIT.run_end(bytes, end + word.len(), 7);
            if (1..=6).contains(&(stop - end - word.len())) && !bytes.get(stop).is_some_and(|b| WORD.has(*b)) {
                return stop;
            }
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::phone;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let at = text.find(|c: char| c.is_ascii_digit()).unwrap();
        assert_eq!(phone(text.as_bytes(), at).map(|p| &text[p.span.range()]), expected);
    }

    #[test]
    fn forms() {
        check("call +1 (212) 555-0142 now", Some("+1 (212) 555-0142"));
        check("(617) 914-9966-Office", Some("(617) 914-9966"));
        check("+33 6 11 98 56 19\n", Some("+33 6 11 98 56 19"));
        check("+55 11 98029-4793", Some("+55 11 98029-4793"));
        check("07400 250175", Some("07400 250175"));
        check("001-813-484-7813x123", Some("001-813-484-7813x123"));
        check("(123) 456-7890 ext. 12", None);
        check("(+44) 7400 250175", Some("(+44) 7400 250175"));
        check("+(44) 7400 250175", Some("+(44) 7400 250175"));
        check("+49\u{a0}151\u{a0}20103151", Some("+49\u{a0}151\u{a0}20103151"));
        check("212\u{2011}555\u{2011}0142", Some("212\u{2011}555\u{2011}0142"));
        check("\\n(617) 914-9966\\n", Some("(617) 914-9966"));
        check("212-555-0142/646-555-0199", Some("212-555-0142"));
        check("212-555-0142,17", None);
        check("011 44 7400 250175", Some("011 44 7400 250175"));
        check("phone #212-555-0142", Some("212-555-0142"));
        check("#2125550142", None);
        check("123.456", None);
        check("+99 123 456 789", None);
    }
}
