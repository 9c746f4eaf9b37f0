//! SARIF 2.1.0 (OASIS standard, 27 March 2020), within what GitHub code scanning takes: 25,000 results and rules in a
//! run, 1,000 locations in a result, 20 tags on a rule.
//!
//! Findings with one fingerprint (a key that stands in forty files) are one result: the first place is its location, the
//! others are `relatedLocations`. What is left out for a limit is said in a tool notification, never silently dropped.

use std::{cmp::Reverse, collections::BTreeMap};

use casemate_finding::{CheckResult, Finding, Location, Outcome, Severity, Taxonomy};
use serde_json::{Map, Value, json};

use crate::{Document, Suppression};

/// Limits of one SARIF file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SarifLimits {
    /// Results in the run; the most severe are kept.
    pub results_max: usize,
    /// Rules in the run.
    pub rules_max: usize,
    /// Related places listed for one result.
    pub related_max: usize,
    /// Tags on one rule.
    pub tags_max: usize,
    /// Notifications about what was not scanned.
    pub notifications_max: usize,
}

impl Default for SarifLimits {
    fn default() -> Self {
        Self { results_max: 25_000, rules_max: 25_000, related_max: 100, tags_max: 20, notifications_max: 1_000 }
    }
}

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
const INFORMATION: &str = "https://github.com/casemate-security/casemate";

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "note",
    }
}

/// GitHub's scale: over 9 critical, 7 high, 4 medium, over 0 low.
const fn security_severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "2.0",
        Severity::Info => "0.0",
    }
}

/// The report as SARIF text that ends with a line feed.
pub fn to_sarif(document: &Document, limits: &SarifLimits) -> String {
    let mut text = serde_json::to_string_pretty(&to_sarif_value(document, limits)).expect("a JSON value is JSON");
    text.push('\n');
    text
}

/// All findings of one fingerprint.
struct Group<'a> {
    check: &'a CheckResult,
    first: &'a Finding,
    severity: Severity,
    others: Vec<&'a Finding>,
}

/// The report as a SARIF value.
pub fn to_sarif_value(document: &Document, limits: &SarifLimits) -> Value {
    let mut groups = grouped(document);
    let found = groups.len();
    // Stable: within a severity, the order of the run.
    groups.sort_by_key(|g| Reverse(g.severity));
    groups.truncate(limits.results_max);
    let mut rules: BTreeMap<&str, Severity> = BTreeMap::new();
    for g in &groups {
        let entry = rules.entry(&g.first.rule).or_insert(g.severity);
        *entry = (*entry).max(g.severity);
    }
    let rule_ids: Vec<&str> = rules.keys().copied().take(limits.rules_max).collect();
    let mut notifications = notifications(document, limits);
    groups.retain(|g| rule_ids.binary_search(&g.first.rule.as_str()).is_ok());
    if found > groups.len() {
        let text = format!(
            "{} of {found} results are left out: a run may hold {} results and {} rules; the most severe are kept",
            found - groups.len(),
            limits.results_max,
            limits.rules_max
        );
        notifications.insert(0, notification("casemate/truncated", "warning", &text, None));
    }
    let suppressions = document.suppressions.iter().map(|s| (s.fingerprint.0.as_str(), s)).collect();
    let results: Vec<Value> = groups.iter().map(|g| result(g, &suppressions, &rule_ids, limits)).collect();
    let rules: Vec<Value> = rule_ids.iter().map(|id| rule(id, rules[id], &groups, limits)).collect();
    let successful = !document.checks.iter().any(|c| c.outcome == Outcome::Error);
    let mut invocation = json!({
        "executionSuccessful": successful,
        "toolExecutionNotifications": notifications,
    });
    if let Some(at) = document.at {
        invocation["startTimeUtc"] = json!(at.to_string());
    }
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "Casemate",
                "version": document.tool_version,
                "informationUri": INFORMATION,
                "rules": rules,
            }},
            "automationDetails": {"id": format!("casemate/{}", document.title)},
            "columnKind": "unicodeCodePoints",
            "invocations": [invocation],
            "artifacts": artifacts(document),
            "results": results,
            "properties": {"outcome": document.outcome.as_str(), "resultsFound": found},
        }],
    })
}

fn grouped(document: &Document) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut index: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (check, finding) in document.findings() {
        let key = (finding.rule.as_str(), finding.fingerprint.0.as_str());
        if let Some(&at) = index.get(&key) {
            let group = &mut groups[at];
            group.severity = group.severity.max(finding.severity);
            group.others.push(finding);
        } else {
            index.insert(key, groups.len());
            groups.push(Group { check, first: finding, severity: finding.severity, others: Vec::new() });
        }
    }
    groups
}

fn notification(id: &str, level: &str, text: &str, path: Option<&str>) -> Value {
    let mut value = json!({"descriptor": {"id": id}, "level": level, "message": {"text": text}});
    if let Some(path) = path {
        value["locations"] = json!([{"physicalLocation": {"artifactLocation": {"uri": uri(outer(path).0)}}}]);
    }
    value
}

fn notifications(document: &Document, limits: &SarifLimits) -> Vec<Value> {
    let mut out = Vec::new();
    for check in &document.checks {
        let level = match check.outcome {
            Outcome::Error => "error",
            Outcome::NotScanned | Outcome::Insufficient => "warning",
            _ => continue,
        };
        let text = format!("{} on {}: {}", check.check, check.subject, check.reason);
        out.push(notification(&format!("casemate/{}", check.outcome), level, &text, None));
    }
    for item in &document.not_scanned {
        let text = format!("not scanned: {}: {}", item.path, item.reason);
        out.push(notification("casemate/not_scanned", "warning", &text, Some(&item.path)));
    }
    for note in &document.notes {
        out.push(notification("casemate/note", "note", note, None));
    }
    if out.len() > limits.notifications_max {
        let hidden = out.len() - limits.notifications_max;
        out.truncate(limits.notifications_max);
        out.push(notification(
            "casemate/truncated",
            "warning",
            &format!("{hidden} more notifications are left out"),
            None,
        ));
    }
    out
}

fn artifacts(document: &Document) -> Vec<Value> {
    let with_digest = document.subjects.iter().filter_map(|s| Some((s, s.sha256.as_ref()?)));
    with_digest
        .map(|(s, digest)| {
            json!({
                "location": {"uri": uri(&s.name)},
                "length": s.size_bytes,
                "hashes": {"sha-256": digest},
            })
        })
        .collect()
}

fn rule(id: &str, severity: Severity, groups: &[Group<'_>], limits: &SarifLimits) -> Value {
    let findings = || groups.iter().map(|g| g.first).filter(|f| f.rule == id);
    let mut tags: Vec<String> = vec!["security".into()];
    let mut help_uri = None;
    for reference in findings().flat_map(|f| &f.references) {
        let tag = match reference.taxonomy {
            Taxonomy::Cwe => format!("external/cwe/{}", reference.id.to_lowercase()),
            Taxonomy::Url => {
                help_uri.get_or_insert(reference.id.clone());
                continue;
            }
            _ => reference.id.clone(),
        };
        if !tags.contains(&tag) && tags.len() < limits.tags_max {
            tags.push(tag);
        }
    }
    let short = id.rsplit('/').next().unwrap_or(id).replace(['-', '_'], " ");
    let mut value = json!({
        "id": id,
        "name": pascal(id),
        "shortDescription": {"text": short},
        "defaultConfiguration": {"level": level(severity)},
        "properties": {"security-severity": security_severity(severity), "tags": tags},
    });
    if let Some(remedy) = findings().map(|f| f.remedy.as_str()).find(|r| !r.is_empty()) {
        value["help"] = json!({"text": remedy});
    }
    if let Some(link) = help_uri {
        value["helpUri"] = json!(link);
    }
    value
}

/// `pii/credit-card` as `PiiCreditCard`.
fn pascal(id: &str) -> String {
    let words = id.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty());
    words.map(|w| w.chars().take(1).flat_map(char::to_uppercase).chain(w.chars().skip(1)).collect::<String>()).collect()
}

fn result(
    group: &Group<'_>,
    suppressions: &BTreeMap<&str, &Suppression>,
    rules: &[&str],
    limits: &SarifLimits,
) -> Value {
    let f = group.first;
    let related: Vec<&Finding> = group.others.iter().copied().take(limits.related_max).collect();
    let mut text = f.message.clone();
    if !f.evidence.is_empty() {
        text.push_str(": ");
        text.push_str(&f.evidence);
    }
    if !f.remedy.is_empty() {
        text.push_str(". Remedy: ");
        text.push_str(&f.remedy);
    }
    let mut related_locations: Vec<Value> = Vec::new();
    for (i, other) in related.iter().enumerate() {
        let mut place = location(&other.location, None);
        place["id"] = json!(i + 1);
        place["message"] = json!({"text": other.message});
        related_locations.push(place);
    }
    let mut value = json!({
        "ruleId": f.rule,
        "ruleIndex": rules.binary_search(&f.rule.as_str()).unwrap_or(0),
        "level": level(group.severity),
        "message": {"text": text},
        "locations": [location(&f.location, Some(&group.check.subject))],
        "partialFingerprints": {"casemate/v1": f.fingerprint.0},
        "properties": {
            "check": group.check.check,
            "severity": group.severity.as_str(),
            "score": (f64::from(f.score) * 1e4).round() / 1e4,
        },
    });
    if !related_locations.is_empty() {
        value["relatedLocations"] = Value::Array(related_locations);
        value["occurrenceCount"] = json!(group.others.len() + 1);
    }
    if let Some(s) = suppressions.get(f.fingerprint.0.as_str()) {
        let kind = if s.in_source { "inSource" } else { "external" };
        value["suppressions"] = json!([{"kind": kind, "status": "accepted", "justification": s.justification}]);
    }
    value
}

/// `outer.zip!/inner.pkl` as the file and what is inside it.
fn outer(path: &str) -> (&str, Option<&str>) {
    path.split_once("!/").map_or((path, None), |(file, member)| (file, Some(member)))
}

/// Code scanning refuses a result without a file, so `fallback` (the subject) stands in where a finding has no path.
fn location(l: &Location, fallback: Option<&str>) -> Value {
    let mut physical = Map::new();
    let mut logical: Vec<Value> = Vec::new();
    if let Some(path) = l.path.as_deref().or(fallback) {
        let (file, member) = outer(path);
        physical.insert("artifactLocation".into(), json!({"uri": uri(file)}));
        if let Some(member) = member {
            logical.push(json!({"fullyQualifiedName": path, "name": member, "kind": "member"}));
        }
    }
    let mut region = Map::new();
    if let Some(line) = l.line.filter(|n| *n > 0) {
        region.insert("startLine".into(), json!(line));
        if let Some(column) = l.column.filter(|n| *n > 0) {
            region.insert("startColumn".into(), json!(column));
        }
    } else if let Some(span) = l.span {
        region.insert("byteOffset".into(), json!(span.start));
        region.insert("byteLength".into(), json!(span.len()));
    }
    if !region.is_empty() && !physical.is_empty() {
        physical.insert("region".into(), Value::Object(region));
    }
    if let Some(field) = &l.field {
        logical.push(json!({"name": field, "kind": "column"}));
    }
    let mut value = Map::new();
    if !physical.is_empty() {
        value.insert("physicalLocation".into(), Value::Object(physical));
    }
    if !logical.is_empty() {
        value.insert("logicalLocations".into(), Value::Array(logical));
    }
    Value::Object(value)
}

/// A path as a relative URI reference (RFC 3986): what is not unreserved or `/` is percent-encoded.
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for b in path.bytes() {
        match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(char::from(b)),
            b'\\' => out.push('/'),
            b => {
                const HEX: &[u8; 16] = b"0123456789ABCDEF";
                out.push('%');
                out.push(char::from(HEX[usize::from(b >> 4)]));
                out.push(char::from(HEX[usize::from(b & 15)]));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{pascal, uri};

    #[test]
    fn paths_become_uri_references_and_ids_become_names() {
        assert_eq!(uri("data/größe 1:2.csv"), "data/gr%C3%B6%C3%9Fe%201%3A2.csv");
        assert_eq!(pascal("pii/credit-card"), "PiiCreditCard");
    }
}
