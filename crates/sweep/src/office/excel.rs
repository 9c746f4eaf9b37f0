//! Workbooks: every sheet as a table, read as a stream.

use std::io::{self, Read, Seek};

use casemate_dataset::SheetTable;
use zip::ZipArchive;

use super::{
    cells::{Strings, Styles, column_index, number},
    part,
};
use crate::{
    ScanPlan,
    archive::Nest,
    content::FileScan,
    table::Columns,
    xml::{Event, Xml, attribute},
};

/// Bytes of the sheet's name that findings show.
const NAME_BYTES_MAX: usize = 128;
/// Sheets whose names are kept.
const SHEETS_MAX: usize = 10_000;
const STRINGS: &str = "xl/sharedStrings.xml";

/// What a workbook says of its sheets.
#[derive(Debug, Default)]
struct Workbook {
    /// Name and id of the relationship.
    sheets: Vec<(String, String)>,
    /// Id of a relationship and its part.
    parts: Vec<(String, String)>,
    from_1904: bool,
    strings: Strings,
    styles: Styles,
}

/// Scans the sheets of a workbook and takes their parts, and those that they refer to, out of `names`.
pub(super) fn scan<R: Read + Seek>(
    plan: &ScanPlan,
    shown: &str,
    names: &mut Vec<String>,
    archive: &mut ZipArchive<R>,
    nest: &mut Nest,
    out: &mut FileScan,
) {
    let mut book = Workbook::default();
    let mut open = |name: &str, read: &mut dyn FnMut(&mut dyn Read, &mut FileScan) -> io::Result<()>| {
        let inner = format!("{shown}!/{name}");
        let Some(entry) = part(&inner, name, archive, out) else { return };
        if let Err(e) = read(&mut nest.metered(entry), out) {
            out.not_scanned(&inner, format!("cannot be unpacked to its end: {e}"));
        }
    };
    open("xl/workbook.xml", &mut |source, _| book.read_sheets(source));
    open("xl/_rels/workbook.xml.rels", &mut |source, _| book.read_parts(source));
    open("xl/styles.xml", &mut |source, _| {
        book.styles = Styles::read(source)?;
        Ok(())
    });
    let bytes_max = usize::try_from(plan.limits.member_bytes_max).unwrap_or(usize::MAX);
    open(STRINGS, &mut |source, out| {
        let (strings, result) = Strings::read(source, bytes_max);
        if strings.dropped > 0 {
            let reason = format!("more than {bytes_max} bytes of shared strings; the others were not seen");
            out.not_scanned(&format!("{shown}!/{STRINGS}"), reason);
        }
        book.strings = strings;
        result
    });
    let sheets: Vec<String> =
        names.iter().filter(|n| n.starts_with("xl/worksheets/") && n.ends_with(".xml")).cloned().collect();
    for name in &sheets {
        if plan.cancelled() {
            out.not_scanned(shown, "the scan was stopped before its end");
            return;
        }
        if !nest.enter(shown, out) {
            return;
        }
        let title = book.title(name);
        let inner = format!("{shown}!/{title}");
        let Some(entry) = part(&inner, name, archive, out) else { continue };
        sheet(plan, &inner, &title, &book, nest.metered(entry), out);
    }
    names.retain(|n| n != STRINGS && n != "xl/workbook.xml" && n != "xl/styles.xml" && !sheets.contains(n));
}

impl Workbook {
    fn read_sheets(&mut self, source: &mut dyn Read) -> io::Result<()> {
        let mut xml = Xml::new(source);
        while let Some(event) = xml.next()? {
            match event {
                Event::Start { name: "sheet", attributes } if self.sheets.len() < SHEETS_MAX => {
                    if let (Some(name), Some(id)) = (attribute(attributes, "name"), attribute(attributes, "id")) {
                        self.sheets.push((name, id));
                    }
                }
                Event::Start { name: "workbookPr", attributes } => {
                    self.from_1904 = matches!(attribute(attributes, "date1904").as_deref(), Some("1" | "true"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn read_parts(&mut self, source: &mut dyn Read) -> io::Result<()> {
        let mut xml = Xml::new(source);
        while let Some(event) = xml.next()? {
            if let Event::Start { name: "Relationship", attributes } = event
                && let (Some(id), Some(target)) = (attribute(attributes, "Id"), attribute(attributes, "Target"))
                && self.parts.len() < SHEETS_MAX
            {
                let part = target.strip_prefix('/').map_or_else(|| format!("xl/{target}"), str::to_owned);
                self.parts.push((id, part));
            }
        }
        Ok(())
    }

    /// The name that people gave the sheet in `part`; the part's own where they gave none.
    fn title(&self, part: &str) -> String {
        let id = self.parts.iter().find(|(_, p)| p == part).map(|(id, _)| id);
        let name = id.and_then(|id| self.sheets.iter().find(|(_, i)| i == id)).map(|(name, _)| name.as_str());
        let name = name.unwrap_or(part);
        name[..name.floor_char_boundary(NAME_BYTES_MAX)].to_owned()
    }
}

/// Scans one sheet.
fn sheet(plan: &ScanPlan, path: &str, title: &str, book: &Workbook, source: impl Read, out: &mut FileScan) {
    let mut found = Columns::new(plan, path).in_sheet(title);
    let mut table = SheetTable::new(plan.limits.table);
    let mut rows = Rows::new(book, plan.limits.table.record_bytes_max);
    let mut xml = Xml::new(source);
    loop {
        match xml.next() {
            Ok(Some(event)) => rows.take(event, &mut table),
            Ok(None) => break,
            Err(e) => {
                out.not_scanned(path, format!("cannot be unpacked to its end: {e}"));
                break;
            }
        }
        if table.is_full() {
            table.take(|batch| found.look(batch));
            if plan.cancelled() {
                out.not_scanned(path, "the scan was stopped before its end");
                break;
            }
        }
    }
    rows.end(&mut table);
    if rows.cut > 0 {
        out.not_scanned(path, format!("{} cells are longer than {} bytes; the rest was not seen", rows.cut, rows.max));
    }
    if rows.unknown > 0 {
        out.not_scanned(path, format!("{} cells refer to strings that are not there", rows.unknown));
    }
    let report = table.finish(|batch| found.look(batch));
    found.finish(report, out);
}

/// Makes rows of the events of a sheet.
struct Rows<'a> {
    book: &'a Workbook,
    max: usize,
    row: u64,
    cells: Vec<(usize, String)>,
    bytes: usize,
    /// The current cell: column, type, style.
    column: usize,
    kind: String,
    style: usize,
    value: String,
    formula: String,
    within: Within,
    cut: u64,
    unknown: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Nothing,
    Value,
    Formula,
    /// Headers and footers of the printed page.
    Page,
}

impl<'a> Rows<'a> {
    fn new(book: &'a Workbook, max: usize) -> Self {
        Self {
            book,
            max,
            row: 0,
            cells: Vec::new(),
            bytes: 0,
            column: 0,
            kind: String::new(),
            style: 0,
            value: String::new(),
            formula: String::new(),
            within: Within::Nothing,
            cut: 0,
            unknown: 0,
        }
    }

    fn take(&mut self, event: Event<'_>, table: &mut SheetTable) {
        match event {
            Event::Start { name: "row", attributes } => {
                self.end(table);
                self.row = attribute(attributes, "r").and_then(|r| r.parse().ok()).unwrap_or(self.row + 1);
            }
            Event::Start { name: "c", attributes } => {
                let next = self.cells.last().map_or(0, |c| c.0 + 1);
                self.column = attribute(attributes, "r").and_then(|r| column_index(&r)).unwrap_or(next);
                self.kind = attribute(attributes, "t").unwrap_or_default();
                self.style = attribute(attributes, "s").and_then(|s| s.parse().ok()).unwrap_or(usize::MAX);
                self.value.clear();
                self.formula.clear();
            }
            Event::Start { name: "v" | "t", .. } => self.within = Within::Value,
            Event::Start { name: "f", .. } => self.within = Within::Formula,
            Event::Start { name: "oddHeader" | "oddFooter" | "evenHeader" | "firstHeader" | "firstFooter", .. } => {
                self.within = Within::Page;
                self.value.clear();
            }
            Event::Text(text) if self.within != Within::Nothing => {
                let into = if self.within == Within::Formula { &mut self.formula } else { &mut self.value };
                if into.len() + text.len() <= self.max {
                    into.push_str(&text);
                } else {
                    self.cut += 1;
                }
            }
            Event::End("c") => self.cell(table),
            Event::End("oddHeader" | "oddFooter" | "evenHeader" | "firstHeader" | "firstFooter") => {
                let text = std::mem::take(&mut self.value);
                self.put(0, text, table);
                self.within = Within::Nothing;
            }
            Event::End("v" | "t" | "f") => self.within = Within::Nothing,
            Event::End("row") => self.end(table),
            _ => {}
        }
    }

    fn cell(&mut self, table: &mut SheetTable) {
        let value = std::mem::take(&mut self.value);
        let text = match self.kind.as_str() {
            "s" => {
                let known = value.trim().parse().ok().and_then(|i| self.book.strings.get(i));
                self.unknown += u64::from(known.is_none());
                known.unwrap_or_default().to_owned()
            }
            "" | "n" => number(&value, self.book.styles.is_date(self.style), self.book.from_1904),
            _ => value,
        };
        self.put(self.column, text, table);
        // A formula with a text in it may hold an address or a key.
        if self.formula.contains('"') {
            let formula = std::mem::take(&mut self.formula);
            self.put(self.column, formula, table);
        }
    }

    fn put(&mut self, column: usize, text: String, table: &mut SheetTable) {
        if text.is_empty() {
            return;
        }
        self.bytes += text.len() + size_of::<(usize, String)>();
        self.cells.push((column, text));
        // No sheet has such a row; it is given on in parts.
        if self.bytes > self.max {
            self.end(table);
        }
    }

    fn end(&mut self, table: &mut SheetTable) {
        self.bytes = 0;
        if !self.cells.is_empty() {
            table.push(self.row, std::mem::take(&mut self.cells));
        }
    }
}

#[cfg(test)]
mod tests {
    use casemate_dataset::{SheetTable, TableLimits};

    use super::{Rows, Strings, Workbook};
    use crate::xml::Xml;

    #[test]
    fn rows_come_with_their_numbers_and_columns() {
        let strings = Strings::read(&b"<sst><si><t>name</t></si><si><t>Anna</t></si></sst>"[..], 100).0;
        let book = Workbook { strings, ..Workbook::default() };
        let sheet = "<sheetData><row r=\"2\"><c r=\"A2\" t=\"s\"><v>0</v></c><c r=\"C2\" t=\"inlineStr\"><is><t>card</t></is></c></row>\
                     <row><c t=\"s\"><v>1</v></c><c r=\"C3\"><f>A(\"x\")</f><v>4.1E+3</v></c><c t=\"s\"><v>9</v></c></row>";
        let (mut rows, mut table) = (Rows::new(&book, 1_000), SheetTable::new(TableLimits::default()));
        let mut xml = Xml::new(sheet.as_bytes());
        while let Some(event) = xml.next().unwrap() {
            rows.take(event, &mut table);
        }
        assert_eq!(rows.unknown, 1);
        let mut seen = Vec::new();
        let report = table.finish(|batch| {
            for column in &batch.columns {
                for cell in &column.cells {
                    seen.push(format!("{} {} {}", column.name, cell.row, column.cell_text(*cell)));
                }
            }
        });
        assert_eq!(seen, ["name 2 name", "name 3 Anna", "card 2 card", "card 3 4100", "card 3 A(\"x\")"]);
        assert_eq!(report.rows, 1);
    }
}
