//! The file that holds a model: named sections and a digest over all of it.
//!
//! `CASEMODL`, version (u32), number of sections (u32), for each a tag (4 bytes) and a length (u32), the sections in that
//! order, SHA-256 of everything before it. All numbers little-endian.

use sha2::{Digest, Sha256};

const MAGIC: &[u8; 8] = b"CASEMODL";
const VERSION: u32 = 1;
const DIGEST_BYTES: usize = 32;

/// Why a model file was refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ModelError {
    /// Not a model file, or of another version.
    #[error("not a casemate model file of version 1")]
    Magic,
    /// Longer than any model.
    #[error("model file has {bytes} bytes, more than the {max} allowed")]
    TooLarge {
        /// Its length.
        bytes: usize,
        /// [`Container::FILE_BYTES_MAX`].
        max: usize,
    },
    /// Ends early, or goes on after its end.
    #[error("model file is cut short or has bytes too many")]
    Length,
    /// Its digest is not that of its contents.
    #[error("model file does not match its digest")]
    Digest,
    /// A section is missing.
    #[error("model file has no section {0}")]
    Missing(&'static str),
    /// A section is not shaped as its metadata says.
    #[error("section {section}: {what}")]
    Shape {
        /// The section's tag.
        section: &'static str,
        /// What is wrong.
        what: String,
    },
    /// Made for another embedding table.
    #[error("model wants embedding {wanted}, the one loaded is {loaded}")]
    Embedding {
        /// Id in the model file.
        wanted: String,
        /// Id of the table at hand.
        loaded: String,
    },
}

impl ModelError {
    pub(crate) fn shape(section: &'static str, what: impl Into<String>) -> Self {
        Self::Shape { section, what: what.into() }
    }
}

/// A parsed file: sections by tag.
#[derive(Debug)]
pub struct Container<'a> {
    sections: Vec<([u8; 4], &'a [u8])>,
}

impl<'a> Container<'a> {
    /// Longest file that is read.
    pub const FILE_BYTES_MAX: usize = 64 * 1024 * 1024;
    /// Most sections of a file.
    pub const SECTIONS_MAX: usize = 32;

    /// Parses a file and checks its digest.
    ///
    /// # Errors
    /// [`ModelError`] on anything that is not exactly such a file.
    pub fn parse(raw: &'a [u8]) -> Result<Self, ModelError> {
        if raw.len() > Self::FILE_BYTES_MAX {
            return Err(ModelError::TooLarge { bytes: raw.len(), max: Self::FILE_BYTES_MAX });
        }
        let body_end = raw.len().checked_sub(DIGEST_BYTES).ok_or(ModelError::Magic)?;
        let (body, digest) = raw.split_at(body_end);
        let mut rest = body.strip_prefix(MAGIC).ok_or(ModelError::Magic)?;
        if take_u32(&mut rest)? != VERSION {
            return Err(ModelError::Magic);
        }
        let count = take_u32(&mut rest)? as usize;
        if count > Self::SECTIONS_MAX {
            return Err(ModelError::Length);
        }
        let mut heads = Vec::with_capacity(count);
        for _ in 0..count {
            let (tag, tail) = rest.split_first_chunk::<4>().ok_or(ModelError::Length)?;
            rest = tail;
            heads.push((*tag, take_u32(&mut rest)? as usize));
        }
        let mut sections = Vec::with_capacity(count);
        for (tag, length) in heads {
            let (section, tail) = rest.split_at_checked(length).ok_or(ModelError::Length)?;
            sections.push((tag, section));
            rest = tail;
        }
        if !rest.is_empty() {
            return Err(ModelError::Length);
        }
        if Sha256::digest(body).as_slice() != digest {
            return Err(ModelError::Digest);
        }
        Ok(Self { sections })
    }

    /// The section with this four-letter tag.
    ///
    /// # Errors
    /// [`ModelError::Missing`] if there is none.
    pub fn section(&self, tag: &'static str) -> Result<&'a [u8], ModelError> {
        let found = self.sections.iter().find(|s| s.0 == tag.as_bytes());
        found.map(|s| s.1).ok_or(ModelError::Missing(tag))
    }

    /// A section of `f32`s.
    ///
    /// # Errors
    /// [`ModelError`] if it is missing, not of whole numbers, or holds one that is not finite.
    pub fn floats(&self, tag: &'static str) -> Result<Vec<f32>, ModelError> {
        let raw = self.section(tag)?;
        let (groups, rest) = raw.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(ModelError::shape(tag, format!("{} bytes are no whole number of f32", raw.len())));
        }
        let floats: Vec<f32> = groups.iter().map(|g| f32::from_le_bytes(*g)).collect();
        if floats.iter().any(|f| !f.is_finite()) {
            return Err(ModelError::shape(tag, "a value is not finite"));
        }
        Ok(floats)
    }
}

fn take_u32(rest: &mut &[u8]) -> Result<u32, ModelError> {
    let (raw, tail) = rest.split_first_chunk::<4>().ok_or(ModelError::Length)?;
    *rest = tail;
    Ok(u32::from_le_bytes(*raw))
}

/// Writes such a file.
#[derive(Debug, Default)]
pub struct ContainerWriter {
    sections: Vec<([u8; 4], Vec<u8>)>,
}

impl ContainerWriter {
    /// Adds a section of bytes; `tag` has four letters.
    #[must_use]
    pub fn section(mut self, tag: &str, body: Vec<u8>) -> Self {
        let mut name = *b"    ";
        name.iter_mut().zip(tag.bytes()).for_each(|(to, from)| *to = from);
        self.sections.push((name, body));
        self
    }

    /// Adds a section of `f32`s.
    #[must_use]
    pub fn floats(self, tag: &str, values: &[f32]) -> Self {
        self.section(tag, values.iter().flat_map(|v| v.to_le_bytes()).collect())
    }

    /// The whole file.
    pub fn finish(self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend(VERSION.to_le_bytes());
        out.extend((self.sections.len() as u32).to_le_bytes());
        for (tag, body) in &self.sections {
            out.extend(tag);
            out.extend((body.len() as u32).to_le_bytes());
        }
        for (_, body) in &self.sections {
            out.extend(body);
        }
        let digest = Sha256::digest(&out);
        out.extend(digest);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::{Container, ContainerWriter, ModelError};

    fn file() -> Vec<u8> {
        ContainerWriter::default().section("ABCD", vec![1, 2, 3]).floats("FLTS", &[1.5, -2.0]).finish()
    }

    #[test]
    fn what_is_written_is_read() {
        let raw = file();
        let c = Container::parse(&raw).expect("a file");
        assert_eq!(c.section("ABCD"), Ok(&[1, 2, 3][..]));
        assert_eq!(c.floats("FLTS"), Ok(vec![1.5, -2.0]));
        assert_eq!(c.section("NONE"), Err(ModelError::Missing("NONE")));
        assert!(matches!(c.floats("ABCD"), Err(ModelError::Shape { .. })));
    }

    #[test]
    fn nothing_else_is_accepted() {
        let raw = file();
        for end in 0..raw.len() {
            assert!(Container::parse(&raw[..end]).is_err(), "cut at {end}");
        }
        for at in 0..raw.len() {
            let mut bad = raw.clone();
            bad[at] ^= 1;
            assert!(Container::parse(&bad).is_err(), "bit of byte {at}");
        }
        let mut many = ContainerWriter::default();
        for _ in 0..=Container::SECTIONS_MAX {
            many = many.section("ABCD", vec![]);
        }
        assert_eq!(Container::parse(&many.finish()).err(), Some(ModelError::Length));
    }

    #[test]
    fn not_a_number_is_refused() {
        let raw = ContainerWriter::default().floats("FLTS", &[f32::NAN]).finish();
        assert!(matches!(Container::parse(&raw).expect("a file").floats("FLTS"), Err(ModelError::Shape { .. })));
    }
}
