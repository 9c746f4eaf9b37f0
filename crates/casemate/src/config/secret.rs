//! Secrets of the installation that the program makes itself: random bytes in files that only their owner may read.

use std::io::Write;
use std::path::{Path, PathBuf};

use casemate_finding::Secret;

use crate::failure::Failure;

/// Secrets kept under the data folder.
pub(crate) struct SecretFiles {
    dir: PathBuf,
}

impl SecretFiles {
    /// Those under `data_dir`.
    pub(crate) fn under(data_dir: &Path) -> Self {
        Self { dir: data_dir.join("secrets") }
    }

    /// Those in a folder of one's own choice.
    pub(crate) fn in_folder(dir: &Path) -> Self {
        let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
        Self { dir: dir.to_owned() }
    }

    /// The 32 bytes named `name`; made at the first asking.
    pub(crate) fn bytes32(&self, name: &str) -> Result<Secret<[u8; 32]>, Failure> {
        crate::state::make_private_dir(&self.dir)?;
        let path = self.dir.join(name);
        let fail = |why: String| {
            Failure::internal("cannot use a secret of this installation", why).at(path.display().to_string())
        };
        if !path.exists() {
            let mut fresh = [0_u8; 32];
            random(&mut fresh).map_err(&fail)?;
            create_new(&path, &fresh).map_err(|e| fail(e.to_string()))?;
        }
        let bytes = std::fs::read(&path).map_err(|e| fail(e.to_string()))?;
        let length = bytes.len();
        let exact = <[u8; 32]>::try_from(bytes).map_err(|_| {
            fail(format!("{length} bytes instead of 32"))
                .remedy("restore it from a backup: every key was hashed with it")
        })?;
        Ok(Secret::new(exact))
    }
}

/// Fills a buffer from the operating system.
pub(crate) fn random(buffer: &mut [u8]) -> Result<(), String> {
    use rand::TryRngCore;
    rand::rngs::OsRng.try_fill_bytes(buffer).map_err(|e| format!("no randomness from the operating system: {e}"))
}

/// Writes a file that must not be there yet, readable by its owner alone, and makes it durable. Another process that
/// was faster wins; its file is then read.
fn create_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    match options.open(path) {
        Ok(mut file) => {
            file.write_all(bytes)?;
            file.sync_all()
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}
