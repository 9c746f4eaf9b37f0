//! From the YAML form to the CACAO playbook.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::cacao::{AgentTarget, Command, Playbook, SPEC_VERSION, Step, StepKind, Variable};
use crate::extension::{Approval, Phase, PlaybookExtension, Retry, StepExtension, author_id, definition, extension_id};
use crate::foreign::ACTION_TYPE;
use crate::ids::{is_identifier, is_slug, stable_id};
use crate::problem::Problem;
use crate::source::form::{Foreign, SourceAction, SourcePlaybook, SourceStep, SourceVariable, StepForeign};

/// Name of the implied first step.
pub(crate) const START: &str = "start";
/// Name of the implied last step, and of the jump to it.
pub(crate) const END: &str = "end";
/// `created` and `modified` of a playbook that does not say: the same YAML must give the same bytes.
pub(crate) const UNDATED: &str = "2026-01-01T00:00:00.000Z";

/// Makes the CACAO playbook.
///
/// # Errors
/// Everything that keeps it from being one: names used twice, jumps to nowhere, steps that do nothing or two things.
pub fn compile(source: &SourcePlaybook) -> Result<Playbook, Vec<Problem>> {
    let foreign = source.cacao.clone().unwrap_or_default();
    let mut c = Compiler { slug: &source.playbook, ids: BTreeMap::new(), workflow: BTreeMap::new(), problems: vec![] };
    if !is_slug(&source.playbook) {
        c.problem("name", "playbook", format!("`{}` is no name", source.playbook), NAME_REMEDY);
    }
    c.ids.insert(END.to_owned(), stable_id("end", &[c.slug, END]));
    c.ids.insert(START.to_owned(), foreign.start.clone().unwrap_or_else(|| stable_id("start", &[c.slug, START])));
    c.collect(&source.steps, 0);
    if !c.problems.is_empty() {
        return Err(c.problems);
    }
    let first = c.list(&source.steps);
    let workflow_start = if foreign.no_start { first } else { c.start(&foreign, first) };
    let end = stable_id("end", &[c.slug, END]);
    let exception = source.exception.as_ref().map(|name| c.id_of("exception", name));
    c.end_if_used(&end, exception.as_deref());
    let mut variables = variables(&source.variables);
    implied_variables(&source.steps, &mut variables);
    let Compiler { workflow, problems, .. } = c;
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(assemble(source, foreign, workflow_start, exception, workflow, variables))
}

const NAME_REMEDY: &str = "use lower-case letters, digits and hyphens, a letter first, at most 64";

fn assemble(
    source: &SourcePlaybook,
    foreign: Foreign,
    workflow_start: String,
    workflow_exception: Option<String>,
    workflow: BTreeMap<String, Step>,
    playbook_variables: BTreeMap<String, Variable>,
) -> Playbook {
    let extension = PlaybookExtension {
        slug: source.playbook.clone(),
        trigger: source.trigger.clone(),
        atlas: source.atlas.clone(),
        nist: source.nist.clone(),
        on_failure: source.on_failure,
    };
    let mut playbook_extensions = foreign.extensions;
    playbook_extensions.insert(extension_id(), to_value(&extension));
    let mut extension_definitions = foreign.extension_definitions;
    extension_definitions.insert(extension_id(), definition());
    let mut agent_definitions = foreign.agents;
    let agent = agent_id();
    let uses_agent = |s: &Step| matches!(&s.kind, StepKind::Action { agent: Some(id), .. } if *id == agent);
    if workflow.values().any(uses_agent) {
        agent_definitions.entry(agent.clone()).or_insert_with(casemate_agent);
    }
    Playbook {
        r#type: "playbook".to_owned(),
        spec_version: SPEC_VERSION.to_owned(),
        id: foreign.id.unwrap_or_else(|| playbook_id(&source.playbook)),
        name: source.title.clone(),
        description: source.description.clone(),
        created_by: foreign.created_by.unwrap_or_else(author_id),
        created: foreign.created.unwrap_or_else(|| UNDATED.to_owned()),
        modified: foreign.modified.unwrap_or_else(|| UNDATED.to_owned()),
        playbook_variables,
        workflow_start,
        workflow_exception,
        workflow,
        playbook_extensions,
        agent_definitions,
        target_definitions: foreign.targets,
        extension_definitions,
        rest: foreign.rest,
    }
}

/// Id of the playbook with this name.
pub(crate) fn playbook_id(slug: &str) -> String {
    stable_id("playbook", &[slug])
}

/// Id of the agent that carries out our actions.
pub(crate) fn agent_id() -> String {
    stable_id("group", &["casemate connectors"])
}

pub(crate) fn casemate_agent() -> AgentTarget {
    AgentTarget {
        r#type: "group".to_owned(),
        name: "Casemate connectors".to_owned(),
        address: BTreeMap::new(),
        rest: Map::new(),
    }
}

pub(crate) fn to_value<T: serde::Serialize>(value: &T) -> Value {
    // The extension's types have text keys only, so that JSON can always hold them.
    serde_json::to_value(value).unwrap_or(Value::Null)
}

fn variables(source: &BTreeMap<String, SourceVariable>) -> BTreeMap<String, Variable> {
    let of = |v: &SourceVariable| Variable {
        r#type: v.r#type.clone().unwrap_or_else(|| "string".to_owned()),
        description: v.description.clone(),
        value: v.value.as_ref().map(|value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }),
        constant: v.constant,
        external: v.external,
    };
    source.iter().map(|(name, v)| (format!("__{name}__"), of(v))).collect()
}

/// `output: name` declares the variable.
fn implied_variables(steps: &[SourceStep], variables: &mut BTreeMap<String, Variable>) {
    for step in steps {
        if let Some(name) = &step.output {
            variables
                .entry(format!("__{name}__"))
                .or_insert_with(|| Variable { r#type: "dictionary".to_owned(), ..Variable::default() });
        }
        for list in lists(step) {
            implied_variables(list, variables);
        }
    }
}

/// The lists of steps inside a step.
pub(crate) fn lists(step: &SourceStep) -> Vec<&[SourceStep]> {
    let one = [&step.then, &step.r#else, &step.r#do].into_iter().flatten().map(Vec::as_slice);
    let cases = step.cases.iter().flat_map(BTreeMap::values).map(Vec::as_slice);
    let branches = step.parallel.iter().flatten().map(Vec::as_slice);
    one.chain(cases).chain(branches).collect()
}

struct Compiler<'a> {
    slug: &'a str,
    ids: BTreeMap<String, String>,
    workflow: BTreeMap<String, Step>,
    problems: Vec<Problem>,
}

impl Compiler<'_> {
    fn problem(&mut self, code: &str, place: &str, message: String, remedy: &str) {
        self.problems.push(Problem::error(code, place, message, remedy));
    }

    /// Gives every step its id, and finds what has no name or a name that is taken.
    fn collect(&mut self, steps: &[SourceStep], depth: usize) {
        if depth > crate::limits::Limits::DEFAULT.depth_max {
            self.problem("too-deep", "steps", "steps lie too deep in each other".to_owned(), "use another playbook");
            return;
        }
        let mut names = BTreeSet::new();
        for entry in steps {
            match (&entry.step, &entry.jump) {
                (Some(name), None) => {
                    let kind = kind_name(entry);
                    if !is_slug(name) || name == START || name == END {
                        self.problem("name", name, format!("`{name}` is no name for a step"), NAME_REMEDY);
                    } else if self.ids.contains_key(name) || !names.insert(name) {
                        let remedy = "give each step a name of its own";
                        self.problem("name-taken", name, format!("two steps are called `{name}`"), remedy);
                    }
                    let Ok(kind) = kind else {
                        let found = kind.err().unwrap_or_default();
                        let remedy = "write exactly one of action, actions, manual, commands, if, while, switch, \
                                      parallel, run, end";
                        self.problem("step-kind", name, format!("the step has {found}"), remedy);
                        continue;
                    };
                    let id = entry.id.clone().unwrap_or_else(|| stable_id(kind, &[self.slug, name]));
                    self.ids.insert(name.clone(), id);
                }
                (None, Some(_)) if *entry == (SourceStep { jump: entry.jump.clone(), ..SourceStep::default() }) => {}
                _ => {
                    let name = entry.step.as_deref().unwrap_or("steps");
                    let message = "an entry is either `step: name` with more, or `jump: name` alone".to_owned();
                    self.problem("step-kind", name, message, "name the step, or take the rest away");
                }
            }
            for list in lists(entry) {
                self.collect(list, depth + 1);
            }
        }
    }

    fn id_of(&mut self, place: &str, name: &str) -> String {
        if let Some(id) = self.ids.get(name) {
            return id.clone();
        }
        let remedy = "name a step of this playbook, or `end`";
        self.problem("missing-step", place, format!("there is no step `{name}`"), remedy);
        String::new()
    }

    /// Compiles a list and returns the id of its first step; of the end if it is empty.
    fn list(&mut self, steps: &[SourceStep]) -> String {
        for (i, entry) in steps.iter().enumerate() {
            if entry.jump.is_some() {
                continue;
            }
            let next = self.head(&steps[i + 1..], entry.step.as_deref().unwrap_or("steps"));
            self.step(entry, next);
        }
        self.head(steps, "steps")
    }

    fn head(&mut self, steps: &[SourceStep], place: &str) -> String {
        match steps.first() {
            None => self.id_of(place, END),
            Some(SourceStep { jump: Some(name), .. }) => self.id_of(place, name),
            Some(entry) => self.id_of(place, entry.step.as_deref().unwrap_or_default()),
        }
    }

    fn start(&mut self, foreign: &Foreign, first: String) -> String {
        let id = self.id_of("steps", START);
        let mut step = Step::new(StepKind::Start);
        step.name = Some(foreign.start_name.clone().unwrap_or_else(|| "Trigger".to_owned()));
        step.on_completion = Some(first);
        let extension =
            StepExtension { slug: START.to_owned(), phase: Some(Phase::Trigger), ..StepExtension::default() };
        step.step_extensions.insert(extension_id(), to_value(&extension));
        self.workflow.insert(id.clone(), step);
        id
    }

    fn end_if_used(&mut self, end: &str, exception: Option<&str>) {
        let used = exception == Some(end)
            || self
                .workflow
                .values()
                .any(|s| s.followers().into_iter().chain(s.branches()).any(|(_, next)| next == end));
        if used {
            let mut step = Step::new(StepKind::End);
            step.name = Some("End".to_owned());
            let extension = StepExtension { slug: END.to_owned(), ..StepExtension::default() };
            step.step_extensions.insert(extension_id(), to_value(&extension));
            self.workflow.insert(end.to_owned(), step);
        }
    }

    fn step(&mut self, s: &SourceStep, next: String) {
        let slug = s.step.clone().unwrap_or_default();
        let id = self.ids.get(&slug).cloned().unwrap_or_default();
        let foreign = s.cacao.clone().unwrap_or_default();
        let kind = self.kind(s, &slug, &foreign);
        let mut step = Step::new(kind);
        step.name.clone_from(&s.name);
        step.description.clone_from(&s.description);
        step.delay = s.delay.map(|d| d.0);
        step.timeout = s.timeout.map(|d| d.0);
        if !s.end {
            match (&s.on_failure, s.optional) {
                (Some(name), _) => {
                    step.on_success = Some(next);
                    step.on_failure = Some(self.id_of(&slug, name));
                }
                (None, true) => step.on_completion = Some(next),
                (None, false) => step.on_success = Some(next),
            }
        }
        if s.optional && s.on_failure.is_some() {
            let message = "`optional` and `on_failure` exclude each other".to_owned();
            self.problem("step-kind", &slug, message, "take one of them away");
        }
        step.step_extensions = foreign.extensions.clone();
        step.step_extensions.insert(extension_id(), to_value(&extension(s, &slug, &foreign)));
        step.rest = foreign.rest;
        self.workflow.insert(id, step);
    }

    fn kind(&mut self, s: &SourceStep, slug: &str, foreign: &StepForeign) -> StepKind {
        if s.end {
            return StepKind::End;
        }
        if let Some(condition) = &s.r#if {
            let on_true = self.list(s.then.as_deref().unwrap_or_default());
            let on_false = s.r#else.as_deref().map(|list| self.list(list));
            return StepKind::IfCondition { condition: condition.clone(), on_true, on_false };
        }
        if let Some(condition) = &s.r#while {
            let on_true = self.list(s.r#do.as_deref().unwrap_or_default());
            return StepKind::WhileCondition { condition: condition.clone(), on_true };
        }
        if let Some(switch) = &s.switch {
            let cases = s.cases.iter().flatten();
            let cases = cases.map(|(value, list)| (value.clone(), self.list(list))).collect();
            return StepKind::SwitchCondition { switch: switch.clone(), cases };
        }
        if let Some(branches) = &s.parallel {
            return StepKind::Parallel { next_steps: branches.iter().map(|list| self.list(list)).collect() };
        }
        if let Some(run) = &s.run {
            if !is_identifier(run) && !is_slug(run) {
                let message = format!("`{run}` names no playbook");
                self.problem("name", slug, message, NAME_REMEDY);
            }
            return StepKind::PlaybookAction {
                playbook_id: if is_identifier(run) { run.clone() } else { playbook_id(run) },
                playbook_version: foreign.playbook_version.clone(),
                in_args: foreign.in_args.clone(),
                out_args: foreign.out_args.clone(),
            };
        }
        let ours = |a: &SourceAction| {
            let mut command = command(ACTION_TYPE, &a.action);
            command.args.clone_from(&a.args);
            command.undo.clone_from(&a.undo);
            command
        };
        let commands = if let Some(action) = &s.action {
            vec![ours(&SourceAction { action: action.clone(), args: s.args.clone(), undo: s.undo.clone() })]
        } else if let Some(actions) = &s.actions {
            actions.iter().map(ours).collect()
        } else if let Some(text) = &s.manual {
            vec![command("manual", text)]
        } else {
            s.commands.clone().unwrap_or_default()
        };
        StepKind::Action {
            commands,
            agent: Some(foreign.agent.clone().unwrap_or_else(agent_id)),
            targets: foreign.targets.clone(),
            in_args: foreign.in_args.clone(),
            out_args: foreign.out_args.clone(),
        }
    }
}

fn command(kind: &str, text: &str) -> Command {
    Command {
        r#type: kind.to_owned(),
        command: Some(text.to_owned()),
        description: None,
        content: None,
        content_b64: None,
        headers: BTreeMap::new(),
        args: None,
        undo: None,
        rest: Map::new(),
    }
}

fn extension(s: &SourceStep, slug: &str, foreign: &StepForeign) -> StepExtension {
    StepExtension {
        slug: slug.to_owned(),
        phase: s.phase,
        approval: s.approval.as_ref().map(|a| Approval {
            need: a.need,
            roles: a.roles.clone(),
            expires_ms: a.expires.0,
            on_expiry: a.on_expiry,
            when: a.when.clone(),
        }),
        retry: s.retry.as_ref().map(|r| Retry {
            attempts: r.attempts,
            backoff_ms: r.backoff.0,
            backoff_max_ms: r.backoff_max.0,
        }),
        for_each: s.for_each.clone(),
        mode: s.mode,
        output: s.output.clone(),
        lasts_ms: s.lasts.map(|d| d.0),
        max_iterations: s.max_iterations,
        cel: (s.r#if.is_some() || s.r#while.is_some() || s.switch.is_some()) && !foreign.stix,
        with: s.with.clone(),
        run: s.run.clone().filter(|run| !is_identifier(run)),
    }
}

/// The CACAO type of a step, or what is wrong with it.
fn kind_name(s: &SourceStep) -> Result<&'static str, String> {
    let kinds = [
        ("action", "action", s.action.is_some()),
        ("actions", "action", s.actions.is_some()),
        ("manual", "action", s.manual.is_some()),
        ("commands", "action", s.commands.is_some()),
        ("if", "if-condition", s.r#if.is_some()),
        ("while", "while-condition", s.r#while.is_some()),
        ("switch", "switch-condition", s.switch.is_some()),
        ("parallel", "parallel", s.parallel.is_some()),
        ("run", "playbook-action", s.run.is_some()),
        ("end", "end", s.end),
    ];
    let found: Vec<_> = kinds.into_iter().filter(|(_, _, there)| *there).collect();
    let kind = match found.as_slice() {
        [] => return Err("nothing to do".to_owned()),
        [(_, kind, _)] => *kind,
        many => return Err(many.iter().map(|(key, _, _)| *key).collect::<Vec<_>>().join(" and ")),
    };
    let belongs = |there: bool, to: &str, key: &str| {
        if there && !found.iter().any(|(k, _, _)| *k == to) { Err(format!("`{key}` without `{to}`")) } else { Ok(()) }
    };
    belongs(s.args.is_some(), "action", "args")?;
    belongs(s.undo.is_some(), "action", "undo")?;
    belongs(s.then.is_some(), "if", "then")?;
    belongs(s.r#else.is_some(), "if", "else")?;
    belongs(s.r#do.is_some(), "while", "do")?;
    belongs(s.max_iterations.is_some(), "while", "max_iterations")?;
    belongs(s.cases.is_some(), "switch", "cases")?;
    belongs(!s.with.is_empty(), "run", "with")?;
    if kind != "action" {
        for (key, there) in [
            ("approval", s.approval.is_some()),
            ("retry", s.retry.is_some()),
            ("for_each", s.for_each.is_some()),
            ("mode", s.mode.is_some()),
            ("output", s.output.is_some()),
            ("lasts", s.lasts.is_some()),
        ] {
            if there {
                return Err(format!("`{key}`, which belongs to actions"));
            }
        }
    }
    Ok(kind)
}
