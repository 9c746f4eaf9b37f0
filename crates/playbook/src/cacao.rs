//! CACAO Security Playbooks 2.0 (OASIS committee specification 01) as types. Members that Casemate does not act on are
//! kept verbatim in `rest`, so that a playbook goes out as it came in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::cacao_wire::StepWire;
use crate::canonical::digest_of;

/// The value of `spec_version` that this crate reads and writes.
pub const SPEC_VERSION: &str = "cacao-2.0";

/// A playbook (CACAO 2.0, section 3).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Playbook {
    /// Always `playbook`.
    pub r#type: String,
    /// Always [`SPEC_VERSION`].
    pub spec_version: String,
    /// `playbook--` and a UUID.
    pub id: String,
    /// Title for people.
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// `identity--` and a UUID.
    pub created_by: String,
    /// RFC 3339 with milliseconds.
    pub created: String,
    /// RFC 3339 with milliseconds; the playbook's version.
    pub modified: String,
    /// Variables of the whole playbook, by CACAO name (`__name__`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub playbook_variables: BTreeMap<String, Variable>,
    /// Id of the first step.
    pub workflow_start: String,
    /// Id of the step to go to when a step fails and names no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow_exception: Option<String>,
    /// The steps by id.
    pub workflow: BTreeMap<String, Step>,
    /// Extensions of the playbook, by the id of their definition.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub playbook_extensions: BTreeMap<String, Value>,
    /// Who carries out commands, by id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub agent_definitions: BTreeMap<String, AgentTarget>,
    /// What commands are carried out on, by id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub target_definitions: BTreeMap<String, AgentTarget>,
    /// Definitions of the extensions in use, by id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extension_definitions: BTreeMap<String, ExtensionDefinition>,
    /// Everything else, verbatim: markings, labels, signatures, layout, ….
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Playbook {
    /// `sha256:…` over the canonical JSON of the playbook. A run is bound to it.
    pub fn digest(&self) -> String {
        digest_of(self)
    }
}

/// A variable (CACAO 2.0, section 10.18).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Variable {
    /// `string`, `integer`, `bool`, `dictionary`, ….
    pub r#type: String,
    /// What it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its value as text, whatever its type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// True if no step may change it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub constant: Option<bool>,
    /// True if whoever starts the run gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<bool>,
}

/// A workflow step (CACAO 2.0, section 4): what all kinds share, and the kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "StepWire", into = "StepWire")]
pub struct Step {
    /// What kind of step it is, with what only that kind has.
    pub kind: StepKind,
    /// Name for people.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// Milliseconds to wait before the step.
    pub delay: Option<u64>,
    /// Milliseconds that the step may take.
    pub timeout: Option<u64>,
    /// The next step, however this one ends.
    pub on_completion: Option<String>,
    /// The next step if this one succeeds.
    pub on_success: Option<String>,
    /// The next step if this one fails.
    pub on_failure: Option<String>,
    /// Extensions of the step, by the id of their definition.
    pub step_extensions: BTreeMap<String, Value>,
    /// Everything else, verbatim.
    pub rest: Map<String, Value>,
}

impl Step {
    /// A step of this kind with nothing else.
    pub fn new(kind: StepKind) -> Self {
        Self {
            kind,
            name: None,
            description: None,
            delay: None,
            timeout: None,
            on_completion: None,
            on_success: None,
            on_failure: None,
            step_extensions: BTreeMap::new(),
            rest: Map::new(),
        }
    }

    /// Ids of the steps that follow this one on its own level, with the member that names each.
    pub fn followers(&self) -> Vec<(&'static str, &str)> {
        [("on_completion", &self.on_completion), ("on_success", &self.on_success), ("on_failure", &self.on_failure)]
            .into_iter()
            .filter_map(|(member, id)| id.as_deref().map(|id| (member, id)))
            .collect()
    }

    /// Ids of the first steps of the branches inside this one, with the member that names each.
    pub fn branches(&self) -> Vec<(&'static str, &str)> {
        match &self.kind {
            StepKind::Parallel { next_steps } => next_steps.iter().map(|id| ("next_steps", id.as_str())).collect(),
            StepKind::IfCondition { on_true, on_false, .. } => std::iter::once(("on_true", on_true.as_str()))
                .chain(on_false.as_deref().map(|id| ("on_false", id)))
                .collect(),
            StepKind::WhileCondition { on_true, .. } => vec![("on_true", on_true.as_str())],
            StepKind::SwitchCondition { cases, .. } => cases.values().map(|id| ("cases", id.as_str())).collect(),
            StepKind::Start | StepKind::End | StepKind::Action { .. } | StepKind::PlaybookAction { .. } => Vec::new(),
        }
    }
}

/// The eight types of step.
#[derive(Clone, Debug, PartialEq)]
pub enum StepKind {
    /// Where a workflow begins.
    Start,
    /// Where a workflow, or the branch that it is on, ends.
    End,
    /// Carries out commands.
    Action {
        /// The commands, in order.
        commands: Vec<Command>,
        /// Id of who carries them out.
        agent: Option<String>,
        /// Ids of what they are carried out on.
        targets: Vec<String>,
        /// Variables that the commands read.
        in_args: Vec<String>,
        /// Variables that the commands set.
        out_args: Vec<String>,
    },
    /// Runs another playbook to its end.
    PlaybookAction {
        /// Id of the other playbook.
        playbook_id: String,
        /// Its `modified` time, if one version is meant.
        playbook_version: Option<String>,
        /// Variables handed to it.
        in_args: Vec<String>,
        /// Variables handed back.
        out_args: Vec<String>,
    },
    /// Runs all branches, each to its own end.
    Parallel {
        /// First step of each branch.
        next_steps: Vec<String>,
    },
    /// Runs one of two branches.
    IfCondition {
        /// What decides.
        condition: String,
        /// First step if it holds.
        on_true: String,
        /// First step if it does not.
        on_false: Option<String>,
    },
    /// Runs a branch for as long as a condition holds.
    WhileCondition {
        /// What decides.
        condition: String,
        /// First step of the branch.
        on_true: String,
    },
    /// Runs the branch that a value names.
    SwitchCondition {
        /// The expression whose value, as text, picks the case.
        switch: String,
        /// First step by value; `default` if no other fits.
        cases: BTreeMap<String, String>,
    },
}

impl StepKind {
    /// The CACAO name of the kind, which is also the prefix of the ids of its steps.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::End => "end",
            Self::Action { .. } => "action",
            Self::PlaybookAction { .. } => "playbook-action",
            Self::Parallel { .. } => "parallel",
            Self::IfCondition { .. } => "if-condition",
            Self::WhileCondition { .. } => "while-condition",
            Self::SwitchCondition { .. } => "switch-condition",
        }
    }
}

/// A command (CACAO 2.0, section 5). `x-casemate-action` is ours: it names an action of the connectors and holds its
/// arguments as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Command {
    /// `manual`, `http-api`, `openc2-http`, `x-casemate-action`, ….
    pub r#type: String,
    /// The command itself; for `x-casemate-action` the action's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Body of an HTTP command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Body of an HTTP command, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_b64: Option<String>,
    /// Headers of an HTTP command.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Vec<String>>,
    /// Arguments of an `x-casemate-action`, with `${…}` where a value goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub args: Option<Value>,
    /// What takes an `x-casemate-action` back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<Undo>,
    /// Everything else, verbatim.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// The action that takes another one back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Undo {
    /// Name of the action.
    pub action: String,
    /// Its arguments, with `${…}` where a value goes.
    #[serde(default)]
    pub args: Value,
}

/// Who carries out a command, or what it is carried out on (CACAO 2.0, section 7).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentTarget {
    /// `group`, `http-api`, `net-address`, ….
    pub r#type: String,
    /// Name for people.
    pub name: String,
    /// Addresses by kind (`url`, `dname`, `ipv4`, …).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub address: BTreeMap<String, Value>,
    /// Everything else, verbatim.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// The definition of an extension (CACAO 2.0, section 8).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExtensionDefinition {
    /// Always `extension-definition`.
    pub r#type: String,
    /// Name for people.
    pub name: String,
    /// What it adds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Who made it.
    pub created_by: String,
    /// Where its schema is published.
    pub schema: String,
    /// Its version.
    pub version: String,
}
