//! The shape of the workflow: does every path begin, go on, and end.

use std::collections::{BTreeMap, BTreeSet};

use crate::cacao::{Playbook, Step, StepKind};
use crate::ids::is_identifier;
use crate::limits::Limits;
use crate::problem::Problem;
use crate::program::step_extension;

pub(super) fn check(playbook: &Playbook, limits: &Limits, problems: &mut Vec<Problem>) {
    let place = super::name_of(playbook);
    let mut report = |code: &str, place: &str, message: String, remedy: &str| {
        problems.push(Problem::error(code, place, message, remedy));
    };
    if playbook.workflow.len() > limits.steps_max {
        let message = format!("{} steps; the limit is {}", playbook.workflow.len(), limits.steps_max);
        report("too-many-steps", &place, message, "split the playbook");
        return;
    }
    for id in std::iter::once(&playbook.id).chain(playbook.workflow.keys()) {
        if !is_identifier(id) {
            report("bad-id", &place, format!("`{id}` is not `type--uuid`"), "give it an id in CACAO's form");
        }
    }
    let mut names: BTreeMap<String, &String> = BTreeMap::new();
    for (id, step) in &playbook.workflow {
        let slug = step_extension(id, step).slug;
        if let Some(other) = names.insert(slug.clone(), id) {
            let message = format!("steps `{other}` and `{id}` have the same name");
            report("name-taken", &slug, message, "give each step a name of its own");
        }
        let (what, count) = match &step.kind {
            StepKind::Parallel { next_steps } => ("branches", next_steps.len()),
            StepKind::SwitchCondition { cases, .. } => ("cases", cases.len()),
            StepKind::Action { commands, .. } if commands.len() > limits.commands_max => {
                let message = format!("{} commands; the limit is {}", commands.len(), limits.commands_max);
                report("too-many-commands", &slug, message, "use several steps");
                continue;
            }
            _ => continue,
        };
        if count > limits.branches_max {
            report(
                "too-many-branches",
                &slug,
                format!("{count} {what}; the limit is {}", limits.branches_max),
                "use fewer",
            );
        }
        if count == 0 || count == 1 && what == "branches" {
            report("too-few-branches", &slug, format!("{count} {what}"), "use at least two branches, or one case");
        }
    }
    circles(playbook, problems);
    reachable(playbook, problems);
}

fn edges(step: &Step) -> impl Iterator<Item = &str> {
    step.followers().into_iter().chain(step.branches()).map(|(_, id)| id)
}

/// A circle of steps never ends: a branch ends at an end step, and the loop is a while-condition's own.
fn circles(playbook: &Playbook, problems: &mut Vec<Problem>) {
    let mut done: BTreeSet<&str> = BTreeSet::new();
    // From the start first, so that the step which leads back is the one that is named.
    let roots = std::iter::once(&playbook.workflow_start).chain(playbook.workflow.keys());
    for root in roots {
        // Iterative: a chain of steps may be as long as the limit lets it.
        let mut path: Vec<(&str, Vec<&str>)> = Vec::new();
        let mut on_path: BTreeSet<&str> = BTreeSet::new();
        let open = |id: &'_ str| playbook.workflow.get_key_value(id).map(|(k, s)| (k.as_str(), edges(s).collect()));
        let Some(first) = open(root).filter(|(id, _): &(&str, Vec<&str>)| !done.contains(id)) else { continue };
        on_path.insert(first.0);
        path.push(first);
        while let Some((id, left)) = path.last_mut() {
            let id = *id;
            let Some(next) = left.pop() else {
                done.insert(id);
                on_path.remove(id);
                path.pop();
                continue;
            };
            if on_path.contains(next) {
                let (from, to) = (&playbook.workflow[id], &playbook.workflow[next]);
                let (from, to) = (step_extension(id, from).slug, step_extension(next, to).slug);
                problems.push(Problem::error(
                    "endless-loop",
                    &from,
                    format!("it goes back to `{to}`, so the run never ends"),
                    "use a while step with max_iterations",
                ));
            } else if !done.contains(next)
                && let Some(entry) = open(next)
            {
                on_path.insert(entry.0);
                path.push(entry);
            }
        }
    }
}

fn reachable(playbook: &Playbook, problems: &mut Vec<Problem>) {
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut left: Vec<&str> =
        std::iter::once(&playbook.workflow_start).chain(&playbook.workflow_exception).map(String::as_str).collect();
    while let Some(id) = left.pop() {
        if let Some(step) = playbook.workflow.get(id)
            && seen.insert(id)
        {
            left.extend(edges(step));
        }
    }
    for (id, step) in &playbook.workflow {
        let slug = step_extension(id, step).slug;
        if !seen.contains(id.as_str()) {
            let message = "nothing leads to it".to_owned();
            problems.push(Problem::error("unreachable-step", &slug, message, "lead to it, or take it out"));
        }
        if step.followers().is_empty() && !matches!(step.kind, StepKind::End) {
            let message = "nothing follows it and it is no end step".to_owned();
            problems.push(Problem::warning("no-follower", &slug, message, "name the step after it"));
        }
    }
    let starts = playbook.workflow.get(&playbook.workflow_start);
    if starts.is_some_and(|s| !matches!(s.kind, StepKind::Start)) {
        let message = "the first step is no start step".to_owned();
        problems.push(Problem::warning("no-start", &super::name_of(playbook), message, "begin with a start step"));
    }
}
