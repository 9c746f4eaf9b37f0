//! The OpenAPI 3.1 document, made from the operations.

use serde_json::{Map, Value, json};

use super::{OPERATIONS, Operation, schema};

const ABOUT: &str = "Everything that the console shows. Times are milliseconds since 1970-01-01T00:00:00Z. A caller sees \
    its tenant only; something of another tenant is answered as if it were not there.";
const SESSION: &str = "A log-in (behind TLS the name begins with __Host-). POST also needs the header X-CSRF-Token.";

/// The document, as served at `/api/v1/openapi.json`.
pub fn document() -> Value {
    let mut paths = Map::new();
    for op in OPERATIONS {
        let path = paths.entry(op.path).or_insert_with(|| json!({}));
        if let Value::Object(path) = path {
            path.insert(op.method.to_owned(), operation(op));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Casemate console",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/api/v1"}],
        "security": [{"token": []}, {"session": []}],
        "paths": paths,
        "components": {
            "schemas": schema::components(),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "An API token made at the terminal."},
                "session": {"type": "apiKey", "in": "cookie", "name": "casemate_session", "description": SESSION},
            },
        },
    })
}

fn answer(text: &str, schema: &Value) -> Value {
    json!({"description": text, "content": {"application/json": {"schema": schema}}})
}

fn operation(op: &Operation) -> Value {
    let mut responses = Map::new();
    responses.insert(op.status.to_string(), answer(op.summary, &(op.answer)()));
    let Some(role) = op.role else {
        return json!({"operationId": op.id, "summary": op.summary, "security": [], "responses": responses});
    };
    let in_path = op.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let mut parameters: Vec<Value> = in_path
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
        .collect();
    parameters.extend(op.query.iter().map(|(name, text)| {
        json!({"name": name, "in": "query", "required": false, "description": text, "schema": {"type": "string"}})
    }));
    let error = json!({"$ref": "#/components/schemas/Error"});
    let mut refused = |status: &str, text: &str| responses.insert(status.to_owned(), answer(text, &error));
    refused("401", "no log-in or token, or one that is no longer good");
    refused("403", "the role is not enough, or the form token is missing");
    refused("503", "the store takes or gives no data at the moment");
    if op.path.contains('{') {
        refused("404", "there is nothing of that id that the caller may see");
    }
    if op.body.is_some() {
        refused("400", "the body is not JSON");
        refused("409", "its state does not allow this");
        refused("413", "the body is too large");
        refused("415", "the body is not declared as JSON");
        refused("422", "the body does not say what is needed");
        refused("501", "this process has not the configuration that this needs");
    }
    let mut out = json!({
        "operationId": op.id,
        "summary": op.summary,
        "parameters": parameters,
        "responses": responses,
        "x-casemate-role": role.as_str(),
    });
    if let Some(body) = op.body {
        out["requestBody"] = json!({"required": true, "content": {"application/json": {"schema": body()}}});
    }
    out
}
