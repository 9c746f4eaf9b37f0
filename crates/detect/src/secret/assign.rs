//! Names and the values assigned to them: `API_KEY = "…"`, `"token": "…"`, `--password …`, `setProperty("key", "…")`,
//! `<password>…</password>`, without knowing the language.

use crate::{
    bytes::{ALNUM, ByteSet, WORD},
    limits::ASSIGN_GAP_MAX,
};

/// Longest name.
const NAME_MAX: usize = 64;
/// Longest value.
const VALUE_MAX: usize = 1_500;
/// Longest tag between a name and its value.
const TAG_MAX: usize = 40;
/// Farthest closing quote.
const QUOTED_MAX: usize = 200;

/// What a name is made of.
const NAME: ByteSet = ByteSet::of(b"_-.").range(b'a', b'z').range(b'A', b'Z').range(b'0', b'9');
/// What may stand between a name and its value.
const GAP: ByteSet = ByteSet::of(b" \t\r\n\"'=:,()>|?!`\\{}[]&~+;_-*");
/// What ends a value without quotes.
const STOP: ByteSet = ByteSet::of(b" \t\r\n\"'`,;<>(){}[]|&\\");
/// What ends a value in quotes.
const LINE: ByteSet = ByteSet::of(b"\r\n\0");

/// Words between a name and its value that are no value.
const FILLERS: &[&[u8]] = &[
    b"access",
    b"account",
    b"admin",
    b"and",
    b"api",
    b"apikey",
    b"app",
    b"application",
    b"as",
    b"auth",
    b"authorization",
    b"basic",
    b"bearer",
    b"char",
    b"client",
    b"const",
    b"cred",
    b"credential",
    b"credentials",
    b"default",
    b"dev",
    b"else",
    b"env",
    b"environ",
    b"export",
    b"final",
    b"for",
    b"header",
    b"id",
    b"is",
    b"key",
    b"keys",
    b"let",
    b"login",
    b"name",
    b"new",
    b"or",
    b"pass",
    b"passwd",
    b"password",
    b"pat",
    b"personal",
    b"pk",
    b"private",
    b"prod",
    b"production",
    b"project",
    b"public",
    b"pw",
    b"pwd",
    b"read",
    b"rest",
    b"secret",
    b"secretkey",
    b"server",
    b"service",
    b"set",
    b"sk",
    b"static",
    b"std",
    b"str",
    b"string",
    b"test",
    b"text",
    b"the",
    b"to",
    b"tok",
    b"token",
    b"tokens",
    b"type",
    b"user",
    b"username",
    b"val",
    b"value",
    b"var",
    b"was",
    b"with",
    b"write",
    b"x",
    b"v1",
    b"v2",
    b"v3",
    b"value:",
];

/// A value and how it was assigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Assigned {
    /// The whole name that the word is part of.
    pub(crate) name: (usize, usize),
    pub(crate) value: (usize, usize),
    /// In quotes.
    pub(crate) quoted: bool,
    /// With `=`, `:`, `=>` or `,` between.
    pub(crate) operator: bool,
    /// The value ends in `(` or `[`: a call.
    pub(crate) call: bool,
    /// Words passed over between name and value.
    pub(crate) fillers: u8,
}

/// The value assigned to the name that has a word at `start..end`.
pub(crate) fn value_after(bytes: &[u8], start: usize, end: usize) -> Option<Assigned> {
    let name_start = NAME.run_start(bytes, start, NAME_MAX);
    let name_end = NAME.run_end(bytes, end, NAME_MAX);
    if let Some(tail) = joined_value(bytes, end, name_end) {
        return Some(Assigned {
            name: (name_start, tail.0 - 1),
            value: tail,
            quoted: false,
            operator: true,
            call: false,
            fillers: 0,
        });
    }
    // `…x+key=` at the end of a line of base 64 is its padding.
    let encoded = name_start.checked_sub(1).is_some_and(|i| matches!(bytes[i], b'+' | b'/'));
    if encoded
        && (bytes.get(name_end) == Some(&b'+')
            || bytes[name_end..].starts_with(b"=\n")
            || bytes[name_end..].starts_with(b"=="))
    {
        return None;
    }
    let limit = bytes.len().min(name_end + ASSIGN_GAP_MAX);
    let mut i = name_end;
    // `--api-key …` is as good as a sign between.
    let flag = bytes[name_start..].starts_with(b"--") && bytes.get(name_end) == Some(&b' ');
    let (mut operator, mut fillers, mut lines) = (flag, 0u8, 0);
    loop {
        let gap_start = i;
        while i < limit {
            if let Some(after) = markup(bytes, i, limit) {
                (i, operator) = (after, true);
                continue;
            }
            if !GAP.has(bytes[i]) {
                break;
            }
            match bytes[i] {
                b'\n' => lines += 1,
                b'=' | b':' => operator = true,
                b',' if matches!(bytes[i - 1], b'"' | b'\'') => operator = true,
                b'>' if i > 0 && bytes[i - 1] != b'-' => operator = true,
                // A cell of a table.
                b'|' if bytes[i - 1] == b' ' && bytes.get(i + 1) == Some(&b' ') => operator = true,
                // `_` and `-` begin values too.
                b'_' | b'-'
                    if bytes.get(i + 1).is_some_and(|b| ALNUM.has(*b))
                        && i > gap_start
                        && matches!(bytes[i - 1], b'"' | b'\'' | b'=') =>
                {
                    break;
                }
                _ => {}
            }
            i += 1;
        }
        if i == gap_start || i >= limit || lines > 2 {
            return None;
        }
        let quote = bytes[..i].last().copied().filter(|b| matches!(b, b'"' | b'\'' | b'`'));
        // After `:` a `=` inside the value is a part of it.
        let chains = bytes[name_end..i].contains(&b'=') || !operator;
        let mut value = value_at(bytes, i, quote, chains)?;
        if quote.is_none()
            && let Some(rest) = bytes[value.0..value.1].strip_suffix(b"=")
            && [&b"value"[..], b"content", b"default"].iter().any(|w| rest.eq_ignore_ascii_case(w))
        {
            // `name="token" value="…"`.
            value.1 -= 1;
        }
        let word = &bytes[value.0..value.1];
        let quoted = quote.is_some_and(|q| bytes.get(value.1) == Some(&q));
        let next_assigns = bytes[value.1..bytes.len().min(value.1 + 3)].iter().any(|b| matches!(b, b'=' | b':'));
        if is_filler(word) && (!quoted || next_assigns || !operator) && fillers < 5 {
            fillers += 1;
            i = value.1;
            continue;
        }
        let call = matches!(bytes.get(value.1), Some(b'(' | b'['));
        return Some(Assigned { name: (name_start, name_end), value, quoted, operator, call, fillers });
    }
}

/// Where what stands between a name and its value goes on, if at `at` there is more of it than one sign: the end of an
/// element and the beginning of one that holds a value (`</key><string>`), an arrow (`<-`), or the letter of a string of
/// its own kind (`N'…'`, `b"…"`).
fn markup(bytes: &[u8], at: usize, limit: usize) -> Option<usize> {
    let next = *bytes.get(at + 1)?;
    match bytes[at] {
        b'<' if next == b'-' => Some(at + 2),
        b'<' => {
            let name = &bytes[at + 1..limit.min(at + 1 + TAG_MAX)];
            let end = name.iter().position(|b| *b == b'>')?;
            let holds = [&b"string"[..], b"value", b"data", b"str"];
            let tag = &name[..end];
            (tag.first() == Some(&b'/') || holds.iter().any(|h| tag.eq_ignore_ascii_case(h))).then_some(at + end + 2)
        }
        b'N' | b'n' | b'b' | b'r' | b'f' | b'u' | b'E' | b'@'
            if matches!(next, b'"' | b'\'') && matches!(bytes[at - 1], b' ' | b'=' | b'(' | b',' | b':') =>
        {
            Some(at + 1)
        }
        _ => None,
    }
}

/// A value that is joined to its name: `dd-apikey-0123…`.
fn joined_value(bytes: &[u8], from: usize, name_end: usize) -> Option<(usize, usize)> {
    let name = &bytes[from..name_end];
    let cut = from + name.iter().rposition(|b| matches!(b, b'-' | b'_'))? + 1;
    let last = &bytes[cut..name_end];
    let digits = last.iter().filter(|b| b.is_ascii_digit()).count();
    let value_end = WORD.run_end(bytes, cut, VALUE_MAX);
    (last.len() >= 16 && digits >= 3 && digits < last.len()).then_some((cut, value_end))
}

fn value_at(bytes: &[u8], start: usize, quote: Option<u8>, chains: bool) -> Option<(usize, usize)> {
    let max = bytes.len().min(start + VALUE_MAX);
    if let Some(quote) = quote {
        let mut i = start;
        let max = bytes.len().min(start + QUOTED_MAX);
        while i < max && bytes[i] != quote && !LINE.has(bytes[i]) {
            i += 1;
        }
        if i < bytes.len() && bytes[i] == quote {
            return Some((start, i));
        }
    }
    let mut i = start;
    // `a=b=c` are two values; base 64 has `=` at its end only.
    let chained = |i: usize| chains && i > start && bytes[i] == b'=' && bytes.get(i + 1).is_some_and(|b| ALNUM.has(*b));
    while i < max && !STOP.has(bytes[i]) && !chained(i) {
        i += 1;
    }
    while i > start && matches!(bytes[i - 1], b'.' | b':' | b'*') {
        i -= 1;
    }
    (i > start).then_some((start, i))
}

/// The lengths of [`FILLERS`] as bits, by their first letter: most values are no filler, and most are told at a glance.
const LENGTHS: [u32; 26] = {
    let mut lengths = [0; 26];
    let mut i = 0;
    while i < FILLERS.len() {
        lengths[(FILLERS[i][0] - b'a') as usize] |= 1 << FILLERS[i].len();
        i += 1;
    }
    lengths
};

fn may_be_filler(part: &[u8]) -> bool {
    let first = usize::from(part[0].to_ascii_lowercase().wrapping_sub(b'a'));
    part.len() < 32 && LENGTHS.get(first).is_some_and(|lengths| lengths >> part.len() & 1 == 1)
}

/// True for words such as `key`, `token`, `api_key` (parts joined by `_` or `-`).
fn is_filler(word: &[u8]) -> bool {
    word.len() <= 40
        && word.split(|b| matches!(b, b'_' | b'-' | b'.')).all(|part| {
            part.is_empty()
                || may_be_filler(part) && FILLERS.iter().any(|f| f.len() == part.len() && f.eq_ignore_ascii_case(part))
        })
}

#[cfg(test)]
mod tests {
    use super::value_after;

    #[track_caller]
    fn check(text: &str, word: &str, expected: Option<&str>) {
        let at = text.find(word).unwrap();
        let found = value_after(text.as_bytes(), at, at + word.len());
        assert_eq!(found.map(|a| &text[a.value.0..a.value.1]), expected);
    }

    #[test]
    fn many_ways_to_assign() {
        check("API_KEY=abc123", "KEY", Some("abc123"));
        check("\"apiKey\": \"abc 123\",", "Key", Some("abc 123"));
        check("acme api key => 'abc123'", "acme", Some("abc123"));
        check("setProperty(\"ACME_TOKEN\", \"abc123\")", "ACME", Some("abc123"));
        check("var acmeToken string = \"abc123\"", "acme", Some("abc123"));
        check("acme\nKEY\nabc123\n", "acme", Some("abc123"));
        check("<password>abc123</password>", "password", Some("abc123"));
        check("--password abc123 x", "password", Some("abc123"));
        check("dd-apikey-0123abcd0123abcd0123", "apikey", Some("0123abcd0123abcd0123"));
        check("acme_token: x7q=9ktm2v", "token", Some("x7q=9ktm2v"));
        check("token=a1=b2", "token", Some("a1"));
        check("password:", "password", None);
        check("<add key=\"AcmeSecret\" value=\"abc123\"/>", "Secret", Some("abc123"));
        check("<key>acmeToken</key>\n<string>abc123</string>", "Token", Some("abc123"));
        check("<name>acme.secret</name><value>abc123</value>", "secret", Some("abc123"));
        check("token <- \"abc123\"", "token", Some("abc123"));
        check("PASSWORD = N'abc123'", "PASSWORD", Some("abc123"));
        check("- **Password**: `abc123`", "Password", Some("abc123"));
        check("variable \"token\" {\n  type = string\n  default = \"abc123\"", "token", Some("abc123"));
        check("| api key | abc123 |", "key", Some("abc123"));
    }
}
