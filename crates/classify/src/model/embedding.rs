//! Static token embeddings: WordPiece (Schuster and Nakajima 2012, as BERT uses it) over folded words, one int8 vector a
//! token, weighted by how rare the token is.

use std::borrow::Cow;
use std::sync::OnceLock;

use super::wide::{Wide, wide};
use super::{Container, ModelError};
use crate::text::{Index, Word, prefix_hashes, word_hash};

/// Numbers in one vector.
pub const DIMENSIONS: usize = 256;
/// Words longer than this are one unknown token.
const WORD_BYTES_MAX: usize = 64;
const UNKNOWN: u32 = 0;
/// Dimensions that are summed at a time.
const ADD_LANES: usize = 64;

static BUILTIN: &[u8] = include_bytes!("../../../../models/embedding.bin");

/// The table that ships inside the program.
pub fn builtin_embedding() -> &'static Embedding {
    static TABLE: OnceLock<Embedding> = OnceLock::new();
    TABLE.get_or_init(|| Embedding::parse_static(BUILTIN).expect("the embedded table is checked by a test"))
}

/// A vocabulary and its vectors.
#[derive(Debug)]
pub struct Embedding {
    id: String,
    vocabulary: Box<str>,
    /// Bytes of each piece in `vocabulary`, without `##`.
    pieces: Vec<(u32, u32)>,
    /// Open-addressing tables of pieces that begin a word, and of those that go on.
    begins: Index,
    continues: Index,
    scales: Vec<f32>,
    /// Two's complement; a table inside the program is not copied.
    vectors: Cow<'static, [u8]>,
}

#[derive(serde::Deserialize)]
struct Meta {
    id: String,
    dimensions: usize,
    tokens: usize,
}

impl Embedding {
    /// Most tokens of a vocabulary.
    pub const TOKENS_MAX: usize = 200_000;

    /// Reads a table.
    ///
    /// # Errors
    /// [`ModelError`] if the file is broken or its sections do not fit each other.
    pub fn parse(raw: &[u8]) -> Result<Self, ModelError> {
        Self::read(raw, |vectors| Cow::Owned(vectors.to_vec()))
    }

    /// Reads a table that lives as long as the program, without copying its vectors.
    ///
    /// # Errors
    /// As [`Embedding::parse`].
    pub fn parse_static(raw: &'static [u8]) -> Result<Self, ModelError> {
        Self::read(raw, Cow::Borrowed)
    }

    fn read<'a>(raw: &'a [u8], keep: impl FnOnce(&'a [u8]) -> Cow<'static, [u8]>) -> Result<Self, ModelError> {
        let file = Container::parse(raw)?;
        let meta: Meta =
            serde_json::from_slice(file.section("META")?).map_err(|e| ModelError::shape("META", e.to_string()))?;
        if meta.dimensions != DIMENSIONS || meta.tokens == 0 || meta.tokens > Self::TOKENS_MAX {
            let what = format!("{} tokens of {} dimensions; wanted {DIMENSIONS}", meta.tokens, meta.dimensions);
            return Err(ModelError::shape("META", what));
        }
        let vocabulary = std::str::from_utf8(file.section("VOCB")?)
            .map_err(|_| ModelError::shape("VOCB", "not UTF-8"))?
            .to_owned()
            .into_boxed_str();
        let scales = file.floats("SCAL")?;
        let vectors = keep(file.section("VECS")?);
        let count = vocabulary.split('\n').count();
        for (section, have, want) in [
            ("VOCB", count, meta.tokens),
            ("SCAL", scales.len(), meta.tokens),
            ("VECS", vectors.len(), meta.tokens * DIMENSIONS),
        ] {
            if have != want {
                return Err(ModelError::shape(section, format!("{have} entries, metadata says {want}")));
            }
        }
        let mut this = Self {
            id: meta.id,
            pieces: Vec::with_capacity(count),
            begins: Index::with_capacity(count),
            continues: Index::with_capacity(count),
            vocabulary,
            scales,
            vectors,
        };
        this.index();
        Ok(this)
    }

    fn index(&mut self) {
        let mut at = 0_u32;
        for (id, line) in self.vocabulary.split('\n').enumerate() {
            let length = line.len() as u32;
            let (table, skip) = if line.starts_with("##") { (&mut self.continues, 2) } else { (&mut self.begins, 0) };
            self.pieces.push((at + skip, at + length));
            // The first entry is the unknown token, which no text spells.
            if id > 0 {
                table.insert(word_hash(&line.as_bytes()[skip as usize..]), id as u32);
            }
            at += length + 1;
        }
    }

    /// Names this table; vectors of different tables cannot be compared.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Number of tokens.
    pub fn tokens(&self) -> usize {
        self.scales.len()
    }

    /// A token as the vocabulary spells it, without `##`, and whether it goes on a word.
    pub fn piece(&self, token: u32) -> (&str, bool) {
        let Some(&(start, end)) = self.pieces.get(token as usize) else { return ("", false) };
        let goes_on = start >= 2 && self.vocabulary.as_bytes().get(start as usize - 2..start as usize) == Some(b"##");
        (self.vocabulary.get(start as usize..end as usize).unwrap_or_default(), goes_on)
    }

    /// Appends the tokens of one folded word of `text`: the longest piece that fits, again and again; a word that cannot be spelled
    /// so is one unknown token.
    pub fn tokens_of(&self, text: &str, word: Word, out: &mut Vec<u32>) {
        if let Some(id) = self.begins.find(word.hash) {
            out.push(id);
            return;
        }
        // An apostrophe is no piece: `don't` is `don` and `t`.
        for part in word.of(text).split('\'').filter(|p| !p.is_empty()) {
            self.spell(part.as_bytes(), out);
        }
    }

    fn spell(&self, word: &[u8], out: &mut Vec<u32>) {
        let first = out.len();
        let mut at = 0;
        let mut hashes = [0; WORD_BYTES_MAX];
        while at < word.len() {
            let rest = &word[at..];
            let table = if at == 0 { &self.begins } else { &self.continues };
            prefix_hashes(rest, &mut hashes);
            let longest = hashes.iter().take(rest.len()).enumerate().rev().filter(|(_, hash)| table.may_have(**hash));
            let found = longest.into_iter().find_map(|(i, hash)| Some((i + 1, table.find(*hash)?)));
            match found.filter(|_| word.len() <= WORD_BYTES_MAX) {
                Some((length, id)) => {
                    out.push(id);
                    at += length;
                }
                None => {
                    out.truncate(first);
                    out.push(UNKNOWN);
                    return;
                }
            }
        }
    }

    /// Adds the vectors of `tokens` to `sum`.
    pub fn add(&self, tokens: &[u32], sum: &mut [f32; DIMENSIONS]) {
        wide(Add { table: self, tokens, sum });
    }

    /// As [`Embedding::add`], inside a loop that is [`Wide`].
    #[inline(always)]
    pub(super) fn add_wide(&self, tokens: &[u32], sum: &mut [f32; DIMENSIONS]) {
        // A few dimensions of all tokens at a time: so many sums stay in registers.
        for (at, part) in sum.as_chunks_mut::<ADD_LANES>().0.iter_mut().enumerate() {
            let mut lanes = *part;
            for &token in tokens {
                let start = token as usize * DIMENSIONS + at * ADD_LANES;
                let vector = self.vectors.get(start..).and_then(|v| v.first_chunk::<ADD_LANES>());
                let (Some(vector), Some(&scale)) = (vector, self.scales.get(token as usize)) else { continue };
                for lane in 0..ADD_LANES {
                    lanes[lane] += scale * f32::from(vector[lane].cast_signed());
                }
            }
            *part = lanes;
        }
    }

    /// The unit vector of a text by its folded words; all zero for a text without words.
    pub fn embed(&self, text: &str, words: &[Word]) -> [f32; DIMENSIONS] {
        let mut sum = [0.0; DIMENSIONS];
        let mut tokens = Vec::with_capacity(words.len());
        words.iter().for_each(|w| self.tokens_of(text, *w, &mut tokens));
        self.add(&tokens, &mut sum);
        normalise(&mut sum);
        sum
    }
}

struct Add<'a> {
    table: &'a Embedding,
    tokens: &'a [u32],
    sum: &'a mut [f32; DIMENSIONS],
}

impl Wide for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        self.table.add_wide(self.tokens, self.sum);
    }
}

/// Scales to length one; the zero vector stays.
pub fn normalise(vector: &mut [f32; DIMENSIONS]) {
    let length = dot(vector, vector).sqrt();
    if length > 1e-9 {
        vector.iter_mut().for_each(|v| *v /= length);
    }
}

/// The cosine of two unit vectors.
pub fn cosine(a: &[f32; DIMENSIONS], b: &[f32; DIMENSIONS]) -> f32 {
    dot(a, b)
}

/// The dot product in sixteen lanes, which the compiler turns into vector instructions.
#[inline(always)]
pub(super) fn dot(a: &[f32; DIMENSIONS], b: &[f32; DIMENSIONS]) -> f32 {
    let mut lanes = [0.0_f32; 16];
    for (x, y) in a.as_chunks::<16>().0.iter().zip(b.as_chunks::<16>().0) {
        for lane in 0..16 {
            lanes[lane] += x[lane] * y[lane];
        }
    }
    lanes.iter().sum()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{DIMENSIONS, Embedding};
    use crate::model::{ContainerWriter, ModelError};

    /// A table over `pieces`, each vector a one at its own place.
    pub(crate) fn tiny(pieces: &[&str]) -> Vec<u8> {
        let meta = format!(r#"{{"id":"tiny","dimensions":{DIMENSIONS},"tokens":{}}}"#, pieces.len());
        let vectors =
            (0..pieces.len()).flat_map(|i| (0..DIMENSIONS).map(move |d| u8::from(d == i % DIMENSIONS))).collect();
        ContainerWriter::default()
            .section("META", meta.into_bytes())
            .section("VOCB", pieces.join("\n").into_bytes())
            .floats("SCAL", &vec![1.0; pieces.len()])
            .section("VECS", vectors)
            .finish()
    }

    #[test]
    fn words_are_spelled_by_the_longest_pieces() {
        let e = Embedding::parse(&tiny(&["[UNK]", "ign", "ignore", "##ore", "##d", "don", "t"])).expect("a table");
        let spell = |w: &str| {
            let mut out = Vec::new();
            let mut found = Vec::new();
            crate::text::words(w, &mut found);
            found.iter().for_each(|word| e.tokens_of(w, *word, &mut out));
            out
        };
        assert_eq!(spell("ignore"), [2]);
        assert_eq!(spell("ignored"), [2, 4]);
        assert_eq!(spell("ignorex"), [0]);
        assert_eq!(spell("don't"), [5, 6]);
        assert_eq!(spell("ore"), [0]);
        assert_eq!(spell(&"ign".repeat(22)), [0]);
        assert_eq!((e.piece(3), e.piece(2)), (("ore", true), ("ignore", false)));
    }

    #[test]
    fn sections_that_do_not_fit_are_refused() {
        let meta = |tokens: usize, dims: usize| {
            let meta = format!(r#"{{"id":"x","dimensions":{dims},"tokens":{tokens}}}"#);
            ContainerWriter::default()
                .section("META", meta.into_bytes())
                .section("VOCB", b"[UNK]\na".to_vec())
                .floats("SCAL", &[1.0, 1.0])
                .section("VECS", vec![0; 2 * DIMENSIONS])
                .finish()
        };
        assert!(Embedding::parse(&meta(2, DIMENSIONS)).is_ok());
        for raw in [meta(3, DIMENSIONS), meta(2, 128), meta(0, DIMENSIONS), meta(usize::MAX / 512, DIMENSIONS)] {
            assert!(matches!(Embedding::parse(&raw), Err(ModelError::Shape { .. })));
        }
    }
}
