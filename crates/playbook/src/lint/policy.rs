//! What a playbook may do: actions and their arguments, approvals, containment, phases.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::actions::{ACTIONS, ActionSpec, Arg, ArgKind, action};
use crate::cacao::{Playbook, StepKind};
use crate::extension::{OnExpiry, Phase, StepExtension, Trigger};
use crate::problem::Problem;
use crate::program::{playbook_extension, step_extension};

pub(super) fn check(playbook: &Playbook, problems: &mut Vec<Problem>) {
    let extension = playbook_extension(playbook);
    let trigger = extension.as_ref().and_then(|e| e.trigger.as_ref());
    let mut phases = BTreeSet::new();
    for (id, step) in &playbook.workflow {
        let e = step_extension(id, step);
        phases.extend(e.phase);
        let StepKind::Action { commands, .. } = &step.kind else { continue };
        for command in commands {
            let Ok((name, args)) = crate::foreign::as_action(playbook, step, command) else { continue };
            let Some(spec) = action(&name) else {
                problems.push(unknown_action(&e.slug, &name));
                continue;
            };
            arguments(&e.slug, spec, &args, problems);
            if let Some(undo) = &command.undo {
                match action(&undo.action) {
                    Some(spec) => arguments(&e.slug, spec, &undo.args, problems),
                    None => problems.push(unknown_action(&e.slug, &undo.action)),
                }
            }
            let taken_back = spec.reversible || command.undo.is_some();
            effects(&e, spec, taken_back, trigger, problems);
            let ends = args.get("duration_ms").is_some() || e.lasts_ms.is_some();
            if matches!(spec.name, "gateway.block" | "gateway.limit") && !ends {
                let message = format!("`{name}` has no end");
                let remedy = "say how long it lasts, as `lasts: 1h`";
                problems.push(Problem::warning("containment-without-end", &e.slug, message, remedy));
            }
        }
        approval(&e, problems);
    }
    let Some(extension) = &extension else { return };
    if extension.trigger.as_ref().is_some_and(|t| *t == Trigger::default()) {
        let message = "every alert starts it".to_owned();
        problems.push(Problem::warning("trigger-matches-all", "trigger", message, "name rules, sources or entities"));
    }
    if extension.trigger.is_some() {
        for phase in Phase::ALL.into_iter().filter(|p| !phases.contains(p)) {
            let message = format!("no step is of phase `{}`", phase.as_str());
            problems.push(Problem::warning("phase-missing", "steps", message, "mark each step with its phase"));
        }
    }
}

fn unknown_action(place: &str, name: &str) -> Problem {
    let known: Vec<&str> = ACTIONS.iter().map(|a| a.name).collect();
    let message = format!("there is no action `{}`", name.chars().take(80).collect::<String>());
    Problem::error("unknown-action", place, message, &format!("use one of {}", known.join(", ")))
}

fn effects(
    e: &StepExtension,
    spec: &ActionSpec,
    taken_back: bool,
    trigger: Option<&Trigger>,
    problems: &mut Vec<Problem>,
) {
    if !spec.effect || taken_back {
        return;
    }
    let tier_one = trigger.is_none_or(|t| t.tiers.is_empty() || t.tiers.contains(&1));
    let always_asked = e.approval.as_ref().is_some_and(|a| a.when.is_none());
    if tier_one && !always_asked {
        let message = format!("`{}` cannot be taken back, and nobody is asked on tier 1", spec.name);
        let remedy = "add an approval without `when`, an `undo`, or trigger on other tiers only";
        problems.push(Problem::error("irreversible-without-approval", &e.slug, message, remedy));
    }
    if e.approval.as_ref().is_some_and(|a| a.on_expiry == OnExpiry::Proceed) {
        let message = format!("`{}` cannot be taken back, and runs if nobody answers", spec.name);
        problems.push(Problem::error("expiry-proceeds", &e.slug, message, "use on_expiry deny or fail"));
    }
}

fn approval(e: &StepExtension, problems: &mut Vec<Problem>) {
    let Some(approval) = &e.approval else { return };
    let mut report = |message: &str, remedy: &str| {
        problems.push(Problem::error("approval-impossible", &e.slug, message.to_owned(), remedy));
    };
    if approval.need == 0 {
        report("nobody has to agree", "need at least 1");
    }
    if approval.roles.is_empty() {
        report("no role may agree", "name a role, as analyst or approver");
    }
    if approval.expires_ms == 0 {
        report("it expires at once", "say how long the question stands");
    }
}

fn arguments(place: &str, spec: &ActionSpec, args: &Value, problems: &mut Vec<Problem>) {
    let mut report = |code: &str, message: String, remedy: &str| {
        problems.push(Problem::error(code, place, message, remedy));
    };
    let empty = serde_json::Map::new();
    let given = match args {
        Value::Object(members) => members,
        Value::Null => &empty,
        _ => {
            report("argument-type", format!("the arguments of `{}` are no object", spec.name), "write them by name");
            return;
        }
    };
    for name in given.keys().filter(|n| !spec.args.iter().any(|a| a.name == n.as_str())) {
        let known: Vec<&str> = spec.args.iter().map(|a| a.name).collect();
        let message = format!("`{}` takes no `{name}`", spec.name);
        report("unknown-argument", message, &format!("it takes {}", known.join(", ")));
    }
    for arg in spec.args {
        match given.get(arg.name) {
            None if arg.required => {
                let message = format!("`{}` needs `{}`: {}", spec.name, arg.name, arg.doc);
                report("missing-argument", message, "give it");
            }
            Some(value) if arg.fixed && value.to_string().contains("${") => {
                let message = format!("`{}` of `{}` decides where the request goes", arg.name, spec.name);
                report("spliced-url", message, "write it out; values belong into path, query or body");
            }
            Some(value) if !fits(arg, value) => {
                let message = format!("`{}` of `{}` is not {}", arg.name, spec.name, arg.kind.as_str());
                report("argument-type", message, arg.doc);
            }
            _ => {}
        }
    }
}

/// True if a value may be what the argument holds; a `${…}` may be anything.
fn fits(arg: &Arg, value: &Value) -> bool {
    let whole_template = |v: &Value| v.as_str().is_some_and(|s| s.starts_with("${") && s.ends_with('}'));
    let entity = |v: &Value| {
        whole_template(v)
            || v.as_object().is_some_and(|o| {
                o.len() == 2
                    && o.get("value").is_some_and(Value::is_string)
                    && o.get("kind").is_some_and(Value::is_string)
            })
    };
    whole_template(value)
        || match arg.kind {
            ArgKind::Any => true,
            ArgKind::Text => value.is_string(),
            ArgKind::Integer => value.is_i64() || value.is_u64(),
            ArgKind::Bool => value.is_boolean(),
            ArgKind::Entity => entity(value),
            ArgKind::Entities => value.as_array().is_some_and(|items| items.iter().all(entity)),
            ArgKind::Texts => value.as_array().is_some_and(|items| items.iter().all(Value::is_string)),
        }
}
