//! Text of PDF documents (ISO 32000-1): pages in their order, annotations, form fields, properties, attachments, and content
//! that no page refers to.
//!
//! Nothing is run and nothing is drawn. What has no text here is said: encrypted documents, filters that are not read,
//! fonts whose codes have no characters, pages that are pictures.

mod filter;
mod font;
mod object;
mod show;
mod store;

use std::{
    collections::{HashMap, HashSet},
    rc::Rc,
};

use memchr::memmem;

use self::{
    font::{Font, text_string},
    object::{Dictionary, Object},
    show::Page,
    store::Store,
};

/// Pages of one document.
const PAGES_MAX: usize = 100_000;
/// Streams of one page's content.
const CONTENTS_MAX: usize = 10_000;
/// Texts beside the pages: links, remarks, fields.
const ASIDES_MAX: usize = 100_000;
/// Keys whose text people wrote, outside of content: properties, remarks, fields, links, scripts.
const TEXTS: &[&[u8]] =
    &[b"Title", b"Author", b"Subject", b"Keywords", b"Contents", b"V", b"DV", b"URI", b"JS", b"TU", b"RC"];

/// What a document holds.
pub(crate) enum Part {
    /// Text, and where it stands: `page 3`.
    Text(String, String),
    /// A file in the file.
    Attachment(String, Vec<u8>),
}

/// Reads the document in `bytes` and gives its parts to `take`, which says whether to go on; returns why not all of it
/// could be read. `unpacked_max` bounds what its streams give.
pub(crate) fn read(bytes: &[u8], unpacked_max: u64, take: &mut dyn FnMut(Part) -> bool) -> Vec<String> {
    let mut store = Store::open(bytes, unpacked_max);
    let mut reasons = Vec::new();
    if store.encrypted {
        reasons.push("an encrypted PDF; remove the password and scan it again".into());
        return reasons;
    }
    if memmem::rfind(bytes, b"%%EOF").is_none() {
        reasons.push("the PDF has no end: it is cut or broken".into());
    }
    let mut document = Reader { fonts: HashMap::new(), unknown: 0, pictures: 0, cut: false, going: true, take };
    document.pages(&mut store);
    document.loose(&mut store);
    document.asides(&store);
    document.attachments(&mut store);
    let Reader { unknown, pictures, cut, going, .. } = document;
    let mut say = |n: u64, what: &str| {
        if n > 0 {
            reasons.push(format!("{n} {what}"));
        }
    };
    say(unknown, "characters are in fonts that do not say what they are; save the PDF as text");
    say(pictures, "pages are pictures without text; pictures are not read");
    say(store.unknown, "streams use a filter that is not read");
    say(store.broken, "streams are broken and were read up to the break");
    if store.spent {
        reasons.push(format!("more than {unpacked_max} bytes come out of the PDF"));
    }
    if store.tired() {
        reasons.push("objects are left open so often that not all of them were read".into());
    }
    if cut {
        reasons.push("a page has more text than is read".into());
    }
    if !going {
        reasons.push("the scan was stopped before its end".into());
    }
    reasons
}

struct Reader<'t> {
    fonts: HashMap<u32, Rc<Font>>,
    unknown: u64,
    pictures: u64,
    cut: bool,
    going: bool,
    take: &'t mut dyn FnMut(Part) -> bool,
}

impl Reader<'_> {
    fn give(&mut self, part: Part) {
        self.going = self.going && (self.take)(part);
    }

    /// The pages as the tree has them, then those that the tree has lost.
    fn pages(&mut self, store: &mut Store<'_>) {
        let root = store.root.clone().map(|r| store.resolve(&r));
        let tree = match &root {
            Some(Object::Dictionary(root)) => root.get(b"Pages").cloned(),
            _ => None,
        };
        let mut open: Vec<(Object, Dictionary)> = tree.into_iter().map(|t| (t, Dictionary::default())).collect();
        let mut seen = HashSet::new();
        let mut number = 0;
        while let Some((object, inherited)) = open.pop() {
            if let Object::Reference(n) = object
                && !seen.insert(n)
            {
                continue;
            }
            let Object::Dictionary(node) = store.resolve(&object) else { continue };
            let resources = match node.get(b"Resources").map(|r| store.resolve(r)) {
                Some(Object::Dictionary(own)) => own,
                _ => inherited,
            };
            if let Some(Object::Array(kids)) = node.get(b"Kids").map(|k| store.resolve(k)) {
                open.extend(kids.into_iter().rev().take(PAGES_MAX).map(|kid| (kid, resources.clone())));
            } else if number < PAGES_MAX {
                number += 1;
                self.page(store, &node, &resources, number);
            }
        }
        for n in store.numbers() {
            if !self.going || seen.contains(&n) || number >= PAGES_MAX {
                continue;
            }
            if let Object::Dictionary(node) = store.get(n)
                && node.is(b"Type", b"Page")
            {
                number += 1;
                let resources = match node.get(b"Resources").map(|r| store.resolve(r)) {
                    Some(Object::Dictionary(own)) => own,
                    _ => Dictionary::default(),
                };
                self.page(store, &node, &resources, number);
            }
        }
    }

    fn page(&mut self, store: &mut Store<'_>, node: &Dictionary, resources: &Dictionary, number: usize) {
        if !self.going {
            return;
        }
        let parts = match node.get(b"Contents") {
            Some(reference @ Object::Reference(_)) => match store.resolve(reference) {
                Object::Array(list) => list,
                _ => vec![reference.clone()],
            },
            Some(Object::Array(list)) => list.clone(),
            _ => Vec::new(),
        };
        let mut content = Vec::new();
        for part in parts.iter().take(CONTENTS_MAX) {
            if let Some(bytes) = store.stream(part) {
                content.extend(bytes);
                content.push(b'\n');
            }
        }
        let mut page = Page::new(store, &mut self.fonts);
        page.show(&content, resources, 0);
        page.end_line();
        self.unknown += page.unknown;
        self.cut |= page.cut;
        self.pictures += u64::from(page.pictures > 0 && page.text.trim().is_empty());
        let text = std::mem::take(&mut page.text);
        if !text.is_empty() {
            self.give(Part::Text(format!("page {number}"), text));
        }
    }

    /// Content that no page refers to: left over from an earlier revision, or of a document whose tree is broken.
    fn loose(&mut self, store: &mut Store<'_>) {
        let described: &[&[u8]] =
            &[b"Type", b"Subtype", b"FunctionType", b"PatternType", b"Length1", b"N", b"Alternate"];
        for n in store.numbers() {
            if !self.going || store.used.contains(&n) {
                continue;
            }
            let Some(dictionary) = store.stream_dictionary(n) else { continue };
            let form = dictionary.is(b"Subtype", b"Form");
            if !form && described.iter().any(|key| dictionary.get(key).is_some()) {
                continue;
            }
            let Some(content) = store.stream(&Object::Reference(n)) else { continue };
            if memmem::find(&content, b"BT").is_none() || memmem::find(&content, b"T").is_none() {
                continue;
            }
            let resources = match dictionary.get(b"Resources").map(|r| store.resolve(r)) {
                Some(Object::Dictionary(own)) => own,
                _ => Dictionary::default(),
            };
            let mut page = Page::new(store, &mut self.fonts);
            page.show(&content, &resources, 0);
            page.end_line();
            self.cut |= page.cut;
            let text = std::mem::take(&mut page.text);
            if !text.is_empty() {
                self.give(Part::Text(format!("object {n}"), text));
            }
        }
    }

    /// Properties, links, remarks, fields: one on a line.
    fn asides(&mut self, store: &Store<'_>) {
        let (mut text, mut n) = (String::new(), 0);
        for number in store.numbers() {
            let object = store.get(number);
            let mut open = vec![&object];
            while let Some(object) = open.pop() {
                match object {
                    Object::Array(list) => open.extend(list),
                    Object::Dictionary(d) => {
                        for (key, value) in d.iter() {
                            let written = value.string().filter(|_| TEXTS.contains(&key) && n < ASIDES_MAX);
                            if let Some(string) = written {
                                text.push_str(&text_string(string));
                                text.push('\n');
                                n += 1;
                            }
                            open.push(value);
                        }
                    }
                    _ => {}
                }
            }
        }
        if !text.is_empty() {
            self.give(Part::Text("properties and remarks".into(), text));
        }
    }

    /// Files in the file, metadata, forms and scripts in streams.
    fn attachments(&mut self, store: &mut Store<'_>) {
        let mut names: HashMap<u32, String> = HashMap::new();
        let mut texts: HashSet<u32> = HashSet::new();
        for number in store.numbers() {
            let Object::Dictionary(d) = store.get(number) else { continue };
            if let Some(Object::Dictionary(files)) = d.get(b"EF").map(|f| store.resolve(f)) {
                let name = [&b"UF"[..], b"F"].iter().find_map(|key| d.get(key).and_then(Object::string));
                let name = name.map_or_else(|| format!("attachment {number}"), text_string);
                for (_, file) in files.iter() {
                    if let Object::Reference(file) = file {
                        names.insert(*file, name.clone());
                    }
                }
            }
            for key in [&b"JS"[..], b"XFA", b"Metadata"] {
                match d.get(key) {
                    Some(Object::Reference(n)) => _ = texts.insert(*n),
                    Some(Object::Array(list)) => texts.extend(list.iter().filter_map(|o| match o {
                        Object::Reference(n) => Some(*n),
                        _ => None,
                    })),
                    _ => {}
                }
            }
            if d.is(b"Type", b"EmbeddedFile") {
                names.entry(number).or_insert_with(|| format!("attachment {number}"));
            }
        }
        let mut names: Vec<(u32, String)> = names.into_iter().collect();
        names.sort_unstable();
        for (number, name) in names {
            if !self.going {
                return;
            }
            if let Some(bytes) = store.stream(&Object::Reference(number)) {
                self.give(Part::Attachment(name, bytes));
            }
        }
        let mut texts: Vec<u32> = texts.into_iter().collect();
        texts.sort_unstable();
        for number in texts {
            if !self.going {
                return;
            }
            if let Some(bytes) = store.stream(&Object::Reference(number)) {
                self.give(Part::Text(format!("object {number}"), String::from_utf8_lossy(&bytes).into_owned()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::ZlibEncoder};
    use proptest::prelude::*;

    use super::{Part, read};

    fn deflate(content: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn stream(number: u32, keys: &str, content: &[u8], packed: bool) -> Vec<u8> {
        let data = if packed { deflate(content) } else { content.to_vec() };
        let filter = if packed { "/Filter /FlateDecode " } else { "" };
        let head = format!("{number} 0 obj\n<< {keys} {filter}/Length {} >>\nstream\n", data.len());
        [head.as_bytes(), &data, b"\nendstream\nendobj\n"].concat()
    }

    /// A document of one page with two fonts: F1 as it is, F2 with two bytes a code and a map.
    fn document(content: &[u8], packed: bool) -> Vec<u8> {
        let map =
            b"1 begincodespacerange <0000> <ffff> endcodespacerange 1 beginbfrange <0001> <001a> <0061> endbfrange";
        let objects = b"1 0 obj << /Type /Pages /Kids [2 0 R] /Resources << /Font << /F1 3 0 R /F2 4 0 R /F3 9 0 R >> >> >> endobj\n\
            2 0 obj << /Type /Page /Contents [6 0 R] /Annots [<< /A << /URI (https://x.example/?q=1) >> >>] >> endobj\n\
            3 0 obj << /Type /Font /Subtype /Type1 /Encoding /WinAnsiEncoding >> endobj\n\
            4 0 obj << /Type /Font /Subtype /Type0 /Encoding /Identity-H /ToUnicode 5 0 R >> endobj\n\
            9 0 obj << /Type /Font /Subtype /Type0 /Encoding /Identity-H >> endobj\n";
        [
            b"%PDF-1.5\n".as_slice(),
            objects,
            &stream(5, "", map, packed),
            &stream(6, "", content, packed),
            b"7 0 obj << /Type /Catalog /Pages 1 0 R >> endobj trailer << /Root 7 0 R >>\n%%EOF",
        ]
        .concat()
    }

    fn texts(bytes: &[u8], max: u64) -> (Vec<(String, String)>, Vec<String>) {
        let mut out = Vec::new();
        let reasons = read(bytes, max, &mut |part| {
            match part {
                Part::Text(place, text) => out.push((place, text)),
                Part::Attachment(name, bytes) => out.push((name, String::from_utf8(bytes).unwrap())),
            }
            true
        });
        (out, reasons)
    }

    const PAGE: &[u8] = b"BT /F1 12 Tf 72 700 Td (Call \\(A\\) ) Tj [(An) -20 (na) -300 <426f62>] TJ 0 -14 Td (se\\143ond) Tj ET\n\
        q 1 0 0 1 72 600 cm BT /F2 10 Tf <000300010014> Tj ET Q BT /F1 9 Tf 1 0 0 1 72 590 Tm (a) Tj 1 0 0 1 300 590 Tm (b) Tj ET";

    #[test]
    fn pages_are_read_with_their_fonts_lines_and_gaps() {
        for packed in [false, true] {
            let (texts, reasons) = texts(&document(PAGE, packed), 1 << 20);
            assert_eq!(texts[0], ("page 1".into(), "Call (A) Anna Bob\nsecond\ncat\na b\n".into()));
            assert_eq!(texts[1], ("properties and remarks".into(), "https://x.example/?q=1\n".into()));
            assert!(reasons.is_empty() && texts.len() == 2, "{reasons:?} {texts:?}");
        }
    }

    #[test]
    fn what_is_beside_the_pages_is_read_too() {
        let file = [
            document(b"BT (x) Tj ET", false),
            stream(20, "", b"BT (left over) Tj ET", true),
            stream(21, "/Type /EmbeddedFile", b"attached", true),
            b"22 0 obj << /F (notes.txt) /EF << /F 21 0 R >> >> endobj 23 0 obj << /Author <feff00c4> >> endobj %%EOF"
                .to_vec(),
        ]
        .concat();
        let (texts, reasons) = texts(&file, 1 << 20);
        for (place, text) in [
            ("object 20", "left over\n"),
            ("notes.txt", "attached"),
            ("properties and remarks", "https://x.example/?q=1\nÄ\n"),
        ] {
            assert!(texts.contains(&(place.into(), text.into())), "{place}: {texts:?}");
        }
        assert!(reasons.is_empty(), "{reasons:?}");
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        let whole = document(PAGE, true);
        let unmapped = document(b"BT /F3 9 Tf <00010002> Tj ET", true);
        let picture = document(b"BI /W 1 /H 1 ID \x00 EI", false);
        for (bytes, max, why) in [
            ([whole.as_slice(), b"trailer << /Encrypt 9 0 R >>"].concat(), 1 << 20, "encrypted"),
            (whole.clone(), 100, "bytes come out"),
            (unmapped, 1 << 20, "2 characters are in fonts"),
            (picture, 1 << 20, "1 pages are pictures"),
            (whole[..whole.len() - 160].to_vec(), 1 << 20, "cut or broken"),
            ([&stream(2, "/Filter /Crypt", b"x", false)[..], b"%%EOF"].concat(), 1 << 20, "filter"),
            ([&stream(2, "/Filter /FlateDecode", b"x", false)[..], b"%%EOF"].concat(), 1 << 20, "broken"),
        ] {
            let reasons = texts(&bytes, max).1;
            assert!(reasons.iter().any(|r| r.contains(why)), "{why}: {reasons:?}");
        }
    }

    #[test]
    fn trees_and_forms_in_circles_end() {
        let file = b"%PDF-1.5 1 0 obj << /Kids [1 0 R 2 0 R] >> endobj 2 0 obj << /Kids [1 0 R] >> endobj\n\
            3 0 obj << /Type /Page /Contents 4 0 R /Resources << /XObject << /X 5 0 R >> >> >> endobj\n\
            trailer << /Root << /Pages 1 0 R >> >> ";
        let form = stream(5, "/Subtype /Form", b"BT (f) Tj ET /X Do /X Do", false);
        let file = [&file[..], &stream(4, "", b"/X Do", false), &form, b"%%EOF"].concat();
        let (texts, _) = texts(&file, 1 << 20);
        assert!(texts[0].1.starts_with("f\nf\n"), "{texts:?}");
    }

    proptest! {
        #[test]
        fn any_content_is_read_without_a_panic(content in "[()<>\\\\/\\[\\]0-9TjBEIDdmcoFq '\"%-]{0,80}") {
            let (texts, _) = texts(&document(content.as_bytes(), false), 1 << 16);
            prop_assert!(texts.len() < 8);
        }

        #[test]
        fn damaged_documents_are_read_or_said(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..10),
            packed in any::<bool>(),
        ) {
            let mut bytes = document(PAGE, packed);
            for (at, to) in changes {
                let at = at.index(bytes.len());
                bytes[at] = to;
            }
            let (texts, reasons) = texts(&bytes, 1 << 16);
            prop_assert!(texts.len() + reasons.len() < 20);
        }
    }
}
