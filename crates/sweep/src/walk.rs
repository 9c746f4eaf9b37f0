//! From targets to files, in an order that does not depend on the file system.

use std::path::{Path, PathBuf};

use casemate_report::NotScanned;
use ignore::WalkBuilder;

use crate::{Target, plan::ScanPlan};

/// One file to look at.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) path: PathBuf,
    pub(crate) shown: String,
    pub(crate) bytes: u64,
}

/// The files of every path target, sorted, with the places that could not be listed.
pub(crate) fn files(plan: &ScanPlan) -> (Vec<Job>, Vec<NotScanned>) {
    let (mut jobs, mut refused) = (Vec::new(), Vec::new());
    for target in &plan.targets {
        if let Target::Path(root) = target {
            list(plan, root, &mut jobs, &mut refused);
        }
    }
    jobs.sort_by(|a, b| a.shown.cmp(&b.shown));
    jobs.dedup_by(|a, b| a.path == b.path);
    (jobs, refused)
}

fn list(plan: &ScanPlan, root: &Path, jobs: &mut Vec<Job>, refused: &mut Vec<NotScanned>) {
    let mut builder = WalkBuilder::new(root);
    // Hidden files hold secrets; what git keeps for itself is the history's matter.
    builder.hidden(false).follow_links(false).require_git(false);
    builder.ignore(plan.respect_ignore).git_ignore(plan.respect_ignore);
    builder.git_global(false).git_exclude(plan.respect_ignore).parents(plan.respect_ignore);
    builder.filter_entry(|e| e.file_name() != ".git");
    for entry in builder.build() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(e) => {
                refused.push(NotScanned { path: root.display().to_string(), reason: format!("cannot be listed: {e}") });
                continue;
            }
        };
        let Some(kind) = entry.file_type() else { continue };
        let shown = entry.path().to_string_lossy().into_owned();
        let shown = shown.strip_prefix("./").map(str::to_owned).unwrap_or(shown);
        if kind.is_symlink() {
            // What a link points to is looked at where it is; a named link is followed by its opener.
            if entry.depth() == 0 {
                match std::fs::metadata(entry.path()) {
                    Ok(m) if m.is_file() => jobs.push(Job { path: entry.into_path(), shown, bytes: m.len() }),
                    Ok(_) => refused
                        .push(NotScanned { path: shown, reason: "a link to a folder; name the folder itself".into() }),
                    Err(e) => refused.push(NotScanned { path: shown, reason: format!("a link to nothing: {e}") }),
                }
            }
        } else if kind.is_file() {
            match entry.metadata() {
                Ok(m) => jobs.push(Job { path: entry.into_path(), shown, bytes: m.len() }),
                Err(e) => refused.push(NotScanned { path: shown, reason: format!("cannot be read: {e}") }),
            }
        } else if !kind.is_dir() {
            refused.push(NotScanned { path: shown, reason: "a device, socket or pipe".into() });
        }
    }
}
