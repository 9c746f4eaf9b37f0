//! CEL expressions and `${…}` templates: compiled once, bounded, and giving JSON values, never spliced text.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, LazyLock};

use cel::common::ast::{EntryExpr, Expr, IdedExpr, LiteralValue};
use serde_json::{Map, Number, Value};

use crate::limits::Limits;

/// Names that an expression may begin with, and what they hold. A source mapping has `raw` alone.
pub const ROOTS: [(&str, &str); 7] = [
    ("alert", "the alert that started the run"),
    ("case", "the case: id, tenant, severity, tier, entities by kind"),
    ("vars", "the playbook's variables"),
    ("steps", "outputs of finished steps: steps.<name>.output and .status"),
    ("run", "the run: id, playbook, started_ms"),
    ("item", "the current item of a for-each, or the turn of a loop from 0"),
    ("raw", "the untouched alert, in a source mapping"),
];

/// Why an expression cannot be used, or what went wrong when it ran.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    /// Longer than [`Limits::expression_bytes_max`].
    #[error("expression is {bytes} bytes long; the limit is {max}")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// Brackets, prefix or conditional operators past [`Limits::expression_depth_max`].
    #[error("brackets or operators nested {depth} deep; the limit is {max}")]
    TooNested {
        /// How deep.
        depth: usize,
        /// The limit.
        max: usize,
    },
    /// Comprehensions inside one another past [`Limits::comprehension_depth_max`].
    #[error("{depth} comprehensions inside one another; the limit is {max}")]
    TooDeep {
        /// How many.
        depth: usize,
        /// The limit.
        max: usize,
    },
    /// Not CEL.
    #[error("not an expression: {why}")]
    Syntax {
        /// What the parser said.
        why: String,
    },
    /// A `${` without its `}`.
    #[error("`${{` without a closing brace")]
    Unclosed,
    /// It could not be evaluated: a missing member, the wrong type, ….
    #[error("cannot evaluate `{source_text}`: {why}")]
    Evaluate {
        /// The expression.
        source_text: String,
        /// What the interpreter said.
        why: String,
    },
    /// The values that it asks for are more than [`Limits::context_nodes_max`].
    #[error("the values that it reads are too many; the limit is {max}")]
    ContextTooLarge {
        /// The limit.
        max: usize,
    },
    /// A condition gave something other than true or false.
    #[error("`{source_text}` gives {got}, not true or false")]
    NotBool {
        /// The expression.
        source_text: String,
        /// The type that it gave.
        got: String,
    },
    /// It gave a value that JSON cannot hold.
    #[error("`{source_text}` gives a value that JSON cannot hold")]
    NotJson {
        /// The expression.
        source_text: String,
    },
}

/// What an expression reads, so that a validator can compare it with what is declared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// First names, bound variables of comprehensions left out.
    pub roots: BTreeSet<String>,
    /// Members of `vars`.
    pub vars: BTreeSet<String>,
    /// Members of `steps`.
    pub steps: BTreeSet<String>,
    /// Functions that are called (operators have names like `_+_`).
    pub functions: BTreeSet<String>,
}

/// A compiled expression.
pub struct Expression {
    source: String,
    program: cel::Program,
    reads: Reads,
}

impl std::fmt::Debug for Expression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Expression").field(&self.source).finish()
    }
}

/// The values that an expression is evaluated over: one JSON value by first name.
pub type Roots<'a> = HashMap<&'a str, &'a Value>;

impl Expression {
    /// Compiles CEL.
    ///
    /// # Errors
    /// [`ExpressionError::TooLong`], [`ExpressionError::TooDeep`] or [`ExpressionError::Syntax`].
    pub fn compile(source: &str, limits: &Limits) -> Result<Self, ExpressionError> {
        if source.len() > limits.expression_bytes_max {
            return Err(ExpressionError::TooLong { bytes: source.len(), max: limits.expression_bytes_max });
        }
        let depth = nesting(source);
        if depth > limits.expression_depth_max {
            return Err(ExpressionError::TooNested { depth, max: limits.expression_depth_max });
        }
        let (program, reads) = parse(source, *limits)?;
        Ok(Self { source: source.to_owned(), program, reads })
    }

    /// The text that it was compiled from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What it reads.
    pub fn reads(&self) -> &Reads {
        &self.reads
    }

    /// Evaluates it to a JSON value.
    ///
    /// # Errors
    /// What the evaluation, or the size of what it reads, says.
    pub fn evaluate(&self, roots: &Roots<'_>, limits: &Limits) -> Result<Value, ExpressionError> {
        let value = self.run(roots, limits)?;
        to_json(&value).ok_or_else(|| ExpressionError::NotJson { source_text: self.source.clone() })
    }

    /// Evaluates it to true or false. Anything else is an error: a condition that cannot be decided is not "no".
    ///
    /// # Errors
    /// As [`Expression::evaluate`], and [`ExpressionError::NotBool`].
    pub fn holds(&self, roots: &Roots<'_>, limits: &Limits) -> Result<bool, ExpressionError> {
        match self.run(roots, limits)? {
            cel::Value::Bool(b) => Ok(b),
            other => {
                Err(ExpressionError::NotBool { source_text: self.source.clone(), got: other.type_of().to_string() })
            }
        }
    }

    fn run(&self, roots: &Roots<'_>, limits: &Limits) -> Result<cel::Value, ExpressionError> {
        let mut context = cel::Context::with_env(Arc::clone(&STDLIB));
        let mut left = limits.context_nodes_max;
        for name in &self.reads.roots {
            if let Some(value) = roots.get(name.as_str()) {
                let value = from_json(value, &mut left)
                    .ok_or(ExpressionError::ContextTooLarge { max: limits.context_nodes_max })?;
                context.add_variable_from_value(name.as_str(), value);
            }
        }
        self.program.execute(&context).map_err(|e| ExpressionError::Evaluate {
            source_text: self.source.clone(),
            why: first_line(&e.to_string()),
        })
    }
}

/// CEL's standard functions, built once: making them anew for every evaluation costs more than the evaluation.
static STDLIB: LazyLock<Arc<cel::Env>> = LazyLock::new(|| Arc::new(cel::Env::stdlib()));

/// Parses and measures on a thread of its own: CEL's generated parser takes over 100 KiB of stack for each bracket, and a
/// long chain of operators becomes a tree as deep as it is long.
fn parse(source: &str, limits: Limits) -> Result<(cel::Program, Reads), ExpressionError> {
    let text = source.to_owned();
    let work = move || {
        let program =
            cel::Program::compile(&text).map_err(|e| ExpressionError::Syntax { why: first_line(&e.to_string()) })?;
        let mut walk = Walk::default();
        walk.visit(program.expression(), 0, 1);
        if walk.tree > limits.expression_tree_max {
            return Err(ExpressionError::TooNested { depth: walk.tree, max: limits.expression_tree_max });
        }
        if walk.depth > limits.comprehension_depth_max {
            return Err(ExpressionError::TooDeep { depth: walk.depth, max: limits.comprehension_depth_max });
        }
        Ok((program, walk.reads))
    };
    std::thread::Builder::new()
        .name("cel-parse".to_owned())
        .stack_size(PARSE_STACK_BYTES)
        .spawn(work)
        .map_err(|e| ExpressionError::Syntax { why: format!("cannot start the parser: {e}") })?
        .join()
        .unwrap_or_else(|_| Err(ExpressionError::Syntax { why: "the parser gave up on it".to_owned() }))
}

/// Address space only: pages that are not touched cost nothing.
const PARSE_STACK_BYTES: usize = 64 << 20;

/// The worst of: brackets open at once, prefix operators in a row, conditional operators in all. Text literals are passed
/// over. Counted before parsing, since the parser's own limit lets through what overflows a small stack.
fn nesting(source: &str) -> usize {
    let (mut open, mut worst, mut prefixes, mut conditions) = (0_usize, 0_usize, 0_usize, 0_usize);
    let (mut quote, mut escaped) = (None, false);
    for b in source.bytes() {
        match (quote, b) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), b'\\') => escaped = true,
            (Some(q), _) if b == q => quote = None,
            (Some(_), _) => {}
            (None, b'\'' | b'"') => quote = Some(b),
            (None, b'(' | b'[' | b'{') => open += 1,
            (None, b')' | b']' | b'}') => open = open.saturating_sub(1),
            (None, b'?') => conditions += 1,
            (None, _) => {}
        }
        match b {
            b'!' | b'-' => prefixes += 1,
            b' ' | b'\t' | b'\n' | b'\r' => {}
            _ => prefixes = 0,
        }
        worst = worst.max(open).max(prefixes).max(conditions);
    }
    worst
}

/// The first line, at most 200 characters: alert text may stand in a message, and must not flood it.
fn first_line(text: &str) -> String {
    text.lines().find(|l| !l.trim().is_empty()).unwrap_or("").chars().take(200).collect()
}

#[derive(Default)]
struct Walk {
    reads: Reads,
    bound: Vec<String>,
    depth: usize,
    tree: usize,
}

impl Walk {
    /// `depth` counts comprehensions, `level` nodes, from the top.
    fn visit(&mut self, e: &IdedExpr, depth: usize, level: usize) {
        self.depth = self.depth.max(depth);
        self.tree = self.tree.max(level);
        let level = level + 1;
        match &e.expr {
            Expr::Unspecified | Expr::Literal(_) => {}
            Expr::Ident(name) => {
                let name = name.trim_start_matches('.');
                if !name.starts_with('@') && !self.bound.iter().any(|b| b == name) {
                    self.reads.roots.insert(name.to_owned());
                }
            }
            Expr::Select(select) => {
                self.member(&select.operand, &select.field);
                self.visit(&select.operand, depth, level);
            }
            Expr::Call(call) => {
                self.reads.functions.insert(call.func_name.clone());
                if let ("_[_]", [of, at]) = (call.func_name.as_str(), call.args.as_slice())
                    && let Expr::Literal(LiteralValue::String(field)) = &at.expr
                {
                    self.member(of, field.inner());
                }
                for part in call.target.as_deref().into_iter().chain(&call.args) {
                    self.visit(part, depth, level);
                }
            }
            Expr::Comprehension(c) => {
                self.visit(&c.iter_range, depth, level);
                self.visit(&c.accu_init, depth, level);
                let outer = self.bound.len();
                self.bound.push(c.iter_var.clone());
                self.bound.push(c.accu_var.clone());
                self.bound.extend(c.iter_var2.clone());
                for part in [&c.loop_cond, &c.loop_step, &c.result] {
                    self.visit(part, depth + 1, level);
                }
                self.bound.truncate(outer);
            }
            Expr::List(list) => list.elements.iter().for_each(|part| self.visit(part, depth, level)),
            Expr::Map(map) => map.entries.iter().for_each(|entry| self.entry(&entry.expr, depth, level)),
            Expr::Struct(s) => s.entries.iter().for_each(|entry| self.entry(&entry.expr, depth, level)),
        }
    }

    fn entry(&mut self, entry: &EntryExpr, depth: usize, level: usize) {
        match entry {
            EntryExpr::StructField(field) => self.visit(&field.value, depth, level),
            EntryExpr::MapEntry(pair) => {
                self.visit(&pair.key, depth, level);
                self.visit(&pair.value, depth, level);
            }
        }
    }

    fn member(&mut self, of: &IdedExpr, field: &str) {
        if let Expr::Ident(root) = &of.expr
            && !self.bound.iter().any(|b| b == root)
        {
            match root.as_str() {
                "vars" => self.reads.vars.insert(field.to_owned()),
                "steps" => self.reads.steps.insert(field.to_owned()),
                _ => false,
            };
        }
    }
}

/// JSON to CEL, whole numbers as `int`, or none if there are more than `left` values.
fn from_json(value: &Value, left: &mut usize) -> Option<cel::Value> {
    *left = left.checked_sub(1)?;
    Some(match value {
        Value::Null => cel::Value::Null,
        Value::Bool(b) => cel::Value::Bool(*b),
        Value::Number(n) => match (n.as_i64(), n.as_u64()) {
            (Some(i), _) => cel::Value::Int(i),
            (None, Some(u)) => cel::Value::UInt(u),
            (None, None) => cel::Value::Float(n.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(s) => cel::Value::from(s.as_str()),
        Value::Array(items) => {
            let items: Option<Vec<cel::Value>> = items.iter().map(|i| from_json(i, left)).collect();
            cel::Value::List(Arc::new(items?))
        }
        Value::Object(members) => {
            let mut map = HashMap::with_capacity(members.len());
            for (k, v) in members {
                map.insert(cel::objects::Key::String(Arc::new(k.clone())), from_json(v, left)?);
            }
            cel::Value::Map(cel::objects::Map { map: Arc::new(map) })
        }
    })
}

fn to_json(value: &cel::Value) -> Option<Value> {
    Some(match value {
        cel::Value::Null => Value::Null,
        cel::Value::Bool(b) => Value::Bool(*b),
        cel::Value::Int(i) => Value::from(*i),
        cel::Value::UInt(u) => Value::from(*u),
        cel::Value::Float(f) => Value::Number(Number::from_f64(*f)?),
        cel::Value::String(s) => Value::from(s.as_str()),
        cel::Value::List(items) => Value::Array(items.iter().map(to_json).collect::<Option<_>>()?),
        cel::Value::Map(map) => {
            // Sorted, since the order of a hash map is not the same twice and the digest of a command must be.
            let mut members: Vec<(String, &cel::Value)> = map.map.iter().map(|(k, v)| (key_text(k), v)).collect();
            members.sort_by(|a, b| a.0.cmp(&b.0));
            let mut out = Map::new();
            for (k, v) in members {
                out.insert(k, to_json(v)?);
            }
            Value::Object(out)
        }
        _ => return None,
    })
}

fn key_text(key: &cel::objects::Key) -> String {
    match key {
        cel::objects::Key::Int(i) => i.to_string(),
        cel::objects::Key::Uint(u) => u.to_string(),
        cel::objects::Key::Bool(b) => b.to_string(),
        cel::objects::Key::String(s) => s.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Expression, ExpressionError, Roots};
    use crate::limits::Limits;

    const LIMITS: Limits = Limits::DEFAULT;

    fn eval(source: &str, vars: &Value) -> Result<Value, ExpressionError> {
        let roots: Roots<'_> = [("vars", vars)].into();
        Expression::compile(source, &LIMITS)?.evaluate(&roots, &LIMITS)
    }

    #[test]
    fn expressions_give_json() {
        let vars = json!({"tier": 1, "owner": {"name": "fraud"}, "ips": ["10.0.0.1", "10.0.0.2"], "p": 0.5});
        for (source, expected) in [
            ("vars.tier + 1", json!(2)),
            ("vars.tier <= 1 && vars.owner.name == 'fraud'", json!(true)),
            ("vars.ips.map(ip, {'kind': 'address', 'value': ip})[1]", json!({"kind": "address", "value": "10.0.0.2"})),
            ("size(vars.ips) > 1 ? 'many' : 'one'", json!("many")),
            ("has(vars.missing)", json!(false)),
            ("vars.p * 2.0", json!(1.0)),
        ] {
            assert_eq!(eval(source, &vars).as_ref(), Ok(&expected), "{source}");
        }
    }

    #[test]
    fn what_cannot_be_decided_is_an_error_not_a_no() {
        let vars = json!({"n": 3});
        assert!(matches!(eval("vars.missing == 1", &vars), Err(ExpressionError::Evaluate { .. })));
        assert!(matches!(eval("nobody.x", &vars), Err(ExpressionError::Evaluate { .. })));
        assert!(matches!(eval("vars.n +", &vars), Err(ExpressionError::Syntax { .. })));
        let roots: Roots<'_> = [("vars", &vars)].into();
        let number = Expression::compile("vars.n", &LIMITS).expect("compiles");
        assert!(matches!(number.holds(&roots, &LIMITS), Err(ExpressionError::NotBool { .. })));
    }

    #[test]
    fn reads_are_known_without_running() {
        let e = Expression::compile("vars.a + vars['b'] > 1 && steps.look.output.x.exists(y, y == item)", &LIMITS)
            .expect("compiles");
        assert_eq!(e.reads().vars.iter().map(String::as_str).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(e.reads().steps.iter().map(String::as_str).collect::<Vec<_>>(), ["look"]);
        assert_eq!(e.reads().roots.iter().map(String::as_str).collect::<Vec<_>>(), ["item", "steps", "vars"]);
    }

    #[test]
    fn limits_hold_at_the_limit_and_break_one_past_it() {
        let limits = Limits { expression_bytes_max: 8, context_nodes_max: 4, ..LIMITS };
        assert!(Expression::compile("1 + 1234", &limits).is_ok());
        assert!(matches!(
            Expression::compile("1 + 12345", &limits),
            Err(ExpressionError::TooLong { bytes: 9, max: 8 })
        ));
        let nested = "vars.l.map(a, vars.l.map(b, 1))";
        assert!(Expression::compile(nested, &LIMITS).is_ok());
        assert!(matches!(
            Expression::compile(&format!("vars.l.map(c, {nested})"), &LIMITS),
            Err(ExpressionError::TooDeep { depth: 3, max: 2 })
        ));
        let size = Expression::compile("size(l)", &limits).expect("compiles");
        let (fits, one_more) = (json!([1, 2, 3]), json!([1, 2, 3, 4]));
        assert!(size.evaluate(&[("l", &fits)].into(), &limits).is_ok());
        assert_eq!(
            size.evaluate(&[("l", &one_more)].into(), &limits),
            Err(ExpressionError::ContextTooLarge { max: 4 })
        );
        let brackets = |n: usize| format!("{}1{}", "(".repeat(n), ")".repeat(n));
        assert!(Expression::compile(&brackets(16), &LIMITS).is_ok());
        assert!(matches!(
            Expression::compile(&brackets(17), &LIMITS),
            Err(ExpressionError::TooNested { depth: 17, max: 16 })
        ));
    }

    #[test]
    fn long_chains_neither_overflow_nor_pass_unbounded() {
        for chain in ["1+", "1-", "a.b&&", "a||", "!", "- ", "[", "{1:", "a?1:", "a[0]+", "f(", "a.f().", "x.", "1<"] {
            for n in [1, 15, 16, 40, 400, 4_000 / chain.len()] {
                let _ = Expression::compile(&format!("{}1", chain.repeat(n)), &LIMITS)
                    .map(|e| e.evaluate(&[].into(), &LIMITS).is_ok());
            }
        }
    }
}
