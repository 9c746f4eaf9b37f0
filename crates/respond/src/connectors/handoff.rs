//! Handing the case to people: a package as JSON and as Markdown, and the case's state.

use std::fmt::Write as _;
use std::path::Path;

use async_trait::async_trait;
use casemate_store::StoreError;
use casemate_store::canonical::sha256_hex;
use casemate_store::model::{Approval, Case, CaseState, Evidence, TimelineEntry};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Call, Connector, Failure, Surroundings};

/// Most entries of the history in a package; the store has them all.
const TIMELINE_MAX: u32 = 10_000;

/// Hands the case off.
pub(super) struct HandOff;

/// What people are given.
#[derive(Serialize)]
struct Package {
    handoff: String,
    to: String,
    summary: String,
    tasks: Vec<String>,
    case: Case,
    timeline: Vec<TimelineEntry>,
    evidence: Vec<Evidence>,
    approvals: Vec<Approval>,
}

#[async_trait]
impl Connector for HandOff {
    fn action(&self) -> &'static str {
        "case.handoff"
    }

    async fn perform(&self, around: &Surroundings, call: &Call<'_>) -> Result<Value, Failure> {
        let id = &call.run.case;
        let case = around.store.case(id).await?;
        let to: Option<String> = call.optional("to")?;
        let handoff = format!("ho-{}", &sha256_hex(&[call.key.as_bytes()])[..16]);
        let package = Package {
            to: to.unwrap_or_else(|| around.inventory.owner(&case.entities)),
            summary: call.required("summary")?,
            tasks: call.optional("tasks")?.unwrap_or_default(),
            timeline: around.store.timeline(id, 0, TIMELINE_MAX).await?,
            evidence: around.store.evidence_of_case(id).await?,
            approvals: around.store.approvals_of_case(id).await?,
            handoff: handoff.clone(),
            case,
        };
        write_package(&around.handoffs, &package).await?;
        let who = if package.to.is_empty() { "whoever is on call" } else { &package.to };
        let entry = TimelineEntry {
            seq: 0,
            at: around.clock.now(),
            actor: call.actor(),
            kind: "handoff".into(),
            text: format!("handed off to {who}: {}", package.summary),
            data: json!({"handoff": handoff, "to": package.to, "tasks": package.tasks}),
        };
        around.store.append_timeline(id, &entry, Some(call.key)).await?;
        let moved = TimelineEntry { kind: "state".into(), text: "the case is with people".into(), ..entry };
        match around.store.set_case_state(id, CaseState::HandedOff, &moved).await {
            // People closed it meanwhile; the package is theirs all the same.
            Ok(()) | Err(StoreError::Conflict { .. }) => Ok(json!({"handoff": handoff})),
            Err(error) => Err(error.into()),
        }
    }
}

async fn write_package(folder: &Path, package: &Package) -> Result<(), Failure> {
    let json = serde_json::to_vec_pretty(package).map_err(|e| Failure::Refused(format!("the package: {e}")))?;
    let markdown = markdown(package).into_bytes();
    let (folder, name) = (folder.to_path_buf(), format!("{}-{}", package.case.id, package.handoff));
    let written = tokio::task::spawn_blocking(move || {
        std::fs::create_dir_all(&folder)?;
        for (ending, bytes) in [("json", json), ("md", markdown)] {
            // Written aside and moved, so that nobody ever reads half a package.
            let temporary = folder.join(format!("{name}.{ending}.part"));
            let mut file = std::fs::File::create(&temporary)?;
            std::io::Write::write_all(&mut file, &bytes)?;
            file.sync_all()?;
            std::fs::rename(&temporary, folder.join(format!("{name}.{ending}")))?;
        }
        std::fs::File::open(&folder)?.sync_all()
    });
    match written.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(e)) => Err(Failure::Retry(format!("the package cannot be written: {e}"))),
        Err(e) => Err(Failure::Retry(format!("writing the package broke off: {e}"))),
    }
}

/// Text from alerts is hostile: nothing in it may become markup.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' => out.push(' '),
            c if c.is_control() => {}
            c if c.is_ascii_punctuation()
                && !matches!(c, '.' | ',' | ':' | ';' | '/' | '-' | '\'' | '%' | '=' | '@') =>
            {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

fn markdown(p: &Package) -> String {
    let mut out = String::new();
    let case = &p.case;
    let _ = writeln!(out, "# {}: {}\n", plain(case.id.as_str()), plain(&case.title));
    let _ = writeln!(out, "{}\n", plain(&p.summary));
    let _ = writeln!(
        out,
        "Severity {} · risk {:.2} · {} alerts · opened {}",
        case.severity, case.risk, case.alerts, case.opened_at
    );
    if !p.to.is_empty() {
        let _ = writeln!(out, "\nFor {}", plain(&p.to));
    }
    if !p.tasks.is_empty() {
        out.push_str("\n## Left to do\n\n");
        for task in &p.tasks {
            let _ = writeln!(out, "- [ ] {}", plain(task));
        }
    }
    out.push_str("\n## What it is about\n\n");
    for entity in &case.entities {
        let _ = writeln!(out, "- {}: {}", entity.kind.as_str(), plain(&entity.value));
    }
    for id in &case.atlas {
        let _ = writeln!(out, "- MITRE ATLAS {}", plain(id));
    }
    out.push_str("\n## What happened\n\n");
    for e in &p.timeline {
        let _ = writeln!(out, "{}. {} · {} · {}", e.seq, e.at, plain(&e.actor), plain(&e.text));
    }
    out.push_str("\n## Evidence\n\n");
    for e in &p.evidence {
        let _ = writeln!(
            out,
            "{}. {} · sha256:{} · {} bytes · chain head {}",
            e.seq,
            plain(&e.item.name),
            e.item.sha256,
            e.item.bytes,
            e.head
        );
    }
    if !p.approvals.is_empty() {
        out.push_str("\n## Decisions of people\n\n");
        for a in &p.approvals {
            let votes: Vec<_> = a.votes.iter().map(|v| format!("{} ({})", plain(&v.by), v.role.as_str())).collect();
            let _ = writeln!(out, "- {}: {} {}", plain(&a.question), a.state.as_str(), votes.join(", "));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn hostile_text_stays_text() {
        let got = plain("<script>x</script>\n# head [a](javascript:b) \u{7}`c`");
        assert_eq!(got, r"\<script\>x\</script\> \# head \[a\]\(javascript:b\) \`c\`");
    }
}
