//! The files under the paths that were named.

use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// More files than this in one call are refused, with the advice to split.
const FILES_MAX: usize = 2_000_000;

/// What could not be read, and why.
pub(super) type Unread = (PathBuf, String);

/// Every regular file under `roots`, sorted; links are not followed. A root that is not there is an error, what cannot
/// be read below it is returned beside the files.
pub(super) fn files_under(roots: &[PathBuf]) -> Result<(Vec<PathBuf>, Vec<Unread>), Failure> {
    let (mut files, mut unread) = (Vec::new(), Vec::new());
    for root in roots {
        let kind = std::fs::metadata(root)
            .map_err(|e| Failure::usage("cannot scan", e.to_string()).at(root.display().to_string()))?;
        if kind.is_dir() {
            walk(root, &mut files, &mut unread)?;
        } else {
            files.push(root.clone());
        }
    }
    files.sort();
    files.dedup();
    Ok((files, unread))
}

fn walk(root: &Path, files: &mut Vec<PathBuf>, unread: &mut Vec<Unread>) -> Result<(), Failure> {
    let mut open = vec![root.to_owned()];
    while let Some(dir) = open.pop() {
        let entries = match std::fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) => {
                unread.push((dir, error.to_string()));
                continue;
            }
        };
        for entry in entries {
            match entry.and_then(|e| Ok((e.path(), e.file_type()?))) {
                Ok((path, kind)) if kind.is_dir() => open.push(path),
                Ok((path, kind)) if kind.is_file() => files.push(path),
                Ok(_) => {}
                Err(error) => unread.push((dir.clone(), error.to_string())),
            }
        }
        if files.len() > FILES_MAX {
            return Err(Failure::usage("cannot scan", format!("more than {FILES_MAX} files"))
                .at(root.display().to_string())
                .remedy("scan its folders one by one"));
        }
    }
    Ok(())
}
