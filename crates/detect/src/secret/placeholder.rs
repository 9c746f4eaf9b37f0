//! Values that stand for a secret without being one.

/// Words that a placeholder holds, lower case.
const WORDS: &[&str] = &[
    "your",
    "example",
    "placeholder",
    "changeme",
    "change_me",
    "change-me",
    "replace",
    "redacted",
    "insert",
    "dummy",
    "xxxx",
    "****",
    "....",
    "todo",
    "enter_",
    "sample",
    "fake",
    "<",
    "${",
    "{{",
    "$(",
    "%(",
    "#{",
    "@{",
    "process.env",
    "os.environ",
    "getenv",
    "env[",
    "secrets.",
    "undefined",
    "my_secret",
    "my-secret",
    "mysecret",
    "not_a_",
    "notreal",
    "goes_here",
    "goes-here",
    "benign",
    "-----",
    "null",
    "password_here",
    "_here",
    "lorem",
    "1234567890123456",
    "0123456789012345",
    "deadbeefdeadbeef",
    "abcdefghijklmnop",
    "invalid",
    "-short",
    "_short",
    "/short/",
    "-bad",
    "_bad",
    "not-real",
    // "example" in base 64, by where it begins.
    "zxhhbxbsz",
    "v4yw1wbg",
    "legftcgxl",
];
/// The same, where they are much of the value: a longer one holds a number or two of this sort.
const RUNS: &[&str] = &["aaaaaa", "000000", "111111"];
const RUNS_WITHIN: usize = 40;
/// Heads of credentials that open a provider's sandbox only, lower case.
const SANDBOXES: &[&str] = &["sb-", "sbx_", "sbx-", "sandbox-", "sandbox_", "sdbx_"];

/// True if `value` is a template, an instruction, a repetition or a well-known filler.
pub(crate) fn is_placeholder(value: &[u8]) -> bool {
    if value.is_empty() {
        return true;
    }
    let lower = value[..value.len().min(512)].to_ascii_lowercase();
    // `$db_password`: a variable, not a password with a dollar sign.
    if value[0] == b'$'
        && value.contains(&b'_')
        && value[1..].iter().all(|b| b.is_ascii_lowercase() || *b == b'_')
        && value.len() > 3
    {
        return true;
    }
    if value[0] == b'$' && value.len() > 1 && (value[1].is_ascii_alphabetic() || value[1] == b'{' || value[1] == b'(') {
        let name = &value[1..];
        if name.iter().all(|b| b.is_ascii_uppercase() || *b == b'_' || b.is_ascii_digit())
            || !name[0].is_ascii_alphabetic()
        {
            return true;
        }
    }
    if matches!(
        &lower[..],
        b"true"
            | b"false"
            | b"none"
            | b"nil"
            | b"null"
            | b"string"
            | b"password"
            | b"passphrase"
            | b"passwd"
            | b"secret"
            | b"token"
    ) {
        return true;
    }
    let mut seen = [0usize; 256];
    lower.iter().for_each(|b| seen[usize::from(*b)] += 1);
    let distinct = seen.iter().filter(|s| **s > 0).count();
    let most = seen.iter().max().copied().unwrap_or_default();
    if lower.len() >= 4 && (distinct <= 3 || (lower.len() >= 12 && most * 2 > lower.len())) {
        return true;
    }
    // `%ENV%`, `{name}`, `[token]`, `@name@`.
    let (first, last) = (lower[0], lower[lower.len() - 1]);
    if matches!((first, last), (b'%', b'%') | (b'{', b'}') | (b'[', b']') | (b'@', b'@') | (b'(', b')')) {
        return true;
    }
    if value.windows(14).any(|w| w == b"EXAMPLEEXAMPLE") {
        return true;
    }
    // A long random value holds any short word by chance.
    let holds = |words: &[&str]| words.iter().any(|word| contains(&lower, word.as_bytes()));
    value.len() <= 72 && (holds(WORDS) || (value.len() <= RUNS_WITHIN && holds(RUNS)))
}

/// True if the value says of itself that it is for a sandbox: `sbx_…`, `acme_sandbox_…`. Shown to a person, no more.
pub(crate) fn is_sandbox(value: &[u8]) -> bool {
    let head = value[..value.len().min(16)].to_ascii_lowercase();
    SANDBOXES.iter().any(|mark| {
        let mark = mark.as_bytes();
        head.windows(mark.len())
            .enumerate()
            .any(|(at, w)| w == mark && (at == 0 || matches!(head[at - 1], b'_' | b'-')))
    })
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.len() >= needle.len() && haystack.windows(needle.len()).any(|w| w == needle)
}

#[cfg(test)]
mod tests {
    use super::{is_placeholder, is_sandbox};

    #[test]
    fn fillers() {
        for filler in [
            "${TOKEN}",
            "YOUR_API_KEY_HERE",
            "<token>",
            "xxxxxxxx",
            "changeme",
            "{{ .Values.x }}",
            "$TOKEN",
            "",
            "%PW%",
            "aaaaaaa",
        ] {
            assert!(is_placeholder(filler.as_bytes()), "{filler}");
        }
        assert!(is_sandbox(b"acme_sdbx_key_01") && is_sandbox(b"SB-key-1") && !is_sandbox(b"usb-4k1j2"));
        for value in ["hunter2!", "aK3$9d_x", "$ecretsauce9"] {
            assert!(!is_placeholder(value.as_bytes()), "{value}");
        }
    }
}
