//! Programs of `torch.export` (`.pt2`, JSON inside): sizes are written as expressions that the loader evaluates as Python
//! (`sympy.sympify`), and operators as dotted names that it walks.

use super::json::{Event, Scalar};
use super::{code, worst};
use crate::policy;
use crate::report::ArtifactSeverity::{self, Allowed, Dangerous, Review, Suspicious};
use crate::rules::{self, Rule};

/// Findings kept of one document.
const HITS_MAX: usize = 64;

/// What was seen of a program while its document went by.
#[derive(Default)]
pub(super) struct Export {
    /// It is one: it has the parts that the serializer always writes.
    sure: bool,
    hits: Vec<(ArtifactSeverity, u64, &'static str, String)>,
}

/// A finding of the program, ready to be reported.
pub(super) type Hit = (&'static Rule, ArtifactSeverity, u64, &'static str, String);

impl Export {
    /// Takes the end of an object.
    pub(super) fn object(&mut self, key: &str, fields: &[(String, Scalar)], at: u64) {
        self.sure |= matches!(key, "graph_module" | "opset_version" | "range_constraints" | "module_call_graph");
        if let Some(text) = Event::text(fields, "expr_str")
            && let Some((severity, why)) = expression(text)
        {
            self.hits.push((severity, at, why, text.to_owned()));
        }
        if let Some(target) = Event::text(fields, "target")
            && let Some((severity, why)) = operator(target)
        {
            self.hits.push((severity, at, why, target.to_owned()));
        }
        worst::keep(&mut self.hits, HITS_MAX, |h| h.0);
    }

    /// What to report, once the document is over.
    pub(super) fn hits(self) -> (bool, Vec<Hit>) {
        let Self { sure, hits } = self;
        let hits = hits.into_iter().filter(|h| sure || h.0 == Dangerous && h.2 == EVALUATED);
        (sure, hits.map(|(s, at, why, text)| (&rules::EXPORT_PROGRAM, s, at, why, text)).collect())
    }
}

const EVALUATED: &str = "a size is an expression that the loader evaluates as Python code";

/// Words that expressions of sizes are made of.
fn is_known_word(word: &str) -> bool {
    let numbered = |p: &str| {
        word.strip_prefix(p).is_some_and(|d| d.bytes().all(|b| b.is_ascii_digit() || b == b'_') && !d.is_empty())
    };
    ["s", "u", "zuf", "zf", "i", "z"].iter().any(|p| numbered(p))
        || word.starts_with("OpaqueUnaryFn_")
        || matches!(
            word,
            "Abs"
                | "Add"
                | "And"
                | "BitwiseFn_bitwise_and"
                | "BitwiseFn_bitwise_or"
                | "CeilToInt"
                | "CleanDiv"
                | "E"
                | "Eq"
                | "Equality"
                | "False"
                | "Float"
                | "FloatPow"
                | "FloatTrueDiv"
                | "FloorDiv"
                | "FloorToInt"
                | "GreaterThan"
                | "Identity"
                | "IntTrueDiv"
                | "Integer"
                | "IsNonOverlappingAndDenseIndicator"
                | "LShift"
                | "LessThan"
                | "Max"
                | "Min"
                | "Mod"
                | "ModularIndexing"
                | "Mul"
                | "Ne"
                | "Not"
                | "Or"
                | "Piecewise"
                | "Pow"
                | "PowByNatural"
                | "PythonMod"
                | "RShift"
                | "Rational"
                | "RoundDecimal"
                | "RoundToInt"
                | "StrictGreaterThan"
                | "StrictLessThan"
                | "ToFloat"
                | "True"
                | "TruncToFloat"
                | "TruncToInt"
                | "Unequality"
                | "Where"
                | "ceiling"
                | "e"
                | "exp"
                | "floor"
                | "int_oo"
                | "log"
                | "nan"
                | "oo"
                | "pi"
                | "sqrt"
                | "zoo"
        )
}

/// What is wrong with the expression of a size.
fn expression(text: &str) -> Option<(ArtifactSeverity, &'static str)> {
    let mut words = text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.')).filter(|w| !w.is_empty());
    let attribute = |w: &str| {
        w.char_indices().any(|(i, c)| {
            c == '.'
                && w[i + 1..].starts_with(|n: char| n.is_alphabetic() || n == '_')
                && !w[..i].bytes().all(|b| b.is_ascii_digit())
        })
    };
    let code = text.contains("__")
        || text.contains(['\'', '"', '[', '{', ';', ':', '\\', '`'])
        || !text.is_ascii()
        || text.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|w| {
            matches!(w, "import" | "lambda" | "eval" | "exec" | "open" | "getattr" | "globals" | "compile" | "for")
        })
        || words.clone().any(attribute);
    if code {
        return Some((Dangerous, EVALUATED));
    }
    let number = |w: &str| w.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    words
        .any(|w| !number(w) && !is_known_word(w))
        .then_some((Review, "the expression of a size uses a name that is not known"))
}

/// What is wrong with the dotted name of an operator.
fn operator(target: &str) -> Option<(ArtifactSeverity, &'static str)> {
    let outside = "an operator comes from a library that has to be loaded";
    if let Some(path) = target.strip_prefix("torch.ops.") {
        let (space, op) = path.split_once('.').unwrap_or((path, ""));
        if space == "higher_order" {
            return None;
        }
        return match code::operator(space, op.split('.').next().unwrap_or(op))? {
            Dangerous => Some((Dangerous, "an operator reads or writes files when the program runs")),
            severity => Some((severity, outside)),
        };
    }
    let (module, name) = match target.split_once('.') {
        Some((m @ ("torch" | "_operator" | "operator" | "math" | "builtins"), n)) => (m, n),
        // The loader leaves other names alone.
        _ => return None,
    };
    if name.starts_with("sym_") || name.starts_with("_sym_") || name.starts_with("_higher_order_ops.") {
        return None;
    }
    if module == "math" || module != "torch" && matches!(name, "setitem" | "delitem") {
        return name.contains('.').then_some((Dangerous, "an operator walks from a module to other code"));
    }
    let entry = policy::judge(module, name);
    match entry.severity {
        Dangerous => Some((Dangerous, "an operator is a function that runs code, or reaches files or the network")),
        s if s <= Allowed => None,
        _ if module != "torch" => None,
        _ if name.contains('.') => Some((Suspicious, "an operator walks from a module to other code")),
        _ => Some((Review, "an operator is a function that programs do not usually call")),
    }
}

#[cfg(test)]
mod tests {
    use super::{expression, operator};
    use crate::report::ArtifactSeverity::{Dangerous, Review};

    #[test]
    fn examples_and_counterexamples() {
        for (text, want) in [
            ("s0", None),
            ("2*s0 + 1", None),
            ("Max(1, s77*(s0//2))", None),
            ("Eq(Mod(s0, 8), 0)", None),
            ("1.5e-3*FloatTrueDiv(s1, 2.0)", None),
            ("__import__('os').system('id')", Some(Dangerous)),
            ("s0.__class__", Some(Dangerous)),
            ("sys.exit()", Some(Dangerous)),
            ("(lambda: 1)()", Some(Dangerous)),
            ("frobnicate(s0)", Some(Review)),
        ] {
            assert_eq!(expression(text).map(|e| e.0), want, "{text}");
        }
        for (target, want) in [
            ("torch.ops.aten.add.Tensor", None),
            ("torch.ops.higher_order.cond", None),
            ("torch.sym_max", None),
            ("_operator.add", None),
            ("operator.getitem", None),
            ("math.ceil", None),
            ("torch.ops.aten.from_file.default", Some(Dangerous)),
            ("torch.ops.acme.run.default", Some(Review)),
            ("torch.serialization.os.system", Some(Dangerous)),
            ("torch.hub.load", Some(Dangerous)),
            ("operator.methodcaller", Some(Dangerous)),
            ("some text", None),
        ] {
            assert_eq!(operator(target).map(|e| e.0), want, "{target}");
        }
    }
}
