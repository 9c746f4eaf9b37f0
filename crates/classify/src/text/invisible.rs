//! Characters that a reader does not see and a model does (Unicode 17, UAX #44 `Default_Ignorable_Code_Point`, and the
//! bidirectional controls of UAX #9).

/// What kind of unseen character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invisible {
    /// Zero-width spaces, joiners and fillers, soft hyphen, word joiner.
    ZeroWidth,
    /// Embeddings, overrides, isolates and marks of the bidirectional algorithm.
    Bidi,
    /// Tag characters U+E0000–E007F; the value is the ASCII byte that one stands for.
    Tag(u8),
    /// Variation selectors; the value is 0–255 for VS1–VS256, with which bytes can be smuggled.
    Selector(u8),
    /// Control characters other than tab, line feed and carriage return.
    Control,
}

/// The kind of `c`, or `None` for one that shows.
pub const fn invisible(c: char) -> Option<Invisible> {
    Some(match c {
        '\t' | '\n' | '\r' => return None,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' => Invisible::Control,
        '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' => {
            Invisible::ZeroWidth
        }
        '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' => Invisible::ZeroWidth,
        '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' => Invisible::ZeroWidth,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => Invisible::Bidi,
        // `as` on a char whose range is known cannot lose bits here.
        '\u{fe00}'..='\u{fe0f}' => Invisible::Selector((c as u32 - 0xfe00) as u8),
        '\u{e0100}'..='\u{e01ef}' => Invisible::Selector((c as u32 - 0xe0100 + 16) as u8),
        '\u{e0000}'..='\u{e007f}' => Invisible::Tag((c as u32 - 0xe0000) as u8),
        '\u{e0080}'..='\u{e00ff}' | '\u{e01f0}'..='\u{e0fff}' => Invisible::ZeroWidth,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{Invisible, invisible};

    #[test]
    fn kinds_of_unseen_characters() {
        for (c, want) in [
            ('a', None),
            ('\n', None),
            ('é', None),
            ('\u{0}', Some(Invisible::Control)),
            ('\u{200b}', Some(Invisible::ZeroWidth)),
            ('\u{202e}', Some(Invisible::Bidi)),
            ('\u{e0069}', Some(Invisible::Tag(b'i'))),
            ('\u{fe00}', Some(Invisible::Selector(0))),
            ('\u{fe0f}', Some(Invisible::Selector(15))),
            ('\u{e0100}', Some(Invisible::Selector(16))),
            ('\u{e01ef}', Some(Invisible::Selector(255))),
        ] {
            assert_eq!(invisible(c), want, "{c:?}");
        }
    }
}
