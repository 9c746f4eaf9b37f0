//! Look-alikes: full-width and mathematical letters, digits of other scripts, exotic spaces and dashes, invisible
//! characters, folded to the ASCII that the rules are written in.

use casemate_finding::Span;
use unicode_normalization::char::decompose_compatible;

use super::MappedText;

/// The text folded, if that changes anything; nothing for ASCII, which costs one look at each byte.
pub fn fold(text: &str) -> Option<MappedText> {
    if text.is_ascii() {
        return None;
    }
    let mut out = MappedText::default();
    let mut changed = false;
    for (at, c) in text.char_indices() {
        let source = Span::new(at, at + c.len_utf8());
        if c.is_ascii() {
            out.push(c, source);
        } else if invisible(c) {
            changed = true;
        } else if let Some(plain) = plain(c) {
            changed = true;
            out.push(plain, source);
        } else {
            let mut parts = 0;
            let mut folded = None;
            decompose_compatible(c, |d| {
                parts += 1;
                folded = Some(d);
            });
            // One ASCII character in another form; accented letters stay as they are.
            match folded.filter(|d| parts == 1 && d.is_ascii()) {
                Some(d) => {
                    changed = true;
                    out.push(d, source);
                }
                None => out.push(c, source),
            }
        }
    }
    changed.then_some(out)
}

fn invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{180e}' | '\u{e0000}'..='\u{e007f}')
}

fn plain(c: char) -> Option<char> {
    match c {
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => Some(' '),
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' => Some('-'),
        '\u{2024}' | '\u{3002}' => Some('.'),
        _ => digit(c),
    }
}

/// Decimal digits of scripts whose zero is known.
fn digit(c: char) -> Option<char> {
    const ZEROS: &[u32] =
        &[0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xe50, 0xed0, 0xf20];
    let code = c as u32;
    let zero = ZEROS.iter().rev().find(|zero| **zero <= code)?;
    char::from_digit(code - zero, 10)
}

#[cfg(test)]
mod tests {
    use super::fold;
    use casemate_finding::Span;

    #[test]
    fn folds_and_maps_back() {
        assert_eq!(fold("plain"), None);
        assert_eq!(fold("é ß"), None);
        let text = "x ４１\u{200b}１１ – ٣";
        let folded = fold(text).unwrap();
        assert_eq!(folded.text(), "x 4111 - 3");
        let source = folded.source(Span::new(2, 6));
        assert_eq!(&text[source.range()], "４１\u{200b}１１");
    }
}
