//! Jinja templates: what a chat template may not do. A loader renders it, often without a sandbox (CVE-2024-34359).

use crate::report::ArtifactSeverity::{self, Dangerous, Suspicious};
use crate::rules;
use crate::scan::Scan;

/// Longest template looked at.
pub(crate) const TEMPLATE_BYTES_MAX: usize = 4 << 20;

/// True when the text holds template expressions or statements.
pub(crate) fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%")
}

/// Reports what is wrong with the template, if anything.
pub(crate) fn check(scan: &mut Scan<'_, '_>, text: &str, at: u64, what: &str) {
    if text.len() > TEMPLATE_BYTES_MAX {
        scan.incomplete(format!("a template longer than {TEMPLATE_BYTES_MAX} bytes"));
        return;
    }
    if let Some((severity, why, evidence)) = judge(text) {
        scan.find(&rules::CHAT_TEMPLATE, severity, at, format!("{what} {why}"), evidence, &[]);
    }
}

/// The code inside `{{ … }}` and `{% … %}`; comments are left out, as Jinja leaves them out.
fn blocks(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(i) = rest.find('{') {
        rest = &rest[i..];
        let (open, close) = match rest.as_bytes().get(1) {
            Some(b'{') => (2, "}}"),
            Some(b'%') => (2, "%}"),
            Some(b'#') => {
                rest = rest.find("#}").map_or("", |e| &rest[e + 2..]);
                continue;
            }
            _ => {
                rest = &rest[1..];
                continue;
            }
        };
        let body = &rest[open..];
        // A closing mark inside a string does not close; taking the longer reading only widens what is looked at.
        let end = closing(body, close);
        out.push(&body[..end]);
        rest = &body[end..];
    }
    out
}

fn closing(body: &str, close: &str) -> usize {
    let bytes = body.as_bytes();
    let mut quote = None;
    let mut i = 0;
    while i < bytes.len() {
        match quote {
            Some(q) => {
                if bytes[i] == b'\\' {
                    i += 1;
                } else if bytes[i] == q {
                    quote = None;
                }
            }
            None if bytes[i] == b'\'' || bytes[i] == b'"' => quote = Some(bytes[i]),
            None if bytes[i..].starts_with(close.as_bytes()) => return i,
            None => {}
        }
        i += 1;
    }
    body.len()
}

/// Escapes of string literals undone, so that `\x5f\x5fclass\x5f\x5f` reads as what it is.
fn unescape(code: &str) -> String {
    if !code.contains('\\') {
        return code.to_owned();
    }
    let mut out = String::with_capacity(code.len());
    let mut chars = code.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.peek().copied() {
            Some('x' | 'u' | 'U') => {
                let width = match chars.next() {
                    Some('x') => 2,
                    Some('u') => 4,
                    _ => 8,
                };
                let digits: String =
                    std::iter::from_fn(|| chars.next_if(char::is_ascii_hexdigit)).take(width).collect();
                out.extend(u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32));
            }
            Some('0'..='7') => {
                let digits: String =
                    std::iter::from_fn(|| chars.next_if(|c| ('0'..='7').contains(c))).take(3).collect();
                out.extend(u32::from_str_radix(&digits, 8).ok().and_then(char::from_u32));
            }
            Some('N') => out.push('_'),
            Some(_) | None => out.push('\\'),
        }
    }
    out
}

/// A name between word boundaries, followed by `(` when `call`.
fn has_word(code: &str, word: &str, call: bool) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(i, _)| {
        let before = code[..i].chars().next_back();
        let after = code[i + word.len()..].trim_start();
        !before.is_some_and(is_word)
            && !code[i + word.len()..].chars().next().is_some_and(is_word)
            && (!call || after.starts_with('('))
    })
}

/// A dunder name in code or in a string: the way from any value to the interpreter.
fn dunder(code: &str) -> Option<String> {
    let mut from = 0;
    while let Some(i) = code[from..].find("__") {
        let start = from + i;
        let name: String = code[start + 2..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        if name.len() > 3 && name.ends_with("__") && name.trim_matches('_').chars().any(|c| c.is_ascii_alphabetic()) {
            return Some(format!("__{name}"));
        }
        from = start + 2;
    }
    None
}

/// The worst thing that the template does.
fn judge(text: &str) -> Option<(ArtifactSeverity, &'static str, String)> {
    let mut worst: Option<(ArtifactSeverity, &'static str, String)> = None;
    let mut note = |s: ArtifactSeverity, why: &'static str, evidence: String| {
        if worst.as_ref().is_none_or(|w| w.0 < s) {
            worst = Some((s, why, evidence));
        }
    };
    for block in blocks(text) {
        let code = unescape(block);
        let shown = || code.trim().chars().take(200).collect::<String>();
        if let Some(name) = dunder(&code) {
            note(Dangerous, "reaches into the interpreter through attribute names", format!("{name} in {}", shown()));
        }
        // Concatenation can build the same names: 'a'~'b', 'a' 'b', ['a','b']|join, 'x'|replace.
        let joined: String =
            code.chars().filter(|c| !matches!(c, '\'' | '"' | '~' | '+' | ' ' | ',' | '[' | ']' | '(' | ')')).collect();
        let bare = code.contains('\'') || code.contains('"');
        if bare
            && [
                "__class__",
                "__globals__",
                "__builtins__",
                "__import__",
                "__subclasses__",
                "__init__",
                "__mro__",
                "__base__",
            ]
            .iter()
            .any(|d| joined.contains(d))
        {
            note(Dangerous, "builds an attribute name that leads into the interpreter", shown());
        }
        for word in ["eval", "exec", "popen", "system", "getattr", "import_module", "check_output", "Popen", "os_popen"]
        {
            if has_word(&code, word, true) {
                note(Dangerous, "calls code-running functions", shown());
            }
        }
        if code.contains("|attr(")
            || code.contains("| attr(")
            || code.contains("|attr (")
            || has_word(&code, "attr", true)
        {
            note(Suspicious, "looks up attributes by name", shown());
        }
        for object in ["cycler", "joiner", "lipsum", "self", "get_flashed_messages", "url_for", "g.pop"] {
            if has_word(&code, object, false)
                && (code.contains(&format!("{object}.")) || code.contains(&format!("{object}[")))
                && (code.contains('_') || code.contains("init"))
                && code.contains("globals")
            {
                note(Dangerous, "walks from a template object to the interpreter", shown());
            }
        }
        if (has_word(&code, "chr", true) || code.contains("%c")) && code.contains("95") {
            note(Suspicious, "builds names from character codes", shown());
        }
        for member in [
            ".mro(",
            ".gi_frame",
            ".gi_code",
            ".f_globals",
            ".f_builtins",
            ".cr_frame",
            ".func_globals",
            ".tb_frame",
            "_module.",
            ".modules[",
            "os.environ",
            "sys.modules",
        ] {
            if code.contains(member) {
                note(Dangerous, "reaches into the interpreter", shown());
            }
        }
        let statement = code.trim_start_matches(['-', '+']).trim_start();
        for s in ["include ", "import ", "extends ", "from "] {
            if statement.starts_with(s) && (statement.contains('\'') || statement.contains('"')) {
                note(Suspicious, "pulls in another template or file", shown());
            }
        }
        if code.len() < 4096
            && (code.contains("'_'*")
                || code.contains("'_' *")
                || code.contains("\"_\"*")
                || code.contains("\"_\" *")
                || code.contains("'_'~'_'")
                || code.contains("'_'+'_'"))
        {
            note(Suspicious, "builds names with underscores piecewise", shown());
        }
    }
    worst
}

#[cfg(test)]
mod tests {
    use super::{Dangerous, Suspicious, judge};

    #[test]
    fn examples_and_counterexamples() {
        for (t, s) in [
            ("{{ ().__class__ }}", Some(Dangerous)),
            (r"{{ x['\x5f\x5fglobals\x5f\x5f'] }}", Some(Dangerous)),
            (r"{{ x['\137\137globals\137\137'] }}", Some(Dangerous)),
            ("{{ x|attr('for' ~ 'mat') }}", Some(Suspicious)),
            ("{{ x['__cla' ~ 'ss__'] }}", Some(Dangerous)),
            ("{% include '/etc/passwd' %}", Some(Suspicious)),
            ("{{ '%c%c'|format(95, 95) }}", Some(Suspicious)),
            ("{{ lipsum['\\u005f\\u005fglobals\\u005f\\u005f'] }}", Some(Dangerous)),
            ("{{ eval ('1') }}", Some(Dangerous)),
            ("{% for m in messages %}{{ m['content'] | trim }}{{ '<|im_end|>' }}{% endfor %}", None),
            ("{# __class__ in a comment #}{{ bos_token }}", None),
            ("text with __init__ outside of blocks {{ a }}", None),
            ("{%- set ns = namespace(system_prompt='', is_first=true) -%}{{ ns.system_prompt }}", None),
            ("{{ raise_exception('system role not supported') }}", None),
        ] {
            assert_eq!(judge(t).map(|j| j.0), s, "{t}");
        }
    }
}
