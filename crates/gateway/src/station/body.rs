//! The body of a request: whole, bounded, decompressed.

use std::io::Read;

use bytes::{Bytes, BytesMut};
use casemate_wire::ErrorKind;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::refusal::Refusal;
use crate::config::Settings;

fn too_large(limit: usize) -> Refusal {
    Refusal::of(ErrorKind::TooLarge, format!("the body is larger than {limit} bytes")).closing()
}

/// How the body is packed.
enum Packing {
    None,
    Gzip,
}

fn packing(headers: &HeaderMap) -> Result<Packing, Refusal> {
    let mut packing = Packing::None;
    let lines = headers.get_all(CONTENT_ENCODING).iter().map(|v| v.to_str().unwrap_or("?"));
    for coding in lines.flat_map(|l| l.split(',')).map(str::trim).filter(|c| !c.is_empty()) {
        packing = match (coding.to_ascii_lowercase().as_str(), packing) {
            ("identity", packing) => packing,
            ("gzip" | "x-gzip", Packing::None) => Packing::Gzip,
            _ => {
                return Err(Refusal::of(ErrorKind::UnsupportedMedia, "the body's encoding is not known here").closing());
            }
        };
    }
    Ok(packing)
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE) else { return true };
    let text = value.to_str().unwrap_or("").to_ascii_lowercase();
    let (kind, parameters) = text.split_once(';').unwrap_or((&text, ""));
    let kind = kind.trim();
    let charset = parameters.split(';').filter_map(|p| p.trim().strip_prefix("charset=")).next();
    (kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json")))
        && charset.is_none_or(|c| matches!(c.trim_matches('"'), "utf-8" | "utf8"))
}

/// Reads it; the limit holds for what comes in and for what it unpacks to.
pub(super) async fn read(settings: &Settings, headers: &HeaderMap, body: Incoming) -> Result<Bytes, Refusal> {
    let limit = settings.body_bytes_max;
    if !is_json(headers) {
        let text = "the body must be application/json in UTF-8";
        return Err(Refusal::of(ErrorKind::UnsupportedMedia, text).closing());
    }
    let packing = packing(headers)?;
    let declared = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<u64>().ok());
    if declared.is_some_and(|n| n > limit as u64) {
        return Err(too_large(limit));
    }
    let late = |_| Refusal::of(ErrorKind::RequestTimeout, "the body did not come in time").closing();
    let bytes = tokio::time::timeout(settings.body_timeout, collect(body, limit)).await.map_err(late)??;
    match packing {
        Packing::None => Ok(bytes),
        Packing::Gzip => unpack(&bytes, limit),
    }
}

async fn collect(mut body: Incoming, limit: usize) -> Result<Bytes, Refusal> {
    let mut first: Option<Bytes> = None;
    let mut rest: Option<BytesMut> = None;
    let mut len = 0;
    while let Some(frame) = body.frame().await {
        let broken = |_| Refusal::of(ErrorKind::InvalidRequest, "the body broke off").closing();
        let Ok(data) = frame.map_err(broken)?.into_data() else { continue };
        len += data.len();
        if len > limit {
            return Err(too_large(limit));
        }
        // Most bodies come in one piece, which is kept as it is.
        match (&mut first, &mut rest) {
            (None, _) => first = Some(data),
            (_, Some(rest)) => rest.extend_from_slice(&data),
            (Some(first), None) => {
                let mut joined = BytesMut::with_capacity((first.len() + data.len()) * 2);
                joined.extend_from_slice(first);
                joined.extend_from_slice(&data);
                rest = Some(joined);
            }
        }
    }
    Ok(rest.map(BytesMut::freeze).or(first).unwrap_or_default())
}

fn unpack(bytes: &[u8], limit: usize) -> Result<Bytes, Refusal> {
    let mut out = Vec::new();
    let mut reader = flate2::read::GzDecoder::new(bytes).take(limit as u64 + 1);
    let read = reader.read_to_end(&mut out);
    if out.len() > limit {
        return Err(too_large(limit));
    }
    read.map_err(|_| Refusal::of(ErrorKind::InvalidRequest, "the body is not valid gzip").closing())?;
    Ok(out.into())
}
