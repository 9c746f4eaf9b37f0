//! Telephone numbers: how they are written, and what the plan of their country (ITU-T E.164) says of them.

use casemate_finding::Span;

use super::phone_plan;
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
    if from.checked_sub(1).is_some_and(|i| WORD.has(bytes[i]) || matches!(bytes[i], b'$' | b'#' | b'%')) {
        return None;
    }
    // Signed and decimal numbers, and the middle of longer codes.
    if from >= 2 && matches!(bytes[from - 1], b'.' | b'-' | b'/' | b',' | b':') && bytes[from - 2].is_ascii_digit() {
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
        let mut gap = 0;
        while gap < 3
            && let Some(&b) = bytes.get(i)
        {
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
    if bytes.get(end).is_some_and(|b| WORD.has(*b) && !b.eq_ignore_ascii_case(&b'x'))
        || (matches!(bytes.get(end), Some(b'.' | b',' | b':' | b'/' | b'@'))
            && bytes.get(end + 1).is_some_and(u8::is_ascii_digit))
    {
        return None;
    }
    if n < 7 {
        return None;
    }
    let number = std::str::from_utf8(&digits[..n]).ok()?;
    let mut number = number;
    if !plus && let Some(rest) = number.strip_prefix("00").filter(|_| g > 1 || n > 10) {
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
    let end = extension(bytes, end);
    Some(Phone { span: Span::new(from, end), bare, extra })
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
    if ten.len() == 10 && nanp(ten.as_bytes()) {
        let usual = matches!(groups, [3, 3, 4] | [1, 3, 3, 4] | [3, 7] | [6, 4]);
        return match (shaped && usual, parens) {
            (true, true) => Some((2.5, false)),
            (true, false) => Some((1.5, false)),
            (false, _) if !shaped && number.len() == 10 => Some((0.0, true)),
            (false, _) if !shaped => Some((-0.5, true)),
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
        [3, 4] | [4, 4] | [3, 3, 3] | [3, 2, 2, 2] | [2, 2, 2, 2] | [5, 5] | [4, 3, 3] | [2, 8] | [2, 4, 4] | [2, 5, 4]
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
        check("123.456", None);
        check("+99 123 456 789", None);
    }
}
