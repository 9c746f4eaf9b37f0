//! From the codes of a font to characters (ISO 32000-1, 9.10): its `ToUnicode` map, or its encoding.

use std::collections::HashMap;

use super::{
    object::{Lexer, Object, Token},
    store::Store,
};

/// Codes of one map.
const CODES_MAX: usize = 1 << 17;
/// Bytes of one map.
const MAP_BYTES_MAX: usize = 4 << 20;

/// Windows code page 1252, from 0x80 to 0x9f; blanks are undefined.
const WINDOWS: &str = "€ ‚ƒ„…†‡ˆ‰Š‹Œ Ž  ‘’“”•–—˜™š›œ žŸ";
/// Mac OS Roman, from 0x80.
const MAC: &str = "ÄÅÇÉÑÖÜáàâäãåçéèêëíìîïñóòôöõúùûü†°¢£§•¶ß®©™´¨≠ÆØ∞±≤≥¥µ∂∑∏π∫ªºΩæø¿¡¬√ƒ≈∆«»… ÀÃÕŒœ–—“”‘’÷◊ÿŸ⁄€‹›ﬁﬂ‡·‚„‰ÂÊÁËÈÍÎÏÌÓÔ\u{f8ff}ÒÚÛÙıˆ˜¯˘˙˚¸˝˛ˇ";
/// Names of characters that are not letters or digits (Adobe Glyph List), for encodings that name what they change.
const NAMES: &[(&str, char)] = &[
    ("space", ' '),
    ("exclam", '!'),
    ("quotedbl", '"'),
    ("numbersign", '#'),
    ("dollar", '$'),
    ("percent", '%'),
    ("ampersand", '&'),
    ("quotesingle", '\''),
    ("quoteright", '’'),
    ("quoteleft", '‘'),
    ("parenleft", '('),
    ("parenright", ')'),
    ("asterisk", '*'),
    ("plus", '+'),
    ("comma", ','),
    ("hyphen", '-'),
    ("minus", '−'),
    ("period", '.'),
    ("slash", '/'),
    ("zero", '0'),
    ("one", '1'),
    ("two", '2'),
    ("three", '3'),
    ("four", '4'),
    ("five", '5'),
    ("six", '6'),
    ("seven", '7'),
    ("eight", '8'),
    ("nine", '9'),
    ("colon", ':'),
    ("semicolon", ';'),
    ("less", '<'),
    ("equal", '='),
    ("greater", '>'),
    ("question", '?'),
    ("at", '@'),
    ("bracketleft", '['),
    ("backslash", '\\'),
    ("bracketright", ']'),
    ("asciicircum", '^'),
    ("underscore", '_'),
    ("grave", '`'),
    ("braceleft", '{'),
    ("bar", '|'),
    ("braceright", '}'),
    ("asciitilde", '~'),
    ("bullet", '•'),
    ("endash", '–'),
    ("emdash", '—'),
    ("quotedblleft", '“'),
    ("quotedblright", '”'),
    ("ellipsis", '…'),
    ("Euro", '€'),
    ("sterling", '£'),
    ("section", '§'),
    ("degree", '°'),
    ("germandbls", 'ß'),
    ("adieresis", 'ä'),
    ("odieresis", 'ö'),
    ("udieresis", 'ü'),
    ("Adieresis", 'Ä'),
    ("Odieresis", 'Ö'),
    ("Udieresis", 'Ü'),
    ("eacute", 'é'),
    ("egrave", 'è'),
    ("ecircumflex", 'ê'),
    ("edieresis", 'ë'),
    ("aacute", 'á'),
    ("agrave", 'à'),
    ("acircumflex", 'â'),
    ("aring", 'å'),
    ("Aring", 'Å'),
    ("ae", 'æ'),
    ("AE", 'Æ'),
    ("oslash", 'ø'),
    ("Oslash", 'Ø'),
    ("oacute", 'ó'),
    ("ocircumflex", 'ô'),
    ("otilde", 'õ'),
    ("atilde", 'ã'),
    ("iacute", 'í'),
    ("icircumflex", 'î'),
    ("idieresis", 'ï'),
    ("uacute", 'ú'),
    ("ugrave", 'ù'),
    ("ucircumflex", 'û'),
    ("ntilde", 'ñ'),
    ("ccedilla", 'ç'),
    ("Eacute", 'É'),
    ("scaron", 'š'),
    ("zcaron", 'ž'),
    ("lslash", 'ł'),
    ("dotlessi", 'ı'),
];
/// Glyphs of several letters.
const LIGATURES: &[(&str, &str)] = &[("fi", "fi"), ("fl", "fl"), ("ff", "ff"), ("ffi", "ffi"), ("ffl", "ffl")];

/// How the codes of a font are read.
#[derive(Clone, Debug)]
pub(super) struct Font {
    map: HashMap<u32, Box<str>>,
    /// Bytes of a code.
    code_bytes: usize,
    /// What single bytes stand for where the map has nothing.
    simple: Option<Box<[Option<Box<str>>; 256]>>,
    /// Codes are UTF-16.
    unicode: bool,
    first: usize,
    widths: Vec<f64>,
}

/// What a string shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Shown {
    pub(super) text: String,
    /// Codes without a character.
    pub(super) unknown: u64,
    pub(super) codes: usize,
    pub(super) spaces: usize,
    /// Width in thousandths of the font's size; `None` when the font does not say.
    pub(super) width: Option<f64>,
}

impl Font {
    /// The font that is used where the document has none: Latin text of single bytes.
    pub(super) fn latin() -> Self {
        Self {
            map: HashMap::new(),
            code_bytes: 1,
            simple: Some(simple(b"WinAnsiEncoding", &[])),
            unicode: false,
            first: 0,
            widths: Vec::new(),
        }
    }

    pub(super) fn read(store: &mut Store<'_>, font: &Object) -> Self {
        let Object::Dictionary(font) = store.resolve(font) else { return Self::latin() };
        let mut out = Self::latin();
        let encoding = font.get(b"Encoding").map(|e| store.resolve(e));
        if font.is(b"Subtype", b"Type0") {
            (out.code_bytes, out.simple) = (2, None);
            let name = encoding.as_ref().and_then(Object::name).unwrap_or_default();
            out.unicode = name.windows(4).any(|w| w == b"UCS2" || w == b"UTF1");
        } else {
            let (base, differences) = match &encoding {
                Some(Object::Name(name)) => (name.clone(), Vec::new()),
                Some(Object::Dictionary(d)) => (
                    d.get(b"BaseEncoding").and_then(Object::name).unwrap_or_default().to_vec(),
                    d.get(b"Differences")
                        .map(|d| store.resolve(d))
                        .and_then(|d| d.array().map(<[_]>::to_vec))
                        .unwrap_or_default(),
                ),
                _ => (Vec::new(), Vec::new()),
            };
            out.simple = Some(simple(&base, &differences));
            out.first = font.get(b"FirstChar").and_then(Object::index).unwrap_or(0);
            if let Some(Object::Array(widths)) = font.get(b"Widths").map(|w| store.resolve(w)) {
                out.widths = widths.iter().take(256).map(|w| w.number().unwrap_or(0.0)).collect();
            }
        }
        if let Some(bytes) = font.get(b"ToUnicode").and_then(|map| store.stream(map)) {
            out.read_map(&bytes[..bytes.len().min(MAP_BYTES_MAX)]);
        }
        out
    }

    fn read_map(&mut self, map: &[u8]) {
        let mut lexer = Lexer::content(map);
        let mut operands: Vec<Object> = Vec::new();
        while let Some(token) = lexer.token() {
            match token {
                Token::Object(object) if operands.len() < CODES_MAX => operands.push(object),
                Token::Object(_) => {}
                Token::Word(word) => {
                    match word {
                        b"endcodespacerange" => {
                            let widths = operands.iter().filter_map(Object::string).map(<[u8]>::len);
                            self.code_bytes = widths.max().unwrap_or(self.code_bytes).clamp(1, 4);
                        }
                        b"endbfchar" => {
                            for pair in operands.chunks_exact(2) {
                                if let [Object::String(code), Object::String(to)] = pair {
                                    self.add(number(code), utf16(to));
                                }
                            }
                        }
                        b"endbfrange" => operands.chunks_exact(3).for_each(|range| self.add_range(range)),
                        _ => {}
                    }
                    operands.clear();
                }
            }
        }
    }

    fn add_range(&mut self, range: &[Object]) {
        let [Object::String(low), Object::String(high), to] = range else { return };
        let (low, high) = (number(low), number(high).min(number(low).saturating_add(0xffff)));
        for (n, code) in (low..=high).enumerate() {
            match to {
                Object::Array(list) => match list.get(n).and_then(Object::string) {
                    Some(to) => self.add(code, utf16(to)),
                    None => return,
                },
                Object::String(to) => {
                    // The last unit counts up.
                    let mut to = to.clone();
                    if let [.., a, b] = to.as_mut_slice() {
                        let last = u16::from_be_bytes([*a, *b]).wrapping_add(n as u16);
                        [*a, *b] = last.to_be_bytes();
                    }
                    self.add(code, utf16(&to));
                }
                _ => return,
            }
            if self.map.len() >= CODES_MAX {
                return;
            }
        }
    }

    fn add(&mut self, code: u32, to: String) {
        // Codes that a map sends to nothing or to NUL have no character.
        if self.map.len() < CODES_MAX && !to.is_empty() && to != "\0" {
            self.map.insert(code, to.into());
        }
    }

    /// What the codes in `string` show.
    pub(super) fn decode(&self, string: &[u8]) -> Shown {
        let mut shown = Shown { width: (!self.widths.is_empty()).then_some(0.0), ..Shown::default() };
        if self.unicode && self.map.is_empty() {
            shown.text = utf16(string);
            shown.codes = string.len() / 2;
            return shown;
        }
        for code in string.chunks(self.code_bytes) {
            shown.codes += 1;
            let n = number(code);
            shown.spaces += usize::from(code == [b' ']);
            if let Some(width) = &mut shown.width {
                let at = usize::from(code[0]).checked_sub(self.first);
                *width += at.and_then(|at| self.widths.get(at)).copied().unwrap_or(0.0);
            }
            let simple = || self.simple.as_ref().and_then(|s| s.get(n as usize)?.as_deref());
            match self.map.get(&n).map(|text| &**text).or_else(simple) {
                Some(text) => shown.text.push_str(text),
                None => shown.unknown += 1,
            }
        }
        shown
    }
}

fn number(code: &[u8]) -> u32 {
    code.iter().take(4).fold(0, |n, b| n << 8 | u32::from(*b))
}

fn utf16(bytes: &[u8]) -> String {
    if let [one] = bytes {
        return char::from(*one).to_string();
    }
    let units: Vec<u16> = bytes.chunks_exact(2).map(|p| u16::from_be_bytes([p[0], p[1]])).collect();
    String::from_utf16_lossy(&units)
}

/// A text string outside content: UTF-16 or UTF-8 with its mark, else Latin (7.9.2).
pub(super) fn text_string(bytes: &[u8]) -> String {
    if let Some(units) = bytes.strip_prefix(&[0xfe, 0xff]) {
        return utf16(units);
    }
    if let Some(text) = bytes.strip_prefix(&[0xef, 0xbb, 0xbf]) {
        return String::from_utf8_lossy(text).into_owned();
    }
    bytes.iter().map(|b| char::from(*b)).collect()
}

/// The characters of single bytes: a base encoding with what `differences` change.
fn simple(base: &[u8], differences: &[Object]) -> Box<[Option<Box<str>>; 256]> {
    let mut table: Box<[Option<Box<str>>; 256]> = Box::new(std::array::from_fn(|_| None));
    let (upper, from) = if base == b"MacRomanEncoding" { (MAC, 0x80) } else { (WINDOWS, 0x80) };
    for (code, slot) in table.iter_mut().enumerate().skip(0x20) {
        let character = char::from(code as u8);
        if !character.is_control() {
            *slot = Some(character.to_string().into());
        }
    }
    for (i, character) in upper.chars().enumerate() {
        if let Some(slot) = table.get_mut(from + i) {
            *slot = (character != ' ').then(|| character.to_string().into());
        }
    }
    // Tab and line ends come from writers that do not know that they show nothing.
    table[9] = Some(" ".into());
    let mut code = 0;
    for item in differences {
        if let Some(n) = item.index() {
            code = n;
        } else if let Some(name) = item.name() {
            if let Some(slot) = table.get_mut(code) {
                *slot = glyph(name).map(Into::into);
            }
            code += 1;
        }
    }
    table
}

/// The text of a glyph by its name; `None` for a name that says nothing (`g23`).
fn glyph(name: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(name).ok()?;
    // What follows a full stop is a variant.
    let name = name.split('.').next().filter(|n| !n.is_empty()).unwrap_or(name);
    if let [letter] = name.as_bytes() {
        return letter.is_ascii_alphabetic().then(|| name.to_owned());
    }
    if let Some((_, text)) = LIGATURES.iter().find(|(known, _)| *known == name) {
        return Some((*text).to_owned());
    }
    if let Some((_, c)) = NAMES.iter().find(|(known, _)| *known == name) {
        return Some(c.to_string());
    }
    let code =
        name.strip_prefix("uni").filter(|h| h.len() == 4).or_else(|| name.strip_prefix('u').filter(|h| h.len() >= 4));
    let code = u32::from_str_radix(code?, 16).ok()?;
    char::from_u32(code).map(String::from)
}

#[cfg(test)]
mod tests {
    use super::{Font, MAC, WINDOWS, glyph, simple, text_string};
    use crate::pdf::object::Object;

    #[test]
    fn tables_have_their_length() {
        assert_eq!((WINDOWS.chars().count(), MAC.chars().count()), (32, 128));
    }

    #[test]
    fn maps_and_encodings_give_characters() {
        let mut font = Font { simple: None, code_bytes: 2, ..Font::latin() };
        font.read_map(
            b"1 begincodespacerange <0000> <ffff> endcodespacerange 1 beginbfchar <0003> <00660069> endbfchar \
              2 beginbfrange <0010> <0012> <0041> <0020> <0021> [<0078> <0079>] endbfrange",
        );
        let shown = font.decode(b"\0\x03\0\x10\0\x12\0\x21\0\x99");
        assert_eq!((shown.text.as_str(), shown.unknown, shown.codes), ("fiACy", 1, 5));
        let names = [Object::Number(1.0), Object::Name(b"at".to_vec()), Object::Name(b"uni00E9".to_vec())];
        let font = Font { simple: Some(simple(b"", &names)), ..Font::latin() };
        assert_eq!(font.decode(b"a\x01b\x02\x92").text, "a@bé’");
        assert_eq!([glyph(b"g23"), glyph(b"A.sc"), glyph(b"fi")], [None, Some("A".into()), Some("fi".into())]);
        assert_eq!([text_string(b"\xfe\xff\0A"), text_string(b"caf\xe9")], ["A", "café"]);
    }

    #[test]
    fn maps_that_count_far_are_limited() {
        let mut font = Font::latin();
        font.read_map(b"1 beginbfrange <00000000> <ffffffff> <0041> endbfrange");
        assert_eq!(font.map.len(), 0x1_0000 - 1, "one of them is NUL");
    }
}
