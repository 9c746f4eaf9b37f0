//! What to look for, where, and within which limits.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use casemate_artifact::ScanConfig;
use casemate_dataset::TableLimits;
use casemate_detect::{Engine, Key, Kinds as TextKinds, OperatingPoint, ScanOptions};

use crate::{Baseline, NameTier};

/// Which families of findings to look for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds {
    /// Personal data.
    pub pii: bool,
    /// Keys, passwords, tokens.
    pub secrets: bool,
    /// What model files do when they are loaded.
    pub models: bool,
}

impl Kinds {
    /// All of them.
    pub const ALL: Self = Self { pii: true, secrets: true, models: true };

    /// The kinds in a list as `pii,secrets,models`.
    ///
    /// # Errors
    /// The first name that is none of these.
    pub fn parse(list: &str) -> Result<Self, String> {
        let mut kinds = Self { pii: false, secrets: false, models: false };
        for name in list.split(',').map(str::trim) {
            match name {
                "pii" => kinds.pii = true,
                "secrets" => kinds.secrets = true,
                "models" => kinds.models = true,
                other => return Err(other.to_owned()),
            }
        }
        Ok(kinds)
    }

    /// True when text has to be read.
    pub const fn text(self) -> bool {
        self.pii || self.secrets
    }

    pub(crate) fn for_text(self) -> TextKinds {
        let pii = if self.pii { TextKinds::PII } else { TextKinds::NONE };
        let secrets = if self.secrets { TextKinds::SECRETS } else { TextKinds::NONE };
        pii.union(secrets)
    }
}

/// Limits of a sweep. Reaching one puts what was not seen into the report.
#[derive(Clone, Debug)]
pub struct SweepLimits {
    /// How deep archives are opened: 1 is the members of a file, 0 opens none.
    pub depth_max: u32,
    /// Members of one file and of all archives inside it.
    pub members_max: u64,
    /// Bytes that come out of one file's archives and documents.
    pub inflated_bytes_max: u64,
    /// Bytes of one member that has to be held in memory (a document, an archive inside an archive, a model).
    pub member_bytes_max: u64,
    /// Bytes of a PDF file, which is held in memory.
    pub pdf_bytes_max: u64,
    /// Findings kept for one file, or for one column of a table; the others are counted.
    pub findings_per_file_max: usize,
    /// Cells listed for one rule in one column.
    pub cells_per_column_max: usize,
    /// Findings kept in all, and items of every other sort in a report.
    pub findings_max: usize,
    /// Files of all targets.
    pub files_max: usize,
    /// Bytes of a blob in a git history.
    pub blob_bytes_max: u64,
    /// Bytes of text given to the detectors at a time.
    pub piece_bytes: usize,
    /// Bytes of one text, sheet or table in which names are looked for, where a [`ScanPlan::names`] is: models are slow.
    pub names_bytes_max: usize,
    /// Limits of tables.
    pub table: TableLimits,
    /// Limits of model files.
    pub model: ScanConfig,
}

impl Default for SweepLimits {
    fn default() -> Self {
        Self {
            depth_max: 4,
            members_max: 100_000,
            inflated_bytes_max: 8 << 30,
            member_bytes_max: 64 << 20,
            pdf_bytes_max: 64 << 20,
            findings_per_file_max: 1_000,
            cells_per_column_max: 20,
            findings_max: 100_000,
            files_max: 2_000_000,
            blob_bytes_max: 256 << 20,
            piece_bytes: 256 << 10,
            names_bytes_max: 256 << 10,
            table: TableLimits::default(),
            model: ScanConfig::default(),
        }
    }
}

/// Something to scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A file, or a folder with all that is in it.
    Path(PathBuf),
    /// The history of a git repository: every blob that any commit on any branch ever held.
    GitHistory(PathBuf),
}

/// What to look for, where, and within which limits.
#[derive(Clone, Debug)]
pub struct ScanPlan {
    /// Where.
    pub targets: Vec<Target>,
    /// What for.
    pub kinds: Kinds,
    /// Lowest score reported, 0 to 1.
    pub score_min: f32,
    /// Key of the fingerprints; the same key gives the same fingerprints, which a baseline needs.
    pub key: Key,
    /// The rules; those that ship when absent.
    pub engine: Option<Arc<Engine>>,
    /// Rules or labels that are not applied, as `pii/url` or `URL`.
    pub disabled: Vec<String>,
    /// Skip what `.gitignore` and its kin name. Off means that ignored files, which hold most secrets, are read.
    pub respect_ignore: bool,
    /// Findings known before, which are let through.
    pub baseline: Option<Baseline>,
    /// Who knows names of people and places; without, they are not looked for.
    pub names: Option<NameTier>,
    /// Threads; 0 means one for each core.
    pub workers: usize,
    /// Limits.
    pub limits: SweepLimits,
    /// Set by the caller to stop; what was not reached is then in the report.
    pub cancel: Arc<AtomicBool>,
}

impl ScanPlan {
    /// A plan for `targets` with the defaults: ignore files respected, the balanced operating point.
    pub fn new(targets: Vec<Target>, kinds: Kinds, key: Key) -> Self {
        Self {
            targets,
            kinds,
            score_min: OperatingPoint::Redact.min_score(),
            key,
            engine: None,
            disabled: Vec::new(),
            respect_ignore: true,
            baseline: None,
            names: None,
            workers: 0,
            limits: SweepLimits::default(),
            cancel: Arc::default(),
        }
    }

    pub(crate) fn engine(&self) -> &Engine {
        match &self.engine {
            Some(engine) => engine,
            None => Engine::builtin(),
        }
    }

    pub(crate) fn options(&self, path: &str) -> ScanOptions {
        ScanOptions {
            kinds: self.kinds.for_text(),
            min_score: self.score_min,
            path: Some(path.into()),
            disabled: Arc::new(self.disabled.iter().cloned().collect()),
            ..ScanOptions::default()
        }
    }

    pub(crate) fn cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::Kinds;

    #[test]
    fn kinds_are_named() {
        assert_eq!(Kinds::parse("pii, secrets"), Ok(Kinds { pii: true, secrets: true, models: false }));
        assert_eq!(Kinds::parse("pii,malware"), Err("malware".to_owned()));
    }
}
