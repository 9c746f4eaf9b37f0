//! The playbooks at hand: read from a folder, validated, compiled.

use std::path::Path;
use std::sync::Arc;

use casemate_playbook::{
    Limits, Playbook, Problem, Program, StepKind, Trigger, TriggerFacts, lint_with, load, playbook_extension,
};

/// The playbooks that ship with the program, each with the name of its file.
const SHIPPED: &[(&str, &str)] = &[
    ("hostile-model-version.yaml", include_str!("../../../playbooks/hostile-model-version.yaml")),
    ("injection-campaign.yaml", include_str!("../../../playbooks/injection-campaign.yaml")),
    ("key-stuffing.yaml", include_str!("../../../playbooks/key-stuffing.yaml")),
    ("poisoned-dataset.yaml", include_str!("../../../playbooks/poisoned-dataset.yaml")),
    ("surge-on-endpoint.yaml", include_str!("../../../playbooks/surge-on-endpoint.yaml")),
];

/// Playbooks that are ready to run.
#[derive(Debug, Default)]
pub struct Library {
    entries: Vec<Entry>,
}

/// One playbook.
#[derive(Debug)]
pub struct Entry {
    /// Its name in lower case with hyphens.
    pub slug: String,
    /// As CACAO.
    pub playbook: Playbook,
    /// The playbooks that it calls, and those that they call.
    pub called: Vec<Playbook>,
    /// Ready to run.
    pub program: Arc<Program>,
    trigger: Option<Trigger>,
}

/// A playbook that cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{file}: {}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct Unusable {
    /// Its file, or its name.
    pub file: String,
    /// Why.
    pub problems: Vec<Problem>,
}

impl Library {
    /// Reads every `*.yaml`, `*.yml` and `*.json` in the folder, in the order of their names; `NAME.test.yaml` is the test
    /// of a playbook and none itself.
    ///
    /// # Errors
    /// Every playbook that cannot be used.
    pub fn read(folder: &Path) -> Result<Self, Vec<Unusable>> {
        let unreadable = |file: &Path, e: std::io::Error| Unusable {
            file: file.display().to_string(),
            problems: vec![Problem::error("unreadable", "file", e.to_string(), "check respond.playbooks")],
        };
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(|e| vec![unreadable(folder, e)])? {
            let path = entry.map_err(|e| vec![unreadable(folder, e)])?.path();
            let ending = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
            let is_test = path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with(".test"));
            if matches!(ending, "yaml" | "yml" | "json") && !is_test {
                files.push(path);
            }
        }
        files.sort();
        let (mut playbooks, mut unusable) = (Vec::new(), Vec::new());
        for file in files {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            match std::fs::read_to_string(&file) {
                Err(e) => unusable.push(unreadable(&file, e)),
                Ok(text) => match load(&text, &Limits::DEFAULT) {
                    Ok(playbook) => playbooks.push((name, playbook)),
                    Err(problems) => unusable.push(Unusable { file: name, problems }),
                },
            }
        }
        if !unusable.is_empty() {
            return Err(unusable);
        }
        Self::new(playbooks)
    }

    /// The playbooks that ship with the program.
    ///
    /// # Errors
    /// Every playbook that cannot be used; a test holds that there is none.
    pub fn shipped() -> Result<Self, Vec<Unusable>> {
        let mut playbooks = Vec::new();
        for (file, text) in SHIPPED {
            let playbook = load(text, &Limits::DEFAULT);
            let playbook = playbook.map_err(|problems| vec![Unusable { file: (*file).to_owned(), problems }])?;
            playbooks.push(((*file).to_owned(), playbook));
        }
        Self::new(playbooks)
    }

    /// Validates and compiles playbooks, each with the name of its file.
    ///
    /// # Errors
    /// Every playbook that cannot be used.
    pub fn new(playbooks: Vec<(String, Playbook)>) -> Result<Self, Vec<Unusable>> {
        let all: Vec<Playbook> = playbooks.iter().map(|(_, p)| p.clone()).collect();
        let (mut entries, mut unusable) = (Vec::new(), Vec::new());
        for (file, playbook) in playbooks {
            let mut problems = lint_with(&playbook, &all, &Limits::DEFAULT);
            problems.retain(Problem::is_error);
            let compiled =
                if problems.is_empty() { Program::compile(&playbook, &all, &Limits::DEFAULT) } else { Err(problems) };
            match compiled {
                Err(problems) => unusable.push(Unusable { file, problems }),
                Ok(program) => {
                    let extension = playbook_extension(&playbook).unwrap_or_default();
                    entries.push(Entry {
                        slug: extension.slug,
                        trigger: extension.trigger,
                        called: called(&playbook, &all),
                        program: Arc::new(program),
                        playbook,
                    });
                }
            }
        }
        if unusable.is_empty() { Ok(Self { entries }) } else { Err(unusable) }
    }

    /// Playbooks that these facts start, in the order of their files.
    pub fn started_by<'a>(&'a self, facts: &'a TriggerFacts<'a>) -> impl Iterator<Item = &'a Entry> {
        self.entries.iter().filter(|e| e.trigger.as_ref().is_some_and(|t| t.matches(facts)))
    }

    /// The playbook with this name.
    pub fn get(&self, slug: &str) -> Option<&Entry> {
        self.entries.iter().find(|e| e.slug == slug)
    }

    /// The program with this digest.
    pub fn program(&self, digest: &str) -> Option<Arc<Program>> {
        self.entries.iter().find(|e| e.program.digest == digest).map(|e| e.program.clone())
    }

    /// All playbooks.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

/// Playbooks that this one calls, directly or through others.
fn called(playbook: &Playbook, all: &[Playbook]) -> Vec<Playbook> {
    let mut found: Vec<Playbook> = Vec::new();
    let mut next = vec![playbook];
    while let Some(at) = next.pop() {
        for step in at.workflow.values() {
            let StepKind::PlaybookAction { playbook_id, .. } = &step.kind else { continue };
            if let Some(other) = all.iter().find(|p| p.id == *playbook_id)
                && !found.iter().any(|p| p.id == other.id)
            {
                found.push(other.clone());
                next.push(other);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Library;

    #[test]
    fn what_ships_is_what_lies_in_the_folder() {
        let names = |library: &Library| library.entries().iter().map(|e| e.slug.clone()).collect::<Vec<_>>();
        let shipped = Library::shipped().expect("usable");
        let folder = Library::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../playbooks")).expect("usable");
        assert_eq!(names(&shipped), names(&folder));
        assert!(shipped.get("surge-on-endpoint").is_some() && shipped.get("other").is_none());
    }
}
