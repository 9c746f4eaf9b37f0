//! SHA-256 of a file, and whether the file stayed as it was.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::SystemTime,
};

use sha2::{Digest, Sha256};

/// Bytes hashed at a time.
const STEP: usize = 256 << 10;

/// A file as it was when it was hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Digested {
    pub(crate) sha256: String,
    pub(crate) size_bytes: u64,
    pub(crate) head: Vec<u8>,
    modified: Option<SystemTime>,
}

/// Hashes the file at `path`.
pub(crate) fn of_file(path: &Path, cancel: &AtomicBool) -> io::Result<Digested> {
    // Before it is opened: opening a pipe waits for a writer.
    let metadata = path.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; STEP];
    let mut digested =
        Digested { sha256: String::new(), size_bytes: 0, head: Vec::new(), modified: metadata.modified().ok() };
    loop {
        if cancel.load(Ordering::Relaxed) {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "stopped before its end"));
        }
        let n = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        hash.update(&buffer[..n]);
        let room = casemate_sweep::HEAD_BYTES.saturating_sub(digested.head.len()).min(n);
        digested.head.extend_from_slice(&buffer[..room]);
        digested.size_bytes += n as u64;
    }
    digested.sha256 = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
    Ok(digested)
}

impl Digested {
    /// True when the file has the length and time of change that it had when it was hashed.
    pub(crate) fn unchanged(&self, path: &Path) -> bool {
        path.metadata().is_ok_and(|m| m.len() == self.size_bytes && m.modified().ok() == self.modified)
    }
}
