//! The objects of a document, found by looking for them: a cross-reference table may lie, and a cut file has none.

use std::{
    cell::Cell,
    collections::{HashMap, HashSet},
};

use memchr::memmem;

use super::{
    filter::{Unpacked, unpack},
    object::{Dictionary, Lexer, Object, Token},
};

/// Objects of one document.
const OBJECTS_MAX: usize = 4 << 20;
/// Bytes that may be read to make objects, for each byte of the file and beside: what is left open reaches to the end.
const WORK_RATIO_MAX: u64 = 64;
const WORK_BYTES_MIN: u64 = 64 << 20;
/// References followed to one value.
const FOLLOWED_MAX: usize = 32;

/// Where an object is.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// Behind `obj` in the file.
    File(usize),
    /// In an object stream: which one, and where in it.
    Stream(usize, usize),
}

/// The objects of a document.
pub(super) struct Store<'a> {
    bytes: &'a [u8],
    places: HashMap<u32, Place>,
    /// Streams that were read.
    pub(super) used: HashSet<u32>,
    /// Object streams, unpacked.
    packed: Vec<Vec<u8>>,
    /// Bytes that may still come out.
    pub(super) left: u64,
    pub(super) spent: bool,
    /// Bytes that may still be read to make objects.
    work: Cell<u64>,
    /// Streams that are broken, and those with a filter that is not read.
    pub(super) broken: u64,
    pub(super) unknown: u64,
    pub(super) encrypted: bool,
    /// The root of the document, as the last trailer says.
    pub(super) root: Option<Object>,
}

impl<'a> Store<'a> {
    pub(super) fn open(bytes: &'a [u8], left: u64) -> Self {
        let mut store = Self {
            bytes,
            places: HashMap::new(),
            used: HashSet::new(),
            packed: Vec::new(),
            left,
            spent: false,
            work: Cell::new(WORK_BYTES_MIN + WORK_RATIO_MAX * bytes.len() as u64),
            broken: 0,
            unknown: 0,
            encrypted: false,
            root: None,
        };
        for at in memmem::find_iter(bytes, b"trailer") {
            if let Some(Object::Dictionary(trailer)) = store.parse(bytes, at + b"trailer".len()).0 {
                store.trailer(&trailer);
            }
        }
        let mut streams = Vec::new();
        for at in memmem::find_iter(bytes, b"obj") {
            let Some(number) = number_before(bytes, at) else { continue };
            if store.places.len() >= OBJECTS_MAX {
                break;
            }
            let start = at + b"obj".len();
            // Later revisions are appended, so the last one counts.
            store.places.insert(number, Place::File(start));
            if !bytes[start..].iter().take(16).any(|b| *b == b'<') {
                continue;
            }
            if let Some(Object::Dictionary(d)) = store.parse(bytes, start).0 {
                if d.is(b"Type", b"ObjStm") {
                    streams.push(number);
                } else if d.is(b"Type", b"XRef") {
                    store.trailer(&d);
                }
            }
        }
        if !store.encrypted {
            for number in streams {
                store.open_stream(number);
            }
        }
        store
    }

    /// The object at `at` and where it ends; nothing once the work that is allowed is done.
    fn parse(&self, bytes: &[u8], at: usize) -> (Option<Object>, usize) {
        if self.work.get() == 0 {
            return (None, at);
        }
        let mut lexer = Lexer::new(bytes, at);
        let object = lexer.object();
        let read = lexer.at.saturating_sub(at) as u64;
        self.work.set(self.work.get().saturating_sub(read + 1));
        (object, lexer.at)
    }

    /// True when the document made more work than is allowed.
    pub(super) fn tired(&self) -> bool {
        self.work.get() == 0
    }

    fn trailer(&mut self, trailer: &Dictionary) {
        self.encrypted |= trailer.get(b"Encrypt").is_some_and(|e| *e != Object::Null);
        if let Some(root) = trailer.get(b"Root") {
            self.root = Some(root.clone());
        }
    }

    /// Takes in the objects of an object stream (7.5.7).
    fn open_stream(&mut self, number: u32) {
        let Some((dictionary, bytes)) = self.dictionary_and_stream(number) else { return };
        let (count, first) =
            (dictionary.get(b"N").and_then(Object::index), dictionary.get(b"First").and_then(Object::index));
        let (Some(count), Some(first)) = (count, first) else { return };
        let index = self.packed.len();
        let mut lexer = Lexer::new(&bytes[..first.min(bytes.len())], 0);
        for _ in 0..count {
            let (Some(id), Some(at)) = (lexer.object(), lexer.object()) else { break };
            let (Some(id), Some(at)) = (id.index().and_then(|n| u32::try_from(n).ok()), at.index()) else { continue };
            if self.places.len() < OBJECTS_MAX {
                // An object of the file itself is of a later revision, or a trick; both are looked at as what they are.
                self.places.entry(id).or_insert(Place::Stream(index, first + at));
            }
        }
        self.packed.push(bytes);
    }

    /// Numbers of all objects, in order.
    pub(super) fn numbers(&self) -> Vec<u32> {
        let mut numbers: Vec<u32> = self.places.keys().copied().collect();
        numbers.sort_unstable();
        numbers
    }

    pub(super) fn get(&self, number: u32) -> Object {
        let object = match self.places.get(&number) {
            Some(Place::File(at)) => self.parse(self.bytes, *at).0,
            Some(Place::Stream(index, at)) => self.packed.get(*index).and_then(|b| self.parse(b, *at).0),
            None => None,
        };
        object.unwrap_or(Object::Null)
    }

    /// The value that `object` is or refers to.
    pub(super) fn resolve(&self, object: &Object) -> Object {
        let mut found = object.clone();
        for _ in 0..FOLLOWED_MAX {
            let Object::Reference(number) = found else { return found };
            found = self.get(number);
        }
        Object::Null
    }

    /// The content of the stream that `object` refers to; `None` when it is none, or has no text.
    pub(super) fn stream(&mut self, object: &Object) -> Option<Vec<u8>> {
        let Object::Reference(number) = object else { return None };
        self.dictionary_and_stream(*number).map(|(_, bytes)| bytes)
    }

    /// The dictionary of a stream without its content.
    pub(super) fn stream_dictionary(&self, number: u32) -> Option<Dictionary> {
        let Place::File(at) = *self.places.get(&number)? else { return None };
        let (Some(Object::Dictionary(dictionary)), end) = self.parse(self.bytes, at) else { return None };
        (Lexer::new(self.bytes, end).token() == Some(Token::Word(b"stream"))).then_some(dictionary)
    }

    fn dictionary_and_stream(&mut self, number: u32) -> Option<(Dictionary, Vec<u8>)> {
        let Place::File(at) = *self.places.get(&number)? else { return None };
        let (Some(Object::Dictionary(dictionary)), end) = self.parse(self.bytes, at) else { return None };
        let mut lexer = Lexer::new(self.bytes, end);
        if lexer.token() != Some(Token::Word(b"stream")) {
            return None;
        }
        self.used.insert(number);
        let skip = match self.bytes.get(lexer.at..) {
            Some([b'\r', b'\n', ..]) => 2,
            Some([b'\n' | b'\r', ..]) => 1,
            _ => 0,
        };
        let rest = self.bytes.get(lexer.at + skip..)?;
        let told = dictionary.get(b"Length").map(|l| self.resolve(l)).and_then(|l| l.index());
        let said = told.filter(|n| {
            rest.get(*n..).is_some_and(|after| after[..after.len().min(24)].windows(9).any(|w| w == b"endstream"))
        });
        let end = said.or_else(|| memmem::find(rest, b"endstream"));
        self.broken += u64::from(end.is_none());
        // A stream without an end reaches to that of the file, each time one is looked at.
        let length = end.unwrap_or(rest.len());
        self.work.set(self.work.get().saturating_sub(length as u64));
        if self.tired() {
            return None;
        }
        match unpack(&dictionary, &rest[..length], &mut self.left) {
            Unpacked::Content(bytes, whole) => {
                self.broken += u64::from(!whole && end.is_some());
                Some((dictionary, bytes))
            }
            Unpacked::Picture => None,
            Unpacked::Unknown => {
                self.unknown += 1;
                None
            }
            Unpacked::Spent => {
                self.spent = true;
                None
            }
        }
    }
}

/// The number of the object whose `obj` is at `at`.
fn number_before(bytes: &[u8], at: usize) -> Option<u32> {
    // `endobj` is none.
    let before = &bytes[at.saturating_sub(32)..at];
    let mut words = before.rsplit(|b| b.is_ascii_whitespace()).filter(|w| !w.is_empty());
    if !before.last()?.is_ascii_whitespace() && !before.last()?.is_ascii_digit() {
        return None;
    }
    let generation = words.next()?;
    let digits = |w: &[u8]| !w.is_empty() && w.iter().all(u8::is_ascii_digit);
    let tail = |w: &[u8]| w.iter().rposition(|b| !b.is_ascii_digit()).map_or(0, |at| at + 1);
    let number = words.next()?;
    let number = &number[tail(number)..];
    (digits(generation) && digits(number)).then(|| std::str::from_utf8(number).ok()?.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::Store;
    use crate::pdf::object::Object;

    #[test]
    fn objects_are_found_without_a_table() {
        let file = b"%PDF-1.5\n1 0 obj 42 endobj\n2 0 obj << /A 3 0 R >> endobj\n3 0 obj (x) endobj 1 0 obj 43 endobj\n\
                     4 0 obj << /Type /ObjStm /N 2 /First 8 /Length 5 0 R >>\nstream\n7 0 8 3 10 [11]\nendstream endobj 5 0 obj 15 endobj\n\
                     trailer << /Root 2 0 R >>";
        let mut store = Store::open(file, 1 << 10);
        assert_eq!(store.get(1), Object::Number(43.0), "the last revision counts");
        assert_eq!((store.get(7), store.get(8).array().map(<[_]>::len)), (Object::Number(10.0), Some(1)));
        assert_eq!((store.root.clone(), store.encrypted), (Some(Object::Reference(2)), false));
        assert_eq!(store.stream(&Object::Reference(4)).unwrap(), b"7 0 8 3 10 [11]");
        assert_eq!(store.resolve(&Object::Reference(99)), Object::Null);
        let circle = Store::open(b"1 0 obj 2 0 R endobj 2 0 obj 1 0 R endobj", 9);
        assert_eq!(circle.resolve(&Object::Reference(1)), Object::Null);
        assert!(Store::open(b"trailer << /Encrypt 5 0 R >>", 9).encrypted);
    }

    #[test]
    fn objects_that_are_left_open_are_read_within_a_limit() {
        // Each of a hundred thousand strings reaches to the end of the file.
        let file = "1 0 obj (".bytes().cycle().take(900_000).collect::<Vec<u8>>();
        let numbered: Vec<u8> = (0..60_000).flat_map(|n| format!("{n} 0 obj (").into_bytes()).collect();
        for bytes in [file, numbered] {
            let store = Store::open(&bytes, 9);
            for n in store.numbers() {
                store.get(n);
            }
            assert!(store.numbers().len() < 1_000 || store.tired());
        }
        assert!(!Store::open(b"1 0 obj 5 endobj", 9).tired());
    }
}
