//! Universal Binary JSON (draft 12) as XGBoost writes it: lengths that hold, depth, nothing behind the document.

use crate::report::ArtifactSeverity::{Review, Suspicious};
use crate::rules;
use crate::scan::{Job, Scan};
use crate::source::Window;

/// How deep arrays and objects may nest.
const DEPTH_MAX: usize = 512;

/// True for an object whose first key has a length, or whose size or type is given.
pub(crate) fn looks_like(head: &[u8]) -> bool {
    match head {
        [b'{', b'i' | b'U', n, key @ ..] if *n > 0 && *n < 128 => printable(key, usize::from(*n)),
        [b'{', b'I', 0, n, key @ ..] => printable(key, usize::from(*n)),
        [b'{', b'l', 0, 0, 0, n, key @ ..] => printable(key, usize::from(*n)),
        [b'{', b'L', 0, 0, 0, 0, 0, 0, 0, n, key @ ..] => printable(key, usize::from(*n)),
        _ => false,
    }
}

fn printable(key: &[u8], n: usize) -> bool {
    n > 0 && key.len() > n && key[..n].iter().all(u8::is_ascii_graphic)
}

/// Why reading stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    Syntax,
    Length,
    Depth,
    Spent,
}

struct Reader<'w, 's, 'a> {
    window: &'w mut Window<'s, 'a>,
    at: u64,
    len: u64,
}

/// A level that is being read.
#[derive(Clone, Copy, Debug)]
struct Level {
    object: bool,
    /// Type of every value, when it is given.
    kind: Option<u8>,
    /// Values still to come, when their number is given.
    left: Option<u64>,
}

/// Bytes of a value of a fixed size.
fn fixed(kind: u8) -> Option<u64> {
    Some(match kind {
        b'Z' | b'N' | b'T' | b'F' => 0,
        b'i' | b'U' | b'C' => 1,
        b'I' => 2,
        b'l' | b'd' => 4,
        b'L' | b'D' => 8,
        _ => return None,
    })
}

impl Reader<'_, '_, '_> {
    fn peek(&mut self) -> Result<u8, Stop> {
        self.window.byte(self.at).ok_or(Stop::Length)
    }

    fn byte(&mut self) -> Result<u8, Stop> {
        let b = self.peek()?;
        self.at += 1;
        Ok(b)
    }

    fn skip(&mut self, n: u64) -> Result<(), Stop> {
        self.at = self.at.checked_add(n).filter(|e| *e <= self.len).ok_or(Stop::Length)?;
        Ok(())
    }

    /// A length: an integer with its own type, not negative.
    fn length(&mut self) -> Result<u64, Stop> {
        let width = match self.byte()? {
            b'i' | b'U' => 1,
            b'I' => 2,
            b'l' => 4,
            b'L' => 8,
            _ => return Err(Stop::Syntax),
        };
        let signed = self.window.byte(self.at - 1) != Some(b'U');
        let raw = self.window.exact(self.at, width).ok_or(Stop::Length)?;
        let negative = signed && raw[0] & 0x80 != 0;
        let v = raw.iter().fold(0u64, |v, b| (v << 8) | u64::from(*b));
        self.at += width as u64;
        if negative { Err(Stop::Length) } else { Ok(v) }
    }

    /// The optional type and count behind `[` or `{`.
    fn open(&mut self, object: bool) -> Result<Level, Stop> {
        let mut level = Level { object, kind: None, left: None };
        if self.peek()? == b'$' {
            self.at += 1;
            level.kind = Some(self.byte()?);
        }
        if self.peek()? == b'#' {
            self.at += 1;
            level.left = Some(self.length()?);
        } else if level.kind.is_some() {
            return Err(Stop::Syntax);
        }
        Ok(level)
    }
}

/// Checks the document.
pub(crate) fn scan_ubjson(scan: &mut Scan<'_, '_>, job: &Job<'_>) {
    scan.format("ubjson");
    let mut window = Window::new(&job.source);
    let mut r = Reader { window: &mut window, at: 0, len: job.source.len() };
    match document(scan, &mut r) {
        Ok(()) if r.at < r.len => {
            let rest = format!("{} bytes", r.len - r.at);
            scan.find(&rules::LAYOUT, Review, r.at, "bytes follow the document", rest, &[]);
        }
        Ok(()) => {}
        Err(Stop::Spent) => scan.incomplete("the work budget is spent in a UBJSON document"),
        Err(Stop::Syntax) => {
            scan.find(&rules::LAYOUT, Review, r.at, "is no UBJSON from here on", String::new(), &[]);
        }
        Err(Stop::Length) => {
            let why = "a length is negative or reaches behind the end of the file";
            scan.find(&rules::TENSOR_LAYOUT, Suspicious, r.at, why, String::new(), &[]);
        }
        Err(Stop::Depth) => {
            let why = "nests deeper than any reader should follow";
            scan.find(&rules::HEADER_BOMB, Suspicious, r.at, why, String::new(), &[]);
        }
    }
}

fn document(scan: &mut Scan<'_, '_>, r: &mut Reader<'_, '_, '_>) -> Result<(), Stop> {
    let mut levels: Vec<Level> = Vec::new();
    let mut begun = false;
    loop {
        let mut kind = None;
        if let Some(level) = levels.last_mut() {
            match level.left {
                Some(0) => {
                    levels.pop();
                    continue;
                }
                Some(n) => {
                    // A run of numbers is skipped at once.
                    if let (Some(size), false) = (level.kind.and_then(fixed), level.object) {
                        r.skip(n.checked_mul(size).ok_or(Stop::Length)?)?;
                        levels.pop();
                        continue;
                    }
                    level.left = Some(n - 1);
                }
                None => {
                    let close = if level.object { b'}' } else { b']' };
                    if r.peek()? == close {
                        r.at += 1;
                        levels.pop();
                        continue;
                    }
                }
            }
            kind = level.kind;
            if level.object {
                let n = r.length()?;
                r.skip(n)?;
            }
        } else if begun {
            return Ok(());
        }
        begun = true;
        if !scan.budget.work(1) {
            return Err(Stop::Spent);
        }
        let kind = match kind {
            Some(k) => k,
            None => r.byte()?,
        };
        match kind {
            b'[' | b'{' => {
                if levels.len() >= DEPTH_MAX {
                    return Err(Stop::Depth);
                }
                let level = r.open(kind == b'{')?;
                levels.push(level);
            }
            b'S' | b'H' => {
                let n = r.length()?;
                r.skip(n)?;
            }
            other => r.skip(fixed(other).ok_or(Stop::Syntax)?)?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::DEPTH_MAX;
    use crate::{ArtifactSeverity, ScanConfig, scan_bytes};

    fn scan(bytes: &[u8]) -> crate::FileReport {
        scan_bytes("model.ubj", bytes, &ScanConfig::default())
    }

    #[test]
    fn documents_and_lengths() {
        let good =
            b"{L\0\0\0\0\0\0\0\x01a[$d#L\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\0i\x01bSi\x02hii\x01c{}i\x01d[i\x01i\x02]}";
        let ok = scan(good);
        assert!(ok.is_clean() && ok.format == "ubjson", "{ok:?}");
        let mut long = good.to_vec();
        long[22] = 0x7f;
        assert_eq!(scan(&long).severity, ArtifactSeverity::Suspicious, "a count that overflows");
        assert!(!scan(&good[..good.len() - 1]).is_clean(), "cut");
        assert!(!scan(&[&good[..], b"x"].concat()).is_clean(), "something behind it");
    }

    #[test]
    fn depth_at_the_limit_and_past_it() {
        let deep = |n: usize| [b"{i\x01a".to_vec(), vec![b'['; n - 1], vec![b']'; n - 1], b"}".to_vec()].concat();
        assert!(scan(&deep(DEPTH_MAX)).is_clean());
        assert_eq!(scan(&deep(DEPTH_MAX + 1)).severity, ArtifactSeverity::Suspicious);
    }
}
