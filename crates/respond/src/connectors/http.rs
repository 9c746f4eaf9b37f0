//! Requests to the outside, through configured connections only.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Map, Value, json};
use url::Url;

use super::{Call, Connector, Failure, Surroundings};
use crate::config::Connection;

/// Sends a JSON request.
pub(super) struct Request;
/// Sends an OpenC2 command (HTTPS transfer, version 1.1).
pub(super) struct OpenC2;

const OPENC2_TYPE: &str = "application/openc2+json;version=1.0";

#[async_trait]
impl Connector for Request {
    fn action(&self) -> &'static str {
        "http.request"
    }

    async fn perform(&self, around: &Surroundings, call: &Call<'_>) -> Result<Value, Failure> {
        let connection = connection(around, call)?;
        let method: Option<String> = call.optional("method")?;
        let method = match method.as_deref().unwrap_or("POST") {
            "GET" => Method::GET,
            "POST" => Method::POST,
            "PUT" => Method::PUT,
            "PATCH" => Method::PATCH,
            "DELETE" => Method::DELETE,
            other => return Err(Failure::Refused(format!("method `{other}` is not GET, POST, PUT, PATCH or DELETE"))),
        };
        let mut url = connection.url.clone();
        let path: Option<Vec<String>> = call.optional("path")?;
        add_path(&mut url, &path.unwrap_or_default())?;
        let query: Option<Map<String, Value>> = call.optional("query")?;
        for (name, value) in query.unwrap_or_default() {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            url.query_pairs_mut().append_pair(&name, &text);
        }
        let mut request = prepare(around, connection, method, url, call.key)?;
        if let Some(body) = call.args.get("body") {
            request = request.json(body);
        }
        send(around, request).await
    }

    async fn verify(&self, around: &Surroundings, call: &Call<'_>) -> Result<Option<Value>, Failure> {
        ask(around, call).await
    }
}

#[async_trait]
impl Connector for OpenC2 {
    fn action(&self) -> &'static str {
        "openc2.command"
    }

    async fn perform(&self, around: &Surroundings, call: &Call<'_>) -> Result<Value, Failure> {
        let connection = connection(around, call)?;
        let command: Value = call.required("command")?;
        let request = prepare(around, connection, Method::POST, connection.url.clone(), call.key)?
            .header("content-type", OPENC2_TYPE)
            .header("accept", OPENC2_TYPE)
            .header("x-request-id", call.key)
            .body(command.to_string());
        let answer = send(around, request).await?;
        let body = &answer["body"];
        let status = body.get("status").cloned().unwrap_or_else(|| answer["status"].clone());
        Ok(json!({"status": status, "results": body.get("results").cloned().unwrap_or(Value::Null)}))
    }

    async fn verify(&self, around: &Surroundings, call: &Call<'_>) -> Result<Option<Value>, Failure> {
        ask(around, call).await
    }
}

fn connection<'a>(around: &'a Surroundings, call: &Call<'_>) -> Result<&'a Connection, Failure> {
    let name: String = call.required("connection")?;
    let found = around.connections.iter().find(|c| c.name == name);
    found.ok_or_else(|| Failure::Refused(format!("there is no connection `{name}` in respond.connections")))
}

/// Adds segments to the path; each is data, so that none of them climbs.
fn add_path(url: &mut Url, segments: &[String]) -> Result<(), Failure> {
    if segments.iter().any(|s| matches!(s.as_str(), "." | ".." | "")) {
        return Err(Failure::Refused("a path segment is empty or dots".into()));
    }
    let mut path =
        url.path_segments_mut().map_err(|()| Failure::Refused("the connection's url takes no path".into()))?;
    path.pop_if_empty().extend(segments);
    Ok(())
}

fn prepare(
    around: &Surroundings,
    connection: &Connection,
    method: Method,
    url: Url,
    key: &str,
) -> Result<RequestBuilder, Failure> {
    around.egress.check(&url).map_err(|e| Failure::Refused(e.to_string()))?;
    let mut request = around.egress.client().request(method, url).header("idempotency-key", key);
    for header in &connection.headers {
        request = request.header(&header.name, header.value.expose());
    }
    Ok(request)
}

async fn send(around: &Surroundings, request: RequestBuilder) -> Result<Value, Failure> {
    let response = request.send().await.map_err(|e| {
        // Without a connection nothing was sent; with one, it may have arrived.
        let text = describe(&e);
        if e.is_connect() || e.is_builder() { Failure::Retry(text) } else { Failure::Unknown(text) }
    })?;
    let status = response.status();
    let body = read(response, around.egress.response_bytes_max()).await;
    match status {
        s if s.is_success() => Ok(json!({"status": s.as_u16(), "body": body.unwrap_or(Value::Null)})),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            Err(Failure::Retry(format!("the target answered {status}")))
        }
        // A server that failed may have done it before it failed.
        s if s.is_server_error() => Err(Failure::Unknown(format!("the target answered {status}"))),
        _ => Err(Failure::Refused(format!("the target answered {status}"))),
    }
}

/// Asks the target whether the command with this key was carried out.
async fn ask(around: &Surroundings, call: &Call<'_>) -> Result<Option<Value>, Failure> {
    let connection = connection(around, call)?;
    let Some(template) = &connection.verify else {
        let why = format!("connection `{}` has no `verify` path", connection.name);
        return Err(Failure::Unknown(why));
    };
    tokio::time::sleep(Duration::from_millis(connection.verify_after_ms)).await;
    let mut url = connection.url.clone();
    let segments: Vec<String> =
        template.split('/').filter(|s| !s.is_empty()).map(|s| s.replace("{key}", call.key)).collect();
    add_path(&mut url, &segments)?;
    let request = prepare(around, connection, Method::GET, url, call.key)?;
    let response = request.send().await.map_err(|e| Failure::Unknown(describe(&e)))?;
    match response.status() {
        StatusCode::NOT_FOUND => Ok(None),
        s if s.is_success() => {
            let body = read(response, around.egress.response_bytes_max()).await;
            Ok(Some(json!({"status": s.as_u16(), "body": body.unwrap_or(Value::Null)})))
        }
        s => Err(Failure::Unknown(format!("asked whether it happened, the target answered {s}"))),
    }
}

/// The body as JSON, else as text; none if it is too large or breaks off: what was done is done.
async fn read(response: reqwest::Response, max: usize) -> Option<Value> {
    let mut bytes = Vec::new();
    let mut stream = response.bytes_stream();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.ok()?;
        if bytes.len() + chunk.len() > max {
            return None;
        }
        bytes.extend_from_slice(&chunk);
    }
    Some(serde_json::from_slice(&bytes).unwrap_or_else(|_| String::from_utf8_lossy(&bytes).into_owned().into()))
}

/// The error with its causes and without the address, whose query may hold data.
fn describe(error: &reqwest::Error) -> String {
    let mut text = if error.is_timeout() { "timed out".to_owned() } else { "the request failed".to_owned() };
    let mut cause = std::error::Error::source(error);
    while let Some(e) = cause {
        text = format!("{text}: {e}");
        cause = e.source();
    }
    text
}
