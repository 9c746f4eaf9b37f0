//! Commands of the CACAO standard as actions of ours.

use base64::Engine as _;
use serde_json::{Value, json};

use crate::cacao::{Command, Playbook, Step, StepKind};
use crate::problem::Problem;
use crate::run::MANUAL;

/// Type of the commands that name an action of ours.
pub(crate) const ACTION_TYPE: &str = "x-casemate-action";

/// The action and arguments that carry out `command`.
///
/// # Errors
/// A problem without a place, for a type that is not carried out or a command that is incomplete. Shells are never
/// started: alert text in one would be code.
pub(crate) fn as_action(playbook: &Playbook, step: &Step, command: &Command) -> Result<(String, Value), Problem> {
    let text = command.command.as_deref().unwrap_or_default();
    match command.r#type.as_str() {
        ACTION_TYPE => {
            if text.is_empty() {
                return Err(incomplete("`command` must name an action"));
            }
            Ok((text.to_owned(), command.args.clone().unwrap_or_else(|| json!({}))))
        }
        "manual" => Ok((MANUAL.to_owned(), json!({"instruction": variables_as_templates(text)}))),
        "http-api" => {
            let (method, path) = request_line(text)?;
            Ok((
                "http.request".to_owned(),
                json!({
                    "connection": connection(playbook, step)?,
                    "method": method,
                    "path": path,
                    "body": body(command)?,
                }),
            ))
        }
        "openc2-http" | "openc2" => Ok((
            "openc2.command".to_owned(),
            json!({"connection": connection(playbook, step)?, "command": body(command)?}),
        )),
        other => Err(Problem::error(
            "command-unsupported",
            "",
            format!("commands of type `{}` are not carried out", other.chars().take(40).collect::<String>()),
            "use an action, http-api, openc2-http or manual",
        )),
    }
}

fn incomplete(message: &str) -> Problem {
    Problem::error("command-incomplete", "", message.to_owned(), "complete the command")
}

/// Name of the step's target, under which the connection is configured: the playbook names no address by itself.
fn connection(playbook: &Playbook, step: &Step) -> Result<String, Problem> {
    let StepKind::Action { targets, agent, .. } = &step.kind else { return Err(incomplete("no target")) };
    let of = |id: &String| {
        playbook.target_definitions.get(id).or_else(|| playbook.agent_definitions.get(id)).map(|t| t.name.clone())
    };
    targets.iter().find_map(of).or_else(|| agent.as_ref().and_then(of)).ok_or_else(|| incomplete("no target"))
}

/// `GET /a/b HTTP/1.1` as method and path segments. A variable may fill a whole segment, never part of the rest.
fn request_line(text: &str) -> Result<(String, Vec<String>), Problem> {
    let mut words = text.split_whitespace();
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        return Err(incomplete("`command` must hold a method and a path"));
    };
    let known = ["GET", "POST", "PUT", "PATCH", "DELETE"];
    if !known.contains(&method) {
        return Err(incomplete("the method must be GET, POST, PUT, PATCH or DELETE"));
    }
    let path = target.split_once("://").map_or(target, |(_, rest)| rest.split_once('/').map_or("", |(_, path)| path));
    let segments: Vec<String> = path.split('/').filter(|s| !s.is_empty()).map(variables_as_templates).collect();
    let spliced = target.contains('?') && target.contains("__")
        || segments.iter().any(|s| s.contains("${") && !(s.starts_with("${") && s.ends_with('}')))
        || target.split_once("://").is_some_and(|(_, rest)| rest.split('/').next().unwrap_or("").contains("__"));
    if spliced {
        return Err(Problem::error(
            "spliced-url",
            "",
            "a variable is put into a URL".to_owned(),
            "let it be a whole path segment, or send it in the body",
        ));
    }
    Ok((method.to_owned(), segments))
}

fn body(command: &Command) -> Result<Value, Problem> {
    let text = match (&command.content, &command.content_b64) {
        (Some(text), _) => text.clone(),
        (None, Some(b64)) => {
            let bytes = base64::engine::general_purpose::STANDARD
                .decode(b64.trim())
                .map_err(|_| incomplete("`content_b64` is not base64"))?;
            String::from_utf8(bytes).map_err(|_| incomplete("`content_b64` is not UTF-8"))?
        }
        (None, None) => return Ok(Value::Null),
    };
    let value: Value = serde_json::from_str(&text).map_err(|_| incomplete("the content is not JSON"))?;
    Ok(templates_inside(value))
}

fn templates_inside(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(variables_as_templates(&text)),
        Value::Array(items) => Value::Array(items.into_iter().map(templates_inside).collect()),
        Value::Object(members) => Value::Object(members.into_iter().map(|(k, v)| (k, templates_inside(v))).collect()),
        other => other,
    }
}

/// `__name__:value` and `__name__` as `${vars["name"]}`; a `${` that was there before stays itself.
fn variables_as_templates(text: &str) -> String {
    let text = text.replace("${", "$${");
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find("__") {
        let name_at = &rest[at + 2..];
        let end = name_at.find("__").filter(|end| {
            let name = &name_at[..*end];
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        });
        out.push_str(&rest[..at]);
        if let Some(end) = end {
            out.push_str(&format!("${{vars[\"{}\"]}}", &name_at[..end]));
            rest = &name_at[end + 2..];
            rest = rest.strip_prefix(":value").unwrap_or(rest);
        } else {
            out.push_str("__");
            rest = name_at;
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::{request_line, variables_as_templates};

    #[test]
    fn variables_become_templates() {
        assert_eq!(
            variables_as_templates("Look up __data_exfil_site__:value in __x-y__ __ and ${z}"),
            "Look up ${vars[\"data_exfil_site\"]} in ${vars[\"x-y\"]} __ and $${z}"
        );
    }

    #[test]
    fn a_variable_fills_a_whole_segment_or_nothing() {
        let (method, path) = request_line("GET /by/__cve__:value HTTP/1.1").expect("reads");
        assert_eq!((method.as_str(), path.len(), path[1].as_str()), ("GET", 2, "${vars[\"cve\"]}"));
        for bad in ["GET http://__host__/x", "GET /a?b=__c__", "GET /a/b-__c__", "BREW /pot", "GET"] {
            assert!(request_line(bad).is_err(), "{bad}");
        }
    }
}
