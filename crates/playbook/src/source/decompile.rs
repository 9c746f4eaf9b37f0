//! From a CACAO playbook to the YAML form.

use std::collections::{BTreeMap, BTreeSet};

use crate::cacao::{Playbook, Step, StepKind};
use crate::duration::Span;
use crate::extension::{StepExtension, author_id, definition, extension_id};
use crate::foreign::ACTION_TYPE;
use crate::ids::{is_slug, slugify, stable_id};
use crate::limits::Limits;
use crate::program::{playbook_extension, step_extension, variable_name};
use crate::source::compile::{END, START, UNDATED, agent_id, casemate_agent, playbook_id};
use crate::source::form::{
    Foreign, SourceAction, SourceApproval, SourcePlaybook, SourceRetry, SourceStep, SourceVariable, StepForeign,
};

/// Writes a CACAO playbook in the YAML form. What [`super::compile`] made comes back as it was written; a playbook from
/// elsewhere keeps its ids and whatever this form has no word for under `cacao`. Steps that nothing leads to are left out.
pub fn decompile(playbook: &Playbook) -> SourcePlaybook {
    let extension = playbook_extension(playbook).unwrap_or_default();
    let slug = if is_slug(&extension.slug) { extension.slug.clone() } else { slugify(&playbook.name) };
    let mut d = Decompiler { playbook, names: BTreeMap::new(), placed: BTreeSet::new(), end: String::new() };
    d.end = stable_id("end", &[&slug, END]);
    d.name_steps();
    let start = playbook.workflow.get(&playbook.workflow_start);
    let begins_with_start = start.is_some_and(|s| matches!(s.kind, StepKind::Start));
    let mut steps = Vec::new();
    if begins_with_start {
        d.placed.insert(playbook.workflow_start.clone());
        if let Some(next) = start.and_then(|s| s.on_completion.clone().or_else(|| s.on_success.clone())) {
            d.chain(&next, &mut steps, 0);
        }
    } else {
        d.chain(&playbook.workflow_start, &mut steps, 0);
    }
    let exception = playbook.workflow_exception.as_ref().filter(|id| playbook.workflow.contains_key(*id));
    if let Some(id) = exception {
        d.detached(id, &mut steps);
    }
    let exception = exception.map(|id| d.name(id));
    let foreign = foreign(playbook, &slug, begins_with_start);
    SourcePlaybook {
        title: playbook.name.clone(),
        description: playbook.description.clone(),
        trigger: extension.trigger,
        atlas: extension.atlas,
        nist: extension.nist,
        variables: variables(playbook, &steps),
        on_failure: extension.on_failure,
        exception,
        steps,
        cacao: (foreign != Foreign::default()).then_some(foreign),
        playbook: slug,
    }
}

fn other_than(value: &str, usual: &str) -> Option<String> {
    (value != usual).then(|| value.to_owned())
}

fn foreign(playbook: &Playbook, slug: &str, begins_with_start: bool) -> Foreign {
    let start = playbook.workflow.get(&playbook.workflow_start).filter(|_| begins_with_start);
    let name = start.map(|s| s.name.clone().unwrap_or_else(|| "Trigger".to_owned()));
    let mut extensions = playbook.playbook_extensions.clone();
    extensions.remove(&extension_id());
    let mut extension_definitions = playbook.extension_definitions.clone();
    if extension_definitions.get(&extension_id()) == Some(&definition()) {
        extension_definitions.remove(&extension_id());
    }
    let mut agents = playbook.agent_definitions.clone();
    if agents.get(&agent_id()) == Some(&casemate_agent()) {
        agents.remove(&agent_id());
    }
    Foreign {
        id: other_than(&playbook.id, &playbook_id(slug)),
        created_by: other_than(&playbook.created_by, &author_id()),
        created: other_than(&playbook.created, UNDATED),
        modified: other_than(&playbook.modified, UNDATED),
        start: start.and_then(|_| other_than(&playbook.workflow_start, &stable_id("start", &[slug, START]))),
        start_name: name.and_then(|n| other_than(&n, "Trigger")),
        no_start: !begins_with_start,
        agents,
        targets: playbook.target_definitions.clone(),
        extensions,
        extension_definitions,
        rest: playbook.rest.clone(),
    }
}

/// Variables as written; those that `output` implies are left out again.
fn variables(playbook: &Playbook, steps: &[SourceStep]) -> BTreeMap<String, SourceVariable> {
    let mut implied = BTreeSet::new();
    outputs(steps, &mut implied);
    let plain = |name: &str, v: &SourceVariable| {
        implied.contains(name)
            && *v == SourceVariable { r#type: Some("dictionary".to_owned()), ..SourceVariable::default() }
    };
    let all = playbook.playbook_variables.iter().map(|(name, v)| {
        let text = v.r#type == "string";
        let value = v.value.as_ref().map(|_| crate::program::variable_value(v));
        let source = SourceVariable {
            r#type: (!text).then(|| v.r#type.clone()),
            description: v.description.clone(),
            value,
            constant: v.constant,
            external: v.external,
        };
        (variable_name(name).to_owned(), source)
    });
    all.filter(|(name, v)| !plain(name, v)).collect()
}

fn outputs(steps: &[SourceStep], out: &mut BTreeSet<String>) {
    for step in steps {
        out.extend(step.output.clone());
        super::compile::lists(step).into_iter().for_each(|list| outputs(list, out));
    }
}

struct Decompiler<'a> {
    playbook: &'a Playbook,
    names: BTreeMap<String, String>,
    placed: BTreeSet<String>,
    end: String,
}

impl Decompiler<'_> {
    fn name_steps(&mut self) {
        let mut taken: BTreeSet<String> = [START.to_owned(), END.to_owned()].into();
        for (id, step) in &self.playbook.workflow {
            if *id == self.playbook.workflow_start && matches!(step.kind, StepKind::Start) || *id == self.end {
                continue;
            }
            let wanted = step_extension(id, step).slug;
            let wanted = if is_slug(&wanted) { wanted } else { slugify(&wanted) };
            let mut name = wanted.clone();
            let mut n = 2;
            while !taken.insert(name.clone()) {
                name = format!("{wanted}-{n}");
                n += 1;
            }
            self.names.insert(id.clone(), name);
        }
    }

    fn name(&self, id: &str) -> String {
        if id == self.end { END.to_owned() } else { self.names.get(id).cloned().unwrap_or_else(|| END.to_owned()) }
    }

    fn jump(&self, id: &str) -> SourceStep {
        SourceStep { jump: Some(self.name(id)), ..SourceStep::default() }
    }

    /// Writes the steps from `id` on into `list`, until the end, a step that stands elsewhere, or nothing.
    fn chain(&mut self, id: &str, list: &mut Vec<SourceStep>, depth: usize) {
        let mut id = id.to_owned();
        let mut failure_targets = Vec::new();
        loop {
            if id == self.end {
                break;
            }
            let Some(step) = self.playbook.workflow.get(&id) else { break };
            if self.placed.contains(&id) || depth > Limits::DEFAULT.depth_max {
                list.push(self.jump(&id));
                break;
            }
            self.placed.insert(id.clone());
            let source = self.step(&id, step, depth);
            list.push(source);
            failure_targets.extend(step.on_failure.clone());
            match step.on_success.as_ref().or(step.on_completion.as_ref()) {
                Some(next) if !matches!(step.kind, StepKind::End) => id.clone_from(next),
                _ => break,
            }
        }
        for target in failure_targets {
            self.detached(&target, list);
        }
    }

    /// Writes steps that nothing before them in the list goes on to.
    fn detached(&mut self, id: &str, list: &mut Vec<SourceStep>) {
        if self.placed.contains(id) || id == self.end || !self.playbook.workflow.contains_key(id) {
            return;
        }
        if list.last().is_some_and(|last| last.jump.is_none() && !last.end) {
            list.push(SourceStep { jump: Some(END.to_owned()), ..SourceStep::default() });
        }
        self.chain(id, list, 0);
    }

    fn list(&mut self, id: &str, depth: usize) -> Vec<SourceStep> {
        let mut list = Vec::new();
        self.chain(id, &mut list, depth + 1);
        list
    }

    fn step(&mut self, id: &str, step: &Step, depth: usize) -> SourceStep {
        let name = self.name(id);
        let e = step_extension(id, step);
        let slug = playbook_extension(self.playbook).map_or_else(|| slugify(&self.playbook.name), |e| e.slug);
        let mut s = SourceStep {
            id: other_than(id, &stable_id(step.kind.as_str(), &[&slug, &name])),
            name: step.name.clone(),
            description: step.description.clone(),
            phase: e.phase,
            delay: step.delay.map(Span),
            timeout: step.timeout.map(Span),
            retry: e.retry.map(|r| SourceRetry {
                attempts: r.attempts,
                backoff: Span(r.backoff_ms),
                backoff_max: Span(r.backoff_max_ms),
            }),
            for_each: e.for_each.clone(),
            mode: e.mode,
            output: e.output.clone(),
            lasts: e.lasts_ms.map(Span),
            max_iterations: e.max_iterations,
            with: e.with.clone(),
            optional: step.on_completion.is_some() && step.on_failure.is_none(),
            on_failure: step.on_failure.as_ref().map(|id| self.name(id)),
            approval: e.approval.as_ref().map(|a| SourceApproval {
                need: a.need,
                roles: a.roles.clone(),
                expires: Span(a.expires_ms),
                on_expiry: a.on_expiry,
                when: a.when.clone(),
            }),
            step: Some(name),
            ..SourceStep::default()
        };
        let mut foreign = StepForeign { extensions: step.step_extensions.clone(), ..StepForeign::default() };
        foreign.extensions.remove(&extension_id());
        foreign.rest = step.rest.clone();
        self.kind(step, &e, &mut s, &mut foreign, depth);
        if foreign != StepForeign::default() {
            s.cacao = Some(foreign);
        }
        s
    }

    fn kind(&mut self, step: &Step, e: &StepExtension, s: &mut SourceStep, foreign: &mut StepForeign, depth: usize) {
        match &step.kind {
            // A second start step does nothing, which is what an empty list of actions does.
            StepKind::Start => s.actions = Some(Vec::new()),
            StepKind::End => s.end = true,
            StepKind::Action { commands, agent, targets, in_args, out_args } => {
                foreign.agent = agent.clone().filter(|id| *id != agent_id());
                foreign.targets.clone_from(targets);
                foreign.in_args.clone_from(in_args);
                foreign.out_args.clone_from(out_args);
                write_commands(commands, s);
            }
            StepKind::PlaybookAction { playbook_id, playbook_version, in_args, out_args } => {
                s.run = Some(e.run.clone().unwrap_or_else(|| playbook_id.clone()));
                foreign.playbook_version.clone_from(playbook_version);
                foreign.in_args.clone_from(in_args);
                foreign.out_args.clone_from(out_args);
            }
            StepKind::Parallel { next_steps } => {
                s.parallel = Some(next_steps.iter().map(|id| self.list(id, depth)).collect());
            }
            StepKind::IfCondition { condition, on_true, on_false } => {
                s.r#if = Some(condition.clone());
                s.then = Some(self.list(on_true, depth));
                s.r#else = on_false.as_ref().map(|id| self.list(id, depth));
                foreign.stix = !e.cel;
            }
            StepKind::WhileCondition { condition, on_true } => {
                s.r#while = Some(condition.clone());
                s.r#do = Some(self.list(on_true, depth));
                foreign.stix = !e.cel;
            }
            StepKind::SwitchCondition { switch, cases } => {
                s.switch = Some(switch.clone());
                s.cases = Some(cases.iter().map(|(value, id)| (value.clone(), self.list(id, depth))).collect());
                foreign.stix = !e.cel;
            }
        }
    }
}

fn write_commands(commands: &[crate::cacao::Command], s: &mut SourceStep) {
    let plain = |c: &crate::cacao::Command| {
        c.description.is_none()
            && c.content.is_none()
            && c.content_b64.is_none()
            && c.headers.is_empty()
            && c.rest.is_empty()
    };
    match commands {
        [c] if c.r#type == ACTION_TYPE && plain(c) => {
            s.action = Some(c.command.clone().unwrap_or_default());
            s.args.clone_from(&c.args);
            s.undo.clone_from(&c.undo);
        }
        [c] if c.r#type == "manual" && plain(c) && c.args.is_none() && c.undo.is_none() => {
            s.manual = Some(c.command.clone().unwrap_or_default());
        }
        all if all.iter().all(|c| c.r#type == ACTION_TYPE && plain(c)) => {
            let one = |c: &crate::cacao::Command| SourceAction {
                action: c.command.clone().unwrap_or_default(),
                args: c.args.clone(),
                undo: c.undo.clone(),
            };
            s.actions = Some(all.iter().map(one).collect());
        }
        all => s.commands = Some(all.to_vec()),
    }
}
