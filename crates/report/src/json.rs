//! JSON: the document as it is, with the id of its schema, keys in a fixed order.

use serde::Serialize;

use crate::{Document, Tally};

/// Names the shape of the JSON report; a change that breaks readers raises the number.
pub const JSON_SCHEMA_ID: &str = "casemate/report/v1";

#[derive(Serialize)]
struct Report<'a> {
    schema: &'static str,
    #[serde(flatten)]
    document: &'a Document,
    summary: Tally,
}

/// The document as indented JSON that ends with a line feed. The same document gives the same bytes.
pub fn to_json(document: &Document) -> String {
    let report = Report { schema: JSON_SCHEMA_ID, document, summary: Tally::of(document) };
    let mut text = serde_json::to_string_pretty(&report).expect("no map with keys other than strings is in a document");
    text.push('\n');
    text
}
