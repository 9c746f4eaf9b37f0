//! Filters of streams (ISO 32000-1, 7.4).

use std::io::Read;

use flate2::read::{DeflateDecoder, ZlibDecoder};

use super::object::{Dictionary, Object};

/// Filters of one stream.
const FILTERS_MAX: usize = 8;
/// Columns of a predictor.
const COLUMNS_MAX: usize = 1 << 20;

/// What a stream gives.
pub(super) enum Unpacked {
    /// The content, and whether it was whole.
    Content(Vec<u8>, bool),
    /// A picture, or what else has no text.
    Picture,
    /// A filter that is not read.
    Unknown,
    /// The budget is spent.
    Spent,
}

/// Unpacks `data`; `left` is what may still come out of the document.
pub(super) fn unpack(dictionary: &Dictionary, data: &[u8], left: &mut u64) -> Unpacked {
    let listed = |key: &[u8], short: &[u8]| -> Vec<Object> {
        match dictionary.get(key).or_else(|| dictionary.get(short)) {
            Some(Object::Array(list)) => list.clone(),
            Some(one) => vec![one.clone()],
            None => Vec::new(),
        }
    };
    let (filters, parameters) = (listed(b"Filter", b"F"), listed(b"DecodeParms", b"DP"));
    if filters.len() > FILTERS_MAX {
        return Unpacked::Unknown;
    }
    if filters.is_empty() {
        // A stream that is read again and again costs as much each time.
        match left.checked_sub(data.len() as u64) {
            Some(rest) => *left = rest,
            None => return Unpacked::Spent,
        }
    }
    let (mut content, mut whole) = (data.to_vec(), true);
    for (i, filter) in filters.iter().enumerate() {
        let unpacked = match filter.name() {
            Some(b"FlateDecode" | b"Fl") => inflate(&content, *left),
            Some(b"LZWDecode" | b"LZW") => lzw(&content, early(parameters.get(i)), *left),
            Some(b"ASCIIHexDecode" | b"AHx") => ascii_hex(&content),
            Some(b"ASCII85Decode" | b"A85") => ascii85(&content),
            Some(b"RunLengthDecode" | b"RL") => run_length(&content, *left),
            Some(b"DCTDecode" | b"DCT" | b"JPXDecode" | b"JBIG2Decode" | b"CCITTFaxDecode" | b"CCF") => {
                return Unpacked::Picture;
            }
            _ => return Unpacked::Unknown,
        };
        let (bytes, good) = unpacked;
        match left.checked_sub(bytes.len() as u64) {
            Some(rest) => *left = rest,
            None => return Unpacked::Spent,
        }
        whole &= good;
        content = match parameters.get(i) {
            Some(Object::Dictionary(p)) => predicted(bytes, p),
            _ => bytes,
        };
    }
    Unpacked::Content(content, whole)
}

fn early(parameters: Option<&Object>) -> usize {
    match parameters {
        Some(Object::Dictionary(p)) => p.get(b"EarlyChange").and_then(Object::index).unwrap_or(1).min(1),
        _ => 1,
    }
}

/// Unpacks up to one byte more than `left`, so that going past it shows.
fn inflate(data: &[u8], left: u64) -> (Vec<u8>, bool) {
    let mut content = Vec::new();
    let whole = ZlibDecoder::new(data).take(left + 1).read_to_end(&mut content).is_ok();
    if content.is_empty() && !whole && data.len() > 2 {
        // A broken head; what follows it may be sound.
        let whole = DeflateDecoder::new(&data[2..]).take(left + 1).read_to_end(&mut content).is_ok();
        return (content, whole);
    }
    (content, whole)
}

fn ascii_hex(data: &[u8]) -> (Vec<u8>, bool) {
    let end = memchr::memchr(b'>', data).unwrap_or(data.len());
    let nibbles: Vec<u8> = data[..end].iter().filter_map(|b| char::from(*b).to_digit(16)).map(|d| d as u8).collect();
    (nibbles.chunks(2).map(|p| p[0] << 4 | p.get(1).copied().unwrap_or(0)).collect(), true)
}

fn ascii85(data: &[u8]) -> (Vec<u8>, bool) {
    let (mut out, mut group, mut whole) = (Vec::with_capacity(data.len() / 5 * 4), Vec::with_capacity(5), true);
    let mut emit = |group: &mut Vec<u8>| {
        let n = group.len();
        group.resize(5, 84);
        let word = group.iter().fold(0_u64, |word, d| word * 85 + u64::from(*d));
        out.extend_from_slice(&(word as u32).to_be_bytes()[..n.saturating_sub(1)]);
        group.clear();
        word <= u64::from(u32::MAX)
    };
    for &b in data {
        match b {
            b'~' => break,
            b'z' if group.is_empty() => {
                group.resize(5, 0);
                whole &= emit(&mut group);
            }
            b'!'..=b'u' => {
                group.push(b - b'!');
                if group.len() == 5 {
                    whole &= emit(&mut group);
                }
            }
            b if b.is_ascii_whitespace() || b == 0 => {}
            _ => whole = false,
        }
    }
    if !group.is_empty() {
        emit(&mut group);
    }
    (out, whole)
}

fn run_length(data: &[u8], left: u64) -> (Vec<u8>, bool) {
    let (mut out, mut rest) = (Vec::new(), data);
    while let Some((&length, after)) = rest.split_first() {
        if length == 128 {
            return (out, true);
        }
        if out.len() as u64 > left {
            break;
        }
        if length < 128 {
            let n = usize::from(length) + 1;
            let Some((run, next)) = after.split_at_checked(n) else { return (out, false) };
            out.extend_from_slice(run);
            rest = next;
        } else {
            let Some((&b, next)) = after.split_first() else { return (out, false) };
            out.resize(out.len() + 257 - usize::from(length), b);
            rest = next;
        }
    }
    (out, false)
}

/// LZW with codes of 9 to 12 bits, most significant bit first.
fn lzw(data: &[u8], early: usize, left: u64) -> (Vec<u8>, bool) {
    const CLEAR: usize = 256;
    const END: usize = 257;
    let mut out = Vec::new();
    // Of each code from 258 on: where in `out` its bytes stand, and how many.
    let mut table: Vec<(usize, usize)> = Vec::new();
    let (mut bits, mut held, mut width) = (0_u32, 0_u32, 9_u32);
    let mut last: Option<(usize, usize)> = None;
    for &b in data {
        bits = bits << 8 | u32::from(b);
        held += 8;
        if held < width {
            continue;
        }
        held -= width;
        let code = (bits >> held & ((1 << width) - 1)) as usize;
        bits &= (1 << held) - 1;
        match code {
            CLEAR => {
                table.clear();
                (width, last) = (9, None);
                continue;
            }
            END => return (out, true),
            _ => {}
        }
        let start = out.len();
        if code < CLEAR {
            out.push(code as u8);
        } else if let Some(&(from, length)) = table.get(code - 258) {
            out.extend_from_within(from..from + length);
        } else if let Some((from, length)) = last.filter(|_| code - 258 == table.len()) {
            out.extend_from_within(from..from + length);
            out.extend_from_within(start..=start);
        } else {
            return (out, false);
        }
        if out.len() as u64 > left {
            return (out, false);
        }
        if let Some((from, length)) = last
            && table.len() + 258 < 4_096
        {
            // The bytes of the last code and the first of this one stand side by side.
            table.push((from, length + 1));
        }
        last = Some((start, out.len() - start));
        let next = table.len() + 258 + early;
        width = match next {
            n if n >= 2_048 => 12,
            n if n >= 1_024 => 11,
            n if n >= 512 => 10,
            _ => 9,
        };
    }
    (out, false)
}

/// Undoes a predictor: each byte is told as the difference to its neighbours (PNG) or to the one on its left (TIFF).
fn predicted(bytes: Vec<u8>, parameters: &Dictionary) -> Vec<u8> {
    let value = |key: &[u8], default: usize| parameters.get(key).and_then(Object::index).unwrap_or(default);
    let predictor = value(b"Predictor", 1);
    let (colors, bits) = (value(b"Colors", 1).clamp(1, 32), value(b"BitsPerComponent", 8).clamp(1, 16));
    let columns = value(b"Columns", 1).clamp(1, COLUMNS_MAX);
    let (row, step) = ((columns * colors * bits).div_ceil(8), (colors * bits).div_ceil(8));
    if predictor == 2 && bits == 8 {
        let mut out = bytes;
        for line in out.chunks_mut(row) {
            for i in step..line.len() {
                line[i] = line[i].wrapping_add(line[i - step]);
            }
        }
        return out;
    }
    if predictor < 10 {
        return bytes;
    }
    let mut out: Vec<u8> = Vec::with_capacity(bytes.len());
    let mut above = vec![0; row];
    for line in bytes.chunks(row + 1) {
        let Some((&kind, line)) = line.split_first() else { break };
        let mut current = vec![0; row];
        for (i, &b) in line.iter().enumerate() {
            let left = if i >= step { current[i - step] } else { 0 };
            let corner = if i >= step { above[i - step] } else { 0 };
            let up = above[i];
            let guess = match kind {
                1 => left,
                2 => up,
                3 => ((u16::from(left) + u16::from(up)) / 2) as u8,
                4 => paeth(left, up, corner),
                _ => 0,
            };
            current[i] = b.wrapping_add(guess);
        }
        out.extend_from_slice(&current[..line.len()]);
        above = current;
    }
    out
}

fn paeth(left: u8, up: u8, corner: u8) -> u8 {
    let guess = i16::from(left) + i16::from(up) - i16::from(corner);
    let off = |b: u8| (guess - i16::from(b)).abs();
    if off(left) <= off(up) && off(left) <= off(corner) {
        left
    } else if off(up) <= off(corner) {
        up
    } else {
        corner
    }
}

#[cfg(test)]
mod tests {
    use super::{Unpacked, unpack};
    use crate::pdf::object::{Dictionary, Lexer, Object};

    fn dictionary(source: &str) -> Dictionary {
        match Lexer::new(source.as_bytes(), 0).object() {
            Some(Object::Dictionary(d)) => d,
            other => panic!("{other:?}"),
        }
    }

    fn content(source: &str, data: &[u8], mut left: u64) -> Option<Vec<u8>> {
        match unpack(&dictionary(source), data, &mut left) {
            Unpacked::Content(content, _) => Some(content),
            _ => None,
        }
    }

    #[test]
    fn filters_give_what_was_packed() {
        assert_eq!(content("<</Filter/ASCIIHexDecode>>", b"41 4 2>", 9).unwrap(), b"AB");
        assert_eq!(content("<</Filter[/A85]>>", b"87cURDZ~>", 9).unwrap(), b"Hello");
        assert_eq!(content("<</Filter/RL>>", b"\x01ab\xfec\x80", 9).unwrap(), b"abccc");
        // The specification's example of LZW (7.4.4.2).
        let packed = [0x80, 0x0b, 0x60, 0x50, 0x22, 0x0c, 0x0c, 0x85, 0x01];
        let expected = [45, 45, 45, 45, 45, 65, 45, 45, 45, 66];
        assert_eq!(content("<</Filter/LZWDecode>>", &packed, 10).unwrap(), expected);
        assert!(content("<</Filter/LZWDecode>>", &packed, 9).is_none(), "one byte past the budget");
        assert!(content("<</Filter/DCTDecode>>", b"", 9).is_none());
        assert!(content("<</Filter/Crypt>>", b"", 9).is_none());
    }

    #[test]
    fn predictors_are_undone() {
        let parameters = "<</Filter/AHx/DecodeParms<</Predictor 12/Columns 3>>>>";
        assert_eq!(content(parameters, b"02 010203 02 010101 01 010101", 99).unwrap(), [1, 2, 3, 2, 3, 4, 1, 2, 3]);
        let tiff = "<</Filter/AHx/DecodeParms<</Predictor 2/Columns 3>>>>";
        assert_eq!(content(tiff, b"010101", 99).unwrap(), [1, 2, 3]);
    }
}
