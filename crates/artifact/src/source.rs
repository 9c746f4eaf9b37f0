//! Bytes to read from: memory, a file read in windows, or a decompressed stream that is read forward.
//!
//! Nothing here maps memory or unpacks to disk. A [`Source`] is a cheap handle on a part of its store.

use std::cell::RefCell;
use std::fs::File;
use std::rc::Rc;

use sha2::{Digest, Sha256};

use crate::container::stream::ForwardStream;

/// Where bytes come from.
pub(crate) enum Store<'a> {
    /// The caller's memory.
    Borrowed(&'a [u8]),
    /// A decompressed or assembled part.
    Owned(Vec<u8>),
    /// A file, read by position; what is read in order goes into the digest on its way.
    File(File, RefCell<FileDigest>),
    /// A decompressed stream too large to hold.
    Stream(RefCell<ForwardStream<'a>>),
    /// Parts of another source with zeros between them.
    Sparse(SparseParts<'a>),
}

/// A sparse file: `parts` are where each part stands and how long it is, in order; their bytes stand one behind the other
/// in `data`.
pub(crate) struct SparseParts<'a> {
    data: Source<'a>,
    /// Place in the file, place in `data`, length; in order, none over another.
    parts: Vec<(u64, u64, u64)>,
}

impl SparseParts<'_> {
    /// Fills all of `buf` from `at`, which must be inside the file; less where `data` has no more bytes.
    fn read_at(&self, at: u64, buf: &mut [u8]) -> usize {
        buf.fill(0);
        let end = at + buf.len() as u64;
        let first = self.parts.partition_point(|(to, _, len)| to + len <= at);
        for (to, from, len) in self.parts[first..].iter().take_while(|(to, ..)| *to < end) {
            let (begin, stop) = ((*to).max(at), (to + len).min(end));
            let within = |place: u64| usize::try_from(place - at).unwrap_or(usize::MAX);
            let Some(part) = buf.get_mut(within(begin)..within(stop)) else { return 0 };
            let n = self.data.read_at(from + (begin - to), part);
            if n < part.len() {
                return within(begin) + n;
            }
        }
        buf.len()
    }
}

/// The digest of a file as far as it was read in order.
#[derive(Default)]
pub(crate) struct FileDigest {
    hasher: Sha256,
    /// Bytes that are in it.
    len: u64,
}

impl FileDigest {
    /// Takes what `bytes`, read at `at`, adds to it.
    fn take(&mut self, at: u64, bytes: &[u8]) {
        let Some(known) = self.len.checked_sub(at).and_then(|k| usize::try_from(k).ok()) else { return };
        if let Some(new) = bytes.get(known..).filter(|n| !n.is_empty()) {
            self.hasher.update(new);
            self.len += new.len() as u64;
        }
    }
}

/// Bytes hashed at a time where nobody else reads: small enough to stay in the second-level cache.
const HASH_CHUNK_BYTES: usize = 128 << 10;

/// A part of a store.
#[derive(Clone)]
pub(crate) struct Source<'a> {
    store: Rc<Store<'a>>,
    start: u64,
    len: u64,
}

impl<'a> Source<'a> {
    /// Over the caller's bytes.
    pub(crate) fn borrowed(bytes: &'a [u8]) -> Self {
        Self { start: 0, len: bytes.len() as u64, store: Rc::new(Store::Borrowed(bytes)) }
    }

    /// Over bytes made by the scanner.
    pub(crate) fn owned(bytes: Vec<u8>) -> Self {
        Self { start: 0, len: bytes.len() as u64, store: Rc::new(Store::Owned(bytes)) }
    }

    /// Over an open file of `len` bytes.
    pub(crate) fn file(file: File, len: u64) -> Self {
        Self { start: 0, len, store: Rc::new(Store::File(file, RefCell::default())) }
    }

    /// The SHA-256 of the whole file below, in hex: reads what was not read yet. `None` when the file is no longer as long
    /// as it was, or cannot be read.
    pub(crate) fn file_digest(&self) -> Option<String> {
        let Store::File(file, digest) = &*self.store else { return None };
        let digest = &mut *digest.borrow_mut();
        let mut chunk = vec![0u8; HASH_CHUNK_BYTES];
        while digest.len < self.len {
            let n = read_file_at(file, digest.len, &mut chunk);
            if n == 0 {
                return None;
            }
            digest.take(digest.len, &chunk[..n]);
        }
        (digest.len == self.len).then(|| hex::encode(digest.hasher.clone().finalize()))
    }

    /// Over a stream of `len` decompressed bytes.
    pub(crate) fn stream(stream: ForwardStream<'a>, len: u64) -> Self {
        Self { start: 0, len, store: Rc::new(Store::Stream(RefCell::new(stream))) }
    }

    /// Over a file of `len` bytes of which `parts` (place, length; in order, apart, inside) stand in `data`, the rest zeros.
    pub(crate) fn sparse(data: Self, parts: &[(u64, u64)], len: u64) -> Self {
        let mut from = 0;
        let placed = parts.iter().map(|(to, n)| {
            from += n;
            (*to, from - n, *n)
        });
        let parts = SparseParts { parts: placed.collect(), data };
        Self { start: 0, len, store: Rc::new(Store::Sparse(parts)) }
    }

    /// True for a stream that is unpacked again whenever a reader goes back.
    pub(crate) fn is_stream(&self) -> bool {
        matches!(&*self.store, Store::Stream(_))
    }

    /// True when bytes of a stream were kept back, because it would have to be unpacked once more to reach them.
    pub(crate) fn kept_back(&self) -> bool {
        matches!(&*self.store, Store::Stream(s) if s.borrow().refused())
    }

    /// Length in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// The part `[at, at + len)`, cut to what is there.
    pub(crate) fn sub(&self, at: u64, len: u64) -> Self {
        let at = at.min(self.len);
        let len = len.min(self.len - at);
        Self { store: Rc::clone(&self.store), start: self.start + at, len }
    }

    /// All of it as one slice, when it is in memory.
    pub(crate) fn memory(&self) -> Option<&[u8]> {
        let all: &[u8] = match &*self.store {
            Store::Borrowed(b) => b,
            Store::Owned(v) => v,
            Store::File(..) | Store::Stream(_) | Store::Sparse(_) => return None,
        };
        let start = usize::try_from(self.start).ok()?;
        all.get(start..start + usize::try_from(self.len).ok()?)
    }

    /// Fills `buf` from `at`; returns how many bytes there were. A read error reads as the end.
    pub(crate) fn read_at(&self, at: u64, buf: &mut [u8]) -> usize {
        if at >= self.len {
            return 0;
        }
        let want = usize::try_from((self.len - at).min(buf.len() as u64)).unwrap_or(0);
        let buf = &mut buf[..want];
        if let Some(all) = self.memory() {
            let at = usize::try_from(at).unwrap_or(usize::MAX);
            let Some(part) = all.get(at..at + want) else { return 0 };
            buf.copy_from_slice(part);
            return want;
        }
        match &*self.store {
            Store::File(file, digest) => {
                let n = read_file_at(file, self.start + at, buf);
                digest.borrow_mut().take(self.start + at, &buf[..n]);
                n
            }
            Store::Stream(stream) => stream.borrow_mut().read_at(self.start + at, buf),
            Store::Sparse(parts) => parts.read_at(self.start + at, buf),
            Store::Borrowed(_) | Store::Owned(_) => 0,
        }
    }

    /// Up to `len` bytes from `at`, as a vector; `len` must already be limited by the caller.
    pub(crate) fn bytes(&self, at: u64, len: usize) -> Vec<u8> {
        let there = usize::try_from(self.len.saturating_sub(at).min(len as u64)).unwrap_or(0);
        let mut v = vec![0; there];
        let n = self.read_at(at, &mut v);
        v.truncate(n);
        v
    }

    /// All of it as a vector, or `None` when it is longer than `max`.
    pub(crate) fn whole(&self, max: u64) -> Option<Vec<u8>> {
        (self.len <= max).then(|| self.bytes(0, usize::try_from(self.len).unwrap_or(0)))
    }

    /// A forward reader over all of it.
    pub(crate) fn reader(&self) -> SourceReader<'a> {
        SourceReader { source: self.clone(), at: 0 }
    }
}

#[cfg(unix)]
fn read_file_at(file: &File, at: u64, buf: &mut [u8]) -> usize {
    use std::os::unix::fs::FileExt;
    let mut n = 0;
    while n < buf.len() {
        match file.read_at(&mut buf[n..], at + n as u64) {
            Ok(0) | Err(_) => break,
            Ok(k) => n += k,
        }
    }
    n
}

#[cfg(not(unix))]
fn read_file_at(mut file: &File, at: u64, buf: &mut [u8]) -> usize {
    use std::io::{Read, Seek, SeekFrom};
    if file.seek(SeekFrom::Start(at)).is_err() {
        return 0;
    }
    let mut n = 0;
    while n < buf.len() {
        match file.read(&mut buf[n..]) {
            Ok(0) | Err(_) => break,
            Ok(k) => n += k,
        }
    }
    n
}

/// Reads a source from its start; what decoders are fed with.
pub(crate) struct SourceReader<'a> {
    source: Source<'a>,
    at: u64,
}

impl std::io::Read for SourceReader<'_> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let n = self.source.read_at(self.at, buf);
        self.at += n as u64;
        Ok(n)
    }
}

/// How many bytes a window over a file or stream holds.
const WINDOW_BYTES: usize = 256 << 10;

/// Random access with a window of [`WINDOW_BYTES`]; over memory it is the slice itself.
pub(crate) struct Window<'s, 'a> {
    source: &'s Source<'a>,
    memory: Option<&'s [u8]>,
    base: u64,
    buf: Vec<u8>,
}

impl<'s, 'a> Window<'s, 'a> {
    /// Over `source`.
    pub(crate) fn new(source: &'s Source<'a>) -> Self {
        Self { source, memory: source.memory(), base: 0, buf: Vec::new() }
    }

    /// The source below.
    pub(crate) fn source(&self) -> &'s Source<'a> {
        self.source
    }

    /// Exactly `n` bytes at `at`, `n` ≤ 256 KiB; `None` past the end.
    #[inline]
    pub(crate) fn exact(&mut self, at: u64, n: usize) -> Option<&[u8]> {
        let got = self.upto(at, n);
        (got.len() == n).then_some(got)
    }

    /// One byte.
    #[inline]
    pub(crate) fn byte(&mut self, at: u64) -> Option<u8> {
        if let Some(m) = self.memory {
            return m.get(at as usize).copied();
        }
        let i = usize::try_from(at.wrapping_sub(self.base)).unwrap_or(usize::MAX);
        if let Some(b) = self.buf.get(i) {
            return Some(*b);
        }
        self.upto(at, 1).first().copied()
    }

    /// What is in memory from `at` on, without reading; nothing when that is not.
    #[inline]
    pub(crate) fn at_hand(&self, at: u64) -> &[u8] {
        let (all, base) = match self.memory {
            Some(m) => (m, 0),
            None => (self.buf.as_slice(), self.base),
        };
        let from = at.checked_sub(base).and_then(|n| usize::try_from(n).ok());
        from.and_then(|n| all.get(n..)).unwrap_or_default()
    }

    /// Up to `n` bytes at `at`, fewer only at the end; `n` ≤ 256 KiB.
    #[inline]
    pub(crate) fn upto(&mut self, at: u64, n: usize) -> &[u8] {
        if let Some(m) = self.memory {
            let from = usize::try_from(at).unwrap_or(usize::MAX).min(m.len());
            let to = from.saturating_add(n).min(m.len());
            return &m[from..to];
        }
        self.windowed(at, n)
    }

    #[inline]
    fn windowed(&mut self, at: u64, n: usize) -> &[u8] {
        let i = usize::try_from(at.wrapping_sub(self.base)).unwrap_or(usize::MAX);
        if i.checked_add(n).is_some_and(|end| end <= self.buf.len()) {
            return &self.buf[i..i + n];
        }
        self.refill(at, n)
    }

    #[cold]
    fn refill(&mut self, at: u64, n: usize) -> &[u8] {
        let n = n.min(WINDOW_BYTES);
        let inside = at >= self.base && at.saturating_add(n as u64) <= self.base + self.buf.len() as u64;
        let at_end = at >= self.base
            && self.base + self.buf.len() as u64 == self.source.len()
            && at <= self.base + self.buf.len() as u64;
        if !inside && (!at_end || self.buf.is_empty()) {
            self.buf.resize(WINDOW_BYTES, 0);
            let got = self.source.read_at(at, &mut self.buf);
            self.buf.truncate(got);
            self.base = at;
        }
        let from = usize::try_from(at - self.base).unwrap_or(usize::MAX).min(self.buf.len());
        let to = (from + n).min(self.buf.len());
        &self.buf[from..to]
    }

    /// Where the next `needle` at or after `at` is, looking at no more than `max` bytes.
    pub(crate) fn find(&mut self, needle: u8, at: u64, max: u64) -> Option<u64> {
        let mut pos = at;
        let end = at.saturating_add(max).min(self.source.len());
        while pos < end {
            let want = usize::try_from((end - pos).min(16 << 10)).unwrap_or(0);
            let part = self.upto(pos, want);
            if part.is_empty() {
                return None;
            }
            if let Some(i) = memchr::memchr(needle, part) {
                return Some(pos + i as u64);
            }
            pos += part.len() as u64;
        }
        None
    }
}
