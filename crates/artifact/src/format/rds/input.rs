//! The three forms in which R writes the same values.

use super::{Step, Stop};
use crate::source::Window;

/// How numbers and strings are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Big-endian.
    Xdr,
    /// Little-endian.
    Native,
    /// One word a line, with escapes in strings.
    Text,
}

/// Longest word of the text form that can be a number.
const WORD_BYTES_MAX: usize = 64;

/// Reads values one after the other.
pub(super) struct Input<'w, 's, 'a> {
    window: &'w mut Window<'s, 'a>,
    form: Form,
    /// Next byte.
    pub(super) at: u64,
}

impl<'w, 's, 'a> Input<'w, 's, 'a> {
    /// From `at` on.
    pub(super) fn new(window: &'w mut Window<'s, 'a>, form: Form, at: u64) -> Self {
        Self { window, form, at }
    }

    /// Bytes that are left.
    pub(super) fn left(&self) -> u64 {
        self.window.source().len().saturating_sub(self.at)
    }

    fn skip(&mut self, n: u64) -> Step<()> {
        self.at = self.at.checked_add(n).filter(|e| *e <= self.window.source().len()).ok_or(Stop::Damaged)?;
        Ok(())
    }

    fn blanks(&mut self) {
        while self.window.byte(self.at).is_some_and(|b| b.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    /// A word of the text form.
    fn word(&mut self) -> Step<Vec<u8>> {
        self.blanks();
        let mut out = Vec::new();
        while let Some(b) = self.window.byte(self.at).filter(|b| !b.is_ascii_whitespace()) {
            if out.len() >= WORD_BYTES_MAX {
                return Err(Stop::Damaged);
            }
            out.push(b);
            self.at += 1;
        }
        if out.is_empty() { Err(Stop::Damaged) } else { Ok(out) }
    }

    /// A 32-bit number; `NA` is the smallest, -1 the largest.
    pub(super) fn int(&mut self) -> Step<u32> {
        match self.form {
            Form::Text => {
                let word = self.word()?;
                if word == b"NA" {
                    return Ok(1 << 31);
                }
                let text = std::str::from_utf8(&word).map_err(|_| Stop::Damaged)?;
                text.parse::<i32>().map(|v| v as u32).map_err(|_| Stop::Damaged)
            }
            binary => {
                let raw: [u8; 4] =
                    self.window.exact(self.at, 4).and_then(|b| b.try_into().ok()).ok_or(Stop::Damaged)?;
                self.at += 4;
                Ok(if binary == Form::Xdr { u32::from_be_bytes(raw) } else { u32::from_le_bytes(raw) })
            }
        }
    }

    /// The length of a vector; -1 announces one of 64 bits.
    pub(super) fn length(&mut self) -> Step<u64> {
        let n = self.int()?;
        if n == u32::MAX {
            let (high, low) = (self.int()?, self.int()?);
            return Ok((u64::from(high) << 32) | u64::from(low));
        }
        if n > i32::MAX as u32 { Err(Stop::Damaged) } else { Ok(u64::from(n)) }
    }

    /// Skips `n` numbers of a vector of this kind.
    pub(super) fn numbers(&mut self, n: u64, kind: u32) -> Step<()> {
        if self.form != Form::Text {
            let size = match kind {
                10 | 13 => 4,
                14 => 8,
                15 => 16,
                _ => 1,
            };
            return self.skip(n.checked_mul(size).ok_or(Stop::Damaged)?);
        }
        // A complex number is two words, anything else one; each takes two bytes with the blank before it.
        let words = n.checked_mul(if kind == 15 { 2 } else { 1 }).filter(|w| *w <= self.left()).ok_or(Stop::Damaged)?;
        for _ in 0..words {
            self.word()?;
        }
        Ok(())
    }

    /// Skips a string of `n` bytes.
    pub(super) fn text(&mut self, n: u64) -> Step<()> {
        if self.form != Form::Text {
            return self.skip(n);
        }
        if n > self.left() {
            return Err(Stop::Damaged);
        }
        self.blanks();
        for _ in 0..n {
            let b = self.window.byte(self.at).ok_or(Stop::Damaged)?;
            self.at += 1;
            if b != b'\\' {
                continue;
            }
            // An escape: a letter, or up to three octal digits.
            let first = self.window.byte(self.at).ok_or(Stop::Damaged)?;
            self.at += 1;
            if (b'0'..=b'7').contains(&first) {
                for _ in 0..2 {
                    if self.window.byte(self.at).is_some_and(|d| (b'0'..=b'7').contains(&d)) {
                        self.at += 1;
                    }
                }
            }
        }
        Ok(())
    }

    /// Readable words near a place, as evidence.
    pub(super) fn words(&self, at: u64) -> String {
        let bytes = self.window.source().bytes(at, 400);
        let mut out: Vec<String> = Vec::new();
        for run in bytes.split(|b| !(0x20..0x7f).contains(b)) {
            if run.len() >= 3 && run.iter().any(u8::is_ascii_alphabetic) && out.len() < 8 {
                out.push(String::from_utf8_lossy(run).into_owned());
            }
        }
        out.join(" ")
    }
}
