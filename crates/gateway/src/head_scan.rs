//! Looks at the raw bytes of request heads for what an HTTP library resolves silently: a body length given twice.
//!
//! With `Content-Length` and `Transfer-Encoding` in one head, or several lengths, two servers in a row may see two
//! different requests in one stream of bytes (RFC 9112 §6.3 allows to refuse; request smuggling). hyper drops the length
//! before we see the headers, so the bytes are followed here, from head to head. Where a request ends is known here as well.

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

/// What some bytes of a connection brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fed {
    /// How many were taken: all, or those up to the end of a request.
    pub taken: usize,
    /// A head in them gives its body's length in more than one way.
    pub ambiguous: bool,
    /// A request ends with the last one taken.
    pub ended: bool,
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
    /// Takes the next bytes, up to the end of a request and no further.
    pub fn feed(&mut self, bytes: &[u8]) -> Fed {
        let (mut fed, mut rest) = (Fed::default(), bytes);
        while !rest.is_empty() && !fed.ended {
            match &mut self.at {
                At::Lost => rest = &[],
                At::Body { left } | At::Chunk { left } => {
                    let step = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                    *left -= step as u64;
                    rest = &rest[step..];
                    match self.at {
                        At::Body { left: 0 } => self.end(&mut fed),
                        At::Chunk { left: 0 } => self.at = At::ChunkSize,
                        _ => {}
                    }
                }
                At::Head { .. } | At::ChunkSize | At::Trailer => {
                    let Some(end) = memchr(b'\n', rest) else {
                        self.keep(rest);
                        rest = &[];
                        continue;
                    };
                    if self.line.is_empty() {
                        self.line_ended(&rest[..end], &mut fed);
                    } else {
                        self.keep(&rest[..end]);
                        let line = std::mem::take(&mut self.line);
                        self.line_ended(&line, &mut fed);
                    }
                    rest = &rest[end + 1..];
                }
            }
        }
        fed.taken = bytes.len() - rest.len();
        fed
    }

    fn end(&mut self, fed: &mut Fed) {
        self.at = At::Head { first: true };
        fed.ended = true;
    }

    fn keep(&mut self, part: &[u8]) {
        if self.line.len() + part.len() > LINE_BYTES_MAX {
            self.at = At::Lost;
            self.line = Vec::new();
        } else {
            self.line.extend_from_slice(part);
        }
    }

    fn line_ended(&mut self, line: &[u8], fed: &mut Fed) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match self.at {
            At::Head { first } => self.head_line(line, first, fed),
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
            At::Trailer if line.is_empty() => self.end(fed),
            _ => {}
        }
    }

    fn head_line(&mut self, line: &[u8], first: bool, fed: &mut Fed) {
        if line.is_empty() {
            if first {
                return;
            }
            fed.ambiguous |= self.lengths > 1 || (self.chunked && self.lengths > 0);
            match (self.chunked, self.length) {
                (true, _) => self.at = At::ChunkSize,
                (false, Some(left @ 1..)) => self.at = At::Body { left },
                _ => self.end(fed),
            }
            (self.length, self.lengths, self.chunked) = (None, 0, false);
            return;
        }
        self.at = At::Head { first: false };
        // 14 and 17 bytes: nothing shorter can be one of the two names.
        if first || line.len() < 15 {
            return;
        }
        let Some(colon) = memchr(b':', line) else { return };
        let (name, value) = (line[..colon].trim_ascii(), line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"content-length") {
            self.lengths += 1;
            self.length = std::str::from_utf8(value).ok().and_then(|v| v.parse().ok());
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.chunked = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::HeadScan;

    /// If a length was given twice, and where requests end.
    fn follow(text: &str, step: usize) -> (bool, Vec<usize>) {
        let (mut scan, mut seen, mut ends, mut at) = (HeadScan::default(), false, Vec::new(), 0);
        while at < text.len() {
            let fed = scan.feed(&text.as_bytes()[at..(at + step).min(text.len())]);
            at += fed.taken;
            seen |= fed.ambiguous;
            ends.extend(fed.ended.then_some(at));
        }
        (seen, ends)
    }

    fn scan(text: &str) -> bool {
        let whole = follow(text, text.len());
        assert_eq!(whole, follow(text, 1), "{text:?} byte by byte");
        whole.0
    }

    #[test]
    fn requests_end_where_their_bodies_do() {
        let one = "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc";
        let two = "\r\nPOST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n";
        let all = format!("{one}{two}GET / HTTP/1.1\r\n\r\nGET");
        let ends = vec![one.len(), one.len() + two.len(), all.len() - 3];
        assert_eq!(follow(&all, all.len()), (false, ends.clone()));
        assert_eq!(follow(&all, 1), (false, ends));
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
