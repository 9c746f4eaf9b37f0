//! Values of the symbolic machine: one word each, with composites in a bounded arena.

/// How the text of a string value is written in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum StrForm {
    /// UTF-8 with surrogates passed.
    Utf8 = 0,
    /// `raw-unicode-escape`, one line.
    RawEscape = 1,
    /// A quoted Python literal, one line.
    Quoted = 2,
    /// Protocol 0–2 byte string, read as text or bytes.
    Binary = 3,
    /// A line without quoting, as in `GLOBAL`.
    Line = 4,
}

/// What a word holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tag {
    None = 0,
    False,
    True,
    Int,
    BigInt,
    Float,
    /// A string at an offset of the stream; the form is in the low bits of the length.
    Str,
    /// A string whose place is in the side table.
    LongStr,
    /// Bytes at an offset of the stream.
    Bytes,
    /// Bytes whose place is in the side table.
    LongBytes,
    /// An imported name, by index.
    Global,
    /// An object made by an allow-listed constructor, by the index of its class.
    Instance,
    /// A composite in the arena.
    Node,
    /// An extension code.
    Extension,
    /// An out-of-band buffer.
    Buffer,
    /// What a persistent-id loader returned.
    Persistent,
    /// Something the machine no longer remembers.
    Opaque,
}

const TAGS: [Tag; 17] = [
    Tag::None,
    Tag::False,
    Tag::True,
    Tag::Int,
    Tag::BigInt,
    Tag::Float,
    Tag::Str,
    Tag::LongStr,
    Tag::Bytes,
    Tag::LongBytes,
    Tag::Global,
    Tag::Instance,
    Tag::Node,
    Tag::Extension,
    Tag::Buffer,
    Tag::Persistent,
    Tag::Opaque,
];

const OFFSET_BITS: u32 = 42;
const LEN_MAX: u64 = (1 << 11) - 1;
const PAYLOAD: u64 = (1 << 56) - 1;

/// One word: a tag in the top byte, the rest is payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Value(u64);

impl Value {
    pub(crate) const NONE: Self = Self::of(Tag::None, 0);
    pub(crate) const OPAQUE: Self = Self::of(Tag::Opaque, 0);

    pub(crate) const fn of(tag: Tag, payload: u64) -> Self {
        Self(((tag as u64) << 56) | (payload & PAYLOAD))
    }

    /// True for a composite; cheaper than asking for the tag.
    #[inline]
    pub(crate) const fn is_node(self) -> bool {
        self.0 >> 56 == Tag::Node as u64
    }

    #[inline]
    pub(crate) fn tag(self) -> Tag {
        TAGS.get((self.0 >> 56) as usize).copied().unwrap_or(Tag::Opaque)
    }

    pub(crate) const fn payload(self) -> u64 {
        self.0 & PAYLOAD
    }

    pub(crate) const fn index(self) -> usize {
        (self.0 & PAYLOAD) as usize
    }

    /// An integer; those beyond 55 bits keep only their place.
    pub(crate) fn int(v: i64, at: u64) -> Self {
        if (-(1 << 54)..(1 << 54)).contains(&v) { Self::of(Tag::Int, v as u64) } else { Self::of(Tag::BigInt, at) }
    }

    /// The integer, when it is a small one or a bool.
    pub(crate) fn as_int(self) -> Option<i64> {
        match self.tag() {
            Tag::Int => Some(((self.payload() << 8) as i64) >> 8),
            Tag::True => Some(1),
            Tag::False => Some(0),
            _ => None,
        }
    }

    /// A text or byte value that fits in the word: place, length and form.
    pub(crate) fn inline(tag: Tag, at: u64, len: u64, form: StrForm) -> Option<Self> {
        (at < 1 << OFFSET_BITS && len <= LEN_MAX)
            .then(|| Self::of(tag, at | (len << OFFSET_BITS) | ((form as u64) << (OFFSET_BITS + 11))))
    }

    /// Place, length and form of an inline text or byte value.
    pub(crate) fn inline_parts(self) -> (u64, u64, StrForm) {
        let p = self.payload();
        let form = match (p >> (OFFSET_BITS + 11)) & 7 {
            0 => StrForm::Utf8,
            1 => StrForm::RawEscape,
            2 => StrForm::Quoted,
            3 => StrForm::Binary,
            _ => StrForm::Line,
        };
        (p & ((1 << OFFSET_BITS) - 1), (p >> OFFSET_BITS) & LEN_MAX, form)
    }
}

/// What a composite is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Tuple,
    List,
    Dict,
    Set,
    FrozenSet,
    /// The result of a call: callee, arguments (a tuple or nothing).
    Call,
    /// `getattr(target, name)`: target, name.
    Attr,
    /// A persistent reference: its id.
    Persistent,
}

/// Children kept for one composite; more are only counted.
pub(crate) const CHILDREN_MAX: usize = 18;

/// A composite value.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) head: Vec<Value>,
    /// Children in all (for a dictionary, keys and values).
    pub(crate) count: u64,
    /// How many values it would have if every reference were written out, saturating.
    pub(crate) weight: u64,
    /// How deep it nests.
    pub(crate) depth: u32,
    /// Offset of the opcode that made it.
    pub(crate) at: u64,
    /// A key that changes how the object behaves was set.
    pub(crate) special_key: bool,
}

impl Node {
    pub(crate) fn new(kind: Kind, at: u64) -> Self {
        Self { kind, head: Vec::new(), count: 0, weight: 1, depth: 1, at, special_key: false }
    }
}

/// How many composites past the limit are remembered, the latest first.
const RING: usize = 4096;

/// Composites: the first `max` for good, later ones in a ring of the latest 4096 behind them.
pub(crate) struct Arena {
    nodes: Vec<Node>,
    made: u64,
    max: u64,
}

impl Arena {
    pub(crate) fn new(max: usize) -> Self {
        Self { nodes: Vec::new(), made: 0, max: max as u64 }
    }

    /// Where the composite of this number stands, or will.
    #[inline]
    fn place(&self, id: u64) -> usize {
        (if id < self.max { id } else { self.max + (id - self.max) % RING as u64 }) as usize
    }

    pub(crate) fn push(&mut self, node: Node) -> Value {
        let id = self.made;
        let place = self.place(id);
        self.made += 1;
        match self.nodes.get_mut(place) {
            Some(old) => *old = node,
            None => self.nodes.push(node),
        }
        Value::of(Tag::Node, id)
    }

    /// Makes a composite with these children; past the limit the oldest slot of the ring is used again, allocation
    /// included.
    #[inline]
    pub(crate) fn make(&mut self, kind: Kind, at: u64, items: &[Value], weight: u64, depth: u32) -> Value {
        let head = &items[..items.len().min(CHILDREN_MAX)];
        let id = self.made;
        let place = self.place(id);
        let Some(node) = self.nodes.get_mut(place) else {
            let node = Node { head: head.to_vec(), count: items.len() as u64, weight, depth, ..Node::new(kind, at) };
            return self.push(node);
        };
        node.kind = kind;
        node.head.clear();
        if !head.is_empty() {
            node.head.extend_from_slice(head);
        }
        node.count = items.len() as u64;
        node.weight = weight;
        node.depth = depth;
        node.at = at;
        node.special_key = false;
        self.made = id + 1;
        Value::of(Tag::Node, id)
    }

    /// Weight of all values together, and how deep the deepest nests.
    #[inline]
    pub(crate) fn weight_of(&self, values: &[Value]) -> (u64, u32) {
        let (mut weight, mut depth) = (0u64, 0u32);
        for v in values {
            let (w, d) = self.weight_of_one(*v);
            weight = weight.saturating_add(w);
            depth = depth.max(d);
        }
        (weight, depth)
    }

    #[inline]
    fn slot(&self, v: Value) -> Option<usize> {
        let id = v.payload();
        if !v.is_node() {
            None
        } else if id < self.max {
            Some(id as usize)
        } else {
            // What was made longer ago than the ring is long stands in it no more.
            (self.made.wrapping_sub(id) <= RING as u64).then(|| self.place(id))
        }
    }

    /// Weight of a value, and how deep it nests.
    #[inline]
    pub(crate) fn weight_of_one(&self, v: Value) -> (u64, u32) {
        if v.is_node() { self.get(v).map_or((1, 0), |n| (n.weight, n.depth)) } else { (1, 0) }
    }

    #[inline]
    pub(crate) fn get(&self, v: Value) -> Option<&Node> {
        self.nodes.get(self.slot(v)?)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, v: Value) -> Option<&mut Node> {
        let slot = self.slot(v)?;
        self.nodes.get_mut(slot)
    }
}

/// Memo slots per chunk: chunks keep growth from copying.
const CHUNK: usize = 1 << 14;

/// The memo: dense up to a limit, with the few far indices in a map.
pub(crate) struct Memo {
    chunks: Vec<Box<[Value]>>,
    far: std::collections::HashMap<u64, Value>,
    max: usize,
    /// Entries set, which is what `MEMOIZE` counts by.
    pub(crate) count: u64,
    /// An entry was not kept.
    pub(crate) forgot: bool,
}

/// Marks a memo slot that was never set.
const UNSET: Value = Value(u64::MAX);
/// Far indices remembered.
const FAR_MAX: usize = 4096;

impl Memo {
    pub(crate) fn new(max: usize) -> Self {
        Self { chunks: Vec::new(), far: std::collections::HashMap::new(), max, count: 0, forgot: false }
    }

    pub(crate) fn set(&mut self, index: u64, v: Value) {
        let i = usize::try_from(index).unwrap_or(usize::MAX);
        // Dense as long as indices come in order, give or take one chunk.
        if i < self.max && i / CHUNK <= self.chunks.len() {
            if i / CHUNK == self.chunks.len() {
                self.chunks.push(vec![UNSET; CHUNK].into_boxed_slice());
            }
            let slot = &mut self.chunks[i / CHUNK][i % CHUNK];
            self.count += u64::from(*slot == UNSET);
            *slot = v;
        } else if self.far.len() < FAR_MAX {
            self.count += u64::from(self.far.insert(index, v).is_none());
        } else {
            self.count += 1;
            self.forgot = true;
        }
    }

    /// `MEMOIZE`: sets the entry whose number is how many there are.
    #[inline]
    pub(crate) fn append(&mut self, v: Value) {
        let i = usize::try_from(self.count).unwrap_or(usize::MAX);
        // Where numbers were given out in order, that entry is free and its chunk is there.
        match self.chunks.get_mut(i / CHUNK).map(|c| &mut c[i % CHUNK]) {
            Some(slot) if *slot == UNSET => {
                *slot = v;
                self.count += 1;
            }
            None if self.forgot && i >= self.max && self.far.len() >= FAR_MAX => self.count += 1,
            _ => self.set(self.count, v),
        }
    }

    pub(crate) fn get(&self, index: u64) -> Option<Value> {
        let i = usize::try_from(index).unwrap_or(usize::MAX);
        if let Some(v) = self.chunks.get(i / CHUNK).map(|c| c[i % CHUNK])
            && v != UNSET
        {
            return Some(v);
        }
        self.far.get(&index).copied().or(if self.forgot { Some(Value::OPAQUE) } else { None })
    }
}

#[cfg(test)]
mod tests {
    use super::{Arena, Kind, Memo, Node, RING, StrForm, Tag, Value};

    #[test]
    fn words_keep_their_parts() {
        for v in [0, 1, -1, 255, -(1 << 54), (1 << 54) - 1] {
            assert_eq!(Value::int(v, 7).as_int(), Some(v));
        }
        assert_eq!(Value::int(1 << 54, 7).tag(), Tag::BigInt);
        let v = Value::inline(Tag::Str, (1 << 42) - 1, 2047, StrForm::Line).expect("at the limit");
        assert_eq!(v.inline_parts(), ((1 << 42) - 1, 2047, StrForm::Line));
        assert_eq!(v.tag(), Tag::Str);
        assert!(Value::inline(Tag::Str, 1, 2048, StrForm::Utf8).is_none(), "one past the limit");
    }

    #[test]
    fn the_arena_forgets_the_oldest_past_its_limit() {
        let mut a = Arena::new(2);
        let ids: Vec<Value> = (0..RING + 3).map(|i| a.push(Node::new(Kind::List, i as u64))).collect();
        assert!(a.get(ids[0]).is_some() && a.get(ids[1]).is_some());
        assert!(a.get(ids[2]).is_none(), "the first of the ring was overwritten");
        assert_eq!(a.get(ids[3]).map(|n| n.at), Some(3));
        assert_eq!(a.get(ids[RING + 2]).map(|n| n.at), Some(RING as u64 + 2));
    }

    #[test]
    fn the_memo_takes_far_indices_without_growing() {
        let mut m = Memo::new(1 << 20);
        m.set(u64::from(u32::MAX), Value::NONE);
        m.set(0, Value::OPAQUE);
        assert_eq!(m.get(u64::from(u32::MAX)), Some(Value::NONE));
        assert_eq!(m.get(1), None);
        assert_eq!(m.count, 2);
    }
}
