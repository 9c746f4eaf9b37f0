//! Preserving evidence: alerts, the gateway's signals, data sets and model files.

use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use casemate_finding::{Entity, EntityKind};
use casemate_store::model::NewEvidence;
use serde_json::{Value, json};

use super::{Call, Connector, Failure, Surroundings};
use crate::vault::{Object, VaultError};

/// Alerts of one case that are preserved.
const ALERTS_MAX: u32 = 10_000;
/// Events that are looked through for those of a subject.
const EVENTS_MAX: u32 = 10_000;

/// Puts a copy into the vault.
pub(super) struct Preserve;

/// What is to be copied.
struct Source {
    name: String,
    origin: String,
    items: usize,
    from: From,
}

enum From {
    File(PathBuf),
    Bytes(Vec<u8>),
}

#[async_trait]
impl Connector for Preserve {
    fn action(&self) -> &'static str {
        "evidence.preserve"
    }

    async fn perform(&self, around: &Surroundings, call: &Call<'_>) -> Result<Value, Failure> {
        let what: String = call.required("what")?;
        let subject: Option<Entity> = call.optional("subject")?;
        let digest: Option<String> = call.optional("digest")?;
        let expected = digest.map(|d| d.strip_prefix("sha256:").unwrap_or(&d).to_ascii_lowercase());
        let source = match what.as_str() {
            "alerts" => alerts(around, call).await?,
            "requests" => requests(around, call, subject.as_ref()).await?,
            "dataset" | "model_version" => file(around, call, &what, subject)?,
            other => {
                let known = "`alerts`, `requests`, `dataset` or `model_version`";
                return Err(Failure::Refused(format!("`{other}` is not {known}")));
            }
        };
        let Source { name, origin, items, from } = source;
        let vault = Arc::clone(&around.vault);
        let copied = tokio::task::spawn_blocking(move || {
            let mut reader: Box<dyn Read> = match from {
                From::Bytes(bytes) => Box::new(std::io::Cursor::new(bytes)),
                From::File(path) => Box::new(
                    File::open(path)
                        .map_err(|error| VaultError::Io { what: "opening what is to be preserved", error })?,
                ),
            };
            vault.preserve(&mut *reader, expected.as_deref())
        });
        let Object { sha256, bytes } = match copied.await {
            Ok(Ok(object)) => object,
            Ok(Err(e @ VaultError::Io { .. })) => return Err(Failure::Retry(e.to_string())),
            Ok(Err(e)) => return Err(Failure::Refused(e.to_string())),
            Err(e) => return Err(Failure::Retry(format!("preserving broke off: {e}"))),
        };
        let item = NewEvidence {
            idempotency_key: call.key.to_owned(),
            tenant: call.run.tenant.clone(),
            case: call.run.case.clone(),
            name,
            sha256,
            bytes,
            origin,
            collected_by: call.actor(),
            collected_at: around.clock.now(),
        };
        // After a crash the subject may have changed: then the first copy stands, and both objects stay in the vault.
        let kept = around.store.add_evidence(&item).await?.into_inner();
        let (sha256, bytes) = (&kept.item.sha256, kept.item.bytes);
        Ok(json!({"digest": format!("sha256:{sha256}"), "bytes": bytes, "items": items}))
    }
}

async fn alerts(around: &Surroundings, call: &Call<'_>) -> Result<Source, Failure> {
    let alerts = around.store.alerts_of_case(&call.run.case, 0, ALERTS_MAX).await?;
    Ok(Source {
        name: format!("alerts of {}.jsonl", call.run.case),
        origin: "alerts".into(),
        items: alerts.len(),
        from: From::Bytes(lines(alerts.iter().map(|a| json!(a)))),
    })
}

async fn requests(around: &Surroundings, call: &Call<'_>, subject: Option<&Entity>) -> Result<Source, Failure> {
    let mut events = around.store.recent_events(EVENTS_MAX).await?;
    let about = |payload: &Value| {
        let entities = payload.get("entities").and_then(Value::as_array);
        subject.is_none_or(|s| entities.is_some_and(|list| list.contains(&json!(s))))
    };
    events.retain(|e| e.event.tenant == call.run.tenant && about(&e.event.payload));
    events.reverse();
    Ok(Source {
        name: format!("gateway events of {}.jsonl", call.run.case),
        origin: subject.map_or_else(|| "events".into(), |s| format!("events of {} {}", s.kind.as_str(), s.value)),
        items: events.len(),
        from: From::Bytes(lines(events.iter().map(|e| json!(e)))),
    })
}

fn lines(values: impl Iterator<Item = Value>) -> Vec<u8> {
    let mut out = Vec::new();
    for value in values {
        out.extend_from_slice(value.to_string().as_bytes());
        out.push(b'\n');
    }
    out
}

fn file(around: &Surroundings, call: &Call<'_>, what: &str, subject: Option<Entity>) -> Result<Source, Failure> {
    let kind = if what == "dataset" { EntityKind::Dataset } else { EntityKind::ModelVersion };
    let subject = subject.ok_or_else(|| Failure::Refused(format!("`subject` must name the {}", kind.as_str())))?;
    if subject.kind != kind {
        return Err(Failure::Refused(format!("`subject` is a {}, not a {}", subject.kind.as_str(), kind.as_str())));
    }
    let given: Option<PathBuf> = call.optional("path")?;
    let named = given.or_else(|| around.inventory.file_of(&subject)).unwrap_or_else(|| PathBuf::from(&subject.value));
    let path = inside(&around.evidence.roots, &named).map_err(Failure::Refused)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let origin = format!("{} {} in {}", kind.as_str(), subject.value, call.run.tenant);
    Ok(Source { name, origin, items: 1, from: From::File(path) })
}

/// The file, if it lies under one of the configured folders after every link is followed.
fn inside(roots: &[PathBuf], named: &Path) -> Result<PathBuf, String> {
    if named.components().any(|c| c == Component::ParentDir) {
        return Err(format!("`{}` leads out of its folder", named.display()));
    }
    let mut seen = "there is no such file under respond.evidence.roots";
    for root in roots {
        let Ok(root) = root.canonicalize() else { continue };
        let Ok(path) = root.join(named).canonicalize() else { continue };
        if !path.starts_with(&root) {
            seen = "it lies outside respond.evidence.roots";
        } else if path.is_file() {
            return Ok(path);
        } else {
            seen = "it is not a file";
        }
    }
    Err(format!("`{}`: {seen}", named.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_under_the_roots() {
        let home = tempfile::tempdir().expect("folder");
        let root = home.path().join("data");
        std::fs::create_dir_all(root.join("sub")).expect("folder");
        std::fs::write(root.join("sub/a.csv"), "x").expect("write");
        std::fs::write(home.path().join("secret"), "x").expect("write");
        let roots = [root.clone()];
        let allowed = root.join("sub/a.csv").canonicalize().expect("path");
        assert_eq!(inside(&roots, Path::new("sub/a.csv")), Ok(allowed.clone()));
        assert_eq!(inside(&roots, &root.join("sub/a.csv")), Ok(allowed));
        for bad in ["../secret", "sub/../../secret", "sub", "nothing", "/etc/hostname"] {
            assert!(inside(&roots, Path::new(bad)).is_err(), "{bad}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(home.path().join("secret"), root.join("link")).expect("link");
            assert!(inside(&roots, Path::new("link")).is_err_and(|e| e.contains("outside")));
        }
        assert!(inside(&[], Path::new("sub/a.csv")).is_err());
    }
}
