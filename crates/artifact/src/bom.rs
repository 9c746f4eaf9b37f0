//! CycloneDX 1.6 ML-BOM of scanned files: one component for each model file, with digest, format and verdict.

use serde_json::{Value, json};

use crate::report::FileReport;

/// The bill of materials as a JSON document. It holds no time stamp and no random serial number, so that the same files
/// and rules give the same bytes; the caller may add both (`metadata.timestamp`, `serialNumber`).
pub fn ml_bom(reports: &[FileReport]) -> Value {
    let components: Vec<Value> = reports.iter().map(component).collect();
    let vulnerabilities: Vec<Value> = reports
        .iter()
        .flat_map(|r| r.findings.iter().map(move |f| (r, f)))
        .flat_map(|(r, f)| {
            f.references.iter().filter(|id| id.starts_with("CVE-") || id.starts_with("GHSA-")).map(move |id| (r, f, id))
        })
        .map(|(r, f, id)| {
            json!({
                "id": id,
                "description": f.message,
                "affects": [{"ref": reference(r)}],
            })
        })
        .collect();
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"tools": {"components": [{"type": "application", "name": "casemate", "version": env!("CARGO_PKG_VERSION")}]}},
        "components": components,
        "vulnerabilities": vulnerabilities,
    })
}

fn reference(r: &FileReport) -> String {
    format!("sha256:{}", r.sha256)
}

fn component(r: &FileReport) -> Value {
    let name = r.path.rsplit(['/', '\\']).next().unwrap_or(&r.path);
    json!({
        "type": "machine-learning-model",
        "bom-ref": reference(r),
        "name": name,
        "hashes": [{"alg": "SHA-256", "content": r.sha256}],
        "properties": [
            {"name": "casemate:path", "value": r.path},
            {"name": "casemate:format", "value": r.format},
            {"name": "casemate:size-bytes", "value": r.size_bytes.to_string()},
            {"name": "casemate:severity", "value": r.severity.as_str()},
            {"name": "casemate:complete", "value": r.complete.to_string()},
            {"name": "casemate:tampered", "value": r.tampered.to_string()},
            {"name": "casemate:findings", "value": r.findings.len().to_string()},
        ],
    })
}
