//! NumPy arrays (NEP 1): a Python literal as header, then data; an array of objects is a pickle.

use crate::pickle::{self, Setting};
use crate::report::ArtifactSeverity::{Review, Suspicious};
use crate::rules;
use crate::scan::{Job, Scan};

/// NumPy refuses longer headers unless it is told to trust the file.
const HEADER_BYTES_MAX: u64 = 1 << 20;

/// What the header says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Where the data begins.
    pub(crate) data: u64,
    /// The type, as it was written.
    pub(crate) descr: String,
    /// True when elements are objects.
    pub(crate) objects: bool,
    /// True when the header is written as no writer does, so that it may say something else to another reader.
    pub(crate) doubtful: bool,
    /// Number of elements, if the shape could be read.
    pub(crate) elements: Option<u64>,
}

/// Reads the header out of the beginning of a file.
pub(crate) fn header(head: &[u8], len: u64) -> Result<Header, &'static str> {
    let (n, from) = match head.get(6) {
        Some(1) => (head.get(8..10).map(|b| u64::from(u16::from_le_bytes([b[0], b[1]]))), 10u64),
        Some(2 | 3) => (head.get(8..12).map(|b| u64::from(u32::from_le_bytes([b[0], b[1], b[2], b[3]]))), 12),
        _ => return Err("the format version is unknown"),
    };
    let n = n.ok_or("the header is cut")?;
    if n > HEADER_BYTES_MAX || from + n > len {
        return Err("the header is longer than the file or than NumPy accepts");
    }
    let raw = head
        .get(usize::try_from(from).unwrap_or(0)..usize::try_from(from + n).unwrap_or(0))
        .ok_or("the header is longer than what was read")?;
    let text = String::from_utf8_lossy(raw).into_owned();
    let descr = field(&text, "descr").ok_or("the header has no type")?;
    let shape = field(&text, "shape").ok_or("the header has no shape")?;
    let types = type_codes(&descr);
    let objects =
        types.iter().any(|c| c.trim_start_matches(['<', '>', '|', '=']).starts_with('O') || c.starts_with("object"));
    // Python reads the header as a literal, in which a name can be spelt in many ways and the last of two keys counts.
    let doubtful = text.contains(['\\', '#']) || ["descr", "shape"].iter().any(|k| text.matches(k).count() > 1);
    let elements = shape
        .trim_matches(|c: char| c == '(' || c == ')' || c.is_whitespace())
        .split(',')
        .map(|d| d.trim().trim_end_matches('L'))
        .filter(|d| !d.is_empty())
        .try_fold(1u64, |p, d| p.checked_mul(d.parse::<u64>().ok()?));
    Ok(Header { data: from + n, descr, objects, doubtful, elements })
}

/// The value of a key of the literal, up to the comma or brace that ends it at its own level.
fn field(text: &str, key: &str) -> Option<String> {
    let at = ['\'', '"'].iter().find_map(|q| text.find(&format!("{q}{key}{q}")).map(|i| i + key.len() + 2))?;
    let rest = text[at..].trim_start().strip_prefix(':')?.trim_start();
    let mut depth = 0i32;
    let mut quote = None;
    for (i, c) in rest.char_indices() {
        match (quote, c) {
            (Some(q), _) if c == q => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '(' | '[') => depth += 1,
            (None, ')' | ']') => depth -= 1,
            (None, ',' | '}') if depth <= 0 => return Some(rest[..i].trim().to_owned()),
            _ => {}
        }
    }
    Some(rest.trim().to_owned())
}

/// What a bracket of a type description holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    /// `[…]`: fields.
    List,
    /// `(name, type, shape)`.
    Field(u32),
    /// `(type, shape)`.
    Shaped(u32),
    /// A shape, or a title with a name.
    Other,
}

/// The strings that stand where a type stands; strings beside each other are one, as Python joins them.
fn type_codes(descr: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut levels: Vec<Level> = Vec::new();
    let mut joined = false;
    let mut chars = descr.chars();
    while let Some(c) = chars.next() {
        let is_type = matches!(levels.last(), None | Some(Level::List | Level::Field(1) | Level::Shaped(0)));
        match c {
            '\'' | '"' => {
                let text: String = chars.by_ref().take_while(|n| *n != c).collect();
                if !is_type {
                    continue;
                }
                match out.last_mut() {
                    Some(last) if joined => last.push_str(&text),
                    _ => out.push(text),
                }
                joined = true;
                continue;
            }
            '[' => levels.push(Level::List),
            '(' => levels.push(match levels.last() {
                Some(Level::List) => Level::Field(0),
                _ if is_type => Level::Shaped(0),
                _ => Level::Other,
            }),
            ']' | ')' => {
                levels.pop();
            }
            ',' => {
                if let Some(Level::Field(n) | Level::Shaped(n)) = levels.last_mut() {
                    *n += 1;
                }
            }
            c if c.is_whitespace() => continue,
            _ => {}
        }
        joined = false;
    }
    out
}

/// Checks the array; object arrays go to the pickle machine.
pub(crate) fn scan_npy<'a>(scan: &mut Scan<'a, '_>, job: &Job<'a>) {
    scan.format("npy");
    let head = job.source.bytes(0, usize::try_from(HEADER_BYTES_MAX + 12).unwrap_or(0));
    match header(&head, job.source.len()) {
        Err(why) => {
            scan.find(&rules::LAYOUT, Review, 0, why, String::new(), &[]);
            // A reader that is laxer than this one may find a pickle behind the header.
            if let Some(i) = memchr::memmem::find(&head, b"}") {
                let at = i as u64 + 1;
                if pickle::looks_like_pickle(job.source.bytes(at, 512).trim_ascii_start()) {
                    pickle::scan_pickle(scan, job, at, Setting::Alone);
                }
            }
        }
        Ok(h) if h.objects => {
            scan.format("pickle");
            pickle::scan_pickle(scan, job, h.data, Setting::Alone);
        }
        Ok(h) => {
            if h.doubtful {
                // No writer makes this; an array of objects may be behind it.
                pickle::scan_pickle(scan, job, h.data, Setting::Guess);
            }
            if let (Some(n), Some(size)) = (h.elements, pickle::item_bytes(h.descr.trim_matches(['\'', '"']))) {
                match n.checked_mul(size).and_then(|b| b.checked_add(h.data)) {
                    None => {
                        scan.find(&rules::TENSOR_LAYOUT, Suspicious, 0, "the shape overflows", h.descr.clone(), &[])
                    }
                    Some(end) if end > job.source.len() => {
                        scan.find(
                            &rules::LAYOUT,
                            Review,
                            job.source.len(),
                            "the data is cut",
                            format!("{end} bytes wanted"),
                            &[],
                        );
                    }
                    Some(end) => {
                        // Several arrays may follow each other in one file; anything else behind the data is looked at.
                        let rest = job.source.bytes(end, 512);
                        if pickle::looks_like_pickle(&rest) {
                            pickle::scan_pickle(scan, job, end, Setting::Alone);
                        }
                    }
                }
            }
            let text = h.descr;
            if text.contains("__") || text.contains('(') && text.contains("import") {
                scan.find(&rules::LAYOUT, Suspicious, 0, "the type description holds code", text, &[]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Header, header};

    fn file(version: u8, text: &str) -> Vec<u8> {
        let mut v = b"\x93NUMPY".to_vec();
        v.extend([version, 0]);
        if version == 1 {
            v.extend((text.len() as u16).to_le_bytes());
        } else {
            v.extend((text.len() as u32).to_le_bytes());
        }
        v.extend(text.as_bytes());
        v
    }

    #[test]
    fn headers() {
        let f = file(1, "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }\n");
        let h = header(&f, f.len() as u64).expect("good");
        assert_eq!(
            h,
            Header { data: f.len() as u64, descr: "'<f8'".into(), objects: false, doubtful: false, elements: Some(12) }
        );
        for (text, objects) in [
            ("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", true),
            ("{'descr': [('a', '<i4'), ('b', '|O')], 'fortran_order': False, 'shape': ()}", true),
            ("{'descr': [('O', '<i4')], 'fortran_order': False, 'shape': ()}", false),
            ("{'descr': [(('O', 'O'), '<i4', (2,))], 'fortran_order': False, 'shape': ()}", false),
            ("{'descr': [(('title', 'a'), [('x', '<i4'), ('y', '|O')])], 'fortran_order': False, 'shape': ()}", true),
            ("{'descr': [('a', ('|O', (2,)))], 'fortran_order': False, 'shape': ()}", true),
            ("{'descr': ('|O', (2,)), 'fortran_order': False, 'shape': ()}", true),
            ("{'descr': '|' 'O', 'fortran_order': False, 'shape': ()}", true),
            ("{\"descr\": [('a', [('x', 'O8')])], \"fortran_order\": False, \"shape\": (2,)}", true),
            ("{'descr': '<U5', 'fortran_order': False, 'shape': (2,)}", false),
        ] {
            let f = file(2, text);
            assert_eq!(header(&f, f.len() as u64).map(|h| h.objects), Ok(objects), "{text}");
        }
        assert!(header(&file(9, "{}"), 100).is_err());
        assert!(header(&file(1, "{'descr': '<f8'}"), 5).is_err());
    }
}
