//! What the cells of a workbook mean: addresses, shared strings, and numbers that are dates.

use std::io::{self, Read};

use casemate_dataset::days_as_date;

use crate::xml::{Event, Xml, attribute};

/// Days between the two epochs of workbooks and 1970.
const DAYS_1900: i64 = 25_569;
const DAYS_1904: i64 = 24_107;
/// Serial number of the last day that a sheet knows, 31 December 9999.
const SERIAL_MAX: f64 = 2_958_466.0;

/// The strings that cells refer to, one after the other.
#[derive(Debug, Default)]
pub(super) struct Strings {
    text: String,
    ends: Vec<usize>,
    /// Strings that were beyond the limit.
    pub(super) dropped: u64,
}

impl Strings {
    /// Reads the part `sharedStrings.xml`, of which `bytes_max` bytes of text are kept.
    pub(super) fn read(source: impl Read, bytes_max: usize) -> (Self, io::Result<()>) {
        let mut strings = Self::default();
        let result = strings.fill(source, bytes_max);
        (strings, result)
    }

    fn fill(&mut self, source: impl Read, bytes_max: usize) -> io::Result<()> {
        let mut xml = Xml::new(source);
        // Phonetic readings stand beside the text and are not part of it.
        let (mut within, mut phonetic) = (false, false);
        while let Some(event) = xml.next()? {
            match event {
                Event::Start { name: "t", .. } => within = !phonetic,
                Event::End("t") => within = false,
                Event::Start { name: "rPh", .. } => phonetic = true,
                Event::End("rPh") => phonetic = false,
                Event::Text(text) if within => {
                    // An empty string takes room as well.
                    if self.text.len() + self.ends.len() * 8 + text.len() <= bytes_max {
                        self.text.push_str(&text);
                    } else {
                        self.dropped += 1;
                    }
                }
                Event::End("si") if self.text.len() + self.ends.len() * 8 <= bytes_max => {
                    self.ends.push(self.text.len());
                }
                _ => {}
            }
        }
        Ok(())
    }

    pub(super) fn get(&self, index: usize) -> Option<&str> {
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(0, |i| self.ends[i]);
        self.text.get(start..end)
    }
}

/// Which styles show a number as a date.
#[derive(Debug, Default)]
pub(super) struct Styles(Vec<bool>);

impl Styles {
    /// Reads the part `styles.xml`.
    pub(super) fn read(source: impl Read) -> io::Result<Self> {
        let mut xml = Xml::new(source);
        let (mut formats, mut styles, mut cells) = (Vec::new(), Self::default(), false);
        while let Some(event) = xml.next()? {
            match event {
                Event::Start { name: "numFmt", attributes } => {
                    let id = attribute(attributes, "numFmtId").and_then(|id| id.parse::<u32>().ok());
                    if let (Some(id), Some(code)) = (id, attribute(attributes, "formatCode"))
                        && formats.len() < 1 << 16
                    {
                        formats.push((id, is_date_format(&code)));
                    }
                }
                Event::Start { name: "cellXfs", .. } => cells = true,
                Event::End("cellXfs") => cells = false,
                Event::Start { name: "xf", attributes } if cells && styles.0.len() < 1 << 20 => {
                    let id = attribute(attributes, "numFmtId").and_then(|id| id.parse().ok()).unwrap_or(0);
                    let own = formats.iter().find(|(known, _)| *known == id).map(|(_, date)| *date);
                    styles.0.push(own.unwrap_or(matches!(id, 14..=22 | 27..=36 | 45..=47 | 50..=58)));
                }
                _ => {}
            }
        }
        Ok(styles)
    }

    pub(super) fn is_date(&self, style: usize) -> bool {
        self.0.get(style).copied().unwrap_or(false)
    }
}

/// True for `dd.mm.yyyy` and its kin: letters of dates outside quotes, brackets and escapes.
fn is_date_format(code: &str) -> bool {
    let (mut chars, mut close) = (code.chars(), None);
    while let Some(c) = chars.next() {
        match (close, c) {
            (Some(end), c) if c == end => close = None,
            (Some(_), _) => {}
            (None, '"') => close = Some('"'),
            (None, '[') => close = Some(']'),
            (None, '\\' | '_' | '*') => _ = chars.next(),
            (None, 'd' | 'D' | 'y' | 'Y' | 'm' | 'M' | 'h' | 'H' | 's' | 'S') => return !code.starts_with("General"),
            _ => {}
        }
    }
    false
}

/// A number as people see it: a date where the style says so, and no exponent in what is whole.
pub(super) fn number(value: &str, date: bool, from_1904: bool) -> String {
    let Ok(n) = value.trim().parse::<f64>() else { return value.to_owned() };
    if date && (0.0..SERIAL_MAX).contains(&n) {
        let (days, of_day) = (n.floor(), n - n.floor());
        #[expect(clippy::cast_possible_truncation, reason = "below three million")]
        let (days, seconds) = (days as i64, (of_day * 86_400.0).round() as i64);
        let clock = format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
        // A number below one is a time of no day.
        if days == 0 {
            return clock;
        }
        let date = days_as_date(days - if from_1904 { DAYS_1904 } else { DAYS_1900 });
        return if seconds == 0 { date } else { format!("{date} {clock}") };
    }
    // Sheets store long numbers as `4.111111111111111E+15`.
    if value.contains(['E', 'e']) && n.fract() == 0.0 && n.abs() < 1e18 {
        return format!("{n:.0}");
    }
    value.to_owned()
}

/// Column of a reference: `AB12` as 27.
pub(super) fn column_index(reference: &str) -> Option<usize> {
    let letters = reference.bytes().take_while(u8::is_ascii_uppercase);
    let number = letters.take(4).fold(0, |n, b| n * 26 + usize::from(b - b'A') + 1);
    number.checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::{Strings, Styles, column_index, is_date_format, number};

    #[test]
    fn strings_are_joined_and_limited() {
        let xml = "<sst><si><t>name</t></si><si><r><t>An</t></r><r><t>na</t></r><rPh><t>x</t></rPh></si><si/></sst>";
        let (strings, result) = Strings::read(xml.as_bytes(), 100);
        assert!(result.is_ok() && strings.dropped == 0);
        assert_eq!([0, 1, 2, 3].map(|i| strings.get(i)), [Some("name"), Some("Anna"), Some(""), None]);
        assert_eq!(Strings::read(xml.as_bytes(), 16).0.dropped, 0, "at the limit");
        assert!(Strings::read(xml.as_bytes(), 15).0.dropped > 0, "past it");
    }

    #[test]
    fn dates_are_told_from_numbers() {
        for (code, date) in [
            ("dd\\.mm\\.yyyy", true),
            ("[$-407]d\\. mmmm yyyy", true),
            ("hh:mm", true),
            ("0.00", false),
            ("#,##0 \"days\"", false),
            ("[Red]0", false),
            ("General", false),
        ] {
            assert_eq!(is_date_format(code), date, "{code}");
        }
        let xml = "<styleSheet><numFmts><numFmt numFmtId=\"164\" formatCode=\"yyyy\"/></numFmts><cellStyleXfs>\
                   <xf numFmtId=\"14\"/></cellStyleXfs><cellXfs><xf numFmtId=\"0\"/><xf numFmtId=\"14\"/>\
                   <xf numFmtId=\"164\"/></cellXfs></styleSheet>";
        let styles = Styles::read(xml.as_bytes()).unwrap();
        assert_eq!([0, 1, 2, 3].map(|i| styles.is_date(i)), [false, true, true, false]);
    }

    #[test]
    fn numbers_read_as_people_see_them() {
        for (value, date, from_1904, expected) in [
            ("46348", true, false, "2026-11-22"),
            ("44886", true, true, "2026-11-22"),
            ("46348.5", true, false, "2026-11-22 12:00:00"),
            ("0.25", true, false, "06:00:00"),
            ("46348", false, false, "46348"),
            ("1e99", true, false, "1e99"),
            ("4.111111111111111E+15", false, false, "4111111111111111"),
            ("1.5E-3", false, false, "1.5E-3"),
            ("text", true, false, "text"),
        ] {
            assert_eq!(number(value, date, from_1904), expected, "{value}");
        }
        let columns = ["A1", "Z9", "AB12", "1"].map(column_index);
        assert_eq!(columns, [Some(0), Some(25), Some(27), None]);
    }
}
