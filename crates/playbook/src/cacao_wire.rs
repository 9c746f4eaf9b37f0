//! A step as JSON writes it: one flat object, its members depending on `type`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::cacao::{Command, Step, StepKind};

/// All members that a step of any kind may have.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct StepWire {
    r#type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delay: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timeout: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    on_completion: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    on_success: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    on_failure: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    step_extensions: BTreeMap<String, Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    commands: Option<Vec<Command>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    agent: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    targets: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    in_args: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    out_args: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    playbook_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    playbook_version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_steps: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    condition: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    on_true: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    on_false: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    switch: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cases: Option<BTreeMap<String, String>>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// Why a step cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StepError {
    /// None of the eight types.
    #[error("unknown step type `{0}`")]
    UnknownType(String),
    /// A member that its type must have is not there.
    #[error("a step of type `{kind}` needs `{member}`")]
    Missing { kind: &'static str, member: &'static str },
}

fn need<T>(kind: &'static str, member: &'static str, value: Option<T>) -> Result<T, StepError> {
    value.ok_or(StepError::Missing { kind, member })
}

impl TryFrom<StepWire> for Step {
    type Error = StepError;

    fn try_from(w: StepWire) -> Result<Self, StepError> {
        let kind = match w.r#type.as_str() {
            "start" => StepKind::Start,
            "end" => StepKind::End,
            "action" => StepKind::Action {
                commands: need("action", "commands", w.commands)?,
                agent: w.agent,
                targets: w.targets,
                in_args: w.in_args,
                out_args: w.out_args,
            },
            "playbook-action" => StepKind::PlaybookAction {
                playbook_id: need("playbook-action", "playbook_id", w.playbook_id)?,
                playbook_version: w.playbook_version,
                in_args: w.in_args,
                out_args: w.out_args,
            },
            "parallel" => StepKind::Parallel { next_steps: need("parallel", "next_steps", w.next_steps)? },
            "if-condition" => StepKind::IfCondition {
                condition: need("if-condition", "condition", w.condition)?,
                on_true: need("if-condition", "on_true", w.on_true)?,
                on_false: w.on_false,
            },
            "while-condition" => StepKind::WhileCondition {
                condition: need("while-condition", "condition", w.condition)?,
                on_true: need("while-condition", "on_true", w.on_true)?,
            },
            "switch-condition" => StepKind::SwitchCondition {
                switch: need("switch-condition", "switch", w.switch)?,
                cases: need("switch-condition", "cases", w.cases)?,
            },
            _ => return Err(StepError::UnknownType(w.r#type.chars().take(40).collect())),
        };
        Ok(Self {
            kind,
            name: w.name,
            description: w.description,
            delay: w.delay,
            timeout: w.timeout,
            on_completion: w.on_completion,
            on_success: w.on_success,
            on_failure: w.on_failure,
            step_extensions: w.step_extensions,
            rest: w.rest,
        })
    }
}

impl From<Step> for StepWire {
    fn from(s: Step) -> Self {
        let mut w = Self {
            r#type: s.kind.as_str().to_owned(),
            name: s.name,
            description: s.description,
            delay: s.delay,
            timeout: s.timeout,
            on_completion: s.on_completion,
            on_success: s.on_success,
            on_failure: s.on_failure,
            step_extensions: s.step_extensions,
            rest: s.rest,
            ..Self::default()
        };
        match s.kind {
            StepKind::Start | StepKind::End => {}
            StepKind::Action { commands, agent, targets, in_args, out_args } => {
                w.commands = Some(commands);
                (w.agent, w.targets, w.in_args, w.out_args) = (agent, targets, in_args, out_args);
            }
            StepKind::PlaybookAction { playbook_id, playbook_version, in_args, out_args } => {
                w.playbook_id = Some(playbook_id);
                (w.playbook_version, w.in_args, w.out_args) = (playbook_version, in_args, out_args);
            }
            StepKind::Parallel { next_steps } => w.next_steps = Some(next_steps),
            StepKind::IfCondition { condition, on_true, on_false } => {
                w.condition = Some(condition);
                (w.on_true, w.on_false) = (Some(on_true), on_false);
            }
            StepKind::WhileCondition { condition, on_true } => {
                (w.condition, w.on_true) = (Some(condition), Some(on_true));
            }
            StepKind::SwitchCondition { switch, cases } => (w.switch, w.cases) = (Some(switch), Some(cases)),
        }
        w
    }
}
