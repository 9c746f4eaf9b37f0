//! Text from hostile files made fit to be shown: a file name must not move the cursor, recolour the screen, reverse the
//! reading direction or break out of a line.

use std::borrow::Cow;

/// True for characters that a terminal or a browser acts on instead of showing (C0, C1, DEL, bidirectional controls,
/// line and paragraph separators, the byte order mark).
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// `text` with every character that a terminal acts on written as `\u{…}`; line feeds and tabs as `\n` and `\t`.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(acts) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if acts(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn nothing_reaches_the_terminal_that_it_would_act_on() {
        for (given, shown) in [
            ("models/größe.pkl", "models/größe.pkl"),
            ("a\u{1b}[2Jb", "a\\u{1b}[2Jb"),
            ("a\nb\tc\r", "a\\nb\\tc\\r"),
            ("gpj.\u{202e}exe", "gpj.\\u{202e}exe"),
            ("\u{9b}31m", "\\u{9b}31m"),
        ] {
            assert_eq!(printable(given), shown);
        }
    }
}
