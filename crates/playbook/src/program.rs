//! A playbook made ready to run: steps resolved, expressions compiled, called playbooks inside.

use std::collections::{BTreeMap, HashMap};

use casemate_finding::UnixMs;
use serde_json::{Map, Value, json};

use crate::actions::action;
use crate::cacao::{Command as CacaoCommand, Playbook, Step, StepKind, Variable};
use crate::expression::Expression;
use crate::extension::{Approval, Mode, OnRunFailure, Phase, PlaybookExtension, Retry, StepExtension, extension_id};
use crate::ids::slugify;
use crate::limits::Limits;
use crate::problem::Problem;
use crate::run::Event;
use crate::stix::to_cel;
use crate::template::Template;

/// A compiled playbook. Compile it once and share it; it holds no state.
#[derive(Debug)]
pub struct Program {
    /// `sha256:…` of the playbook.
    pub digest: String,
    /// Title for people.
    pub name: String,
    /// The extension on the playbook.
    pub extension: PlaybookExtension,
    pub(crate) entry: String,
    pub(crate) exception: Option<String>,
    pub(crate) on_failure: OnRunFailure,
    pub(crate) vars: Map<String, Value>,
    pub(crate) nodes: HashMap<String, Node>,
    pub(crate) limits: Limits,
}

/// One step, compiled.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) slug: String,
    pub(crate) name: String,
    pub(crate) phase: Option<Phase>,
    pub(crate) type_name: &'static str,
    pub(crate) kind: NodeKind,
    pub(crate) on_success: Option<String>,
    pub(crate) on_failure: Option<String>,
    pub(crate) delay_ms: i64,
    pub(crate) output: Option<String>,
}

#[derive(Debug)]
pub(crate) enum NodeKind {
    Start,
    End,
    Action(Box<ActionNode>),
    Call { entry: String, vars: Map<String, Value>, with: Vec<(String, Expression)> },
    Parallel { branches: Vec<String> },
    If { condition: Expression, on_true: String, on_false: Option<String> },
    While { condition: Expression, on_true: String, max: u32 },
    Switch { value: Expression, cases: BTreeMap<String, String> },
}

#[derive(Debug)]
pub(crate) struct ActionNode {
    pub(crate) commands: Vec<CommandNode>,
    pub(crate) for_each: Option<Expression>,
    pub(crate) approval: Option<(Approval, Option<Expression>)>,
    pub(crate) retry: Retry,
    pub(crate) lasts_ms: Option<u64>,
    pub(crate) timeout_ms: u64,
}

#[derive(Debug)]
pub(crate) struct CommandNode {
    pub(crate) action: String,
    pub(crate) args: Template,
    pub(crate) mode: Mode,
    pub(crate) undo: Option<(String, Template, Mode)>,
}

/// Milliseconds that a command may take if its step says nothing.
pub(crate) const TIMEOUT_MS: u64 = 30_000;

impl Program {
    /// Compiles a playbook with those that it calls, found in `library` by id. Run [`crate::lint`] first: this refuses only
    /// what cannot be run at all.
    ///
    /// # Errors
    /// Every problem found, each with the place where it is.
    pub fn compile(playbook: &Playbook, library: &[Playbook], limits: &Limits) -> Result<Self, Vec<Problem>> {
        let mut compiler = Compiler { limits: *limits, nodes: HashMap::new(), problems: Vec::new(), path: Vec::new() };
        compiler.playbook(playbook, library);
        let Compiler { nodes, problems, .. } = compiler;
        if !problems.is_empty() {
            return Err(problems);
        }
        let extension = playbook_extension(playbook).unwrap_or_default();
        Ok(Self {
            digest: playbook.digest(),
            name: playbook.name.clone(),
            on_failure: extension.on_failure,
            extension,
            entry: playbook.workflow_start.clone(),
            exception: playbook.workflow_exception.clone(),
            vars: initial_vars(&playbook.playbook_variables),
            nodes,
            limits: *limits,
        })
    }

    /// The event that starts a run of it. `input` holds `case` and `alert`; `given` overrides variables that the playbook
    /// declares (others are left out).
    pub fn start(&self, run: &str, input: Value, given: &Map<String, Value>, started_by: &str, at: UnixMs) -> Event {
        let mut vars = self.vars.clone();
        for (name, value) in given {
            if vars.contains_key(name) {
                vars.insert(name.clone(), value.clone());
            }
        }
        Event::RunStarted {
            run: run.to_owned(),
            playbook: self.digest.clone(),
            name: self.name.clone(),
            entry: self.entry.clone(),
            input,
            vars,
            started_by: started_by.to_owned(),
            at,
        }
    }
}

/// The extension on a playbook, if it has one that can be read.
pub fn playbook_extension(playbook: &Playbook) -> Option<PlaybookExtension> {
    let value = playbook.playbook_extensions.get(&extension_id())?;
    serde_json::from_value(value.clone()).ok()
}

/// The extension on a step; a foreign step gets a name made from its own, or from its id.
pub fn step_extension(id: &str, step: &Step) -> StepExtension {
    step.step_extensions.get(&extension_id()).and_then(|v| serde_json::from_value(v.clone()).ok()).unwrap_or_else(
        || {
            let name = step.name.as_deref().filter(|n| !n.is_empty()).unwrap_or(step.kind.as_str());
            let tail = &id[id.len().saturating_sub(4)..];
            StepExtension { slug: format!("{}-{tail}", slugify(name)), ..StepExtension::default() }
        },
    )
}

/// Name of a CACAO variable without its underscores: `__tier__` gives `tier`.
pub fn variable_name(cacao: &str) -> &str {
    cacao.strip_prefix("__").and_then(|n| n.strip_suffix("__")).unwrap_or(cacao)
}

/// A variable's value, from the text in which CACAO keeps it.
pub fn variable_value(variable: &Variable) -> Value {
    let Some(text) = &variable.value else { return Value::Null };
    match variable.r#type.as_str() {
        "bool" | "integer" | "long" | "float" | "dictionary" | "list" => {
            serde_json::from_str(text).unwrap_or_else(|_| Value::from(text.as_str()))
        }
        _ => Value::from(text.as_str()),
    }
}

fn initial_vars(variables: &BTreeMap<String, Variable>) -> Map<String, Value> {
    variables.iter().map(|(name, v)| (variable_name(name).to_owned(), variable_value(v))).collect()
}

struct Compiler {
    limits: Limits,
    nodes: HashMap<String, Node>,
    problems: Vec<Problem>,
    path: Vec<String>,
}

impl Compiler {
    fn playbook(&mut self, playbook: &Playbook, library: &[Playbook]) {
        if self.path.contains(&playbook.id) || self.path.len() >= self.limits.depth_max {
            self.problems.push(Problem::error(
                "playbook-recursion",
                &playbook.name,
                format!("it calls itself, or playbooks lie more than {} deep", self.limits.depth_max),
                "take the call out",
            ));
            return;
        }
        self.path.push(playbook.id.clone());
        let known = |id: &str| playbook.workflow.contains_key(id);
        for id in std::iter::once(&playbook.workflow_start).chain(&playbook.workflow_exception) {
            if !known(id) {
                self.missing("workflow_start or workflow_exception", id);
            }
        }
        for (id, step) in &playbook.workflow {
            let extension = step_extension(id, step);
            for (_, next) in step.followers().into_iter().chain(step.branches()) {
                if !known(next) {
                    self.missing(&extension.slug, next);
                }
            }
            if let Some(kind) = self.kind(playbook, step, &extension, library) {
                let node = Node {
                    name: step.name.clone().unwrap_or_else(|| extension.slug.clone()),
                    slug: extension.slug.clone(),
                    phase: extension.phase,
                    type_name: step.kind.as_str(),
                    kind,
                    on_success: step.on_success.clone().or_else(|| step.on_completion.clone()),
                    on_failure: step.on_failure.clone().or_else(|| step.on_completion.clone()),
                    delay_ms: step.delay.map_or(0, |ms| i64::try_from(ms).unwrap_or(i64::MAX)),
                    output: extension.output.clone(),
                };
                self.nodes.insert(id.clone(), node);
            }
            if self.nodes.len() > self.limits.steps_max {
                self.problems.push(Problem::error(
                    "too-many-steps",
                    &playbook.name,
                    format!("more than {} steps, called playbooks included", self.limits.steps_max),
                    "split the playbook",
                ));
                break;
            }
        }
        self.path.pop();
    }

    fn missing(&mut self, place: &str, id: &str) {
        let message = format!("there is no step `{id}`");
        self.problems.push(Problem::error("missing-step", place, message, "add the step, or name one that exists"));
    }

    fn kind(
        &mut self,
        playbook: &Playbook,
        step: &Step,
        extension: &StepExtension,
        library: &[Playbook],
    ) -> Option<NodeKind> {
        let slug = &extension.slug;
        Some(match &step.kind {
            StepKind::Start => NodeKind::Start,
            StepKind::End => NodeKind::End,
            StepKind::Action { commands, .. } => {
                NodeKind::Action(Box::new(self.action(playbook, step, extension, commands)?))
            }
            StepKind::PlaybookAction { playbook_id, .. } => {
                let Some(called) = library.iter().find(|p| p.id == *playbook_id) else {
                    self.problems.push(Problem::error(
                        "missing-playbook",
                        slug,
                        format!("no playbook `{}`", extension.run.as_deref().unwrap_or(playbook_id)),
                        "add it beside this one, or correct the name",
                    ));
                    return None;
                };
                self.playbook(called, library);
                let with = extension
                    .with
                    .iter()
                    .filter_map(|(name, source)| Some((name.clone(), self.expression(slug, source)?)));
                NodeKind::Call {
                    with: with.collect(),
                    entry: called.workflow_start.clone(),
                    vars: initial_vars(&called.playbook_variables),
                }
            }
            StepKind::Parallel { next_steps } => NodeKind::Parallel { branches: next_steps.clone() },
            StepKind::IfCondition { condition, on_true, on_false } => NodeKind::If {
                condition: self.condition(slug, condition, extension.cel)?,
                on_true: on_true.clone(),
                on_false: on_false.clone(),
            },
            StepKind::WhileCondition { condition, on_true } => NodeKind::While {
                condition: self.condition(slug, condition, extension.cel)?,
                on_true: on_true.clone(),
                max: extension.max_iterations.unwrap_or(self.limits.iterations_max).min(self.limits.iterations_max),
            },
            StepKind::SwitchCondition { switch, cases } => {
                NodeKind::Switch { value: self.condition(slug, switch, extension.cel)?, cases: cases.clone() }
            }
        })
    }

    fn action(
        &mut self,
        playbook: &Playbook,
        step: &Step,
        extension: &StepExtension,
        commands: &[CacaoCommand],
    ) -> Option<ActionNode> {
        let slug = &extension.slug;
        let commands: Option<Vec<CommandNode>> =
            commands.iter().map(|c| self.command(playbook, step, extension, c)).collect();
        let for_each = match &extension.for_each {
            Some(source) => Some(self.expression(slug, source)?),
            None => None,
        };
        let approval = match &extension.approval {
            Some(approval) => {
                let when = match &approval.when {
                    Some(source) => Some(self.expression(slug, source)?),
                    None => None,
                };
                Some((approval.clone(), when))
            }
            None => None,
        };
        let mut retry = extension.retry.unwrap_or(Retry::DEFAULT);
        retry.attempts = retry.attempts.clamp(1, self.limits.attempts_max);
        Some(ActionNode {
            commands: commands?,
            for_each,
            approval,
            retry,
            lasts_ms: extension.lasts_ms,
            timeout_ms: step.timeout.filter(|ms| *ms > 0).unwrap_or(TIMEOUT_MS),
        })
    }

    fn command(
        &mut self,
        playbook: &Playbook,
        step: &Step,
        extension: &StepExtension,
        command: &CacaoCommand,
    ) -> Option<CommandNode> {
        let slug = &extension.slug;
        let (name, args) = match crate::foreign::as_action(playbook, step, command) {
            Ok(pair) => pair,
            Err(problem) => {
                self.problems.push(Problem { place: slug.clone(), ..problem });
                return None;
            }
        };
        let mode_of = |name: &str| action(name).map_or(Mode::AtMostOnce, |a| a.mode);
        let args = self.template(slug, &args)?;
        let undo = match &command.undo {
            Some(undo) => {
                let args = if undo.args.is_null() { json!({}) } else { undo.args.clone() };
                Some((undo.action.clone(), self.template(slug, &args)?, mode_of(&undo.action)))
            }
            None => None,
        };
        Some(CommandNode { mode: extension.mode.unwrap_or_else(|| mode_of(&name)), action: name, args, undo })
    }

    fn condition(&mut self, slug: &str, source: &str, cel: bool) -> Option<Expression> {
        if cel {
            return self.expression(slug, source);
        }
        match to_cel(source) {
            Ok(source) => self.expression(slug, &source),
            Err(why) => {
                self.problems.push(Problem::error(
                    "condition-syntax",
                    slug,
                    format!("not a STIX pattern over variables: {why}"),
                    "write `__name__:value = 'text'` with AND, OR, NOT, or use the extension's CEL",
                ));
                None
            }
        }
    }

    fn expression(&mut self, slug: &str, source: &str) -> Option<Expression> {
        self.checked(slug, Expression::compile(source, &self.limits))
    }

    fn template(&mut self, slug: &str, args: &Value) -> Option<Template> {
        self.checked(slug, Template::compile(args, &self.limits))
    }

    fn checked<T>(&mut self, slug: &str, result: Result<T, crate::expression::ExpressionError>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(e) => {
                let remedy = "see docs: expressions are CEL over alert, case, vars, steps, run and item";
                self.problems.push(Problem::error("expression-syntax", slug, e.to_string(), remedy));
                None
            }
        }
    }
}
