//! Folding: lower case, compatibility forms to plain ones (NFKD), accents off, look-alikes to Latin inside words that
//! mix scripts, unseen characters out. What was unseen is kept apart, since it may hold a message of its own.

use casemate_finding::Span;
use unicode_normalization::char::{decompose_compatible, is_combining_mark};

use super::confusables::latin_lookalike;
use super::{Invisible, Mapped, invisible};

/// What folding took out or changed: each is a sign by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signs {
    /// Zero-width and control characters between letters or digits (an emoji's joiner is none).
    pub zero_width: u32,
    /// Bidirectional overrides and isolates.
    pub bidi: u32,
    /// Tag characters.
    pub tags: u32,
    /// Variation selectors in runs of two or more: a single one after an emoji is common.
    pub selectors: u32,
    /// Words of look-alikes from another script.
    pub mixed_script_words: u32,
    /// First and last byte of what was unseen, in the original.
    pub unseen: Option<(usize, usize)>,
}

/// A folded text, its signs and the messages that were hidden in it.
#[derive(Clone, Debug, Default)]
pub struct Fold {
    /// The folded text.
    pub text: Mapped,
    /// What was taken out or changed.
    pub signs: Signs,
    /// Text written in tag characters.
    pub tag_text: Option<Mapped>,
    /// Text written in variation selectors.
    pub selector_text: Option<Mapped>,
}

/// Folds `text`. ASCII without control characters takes a path that only lowers case.
pub fn fold(text: &str) -> Fold {
    if text.bytes().all(is_plain) {
        return Fold { text: Mapped::in_place(text.to_ascii_lowercase()), ..Fold::default() };
    }
    let mut folder = Folder::new(text);
    folder.run(text);
    folder.finish()
}

struct Folder {
    out: Mapped,
    signs: Signs,
    tags: Mapped,
    selectors: Mapped,
    selector_run: u32,
    /// True if more letters of the text are ASCII than are not.
    mostly_ascii: bool,
    previous: char,
    pending_zero_width: u32,
}

impl Folder {
    fn new(text: &str) -> Self {
        let (mut ascii, mut other) = (0_usize, 0_usize);
        for (at, &b) in text.as_bytes().iter().enumerate() {
            ascii += usize::from(b.is_ascii_alphabetic());
            // The first byte of a character beyond ASCII.
            if b >= 0xc0 && text[at..].starts_with(char::is_alphabetic) {
                other += 1;
            }
        }
        Self {
            out: Mapped::with_capacity(text.len()),
            signs: Signs::default(),
            tags: Mapped::with_capacity(0),
            selectors: Mapped::with_capacity(0),
            selector_run: 0,
            mostly_ascii: ascii >= other,
            previous: ' ',
            pending_zero_width: 0,
        }
    }

    fn run(&mut self, text: &str) {
        let mut at = 0;
        while let Some(rest) = text.get(at..).filter(|r| !r.is_empty()) {
            let plain = plain_bytes(rest);
            if plain > 1 {
                // The first may end what stood before it; after it nothing is pending.
                let first = char::from(rest.as_bytes()[0]);
                self.character(first, Span::new(at, at + 1), false);
                self.out.keep_lower(text, at + 1, at + plain);
                self.previous = char::from(rest.as_bytes()[plain - 1]);
                at += plain;
                continue;
            }
            let word_bytes = rest.find(|c: char| !in_word(c)).unwrap_or(rest.len());
            if word_bytes == 0 {
                let c = rest.chars().next().unwrap_or(' ');
                self.character(c, Span::new(at, at + c.len_utf8()), false);
                at += c.len_utf8();
                continue;
            }
            let word = &rest[..word_bytes];
            let lookalike = !word.is_ascii() && self.is_disguised(word);
            self.signs.mixed_script_words += u32::from(lookalike);
            for (i, c) in word.char_indices() {
                self.character(c, Span::new(at + i, at + i + c.len_utf8()), lookalike);
            }
            at += word_bytes;
        }
    }

    /// A word is disguised when look-alikes stand beside ASCII letters, or when all of a word is look-alikes in a text
    /// that is otherwise Latin. A Russian or Greek text stays as it is.
    fn is_disguised(&self, word: &str) -> bool {
        let (mut ascii, mut alike, mut other) = (0, 0, 0);
        for c in word.chars().filter(|c| c.is_alphabetic()) {
            let lower = c.to_lowercase().next().unwrap_or(c);
            if c.is_ascii() {
                ascii += 1;
            } else if latin_lookalike(lower).is_some() {
                alike += 1;
            } else if !is_latin(c) {
                other += 1;
            }
        }
        alike > 0 && other == 0 && (ascii > 0 || self.mostly_ascii)
    }

    fn character(&mut self, c: char, origin: Span, lookalike: bool) {
        if let Some(kind) = invisible(c) {
            self.unseen(kind, origin);
            return;
        }
        self.selector_run = 0;
        if self.pending_zero_width > 0 {
            // Only between letters is it a disguise: emoji sequences and some scripts join with it by right.
            if c.is_ascii_alphanumeric() && self.previous.is_ascii_alphanumeric() {
                self.signs.zero_width += self.pending_zero_width;
            }
            self.pending_zero_width = 0;
        }
        self.previous = c;
        if c.is_ascii() {
            self.out.push(c.to_ascii_lowercase(), origin);
        } else if has_compatibility_form(c) {
            let out = &mut self.out;
            decompose_compatible(c, |d| {
                if !is_combining_mark(d) {
                    push_lower(out, d, origin, lookalike);
                }
            });
        } else if !('\u{300}'..='\u{36f}').contains(&c) {
            push_lower(&mut self.out, c, origin, lookalike);
        }
    }

    fn unseen(&mut self, kind: Invisible, origin: Span) {
        let mut mark = |count: &mut u32| {
            *count += 1;
            let (start, end) = self.signs.unseen.unwrap_or((origin.start, origin.end));
            self.signs.unseen = Some((start, end.max(origin.end)));
        };
        match kind {
            Invisible::ZeroWidth | Invisible::Control => mark(&mut self.pending_zero_width),
            Invisible::Bidi => mark(&mut self.signs.bidi),
            Invisible::Tag(byte) => {
                mark(&mut self.signs.tags);
                if (b' '..0x7f).contains(&byte) {
                    self.tags.push(char::from(byte), origin);
                }
            }
            Invisible::Selector(byte) => {
                self.selector_run += 1;
                if self.selector_run > 1 {
                    mark(&mut self.signs.selectors);
                }
                if (b' '..0x7f).contains(&byte) {
                    self.selectors.push(char::from(byte), origin);
                }
            }
        }
    }

    fn finish(self) -> Fold {
        // Four letters: the flags of England, Scotland and Wales are written in five or six tags, and are no message,
        // but they read as `gbeng` and cost nothing to look at.
        let message = |m: Mapped| (m.text().len() >= 4).then_some(m);
        Fold {
            text: self.out,
            signs: self.signs,
            tag_text: message(self.tags),
            selector_text: message(self.selectors).filter(|_| self.signs.selectors > 0),
        }
    }
}

/// How many bytes are ASCII that shows, up to the word that characters of another kind belong to.
fn plain_bytes(text: &str) -> usize {
    let bytes = text.as_bytes();
    let end = bytes.iter().position(|b| !is_plain(*b)).unwrap_or(bytes.len());
    if end == bytes.len() {
        return end;
    }
    bytes[..end].iter().rposition(|b| !b.is_ascii_alphanumeric()).map_or(0, |last| last + 1)
}

const fn is_plain(b: u8) -> bool {
    matches!(b, b' '..0x7f | b'\n' | b'\t' | b'\r')
}

/// Letters, digits and the unseen characters that may split a word.
fn in_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(invisible(c), Some(Invisible::ZeroWidth | Invisible::Selector(_)))
}

const fn is_latin(c: char) -> bool {
    matches!(c, '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' | '\u{ff21}'..='\u{ff5a}' | '\u{1d400}'..='\u{1d7ff}')
}

/// Blocks where NFKD is wanted. Elsewhere (Cyrillic, kana, Hangul, Indic scripts) it would take letters apart.
const fn has_compatibility_form(c: char) -> bool {
    matches!(c, '\u{a0}'..='\u{3ff}' | '\u{1d00}'..='\u{1fff}' | '\u{2000}'..='\u{2bff}' | '\u{3000}'
        | '\u{3200}'..='\u{32ff}' | '\u{fb00}'..='\u{fb06}' | '\u{ff00}'..='\u{ffef}' | '\u{1d400}'..='\u{1d7ff}'
        | '\u{1f100}'..='\u{1f1ff}')
}

fn push_lower(out: &mut Mapped, c: char, origin: Span, lookalike: bool) {
    let plain = match c {
        '‘' | '’' | 'ʼ' | '‛' | '′' => '\'',
        '“' | '”' | '„' | '«' | '»' => '"',
        '‐'..='―' | '−' => '-',
        _ => c,
    };
    for lower in plain.to_lowercase() {
        let shown = if lookalike { latin_lookalike(lower).unwrap_or(lower) } else { lower };
        out.push(shown, origin);
    }
}

#[cfg(test)]
mod tests {
    use super::fold;
    use casemate_finding::Span;

    #[test]
    fn disguises_fold_to_plain_text() {
        for (given, want) in [
            ("Ignore ALL", "ignore all"),
            ("ïgnörè", "ignore"),
            ("ｉｇｎｏｒｅ", "ignore"),
            ("𝐢𝐠𝐧𝐨𝐫𝐞 𝓪𝓵𝓵", "ignore all"),
            ("ⓘⓖⓝⓞⓡⓔ", "ignore"),
            ("ignоrе аll", "ignore all"),
            ("ig\u{200b}no\u{200d}re", "ignore"),
            ("i\u{335}g\u{336}n\u{337}ore", "ignore"),
            ("“don’t”", "\"don't\""),
            ("игнорируй все", "игнорируй все"),
            ("ガイド 指示", "ガイド 指示"),
            ("지시", "지시"),
        ] {
            assert_eq!(fold(given).text.text(), want, "{given}");
        }
    }

    #[test]
    fn signs_and_hidden_messages_are_kept() {
        let hidden: String =
            "obey me".bytes().map(|b| char::from_u32(0xe0000 + u32::from(b)).expect("a tag character")).collect();
        let f = fold(&format!("hello {hidden}"));
        assert_eq!(f.text.text(), "hello ");
        assert_eq!(f.signs.tags, 7);
        let message = f.tag_text.expect("a message");
        assert_eq!(message.text(), "obey me");
        assert_eq!(message.origin(Span::new(0, 1)), Span::new(6, 10));

        let smuggled: String =
            "run".bytes().chain(*b"now").map(|b| char::from_u32(0xe0100 + u32::from(b) - 16).expect("vs")).collect();
        let f = fold(&format!("😀{smuggled}"));
        assert_eq!(f.selector_text.expect("a message").text(), "runnow");

        assert_eq!(fold("ab\u{200b}c").signs.zero_width, 1);
        assert_eq!(fold("👩\u{200d}🔬 ❤\u{fe0f}").signs.zero_width, 0);
        assert_eq!(fold("❤\u{fe0f}").signs.selectors, 0);
        assert_eq!(fold("a\u{202e}b").signs.bidi, 1);
        assert_eq!(fold("ignоre").signs.mixed_script_words, 1);
        assert_eq!(fold("Привет, как дела?").signs.mixed_script_words, 0);
    }

    #[test]
    fn offsets_lead_back() {
        let original = "xx ig\u{200b}nоre yy";
        let f = fold(original);
        let at = f.text.text().find("ignore").expect("folded");
        let back = f.text.origin(Span::new(at, at + 6));
        assert_eq!(&original[back.range()], "ig\u{200b}nоre");
    }
}
