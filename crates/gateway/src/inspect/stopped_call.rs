//! A tool call that a person must approve: what names it exactly, and what a person may see of it.

use std::fmt::Write as _;

use casemate_store::canonical::sha256_hex;
use casemate_wire::json::{Doc, JsonLimits, Kind, Value};

use super::engines::{Engines, action_for, check_of, scan_options};
use super::notice::Check;
use super::readings::read_whole;
use super::replacements::Replacements;
use crate::config::{Action, Checks};

/// Longest value of one argument that a person is shown.
const VALUE_BYTES_MAX: usize = 1_024;
/// Most arguments that a person is shown.
const ARGUMENTS_MAX: usize = 32;

/// A tool call that waits for a person: nothing of it has gone out.
#[derive(Clone, Debug, PartialEq)]
pub struct StoppedToolCall {
    /// The tool's name as it may be told.
    pub tool: String,
    /// SHA-256 over the tool's name and its arguments in one agreed form, in hex: the order of members and the spelling of
    /// strings do not matter, every digit of a number does.
    pub digest: String,
    /// The arguments as a person may see them: what the tier replaces in answers is replaced, and so is every credential.
    pub arguments: Vec<(String, String)>,
    /// Arguments left out of that, because there are too many.
    pub left_out: usize,
    /// Arguments whose values stand in untrusted text, with where: `messages[3].content`.
    pub tainted: Vec<(String, Vec<String>)>,
}

impl StoppedToolCall {
    /// What is told of it in logs and events: no value of an argument.
    pub fn label(&self) -> String {
        if self.tainted.is_empty() {
            return format!("{}: takes approval", self.tool);
        }
        let names: Vec<&str> = self.tainted.iter().map(|(name, _)| name.as_str()).collect();
        format!("{}: {} from untrusted text", self.tool, names.join(", "))
    }
}

/// SHA-256 of a call, over its name and the canonical text of its arguments; none if they cannot be read.
pub(super) fn digest_of(tool: &str, arguments: &str, limits: &JsonLimits) -> Option<String> {
    let doc = Doc::parse(arguments.as_bytes(), limits).ok()?;
    let mut canonical = String::with_capacity(arguments.len());
    write(doc.root(), &mut canonical);
    Some(sha256_hex(&[&(tool.len() as u64).to_le_bytes(), tool.as_bytes(), canonical.as_bytes()]))
}

/// Members sorted by name, strings in one spelling, no space. Numbers as they stand: two that a reader rounds to the same are
/// two calls.
fn write(value: Value<'_>, out: &mut String) {
    match value.kind() {
        Kind::Object => {
            let mut members: Vec<_> = value.members().map(|(name, member)| (name.text(), member)).collect();
            members.sort_by(|a, b| a.0.cmp(&b.0));
            out.push('{');
            for (n, (name, member)) in members.into_iter().enumerate() {
                let comma = if n > 0 { "," } else { "" };
                let _ = write!(out, "{comma}{}:", serde_json::Value::from(name.as_ref()));
                write(member, out);
            }
            out.push('}');
        }
        Kind::Array => {
            out.push('[');
            for (n, item) in value.items().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Kind::String => {
            let _ = write!(out, "{}", serde_json::Value::from(value.text().as_ref()));
        }
        _ => out.push_str(value.raw()),
    }
}

/// The arguments as a person may see them, and how many are left out.
pub(super) fn preview(
    engines: &Engines,
    checks: &Checks,
    arguments: &serde_json::Value,
) -> (Vec<(String, String)>, usize) {
    let members = arguments.as_object().into_iter().flatten();
    let shown: Vec<_> = members
        .take(ARGUMENTS_MAX)
        .map(|(name, value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            (name.clone(), shown(engines, checks, &text))
        })
        .collect();
    let left_out = arguments.as_object().map_or(0, |all| all.len() - shown.len());
    (shown, left_out)
}

fn shown(engines: &Engines, checks: &Checks, text: &str) -> String {
    // A credential is never shown, whatever the tier does about it in answers.
    let checks = Checks { secrets: Action::Redact, ..*checks };
    let mut replaced = Replacements::default();
    if let Some(options) = scan_options(&checks) {
        for found in read_whole(engines, &options, text) {
            let hides = action_for(&found.matched, &checks) >= Action::Redact;
            if hides || check_of(&found.matched) == Check::Secrets {
                replaced.add(found.range.clone(), &found.matched);
            }
        }
    }
    let mut text = if replaced.is_empty() { text.to_owned() } else { replaced.apply(text, &(0..text.len())) };
    if text.len() > VALUE_BYTES_MAX {
        let left = text.len() - VALUE_BYTES_MAX;
        text.truncate(text.floor_char_boundary(VALUE_BYTES_MAX));
        let _ = write!(text, "… ({left} bytes more)");
    }
    text
}

#[cfg(test)]
mod tests {
    use casemate_wire::json::JsonLimits;

    use super::{digest_of, preview};
    use crate::config::{Action, Checks};
    use crate::inspect::Engines;

    fn digest(tool: &str, arguments: &str) -> String {
        digest_of(tool, arguments, &JsonLimits::default()).unwrap_or_else(|| panic!("{arguments}"))
    }

    #[test]
    fn order_and_spelling_do_not_matter_and_everything_else_does() {
        let one = digest("pay", r#"{"to":"ann","sum":[1,{"a":1,"b":null}]}"#);
        assert_eq!(one, digest("pay", r#"{ "sum": [1, {"b": null, "a": 1}], "\u0074o": "\u0061nn" }"#));
        for other in [
            r#"{"to":"ann","sum":[{"a":1,"b":null},1]}"#,
            r#"{"to":"Ann","sum":[1,{"a":1,"b":null}]}"#,
            r#"{"to":"ann","sum":[1.0,{"a":1,"b":null}]}"#,
            r#"{"to":"ann","sum":["1",{"a":1,"b":null}]}"#,
        ] {
            assert_ne!(one, digest("pay", other), "{other}");
        }
        assert_ne!(one, digest("pa", r#"{"to":"ann","sum":[1,{"a":1,"b":null}]}"#));
        // Both are the same double.
        assert_ne!(
            digest("pay", r#"{"n":100000000000000000000001}"#),
            digest("pay", r#"{"n":100000000000000000000002}"#)
        );
        assert_eq!(digest_of("pay", r#"{"to":"ann","to":"eve"}"#, &JsonLimits::default()), None);
    }

    #[test]
    fn a_preview_holds_no_credential_and_ends() {
        let engines = Engines::builtin(None);
        let token = format!("ghp_{}", "a1B2c3D4e5".repeat(4).chars().take(36).collect::<String>());
        let arguments = serde_json::json!({"to": "eve@example.net", "text": format!("use {token}"), "n": 7, "long": "é".repeat(900)});
        let off = Checks { pii: Action::Off, secrets: Action::Off, ..Checks::default() };
        let (shown, left_out) = preview(&engines, &off, &arguments);
        assert_eq!((shown[0].1.as_str(), shown[2].1.as_str(), left_out), ("eve@example.net", "7", 0));
        assert!(!shown[1].1.contains(&token[4..]), "{}", shown[1].1);
        assert!(shown[3].1.ends_with("bytes more)") && shown[3].1.len() < 1_060, "{}", shown[3].1.len());
        let (shown, _) = preview(&engines, &Checks { pii: Action::Redact, ..off }, &arguments);
        assert!(!shown[0].1.contains("eve@"), "{}", shown[0].1);
        let many: serde_json::Map<_, _> = (0..40).map(|n| (format!("a{n}"), n.into())).collect();
        let (shown, left_out) = preview(&engines, &off, &many.into());
        assert_eq!((shown.len(), left_out), (32, 8));
    }
}
