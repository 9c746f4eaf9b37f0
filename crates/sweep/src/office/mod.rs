//! Office documents (ECMA-376: docx, xlsx, pptx; ISO 26300: odt, ods, odp): paragraphs as text, sheets as tables with their
//! header, what is embedded as files of its own. Parts are read as streams; of a workbook only its shared strings are held.

mod cells;
mod excel;

use std::io::{Read, Seek};

use zip::{ZipArchive, read::ZipFile};

use crate::{
    ScanPlan,
    archive::{Nest, open_member},
    content::FileScan,
    text::Feed,
    xml::{Event, Xml, attribute},
};

/// Which sort of document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Office {
    Word,
    Excel,
    PowerPoint,
    Open,
    /// A workbook whose parts are binary records.
    BinaryExcel,
}

/// Parts that describe how a document looks, and hold no words of people.
const LOOKS: &[&str] = &[
    "[Content_Types].xml",
    "/theme/",
    "/styles.xml",
    "/stylesWithEffects.xml",
    "/fontTable.xml",
    "/numbering.xml",
    "/webSettings.xml",
    "/calcChain.xml",
    "/slideLayouts/",
    "/printerSettings/",
    "/tableStyles.xml",
    "META-INF/manifest.xml",
];

/// The sort of document that an archive is, if it is one.
pub(crate) fn detect<R: Read + Seek>(archive: &ZipArchive<R>) -> Option<Office> {
    let has = |name: &str| archive.index_for_name(name).is_some();
    if !has("[Content_Types].xml") {
        return (has("content.xml") && has("mimetype")).then_some(Office::Open);
    }
    [
        ("word/document.xml", Office::Word),
        ("xl/workbook.xml", Office::Excel),
        ("xl/workbook.bin", Office::BinaryExcel),
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
    if office == Office::BinaryExcel {
        out.not_scanned(shown, "a binary workbook (xlsb); save it as xlsx");
        return;
    }
    let mut names: Vec<String> = archive.file_names().filter_map(|n| n.ok().map(|n| n.into_owned())).collect();
    names.sort_unstable();
    names.dedup();
    if office == Office::Excel {
        excel::scan(plan, shown, &mut names, archive, nest, out);
    }
    for name in names {
        if plan.cancelled() {
            out.not_scanned(shown, "the scan was stopped before its end");
            return;
        }
        if name.ends_with('/') || LOOKS.iter().any(|part| format!("/{name}").contains(part)) {
            continue;
        }
        if !nest.enter(shown, out) {
            return;
        }
        let inner = format!("{shown}!/{name}");
        let Some(entry) = part(&inner, &name, archive, out) else { continue };
        if name.ends_with(".xml") || name.ends_with(".rels") {
            paragraphs(plan, &inner, nest.metered(entry), name.ends_with(".rels"), out);
        } else if name.ends_with("vbaProject.bin") {
            out.not_scanned(&inner, "macros (VBA) are not read; export them as text");
        } else {
            open_member(plan, &inner, entry, nest, out);
        }
    }
}

/// One part of the package.
fn part<'a, R: Read + Seek>(
    inner: &str,
    name: &str,
    archive: &'a mut ZipArchive<R>,
    out: &mut FileScan,
) -> Option<ZipFile<'a, R>> {
    archive.index_for_name(name)?;
    match archive.by_name(name) {
        Ok(entry) => Some(entry),
        Err(e) => {
            out.not_scanned(inner, format!("cannot be unpacked: {e}"));
            None
        }
    }
}

/// Scans the text of a part, one paragraph or row of a table on a line; of relationships the targets (links hold
/// addresses and tokens).
fn paragraphs(plan: &ScanPlan, inner: &str, source: impl Read, targets: bool, out: &mut FileScan) {
    let mut xml = Xml::new(source);
    let mut feed = Feed::new(plan, inner);
    let mut cells = 0_u32;
    loop {
        match xml.next() {
            Ok(None) => break,
            Err(e) => {
                out.not_scanned(inner, format!("cannot be unpacked to its end: {e}"));
                break;
            }
            Ok(Some(event)) => match event {
                Event::Text(text) => feed.push(&text, out),
                Event::Start { name: "tc" | "table-cell", .. } => cells += 1,
                Event::End("tc" | "table-cell") => {
                    cells = cells.saturating_sub(1);
                    feed.push("\t", out);
                }
                Event::Start { name: "tab" | "br" | "cr" | "line-break" | "s", .. } => feed.push(" ", out),
                Event::Start { name, attributes } => {
                    let link = match name {
                        "Relationship" if targets => attribute(attributes, "Target"),
                        // Links and remarks of drawings and OpenDocument are attributes.
                        "a" => attribute(attributes, "href"),
                        "cNvPr" | "docPr" => attribute(attributes, "descr"),
                        _ => None,
                    };
                    if let Some(text) = link {
                        feed.push(&text, out);
                        feed.push("\n", out);
                    }
                }
                Event::End("p" | "h") if cells > 0 => feed.push(" ", out),
                Event::End(
                    "p" | "h" | "tr" | "table-row" | "creator" | "lastModifiedBy" | "title" | "subject" | "description"
                    | "keywords" | "Company" | "Manager" | "lpwstr" | "author" | "text",
                ) => feed.end_line(out),
                Event::End(_) => {}
            },
        }
    }
    if xml.dropped() > 0 {
        out.not_scanned(inner, format!("{} tags are too long to be read", xml.dropped()));
    }
    feed.finish(out);
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use casemate_detect::Key;

    use super::paragraphs;
    use crate::{FileScan, Kinds, ScanPlan, Target};

    #[test]
    fn words_that_formatting_cuts_are_whole_and_tables_keep_their_rows() {
        let plan = ScanPlan::new(vec![Target::Path(Path::new(".").into())], Kinds::ALL, Key::new([0; 32]));
        let xml = "<w:p><w:r><w:t>ann.lee@</w:t></w:r><w:r><w:t>firma.de</w:t></w:r></w:p>\
                   <w:tbl><w:tr><w:tc><w:p><w:t>mail</w:t></w:p></w:tc><w:tc><w:p><w:t>ben@firma.de</w:t></w:p></w:tc>\
                   </w:tr></w:tbl>";
        let mut out = FileScan::default();
        paragraphs(&plan, "d", xml.as_bytes(), false, &mut out);
        let lines: Vec<_> = out.findings.iter().map(|f| f.location.line).collect();
        assert_eq!(lines, [Some(1), Some(2)], "{:?}", out.findings);
    }
}
