//! What a check is, what it is given and what it says.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use casemate_finding::{Entity, Finding};
use casemate_report::NotScanned;
use casemate_sweep::FileKind;

use crate::{CheckSettings, Stage, Subject, content::Content, digest::Digested};

/// One check. Checks are values in [`crate::CHECKS`]; they hold no state.
pub trait Check: Sync {
    /// Its id, as `model-artifact`.
    fn id(&self) -> &'static str;

    /// One sentence: what it looks for.
    fn about(&self) -> &'static str;

    /// The stages that it runs in when the configuration names none.
    fn stages(&self) -> &'static [Stage] {
        &Stage::ALL
    }

    /// True for what cannot be switched off or down: without it an outcome would say nothing.
    fn always_enforced(&self) -> bool {
        false
    }

    /// True when it has something to say of this subject.
    fn applies(&self, context: &CheckContext) -> bool;

    /// Looks at the subject. A failure is `Err` with one sentence; it holds the pipeline.
    ///
    /// # Errors
    /// What kept it from looking.
    fn run(&self, context: &CheckContext) -> Result<CheckReport, String>;
}

/// What a check is given.
pub struct CheckContext {
    /// The subject.
    pub subject: Subject,
    /// The path as findings name it.
    pub shown: String,
    /// What the content is.
    pub kind: FileKind,
    /// What the configuration says of this check.
    pub settings: CheckSettings,
    /// What response holds at the moment.
    pub held: Arc<Vec<Entity>>,
    pub(crate) digest: Arc<Digested>,
    pub(crate) content: Arc<Content>,
    pub(crate) cancel: Arc<AtomicBool>,
}

impl CheckContext {
    /// SHA-256 of the subject, lower-case hex.
    pub fn sha256(&self) -> &str {
        &self.digest.sha256
    }

    /// Bytes of the subject.
    pub fn size_bytes(&self) -> u64 {
        self.digest.size_bytes
    }

    /// True once the check has run out of its time.
    pub fn cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }
}

/// What a finding does to the outcome, unless it is exempted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// It is told.
    Told,
    /// A person has to look at it: too little is known to judge by.
    Review,
    /// It holds the pipeline.
    Holds,
}

/// A finding with its weight.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// The finding.
    pub finding: Finding,
    /// What it does to the outcome.
    pub weight: Weight,
}

impl Seen {
    /// A finding that holds the pipeline if `over` its thresholds, and is told otherwise.
    pub(crate) fn held_if(over: bool, finding: Finding) -> Self {
        Self { finding, weight: if over { Weight::Holds } else { Weight::Told } }
    }
}

/// What a check says, before modes and exemptions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CheckReport {
    /// What it saw.
    pub seen: Vec<Seen>,
    /// What it could not look at.
    pub not_scanned: Vec<NotScanned>,
    /// One sentence for people.
    pub summary: String,
}

impl CheckReport {
    /// A report that found nothing.
    pub fn clean(summary: impl Into<String>) -> Self {
        Self { summary: summary.into(), ..Self::default() }
    }
}
