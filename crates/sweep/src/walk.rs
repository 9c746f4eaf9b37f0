//! From targets to files, in an order that does not depend on the file system. The only walk over folders there is.

use std::path::{Path, PathBuf};

use casemate_report::NotScanned;
use ignore::WalkBuilder;

/// One file to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundFile {
    /// Where it is.
    pub path: PathBuf,
    /// The path that reports show.
    pub shown: String,
    /// Its bytes, as the folder says.
    pub bytes: u64,
}

/// The files under `roots`, sorted by the path that is shown, with the places that could not be listed and the reason.
///
/// Hidden files are listed, `.git` is not; links are not followed, but a root that is a link to a file is. With
/// `respect_ignore` what `.gitignore` and its kin name is left out. Past `files_max` files the walk ends and says so.
pub fn list_files(roots: &[PathBuf], respect_ignore: bool, files_max: usize) -> (Vec<FoundFile>, Vec<NotScanned>) {
    let mut walk = Walk { respect_ignore, files_max, files: Vec::new(), refused: Vec::new() };
    for root in roots {
        walk.list(root);
    }
    let Walk { mut files, refused, .. } = walk;
    files.sort_by(|a, b| a.shown.cmp(&b.shown));
    files.dedup_by(|a, b| a.path == b.path);
    (files, refused)
}

struct Walk {
    respect_ignore: bool,
    files_max: usize,
    files: Vec<FoundFile>,
    refused: Vec<NotScanned>,
}

impl Walk {
    fn refuse(&mut self, path: impl Into<String>, reason: impl Into<String>) {
        self.refused.push(NotScanned { path: path.into(), reason: reason.into() });
    }

    fn list(&mut self, root: &Path) {
        let mut builder = WalkBuilder::new(root);
        // Hidden files hold secrets; what git keeps for itself is the history's matter.
        builder.hidden(false).follow_links(false).require_git(false);
        builder.ignore(self.respect_ignore).git_ignore(self.respect_ignore);
        builder.git_global(false).git_exclude(self.respect_ignore).parents(self.respect_ignore);
        builder.filter_entry(|e| e.depth() == 0 || e.file_name() != ".git");
        for entry in builder.build() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(e) => {
                    self.refuse(root.display().to_string(), format!("cannot be listed: {e}"));
                    continue;
                }
            };
            let Some(kind) = entry.file_type() else { continue };
            let shown = entry.path().to_string_lossy().into_owned();
            let shown = shown.strip_prefix("./").map(str::to_owned).unwrap_or(shown);
            // What a link points to is looked at where it is; a named link is followed by its opener.
            let metadata = match (kind.is_symlink(), entry.depth()) {
                (true, 0) => std::fs::metadata(entry.path()),
                (true, _) => continue,
                _ if kind.is_dir() => continue,
                _ => entry.metadata().map_err(std::io::Error::other),
            };
            match metadata {
                Ok(m) if m.is_file() && self.files.len() >= self.files_max => {
                    let max = self.files_max;
                    self.refuse(root.display().to_string(), format!("more than {max} files; the others were not seen"));
                    return;
                }
                Ok(m) if m.is_file() => self.files.push(FoundFile { path: entry.into_path(), shown, bytes: m.len() }),
                Ok(m) if m.is_dir() => self.refuse(shown, "a link to a folder; name the folder itself"),
                Ok(_) => self.refuse(shown, "a device, socket or pipe"),
                Err(e) if kind.is_symlink() => self.refuse(shown, format!("a link to nothing: {e}")),
                Err(e) => self.refuse(shown, format!("cannot be read: {e}")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::list_files;

    #[test]
    fn hidden_files_are_listed_and_ignored_ones_when_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().to_owned();
        fs::create_dir_all(root.join(".git")).unwrap();
        fs::create_dir_all(root.join("sub")).unwrap();
        for (name, text) in [(".gitignore", "*.pt\n"), (".env", "x"), ("sub/a.pt", "xy"), (".git/config", "x")] {
            fs::write(root.join(name), text).unwrap();
        }
        std::os::unix::fs::symlink(root.join(".env"), root.join("link")).unwrap();
        let names = |respect| {
            let (files, refused) = list_files(std::slice::from_ref(&root), respect, 9);
            assert!(refused.is_empty(), "{refused:?}");
            files.iter().map(|f| f.path.strip_prefix(&root).unwrap().display().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(names(true), [".env", ".gitignore"]);
        assert_eq!(names(false), [".env", ".gitignore", "sub/a.pt"]);
        let roots = [root.clone(), root.join("sub/a.pt"), root.join("link")];
        assert_eq!(list_files(&roots, false, 9).0.len(), 4, "a file that is named twice is listed once");
        assert!(list_files(&roots[..1], false, 3).1.is_empty(), "at the limit");
        let (files, refused) = list_files(&roots[..1], false, 2);
        assert!(files.len() == 2 && refused[0].reason.contains("more than 2 files"));
    }
}
