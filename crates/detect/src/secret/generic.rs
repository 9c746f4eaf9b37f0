//! The generic rule: is the value assigned to a name like `password` or `api_key` a secret?

use super::{Assigned, is_placeholder, rarity};

/// What the name promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    /// `password`, `passphrase`: chosen by people, may be short and wordy.
    Password,
    /// `secret`, `token`, `api_key`: made by machines, long and rare.
    Key,
}

/// Log odds that the assigned value is a secret; `None` if it is plainly none.
pub(crate) fn judge(bytes: &[u8], assigned: &Assigned, name: Name) -> Option<f32> {
    let value = &bytes[assigned.value.0..assigned.value.1];
    if value.len() < 6 || value.len() > 400 || assigned.call || is_placeholder(value) || value.contains(&b' ') {
        return None;
    }
    let rare = rarity(value);
    let digits = value.iter().filter(|b| b.is_ascii_digit()).count();
    let upper = value.iter().filter(|b| b.is_ascii_uppercase()).count();
    let lower = value.iter().filter(|b| b.is_ascii_lowercase()).count();
    let symbols = value.len() - digits - upper - lower;
    if digits == value.len() && name == Name::Key {
        return None;
    }
    let path = value.contains(&b'/') && rare < 4.8
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
        && rare < 4.9;
    if code {
        return None;
    }
    let mut logits = match name {
        Name::Password => -0.6,
        Name::Key => -2.2,
    };
    logits += (rare - 4.2) * 1.9;
    logits += match value.len() {
        0..=7 => -0.8,
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
    }
    if !assigned.operator {
        logits -= 2.0;
    }
    if assigned.fillers > 1 {
        logits -= 0.5;
    }
    Some(logits.clamp(-6.0, 3.0))
}
