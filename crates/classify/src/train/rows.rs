//! Labelled rows, as JSON lines.

use serde::Deserialize;

/// One labelled text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The text.
    pub text: String,
    /// True for what is to be found.
    pub positive: bool,
    /// Where it comes from; held out as a whole in validation.
    pub source: String,
    /// Kind within the source.
    pub kind: String,
    /// Licence of the text.
    pub licence: String,
}

/// Why training data was refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DataError {
    /// A line is not a row.
    #[error("line {line}: {what}")]
    Line {
        /// From 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// Too many rows.
    #[error("more than {max} rows")]
    TooMany {
        /// [`ROWS_MAX`].
        max: usize,
    },
    /// A check needs another name.
    #[error("name {name:?} is not small letters, digits and dashes, a letter first, at most 40 in all")]
    Name {
        /// What was given.
        name: String,
    },
    /// Too few rows of one class to learn from.
    #[error("{rows} rows are {class}: at least {min} are needed")]
    OneClass {
        /// `positive` or `negative`.
        class: &'static str,
        /// How many there are.
        rows: usize,
        /// [`CLASS_ROWS_MIN`].
        min: usize,
    },
}

impl Row {
    /// True if what ships may be learned from it: a licence that forbids it says so.
    pub fn may_ship(&self) -> bool {
        !self.licence.contains("not redistributed") && !self.licence.contains("evaluation only")
    }
}

/// Most rows of one training.
pub const ROWS_MAX: usize = 2_000_000;
/// Fewest rows of each class.
pub const CLASS_ROWS_MIN: usize = 8;
/// Longest text of a row.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;

#[derive(Deserialize)]
struct Line {
    text: String,
    label: serde_json::Value,
    #[serde(default)]
    source: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    licence: String,
}

/// Reads rows: `text`, `label` (0, 1, true, false), and `source`, `kind`, `licence` where known. Empty lines, and rows whose
/// text is white space alone, teach nothing and are left out.
///
/// # Errors
/// [`DataError`] at the first line that is not a row.
pub fn parse_rows(jsonl: &str) -> Result<Vec<Row>, DataError> {
    let mut rows = Vec::new();
    for (i, line) in jsonl.lines().enumerate().filter(|(_, l)| !l.trim().is_empty()) {
        let fail = |what: String| DataError::Line { line: i + 1, what };
        if rows.len() == ROWS_MAX {
            return Err(DataError::TooMany { max: ROWS_MAX });
        }
        let line: Line = serde_json::from_str(line).map_err(|e| fail(e.to_string()))?;
        let positive = match &line.label {
            serde_json::Value::Bool(b) => *b,
            serde_json::Value::Number(n) if n.as_u64() == Some(0) => false,
            serde_json::Value::Number(n) if n.as_u64() == Some(1) => true,
            other => return Err(fail(format!("label {other} is neither 0 nor 1"))),
        };
        if line.text.len() > TEXT_BYTES_MAX {
            return Err(fail(format!("text has {} bytes, at most {TEXT_BYTES_MAX} are read", line.text.len())));
        }
        if line.text.trim().is_empty() {
            continue;
        }
        let Line { text, source, kind, licence, .. } = line;
        rows.push(Row { text, positive, source, kind, licence });
    }
    Ok(rows)
}

/// Refuses a set with too little of one class.
///
/// # Errors
/// [`DataError::OneClass`].
pub fn check_classes(rows: &[Row]) -> Result<(), DataError> {
    let positive = rows.iter().filter(|r| r.positive).count();
    for (class, rows) in [("positive", positive), ("negative", rows.len() - positive)] {
        if rows < CLASS_ROWS_MIN {
            return Err(DataError::OneClass { class, rows, min: CLASS_ROWS_MIN });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{DataError, TEXT_BYTES_MAX, check_classes, parse_rows};

    #[test]
    fn rows_and_broken_rows() {
        let rows = parse_rows(
            "{\"text\":\"a\",\"label\":1}\n\n{\"text\":\" \",\"label\":1}\n{\"text\":\"b\",\"label\":false,\"source\":\"s\"}\n",
        );
        let rows = rows.expect("two rows");
        assert_eq!((rows[0].positive, rows[1].positive, rows[1].source.as_str()), (true, false, "s"));
        for (bad, line) in [
            ("{\"text\":\"a\",\"label\":1}\n{\"text\":\"a\"}", 2),
            ("{\"text\":\"a\",\"label\":2}", 1),
            ("{\"text\":\"a\",\"label\":\"yes\"}", 1),
            ("nonsense", 1),
        ] {
            assert!(matches!(parse_rows(bad), Err(DataError::Line { line: l, .. }) if l == line), "{bad}");
        }
        let of = |n: usize| parse_rows(&format!("{{\"text\":\"{}\",\"label\":0}}", "a".repeat(n)));
        assert!(of(TEXT_BYTES_MAX).is_ok() && of(TEXT_BYTES_MAX + 1).is_err());
    }

    #[test]
    fn one_class_teaches_nothing() {
        let of = |positive: usize| {
            let lines: String =
                (0..16).map(|i| format!("{{\"text\":\"t{i}\",\"label\":{}}}\n", u8::from(i < positive))).collect();
            check_classes(&parse_rows(&lines).expect("rows"))
        };
        assert_eq!(of(8), Ok(()));
        assert_eq!(of(7), Err(DataError::OneClass { class: "positive", rows: 7, min: 8 }));
        assert_eq!(of(16), Err(DataError::OneClass { class: "negative", rows: 0, min: 8 }));
    }
}
