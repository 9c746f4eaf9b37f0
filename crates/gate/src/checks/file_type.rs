//! Is the file what its name and its declaration say?

use casemate_finding::{Finding, Location, Reference, Severity, Taxonomy};
use casemate_sweep::FileKind;

use super::whole_fingerprint;
use crate::{Check, CheckContext, CheckReport, Seen, SubjectKind};

pub(super) struct FileType;

const RULE: &str = "gate/file-type-mismatch";

/// What an extension promises. A `.bin` promises nothing.
const PROMISES: &[(&[&str], &[FileKind])] = &[
    (&["csv", "tsv", "psv"], &[FileKind::Csv, FileKind::Empty]),
    (&["jsonl", "ndjson"], &[FileKind::JsonLines, FileKind::Empty]),
    (
        &["json", "txt", "md", "yaml", "yml", "py", "toml", "xml", "html"],
        &[FileKind::Text, FileKind::JsonTable, FileKind::Empty],
    ),
    (&["zip", "docx", "xlsx", "pptx", "npz", "keras", "nemo", "mar", "skops"], &[FileKind::Zip]),
    (&["tar"], &[FileKind::Tar]),
    (&["gz", "tgz"], &[FileKind::Gzip]),
    (&["pdf"], &[FileKind::Pdf]),
    (&["png"], &[FileKind::Binary("png")]),
    (&["jpg", "jpeg"], &[FileKind::Binary("jpeg")]),
    (&["gif"], &[FileKind::Binary("gif")]),
    (&["parquet"], &[FileKind::Parquet]),
    (&["sqlite", "db"], &[FileKind::OtherArchive("sqlite")]),
    (&["7z"], &[FileKind::SevenZip]),
    (&["gguf", "h5", "hdf5", "npy", "safetensors"], &[FileKind::Model]),
];

impl Check for FileType {
    fn id(&self) -> &'static str {
        "file-type"
    }

    fn about(&self) -> &'static str {
        "the content is what the extension and the declared kind say"
    }

    fn applies(&self, context: &CheckContext) -> bool {
        context.kind != FileKind::Empty
    }

    fn run(&self, context: &CheckContext) -> Result<CheckReport, String> {
        let kind = context.kind;
        let found = kind.as_str();
        let extension =
            context.subject.path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
        let promised = PROMISES.iter().find(|(names, _)| names.contains(&extension.as_str()));
        let mut told = Vec::new();
        if let Some((_, kinds)) = promised
            && !kinds.contains(&kind)
        {
            told.push(format!("the name ends in .{extension}, the content is {found}"));
        }
        let code = matches!(kind, FileKind::Binary("elf" | "executable" | "mach-o" | "java-class"));
        if code {
            told.push(format!("the content is a program ({found})"));
        }
        let table = matches!(kind, FileKind::Csv | FileKind::JsonLines | FileKind::JsonTable | FileKind::Parquet);
        let data = table || matches!(kind, FileKind::Pdf | FileKind::Ole);
        match context.subject.kind {
            SubjectKind::Model if data => told.push(format!("declared as a model, the content is {found}")),
            SubjectKind::Data if kind == FileKind::Model => {
                told.push("declared as data, the content is a model file".into())
            }
            _ => {}
        }
        if told.is_empty() {
            return Ok(CheckReport::clean(format!("the content is {found}, as the name and the declaration say")));
        }
        let message = told.join("; ");
        // A model under the name of a table is loaded by no table reader, but by whoever was told to.
        let severity = if code || kind == FileKind::Model { Severity::High } else { Severity::Medium };
        let finding = Finding {
            rule: RULE.to_owned(),
            severity,
            message: message.clone(),
            location: Location { path: Some(context.shown.clone()), ..Location::default() },
            evidence: String::new(),
            score: 0.95,
            fingerprint: whole_fingerprint(RULE, context.sha256()),
            remedy: "Find out who named it so; give it the name of what it is, or leave it out.".to_owned(),
            references: vec![Reference::new(Taxonomy::Cwe, "CWE-646"), Reference::new(Taxonomy::Atlas, "AML.T0010")],
        };
        let holds = context.settings.counts(&finding);
        Ok(CheckReport { seen: vec![Seen::held_if(holds, finding)], summary: message, ..CheckReport::default() })
    }
}
