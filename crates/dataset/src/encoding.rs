//! Which bytes are text, and in what encoding.

use std::io::{self, Read};

use serde::{Deserialize, Serialize};

/// How bytes stand for characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark.
    Utf8,
    /// ISO 8859-1: what is no UTF-8 but looks like text. Every byte is a character, so nothing is lost.
    Latin1,
    /// UTF-16, least significant byte first.
    Utf16Le,
    /// UTF-16, most significant byte first.
    Utf16Be,
}

impl Encoding {
    /// The name that people know.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Latin1 => "Latin-1",
            Self::Utf16Le => "UTF-16LE",
            Self::Utf16Be => "UTF-16BE",
        }
    }
}

/// Why bytes are not read as text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotText {
    /// There is nothing in it.
    #[error("is empty")]
    Empty,
    /// UTF-32 has no reader here.
    #[error("is UTF-32, which is not read; convert it to UTF-8")]
    Utf32,
    /// Too many bytes that no text has.
    #[error("is binary: {controls} control bytes in the first {looked}")]
    Binary {
        /// Bytes that no text has.
        controls: usize,
        /// Bytes looked at.
        looked: usize,
    },
    /// The format is not one of text; it has a reader of its own.
    #[error("is a {0} table, which is no text")]
    Form(&'static str),
    /// The source failed.
    #[error("cannot be read: {0}")]
    Io(String),
}

/// Bytes that text does not have: C0 controls but tab, line feed, form feed, carriage return and escape.
const fn is_control(b: u8) -> bool {
    (b < 0x20 && !matches!(b, b'\t' | b'\n' | 0x0c | b'\r' | 0x1b)) || b == 0x7f
}

/// The encoding of a text that begins with `head`, and the length of its byte order mark.
///
/// # Errors
/// [`NotText`] when it is empty, UTF-32, or holds more control bytes than two and one in fifty.
pub fn detect_encoding(head: &[u8]) -> Result<(Encoding, usize), NotText> {
    if head.is_empty() {
        return Err(NotText::Empty);
    }
    if head.starts_with(&[0xff, 0xfe, 0, 0]) || head.starts_with(&[0, 0, 0xfe, 0xff]) {
        return Err(NotText::Utf32);
    }
    let marked = [
        (&[0xef, 0xbb, 0xbf][..], Encoding::Utf8),
        (&[0xff, 0xfe][..], Encoding::Utf16Le),
        (&[0xfe, 0xff][..], Encoding::Utf16Be),
    ];
    for (mark, encoding) in marked {
        if head.starts_with(mark) {
            return Ok((encoding, mark.len()));
        }
    }
    // Text in a Latin script has a NUL in every second place when it is UTF-16.
    let nul_at = |odd: usize| head.iter().skip(odd).step_by(2).filter(|b| **b == 0).count();
    let (even, odd) = (nul_at(0), nul_at(1));
    let half = head.len() / 2;
    if half >= 2 && odd * 5 >= half * 2 && even * 20 <= half {
        return Ok((Encoding::Utf16Le, 0));
    }
    if half >= 2 && even * 5 >= half * 2 && odd * 20 <= half {
        return Ok((Encoding::Utf16Be, 0));
    }
    let controls = head.iter().filter(|b| is_control(**b)).count();
    if controls > 2 + head.len() / 50 {
        return Err(NotText::Binary { controls, looked: head.len() });
    }
    match std::str::from_utf8(head) {
        Ok(_) => Ok((Encoding::Utf8, 0)),
        // A character may be cut by the end of the head.
        Err(e) if e.error_len().is_none() => Ok((Encoding::Utf8, 0)),
        Err(_) => Ok((Encoding::Latin1, 0)),
    }
}

/// Reads text as UTF-8 (or, for [`Encoding::Latin1`], as it is): UTF-16 is converted on the way.
#[derive(Debug)]
pub struct DecodingReader<R> {
    source: R,
    /// `None`: bytes pass through.
    big_endian: Option<bool>,
    input: Vec<u8>,
    /// Bytes at the start of `input` that are half a unit: 0 or 1.
    held: usize,
    output: Vec<u8>,
    taken: usize,
    high: Option<u16>,
    ended: bool,
    broken: u64,
}

/// Bytes converted at a time.
const STEP: usize = 16 << 10;

impl<R: Read> DecodingReader<R> {
    /// Reads `source`, which stands after the byte order mark.
    pub fn new(source: R, encoding: Encoding) -> Self {
        let big_endian = match encoding {
            Encoding::Utf16Le => Some(false),
            Encoding::Utf16Be => Some(true),
            Encoding::Utf8 | Encoding::Latin1 => None,
        };
        Self {
            source,
            big_endian,
            input: Vec::new(),
            held: 0,
            output: Vec::new(),
            taken: 0,
            high: None,
            ended: false,
            broken: 0,
        }
    }

    /// UTF-16 code units so far that stand for no character; each was read as U+FFFD.
    pub const fn broken_units(&self) -> u64 {
        self.broken
    }

    fn put(&mut self, c: char) {
        let mut utf8 = [0; 4];
        self.output.extend_from_slice(c.encode_utf8(&mut utf8).as_bytes());
    }

    fn unit(&mut self, unit: u16) {
        if let Some(high) = self.high.take() {
            if (0xdc00..0xe000).contains(&unit) {
                let code = 0x1_0000 + ((u32::from(high) - 0xd800) << 10) + (u32::from(unit) - 0xdc00);
                self.put(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                return;
            }
            self.broken += 1;
            self.put(char::REPLACEMENT_CHARACTER);
        }
        match unit {
            0xd800..0xdc00 => self.high = Some(unit),
            0xdc00..0xe000 => {
                self.broken += 1;
                self.put(char::REPLACEMENT_CHARACTER);
            }
            unit => self.put(char::from_u32(u32::from(unit)).unwrap_or(char::REPLACEMENT_CHARACTER)),
        }
    }

    fn convert(&mut self, big_endian: bool) -> io::Result<()> {
        self.output.clear();
        self.taken = 0;
        self.input.resize(STEP, 0);
        while self.output.is_empty() && !self.ended {
            let got = read_some(&mut self.source, &mut self.input[self.held..])?;
            self.ended = got == 0;
            let filled = self.held + got;
            let whole = filled - filled % 2;
            for at in (0..whole).step_by(2) {
                let pair = [self.input[at], self.input[at + 1]];
                self.unit(if big_endian { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) });
            }
            self.held = filled - whole;
            self.input[0] = self.input[filled.saturating_sub(1)];
            if self.ended && (self.high.take().is_some() || self.held > 0) {
                self.held = 0;
                self.broken += 1;
                self.put(char::REPLACEMENT_CHARACTER);
            }
        }
        Ok(())
    }
}

impl<R: Read> Read for DecodingReader<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let Some(big_endian) = self.big_endian else { return self.source.read(buf) };
        if self.taken == self.output.len() {
            self.convert(big_endian)?;
        }
        let n = buf.len().min(self.output.len() - self.taken);
        buf[..n].copy_from_slice(&self.output[self.taken..self.taken + n]);
        self.taken += n;
        Ok(n)
    }
}

/// One read that is tried again when a signal interrupts it.
pub(crate) fn read_some(source: &mut impl Read, buf: &mut [u8]) -> io::Result<usize> {
    loop {
        match source.read(buf) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// Reads until `buf` is full or the source ends; the number of bytes read.
pub(crate) fn read_full(source: &mut impl Read, buf: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buf.len() {
        match read_some(source, &mut buf[filled..])? {
            0 => break,
            n => filled += n,
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::{DecodingReader, Encoding, NotText, detect_encoding};

    fn utf16(text: &str, big: bool) -> Vec<u8> {
        text.encode_utf16().flat_map(|u| if big { u.to_be_bytes() } else { u.to_le_bytes() }).collect()
    }

    /// Gives one byte at a time, so that every pair is cut.
    struct Drip<'a>(&'a [u8]);

    impl Read for Drip<'_> {
        fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
            let n = self.0.len().min(buf.len()).min(1);
            buf[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    #[test]
    fn heads() {
        for (head, expected) in [
            (&b"a,b\n1,2\n"[..], Ok((Encoding::Utf8, 0))),
            (b"\xef\xbb\xbfa", Ok((Encoding::Utf8, 3))),
            (b"caf\xe9,x\n", Ok((Encoding::Latin1, 0))),
            ("größ".as_bytes(), Ok((Encoding::Utf8, 0))),
            (b"gr\xc3", Ok((Encoding::Utf8, 0))),
            (b"\xff\xfea\0", Ok((Encoding::Utf16Le, 2))),
            (b"\xfe\xff\0a", Ok((Encoding::Utf16Be, 2))),
            (b"a\0,\0b\0", Ok((Encoding::Utf16Le, 0))),
            (b"\0a\0,\0b", Ok((Encoding::Utf16Be, 0))),
            (b"\xff\xfe\0\0a\0\0\0", Err(NotText::Utf32)),
            (b"", Err(NotText::Empty)),
            (b"\x80\x02\x01\x02\x03", Err(NotText::Binary { controls: 4, looked: 5 })),
        ] {
            assert_eq!(detect_encoding(head), expected, "{head:?}");
        }
    }

    #[test]
    fn utf16_round_trips_whatever_the_reads() {
        let text = "naïve, 𝒳 and 日本\n".repeat(1_000);
        for (encoding, big) in [(Encoding::Utf16Le, false), (Encoding::Utf16Be, true)] {
            let bytes = utf16(&text, big);
            let mut whole = String::new();
            DecodingReader::new(bytes.as_slice(), encoding).read_to_string(&mut whole).unwrap();
            assert_eq!(whole, text);
            let mut dripped = String::new();
            let mut reader = DecodingReader::new(Drip(&bytes), encoding);
            reader.read_to_string(&mut dripped).unwrap();
            assert_eq!((dripped, reader.broken_units()), (text.clone(), 0));
        }
    }

    #[test]
    fn broken_utf16_is_counted() {
        let mut text = String::new();
        // A lone low, a high before a letter, a high at the end, half a unit.
        let bytes = [0x00, 0xdc, 0x00, 0xd8, b'a', 0x00, 0x00, 0xd8, 0x41];
        let mut reader = DecodingReader::new(&bytes[..], Encoding::Utf16Le);
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "\u{fffd}\u{fffd}a\u{fffd}");
        assert_eq!(reader.broken_units(), 3);
    }
}
