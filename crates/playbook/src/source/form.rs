//! The YAML form as types. Unknown keys are refused.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::cacao::{AgentTarget, Command, ExtensionDefinition, Undo};
use crate::duration::Span;
use crate::extension::{Mode, OnExpiry, OnRunFailure, Phase, Trigger, is_default};

/// A playbook.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourcePlaybook {
    /// Its name: lower case, digits, hyphens. Ids are made from it.
    pub playbook: String,
    /// Title for people.
    pub title: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Which alerts start it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<Trigger>,
    /// MITRE ATLAS techniques and mitigations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub atlas: Vec<String>,
    /// NIST AI RMF subcategories.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nist: Vec<String>,
    /// Variables by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, SourceVariable>,
    /// What a failed run does with what it has done: `keep` or `compensate`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub on_failure: OnRunFailure,
    /// Name of the step that takes over when the run fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception: Option<String>,
    /// The steps; each goes on to the one after it, the last one to the end.
    pub steps: Vec<SourceStep>,
    /// What a playbook from elsewhere has and this form does not write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cacao: Option<Foreign>,
}

/// A variable.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceVariable {
    /// CACAO type; `string` if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#type: Option<String>,
    /// What it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its first value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// True if no step may change it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub constant: Option<bool>,
    /// True if whoever starts the run gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<bool>,
}

/// One entry of a list of steps: a step, or `jump: name` to go on at another one (`end` is the end of the list's scope).
/// A step has exactly one of `action`, `actions`, `manual`, `commands`, `if`, `while`, `switch`, `parallel`, `run`, `end`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceStep {
    /// Its name, once in the playbook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Not a step: go on at the step with this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jump: Option<String>,
    /// Name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its phase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// How long to wait before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<Span>,
    /// How long a command of it may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,

    /// The action that it carries out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// Arguments of `action`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub args: Option<Value>,
    /// What takes `action` back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<Undo>,
    /// Several actions, in order, under one approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actions: Option<Vec<SourceAction>>,
    /// What a person is to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manual: Option<String>,
    /// CACAO commands as they stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commands: Option<Vec<Command>>,

    /// A CEL condition: `then` if it holds, `else` if not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#if: Option<String>,
    /// Steps if it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<Vec<SourceStep>>,
    /// Steps if it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#else: Option<Vec<SourceStep>>,
    /// A CEL condition: `do` for as long as it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#while: Option<String>,
    /// Steps of the loop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#do: Option<Vec<SourceStep>>,
    /// Most turns of the loop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_iterations: Option<u32>,
    /// A CEL expression whose value picks one of `cases`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub switch: Option<String>,
    /// Steps by value; `default` if no other fits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cases: Option<BTreeMap<String, Vec<SourceStep>>>,
    /// Branches that run beside each other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parallel: Option<Vec<Vec<SourceStep>>>,
    /// Name or id of another playbook to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Variables set before `run`, as CEL expressions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub with: BTreeMap<String, String>,
    /// Ends the scope here.
    #[serde(default, skip_serializing_if = "is_default")]
    pub end: bool,

    /// Who must agree first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<SourceApproval>,
    /// How failed commands are tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<SourceRetry>,
    /// A CEL expression that gives a list: once for each `item`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_each: Option<String>,
    /// Overrides the mode of its actions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Variable that takes its output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// How long what it does lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lasts: Option<Span>,
    /// True if the playbook goes on although the step failed.
    #[serde(default, skip_serializing_if = "is_default")]
    pub optional: bool,
    /// Name of the step that takes over if this one fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<String>,

    /// Its CACAO id, if it is not the one made from its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What a step from elsewhere has and this form does not write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cacao: Option<StepForeign>,
}

/// One action of several.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceAction {
    /// Its name.
    pub action: String,
    /// Its arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub args: Option<Value>,
    /// What takes it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<Undo>,
}

/// Who must agree.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceApproval {
    /// How many different people; 1 if left out.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub need: u32,
    /// One of these roles each.
    pub roles: Vec<String>,
    /// How long the question stands.
    pub expires: Span,
    /// What no answer means: `deny`, `proceed` or `fail`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub on_expiry: OnExpiry,
    /// Only ask where this CEL condition holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
}

fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_one(n: &u32) -> bool {
    *n == 1
}

/// How failed commands are tried again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceRetry {
    /// Attempts in all.
    pub attempts: u32,
    /// Wait before the second; doubled before each further one.
    pub backoff: Span,
    /// The longest wait.
    pub backoff_max: Span,
}

/// What a playbook from elsewhere has and the YAML form does not write.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Foreign {
    /// Its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// When it was last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<String>,
    /// Id of its first step, if that is not the start step made here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    /// Name of its start step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_name: Option<String>,
    /// True if it begins with another kind of step than a start step.
    #[serde(default, skip_serializing_if = "is_default")]
    pub no_start: bool,
    /// Who carries out commands.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub agents: BTreeMap<String, AgentTarget>,
    /// What they are carried out on.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub targets: BTreeMap<String, AgentTarget>,
    /// Other extensions on the playbook.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extensions: BTreeMap<String, Value>,
    /// Definitions of other extensions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extension_definitions: BTreeMap<String, ExtensionDefinition>,
    /// Everything else, verbatim.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub rest: Map<String, Value>,
}

/// What a step from elsewhere has and the YAML form does not write.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepForeign {
    /// Who carries its commands out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// What they are carried out on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<String>,
    /// Variables read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub in_args: Vec<String>,
    /// Variables set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub out_args: Vec<String>,
    /// Version of the called playbook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub playbook_version: Option<String>,
    /// True if the condition is a STIX pattern.
    #[serde(default, skip_serializing_if = "is_default")]
    pub stix: bool,
    /// Other extensions on the step.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extensions: BTreeMap<String, Value>,
    /// Everything else, verbatim.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub rest: Map<String, Value>,
}
