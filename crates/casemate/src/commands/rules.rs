//! `casemate rules list|test|explain`: what the detectors look for, and why.

use std::path::Path;

use casemate_detect::{Engine, Kinds, OperatingPoint, ScanOptions};
use casemate_report::printable;
use serde_json::json;

use crate::cli::{Global, RulesCommand};
use crate::exit::Exit;
use crate::failure::{Done, Failure};
use crate::output::{self, Format};
use crate::rule_file::engine_with;

pub(super) fn run(global: &Global, command: RulesCommand) -> Done {
    match command {
        RulesCommand::List => list(global),
        RulesCommand::Test { file } => test(global, file.as_deref()),
        RulesCommand::Explain { rule, text, rules } => explain(global, &rule, text.as_deref(), rules.as_deref()),
    }
}

fn list(global: &Global) -> Done {
    let rules = Engine::builtin().rules();
    if global.format == Format::Json {
        let rows: Vec<_> = rules
            .iter()
            .map(|r| json!({"id": r.id, "kind": r.kind.as_str(), "label": r.label, "name": r.spec.name}))
            .collect();
        output::json(&json!({ "rules": rows }));
    } else {
        output::table(
            &["rule", "kind", "label", "finds"],
            rules.iter().map(|r| vec![r.id.clone(), r.kind.as_str().into(), r.label.clone(), r.spec.name.clone()]),
        );
        output::line(format!("{} rules. `casemate rules explain RULE` says what one looks for.", rules.len()));
    }
    Ok(Exit::Ok)
}

fn test(global: &Global, file: Option<&Path>) -> Done {
    let own = file.map(engine_with).transpose()?;
    let engine = own.as_deref().unwrap_or_else(|| Engine::builtin());
    let failures: Vec<String> = engine.rules().iter().flat_map(|r| engine.test_rule(r)).collect();
    if global.format == Format::Json {
        output::json(&json!({"rules": engine.rules().len(), "failures": failures, "ok": failures.is_empty()}));
    } else {
        for failure in &failures {
            output::line(printable(failure));
        }
        output::line(format!("{} rules, {} failures", engine.rules().len(), failures.len()));
    }
    Ok(if failures.is_empty() { Exit::Ok } else { Exit::Blocked })
}

fn explain(global: &Global, id: &str, text: Option<&str>, file: Option<&Path>) -> Done {
    let own = file.map(engine_with).transpose()?;
    let engine = own.as_deref().unwrap_or_else(|| Engine::builtin());
    let Some(rule) = engine.rule(id) else {
        let near: Vec<_> = engine
            .rules()
            .iter()
            .filter(|r| r.id.contains(id) || r.label.eq_ignore_ascii_case(id))
            .map(|r| r.id.to_string())
            .collect();
        let remedy = if near.is_empty() {
            "`casemate rules list` names every rule".into()
        } else {
            format!("did you mean {}?", near.join(", "))
        };
        return Err(Failure::usage("cannot explain the rule", format!("no rule `{id}`")).remedy(remedy));
    };
    let options = ScanOptions::new(Kinds::ALL, OperatingPoint::Report);
    let found: Vec<_> = text.map(|t| engine.scan(t, &options)).unwrap_or_default();
    let mine: Vec<_> = found.iter().filter(|m| m.rule_id() == id).collect();
    if global.format == Format::Json {
        let matches: Vec<_> =
            mine.iter().map(|m| json!({"start": m.span.start, "end": m.span.end, "score": m.score})).collect();
        output::json(&json!({"rule": id, "explanation": rule.explain(), "matches": matches}));
        return Ok(Exit::Ok);
    }
    output::line(rule.explain());
    if let Some(text) = text {
        if mine.is_empty() {
            output::line("It finds nothing in that text.");
        }
        for m in mine {
            let piece = text.get(m.span.range()).unwrap_or_default();
            output::line(format!(
                "bytes {}..{} ({}), score {:.2}",
                m.span.start,
                m.span.end,
                casemate_detect::mask(piece),
                m.score
            ));
        }
    }
    Ok(Exit::Ok)
}
