//! Changes to an input: bits, lengths, blocks, opcodes, parts of another seed.

/// xorshift64*: small, fast, the same everywhere.
pub struct Random(pub u64);

impl Random {
    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

/// Values at which parsers go wrong.
const EDGES: [u64; 12] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    u64::MAX,
];

/// One to six changes; never longer than 64 KiB.
pub fn mutate(r: &mut Random, bytes: &mut Vec<u8>, other: &[u8]) {
    for _ in 0..1 + r.below(6) {
        if bytes.is_empty() {
            bytes.push(r.next() as u8);
        }
        let at = r.below(bytes.len());
        match r.below(9) {
            0 => bytes[at] ^= 1 << r.below(8),
            1 => bytes[at] = r.next() as u8,
            2 => {
                let width = [1, 2, 4, 8][r.below(4)];
                let edge = EDGES[r.below(EDGES.len())].to_le_bytes();
                for (i, b) in edge.iter().take(width).enumerate() {
                    if let Some(slot) = bytes.get_mut(at + i) {
                        *slot = *b;
                    }
                }
            }
            3 => {
                let end = (at + 1 + r.below(16)).min(bytes.len());
                bytes.drain(at..end);
            }
            4 => {
                let end = (at + 1 + r.below(64)).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                let times = 1 + r.below(4);
                for _ in 0..times {
                    bytes.splice(at..at, copy.iter().copied());
                }
            }
            5 => bytes.truncate(at),
            6 => {
                // An opcode of the pickle machine.
                const OPCODES: &[u8] = b"()]}.0124abcdeghijlopqrstuQPRSTUVXKMNIJLFGBC\x80\x81\x82\x85\x86\x87\x88\x8a\x8b\x8c\x8d\x8e\x8f\x90\x91\x92\x93\x94\x95\x96\x97\x98";
                bytes.insert(at, OPCODES[r.below(OPCODES.len())]);
            }
            7 if !other.is_empty() => {
                let from = r.below(other.len());
                let end = (from + 1 + r.below(128)).min(other.len());
                bytes.splice(at..at, other[from..end].iter().copied());
            }
            _ => bytes.extend_from_slice(&other[..other.len().min(256)]),
        }
        bytes.truncate(64 << 10);
    }
}
