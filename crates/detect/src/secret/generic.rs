//! The generic rule: is the value assigned to a name like `password` or `api_key` a secret?

use super::{Assigned, is_alternating, is_placeholder, is_sandbox, is_sequence, rarity};
use crate::bytes::ByteSet;

/// What the name promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    /// `password`, `passphrase`: chosen by people, may be short and wordy.
    Password,
    /// `secret`, `token`, `api_key`: made by machines, long and rare.
    Key,
}

/// What a token is made of.
const WORD_OR_DASH: ByteSet = ByteSet::of(b"_-").range(b'a', b'z').range(b'A', b'Z').range(b'0', b'9');

/// Last words of names whose values are no secrets, though the name has `key` or `token` in it.
const NOT_SECRETS: &[&str] = &[
    "name",
    "names",
    "file",
    "filename",
    "path",
    "dir",
    "url",
    "uri",
    "host",
    "hostname",
    "domain",
    "user",
    "username",
    "type",
    "length",
    "len",
    "size",
    "label",
    "title",
    "count",
    "max",
    "min",
    "limit",
    "expiry",
    "expires",
    "ttl",
    "format",
    "method",
    "mode",
    "prefix",
    "suffix",
    "endpoint",
    "region",
    "address",
    "email",
    "word",
    "words",
    "frame",
    "board",
    "vault",
    "regex",
    "pattern",
    "field",
    "column",
    "index",
    "hash",
    "checksum",
    "fingerprint",
    "version",
    "algorithm",
    "alg",
    "policy",
    "results",
    "issuer",
    "audience",
    "scope",
    "scopes",
    "provider",
    "bits",
    "status",
    "error",
    "message",
    "hint",
    "description",
    "comment",
];
/// The same where no service is named.
const NOT_GENERIC: &[&str] = &[
    "id",
    "ids",
    "uuid",
    "guid",
    "sid",
    "csrf",
    "xsrf",
    "public",
    "pub",
    "pubkey",
    "publickey",
    "nonce",
    "etag",
    "cache",
    "sort",
    "primary",
    "foreign",
    "partition",
    "primarykey",
];

/// Last words of names that say which application or account it is: shown to everyone, `client_id` as much as `app_id`.
const OWNERS: &[&str] =
    &["client", "app", "application", "tenant", "account", "project", "org", "organization", "team"];

/// True if the name says that its value identifies and does not open: `client_id`, `public_key`.
fn names_public(words: &[&[u8]]) -> bool {
    let is = |word: &[u8], other: &str| word.eq_ignore_ascii_case(other.as_bytes());
    let id = match words {
        [.., owner, last] if is(last, "id") => OWNERS.iter().any(|o| is(owner, o)),
        [.., last] => ["clientid", "appid", "projectid", "tenantid"]
            .iter()
            .any(|w| last.len() >= w.len() && is(&last[last.len() - w.len()..], w)),
        [] => false,
    };
    id || words.iter().any(|w| is(w, "public") || is(w, "publishable"))
}

/// True if the name says that its value is no secret: `key_name`, `token_url`, and without a service `public_key`.
pub(crate) fn names_no_secret(bytes: &[u8], assigned: &Assigned, generic: bool) -> bool {
    let (start, end) = assigned.name;
    let name = &bytes[start..end.max(start)];
    // Part of a base 64 block.
    if start.checked_sub(1).is_some_and(|i| matches!(bytes[i], b'+' | b'/'))
        && !bytes[start..].starts_with(b"/")
        && rarity(name) > 4.0
        || looks_encoded(name)
    {
        return true;
    }
    let mut room = [&name[..0]; NAME_WORDS_MAX];
    let words = name_words(name, &mut room);
    let listed = |word: &[u8], list: &[&str]| list.iter().any(|w| word.eq_ignore_ascii_case(w.as_bytes()));
    words.last().is_some_and(|word| listed(word, NOT_SECRETS))
        || names_public(words)
        || (generic && words.iter().any(|word| listed(word, NOT_GENERIC)))
}

/// True for what is no name but a piece of base 64: long, mixed and rare.
fn looks_encoded(name: &[u8]) -> bool {
    name.len() >= 12
        && name.iter().filter(|b| b.is_ascii_digit()).count() >= 2
        && name.iter().any(u8::is_ascii_uppercase)
        && name.iter().any(u8::is_ascii_lowercase)
        && rarity(name) > 5.6
}

/// True if the last line between a name and its value says that a value comes: `value: `, `Default: `, `<string>`.
fn announces_value(gap: &[u8]) -> bool {
    let line = gap.rsplit(|b| *b == b'\n').next().unwrap_or_default().trim_ascii_start().to_ascii_lowercase();
    [&b"value"[..], b"\"value", b"default", b"<string", b"<value"].iter().any(|word| line.starts_with(word))
}

/// True if the name leaves no doubt: `api_key`, `clientSecret`, `auth token`, where `key` alone may be that of a record.
fn names_credential(name: &[u8]) -> bool {
    let lower = name[..name.len().min(96)].to_ascii_lowercase();
    [&b"api"[..], b"secret", b"token", b"password", b"credential"]
        .iter()
        .any(|word| lower.windows(word.len()).any(|w| w == *word))
}

/// Most words of a name that are looked at: more than its letters, by far.
const NAME_WORDS_MAX: usize = 80;

/// The words of a name: split at anything but letters, and at humps.
fn name_words<'n, 'r>(name: &'n [u8], room: &'r mut [&'n [u8]; NAME_WORDS_MAX]) -> &'r [&'n [u8]] {
    let mut count = 0;
    let mut from = 0;
    for i in 1..=name.len() {
        let cut = i == name.len()
            || name[i].is_ascii_uppercase() && name[i - 1].is_ascii_lowercase()
            || !name[i].is_ascii_alphabetic()
            || !name[i - 1].is_ascii_alphabetic();
        if cut {
            if count < room.len() && name[from..i].iter().all(u8::is_ascii_alphabetic) {
                room[count] = &name[from..i];
                count += 1;
            }
            from = i;
        }
    }
    &room[..count]
}

/// True for hexadecimal digits in a number that keys do not have: half a byte, or few bytes but not eight, ten or twelve.
pub(crate) fn odd_hex(value: &[u8]) -> bool {
    value.iter().all(u8::is_ascii_hexdigit)
        && !(matches!(value.len(), 16 | 20 | 24) || (value.len() >= 26 && value.len().is_multiple_of(2)))
}

/// What length and alphabet of a value announced by a service's name say, in logits: keys are made by machines, and
/// machines make them 32, 40 or 64 characters long far more often than 17 or 23.
pub(crate) fn shape_evidence(value: &[u8]) -> f32 {
    let hex = value.iter().all(u8::is_ascii_hexdigit);
    let plain = value.iter().all(u8::is_ascii_alphanumeric);
    match value.len() {
        _ if odd_hex(value) => -2.5,
        ..=19 if hex => -3.0,
        ..=19 if plain => 0.0,
        ..=19 => -1.8,
        _ if broken_uuid(value) => -3.0,
        _ => 0.0,
    }
}

/// True for hexadecimal digits in groups that are not those of a UUID.
pub(crate) fn broken_uuid(value: &[u8]) -> bool {
    value.contains(&b'-') && value.iter().all(|b| b.is_ascii_hexdigit() || *b == b'-') && !is_uuid(value)
}

/// True for a name and a version: `jackson-databind-2.15.1`.
fn is_package(value: &[u8]) -> bool {
    let Some(at) = value.iter().rposition(|b| *b == b'-') else { return false };
    let version = &value[at + 1..];
    at >= 3
        && version.iter().filter(|b| **b == b'.').count() == 2
        && version.iter().all(|b| b.is_ascii_digit() || *b == b'.')
        && version.iter().any(u8::is_ascii_digit)
}

/// True for the usual length of a machine-made key of one alphabet.
pub(crate) fn usual_length(value: &[u8]) -> bool {
    is_uuid(value)
        || value.iter().all(u8::is_ascii_alphanumeric)
            && (20..=128).contains(&value.len())
            && (value.len().is_multiple_of(8) || matches!(value.len(), 20 | 30 | 36))
}

/// True for the shape of a UUID.
fn is_uuid(value: &[u8]) -> bool {
    value.len() == 36
        && value
            .iter()
            .enumerate()
            .all(|(i, b)| if matches!(i, 8 | 13 | 18 | 23) { *b == b'-' } else { b.is_ascii_hexdigit() })
}

/// Where the token begins that a value is the end of: `acme_sbx_` of `acme_sbx_4k1j…` may be taken for the name.
fn token_start(bytes: &[u8], value: usize) -> usize {
    WORD_OR_DASH.run_start(bytes, value, 24)
}

/// True for letters of one case and no digit, as long as keys are: made by a machine, that is one in hundreds.
pub(crate) fn is_one_case(value: &[u8]) -> bool {
    // After a head such as `sbp_`.
    let head = value.iter().take(8).position(|b| matches!(b, b'_' | b'-')).map_or(0, |i| i + 1);
    let value = &value[head..];
    value.len() >= 20 && (value.iter().all(u8::is_ascii_lowercase) || value.iter().all(u8::is_ascii_uppercase))
}

/// What a typed key is worth at most, in logits: replaced, never a reason to block. And one without a key's length: shown.
const TYPED: f32 = 0.4;
const STUB: f32 = -0.5;

/// True for the length that a typed key has only if nobody made it: under twenty, and not whole groups of four.
pub(crate) fn is_stub(value: &[u8]) -> bool {
    value.len() < 20 && !value.len().is_multiple_of(4)
}

/// Log odds that the assigned value is a secret; `None` if it is plainly none.
pub(crate) fn judge(bytes: &[u8], assigned: &Assigned, name: Name) -> Option<f32> {
    let value = &bytes[assigned.value.0..assigned.value.1];
    let gap = &bytes[assigned.name.1..assigned.value.0];
    // Inside base 64, `+pw+` is no name with a value.
    if !assigned.operator && !gap.iter().any(|b| matches!(b, b' ' | b'\t' | b'"' | b'\'' | b'`' | b'(')) {
        return None;
    }
    let cut = bytes[assigned.value.1..].starts_with(b"..")
        || (gap.contains(&b'\n') && !assigned.quoted && !announces_value(gap));
    if cut || value.len() < 6 || value.len() > 400 || assigned.call || is_placeholder(value) || value.contains(&b' ') {
        return None;
    }
    if names_no_secret(bytes, assigned, true)
        || value.starts_with(b"arn:")
        || value.starts_with(b"sha") && value.contains(&b'-')
    {
        return None;
    }
    // `password ---- x` is a table's rule.
    if gap.windows(3).any(|w| w == b"---") {
        return None;
    }
    let rare = rarity(value);
    let digits = value.iter().filter(|b| b.is_ascii_digit()).count();
    let upper = value.iter().filter(|b| b.is_ascii_uppercase()).count();
    let lower = value.iter().filter(|b| b.is_ascii_lowercase()).count();
    let symbols = value.len() - digits - upper - lower;
    if digits == value.len() && name == Name::Key || broken_uuid(value) || is_package(value) {
        return None;
    }
    let path = value.contains(&b'/') && rare < 5.2
        || value.starts_with(b"/")
        || value.starts_with(b"./")
        || value.windows(3).any(|w| w == b"://");
    if path {
        return None;
    }
    // `config.secret`, `Foo::bar`, `obj->key`: code, not a value.
    let code = !assigned.quoted
        && value.first().is_some_and(u8::is_ascii_alphabetic)
        && value.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':' | b'-' | b'>'))
        && value.iter().any(|b| matches!(b, b'.' | b':'))
        && rare < 5.0;
    if code {
        return None;
    }
    // `KeyPair = X25519.KeyPair`: the same name on the other side.
    let full = &bytes[assigned.name.0..assigned.name.1];
    let own = value.iter().rposition(|b| *b == b'.').map(|i| &value[i + 1..]);
    if own.is_some_and(|own| {
        own.len() >= 3 && full.len() >= own.len() && full[full.len() - own.len()..].eq_ignore_ascii_case(own)
    }) {
        return None;
    }
    let mut logits = match name {
        Name::Password => 0.1,
        Name::Key => -2.2,
    };
    logits += ((rare - 4.9) * 1.4).min(2.6);
    if is_uuid(value) {
        logits -= 1.2;
    }
    logits += match value.len() {
        0..=7 if name == Name::Key => return None,
        0..=7 => -0.8,
        8..=9 if name == Name::Key => -4.5,
        10..=11 if name == Name::Key => -2.0,
        8..=11 => 0.0,
        12..=15 => 0.4,
        16..=19 => 0.8,
        _ => 1.2,
    };
    if digits > 0 && lower + upper > 0 {
        logits += 0.8;
    }
    if upper > 0 && lower > 0 && digits > 0 {
        logits += 0.4;
    }
    if name == Name::Password && symbols > 0 && digits > 0 {
        logits += 0.6;
    }
    if assigned.quoted {
        logits += 0.6;
    } else if digits + symbols == 0 && full.iter().any(u8::is_ascii_lowercase) {
        logits -= 1.2;
    }
    if odd_hex(value) {
        logits -= 2.0;
    }
    if name == Name::Key && usual_length(value) && !is_uuid(value) && names_credential(full) {
        logits += 0.4;
    }
    if is_sequence(value) {
        logits -= 0.8;
    }
    if value.len() == 24 && value.iter().all(u8::is_ascii_hexdigit) && !names_credential(full) {
        // The ids of documents have this form.
        logits -= 1.5;
    }
    if is_sandbox(&bytes[token_start(bytes, assigned.value.0)..assigned.value.1]) {
        logits -= 3.0;
    }
    if matches!(full, b"key" | b"auth" | b"Key" | b"Auth") {
        logits -= 1.5;
    }
    if !assigned.operator {
        // `ENV API_TOKEN …`, `set(API_KEY "…")`: only variables are written so.
        let variable = full.contains(&b'_') && !full.iter().any(u8::is_ascii_lowercase);
        logits -= if variable { 1.0 } else { 2.0 };
    }
    if assigned.fillers > 1 {
        logits -= 0.5;
    }
    if name == Name::Key {
        if is_one_case(value) {
            logits = logits.min(STUB);
        }
        if is_alternating(value) {
            logits = logits.min(if is_stub(value) { STUB } else { TYPED });
        }
        if is_sequence(value) {
            logits = logits.min(TYPED);
        }
    }
    Some(logits.clamp(-6.0, 3.0))
}
