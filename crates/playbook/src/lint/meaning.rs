//! Names and expressions: is everything that is read also there.

use std::collections::BTreeSet;

use crate::atlas;
use crate::cacao::{Playbook, StepKind};
use crate::canonical::json_bytes;
use crate::expression::{Expression, ROOTS, Reads};
use crate::extension::{PlaybookExtension, StepExtension, extension_id};
use crate::limits::Limits;
use crate::problem::Problem;
use crate::program::{playbook_extension, step_extension, variable_name, variable_value};
use crate::stix::to_cel;
use crate::template::Template;

pub(super) fn check(playbook: &Playbook, library: &[Playbook], limits: &Limits, problems: &mut Vec<Problem>) {
    extensions(playbook, problems);
    taxonomies(playbook, problems);
    variables(playbook, limits, problems);
    let known = Known::of(playbook, library);
    for (id, step) in &playbook.workflow {
        let extension = step_extension(id, step);
        for (reads, has_item) in reads(playbook, step, &extension, limits) {
            known.check(&extension.slug, &reads, has_item, problems);
        }
        if let Some(output) = &extension.output {
            match playbook.playbook_variables.get(&format!("__{output}__")) {
                None => problems.push(undeclared(&extension.slug, output)),
                Some(v) if v.constant == Some(true) => {
                    let message = format!("`{output}` is constant, and the step sets it");
                    problems.push(Problem::error(
                        "constant-assigned",
                        &extension.slug,
                        message,
                        "use another variable",
                    ));
                }
                Some(_) => {}
            }
        }
        if let StepKind::WhileCondition { .. } = step.kind {
            match extension.max_iterations {
                None => {
                    let message = format!("no max_iterations; {} is the limit", limits.iterations_max);
                    problems.push(Problem::warning(
                        "loop-unbounded",
                        &extension.slug,
                        message,
                        "say how often it may turn",
                    ));
                }
                Some(n) if n == 0 || n > limits.iterations_max => {
                    let message = format!("max_iterations is {n}; it must be 1 to {}", limits.iterations_max);
                    problems.push(Problem::error(
                        "loop-unbounded",
                        &extension.slug,
                        message,
                        "use a number in that range",
                    ));
                }
                Some(_) => {}
            }
        }
    }
}

/// An extension of ours that cannot be read would otherwise be passed over in silence.
fn extensions(playbook: &Playbook, problems: &mut Vec<Problem>) {
    let mut report = |place: &str, why: serde_json::Error| {
        let message = format!("the Casemate extension cannot be read: {why}");
        problems.push(Problem::error("extension-invalid", place, message, "see extension.schema.json"));
    };
    let id = extension_id();
    if let Some(value) = playbook.playbook_extensions.get(&id)
        && let Err(why) = serde_json::from_value::<PlaybookExtension>(value.clone())
    {
        report("playbook_extensions", why);
    }
    for (step_id, step) in &playbook.workflow {
        if let Some(value) = step.step_extensions.get(&id)
            && let Err(why) = serde_json::from_value::<StepExtension>(value.clone())
        {
            report(step_id, why);
        }
    }
}

fn taxonomies(playbook: &Playbook, problems: &mut Vec<Problem>) {
    let Some(extension) = playbook_extension(playbook) else { return };
    for id in extension.atlas.iter().filter(|id| !atlas::is_known(id)) {
        let near = atlas::nearest(id).map_or_else(String::new, |n| format!("; the nearest is {n}"));
        let message = format!("MITRE ATLAS has no `{id}`{near}");
        problems.push(Problem::error(
            "unknown-atlas-id",
            "atlas",
            message,
            "name a technique or mitigation of ATLAS 5.6",
        ));
    }
    for id in extension.nist.iter().filter(|id| !is_nist(id)) {
        let message = format!("`{id}` is no subcategory of the NIST AI RMF");
        problems.push(Problem::error("unknown-nist-id", "nist", message, "write it as `MANAGE 2.3`"));
    }
}

/// How many subcategories each category of the NIST AI RMF 1.0 has, in order.
const NIST: [(&str, &[u8]); 4] = [
    ("GOVERN", &[7, 3, 2, 3, 2, 2]),
    ("MAP", &[6, 3, 5, 2, 2]),
    ("MEASURE", &[3, 13, 3, 3]),
    ("MANAGE", &[4, 4, 2, 3]),
];

fn is_nist(id: &str) -> bool {
    let Some((function, numbers)) = id.split_once(' ') else { return false };
    let Some((category, sub)) = numbers.split_once('.') else { return false };
    let (Ok(category), Ok(sub)) = (category.parse::<usize>(), sub.parse::<u8>()) else { return false };
    let counts = NIST.iter().find(|(name, _)| *name == function).map(|(_, counts)| *counts);
    counts.and_then(|c| c.get(category.checked_sub(1)?)).is_some_and(|n| (1..=*n).contains(&sub))
}

fn variables(playbook: &Playbook, limits: &Limits, problems: &mut Vec<Problem>) {
    if playbook.playbook_variables.len() > limits.variables_max {
        let message = format!("{} variables; the limit is {}", playbook.playbook_variables.len(), limits.variables_max);
        problems.push(Problem::error("too-many-variables", "variables", message, "use fewer"));
    }
    for (name, variable) in &playbook.playbook_variables {
        let inner = variable_name(name);
        let well_formed = inner != name
            && inner.len() <= 200
            && inner.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && inner.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if !well_formed {
            let message = format!("`{inner}` is no name for a variable");
            problems.push(Problem::error("name", "variables", message, "letters, digits, _ and -, a letter first"));
        }
        let bytes = json_bytes(&variable_value(variable));
        if bytes > limits.value_bytes_max {
            let message = format!("the value of `{inner}` is {bytes} bytes; the limit is {}", limits.value_bytes_max);
            problems.push(Problem::error("value-too-large", "variables", message, "keep it elsewhere"));
        }
    }
}

fn undeclared(place: &str, name: &str) -> Problem {
    let message = format!("the variable `{name}` is not declared");
    Problem::error("undeclared-variable", place, message, "declare it under `variables`, or as the `output` of a step")
}

struct Known {
    vars: BTreeSet<String>,
    steps: BTreeSet<String>,
}

impl Known {
    fn of(playbook: &Playbook, library: &[Playbook]) -> Self {
        let mut vars: BTreeSet<String> =
            playbook.playbook_variables.keys().map(|n| variable_name(n).to_owned()).collect();
        let mut steps = BTreeSet::new();
        // A called playbook leaves its variables and outputs behind.
        let calls = playbook.workflow.values().filter_map(|s| match &s.kind {
            StepKind::PlaybookAction { playbook_id, .. } => library.iter().find(|p| p.id == *playbook_id),
            _ => None,
        });
        for called in calls.chain(std::iter::once(playbook)) {
            vars.extend(called.playbook_variables.keys().map(|n| variable_name(n).to_owned()));
            steps.extend(called.workflow.iter().map(|(id, s)| step_extension(id, s).slug));
        }
        Self { vars, steps }
    }

    fn check(&self, place: &str, reads: &Reads, has_item: bool, problems: &mut Vec<Problem>) {
        for name in reads.vars.iter().filter(|n| !self.vars.contains(*n)) {
            problems.push(undeclared(place, name));
        }
        for name in reads.steps.iter().filter(|n| !self.steps.contains(*n)) {
            let message = format!("it reads the output of `{name}`, which is no step");
            problems.push(Problem::error("missing-step", place, message, "name a step of this playbook"));
        }
        for root in &reads.roots {
            let known = root != "raw" && ROOTS.iter().any(|(name, _)| name == root);
            if !known || root == "item" && !has_item {
                let message = format!("`{root}` means nothing here");
                let remedy = "begin with alert, case, vars, steps, run, or item inside a for-each or loop";
                problems.push(Problem::error("unknown-name", place, message, remedy));
            }
        }
    }
}

/// What every expression of a step reads, and whether it may read `item`. What does not compile is reported elsewhere.
fn reads(
    playbook: &Playbook,
    step: &crate::cacao::Step,
    extension: &StepExtension,
    limits: &Limits,
) -> Vec<(Reads, bool)> {
    let in_loop = playbook.workflow.values().any(|s| matches!(s.kind, StepKind::WhileCondition { .. }));
    let mut out = Vec::new();
    let mut add = |source: &str, has_item: bool| {
        if let Ok(e) = Expression::compile(source, limits) {
            out.push((e.reads().clone(), has_item));
        }
    };
    if let Some(source) = &extension.for_each {
        add(source, in_loop);
    }
    if let Some(source) = extension.approval.as_ref().and_then(|a| a.when.as_ref()) {
        add(source, in_loop);
    }
    extension.with.values().for_each(|source| add(source, in_loop));
    match &step.kind {
        StepKind::IfCondition { condition: source, .. }
        | StepKind::WhileCondition { condition: source, .. }
        | StepKind::SwitchCondition { switch: source, .. } => {
            if extension.cel {
                add(source, in_loop);
            } else if let Ok(cel) = to_cel(source) {
                add(&cel, in_loop);
            }
        }
        StepKind::Action { commands, .. } => {
            let has_item = in_loop || extension.for_each.is_some();
            for command in commands {
                let Ok((_, args)) = crate::foreign::as_action(playbook, step, command) else { continue };
                let undo = command.undo.as_ref().map(|u| u.args.clone());
                for value in std::iter::once(args).chain(undo) {
                    if let Ok(template) = Template::compile(&value, limits) {
                        out.extend(template.expressions().into_iter().map(|e| (e.reads().clone(), has_item)));
                    }
                }
            }
        }
        _ => {}
    }
    out
}

#[cfg(test)]
mod tests {
    use super::is_nist;

    #[test]
    fn nist_subcategories() {
        for good in ["GOVERN 1.7", "MAP 5.2", "MEASURE 2.13", "MANAGE 4.3"] {
            assert!(is_nist(good), "{good}");
        }
        for bad in ["GOVERN 1.8", "MAP 6.1", "MEASURE 2.14", "MANAGE 0.1", "MANAGE 4", "manage 4.1", ""] {
            assert!(!is_nist(bad), "{bad}");
        }
    }
}
