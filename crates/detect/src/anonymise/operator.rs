//! What is put in the place of a match.

use std::collections::BTreeMap;

use crate::{Key, Kind, Match, fingerprint, mask};

/// What is put in the place of a match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `[REDACTED:LABEL]`.
    Redact,
    /// `<LABEL>`.
    Replace,
    /// The first and last two characters, of short values none.
    Mask,
    /// `<LABEL_…>` with sixteen hexadecimal digits of a keyed hash: joins equal values, comes back from nowhere.
    Hash,
    /// Something coarser of the same sort: a decade for an age, a year for a date, a network for an address, the host of
    /// a URL, the domain of an e-mail address. What has nothing coarser is replaced.
    Generalise,
    /// Nothing.
    Drop,
    /// `<LABEL_7f3a2c>`, which [`super::restore`] turns back with the vault. Secrets are redacted instead.
    Token,
}

/// Which operator for which label.
#[derive(Clone, Debug)]
pub struct Operators {
    /// For labels without one of their own.
    pub default: Operator,
    /// By label.
    pub by_label: BTreeMap<String, Operator>,
}

impl Operators {
    /// One operator for all.
    pub fn all(operator: Operator) -> Self {
        Self { default: operator, by_label: BTreeMap::new() }
    }

    /// The operator for a match. A secret is never made restorable, whatever was asked.
    pub fn of(&self, found: &Match) -> &Operator {
        match self.by_label.get(found.label()).unwrap_or(&self.default) {
            Operator::Token if found.kind == Kind::Secret => &Operator::Redact,
            operator => operator,
        }
    }
}

/// What stands for `value` under every operator but [`Operator::Token`].
pub(super) fn apply(operator: &Operator, key: &Key, label: &str, value: &str) -> String {
    match operator {
        Operator::Redact | Operator::Token => crate::redact::marker(label),
        Operator::Replace => format!("<{label}>"),
        Operator::Mask => mask(value),
        Operator::Hash => format!("<{label}_{}>", &fingerprint(key, label, value).0[..16]),
        Operator::Generalise => generalise(label, value).unwrap_or_else(|| format!("<{label}>")),
        Operator::Drop => String::new(),
    }
}

fn generalise(label: &str, value: &str) -> Option<String> {
    match label {
        "AGE" => value.parse::<u32>().ok().map(|age| format!("{}-{}", age / 10 * 10, age / 10 * 10 + 9)),
        "EMAIL_ADDRESS" => value.split_once('@').map(|(_, domain)| format!("<EMAIL_ADDRESS>@{domain}")),
        "IP_ADDRESS" => match value.parse().ok()? {
            std::net::IpAddr::V4(ip) => {
                let [a, b, c, _] = ip.octets();
                Some(format!("{a}.{b}.{c}.0/24"))
            }
            std::net::IpAddr::V6(ip) => {
                let [a, b, c, ..] = ip.segments();
                Some(format!("{a:x}:{b:x}:{c:x}::/48"))
            }
        },
        "URL" => {
            let (scheme, rest) = value.split_once("://")?;
            let host = rest.split(['/', '?', '#']).next()?.rsplit('@').next()?;
            Some(format!("{scheme}://{host}/"))
        }
        "DATE_OF_BIRTH" => value.split(['-', '/', '.']).find(|part| part.len() == 4).map(str::to_owned),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Operator, apply};
    use crate::Key;

    #[test]
    fn each_operator() {
        let key = Key::new([7; 32]);
        let of = |operator, label, value| apply(&operator, &key, label, value);
        assert_eq!(of(Operator::Redact, "URL", "x"), "[REDACTED:URL]");
        assert_eq!(of(Operator::Replace, "URL", "x"), "<URL>");
        assert_eq!(of(Operator::Drop, "URL", "x"), "");
        assert_eq!(of(Operator::Mask, "URL", "abcdefghijklm"), "ab********lm");
        assert_eq!(of(Operator::Hash, "URL", "x").len(), "<URL_>".len() + 16);
        assert_eq!(of(Operator::Generalise, "AGE", "38"), "30-39");
        assert_eq!(of(Operator::Generalise, "IP_ADDRESS", "192.0.2.77"), "192.0.2.0/24");
        assert_eq!(of(Operator::Generalise, "IP_ADDRESS", "2001:db8:1:2::3"), "2001:db8:1::/48");
        assert_eq!(of(Operator::Generalise, "URL", "https://a@b.test/x?y"), "https://b.test/");
        assert_eq!(of(Operator::Generalise, "DATE_OF_BIRTH", "3/14/1980"), "1980");
        assert_eq!(of(Operator::Generalise, "US_SSN", "x"), "<US_SSN>");
    }
}
