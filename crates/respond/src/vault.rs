//! The evidence vault: a folder of objects named by their SHA-256, written once, read-only, never removed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

/// The vault.
#[derive(Debug)]
pub struct Vault {
    folder: PathBuf,
    object_bytes_max: u64,
    temporary: AtomicU64,
}

/// An object in the vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its digest in hex.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
}

/// Why an object was not preserved.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// It is larger than the vault takes.
    #[error("it is larger than {max} bytes: raise respond.evidence.object_bytes_max")]
    TooLarge {
        /// The limit.
        max: u64,
    },
    /// It is not what it should be.
    #[error("its digest is sha256:{found}, not sha256:{expected}")]
    OtherDigest {
        /// What it has.
        found: String,
        /// What was asked for.
        expected: String,
    },
    /// Reading or writing failed.
    #[error("{what}: {error}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// Why not.
        error: io::Error,
    },
}

impl Vault {
    /// Opens the vault in this folder; makes it if it is not there.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn open(folder: &Path, object_bytes_max: u64) -> Result<Self, VaultError> {
        fs::create_dir_all(folder).map_err(|error| VaultError::Io { what: "making the vault's folder", error })?;
        Ok(Self { folder: folder.to_path_buf(), object_bytes_max, temporary: AtomicU64::new(0) })
    }

    /// Copies everything that `from` gives into the vault; durable when this returns. The same bytes are kept once.
    ///
    /// # Errors
    /// Too large, another digest than `expected` (hex), or the disk.
    pub fn preserve(&self, from: &mut dyn Read, expected: Option<&str>) -> Result<Object, VaultError> {
        let io = |what: &'static str| move |error| VaultError::Io { what, error };
        let number = self.temporary.fetch_add(1, Ordering::Relaxed);
        let temporary = self.folder.join(format!("incoming-{}-{number}", std::process::id()));
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(&temporary);
        let result = file.map_err(io("making a file in the vault")).and_then(|file| self.copy(from, file));
        let object = match result {
            Ok(object) => object,
            Err(error) => {
                let _best_effort = fs::remove_file(&temporary);
                return Err(error);
            }
        };
        if let Some(expected) = expected.filter(|e| **e != object.sha256) {
            let _best_effort = fs::remove_file(&temporary);
            return Err(VaultError::OtherDigest { found: object.sha256, expected: expected.to_owned() });
        }
        let place = self.path_of(&object.sha256);
        let shelf = place.parent().unwrap_or(&self.folder);
        fs::create_dir_all(shelf).map_err(io("making a folder in the vault"))?;
        fs::rename(&temporary, &place).map_err(io("moving the object to its place"))?;
        for folder in [shelf, &self.folder] {
            File::open(folder).and_then(|f| f.sync_all()).map_err(io("making the object's name durable"))?;
        }
        Ok(object)
    }

    /// Where the object with this digest is.
    pub fn path_of(&self, sha256: &str) -> PathBuf {
        self.folder.join(sha256.get(..2).unwrap_or("xx")).join(sha256)
    }

    fn copy(&self, from: &mut dyn Read, mut to: File) -> Result<Object, VaultError> {
        let io = |what: &'static str| move |error| VaultError::Io { what, error };
        let mut hash = Sha256::new();
        let mut bytes: u64 = 0;
        let mut buffer = vec![0; 128 << 10];
        loop {
            let n = match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(VaultError::Io { what: "reading what is to be preserved", error }),
            };
            bytes += n as u64;
            if bytes > self.object_bytes_max {
                return Err(VaultError::TooLarge { max: self.object_bytes_max });
            }
            hash.update(&buffer[..n]);
            to.write_all(&buffer[..n]).map_err(io("writing the object"))?;
        }
        let mut permissions = to.metadata().map_err(io("reading the object's permissions"))?.permissions();
        permissions.set_readonly(true);
        to.set_permissions(permissions).map_err(io("making the object read-only"))?;
        to.sync_all().map_err(io("making the object durable"))?;
        Ok(Object { sha256: hex::encode(hash.finalize()), bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn the_same_bytes_are_kept_once_under_their_digest() {
        let home = tempfile::tempdir().expect("folder");
        let vault = Vault::open(&home.path().join("vault"), 3).expect("open");
        for _ in 0..2 {
            let object = vault.preserve(&mut &b"abc"[..], Some(ABC)).expect("preserve");
            assert_eq!(object, Object { sha256: ABC.into(), bytes: 3 });
        }
        assert_eq!(fs::read(vault.path_of(ABC)).expect("read"), b"abc");
        assert!(fs::metadata(vault.path_of(ABC)).expect("metadata").permissions().readonly());
    }

    #[test]
    fn what_is_refused_leaves_nothing() {
        let home = tempfile::tempdir().expect("folder");
        let vault = Vault::open(home.path(), 3).expect("open");
        assert!(matches!(vault.preserve(&mut &b"abcd"[..], None), Err(VaultError::TooLarge { max: 3 })));
        assert!(matches!(vault.preserve(&mut &b"abd"[..], Some(ABC)), Err(VaultError::OtherDigest { .. })));
        assert_eq!(fs::read_dir(home.path()).expect("list").count(), 0);
    }
}
