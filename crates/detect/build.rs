//! Reads the rule files when the crate is built: a file that is no TOML, a rule without an id of its own, without examples
//! or without counterexamples fails the build. What is left is JSON, which is read at start-up in a fraction of the time.

use std::{collections::BTreeSet, env, error::Error, fs, path::Path};

const FILES: &[&str] = &["pii", "secrets-tokens", "secrets-services", "secrets-generic"];

#[expect(clippy::disallowed_methods, reason = "a build script takes its folder from the environment")]
fn main() -> Result<(), Box<dyn Error>> {
    let out = env::var("OUT_DIR")?;
    let mut ids = BTreeSet::new();
    for name in FILES {
        let path = format!("rules/{name}.toml");
        println!("cargo::rerun-if-changed={path}");
        let text = fs::read_to_string(&path)?;
        let file: toml::Table = toml::from_str(&text).map_err(|e| format!("{path}: {e}"))?;
        for section in ["rule", "family"] {
            for rule in file.get(section).and_then(toml::Value::as_array).into_iter().flatten() {
                check(rule, &mut ids).map_err(|e| format!("{path}: {e}"))?;
            }
        }
        fs::write(Path::new(&out).join(format!("{name}.json")), serde_json::to_string(&file)?)?;
    }
    Ok(())
}

/// Refuses what no rule that ships may be.
fn check(rule: &toml::Value, ids: &mut BTreeSet<String>) -> Result<(), String> {
    let id = rule.get("id").and_then(toml::Value::as_str).ok_or("a rule without an id")?;
    if !(id.starts_with("pii/") || id.starts_with("secret/")) {
        return Err(format!("rule {id}: the id begins with neither `pii/` nor `secret/`"));
    }
    if !id.contains('{') && !ids.insert(id.to_owned()) {
        return Err(format!("rule {id}: this id is used twice"));
    }
    for list in ["examples", "counterexamples"] {
        if rule.get(list).and_then(toml::Value::as_array).is_none_or(Vec::is_empty) {
            return Err(format!("rule {id}: no {list}"));
        }
    }
    Ok(())
}
