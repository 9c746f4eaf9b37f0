//! Times, durations, sizes and JSON in the words that people read.

use std::borrow::Cow;
use std::fmt;

use askama::filters::{Escaper, Safe};
use casemate_finding::UnixMs;
use serde_json::Value;

/// HTML that is put into a page as it is. Only this module and [`crate::draw`] make it, from escaped parts.
pub type Markup = Safe<String>;

/// How every template writes text (`askama.toml` says so): see [`escape`].
#[derive(Clone, Copy, Debug, Default)]
pub struct HostileText;

impl Escaper for HostileText {
    fn write_escaped_str<W: fmt::Write>(&self, mut dest: W, string: &str) -> fmt::Result {
        dest.write_str(&escape(string))
    }
}

/// Text as HTML text or attribute value. Characters that turn the direction of what follows, that are not seen, or that
/// control a terminal are written out as `⟨U+202E⟩`: a name must not read as another one.
pub fn escape(text: &str) -> Cow<'_, str> {
    let plain = |c: char| !matches!(c, '&' | '<' | '>' | '"' | '\'') && !is_deceptive(c);
    if text.chars().all(plain) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if is_deceptive(c) => out.push_str(&format!("⟨U+{:04X}⟩", u32::from(c))),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Direction controls, zero-width and other invisible characters, tag characters, and control characters other than
/// tab and line ends. (Joiners of emoji and scripts are among the invisible ones: showing them is the lesser evil here.)
const fn is_deceptive(c: char) -> bool {
    matches!(c,
        '\u{0}'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{34f}'
        | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// `at` as a `<time>` element: relative for reading, absolute in the title.
pub fn when(at: UnixMs, now: UnixMs) -> Markup {
    Safe(format!(r#"<time datetime="{at}" title="{}">{}</time>"#, absolute(at), relative(at, now)))
}

/// `2026-11-21 20:24:03 UTC`.
pub fn absolute(at: UnixMs) -> String {
    let text = at.to_string();
    match (text.get(..10), text.get(11..19)) {
        (Some(day), Some(time)) => format!("{day} {time} UTC"),
        _ => text,
    }
}

/// `just now`, `5 min ago`, `in 2 h`.
pub fn relative(at: UnixMs, now: UnixMs) -> String {
    let past = now.since_ms(at);
    if past.abs() < 5_000 {
        return "just now".into();
    }
    let span = duration_ms(past.abs());
    if past > 0 { format!("{span} ago") } else { format!("in {span}") }
}

/// A span of milliseconds in its largest fitting unit: `120 ms`, `42 s`, `5 min`, `3 h`, `2 d`.
pub fn duration_ms(ms: i64) -> String {
    match ms {
        ..1_000 => format!("{ms} ms"),
        1_000..10_000 if ms % 1_000 >= 100 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        1_000..90_000 => format!("{} s", ms / 1_000),
        90_000..5_400_000 => format!("{} min", ms / 60_000),
        5_400_000..129_600_000 => format!("{} h", ms / 3_600_000),
        _ => format!("{} d", ms / 86_400_000),
    }
}

/// `1.4 MiB`.
pub fn size(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
    let b = bytes as f64;
    match bytes {
        ..1_024 => format!("{bytes} B"),
        1_024..1_048_576 => format!("{:.1} KiB", b / 1_024.0),
        1_048_576..1_073_741_824 => format!("{:.1} MiB", b / 1_048_576.0),
        _ => format!("{:.1} GiB", b / 1_073_741_824.0),
    }
}

/// A count with thin spaces between thousands: `12 804`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, d) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(d);
    }
    out
}

/// A wire name as people write it: `handed_off` gives `handed off`.
pub fn plain(name: &str) -> String {
    name.replace(['_', '-'], " ")
}

/// The first `chars` characters, with an ellipsis if something was cut.
pub fn cut(text: &str, chars: usize) -> String {
    let mut out: String = text.chars().take(chars).collect();
    if out.len() < text.len() {
        out.push('…');
    }
    out
}

/// A JSON value on one line for people: strings bare, objects as `key value · key value`, cut at `chars`.
pub fn one_line(value: &Value, chars: usize) -> String {
    fn write(value: &Value, out: &mut String, room: usize) {
        if out.len() > room {
            return;
        }
        match value {
            Value::Null => {}
            Value::String(s) => out.push_str(s),
            Value::Array(items) => {
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        out.push_str(", ");
                    }
                    write(item, out, room);
                }
            }
            Value::Object(map) => {
                for (i, (key, item)) in map.iter().enumerate() {
                    if i > 0 {
                        out.push_str(" · ");
                    }
                    out.push_str(&plain(key));
                    out.push(' ');
                    write(item, out, room);
                }
            }
            other => out.push_str(&other.to_string()),
        }
    }
    let mut out = String::new();
    write(value, &mut out, chars.saturating_mul(4));
    cut(&out, chars)
}

/// JSON with line breaks, for a `<pre>`.
pub fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times() {
        let now = UnixMs(1_795_292_643_120);
        for (ms, text) in [
            (0, "just now"),
            (-4_999, "just now"),
            (-5_000, "5 s ago"),
            (-89_999, "89 s ago"),
            (-90_000, "1 min ago"),
            (7_200_000, "in 2 h"),
            (-200_000_000, "2 d ago"),
        ] {
            assert_eq!(relative(now.plus_ms(ms), now), text);
        }
        assert_eq!(absolute(now), "2026-11-21 20:24:03 UTC");
        assert_eq!(duration_ms(2_450), "2.4 s");
    }

    #[test]
    fn numbers_and_json() {
        assert_eq!(count(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(count(123), "123");
        assert_eq!(size(1_500_000), "1.4 MiB");
        assert_eq!(one_line(&json!({"a_b": "x", "n": [1, 2]}), 40), "a b x · n 1, 2");
        assert_eq!(one_line(&json!("abcdef"), 3), "abc…");
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("äöüß", 3), "äöü…");
    }

    #[test]
    fn escaping_covers_text_and_attributes() {
        assert_eq!(escape(r#"<a b="c" d='e'>&"#), "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;");
        assert!(matches!(escape("plain, ünï and 日本語"), Cow::Borrowed(_)));
        assert_eq!(escape("\u{202e}gnp.exe\u{200b}\u{0}"), "⟨U+202E⟩gnp.exe⟨U+200B⟩⟨U+0000⟩");
        assert_eq!(escape("two\nlines\t"), "two\nlines\t");
    }
}
