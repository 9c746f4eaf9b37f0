//! What a play needs again after it was cut off: its folder, and in it the keys of its clients and the scenes that are
//! over. A power cut in the middle of the play is followed by the rest of the play, on the same store.

use std::path::{Path, PathBuf};

use casemate_demo::SceneReport;
use casemate_finding::Secret;
use serde::{Deserialize, Serialize};

use crate::config::random;
use crate::failure::Failure;
use crate::state;

const FILE: &str = "stage.json";

/// The play's requisites. The file is in a folder that only its owner can enter, and what it opens is on loopback.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Requisites {
    /// API keys of the clients.
    pub(super) client_keys: Vec<String>,
    /// What DLP shows at the intake.
    pub(super) dlp_token: String,
    /// What the approver shows at the console's API.
    pub(super) approver_token: String,
    /// What the model server leaks.
    pub(super) credential: String,
    /// Scenes that are over.
    pub(super) done: Vec<SceneReport>,
    /// True when the whole play is over.
    pub(super) finished: bool,
}

/// The demonstration's folder; gone afterwards when nobody stays to look.
pub(super) struct Folder {
    pub(super) path: PathBuf,
    temporary: bool,
}

impl Folder {
    /// `named` by the person, else one of its own for a play that exits, else the same each time.
    pub(super) fn open(named: Option<&Path>, exit: bool) -> Result<Self, Failure> {
        let temporary = named.is_none() && exit;
        let path = match named {
            Some(path) => path.to_path_buf(),
            None if exit => std::env::temp_dir().join(format!("casemate-demo-{}", std::process::id())),
            None => std::env::temp_dir().join("casemate-demo"),
        };
        // Evidence is named by its path from the root, so the folder must be too.
        let path = std::path::absolute(&path).unwrap_or(path);
        let folder = Self { path, temporary };
        if folder.path.is_dir() {
            folder.check_owner()?;
        }
        Ok(folder)
    }

    /// The requisites of a play that was cut off here.
    pub(super) fn interrupted(&self) -> Option<Requisites> {
        let text = std::fs::read(self.path.join(FILE)).ok()?;
        let kept: Requisites = serde_json::from_slice(&text).ok()?;
        (!kept.finished && !kept.client_keys.is_empty()).then_some(kept)
    }

    /// An empty folder for a new play. What is there is removed only if an earlier play left it.
    pub(super) fn clear(&self) -> Result<(), Failure> {
        if self.path.is_dir() {
            let empty = std::fs::read_dir(&self.path).map_err(|e| self.cannot(e))?.next().is_none();
            if !empty && !self.path.join("data").is_dir() {
                return Err(Failure::usage("cannot set the stage", "the folder holds something else than a play")
                    .at(self.path.display().to_string())
                    .remedy("name an empty folder, or one that does not exist"));
            }
            std::fs::remove_dir_all(&self.path).map_err(|e| self.cannot(e))?;
        }
        state::make_private_dir(&self.path)?;
        std::fs::create_dir_all(self.path.join("work")).map_err(|e| self.cannot(e))
    }

    /// Writes the requisites aside and moves them, so that a crash leaves the old ones or the new.
    pub(super) fn keep(&self, requisites: &Requisites) -> Result<(), Failure> {
        let text = serde_json::to_vec(requisites).map_err(|e| Failure::internal("cannot set the stage", e))?;
        let part = self.path.join("stage.json.part");
        let write = || {
            let mut file = std::fs::File::create(&part)?;
            std::io::Write::write_all(&mut file, &text)?;
            file.sync_all()?;
            std::fs::rename(&part, self.path.join(FILE))
        };
        write().map_err(|e| self.cannot(e))
    }

    /// Writes a text into the folder.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<(), Failure> {
        let path = self.path.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(|e| self.cannot(e))?;
        }
        std::fs::write(path, text).map_err(|e| self.cannot(e))
    }

    /// Somebody else's folder of that name is no stage of ours: what lies in it would be believed.
    #[cfg(unix)]
    fn check_owner(&self) -> Result<(), Failure> {
        use std::os::unix::fs::MetadataExt;
        let probe = self.path.join(format!(".owner-{}", std::process::id()));
        let mine = std::fs::File::create(&probe).and_then(|f| f.metadata()).map_err(|e| self.cannot(e))?;
        let _gone = std::fs::remove_file(&probe);
        let folder = std::fs::symlink_metadata(&self.path).map_err(|e| self.cannot(e))?;
        if folder.uid() != mine.uid() || !folder.is_dir() {
            return Err(Failure::usage("cannot set the stage", "the folder belongs to somebody else")
                .at(self.path.display().to_string())
                .remedy("name another with --dir"));
        }
        Ok(())
    }

    #[cfg(not(unix))]
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "the same shape on every system")]
    fn check_owner(&self) -> Result<(), Failure> {
        Ok(())
    }

    fn cannot(&self, error: std::io::Error) -> Failure {
        Failure::internal("cannot set the stage", error).at(self.path.display().to_string())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.temporary {
            let _gone = std::fs::remove_dir_all(&self.path);
        }
    }
}

/// A credential in the shape of a code host's token, its check digits right, made at run time and valid nowhere.
pub(super) fn made_up_credential() -> Result<Secret<String>, Failure> {
    const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut bytes = [0_u8; 30];
    random(&mut bytes).map_err(|e| Failure::internal("cannot set the stage", e))?;
    let body: String = bytes.iter().map(|b| char::from(LETTERS[usize::from(*b) % 62])).collect();
    let (mut rest, mut digits) = (crc32fast::hash(body.as_bytes()), [b'0'; 6]);
    for digit in digits.iter_mut().rev() {
        *digit = LETTERS[(rest % 62) as usize];
        rest /= 62;
    }
    Ok(Secret::new(format!("{}{body}{}", ["gh", "p_"].concat(), String::from_utf8_lossy(&digits))))
}

/// 192 random bits in hex.
pub(super) fn token() -> Result<Secret<String>, Failure> {
    let mut bytes = [0_u8; 24];
    random(&mut bytes).map_err(|e| Failure::internal("cannot set the stage", e))?;
    Ok(Secret::new(bytes.iter().map(|b| format!("{b:02x}")).collect()))
}

#[cfg(test)]
mod tests {
    use super::{Folder, Requisites};

    fn requisites(finished: bool) -> Requisites {
        Requisites {
            client_keys: vec!["k".into()],
            dlp_token: "d".into(),
            approver_token: "a".into(),
            credential: "c".into(),
            done: Vec::new(),
            finished,
        }
    }

    #[test]
    fn an_interrupted_play_is_found_again_and_a_finished_one_is_not() {
        let dir = tempfile::tempdir().expect("a folder");
        let folder = Folder::open(Some(&dir.path().join("stage")), true).expect("opens");
        folder.clear().expect("clears");
        assert!(folder.interrupted().is_none());
        folder.keep(&requisites(false)).expect("keeps");
        assert_eq!(folder.interrupted().expect("is there").client_keys, ["k"]);
        folder.keep(&requisites(true)).expect("keeps");
        assert!(folder.interrupted().is_none());
    }

    #[test]
    fn a_folder_with_other_things_in_it_is_not_cleared() {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::write(dir.path().join("thesis.txt"), "ten years").expect("writes");
        let folder = Folder::open(Some(dir.path()), true).expect("opens");
        assert!(folder.clear().is_err());
        assert!(dir.path().join("thesis.txt").is_file());
    }
}
