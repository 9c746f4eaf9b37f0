//! Looks at the raw bytes of request heads for what an HTTP library resolves silently: a body length given twice.
//!
//! With `Content-Length` and `Transfer-Encoding` in one head, or several lengths, two servers in a row may see two
//! different requests in one stream of bytes (RFC 9112 §6.3 allows to refuse; request smuggling). hyper drops the length
//! before we see the headers, so the bytes are followed here, from head to head.

use memchr::memchr;

/// Longest line of a head that is looked at; hyper refuses heads over its own limit anyway.
const LINE_BYTES_MAX: usize = 64 << 10;

#[derive(Debug, PartialEq, Eq)]
enum At {
    /// Between requests or in a head; `first` until the request line is over.
    Head { first: bool },
    /// In a body of known length.
    Body { left: u64 },
    /// At a chunk's size line.
    ChunkSize,
    /// In a chunk and the line end after it.
    Chunk { left: u64 },
    /// In the trailer.
    Trailer,
    /// Something could not be followed; hyper will say what.
    Lost,
}

/// Follows the bytes of one connection.
#[derive(Debug)]
pub struct HeadScan {
    at: At,
    line: Vec<u8>,
    length: Option<u64>,
    lengths: u32,
    chunked: bool,
}

impl Default for HeadScan {
    fn default() -> Self {
        Self { at: At::Head { first: true }, line: Vec::new(), length: None, lengths: 0, chunked: false }
    }
}

impl HeadScan {
    /// Takes the next bytes; true if a head in them gives its body's length in more than one way.
    pub fn feed(&mut self, mut bytes: &[u8]) -> bool {
        let mut ambiguous = false;
        while !bytes.is_empty() {
            match &mut self.at {
                At::Lost => return ambiguous,
                At::Body { left } | At::Chunk { left } => {
                    let step = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                    *left -= step as u64;
                    bytes = &bytes[step..];
                    match self.at {
                        At::Body { left: 0 } => self.at = At::Head { first: true },
                        At::Chunk { left: 0 } => self.at = At::ChunkSize,
                        _ => {}
                    }
                }
                At::Head { .. } | At::ChunkSize | At::Trailer => {
                    let Some(end) = memchr(b'\n', bytes) else {
                        self.keep(bytes);
                        return ambiguous;
                    };
                    if self.line.is_empty() {
                        ambiguous |= self.line_ended(&bytes[..end]);
                    } else {
                        self.keep(&bytes[..end]);
                        let line = std::mem::take(&mut self.line);
                        ambiguous |= self.line_ended(&line);
                    }
                    bytes = &bytes[end + 1..];
                }
            }
        }
        ambiguous
    }

    fn keep(&mut self, part: &[u8]) {
        if self.line.len() + part.len() > LINE_BYTES_MAX {
            self.at = At::Lost;
            self.line = Vec::new();
        } else {
            self.line.extend_from_slice(part);
        }
    }

    fn line_ended(&mut self, line: &[u8]) -> bool {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match self.at {
            At::Head { first } => return self.head_line(line, first),
            At::ChunkSize => {
                let digits = line.split(|b| *b == b';').next().unwrap_or_default();
                let size = std::str::from_utf8(digits).ok().and_then(|d| u64::from_str_radix(d.trim(), 16).ok());
                self.at = match size {
                    Some(0) => At::Trailer,
                    // The data and the line end after it.
                    Some(n) => n.checked_add(2).map_or(At::Lost, |left| At::Chunk { left }),
                    None => At::Lost,
                };
            }
            At::Trailer if line.is_empty() => self.at = At::Head { first: true },
            _ => {}
        }
        false
    }

    fn head_line(&mut self, line: &[u8], first: bool) -> bool {
        if line.is_empty() {
            if first {
                return false;
            }
            let ambiguous = self.lengths > 1 || (self.chunked && self.lengths > 0);
            self.at = match (self.chunked, self.length) {
                (true, _) => At::ChunkSize,
                (false, Some(left @ 1..)) => At::Body { left },
                _ => At::Head { first: true },
            };
            (self.length, self.lengths, self.chunked) = (None, 0, false);
            return ambiguous;
        }
        self.at = At::Head { first: false };
        // 14 and 17 bytes: nothing shorter can be one of the two names.
        if first || line.len() < 15 {
            return false;
        }
        let Some(colon) = memchr(b':', line) else { return false };
        let (name, value) = (line[..colon].trim_ascii(), line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"content-length") {
            self.lengths += 1;
            self.length = std::str::from_utf8(value).ok().and_then(|v| v.parse().ok());
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.chunked = true;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::HeadScan;

    fn scan(text: &str) -> bool {
        let whole = HeadScan::default().feed(text.as_bytes());
        let mut by_byte = HeadScan::default();
        let mut seen = false;
        for b in text.as_bytes().chunks(1) {
            seen |= by_byte.feed(b);
        }
        assert_eq!(whole, seen, "{text:?} byte by byte");
        whole
    }

    #[test]
    fn a_length_given_twice_is_seen_and_bodies_are_not_taken_for_heads() {
        let plain = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 31\r\n\r\nContent-Length: 1\r\nfake: head\r\n";
        assert!(!scan(plain));
        assert!(scan(&format!("{plain}POST / HTTP/1.1\r\ncontent-length: 1\r\nContent-Length: 1\r\n\r\nx")));
        assert!(scan("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n"));
        assert!(scan("POST / HTTP/1.1\nContent-Length: 4\nTransfer-Encoding : chunked\n\n0\r\n\r\n"));
        let chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nab\r\nc\r\n0\r\nT: 1\r\n\r\n";
        assert!(!scan(chunked));
        assert!(scan(&format!("{chunked}GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: x\r\n\r\n")));
        assert!(!scan("GET / HTTP/1.1\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n"));
    }
}
