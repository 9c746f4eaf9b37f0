//! The decision arithmetic of a case, laid out for reading. Triage's value is shown as it is: every member becomes a
//! term, numbers are not rounded away, and nothing is left out.

use serde_json::Value;

/// One named number or word of the arithmetic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// Its name in plain words, with the names of what it is part of before it.
    pub name: String,
    /// Its value as shown.
    pub value: String,
}

/// A case's decision, laid out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arithmetic {
    /// What came out of it, if triage says so in words.
    pub headline: Option<String>,
    /// What was weighed, mildest rung first.
    pub rungs: Vec<RungLine>,
    /// Everything else, in triage's order.
    pub terms: Vec<Term>,
}

/// One rung of the ladder, weighed: what it prevents, less the harm if it is wrong, less taking it back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RungLine {
    /// Its name in plain words.
    pub name: String,
    /// `prevented − harm − reversal`, with the numbers.
    pub sum: String,
    /// What remains.
    pub net: String,
    /// Why it may or may not run without people.
    pub why: String,
    /// True if it is worth it.
    pub worth: bool,
    /// True if it may run without people.
    pub unattended: bool,
    /// True for the rung that was decided on.
    pub chosen: bool,
}

impl RungLine {
    fn of(value: &Value, chosen: Option<&str>) -> Option<Self> {
        let name = value.get("rung")?.as_str()?;
        let amount = |key: &str| value.get(key).and_then(Value::as_f64);
        let (prevented, harm, reversal) = (amount("prevented")?, amount("harm")?, amount("reversal")?);
        let flag = |key: &str| value.get(key).and_then(Value::as_bool).unwrap_or(false);
        Some(Self {
            name: crate::words::plain(name),
            sum: format!("{} − {} − {}", number(prevented), number(harm), number(reversal)),
            net: number(amount("net")?),
            why: value.get("why").and_then(Value::as_str).unwrap_or_default().to_owned(),
            worth: flag("worth"),
            unattended: flag("unattended"),
            chosen: chosen == Some(name),
        })
    }
}

/// Terms that are shown at most; the arithmetic of one decision has some tens.
const TERMS_MAX: usize = 80;
/// Members that hold the outcome in words.
const HEADLINES: [&str; 4] = ["explanation", "summary", "why", "reason"];

impl Arithmetic {
    /// Lays out triage's value.
    pub fn of(decision: &Value) -> Self {
        let mut out = Self::default();
        if let Value::Object(map) = decision {
            let found = HEADLINES.iter().find_map(|k| map.get(*k).and_then(Value::as_str));
            out.headline = found.map(str::to_owned);
        }
        let mut rest = decision.clone();
        let chosen = decision.get("rung").and_then(Value::as_str);
        let rungs = decision.get("arithmetic").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let lines: Option<Vec<RungLine>> = rungs.iter().take(TERMS_MAX).map(|r| RungLine::of(r, chosen)).collect();
        if let (Some(lines), Value::Object(map)) = (lines, &mut rest) {
            out.rungs = lines;
            map.remove("arithmetic");
        }
        out.walk("", &rest);
        out
    }

    /// True if triage made no decision.
    pub fn is_empty(&self) -> bool {
        self.headline.is_none() && self.terms.is_empty() && self.rungs.is_empty()
    }

    fn walk(&mut self, path: &str, value: &Value) {
        if self.terms.len() >= TERMS_MAX {
            return;
        }
        match value {
            Value::Null => {}
            Value::Object(map) => {
                for (key, item) in map {
                    let top_headline = path.is_empty() && HEADLINES.contains(&key.as_str()) && item.is_string();
                    if !top_headline {
                        let name = crate::words::plain(key);
                        let name = if path.is_empty() { name } else { format!("{path} › {name}") };
                        self.walk(&name, item);
                    }
                }
            }
            Value::Array(items) if items.iter().any(Value::is_object) => {
                for (i, item) in items.iter().enumerate() {
                    self.walk(&format!("{path} {}", i + 1), item);
                }
            }
            Value::Number(n) => self.push(path, n.as_f64().map_or_else(|| n.to_string(), number)),
            Value::Bool(b) => self.push(path, if *b { "yes" } else { "no" }.to_owned()),
            other => self.push(path, crate::words::one_line(other, 400)),
        }
    }

    fn push(&mut self, name: &str, value: String) {
        self.terms.push(Term { name: name.to_owned(), value });
    }
}

/// A number with as many decimals as say something: three significant ones below 1, two up to 1,000, else none.
fn number(x: f64) -> String {
    let text = match x.abs() {
        a if (1_000.0..1e15).contains(&a) => return thousands(x),
        a if a >= 1.0 => format!("{x:.2}"),
        _ => format!("{x:.4}"),
    };
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn thousands(x: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the caller keeps it below 1e15")]
    let whole = x.abs().round() as u64;
    format!("{}{}", if x < 0.0 { "−" } else { "" }, crate::words::count(whole))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn everything_is_laid_out() {
        let a = Arithmetic::of(&json!({
            "explanation": "limit runs unattended", "p": 0.92, "gain": 1200.0, "rungs": [{"rung": "rate_limit", "ok": true}],
            "cost": {"false_positive": 12.5, "reversal": 0}, "none": null,
        }));
        assert_eq!(a.headline.as_deref(), Some("limit runs unattended"));
        let terms: Vec<(&str, &str)> = a.terms.iter().map(|t| (t.name.as_str(), t.value.as_str())).collect();
        assert_eq!(
            terms,
            [
                ("p", "0.92"),
                ("gain", "1\u{202f}200"),
                ("rungs 1 › rung", "rate_limit"),
                ("rungs 1 › ok", "yes"),
                ("cost › false positive", "12.5"),
                ("cost › reversal", "0"),
            ]
        );
        assert!(Arithmetic::of(&Value::Null).is_empty());
    }

    #[test]
    fn triage_arithmetic_becomes_lines_and_another_shape_stays_terms() {
        let rung = json!({"rung": "rate_limit", "prevented": 40.5, "harm": 2.0, "reversal": 0.5, "net": 38.0,
            "worth": true, "unattended": true, "why": "reversible"});
        let a = Arithmetic::of(&json!({"rung": "rate_limit", "summary": "limit", "arithmetic": [rung]}));
        assert_eq!((a.rungs[0].sum.as_str(), a.rungs[0].net.as_str()), ("40.5 − 2 − 0.5", "38"));
        assert!(a.rungs[0].chosen && a.rungs[0].unattended && a.headline.as_deref() == Some("limit"));
        assert_eq!(a.terms.len(), 1);
        let b = Arithmetic::of(&json!({"arithmetic": [{"rung": 7}]}));
        assert!(b.rungs.is_empty() && b.terms.len() == 1);
    }

    #[test]
    fn a_huge_value_is_cut() {
        let big: Vec<Value> = (0..200).map(|i| json!({ "x": i })).collect();
        assert_eq!(Arithmetic::of(&json!({ "many": big })).terms.len(), TERMS_MAX);
    }
}
