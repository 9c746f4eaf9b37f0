//! Reads a YAML file into a type, and turns what is wrong with it into file, line, column, reason and nearest known key.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde_saphyr::Error as YamlError;

use crate::failure::Failure;

/// A configuration file larger than this is refused.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Reads `path` into `T`.
fn load<T: DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    let what = "cannot use the configuration";
    let shown = path.display().to_string();
    let size = std::fs::metadata(path).map_err(|e| {
        Failure::usage(what, e.to_string()).at(&shown).remedy("`casemate init` writes a commented file to start from")
    })?;
    if size.len() > FILE_BYTES_MAX {
        return Err(Failure::usage(what, format!("{} bytes, the limit is {FILE_BYTES_MAX}", size.len())).at(shown));
    }
    let bytes = std::fs::read(path).map_err(|e| Failure::usage(what, e.to_string()).at(&shown))?;
    let text = String::from_utf8(bytes)
        .map_err(|e| Failure::usage(what, "not UTF-8").at(format!("{shown}, byte {}", e.utf8_error().valid_up_to())))?;
    parse(&text, &shown)
}

/// The file if one is named, else what an empty file would give.
pub(crate) fn or_default<T: DeserializeOwned + Default>(path: Option<&Path>) -> Result<T, Failure> {
    path.map_or_else(|| Ok(T::default()), load)
}

fn parse<T: DeserializeOwned>(text: &str, shown: &str) -> Result<T, Failure> {
    serde_saphyr::from_str(text).map_err(|error| explain(&error, text, shown))
}

/// Ways to name a secret: what stands in their place is likely the secret itself, and is not repeated.
const SECRET_SOURCES: &[&str] = &["env", "file"];

fn explain(error: &YamlError, text: &str, shown: &str) -> Failure {
    let error = error.without_snippet();
    let secret = matches!(error, YamlError::SerdeUnknownVariant { expected, .. } if *expected == SECRET_SOURCES);
    let place = error.location().map_or_else(
        || shown.to_owned(),
        |l| {
            let line = usize::try_from(l.line()).ok().and_then(|n| text.lines().nth(n.checked_sub(1)?));
            let line = line.filter(|_| !secret);
            let shown_line = line.map(|l| format!(": `{}`", l.trim())).unwrap_or_default();
            format!("{shown}, line {}, column {}{shown_line}", l.line(), l.column())
        },
    );
    let (why, remedy) = match error {
        YamlError::SerdeUnknownField { field, expected, .. } => {
            (format!("unknown key `{field}`"), suggestion(field, expected))
        }
        YamlError::SerdeUnknownVariant { .. } if secret => (
            "a secret is named here, never written".to_owned(),
            "write {env: NAME} or {file: PATH}, and replace the secret if this file was seen by others".to_owned(),
        ),
        YamlError::SerdeUnknownVariant { variant, expected, .. } => {
            (format!("unknown value `{variant}`"), suggestion(variant, expected))
        }
        YamlError::SerdeMissingField { field, .. } => {
            (format!("missing key `{field}`"), format!("add `{field}:` there; `casemate init` shows every key"))
        }
        YamlError::DuplicateMappingKey { key, .. } => (
            format!("key `{}` stands there twice", key.as_deref().unwrap_or("?")),
            "keep one of the two: which of them would count is not for a security tool to guess".to_owned(),
        ),
        other => (reason_alone(other), "`casemate init` writes a commented file to compare with".to_owned()),
    };
    Failure::usage("cannot use the configuration", why).at(place).remedy(remedy)
}

/// The reason without the place, which is said separately.
fn reason_alone(error: &YamlError) -> String {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or("not valid YAML");
    first.split(" at line ").next().unwrap_or(first).to_owned()
}

fn suggestion(written: &str, known: &[&str]) -> String {
    let nearest = known.iter().map(|k| (distance(written, k), *k)).min();
    let all = known.join(", ");
    match nearest {
        Some((far, key)) if far <= (written.len().max(3)) / 2 => format!("did you mean `{key}`? known here: {all}"),
        Some(_) => format!("known here: {all}"),
        None => "no key is known here".to_owned(),
    }
}

/// Damerau-Levenshtein distance (optimal string alignment) over characters.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let cost = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (rows[i - 1][j] + 1).min(row[j - 1] + 1).min(rows[i - 1][j - 1] + cost);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::{distance, parse};

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[expect(dead_code, reason = "only the parse matters")]
        requests_per_min: u32,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[expect(dead_code, reason = "only the parse matters")]
        limits: Inner,
    }

    fn refused(text: &str) -> String {
        let f = parse::<Outer>(text, "casemate.yaml").expect_err("refused");
        format!("{} | {} | {}", f.place, f.why, f.remedy)
    }

    #[test]
    fn says_where_why_and_the_nearest_key() {
        let f = refused("limits:\n  request_per_min: 5\n");
        assert!(f.contains("casemate.yaml, line 2, column 3: `request_per_min: 5`"), "{f}");
        assert!(f.contains("unknown key `request_per_min`"), "{f}");
        assert!(f.contains("did you mean `requests_per_min`?"), "{f}");
    }

    #[test]
    fn wrong_type_missing_key_duplicate_and_broken_yaml_are_placed() {
        assert!(refused("limits:\n  requests_per_min: soon\n").contains("line 2"));
        assert!(refused("limits: {}\n").contains("missing key `requests_per_min`"));
        let twice = refused("limits:\n  requests_per_min: 1\n  requests_per_min: 2\n");
        assert!(twice.contains("line 3") && twice.contains("twice"), "{twice}");
        assert!(refused("limits: [1,\n").contains("line"), "{}", refused("limits: [1,\n"));
    }

    #[test]
    fn distances() {
        for (a, b, d) in [("", "abc", 3), ("listen", "lisetn", 1), ("kitten", "sitting", 3), ("same", "same", 0)] {
            assert_eq!(distance(a, b), d, "{a} {b}");
        }
    }

    #[test]
    fn a_secret_that_was_written_is_not_repeated() {
        #[derive(Debug, Deserialize)]
        struct Keyed {
            #[expect(dead_code, reason = "it is never made")]
            api_key: casemate_finding::SecretSource,
        }
        let failure = parse::<Keyed>("api_key: hunter2-hunter2\n", "c.yaml").expect_err("no secret stands there");
        let told = serde_json::to_string(&failure).expect("JSON");
        assert!(!told.contains("hunter2"), "{told}");
        assert!(told.contains("line 1") && told.contains("{env: NAME}"), "{told}");
    }
}
