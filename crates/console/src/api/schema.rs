//! JSON Schemas (2020-12) of what the API takes and gives.

use serde_json::{Value, json};

use crate::limits::{CONTAINMENT_MINUTES_MAX, NAME_CHARS_MAX, TEXT_CHARS_MAX};

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn array(name: &str) -> Value {
    json!({"type": "array", "items": reference(name)})
}

/// An object whose members are all required; a member that may be missing a value allows null.
fn object(members: Value) -> Value {
    let required: Vec<&String> = members.as_object().into_iter().flatten().map(|(k, _)| k).collect();
    json!({"type": "object", "required": required, "properties": members})
}

/// A string.
pub fn text() -> Value {
    json!({"type": "string"})
}

fn maybe(kind: &str) -> Value {
    json!({"type": [kind, "null"]})
}

fn int() -> Value {
    json!({"type": "integer"})
}

fn time() -> Value {
    json!({"type": "integer", "description": "milliseconds since 1970-01-01T00:00:00Z"})
}

fn one_of(words: &[&str]) -> Value {
    json!({"type": "string", "enum": words})
}

/// Strings.
pub fn texts() -> Value {
    json!({"type": "array", "items": text()})
}

const ROLES: [&str; 5] = ["viewer", "analyst", "approver", "engineer", "admin"];
const SEVERITIES: [&str; 5] = ["info", "low", "medium", "high", "critical"];
const CASE_STATES: [&str; 5] = ["open", "working", "waiting", "handed_off", "closed"];
const RUN_STATES: [&str; 5] = ["running", "waiting", "completed", "failed", "cancelled"];
const PHASES: [&str; 5] = ["trigger", "enrichment", "decision", "action", "handoff"];
const WALKS: [&str; 7] = ["pending", "running", "waiting", "done", "failed", "denied", "skipped"];

/// The named schemas.
pub fn components() -> Value {
    let entity = object(json!({"kind": text(), "value": text()}));
    let vote = object(json!({
        "by": text(), "role": one_of(&ROLES), "decision": one_of(&["approve", "deny"]), "reason": text(), "at": time(),
    }));
    let call = object(json!({"key": text(), "spent_at": maybe("integer")}));
    let minute = object(json!({
        "at": time(), "requests": int(), "blocked": int(), "redacted": int(), "limited": int(),
    }));
    let command = object(json!({
        "action": text(), "args": text(), "status": text(), "attempts": int(), "result": text(),
    }));
    let upstream = object(json!({
        "gateway": text(), "kind": one_of(&["upstream", "endpoint"]), "name": text(), "breaker": text(),
        "until": maybe("integer"),
    }));
    json!({
        "Error": object(json!({"error": object(json!({"code": text(), "message": text(), "remedy": text()}))})),
        "Case": object(json!({
            "id": text(), "tenant": text(), "title": text(), "severity": one_of(&SEVERITIES),
            "state": one_of(&CASE_STATES), "risk": {"type": "number", "minimum": 0, "maximum": 1},
            "assignee": maybe("string"), "entities": {"type": "array", "items": entity}, "atlas": texts(),
            "decision": {}, "alerts": int(), "opened_at": time(), "updated_at": time(), "due_at": maybe("integer"),
            "closed_at": maybe("integer"), "verdict": {"enum": ["true_positive", "false_positive", "benign", null]},
        })),
        "Alert": object(json!({
            "id": text(), "tenant": text(), "source": text(), "content_hash": text(), "received_at": time(), "raw": {},
            "state": one_of(&["received", "triaged", "dead"]), "count": int(), "last_seen_at": time(), "title": text(),
            "rule": text(), "severity": one_of(&SEVERITIES), "entities": {"type": "array", "items": entity},
            "atlas": texts(), "ocsf": {}, "incident": maybe("string"), "case": maybe("string"),
        })),
        "TimelineEntry": object(json!({
            "seq": int(), "at": time(), "actor": text(), "kind": text(), "text": text(), "data": {},
        })),
        "Run": object(json!({
            "id": text(), "tenant": text(), "case": text(), "playbook_name": text(), "playbook_digest": text(),
            "state": one_of(&RUN_STATES), "started_at": time(), "updated_at": time(),
        })),
        "Step": object(json!({
            "id": text(), "name": text(), "kind": text(), "phase": one_of(&PHASES), "walk": one_of(&WALKS),
            "times": int(), "attempts": int(), "started_at": maybe("integer"), "ended_at": maybe("integer"),
            "summary": text(), "commands": {"type": "array", "items": command},
        })),
        "Approval": object(json!({
            "id": text(), "tenant": text(), "case": maybe("string"), "run": maybe("string"), "step": text(), "question": text(),
            "command": {}, "command_digest": text(), "needed": int(),
            "roles": {"type": "array", "items": one_of(&ROLES)}, "requested_by": text(),
            "votes": {"type": "array", "items": vote},
            "state": one_of(&["pending", "approved", "denied", "expired", "spent"]), "created_at": time(), "expires_at": time(),
            "call": {
                "anyOf": [call, {"type": "null"}],
                "description": "of a tool call that a gateway stopped; null for a step of a run",
            },
        })),
        "Evidence": object(json!({
            "id": text(), "seq": int(), "tenant": text(), "case": text(), "name": text(), "sha256": text(),
            "bytes": int(), "origin": text(), "collected_by": text(), "collected_at": time(), "head": text(),
        })),
        "Key": object(json!({
            "id": text(), "tenant": text(), "tier": text(), "name": text(), "models": texts(), "routes": texts(),
            "requests_per_min": maybe("integer"), "tokens_per_min": maybe("integer"), "decoy": {"type": "boolean"},
            "created_at": time(), "expires_at": maybe("integer"), "revoked_at": maybe("integer"),
            "live": {"type": "boolean"},
        })),
        "Containment": {
            "type": "object",
            "required": ["id", "tenant", "target", "effect", "reason", "created_by", "created_at", "expires_at"],
            "properties": {
                "id": text(), "tenant": text(), "target": object(json!({"kind": text(), "value": text()})),
                "scope": maybe("string"), "effect": one_of(&["block", "limit"]), "requests_per_min": int(),
                "reason": text(), "created_by": text(), "case": maybe("string"), "created_at": time(),
                "expires_at": time(), "lifted_at": maybe("integer"),
            },
        },
        "Event": object(json!({
            "seq": int(), "source": text(), "kind": text(), "tenant": text(), "at": time(), "payload": {},
        })),
        "AuditEntry": object(json!({
            "seq": int(), "at": time(), "tenant": text(), "actor": text(), "action": text(), "subject": text(),
            "data": {}, "hash": text(),
        })),
        "Playbook": object(json!({"name": text(), "yaml": text(), "cacao": {}, "digest": text()})),
        "Component": object(json!({
            "component": text(), "instance": text(), "at": time(), "up": {"type": "boolean"},
        })),
        "Traffic": object(json!({
            "minutes": {"type": "array", "items": minute.clone()}, "total": minute, "errors": int(), "gateways": int(),
            "upstreams": {"type": "array", "items": upstream},
        })),
    })
}

/// Anything.
pub fn any() -> Value {
    json!({})
}

/// `{"ok": true}`.
pub fn done() -> Value {
    object(json!({"ok": {"const": true}}))
}

/// Answer of `getStatus`.
pub fn status() -> Value {
    object(json!({
        "at": time(),
        "components": array("Component"),
        "traffic": {"anyOf": [reference("Traffic"), {"type": "null"}], "description": "null for a caller of one tenant"},
        "cases": {"type": "object", "additionalProperties": int(), "description": "number of cases by state"},
        "pending_approvals": int(),
    }))
}

/// Answer of `listCases`.
pub fn cases() -> Value {
    object(json!({"cases": array("Case"), "total": int(), "page": int(), "pages": int()}))
}

/// Answer of `getCase`.
pub fn case_full() -> Value {
    object(json!({
        "case": reference("Case"), "runs": array("Run"), "approvals": array("Approval"), "evidence": array("Evidence"),
    }))
}

/// Answer of `listAlerts`.
pub fn alerts() -> Value {
    object(json!({"alerts": array("Alert")}))
}

/// Answer of `getTimeline`.
pub fn timeline() -> Value {
    object(json!({"timeline": array("TimelineEntry")}))
}

/// Answer of `listRuns`.
pub fn runs() -> Value {
    object(json!({"runs": array("Run")}))
}

/// Answer of `getRun`.
pub fn run_full() -> Value {
    let edge = object(json!({"from": int(), "to": int(), "label": text(), "upset": {"type": "boolean"}}));
    let line = object(json!({"seq": int(), "at": time(), "event": text(), "place": text(), "text": text()}));
    object(json!({
        "run": reference("Run"), "steps": array("Step"), "edges": {"type": "array", "items": edge},
        "log": {"type": "array", "items": line}, "reason": text(), "complete": {"type": "boolean"},
    }))
}

/// Answer of `listApprovals`.
pub fn approvals() -> Value {
    object(json!({"approvals": array("Approval")}))
}

/// One approval.
pub fn approval() -> Value {
    reference("Approval")
}

/// Answer of `listKeys`.
pub fn keys() -> Value {
    object(json!({"keys": array("Key")}))
}

/// Answer of `createKey`.
pub fn fresh_key() -> Value {
    object(json!({"key": reference("Key"), "secret": {"type": "string", "description": "the key itself, this once"}}))
}

/// Answer of `listContainments`.
pub fn containments() -> Value {
    object(json!({"containments": array("Containment")}))
}

/// One containment.
pub fn containment() -> Value {
    reference("Containment")
}

/// Answer of `listEvents`.
pub fn events() -> Value {
    object(json!({"events": array("Event")}))
}

/// Answer of `listPlaybooks`.
pub fn playbooks() -> Value {
    object(json!({"playbooks": array("Playbook")}))
}

/// Answer of `listAudit`.
pub fn audit() -> Value {
    object(json!({"audit": array("AuditEntry")}))
}

fn body(required: &[&str], members: Value) -> Value {
    json!({"type": "object", "required": required, "additionalProperties": false, "properties": members})
}

fn words(chars_max: usize) -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": chars_max})
}

/// Body of `addNote`.
pub fn note() -> Value {
    body(&["text"], json!({"text": words(TEXT_CHARS_MAX)}))
}

/// Body of `decideApproval`.
pub fn decision() -> Value {
    body(
        &["decision", "digest"],
        json!({
            "decision": one_of(&["approve", "deny"]),
            "digest": {"type": "string", "description": "`command_digest` of the command that was seen"},
            "reason": {"type": "string", "maxLength": TEXT_CHARS_MAX, "description": "needed for a tool call"},
        }),
    )
}

/// Body of `createKey`.
pub fn new_key() -> Value {
    body(
        &["name", "tier"],
        json!({
            "name": words(NAME_CHARS_MAX), "tier": text(), "tenant": text(),
            "days": {"type": "integer", "minimum": 1, "maximum": 3650},
        }),
    )
}

/// Body of `createContainment`.
pub fn new_containment() -> Value {
    body(
        &["kind", "value", "effect", "minutes", "reason"],
        json!({
            "kind": one_of(&["range", "key", "tenant", "model"]), "value": text(), "effect": one_of(&["block", "limit"]),
            "requests_per_min": {"type": "integer", "minimum": 1},
            "minutes": {"type": "integer", "minimum": 1, "maximum": CONTAINMENT_MINUTES_MAX},
            "reason": words(TEXT_CHARS_MAX),
        }),
    )
}

/// Body of `analyze`.
pub fn analyze() -> Value {
    let recognizer = json!({
        "type": "object", "required": ["supported_entity"],
        "properties": {
            "name": text(), "supported_language": text(), "supported_entity": text(), "deny_list": texts(),
            "deny_list_score": {"type": "number"}, "context": texts(), "patterns": {"type": "array", "items": object(json!({
                "name": text(), "regex": text(), "score": {"type": "number", "minimum": 0, "maximum": 1},
            }))},
        },
    });
    json!({
        "type": "object", "required": ["text", "language"],
        "properties": {
            "text": {"anyOf": [text(), texts()]}, "language": text(), "entities": texts(), "correlation_id": text(),
            "score_threshold": {"type": "number", "minimum": 0, "maximum": 1}, "return_decision_process": {"type": "boolean"},
            "ad_hoc_recognizers": {"type": "array", "items": recognizer}, "context": texts(), "allow_list": texts(),
            "allow_list_match": one_of(&["exact", "regex"]), "regex_flags": int(),
        },
    })
}

/// Answer of `analyze`: results, or for several texts results for each.
pub fn analyzed() -> Value {
    let result = object(json!({
        "start": int(), "end": int(), "entity_type": text(), "score": {"type": "number"},
        "analysis_explanation": {"type": ["object", "null"]},
    }));
    let results = json!({"type": "array", "items": result});
    json!({"anyOf": [results, {"type": "array", "items": results}]})
}

/// Body of `anonymize`.
pub fn anonymize() -> Value {
    let operator = json!({
        "type": "object", "required": ["type"],
        "properties": {
            "type": one_of(&["replace", "redact", "mask", "hash", "encrypt", "keep"]), "new_value": text(),
            "masking_char": text(), "chars_to_mask": int(), "from_end": {"type": "boolean"},
            "hash_type": one_of(&["sha256", "sha512"]), "salt": text(), "key": text(),
        },
    });
    json!({
        "type": "object", "required": ["analyzer_results"],
        "properties": {
            "text": text(), "anonymizers": {"type": "object", "additionalProperties": operator},
            "analyzer_results": {"type": "array", "items": object(json!({
                "start": int(), "end": int(), "entity_type": text(), "score": {"type": "number"},
            }))},
        },
    })
}

/// Answer of `anonymize`.
pub fn anonymized() -> Value {
    object(json!({"text": text(), "items": {"type": "array", "items": object(json!({
        "start": int(), "end": int(), "entity_type": text(), "text": text(), "operator": text(),
        "score": {"type": "number"},
    }))}}))
}
