//! Arguments with `${…}` in them. A text that is one `${…}` and nothing else becomes that expression's JSON value; text
//! around it makes a JSON text. Nothing is ever put together into a shell line, a URL or a query.

use serde_json::{Map, Value};

use crate::expression::{Expression, ExpressionError, Roots};
use crate::limits::Limits;

/// Compiled arguments.
#[derive(Debug)]
pub struct Template(Node);

#[derive(Debug)]
enum Node {
    Plain(Value),
    Value(Box<Expression>),
    Text(Vec<Part>),
    Array(Vec<Node>),
    Object(Vec<(String, Node)>),
}

#[derive(Debug)]
enum Part {
    Plain(String),
    Value(Box<Expression>),
}

impl Template {
    /// Compiles every `${…}` in `args`; `$${` stands for `${` itself.
    ///
    /// # Errors
    /// What compiling one of the expressions says.
    pub fn compile(args: &Value, limits: &Limits) -> Result<Self, ExpressionError> {
        Ok(Self(node(args, limits)?))
    }

    /// Fills in the values.
    ///
    /// # Errors
    /// What evaluating one of the expressions says.
    pub fn render(&self, roots: &Roots<'_>, limits: &Limits) -> Result<Value, ExpressionError> {
        render(&self.0, roots, limits)
    }

    /// All expressions inside, in the order of the text.
    pub fn expressions(&self) -> Vec<&Expression> {
        let mut out = Vec::new();
        collect(&self.0, &mut out);
        out
    }
}

fn node(value: &Value, limits: &Limits) -> Result<Node, ExpressionError> {
    Ok(match value {
        Value::String(text) => {
            let mut parts = split(text, limits)?;
            match parts.as_slice() {
                [] => Node::Plain(Value::from("")),
                [Part::Plain(plain)] => Node::Plain(Value::from(plain.as_str())),
                [Part::Value(_)] => match parts.pop() {
                    Some(Part::Value(e)) => Node::Value(e),
                    _ => Node::Text(parts),
                },
                _ => Node::Text(parts),
            }
        }
        Value::Array(items) => Node::Array(items.iter().map(|i| node(i, limits)).collect::<Result<_, _>>()?),
        Value::Object(members) => Node::Object(
            members.iter().map(|(k, v)| Ok((k.clone(), node(v, limits)?))).collect::<Result<_, ExpressionError>>()?,
        ),
        plain => Node::Plain(plain.clone()),
    })
}

fn split(text: &str, limits: &Limits) -> Result<Vec<Part>, ExpressionError> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            plain.push_str(&rest[..at]);
            plain.push('{');
            rest = &rest[at + 2..];
            continue;
        }
        plain.push_str(&rest[..at]);
        let inside = &rest[at + 2..];
        let end = closing_brace(inside).ok_or(ExpressionError::Unclosed)?;
        if !plain.is_empty() {
            parts.push(Part::Plain(std::mem::take(&mut plain)));
        }
        parts.push(Part::Value(Box::new(Expression::compile(inside[..end].trim(), limits)?)));
        rest = &inside[end + 1..];
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        parts.push(Part::Plain(plain));
    }
    Ok(parts)
}

/// Where the `}` is that ends an expression: braces inside it, and in its string literals, are its own.
fn closing_brace(text: &str) -> Option<usize> {
    let (mut depth, mut quote, mut escaped) = (0_usize, None, false);
    for (at, b) in text.bytes().enumerate() {
        match (quote, b) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), b'\\') => escaped = true,
            (Some(q), _) if b == q => quote = None,
            (Some(_), _) => {}
            (None, b'\'' | b'"') => quote = Some(b),
            (None, b'{') => depth += 1,
            (None, b'}') if depth == 0 => return Some(at),
            (None, b'}') => depth -= 1,
            (None, _) => {}
        }
    }
    None
}

fn render(node: &Node, roots: &Roots<'_>, limits: &Limits) -> Result<Value, ExpressionError> {
    Ok(match node {
        Node::Plain(value) => value.clone(),
        Node::Value(e) => e.evaluate(roots, limits)?,
        Node::Text(parts) => {
            let mut out = String::new();
            for part in parts {
                match part {
                    Part::Plain(text) => out.push_str(text),
                    Part::Value(e) => match e.evaluate(roots, limits)? {
                        Value::String(text) => out.push_str(&text),
                        Value::Array(items) if items.iter().all(Value::is_string) => {
                            let texts: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
                            out.push_str(&texts.join(", "));
                        }
                        other => out.push_str(&other.to_string()),
                    },
                }
            }
            Value::String(out)
        }
        Node::Array(items) => Value::Array(items.iter().map(|i| render(i, roots, limits)).collect::<Result<_, _>>()?),
        Node::Object(members) => {
            let mut out = Map::new();
            for (k, v) in members {
                out.insert(k.clone(), render(v, roots, limits)?);
            }
            Value::Object(out)
        }
    })
}

fn collect<'a>(node: &'a Node, out: &mut Vec<&'a Expression>) {
    match node {
        Node::Plain(_) => {}
        Node::Value(e) => out.push(e),
        Node::Text(parts) => out.extend(parts.iter().filter_map(|p| match p {
            Part::Value(e) => Some(&**e),
            Part::Plain(_) => None,
        })),
        Node::Array(items) => items.iter().for_each(|i| collect(i, out)),
        Node::Object(members) => members.iter().for_each(|(_, v)| collect(v, out)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Template;
    use crate::expression::ExpressionError;
    use crate::limits::Limits;

    const LIMITS: Limits = Limits::DEFAULT;

    fn fill(args: &Value, vars: &Value) -> Result<Value, ExpressionError> {
        Template::compile(args, &LIMITS)?.render(&[("vars", vars)].into(), &LIMITS)
    }

    #[test]
    fn values_keep_their_type_and_text_stays_data() {
        let hostile = json!({"ip": "1.2.3.4'; rm -rf / #${vars.n}", "n": 7, "l": [1, 2]});
        let args = json!({
            "target": "${vars.ip}", "n": "${ vars.n }", "all": ["${vars.l}"], "same": 5,
            "note": "${vars.n} of ${vars.l} for {x}", "literal": "costs $${5}", "map": "${{'a': '}'}.a}",
        });
        assert_eq!(
            fill(&args, &hostile),
            Ok(json!({
                "target": "1.2.3.4'; rm -rf / #${vars.n}", "n": 7, "all": [[1, 2]], "same": 5,
                "note": "7 of [1,2] for {x}", "literal": "costs ${5}", "map": "}",
            }))
        );
    }

    #[test]
    fn broken_templates_are_refused() {
        assert!(matches!(fill(&json!("${vars.n"), &json!({})), Err(ExpressionError::Unclosed)));
        assert!(matches!(fill(&json!(["${vars.}"]), &json!({})), Err(ExpressionError::Syntax { .. })));
        assert!(matches!(fill(&json!("a ${vars.n}"), &json!({})), Err(ExpressionError::Evaluate { .. })));
    }
}
