//! What people said of traffic, as the store keeps it (rulings) and as the requests need it: verdicts as neighbours of what was
//! judged, and the refit in force. No text is kept, only where it stands and its fingerprint.

use casemate_classify::feedback::{GateReport, Head, Label, Manifest, Memory, MemorySettings, Recalled, Verdict};
use casemate_classify::similarity::{SimHash, Vector};
use casemate_classify::{Channel, Classifier, Decision};
use casemate_finding::{Secret, UnixMs};
use casemate_store::model::Ruling;
use serde::{Deserialize, Serialize};

/// The kind of rulings that are verdicts, and of those that are releases of a refit.
pub const VERDICT: &str = "verdict";
/// See [`VERDICT`].
pub const RELEASE: &str = "release";
/// The kind of rulings that are candidates of a refit: kept for people to promote, and heeded by nobody.
pub const CANDIDATE: &str = "candidate";

/// A verdict as a ruling's payload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptVerdict {
    /// What was said.
    pub label: KeptLabel,
    /// Table that the vector is of.
    pub embedding: String,
    /// Where the text stands by its meaning, hexadecimal.
    pub vector: String,
    /// Its fingerprint, hexadecimal.
    pub fingerprint: String,
    /// What the classifier that ships made of it on the chat channel, 0 to 1.
    pub score: f32,
}

/// What was said of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeptLabel {
    /// It was an attack.
    Attack,
    /// It was harmless: this loosens, and takes two people.
    Harmless,
}

impl From<KeptLabel> for Label {
    fn from(label: KeptLabel) -> Self {
        match label {
            KeptLabel::Attack => Self::Attack,
            KeptLabel::Harmless => Self::Harmless,
        }
    }
}

impl KeptVerdict {
    /// The verdict on `text`, without the text.
    pub fn on(text: &str, label: KeptLabel) -> Self {
        let classifier = Classifier::builtin();
        Self {
            label,
            embedding: classifier.embedding().id().to_owned(),
            vector: hex::encode(Vector::quantise(&classifier.embed(text)).bytes()),
            fingerprint: format!("{:016x}", SimHash::of(text).0),
            score: classifier.assess(text, Channel::Chat).injection,
        }
    }

    /// Where the text stands, if the row can be read.
    pub fn vector(&self) -> Option<Vector> {
        Vector::from_bytes(&hex::decode(&self.vector).ok()?)
    }

    fn fingerprint(&self) -> Option<SimHash> {
        u64::from_str_radix(&self.fingerprint, 16).ok().map(SimHash)
    }
}

/// A release of a refit as a ruling's payload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptRelease {
    /// What was promoted, by whom, signed.
    pub manifest: Manifest,
    /// The correction's file, hexadecimal.
    pub head: String,
}

impl KeptRelease {
    /// The correction, if the signature fits and it was made for the table that ships.
    ///
    /// # Errors
    /// One sentence that says what is wrong.
    pub fn head(&self, key: &[u8]) -> Result<Head, String> {
        let raw = hex::decode(&self.head).map_err(|_| "its head is not hexadecimal".to_owned())?;
        self.manifest.verify(&raw, key).map_err(|e| e.to_string())?;
        Head::parse(&raw, Classifier::builtin().embedding().id()).map_err(|e| e.to_string())
    }
}

/// A candidate of a refit as a ruling's payload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptCandidate {
    /// The correction's file, hexadecimal.
    pub head: String,
    /// How it did beside what was in force, over labelled rows.
    pub report: GateReport,
    /// Verdicts that it was fitted to.
    pub verdicts: usize,
    /// Of these, made since the candidate before.
    pub new_verdicts: usize,
    /// Rows that held it back.
    pub anchors: usize,
}

impl KeptCandidate {
    /// The correction's file and the correction, if it was made for the table that ships.
    ///
    /// # Errors
    /// One sentence that says what is wrong.
    pub fn head(&self) -> Result<(Vec<u8>, Head), String> {
        let raw = hex::decode(&self.head).map_err(|_| "its head is not hexadecimal".to_owned())?;
        let head = Head::parse(&raw, Classifier::builtin().embedding().id()).map_err(|e| e.to_string())?;
        Ok((raw, head))
    }
}

/// What the requests heed.
#[derive(Debug)]
pub struct Feedback {
    /// None as long as nobody said anything: the table that it stands on is not loaded for nothing.
    memory: Option<Memory>,
    head: Option<Head>,
    /// Rulings that it is made of.
    pub count: usize,
}

impl Feedback {
    /// Of these rulings, oldest first; the ids of those that cannot be used, and why. Without a key no release counts.
    pub fn new(rulings: &[Ruling], key: Option<&Secret<Vec<u8>>>) -> (Self, Vec<(String, String)>) {
        let mut all = Self { memory: None, head: None, count: 0 };
        let mut unused = Vec::new();
        for ruling in rulings {
            let used = match ruling.kind.as_str() {
                VERDICT => all.verdict(ruling),
                RELEASE => all.release(ruling, key),
                CANDIDATE => continue,
                other => Err(format!("`{other}` is of a newer version")),
            };
            match used {
                Ok(()) => all.count += 1,
                Err(why) => unused.push((ruling.id.0.clone(), why)),
            }
        }
        (all, unused)
    }

    fn verdict(&mut self, ruling: &Ruling) -> Result<(), String> {
        let embedding = Classifier::builtin().embedding().id();
        let kept: KeptVerdict = serde_json::from_value(ruling.payload.clone()).map_err(|e| e.to_string())?;
        let (Some(vector), Some(fingerprint)) = (kept.vector(), kept.fingerprint()) else {
            return Err("its vector or fingerprint cannot be read".into());
        };
        if kept.embedding != embedding {
            return Err(format!("it is of embedding {}, this program has {embedding}", kept.embedding));
        }
        let verdict = Verdict {
            tenant: ruling.tenant.0.clone(),
            label: kept.label.into(),
            analyst: ruling.by.clone(),
            second: ruling.second.clone(),
        };
        let memory = self.memory.get_or_insert_with(|| Memory::new(embedding, MemorySettings::default()));
        memory.learn_kept(&verdict, fingerprint, vector, ruling.expires_at).map_err(|e| e.to_string())
    }

    fn release(&mut self, ruling: &Ruling, key: Option<&Secret<Vec<u8>>>) -> Result<(), String> {
        let kept: KeptRelease = serde_json::from_value(ruling.payload.clone()).map_err(|e| e.to_string())?;
        let key = key.ok_or("this installation has no key to check its signature with")?;
        self.head = Some(kept.head(key.expose())?);
        Ok(())
    }

    /// What is heeded of it for one tenant, if there is anything.
    pub fn of<'a>(&'a self, tenant: &'a str, now: UnixMs) -> Option<Heeded<'a>> {
        let nothing = self.head.is_none() && self.memory.as_ref().is_none_or(|m| m.knows_nothing_of(tenant));
        (!nothing).then_some(Heeded { feedback: self, tenant, now })
    }
}

/// What one tenant's requests heed.
#[derive(Clone, Copy, Debug)]
pub struct Heeded<'a> {
    feedback: &'a Feedback,
    tenant: &'a str,
    now: UnixMs,
}

/// What feedback makes of a score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Corrected {
    /// The score after the refit.
    pub score: f32,
    /// The decision.
    pub decision: Decision,
    /// A verdict on a text like this one made it, and nobody else need be asked.
    pub judged: bool,
}

impl Heeded<'_> {
    /// Corrects an injection score of `classifier`. The refit was fitted to the chat channel and the scores of the model that ships, and
    /// counts for these.
    pub fn correct(
        &self,
        classifier: &Classifier,
        text: &str,
        channel: Channel,
        (score, decision): (f32, Decision),
    ) -> Corrected {
        let unit = classifier.embed(text);
        let recalled =
            self.feedback.memory.as_ref().and_then(|m| m.recall(self.tenant, text, &Vector::quantise(&unit), self.now));
        match (recalled, &self.feedback.head) {
            (Some(Recalled { label: Label::Attack, cosine }), _) => {
                Corrected { score: score.max(cosine), decision: Decision::Block, judged: true }
            }
            (Some(Recalled { label: Label::Harmless, .. }), _) => {
                Corrected { score, decision: Decision::Pass, judged: true }
            }
            (None, Some(head)) if channel == Channel::Chat && classifier.scores_as_shipped() => {
                let score = head.correct(&unit, score);
                let decision = classifier.injection_thresholds(channel).decide(score);
                Corrected { score, decision, judged: false }
            }
            (None, _) => Corrected { score, decision, judged: false },
        }
    }
}
