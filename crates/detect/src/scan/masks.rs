//! All written forms of numbers and codes in one trie, walked from the start of a token.

use crate::bytes::{DIGIT, WORD};

/// Columns of the trie: digit, letter, and the separators that masks may hold.
const SEPARATORS: &[u8] = b" -./()+";
const COLUMNS: usize = 2 + SEPARATORS.len();
/// Longest mask, in characters.
const MASK_MAX: usize = 40;

/// A rule that accepts at a node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Accept {
    pub(crate) rule: u16,
    /// The form is so plain that the lower prior counts.
    pub(crate) bare: bool,
}

#[derive(Clone, Debug, Default)]
struct Node {
    next: [u32; COLUMNS],
    accepts: Vec<Accept>,
}

/// The trie. Node 0 is the root, and as a target means that no mask goes on.
#[derive(Debug)]
pub(crate) struct MaskTrie {
    nodes: Vec<Node>,
    columns: [u8; 256],
}

impl Default for MaskTrie {
    fn default() -> Self {
        let mut columns = [u8::MAX; 256];
        for b in 0..=255u8 {
            if b.is_ascii_digit() {
                columns[usize::from(b)] = 0;
            } else if b.is_ascii_alphabetic() {
                columns[usize::from(b)] = 1;
            } else if let Some(i) = SEPARATORS.iter().position(|s| *s == b) {
                columns[usize::from(b)] = 2 + i as u8;
            }
        }
        Self { nodes: vec![Node::default()], columns }
    }
}

impl MaskTrie {
    /// Adds a mask; the error says what is wrong with it.
    pub(crate) fn add(&mut self, mask: &str, accept: Accept) -> Result<(), String> {
        if mask.is_empty() || mask.len() > MASK_MAX {
            return Err(format!("a mask has 1 to {MASK_MAX} characters"));
        }
        if !matches!(mask.as_bytes()[0], b'9' | b'A' | b'X') {
            return Err("a mask begins with 9, A or X".into());
        }
        if mask.bytes().filter(|b| *b == b'X').count() > 6 {
            return Err("at most 6 X in a mask; use `runs` for longer codes".into());
        }
        self.insert(0, mask.as_bytes(), accept)
    }

    fn insert(&mut self, node: usize, mask: &[u8], accept: Accept) -> Result<(), String> {
        let Some((&first, rest)) = mask.split_first() else {
            self.nodes[node].accepts.push(accept);
            return Ok(());
        };
        let columns: &[usize] = match first {
            b'9' => &[0],
            b'A' => &[1],
            b'X' => &[0, 1],
            b => {
                let i = SEPARATORS.iter().position(|s| *s == b);
                let column = 2 + i.ok_or_else(|| format!("`{}` is no mask character", char::from(b)))?;
                let next = self.step(node, column);
                return self.insert(next, rest, accept);
            }
        };
        for &column in columns {
            let next = self.step(node, column);
            self.insert(next, rest, accept)?;
        }
        Ok(())
    }

    fn step(&mut self, node: usize, column: usize) -> usize {
        let next = self.nodes[node].next[column] as usize;
        if next != 0 {
            return next;
        }
        self.nodes.push(Node::default());
        let new = self.nodes.len() - 1;
        self.nodes[node].next[column] = new as u32;
        new
    }

    /// Calls `found` with every mask that matches at `start` and ends where a token ends, and with the letters (upper case)
    /// and digits of the match.
    #[inline]
    pub(crate) fn walk(&self, bytes: &[u8], start: usize, mut found: impl FnMut(usize, Accept, &[u8])) {
        let mut compact = [0u8; MASK_MAX];
        let mut n = 0;
        let mut node = 0usize;
        let mut i = start;
        while let Some(&b) = bytes.get(i) {
            let column = self.columns[usize::from(b)];
            if column == u8::MAX {
                break;
            }
            node = self.nodes[node].next[usize::from(column)] as usize;
            if node == 0 {
                break;
            }
            if column < 2 {
                compact[n] = b.to_ascii_uppercase();
                n += 1;
            }
            i += 1;
            if !self.nodes[node].accepts.is_empty() && ends_here(bytes, i) {
                for accept in &self.nodes[node].accepts {
                    found(i, *accept, &compact[..n]);
                }
            }
        }
    }
}

/// True if a number that ends at `end` is not the beginning of a longer one.
pub(crate) fn ends_here(bytes: &[u8], end: usize) -> bool {
    match bytes.get(end) {
        None => true,
        Some(b) if WORD.has(*b) => false,
        Some(b'-' | b'.' | b'/' | b'@') => !bytes.get(end + 1).is_some_and(|b| WORD.has(*b)),
        // `1,234` goes on; `536-22-1234,1980` is the next column.
        Some(b',') => !(1..=3).contains(&DIGIT.run_end(bytes, end + 1, 4).saturating_sub(end + 1)),
        Some(b':') => !bytes.get(end + 1).is_some_and(u8::is_ascii_digit),
        Some(_) => true,
    }
}
