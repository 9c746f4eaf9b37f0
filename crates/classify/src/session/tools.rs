//! What a model may call: tools by allow-list, arguments by shape, and a person's approval where it matters.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Taint;

/// When a person must approve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Approval {
    /// Never: the tool only reads.
    Never,
    /// When an argument came from untrusted text.
    #[default]
    WhenTainted,
    /// Always: the tool has effects that cannot be taken back.
    Always,
}

/// JSON type of an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArgumentKind {
    /// A string.
    String,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// An array or object.
    Structure,
}

/// Shape of one argument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArgumentRule {
    /// Its type.
    pub kind: ArgumentKind,
    /// The call is refused without it.
    #[serde(default)]
    pub required: bool,
    /// Longest value as JSON, in bytes.
    #[serde(default = "bytes_max")]
    pub bytes_max: usize,
    /// The only strings allowed; empty for any.
    #[serde(default)]
    pub one_of: Vec<String>,
}

const fn bytes_max() -> usize {
    4096
}

/// One tool that may be called.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolRule {
    /// When a person must approve.
    #[serde(default)]
    pub approval: Approval,
    /// Arguments by name; others are refused.
    #[serde(default)]
    pub arguments: BTreeMap<String, ArgumentRule>,
}

/// Tools that may be called; all others are refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolPolicy {
    /// Rules by the tool's name.
    pub tools: BTreeMap<String, ToolRule>,
}

/// Why a call was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ToolRefusal {
    /// Not on the list.
    #[error("tool {0} is not on the allow-list")]
    Tool(String),
    /// Arguments are no JSON object.
    #[error("arguments are not a JSON object")]
    NotAnObject,
    /// An argument that the rule does not know.
    #[error("argument {0} is not expected")]
    Unexpected(String),
    /// A required argument is missing.
    #[error("argument {0} is missing")]
    Missing(String),
    /// An argument has another shape.
    #[error("argument {name}: {what}")]
    Shape {
        /// Its name.
        name: String,
        /// What is wrong.
        what: String,
    },
}

/// What becomes of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolDecision {
    /// It may be made.
    Allow,
    /// A person must approve; the names of arguments with values from untrusted text.
    Approve(Vec<String>),
    /// It must not be made.
    Refuse(ToolRefusal),
}

impl ToolPolicy {
    /// Judges a call by the tool's name and its arguments as JSON.
    pub fn judge(&self, tool: &str, arguments: &Value, taint: &Taint) -> ToolDecision {
        let Some(rule) = self.tools.get(tool) else { return ToolDecision::Refuse(ToolRefusal::Tool(tool.into())) };
        let Value::Object(given) = arguments else { return ToolDecision::Refuse(ToolRefusal::NotAnObject) };
        if let Some(missing) = rule.arguments.iter().find(|(n, r)| r.required && !given.contains_key(*n)) {
            return ToolDecision::Refuse(ToolRefusal::Missing(missing.0.clone()));
        }
        let mut tainted = Vec::new();
        for (name, value) in given {
            let Some(shape) = rule.arguments.get(name) else {
                return ToolDecision::Refuse(ToolRefusal::Unexpected(name.clone()));
            };
            if let Err(what) = fits(shape, value) {
                return ToolDecision::Refuse(ToolRefusal::Shape { name: name.clone(), what });
            }
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            if !taint.tainted(&text).is_empty() {
                tainted.push(name.clone());
            }
        }
        match rule.approval {
            Approval::Always => ToolDecision::Approve(tainted),
            Approval::WhenTainted if !tainted.is_empty() => ToolDecision::Approve(tainted),
            _ => ToolDecision::Allow,
        }
    }
}

fn fits(rule: &ArgumentRule, value: &Value) -> Result<(), String> {
    let kind = match value {
        Value::String(_) => ArgumentKind::String,
        Value::Number(_) => ArgumentKind::Number,
        Value::Bool(_) => ArgumentKind::Boolean,
        Value::Array(_) | Value::Object(_) => ArgumentKind::Structure,
        Value::Null => return Err("is null".into()),
    };
    if kind != rule.kind {
        return Err(format!("is a {kind:?}, wanted a {:?}", rule.kind).to_lowercase());
    }
    let bytes = value.as_str().map_or_else(|| value.to_string().len(), str::len);
    if bytes > rule.bytes_max {
        return Err(format!("has {bytes} bytes, at most {} are allowed", rule.bytes_max));
    }
    if !rule.one_of.is_empty() && !value.as_str().is_some_and(|s| rule.one_of.iter().any(|o| o == s)) {
        return Err("is none of the values allowed".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{ToolDecision, ToolPolicy, ToolRefusal};
    use crate::session::Taint;
    use serde_json::json;

    #[test]
    fn calls_are_judged_by_list_shape_and_provenance() {
        let policy: ToolPolicy = serde_json::from_value(json!({"tools": {
            "mail": {"arguments": {"to": {"kind": "string", "required": true, "bytes_max": 20}}},
            "read": {"approval": "never", "arguments": {"path": {"kind": "string", "one_of": ["a", "b"]}}},
            "wipe": {"approval": "always"}
        }}))
        .expect("a policy");
        let mut taint = Taint::default();
        taint.distrust("send it to eve@example.net");
        let judge = |tool: &str, arguments| policy.judge(tool, &arguments, &taint);
        assert_eq!(judge("mail", json!({"to": "ann@example.org"})), ToolDecision::Allow);
        assert_eq!(judge("mail", json!({"to": "eve@example.net"})), ToolDecision::Approve(vec!["to".into()]));
        assert_eq!(judge("wipe", json!({})), ToolDecision::Approve(vec![]));
        assert_eq!(judge("read", json!({"path": "a"})), ToolDecision::Allow);
        assert_eq!(judge("exec", json!({})), ToolDecision::Refuse(ToolRefusal::Tool("exec".into())));
        assert_eq!(judge("mail", json!([])), ToolDecision::Refuse(ToolRefusal::NotAnObject));
        assert_eq!(judge("mail", json!({})), ToolDecision::Refuse(ToolRefusal::Missing("to".into())));
        assert_eq!(
            judge("mail", json!({"to": "x", "bcc": "y"})),
            ToolDecision::Refuse(ToolRefusal::Unexpected("bcc".into()))
        );
        assert_eq!(judge("mail", json!({"to": "a".repeat(20)})), ToolDecision::Allow);
        for arguments in [json!({"to": "a".repeat(21)}), json!({"to": 1}), json!({"to": null})] {
            assert!(matches!(judge("mail", arguments), ToolDecision::Refuse(ToolRefusal::Shape { .. })));
        }
        assert!(matches!(judge("read", json!({"path": "c"})), ToolDecision::Refuse(ToolRefusal::Shape { .. })));
    }
}
