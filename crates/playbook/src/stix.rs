//! The part of STIX patterning that CACAO conditions use: comparisons of variables, joined by AND, OR and NOT. It becomes
//! CEL, so that there is one evaluator.

/// CEL for a STIX comparison expression over CACAO variables, as `__tier__:value = '1' AND NOT __n__:value > 5`. Square
/// brackets around an observation are read as parentheses.
///
/// # Errors
/// A phrase that says what was found and what was expected.
pub fn to_cel(pattern: &str) -> Result<String, String> {
    let tokens = tokenize(pattern)?;
    let mut parser = Parser { tokens: &tokens, at: 0, depth: 0 };
    let cel = parser.or()?;
    match parser.peek() {
        None => Ok(cel),
        Some(token) => Err(format!("`{token}` is left over")),
    }
}

fn tokenize(text: &str) -> Result<Vec<String>, String> {
    let mut tokens = Vec::new();
    let mut chars = text.char_indices().peekable();
    while let Some((start, c)) = chars.next() {
        match c {
            c if c.is_whitespace() => {}
            '(' | ')' | '[' | ']' | ',' | '=' => tokens.push(c.to_string()),
            '<' | '>' | '!' => {
                let mut op = c.to_string();
                if let Some((_, next @ ('=' | '>'))) = chars.peek().copied() {
                    op.push(next);
                    chars.next();
                }
                tokens.push(op);
            }
            '\'' => {
                let mut literal = String::from("'");
                loop {
                    match chars.next() {
                        Some((_, '\\')) => literal.push(chars.next().ok_or("a text does not end")?.1),
                        Some((_, '\'')) => break,
                        Some((_, c)) => literal.push(c),
                        None => return Err("a text does not end".to_owned()),
                    }
                }
                tokens.push(literal);
            }
            c if c.is_alphanumeric() || matches!(c, '_' | '-' | '+') => {
                let mut end = start + c.len_utf8();
                while let Some((at, c)) = chars.peek().copied() {
                    if !(c.is_alphanumeric() || matches!(c, '_' | '-' | ':' | '.')) {
                        break;
                    }
                    end = at + c.len_utf8();
                    chars.next();
                }
                tokens.push(text[start..end].to_owned());
            }
            other => return Err(format!("`{other}` is not expected")),
        }
    }
    Ok(tokens)
}

struct Parser<'a> {
    tokens: &'a [String],
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&str> {
        self.tokens.get(self.at).map(String::as_str)
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.peek().is_some_and(|t| t.eq_ignore_ascii_case(token));
        self.at += usize::from(found);
        found
    }

    fn next(&mut self, expected: &str) -> Result<String, String> {
        let token = self.tokens.get(self.at).cloned().ok_or_else(|| format!("{expected} is missing at the end"))?;
        self.at += 1;
        Ok(token)
    }

    fn or(&mut self) -> Result<String, String> {
        let mut cel = self.and()?;
        while self.take("OR") {
            cel = format!("{cel} || {}", self.and()?);
        }
        Ok(cel)
    }

    fn and(&mut self) -> Result<String, String> {
        let mut cel = self.one()?;
        while self.take("AND") {
            cel = format!("{cel} && {}", self.one()?);
        }
        Ok(cel)
    }

    fn one(&mut self) -> Result<String, String> {
        self.depth += 1;
        if self.depth > 64 {
            return Err("it is nested too deep".to_owned());
        }
        let cel = if self.take("NOT") {
            format!("!({})", self.one()?)
        } else if self.take("(") || self.take("[") {
            let inner = self.or()?;
            if !(self.take(")") || self.take("]")) {
                return Err("a bracket is not closed".to_owned());
            }
            format!("({inner})")
        } else {
            self.comparison()?
        };
        self.depth -= 1;
        Ok(cel)
    }

    fn comparison(&mut self) -> Result<String, String> {
        let left = self.next("a variable")?;
        let name = left
            .strip_suffix(":value")
            .unwrap_or(&left)
            .strip_prefix("__")
            .and_then(|n| n.strip_suffix("__"))
            .ok_or_else(|| format!("`{left}` is not a variable as `__name__:value`"))?;
        let variable = format!("vars[{}]", serde_json::Value::from(name));
        let negated = self.take("NOT");
        let op = self.next("an operator")?;
        let cel = match op.to_ascii_uppercase().as_str() {
            "=" => format!("{variable} == {}", self.literal()?),
            "!=" | "<>" => format!("{variable} != {}", self.literal()?),
            "<" | ">" | "<=" | ">=" => format!("{variable} {op} {}", self.literal()?),
            "IN" => {
                if !self.take("(") {
                    return Err("IN needs a list in parentheses".to_owned());
                }
                let mut items = vec![self.literal()?];
                while self.take(",") {
                    items.push(self.literal()?);
                }
                if !self.take(")") {
                    return Err("the list of IN does not end".to_owned());
                }
                format!("{variable} in [{}]", items.join(", "))
            }
            _ => return Err(format!("the operator `{op}` is not supported")),
        };
        Ok(if negated { format!("!({cel})") } else { cel })
    }

    fn literal(&mut self) -> Result<String, String> {
        let token = self.next("a value")?;
        if let Some(text) = token.strip_prefix('\'') {
            return Ok(serde_json::Value::from(text).to_string());
        }
        match token.to_ascii_lowercase().as_str() {
            "true" => Ok("true".to_owned()),
            "false" => Ok("false".to_owned()),
            number if number.parse::<i64>().is_ok() => Ok(number.trim_start_matches('+').to_owned()),
            number if number.parse::<f64>().is_ok_and(f64::is_finite) => Ok(number.to_owned()),
            _ => Err(format!("`{token}` is not a value: write text in single quotes")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::to_cel;

    #[test]
    fn patterns_become_cel() {
        for (pattern, cel) in [
            ("__a__:value = '1.2.3.4'", r#"vars["a"] == "1.2.3.4""#),
            ("[__a__:value > 5 AND NOT __b-c__:value != 'x']", r#"(vars["a"] > 5 && !(vars["b-c"] != "x"))"#),
            (
                "__a__:value NOT IN ('x', 'it\\'s') or __t__ = true",
                r#"!(vars["a"] in ["x", "it's"]) || vars["t"] == true"#,
            ),
        ] {
            assert_eq!(to_cel(pattern).as_deref(), Ok(cel), "{pattern}");
        }
    }

    #[test]
    fn the_rest_is_refused_with_a_reason() {
        let deep = "NOT ".repeat(70);
        for bad in [
            "",
            "__a__",
            "a = 1",
            "__a__ = ",
            "__a__ LIKE 'x%'",
            "(__a__ = 1",
            "__a__ = 1 __b__ = 2",
            "__a__ = 'x",
            &deep,
        ] {
            assert!(to_cel(bad).is_err(), "{bad}");
        }
    }
}
