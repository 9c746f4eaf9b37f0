//! The semantic validator: what the JSON schemas of CACAO let through and a run would trip over.

mod graph;
mod meaning;
mod policy;

use crate::cacao::Playbook;
use crate::ids::slugify;
use crate::limits::Limits;
use crate::problem::Problem;
use crate::program::{Program, playbook_extension};
use crate::source::{SourceError, compile, line_of_step, parse_json, parse_yaml};

/// Everything that is wrong with a playbook that calls no other.
pub fn lint(playbook: &Playbook) -> Vec<Problem> {
    lint_with(playbook, &[], &Limits::DEFAULT)
}

/// Everything that is wrong with a playbook; `library` holds those that it may call. Errors first, then by place.
pub fn lint_with(playbook: &Playbook, library: &[Playbook], limits: &Limits) -> Vec<Problem> {
    let mut problems = Vec::new();
    graph::check(playbook, limits, &mut problems);
    meaning::check(playbook, library, limits, &mut problems);
    policy::check(playbook, &mut problems);
    if let Err(found) = Program::compile(playbook, library, limits) {
        problems.extend(found);
    }
    problems.sort_by(|a, b| (b.level, &a.place, &a.code, &a.message).cmp(&(a.level, &b.place, &b.code, &b.message)));
    problems.dedup();
    problems
}

/// Reads a playbook, YAML or (if it begins with a brace) CACAO JSON.
///
/// # Errors
/// Why it is none.
pub fn load(text: &str, limits: &Limits) -> Result<Playbook, Vec<Problem>> {
    let unreadable = |e: SourceError| {
        let line = match &e {
            SourceError::Malformed { line, .. } if *line > 0 => Some(*line),
            _ => None,
        };
        let problem = Problem::error("unreadable", "playbook", e.to_string(), "see docs/playbooks.md for the form");
        vec![Problem { line, ..problem }]
    };
    if text.trim_start().starts_with('{') {
        return parse_json(text, limits).map_err(unreadable);
    }
    let source = parse_yaml(text, limits).map_err(unreadable)?;
    compile(&source).map_err(|problems| with_lines(problems, text))
}

/// Reads and validates a text, YAML or CACAO JSON, and adds line numbers where the text is YAML.
pub fn lint_text(text: &str, library: &[Playbook], limits: &Limits) -> Vec<Problem> {
    match load(text, limits) {
        Ok(playbook) => with_lines(lint_with(&playbook, library, limits), text),
        Err(problems) => problems,
    }
}

fn with_lines(mut problems: Vec<Problem>, text: &str) -> Vec<Problem> {
    for problem in &mut problems {
        problem.line = problem.line.or_else(|| line_of_step(text, &problem.place));
    }
    problems
}

/// Name of a playbook for messages.
pub(crate) fn name_of(playbook: &Playbook) -> String {
    playbook_extension(playbook).map_or_else(|| slugify(&playbook.name), |e| e.slug)
}
