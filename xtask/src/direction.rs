//! Which crate may know which. An edge that is not listed is an error, and so is a heavy crate under a pure one.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// A crate and the Casemate crates that it may depend on, in reading order. Dev-dependencies are not edges.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("finding", &[]),
    ("detect", &["finding"]),
    ("classify", &["finding", "detect"]),
    ("ner", &["finding", "detect"]),
    ("artifact", &["finding"]),
    ("dataset", &["finding"]),
    ("report", &["finding"]),
    ("sweep", &["finding", "detect", "artifact", "dataset", "report"]),
    ("gate", &["finding", "detect", "artifact", "dataset", "report", "sweep"]),
    ("wire", &["finding"]),
    ("store", &["finding"]),
    ("gateway", &["finding", "detect", "classify", "wire", "store"]),
    ("triage", &["finding", "playbook"]),
    ("playbook", &["finding"]),
    ("respond", &["finding", "triage", "playbook", "store"]),
    ("console", &["finding", "detect", "ner", "store", "playbook"]),
    ("demo", &[]),
];

/// Crates that do no I/O: none of [`RUNTIMES`] may be among their dependencies, direct or not.
const PURE: &[&str] =
    &["finding", "detect", "classify", "ner", "artifact", "dataset", "report", "wire", "triage", "playbook"];

const RUNTIMES: &[&str] = &["tokio", "axum", "sqlx", "hyper", "reqwest"];

pub(crate) fn run() -> Result<()> {
    let out = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked"])
        .output()
        .context("cannot run cargo metadata")?;
    if !out.status.success() {
        bail!("cargo metadata failed:\n{}", String::from_utf8_lossy(&out.stderr));
    }
    let metadata: Value = serde_json::from_slice(&out.stdout).context("cargo metadata is not JSON")?;
    let wrong = violations(&metadata)?;
    if !wrong.is_empty() {
        bail!("{} edge(s) against the dependency direction:\n  {}", wrong.len(), wrong.join("\n  "));
    }
    crate::say(&format!("direction: {} crates, every edge is allowed", MAY_KNOW.len()));
    Ok(())
}

/// Every edge in `metadata` that the tables above do not allow, as one line each.
fn violations(metadata: &Value) -> Result<Vec<String>> {
    let graph = Graph::read(metadata)?;
    let mut wrong = Vec::new();
    for name in graph.edges.keys().filter_map(|id| graph.names.get(id)) {
        let Some(short) = name.strip_prefix("casemate-") else { continue };
        let Some((_, allowed)) = MAY_KNOW.iter().find(|(n, _)| *n == short) else {
            wrong.push(format!("{name} is not in the table of xtask/src/direction.rs: say what it may know"));
            continue;
        };
        for known in graph.direct(name).iter().filter_map(|n| n.strip_prefix("casemate-")) {
            if !allowed.contains(&known) {
                wrong.push(format!("casemate-{short} must not know casemate-{known}"));
            }
        }
        if PURE.contains(&short) {
            for runtime in graph.reached(name).intersection(&RUNTIMES.iter().map(|s| (*s).to_owned()).collect()) {
                wrong.push(format!("casemate-{short} is pure and must not reach {runtime}"));
            }
        }
    }
    Ok(wrong)
}

/// Package ids, their names, and their normal and build dependencies.
struct Graph {
    names: BTreeMap<String, String>,
    edges: BTreeMap<String, Vec<String>>,
}

impl Graph {
    fn read(metadata: &Value) -> Result<Self> {
        let mut names = BTreeMap::new();
        for package in metadata["packages"].as_array().context("metadata has no packages")? {
            if let (Some(id), Some(name)) = (package["id"].as_str(), package["name"].as_str()) {
                names.insert(id.to_owned(), name.to_owned());
            }
        }
        let mut edges = BTreeMap::new();
        for node in metadata["resolve"]["nodes"].as_array().context("metadata has no resolve graph")? {
            let Some(id) = node["id"].as_str() else { continue };
            let deps = node["deps"].as_array().map(Vec::as_slice).unwrap_or_default();
            let normal = deps.iter().filter(|dep| {
                let kinds = dep["dep_kinds"].as_array().map(Vec::as_slice).unwrap_or_default();
                kinds.iter().any(|k| k["kind"].is_null())
            });
            edges.insert(id.to_owned(), normal.filter_map(|d| d["pkg"].as_str().map(str::to_owned)).collect());
        }
        Ok(Self { names, edges })
    }

    fn ids<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a String> {
        self.names.iter().filter(move |(_, n)| *n == name).map(|(id, _)| id)
    }

    fn direct(&self, name: &str) -> BTreeSet<String> {
        let deps = self.ids(name).filter_map(|id| self.edges.get(id)).flatten();
        deps.filter_map(|id| self.names.get(id).cloned()).collect()
    }

    fn reached(&self, name: &str) -> BTreeSet<String> {
        let mut seen = BTreeSet::new();
        let mut open: Vec<&String> = self.ids(name).collect();
        while let Some(id) = open.pop() {
            for next in self.edges.get(id).into_iter().flatten() {
                if seen.insert(next) {
                    open.push(next);
                }
            }
        }
        seen.into_iter().filter_map(|id| self.names.get(id).cloned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::violations;

    fn metadata(edges: &[(&str, &[&str])]) -> serde_json::Value {
        let mut all: Vec<&str> = edges.iter().flat_map(|(n, d)| std::iter::once(*n).chain(d.iter().copied())).collect();
        all.sort_unstable();
        all.dedup();
        let deps = |d: &[&str]| d.iter().map(|x| json!({"pkg": x, "dep_kinds": [{"kind": null}]})).collect::<Vec<_>>();
        json!({
            "packages": all.iter().map(|n| json!({"id": n, "name": n})).collect::<Vec<_>>(),
            "resolve": {"nodes": edges.iter().map(|(n, d)| json!({"id": n, "deps": deps(d)})).collect::<Vec<_>>()},
        })
    }

    #[test]
    fn allowed_edges_pass() {
        let m = metadata(&[("casemate-gateway", &["casemate-store", "tokio"]), ("casemate-wire", &["serde"])]);
        assert_eq!(violations(&m).expect("reads"), Vec::<String>::new());
    }

    #[test]
    fn posts_must_not_know_each_other_and_pure_crates_reach_no_runtime() {
        let m = metadata(&[
            ("casemate-gateway", &["casemate-respond"]),
            ("casemate-wire", &["middle"]),
            ("middle", &["tokio"]),
            ("casemate-shed", &[]),
        ]);
        let wrong = violations(&m).expect("reads").join("\n");
        assert!(wrong.contains("casemate-gateway must not know casemate-respond"), "{wrong}");
        assert!(wrong.contains("casemate-wire is pure and must not reach tokio"), "{wrong}");
        assert!(wrong.contains("casemate-shed is not in the table"), "{wrong}");
    }
}
