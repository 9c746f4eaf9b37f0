//! YAML (1.1, as PyYAML reads it) without a tree: pairs of keys and values by line and in flow style, and tags. What is
//! looked for are names that a loader imports; a pair that is seen where YAML sees none does no harm.

use super::code;
use super::import_names::{self, Hit, Named};
use crate::report::ArtifactSeverity::{Dangerous, Review, Suspicious};
use crate::rules;

/// Longest value that is kept; names are shorter.
const VALUE_CHARS_MAX: usize = 512;
/// Bytes behind the beginning of a pair or tag that are looked at, so that many of them on one line cost no more each.
const WINDOW_BYTES: usize = 512;
/// Names kept of one document.
const NAMES_MAX: usize = 64;
/// Bytes before and behind a pair in which the fields beside it are looked for.
const BESIDE_BYTES: usize = 512;

/// A key and its value, with the place of the key.
struct Pair<'t> {
    at: usize,
    key: String,
    value: String,
    /// What is behind the key.
    rest: &'t str,
}

/// True for a text in which a name to import may stand.
pub(super) fn may_name(text: &str) -> bool {
    text.len() >= 16 && ["_target_", "_component_", "class_path", "__kind__", "py/"].iter().any(|k| text.contains(k))
}

/// Names that a loader imports or calls, with their places.
pub(super) fn names(text: &str) -> Vec<(u64, Hit)> {
    let mut out: Vec<(u64, Hit)> = Vec::new();
    pairs(text, &[':', '='], &mut |p| {
        let begin = (0..=p.at.saturating_sub(BESIDE_BYTES)).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
        let end = (p.at.saturating_add(BESIDE_BYTES)..=text.len()).find(|i| text.is_char_boundary(*i));
        let around = text.get(begin..end.unwrap_or(text.len())).unwrap_or_default();
        let hit = import_names::of_field(&p.key, &p.value, &|f| around.contains(f))
            .or_else(|| of_target(&p))
            .or_else(|| import_names::of_value(&p.key, &p.value));
        out.extend(hit.map(|h| (p.at as u64, h)));
        super::worst::keep(&mut out, NAMES_MAX, |(_, h)| h.severity);
    });
    out
}

/// `target` with `params` of the configurations that took after Hydra, and names put together from other values.
fn of_target(p: &Pair<'_>) -> Option<Hit> {
    let with_params = || {
        let lines = p.rest.lines().skip(1).take(3);
        lines.map(|l| l.trim_start().trim_start_matches(['"', '\''])).any(|l| l.starts_with("params"))
    };
    match p.key.as_str() {
        "target" if with_params() => import_names::of_field("_target_", &p.value, &|_| false),
        "_target_" | "_component_" | "class_path" if p.value.contains("${") && !p.value.starts_with("${") => {
            let why = "puts the name of what is called together from other values";
            Some(Hit::new(&rules::EMBEDDED_CODE, Review, why, p.value.clone()))
        }
        _ => None,
    }
}

/// Every `key: value`, or `key = value`, at the beginning of a line and behind the marks of lists and flow style.
fn pairs<'t>(text: &'t str, marks: &[char], on: &mut dyn FnMut(Pair<'t>)) {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let begin = start;
        start += line.len();
        if line.trim_start().starts_with('#') {
            continue;
        }
        let mut from = 0;
        loop {
            let rest = &line[from..];
            let skipped = rest.len() - rest.trim_start_matches([' ', '\t', '-', '?', '{', '[', ',']).len();
            let at = begin + from + skipped;
            if let Some((key, rest)) = key(window(text, at), marks) {
                on(Pair { at, key, value: value(rest), rest });
            }
            match line[from + skipped..].find(['{', ',', '[']) {
                Some(i) => from += skipped + i + 1,
                None => break,
            }
        }
    }
}

/// The text from `at` on, as far as it is looked at.
fn window(text: &str, at: usize) -> &str {
    let end = at.saturating_add(WINDOW_BYTES).min(text.len());
    let end = (end..=text.len()).find(|i| text.is_char_boundary(*i)).unwrap_or(text.len());
    text.get(at..end).unwrap_or_default()
}

/// A key and what follows its mark.
fn key<'t>(text: &'t str, marks: &[char]) -> Option<(String, &'t str)> {
    let (key, rest) = match text.chars().next()? {
        quote @ ('"' | '\'') => quoted(text, quote)?,
        _ => {
            let end = text.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '/' | '.' | '@')))?;
            (text[..end].to_owned(), &text[end..])
        }
    };
    // `? key` has its mark on the next line.
    let rest = rest.trim_start_matches([' ', '\t']);
    let rest = rest.strip_prefix('\n').map_or(rest, |below| below.trim_start_matches([' ', '\t']));
    (!key.is_empty()).then_some(())?;
    Some((key, rest.strip_prefix(marks)?))
}

/// The scalar that `text` begins with, its properties left out.
fn value(text: &str) -> String {
    let mut rest = text.trim_start_matches([' ', '\t']);
    let mut below = false;
    for _ in 0..8 {
        rest = match rest.chars().next() {
            // Anchors and tags; what they are worth is told elsewhere.
            Some('&' | '!') => rest.trim_start_matches(|c: char| !c.is_whitespace()).trim_start_matches([' ', '\t']),
            Some('|' | '>') => rest.split_once('\n').map_or("", |(_, below)| below).trim_start(),
            Some('\r' | '\n' | '#') if !below => {
                below = true;
                rest.split_once('\n').map_or("", |(_, b)| b).trim_start()
            }
            _ => break,
        };
    }
    match rest.chars().next() {
        Some(quote @ ('"' | '\'')) => quoted(rest, quote).map(|(v, _)| v).unwrap_or_default(),
        _ => {
            let end = rest.find(['\n', '\r', '#', ',', '}', ']']).unwrap_or(rest.len());
            rest[..end].trim_end().chars().take(VALUE_CHARS_MAX).collect()
        }
    }
}

/// A quoted scalar with its escapes undone, and what is behind it.
fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut out = String::new();
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((i, c)) = chars.next() {
        match c {
            '\'' if quote == '\'' && chars.peek().is_some_and(|(_, c)| *c == '\'') => {
                chars.next();
                out.push('\'');
            }
            c if c == quote => return Some((out, &text[i + 1..])),
            '\\' if quote == '"' => {
                let (_, escape) = chars.next()?;
                let width = match escape {
                    'x' => 2,
                    'u' => 4,
                    'U' => 8,
                    // A break of the line that is none.
                    '\n' => {
                        while chars.next_if(|(_, c)| matches!(c, ' ' | '\t')).is_some() {}
                        continue;
                    }
                    c => {
                        out.push(c);
                        continue;
                    }
                };
                let digits: String =
                    std::iter::from_fn(|| chars.next_if(|(_, c)| c.is_ascii_hexdigit()).map(|(_, c)| c))
                        .take(width)
                        .collect();
                out.extend(u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32));
            }
            c => out.push(c),
        }
    }
    None
}

/// Python tags, by whichever way of writing them (`!!`, a verbatim tag, a handle of a `%TAG` line), the tags by which
/// HyperPyYAML (SpeechBrain) and others call what they name, and classes of other languages.
pub(super) fn tags(text: &str) -> Vec<(u64, Hit)> {
    let mut out: Vec<(u64, Hit)> = Vec::new();
    let shown = |at: usize| text[at..].chars().take(120).take_while(|c| *c != '\n').collect::<String>();
    for tag in ["python/object", "python/name", "python/module"] {
        for begin in ["!!", "!", "!<tag:yaml.org,2002:", "tag:yaml.org,2002:"] {
            if let Some(at) = text.find(&format!("{begin}{tag}")) {
                let why = "a YAML tag makes the loader call Python";
                out.push((at as u64, Hit::new(&rules::EMBEDDED_CODE, Dangerous, why, shown(at))));
                break;
            }
        }
    }
    for line in text.lines().filter(|l| l.starts_with("%TAG") && l.contains("yaml.org,2002:p")) {
        let at = line.as_ptr() as usize - text.as_ptr() as usize;
        let why = "a YAML directive gives Python tags another name";
        out.push((at as u64, Hit::new(&rules::EMBEDDED_CODE, Dangerous, why, line.to_owned())));
    }
    for (at, _) in text.match_indices('!') {
        let open = text[..at].chars().next_back().is_none_or(|c| c.is_whitespace() || matches!(c, '[' | '{' | ','));
        if open && let Some(hit) = of_tag(window(text, at)) {
            out.push((at as u64, hit));
            super::worst::keep(&mut out, NAMES_MAX, |(_, h)| h.severity);
        }
    }
    out
}

/// The tag that `text` begins with.
fn of_tag(text: &str) -> Option<Hit> {
    let end = text.find(|c: char| c.is_whitespace() || matches!(c, ',' | ']' | '}')).unwrap_or(text.len());
    let tag = text.get(..end.min(VALUE_CHARS_MAX))?;
    let inner = tag.strip_prefix("!<").map_or(tag, |t| t.trim_end_matches('>'));
    if let Some(class) = inner.strip_prefix("!!").or_else(|| inner.strip_prefix("tag:yaml.org,2002:")) {
        let foreign = ["js/", "ruby/", "perl/"].iter().any(|p| class.starts_with(p));
        let why = "a YAML tag makes a loader in another language construct a class";
        return (foreign || import_names::is_dotted(class))
            .then(|| Hit::new(&rules::EMBEDDED_CODE, Suspicious, why, tag.to_owned()));
    }
    let name = match inner.strip_prefix('!')?.split_once(':') {
        Some(("new" | "name" | "apply" | "applyref" | "call" | "module" | "obj", name)) => name.to_owned(),
        None if inner == "!function" => value(&text[end..]),
        _ => return None,
    };
    match import_names::judge(&name) {
        Named::Known => None,
        Named::Acting => Some(Hit::new(&rules::EMBEDDED_CODE, Dangerous, import_names::CONFIGURED_CALL, name)),
        Named::Unknown => {
            let places = import_names::places(&name);
            let why = "a YAML tag names code that is imported when the model is loaded";
            Some(Hit { places, ..Hit::new(&rules::REMOTE_CODE, Review, why, tag.to_owned()) })
        }
    }
}

/// Code in values that some readers evaluate (the layers of YOLOv5, the downloads of Ultralytics).
pub(super) fn code(text: &str) -> Vec<(u64, Hit)> {
    let mut out = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let calls = |p: &str| line.contains(p) && !line.trim_start().starts_with('#');
        let severity = if calls("__import__(") {
            Some(Suspicious)
        } else if ["os.system(", "os.popen(", "subprocess.", "pty.spawn(", "builtins.exec"].iter().any(|p| calls(p)) {
            code::phrase(line).filter(|_| line.contains('(')).map(|_| Review)
        } else {
            None
        };
        let shell = line.trim_start().strip_prefix("download:").map(str::trim_start);
        let severity = match shell {
            Some(s) if ["bash ", "sh ", "curl ", "wget "].iter().any(|p| s.starts_with(p)) => Some(Suspicious),
            _ => severity,
        };
        if let Some(severity) = severity.filter(|_| out.len() < NAMES_MAX) {
            let why = "a value of a configuration holds code";
            out.push((at as u64, Hit::new(&rules::EMBEDDED_CODE, severity, why, line.trim().to_owned())));
        }
        at += line.len();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{names, pairs, tags};
    use crate::report::ArtifactSeverity::{Dangerous, Review, Suspicious};

    fn all(text: &str) -> Vec<(String, String)> {
        let mut out = Vec::new();
        pairs(text, &[':'], &mut |p| out.push((p.key, p.value)));
        out
    }

    #[test]
    fn pairs_of_every_style() {
        for text in [
            "k: a.b",
            "- k : a.b # why",
            "'k': 'a.b'",
            "{\"k\":\"a.b\"}",
            "m: {x: 1, k: a.b, y: 2}",
            "k: &x a.b",
            "k: !!str a.b",
            "k: >-\n  a.b\n",
            "k:\n  a.b\n",
            "? k\n: a.b\n",
            "\"\\x6b\": \"a\\x2eb\"",
            "k: \"a.\\\n  b\"",
        ] {
            assert!(all(text).contains(&("k".into(), "a.b".into())), "{text:?}: {:?}", all(text));
        }
        assert!(all("# k: a.b\n").is_empty() && all("just words, and more\n").is_empty());
        // What is longer than the window is cut, between characters.
        let long = format!("k: {}", "é".repeat(2000));
        assert!(all(&long).iter().all(|(_, v)| v.chars().count() <= super::VALUE_CHARS_MAX));
        for odd in ["k: \"a", "k:", "\"", "{", "? k\n", "k: >", "k: &", "é: ü", "\u{feff}k: é"] {
            all(odd);
        }
    }

    #[test]
    fn names_and_tags() {
        let worst = |hits: Vec<(u64, super::Hit)>| hits.iter().map(|(_, h)| h.severity).max();
        for (text, severity) in [
            ("_target_: os.system", Some(Dangerous)),
            ("_target_: os.${x}", Some(Review)),
            ("target: os.system\nparams: 1", Some(Dangerous)),
            ("target: os.system\nx: 1", Some(Suspicious)),
            ("type: acme.C\ninit_parameters: {}", Some(Suspicious)),
            ("type: acme.C\nother: {}", None),
            ("x = \"os.system\"", Some(Review)),
        ] {
            assert_eq!(worst(names(text)), severity, "{text}");
        }
        for (text, severity) in [
            ("a: !apply:os.system [id]", Some(Dangerous)),
            ("a: !<!apply:os.system> [id]", Some(Dangerous)),
            ("a: !new:acme.Net", Some(Review)),
            ("a: [!name:torch.nn.ReLU , !ref <x>]", None),
            ("a: !function utils.f", Some(Review)),
            ("a: !!javax.script.ScriptEngineManager []", Some(Suspicious)),
            ("a: !!float 1.5", None),
            ("a: wow!new:os.system", None),
            ("a: !!python/tuple [1]", None),
        ] {
            assert_eq!(worst(tags(text)), severity, "{text}");
        }
    }
}
