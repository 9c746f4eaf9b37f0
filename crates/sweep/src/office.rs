//! Office documents (ECMA-376: docx, xlsx, pptx): the text of paragraphs, and sheets as tables with their header.

use std::io::{Read, Seek};

use casemate_dataset::TableFormat;
use zip::ZipArchive;

use crate::{
    ScanPlan,
    archive::Nest,
    content::FileScan,
    table::scan_table,
    text::scan_str,
    xml::{Event, Xml, attribute},
};

/// Columns that a sheet may have (XFD).
const SHEET_COLUMNS_MAX: usize = 16_384;

/// Which sort of document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Office {
    Word,
    Excel,
    PowerPoint,
}

/// The sort of document that an archive is, if it is one.
pub(crate) fn detect<R: Read + Seek>(archive: &ZipArchive<R>) -> Option<Office> {
    let has = |name: &str| archive.index_for_name(name).is_some();
    if !has("[Content_Types].xml") {
        return None;
    }
    [
        ("word/document.xml", Office::Word),
        ("xl/workbook.xml", Office::Excel),
        ("ppt/presentation.xml", Office::PowerPoint),
    ]
    .into_iter()
    .find_map(|(part, office)| has(part).then_some(office))
}

/// Scans the text of a document.
pub(crate) fn scan<R: Read + Seek>(
    plan: &ScanPlan,
    shown: &str,
    office: Office,
    archive: &mut ZipArchive<R>,
    nest: &mut Nest,
    out: &mut FileScan,
) {
    let mut names: Vec<String> = archive.file_names().filter_map(|n| n.ok().map(|n| n.into_owned())).collect();
    names.sort_unstable();
    let strings = if office == Office::Excel {
        part(plan, shown, "xl/sharedStrings.xml", archive, nest, out).map(|x| shared_strings(&x)).unwrap_or_default()
    } else {
        Vec::new()
    };
    for name in names {
        let xml = name.ends_with(".xml");
        let sheet = office == Office::Excel && name.starts_with("xl/worksheets/") && xml;
        let text =
            xml && match office {
                Office::Word => name.starts_with("word/") && !name.contains("theme") && !name.contains("styles"),
                Office::Excel => name.starts_with("xl/comments") || name.starts_with("xl/drawings/"),
                Office::PowerPoint => name.starts_with("ppt/slides/") || name.starts_with("ppt/notesSlides/"),
            } || name == "docProps/core.xml"
                || name.ends_with(".rels");
        if !(sheet || text) {
            continue;
        }
        let Some(source) = part(plan, shown, &name, archive, nest, out) else { continue };
        let inner = format!("{shown}!/{name}");
        if sheet {
            let csv = sheet_as_csv(&source, &strings);
            if !csv.is_empty() {
                scan_table(plan, &inner, TableFormat::Csv, &[], csv.as_slice(), out);
            }
        } else {
            scan_str(plan, &inner, &paragraphs(&source, name.ends_with(".rels")), out);
        }
    }
}

/// One part of the package as text.
fn part<R: Read + Seek>(
    plan: &ScanPlan,
    shown: &str,
    name: &str,
    archive: &mut ZipArchive<R>,
    nest: &Nest,
    out: &mut FileScan,
) -> Option<String> {
    archive.index_for_name(name)?;
    let inner = format!("{shown}!/{name}");
    let entry = match archive.by_name(name) {
        Ok(entry) => entry,
        Err(e) => {
            out.not_scanned(&inner, format!("cannot be unpacked: {e}"));
            return None;
        }
    };
    let max = plan.limits.member_bytes_max;
    let mut bytes = Vec::new();
    if let Err(e) = nest.metered(entry).take(max + 1).read_to_end(&mut bytes) {
        out.not_scanned(&inner, format!("cannot be unpacked to its end: {e}"));
    }
    if bytes.len() as u64 > max {
        bytes.truncate(usize::try_from(max).unwrap_or(usize::MAX));
        out.not_scanned(&inner, format!("longer than {max} bytes; the rest was not seen"));
    }
    Some(String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()))
}

/// The text of a part, one paragraph on a line; for relationships the targets (links hold addresses and tokens).
fn paragraphs(source: &str, targets: bool) -> String {
    let mut out = String::new();
    for event in Xml::new(source) {
        match event {
            Event::Text(text) => out.push_str(&text),
            Event::Start { name: "Relationship", attributes } if targets => {
                if let Some(target) = attribute(attributes, "Target") {
                    out.push_str(&target);
                    out.push('\n');
                }
            }
            Event::Start { name: "tab" | "br" | "cr", .. } => out.push(' '),
            Event::End("p" | "creator" | "lastModifiedBy" | "title" | "subject" | "description" | "keywords") => {
                out.push('\n');
            }
            _ => {}
        }
    }
    out
}

fn shared_strings(source: &str) -> Vec<String> {
    let (mut out, mut current) = (Vec::new(), String::new());
    for event in Xml::new(source) {
        match event {
            Event::Start { name: "si", .. } => current.clear(),
            Event::Text(text) => current.push_str(&text),
            Event::End("si") => out.push(std::mem::take(&mut current)),
            _ => {}
        }
    }
    out
}

/// A sheet as CSV: cells at their columns, so that the first row heads them.
fn sheet_as_csv(source: &str, strings: &[String]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut row: Vec<String> = Vec::new();
    let (mut column, mut shared, mut in_value, mut value) = (0, false, false, String::new());
    for event in Xml::new(source) {
        match event {
            Event::Start { name: "row", .. } => row.clear(),
            Event::Start { name: "c", attributes } => {
                column = attribute(attributes, "r").and_then(|r| column_index(&r)).unwrap_or(row.len());
                shared = attribute(attributes, "t").as_deref() == Some("s");
                value.clear();
            }
            Event::Start { name: "v" | "t", .. } => in_value = true,
            Event::End("v" | "t") => in_value = false,
            Event::Text(text) if in_value => value.push_str(&text),
            Event::End("c") if column < SHEET_COLUMNS_MAX => {
                let known = shared.then(|| value.parse::<usize>().ok().and_then(|i| strings.get(i))).flatten();
                let text = known.cloned().unwrap_or_else(|| whole_number(&value));
                if row.len() <= column {
                    row.resize(column + 1, String::new());
                }
                row[column] = text;
            }
            Event::End("row") => {
                for (i, cell) in row.iter().enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    out.push(b'"');
                    out.extend_from_slice(cell.replace('"', "\"\"").as_bytes());
                    out.push(b'"');
                }
                out.push(b'\n');
            }
            _ => {}
        }
    }
    out
}

/// A number as people see it: sheets store long ones as `4.111111111111111E+15`.
fn whole_number(value: &str) -> String {
    if value.contains(['E', 'e'])
        && let Ok(n) = value.parse::<f64>()
        && n.fract() == 0.0
        && n.abs() < 1e18
    {
        return format!("{n:.0}");
    }
    value.to_owned()
}

/// `AB12` as 27.
fn column_index(reference: &str) -> Option<usize> {
    let letters = reference.bytes().take_while(u8::is_ascii_uppercase);
    let number = letters.take(4).fold(0, |n, b| n * 26 + usize::from(b - b'A') + 1);
    number.checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::{column_index, paragraphs, shared_strings, sheet_as_csv, whole_number};

    #[test]
    fn sheets_become_tables() {
        let strings = shared_strings("<sst><si><t>name</t></si><si><r><t>An</t></r><r><t>na</t></r></si></sst>");
        let sheet = "<sheetData><row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c><c r=\"C1\" t=\"inlineStr\"><is><t>card</t></is></c></row>\
                     <row><c r=\"A2\" t=\"s\"><v>1</v></c><c r=\"C2\"><v>4.111111111111111E+15</v></c></row></sheetData>";
        let csv = String::from_utf8(sheet_as_csv(sheet, &strings)).unwrap();
        assert_eq!(csv, "\"name\",\"\",\"card\"\n\"Anna\",\"\",\"4111111111111111\"\n");
    }

    #[test]
    fn words_that_formatting_cuts_are_whole() {
        let xml = "<w:p><w:r><w:t>tele</w:t></w:r><w:r><w:t>phone &amp; fax</w:t></w:r></w:p><w:p><w:t>x</w:t></w:p>";
        assert_eq!(paragraphs(xml, false), "telephone & fax\nx\n");
    }

    #[test]
    fn references_and_numbers() {
        assert_eq!(
            [column_index("A1"), column_index("Z9"), column_index("AB12"), column_index("1")],
            [Some(0), Some(25), Some(27), None]
        );
        assert_eq!([whole_number("1.5E-3"), whole_number("12"), whole_number("1E+3")], ["1.5E-3", "12", "1000"]);
    }
}
