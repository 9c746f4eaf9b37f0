//! What does the model file do when it is loaded?

use casemate_artifact::{FileReport, scan_path};
use casemate_finding::Severity;
use casemate_report::NotScanned;
use casemate_sweep::FileKind;

use crate::{Check, CheckContext, CheckReport, Seen, SubjectKind, Weight};

pub(super) struct ModelArtifact;

impl Check for ModelArtifact {
    fn id(&self) -> &'static str {
        "model-artifact"
    }

    fn about(&self) -> &'static str {
        "loading the model runs no code that nobody vouched for"
    }

    fn applies(&self, context: &CheckContext) -> bool {
        // Whatever its name and declaration: a pickle that is called data is loaded all the same.
        let table = matches!(context.kind, FileKind::Csv | FileKind::JsonLines | FileKind::JsonTable | FileKind::Text);
        context.kind != FileKind::Empty && (!table || context.subject.kind == SubjectKind::Model)
    }

    fn run(&self, context: &CheckContext) -> Result<CheckReport, String> {
        let mut config = context.settings.model.clone();
        config.cancel = Some(std::sync::Arc::clone(&context.cancel));
        let mut report = scan_path(&context.subject.path, &config).map_err(|e| format!("cannot be read: {e}"))?;
        if report.sha256 != context.sha256() {
            return Err("the file changed while it was being checked".into());
        }
        report.path.clone_from(&context.shown);
        // A pickle whose text was taken for something else, or a format that nobody knows, is no clean bill for a model.
        let unknown = report.format == "unknown" && context.subject.kind == SubjectKind::Model;
        let mut out = judge(context, &report);
        if unknown && out.seen.iter().all(|s| s.weight == Weight::Told) {
            out.not_scanned.push(NotScanned {
                path: context.shown.clone(),
                reason: "no reader knows this format; convert the model to safetensors or ONNX".into(),
            });
        }
        Ok(out)
    }
}

fn judge(context: &CheckContext, report: &FileReport) -> CheckReport {
    let incomplete = "artifact/incomplete";
    let findings = report.to_findings().into_iter().filter(|f| f.rule != incomplete);
    let seen: Vec<Seen> = findings
        .map(|finding| {
            let weight = if !context.settings.counts(&finding) {
                Weight::Told
            } else if finding.severity < Severity::High {
                // Nobody vouched for what it names, and nobody knows it to be hostile.
                Weight::Review
            } else {
                Weight::Holds
            };
            Seen { finding, weight }
        })
        .collect();
    let mut not_scanned: Vec<NotScanned> = report
        .incomplete_reasons
        .iter()
        .map(|reason| NotScanned { path: context.shown.clone(), reason: reason.clone() })
        .collect();
    if !report.complete && not_scanned.is_empty() {
        not_scanned.push(NotScanned { path: context.shown.clone(), reason: "not read to its end".into() });
    }
    let tampered = if report.tampered { ", its structure says two things" } else { "" };
    let summary = format!("{} file, {}{tampered}", report.format, report.severity);
    CheckReport { seen, not_scanned, summary }
}
