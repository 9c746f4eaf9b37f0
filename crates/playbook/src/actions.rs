//! The actions that playbooks may name: what each takes, whether it can be taken back, and how it behaves when it is not
//! known whether it happened. The connectors implement exactly this table.

use casemate_finding::Entity;
use serde_json::{Map, Value};

use crate::extension::Mode;

/// What an argument holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgKind {
    /// Text.
    Text,
    /// A whole number.
    Integer,
    /// True or false.
    Bool,
    /// `{kind, value}`: an entity, its kind as in [`casemate_finding::EntityKind`].
    Entity,
    /// A list of entities.
    Entities,
    /// A list of texts.
    Texts,
    /// Any JSON.
    Any,
}

impl ArgKind {
    /// For messages and documentation.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "whole number",
            Self::Bool => "true or false",
            Self::Entity => "entity {kind, value}",
            Self::Entities => "list of entities {kind, value}",
            Self::Texts => "list of texts",
            Self::Any => "any JSON",
        }
    }
}

/// One argument.
#[derive(Clone, Copy, Debug)]
pub struct Arg {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: ArgKind,
    /// True if it must be given.
    pub required: bool,
    /// What it means.
    pub doc: &'static str,
    /// True if the text must stand in the playbook and hold no `${…}`: it decides where a request goes.
    pub fixed: bool,
}

/// One action.
#[derive(Clone, Copy, Debug)]
pub struct ActionSpec {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub summary: &'static str,
    /// What may be done when it is not known whether it happened.
    pub mode: Mode,
    /// True if it changes something outside the case.
    pub effect: bool,
    /// True if it can be taken back, or ends by itself.
    pub reversible: bool,
    /// Its arguments.
    pub args: &'static [Arg],
    /// What it answers: members of the output.
    pub output: &'static str,
    /// An answer as JSON, for simulations without a mock of their own.
    pub sample: &'static str,
}

const fn arg(name: &'static str, kind: ArgKind, required: bool, doc: &'static str) -> Arg {
    Arg { name, kind, required, doc, fixed: false }
}

const fn fixed(name: &'static str, kind: ArgKind, required: bool, doc: &'static str) -> Arg {
    Arg { name, kind, required, doc, fixed: true }
}

const TARGET: Arg = arg("target", ArgKind::Entity, true, "an address, range, key, model or endpoint");
const DURATION: Arg =
    arg("duration_ms", ArgKind::Integer, false, "milliseconds until it ends by itself; the step's `lasts` if left out");
const SCOPE: Arg = arg("scope", ArgKind::Text, false, "only requests to this model or end-point");
const REASON: Arg = arg("reason", ArgKind::Text, false, "why, for the audit log");

/// Every action, in the order of the documentation.
pub static ACTIONS: &[ActionSpec] = &[
    ActionSpec {
        name: "gateway.block",
        summary: "Refuses all requests of the target at the gateway.",
        mode: Mode::Idempotent,
        effect: true,
        reversible: true,
        args: &[TARGET, SCOPE, DURATION, REASON],
        output: "control (id), expires (unix ms or null)",
        sample: r#"{"control": "sim", "expires": null}"#,
    },
    ActionSpec {
        name: "gateway.limit",
        summary: "Limits the requests of the target at the gateway.",
        mode: Mode::Idempotent,
        effect: true,
        reversible: true,
        args: &[TARGET, arg("per_minute", ArgKind::Integer, true, "requests a minute"), SCOPE, DURATION, REASON],
        output: "control (id), expires (unix ms or null)",
        sample: r#"{"control": "sim", "expires": null}"#,
    },
    ActionSpec {
        name: "gateway.lift",
        summary: "Lifts blocks and limits of the target at the gateway.",
        mode: Mode::Idempotent,
        effect: true,
        reversible: true,
        args: &[TARGET, REASON],
        output: "lifted (how many)",
        sample: r#"{"lifted": 1}"#,
    },
    ActionSpec {
        name: "evidence.preserve",
        summary: "Puts a copy into the evidence vault, addressed by its SHA-256.",
        mode: Mode::Idempotent,
        effect: false,
        reversible: true,
        args: &[
            arg("what", ArgKind::Text, true, "`alerts`, `requests`, `dataset` or `model_version`"),
            arg("subject", ArgKind::Entity, false, "what to copy; the case's alerts if left out"),
            arg("path", ArgKind::Text, false, "file to copy; only below the directories configured for evidence"),
            arg("digest", ArgKind::Text, false, "the digest that the copy must have, as `sha256:…`"),
        ],
        output: "digest (`sha256:…`), bytes, items",
        sample: r#"{"digest": "sha256:0000000000000000000000000000000000000000000000000000000000000000", "bytes": 0, "items": 1}"#,
    },
    ActionSpec {
        name: "inventory.lookup",
        summary: "Looks entities up in the inventory: owner, tier, lineage, blast radius.",
        mode: Mode::Idempotent,
        effect: false,
        reversible: true,
        args: &[arg("entities", ArgKind::Entities, true, "what to look up")],
        output: "found (how many), tier (the least), owner, blast_radius, models, lineage (list of {from, to, kind})",
        sample: r#"{"found": 0, "tier": 3, "owner": null, "blast_radius": 0.0, "models": [], "lineage": []}"#,
    },
    ActionSpec {
        name: "gate.quarantine_version",
        summary: "Quarantines a model version: the registry serves it no more and the gate blocks it.",
        mode: Mode::Verify,
        effect: true,
        reversible: true,
        args: &[arg("version", ArgKind::Text, true, "`name@version`"), REASON],
        output: "version, previous (the state it was in)",
        sample: r#"{"version": "sim", "previous": "serving"}"#,
    },
    ActionSpec {
        name: "dataset.quarantine",
        summary: "Quarantines a data set: no training run may read it.",
        mode: Mode::Verify,
        effect: true,
        reversible: true,
        args: &[
            arg("dataset", ArgKind::Text, true, "its name"),
            arg("digest", ArgKind::Text, false, "one version of it, as `sha256:…`"),
            REASON,
        ],
        output: "dataset, previous (the state it was in)",
        sample: r#"{"dataset": "sim", "previous": "in_use"}"#,
    },
    ActionSpec {
        name: "pipeline.hold",
        summary: "Holds a training pipeline, or all that read a data set, until a person releases them.",
        mode: Mode::Idempotent,
        effect: true,
        reversible: true,
        args: &[
            arg("pipeline", ArgKind::Text, false, "its name"),
            arg("dataset", ArgKind::Text, false, "a data set whose readers are held; one of the two must be given"),
            REASON,
        ],
        output: "held (list of pipelines)",
        sample: r#"{"held": []}"#,
    },
    ActionSpec {
        name: "case.note",
        summary: "Adds a note to the case.",
        mode: Mode::Idempotent,
        effect: false,
        reversible: true,
        args: &[arg("text", ArgKind::Text, true, "the note, as plain text")],
        output: "note (id)",
        sample: r#"{"note": "sim"}"#,
    },
    ActionSpec {
        name: "case.handoff",
        summary: "Hands the case to people, with a package of timeline, evidence digests and decisions.",
        mode: Mode::Idempotent,
        effect: false,
        reversible: true,
        args: &[
            arg("summary", ArgKind::Text, true, "what happened and what is asked of them, as plain text"),
            arg("to", ArgKind::Text, false, "a team or person; the owner in the inventory if left out"),
            arg("tasks", ArgKind::Texts, false, "what is left to do"),
        ],
        output: "handoff (id)",
        sample: r#"{"handoff": "sim"}"#,
    },
    ActionSpec {
        name: "http.request",
        summary: "Sends a JSON request through a configured connection.",
        mode: Mode::AtMostOnce,
        effect: true,
        reversible: false,
        args: &[
            fixed("connection", ArgKind::Text, true, "name of the connection: address and credentials"),
            fixed("method", ArgKind::Text, false, "`GET`, `POST`, `PUT`, `PATCH` or `DELETE`; `POST` if left out"),
            arg("path", ArgKind::Texts, false, "segments, each of them percent-encoded"),
            arg("query", ArgKind::Any, false, "an object; names and values are percent-encoded"),
            arg("body", ArgKind::Any, false, "sent as JSON"),
        ],
        output: "status, body (JSON, or text)",
        sample: r#"{"status": 200, "body": null}"#,
    },
    ActionSpec {
        name: "openc2.command",
        summary: "Sends an OpenC2 command to an actuator.",
        mode: Mode::AtMostOnce,
        effect: true,
        reversible: false,
        args: &[
            fixed("connection", ArgKind::Text, true, "name of the connection: address and credentials"),
            arg("command", ArgKind::Any, true, "the OpenC2 command: action, target, args"),
        ],
        output: "status, results",
        sample: r#"{"status": 200, "results": {}}"#,
    },
    ActionSpec {
        name: "manual",
        summary: "Asks a person to do something, and waits until they say that it is done.",
        mode: Mode::AtMostOnce,
        effect: false,
        reversible: true,
        args: &[arg("instruction", ArgKind::Text, true, "what to do, as plain text")],
        output: "what the person answers",
        sample: r#"{}"#,
    },
];

/// The action with this name.
pub fn action(name: &str) -> Option<&'static ActionSpec> {
    ACTIONS.iter().find(|a| a.name == name)
}

/// The arguments as the connector gets them: null members left out, numbers and truth values as text where text is asked
/// for. What an expression gave is only known when it has run, so this is where types are checked.
///
/// # Errors
/// A sentence that names the argument which is missing or of the wrong kind.
pub(crate) fn settle(spec: &ActionSpec, args: Value) -> Result<Value, String> {
    let Value::Object(given) = args else { return Err(format!("the arguments of `{}` are no object", spec.name)) };
    let mut out = Map::new();
    for (name, value) in given {
        if value.is_null() {
            continue;
        }
        let Some(arg) = spec.args.iter().find(|a| a.name == name) else {
            return Err(format!("`{}` takes no `{name}`", spec.name));
        };
        let value = match (arg.kind, value) {
            (ArgKind::Text, v @ (Value::Number(_) | Value::Bool(_))) => Value::from(v.to_string()),
            (_, v) => v,
        };
        if !holds(arg.kind, &value) {
            return Err(format!("`{name}` of `{}` is not {}", spec.name, arg.kind.as_str()));
        }
        out.insert(name, value);
    }
    match spec.args.iter().find(|a| a.required && !out.contains_key(a.name)) {
        Some(arg) => Err(format!("`{}` needs `{}`", spec.name, arg.name)),
        None => Ok(Value::Object(out)),
    }
}

fn holds(kind: ArgKind, value: &Value) -> bool {
    let entity = |v: &Value| serde_json::from_value::<Entity>(v.clone()).is_ok_and(|e| !e.value.trim().is_empty());
    match kind {
        ArgKind::Any => true,
        ArgKind::Text => value.is_string(),
        ArgKind::Integer => value.is_i64() || value.is_u64(),
        ArgKind::Bool => value.is_boolean(),
        ArgKind::Entity => entity(value),
        ArgKind::Entities => value.as_array().is_some_and(|items| items.iter().all(entity)),
        ArgKind::Texts => value.as_array().is_some_and(|items| items.iter().all(Value::is_string)),
    }
}

/// The table of actions as Markdown, for `playbooks/README.md` and the documentation.
pub fn actions_markdown() -> String {
    let mut out = String::new();
    for a in ACTIONS {
        let mode = match a.mode {
            Mode::Idempotent => "idempotent",
            Mode::Verify => "verify",
            Mode::AtMostOnce => "at_most_once",
        };
        let back = match (a.effect, a.reversible) {
            (false, _) => "no effect outside the case",
            (true, true) => "can be taken back",
            (true, false) => "**cannot be taken back**",
        };
        out.push_str(&format!("### `{}`\n\n{} Mode `{mode}`; {back}.\n\n", a.name, a.summary));
        out.push_str("| argument | holds | |\n|---|---|---|\n");
        for arg in a.args {
            let need = if arg.required { "**" } else { "" };
            let fixed = if arg.fixed { " (written out: no `${…}`)" } else { "" };
            out.push_str(&format!("| {need}`{}`{need} | {} | {}{fixed} |\n", arg.name, arg.kind.as_str(), arg.doc));
        }
        out.push_str(&format!("\nAnswers: {}.\n\n", a.output));
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{ACTIONS, action, actions_markdown, settle};

    #[test]
    fn arguments_are_checked_once_their_values_are_known() {
        let limit = action("gateway.limit").expect("known");
        let target = json!({"kind": "range", "value": "10.0.0.0/24"});
        let given = json!({"target": target, "per_minute": 5, "reason": 7, "scope": null});
        assert_eq!(settle(limit, given), Ok(json!({"target": target, "per_minute": 5, "reason": "7"})));
        for bad in [
            json!({"target": target}),
            json!({"target": target, "per_minute": "5"}),
            json!({"target": {"kind": "ghost", "value": "x"}, "per_minute": 5}),
            json!({"target": {"kind": "range", "value": " "}, "per_minute": 5}),
            json!({"target": null, "per_minute": 5}),
            json!({"target": target, "per_minute": 5, "colour": "red"}),
            json!([]),
        ] {
            assert!(settle(limit, bad.clone()).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_readme_holds_the_table() {
        let readme = include_str!("../../../playbooks/README.md");
        let table = actions_markdown();
        assert!(readme.contains(table.trim()), "put this into playbooks/README.md:\n{table}");
    }

    #[test]
    fn names_are_unique_and_samples_are_objects() {
        for (i, a) in ACTIONS.iter().enumerate() {
            assert!(ACTIONS[..i].iter().all(|b| b.name != a.name), "{}", a.name);
            let sample: serde_json::Value = serde_json::from_str(a.sample).expect(a.name);
            assert!(sample.is_object(), "{}", a.name);
        }
    }
}
