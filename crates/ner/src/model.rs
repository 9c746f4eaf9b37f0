//! The model: loaded once, asked often.

use std::path::{Path, PathBuf};

use rten_gemm::GemmExecutor;
use sha2::{Digest, Sha256};

use crate::bert::Bert;
use crate::package::{self, ModelFile};
use crate::spell::{self, Belief, Entity};
use crate::token::Tokenizer;
use crate::weights::{Builder, LABELS};
use crate::window::windows;
use crate::{Gate, Limits, onnx};

/// Why a model cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A file cannot be read.
    #[error("cannot read {path}: {error}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A file is not the one that is meant.
    #[error("{path} has SHA-256 {found}, not {expected}")]
    Digest {
        /// Which.
        path: PathBuf,
        /// What it has.
        found: String,
        /// What it should have.
        expected: &'static str,
    },
    /// A file does not hold what it should.
    #[error("{path}: {why}")]
    Content {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Threads cannot be started.
    #[error("cannot start the model's threads: {why}")]
    Threads {
        /// Why.
        why: String,
    },
}

/// Names of a text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Names {
    /// What was found, in order.
    pub entities: Vec<Entity>,
    /// Bytes from the start that were looked at (by the model or by the gate before it); the rest is beyond a limit.
    pub looked_at: usize,
    /// Windows that the text has.
    pub windows: usize,
    /// Windows that the model ran on.
    pub windows_run: usize,
}

impl Names {
    /// True if the whole text was looked at.
    pub const fn is_complete(&self, text: &str) -> bool {
        self.looked_at == text.len()
    }
}

/// A loaded model. Its memory is reckoned at some 60 MB; scans from several threads take turns on its own.
pub struct Model {
    bert: Bert,
    tokenizer: Tokenizer,
    pool: rayon::ThreadPool,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model").field("name", &package::NAME).finish_non_exhaustive()
    }
}

impl Model {
    /// Loads the files of [`package::FILES`] from a folder; runs on one thread.
    ///
    /// # Errors
    /// If a file is missing, is not the one that is meant (by SHA-256), or does not hold the shapes that it should.
    pub fn load(folder: &Path) -> Result<Self, LoadError> {
        Self::load_with(folder, 1)
    }

    /// Like [`Model::load`], with so many threads.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn load_with(folder: &Path, threads: usize) -> Result<Self, LoadError> {
        let mut pieces = Vec::new();
        let mut weights = Vec::new();
        for file in package::FILES {
            let bytes = read(folder, file)?;
            match file.name {
                package::PIECES => pieces = bytes,
                package::WEIGHTS => weights = bytes,
                _ => {}
            }
        }
        let content = |name: &str, why: String| LoadError::Content { path: folder.join(name), why };
        let tokenizer = Tokenizer::read(&pieces).map_err(|e| content(package::PIECES, e.to_string()))?;
        let gemm = GemmExecutor::new();
        let graph = onnx::read(&weights).map_err(|e| content(package::WEIGHTS, e.to_string()))?;
        let built = Builder { graph: &graph, gemm: &gemm }.weights(tokenizer.len());
        let weights = built.map_err(|e| content(package::WEIGHTS, e.to_string()))?;
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads.max(1))
            .thread_name(|n| format!("ner-{n}"))
            .build()
            .map_err(|e| LoadError::Threads { why: e.to_string() })?;
        Ok(Self { bert: Bert { weights }, tokenizer, pool })
    }

    /// Names and places of a text. What is beyond a limit is missing: [`Model::scan`] says so.
    pub fn entities(&self, text: &str, limits: &Limits) -> Vec<Entity> {
        self.scan(text, Gate::default(), limits).entities
    }

    /// Names and places of a text, and how much of it was looked at.
    pub fn scan(&self, text: &str, gate: Gate, limits: &Limits) -> Names {
        let text = &text[..text.floor_char_boundary(limits.text_bytes_max)];
        let pieces = self.tokenizer.pieces(text);
        let cuts = windows(text, &pieces);
        let mut beliefs: Vec<Option<Belief>> = vec![None; pieces.len()];
        let mut names = Names { windows: cuts.len(), looked_at: text.len(), ..Names::default() };
        let mut covered = 0;
        for cut in cuts {
            let window = &pieces[cut.clone()];
            if gate.opens(text, window) {
                if names.windows_run == limits.windows_max {
                    names.looked_at = window.first().map_or(text.len(), |p| p.start);
                    break;
                }
                names.windows_run += 1;
                // In what two windows share, each is believed for the half that it knows more around.
                let from = cut.start + covered.max(cut.start).saturating_sub(cut.start) / 2;
                let known = self.believe(window.iter().map(|p| p.id));
                for (slot, belief) in beliefs[from..cut.end].iter_mut().zip(&known[from - cut.start..]) {
                    *slot = Some(*belief);
                }
            }
            covered = cut.end;
        }
        names.entities = spell::entities(text, &pieces, &beliefs);
        names
    }

    fn believe(&self, ids: impl ExactSizeIterator<Item = u32>) -> Vec<Belief> {
        let count = ids.len();
        let logits = self.logits(ids);
        // Without logits (shapes that do not fit, which loading rules out) nothing is believed.
        let mut known: Vec<Belief> = logits.iter().map(spell::belief).skip(1).take(count).collect();
        known.resize(count, [0.0; spell::GROUPS]);
        known
    }

    fn logits(&self, ids: impl Iterator<Item = u32>) -> Vec<[f32; LABELS]> {
        let mut marked = vec![self.tokenizer.begin];
        marked.extend(ids);
        marked.push(self.tokenizer.end);
        self.pool.install(|| self.bert.logits(&marked)).unwrap_or_default()
    }

    /// The pieces' numbers of a text and the logits for them, marks at both ends included: what is compared with another
    /// implementation. Only the first 510 pieces are run.
    pub fn trace(&self, text: &str) -> (Vec<u32>, Vec<Vec<f32>>) {
        let mut ids: Vec<u32> = self.tokenizer.pieces(text).iter().map(|p| p.id).collect();
        ids.truncate(510);
        let logits = self.logits(ids.iter().copied());
        (ids, logits.iter().map(|row| row.to_vec()).collect())
    }
}

/// Reads a file of the model, no further than it should be long.
fn read(folder: &Path, file: &ModelFile) -> Result<Vec<u8>, LoadError> {
    use std::io::Read as _;
    let path = folder.join(file.name);
    let opened = std::fs::File::open(&path);
    let mut bytes = Vec::new();
    if let Err(error) = opened.and_then(|f| f.take(file.bytes + 1).read_to_end(&mut bytes)) {
        return Err(LoadError::Read { path, error });
    }
    let found = hex(&Sha256::digest(&bytes));
    if found != file.sha256 {
        return Err(LoadError::Digest { path, found, expected: file.sha256 });
    }
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut s, b| {
        let _ = write!(s, "{b:02x}");
        s
    })
}
