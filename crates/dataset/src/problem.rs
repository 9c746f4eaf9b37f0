//! What is wrong with the form of a table.

use casemate_finding::{Finding, Fingerprint, Location, Severity};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A kind of break in the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// A row has more or fewer fields than the first one.
    RaggedRow,
    /// A quote inside a field that is not quoted.
    StrayQuote,
    /// Text after a closing quote.
    TextAfterQuote,
    /// The input ends within quotes.
    UnclosedQuote,
    /// A NUL byte in a field.
    Nul,
    /// Bytes that are not of the encoding that the head showed.
    Encoding,
    /// Two columns have one name.
    DuplicateColumn,
    /// A record is longer than the limit; the rest of it was dropped.
    RecordTooLong,
    /// More columns than the limit; the others were dropped.
    TooManyColumns,
    /// A line is no JSON; its text is one cell of the column `(raw)`.
    BadJson,
    /// A JSON value is nested deeper than the limit; its text is one cell of the column `(raw)`.
    JsonTooDeep,
    /// A JSON object has one key twice, which two readers may read differently.
    DuplicateKey,
    /// The source failed before its end.
    ReadError,
    /// A page of a Parquet file cannot be read; the rest of its column chunk was not seen.
    BrokenPage,
    /// A column of a Parquet file is encrypted.
    EncryptedColumn,
    /// Cells hold bytes that no text has.
    BinaryValue,
    /// More comes out of a Parquet file than its size allows.
    TooMuch,
}

impl ProblemKind {
    /// Every kind.
    pub const ALL: [Self; 17] = [
        Self::RaggedRow,
        Self::StrayQuote,
        Self::TextAfterQuote,
        Self::UnclosedQuote,
        Self::Nul,
        Self::Encoding,
        Self::DuplicateColumn,
        Self::RecordTooLong,
        Self::TooManyColumns,
        Self::BadJson,
        Self::JsonTooDeep,
        Self::DuplicateKey,
        Self::ReadError,
        Self::BrokenPage,
        Self::EncryptedColumn,
        Self::BinaryValue,
        Self::TooMuch,
    ];

    /// Id of the rule, as `dataset/ragged-row`.
    pub const fn rule(self) -> &'static str {
        match self {
            Self::RaggedRow => "dataset/ragged-row",
            Self::StrayQuote => "dataset/stray-quote",
            Self::TextAfterQuote => "dataset/text-after-quote",
            Self::UnclosedQuote => "dataset/unclosed-quote",
            Self::Nul => "dataset/nul-byte",
            Self::Encoding => "dataset/encoding",
            Self::DuplicateColumn => "dataset/duplicate-column",
            Self::RecordTooLong => "dataset/record-too-long",
            Self::TooManyColumns => "dataset/too-many-columns",
            Self::BadJson => "dataset/bad-json",
            Self::JsonTooDeep => "dataset/json-too-deep",
            Self::DuplicateKey => "dataset/duplicate-key",
            Self::ReadError => "dataset/read-error",
            Self::BrokenPage => "dataset/broken-page",
            Self::EncryptedColumn => "dataset/encrypted-column",
            Self::BinaryValue => "dataset/binary-value",
            Self::TooMuch => "dataset/too-much",
        }
    }

    /// How bad it is.
    pub const fn severity(self) -> Severity {
        match self {
            Self::StrayQuote | Self::TextAfterQuote | Self::BinaryValue => Severity::Info,
            Self::RaggedRow | Self::Encoding | Self::DuplicateColumn => Severity::Low,
            Self::UnclosedQuote
            | Self::Nul
            | Self::RecordTooLong
            | Self::TooManyColumns
            | Self::BadJson
            | Self::JsonTooDeep
            | Self::DuplicateKey
            | Self::ReadError
            | Self::BrokenPage
            | Self::EncryptedColumn
            | Self::TooMuch => Severity::Medium,
        }
    }

    /// True when some content was not seen because of it.
    pub const fn loses_content(self) -> bool {
        matches!(
            self,
            Self::RecordTooLong
                | Self::TooManyColumns
                | Self::ReadError
                | Self::BrokenPage
                | Self::EncryptedColumn
                | Self::TooMuch
        )
    }

    const fn remedy(self) -> &'static str {
        match self {
            Self::RaggedRow => "Write every row with the same number of fields; quote fields that hold the delimiter.",
            Self::StrayQuote | Self::TextAfterQuote => "Quote the whole field and double the quotes inside it.",
            Self::UnclosedQuote => "Close the quotation; everything after it was read as one field.",
            Self::Nul => "Remove NUL bytes; readers cut the field there or refuse the file.",
            Self::Encoding => "Write the file in UTF-8 from start to end.",
            Self::DuplicateColumn => "Give each column its own name.",
            Self::RecordTooLong => "Split the record, or raise the limit on its bytes.",
            Self::TooManyColumns => "Check the delimiter, or raise the limit on columns.",
            Self::BadJson => "Write one JSON value on each line.",
            Self::JsonTooDeep => "Flatten the value, or raise the limit on depth.",
            Self::DuplicateKey => "Write each key once: readers disagree on which value counts.",
            Self::ReadError => "Check the storage and read the file again.",
            Self::BrokenPage => {
                "Write the file again from its source; other readers may fail on it or read something else."
            }
            Self::EncryptedColumn => "Decrypt the column where its key is, and scan the result there.",
            Self::BinaryValue => "Look at what the bytes are (images, models): they were not searched for text.",
            Self::TooMuch => "Find out who wrote it: so much from so little is how readers are brought down.",
        }
    }
}

/// One kind of break, how often it occurred and where first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What it is.
    pub kind: ProblemKind,
    /// How often.
    pub count: u64,
    /// Line of the first one, from 1.
    pub line: u64,
    /// What was seen there; holds no cell's text.
    pub detail: String,
}

impl Problem {
    /// The problem as a finding in the file `path`.
    pub fn to_finding(&self, path: &str) -> Finding {
        let mut hash = Sha256::new();
        hash.update(self.kind.rule());
        hash.update([0]);
        hash.update(path);
        let digest: String = hash.finalize().iter().take(16).map(|b| format!("{b:02x}")).collect();
        let times = if self.count == 1 { "once".to_owned() } else { format!("{} times", self.count) };
        Finding {
            rule: self.kind.rule().to_owned(),
            severity: self.kind.severity(),
            message: format!("{} ({times}, first on line {})", self.detail, self.line),
            location: Location { path: Some(path.to_owned()), line: Some(self.line), ..Location::default() },
            evidence: String::new(),
            score: 1.0,
            fingerprint: Fingerprint(digest),
            remedy: self.kind.remedy().to_owned(),
            references: Vec::new(),
        }
    }
}

/// Problems by kind, in the order in which they were first met.
#[derive(Clone, Debug, Default)]
pub(crate) struct Problems(Vec<Problem>);

impl Problems {
    pub(crate) fn add(&mut self, kind: ProblemKind, line: u64, detail: impl FnOnce() -> String) {
        self.add_many(kind, line, 1, detail);
    }

    pub(crate) fn add_many(&mut self, kind: ProblemKind, line: u64, n: u64, detail: impl FnOnce() -> String) {
        if let Some(known) = self.0.iter_mut().find(|p| p.kind == kind) {
            known.count += n;
        } else {
            self.0.push(Problem { kind, count: n, line, detail: detail() });
        }
    }

    pub(crate) fn into_vec(self) -> Vec<Problem> {
        self.0
    }
}
