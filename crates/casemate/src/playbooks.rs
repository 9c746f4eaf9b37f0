//! The playbooks of an installation: those in the configured folder, else those that ship inside the program.

use std::path::Path;

use casemate_console::PlaybookSource;
use casemate_playbook::{Limits, decompile, load, render_yaml};
use casemate_respond::library::{Library, Unusable};

use crate::failure::Failure;

/// The playbooks that ship, by file name.
pub(crate) static SHIPPED: &[(&str, &str)] = &[
    ("hostile-model-version.yaml", include_str!("../../../playbooks/hostile-model-version.yaml")),
    ("injection-campaign.yaml", include_str!("../../../playbooks/injection-campaign.yaml")),
    ("key-stuffing.yaml", include_str!("../../../playbooks/key-stuffing.yaml")),
    ("poisoned-dataset.yaml", include_str!("../../../playbooks/poisoned-dataset.yaml")),
    ("surge-on-endpoint.yaml", include_str!("../../../playbooks/surge-on-endpoint.yaml")),
];

/// Reads and checks them.
pub(crate) fn library(folder: Option<&Path>) -> Result<Library, Failure> {
    let made = match folder {
        Some(folder) => Library::read(folder),
        None => shipped(),
    };
    made.map_err(|unusable| {
        let all: Vec<_> = unusable.iter().map(ToString::to_string).collect();
        Failure::usage("cannot use the playbooks", all.join("\n"))
            .at(folder.map_or_else(|| "those that ship".into(), |f| f.display().to_string()))
            .remedy("`casemate playbook lint FILE` says more of each")
    })
}

fn shipped() -> Result<Library, Vec<Unusable>> {
    let (mut playbooks, mut unusable) = (Vec::new(), Vec::new());
    for (file, text) in SHIPPED {
        match load(text, &Limits::DEFAULT) {
            Ok(playbook) => playbooks.push(((*file).to_owned(), playbook)),
            Err(problems) => unusable.push(Unusable { file: (*file).to_owned(), problems }),
        }
    }
    if unusable.is_empty() { Library::new(playbooks) } else { Err(unusable) }
}

/// The library as the console shows it.
pub(crate) fn sources(library: &Library) -> Vec<PlaybookSource> {
    library
        .entries()
        .iter()
        .map(|entry| PlaybookSource {
            name: entry.slug.clone(),
            yaml: render_yaml(&decompile(&entry.playbook)).unwrap_or_default(),
            cacao: serde_json::to_value(&entry.playbook).unwrap_or_default(),
            digest: entry.program.digest.clone(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_ships_can_be_used() {
        let library = super::library(None).expect("reads");
        assert_eq!(library.entries().len(), super::SHIPPED.len());
        assert!(super::sources(&library).iter().all(|s| !s.yaml.is_empty() && !s.digest.is_empty()));
    }
}
