//! XML models (PMML, OpenVINO, GraphML): document types and entities, which no model needs (XXE, entity bombs), and the
//! elements for the readers of single formats.
//!
//! The document is read forward in windows, whatever its length; only what UTF-16 packs is decoded whole.

use super::openvino::OpenVino;
use crate::report::ArtifactSeverity::{Dangerous, Suspicious};
use crate::rules;
use crate::scan::{Job, Scan, printable};
use crate::source::{Source, Window};

/// Longest tag, comment or document type that is looked into; longer comments and text are skipped unread.
const TAG_BYTES_MAX: u64 = 256 << 10;

/// The text of the head when the part is XML, whatever its encoding.
pub(crate) fn decoded(bytes: &[u8]) -> Option<String> {
    let text = match utf16(bytes) {
        Some(text) => text,
        None => String::from_utf8_lossy(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)).into_owned(),
    };
    let start = text.trim_start();
    (start.starts_with("<?xml")
        || start.starts_with("<!DOCTYPE")
        || start.starts_with("<!--")
        || start.starts_with("<PMML")
        || start.starts_with("<net "))
    .then_some(text)
}

/// The text when the bytes are UTF-16.
pub(super) fn utf16(bytes: &[u8]) -> Option<String> {
    let (body, big) = match bytes {
        [0xff, 0xfe, rest @ ..] => (rest, false),
        [0xfe, 0xff, rest @ ..] => (rest, true),
        [b'<', 0, ..] => (bytes, false),
        [0, b'<', ..] => (bytes, true),
        _ => return None,
    };
    let units: Vec<u16> = body
        .chunks_exact(2)
        .map(|c| if big { u16::from_be_bytes([c[0], c[1]]) } else { u16::from_le_bytes([c[0], c[1]]) })
        .collect();
    Some(String::from_utf16_lossy(&units))
}

/// Reads the document: reports document types with entities or outside parts, hands the elements of an OpenVINO network
/// to its reader.
pub(crate) fn scan_xml(scan: &mut Scan<'_, '_>, job: &Job<'_>) {
    let head = job.source.bytes(0, 4096);
    let Some(text) = decoded(&head) else { return };
    let beginning: String = text.chars().take(2000).collect();
    let openvino = beginning.contains("<net ");
    scan.format(match () {
        () if beginning.contains("<PMML") => "pmml",
        () if openvino => "openvino",
        () => "xml",
    });
    let mut network = openvino.then(OpenVino::default);
    if utf16(&head).is_some() {
        let Some(all) = job.source.whole(scan.config.text_bytes_max) else {
            scan.incomplete("an XML document in UTF-16 longer than the limit");
            return;
        };
        let source = Source::owned(utf16(&all).unwrap_or_default().into_bytes());
        elements(scan, &source, &mut network);
    } else {
        elements(scan, &job.source, &mut network);
    }
    if let Some(network) = network {
        network.report(scan);
    }
}

/// Goes from tag to tag.
fn elements(scan: &mut Scan<'_, '_>, source: &Source<'_>, network: &mut Option<OpenVino>) {
    let mut window = Window::new(source);
    let mut at = 0u64;
    while let Some(open) = window.find(b'<', at, u64::MAX) {
        if !scan.budget.work(1) {
            scan.incomplete("the work budget is spent in an XML document");
            return;
        }
        let head = window.upto(open, 9);
        at = if head.starts_with(b"<!--") {
            behind(&mut window, open + 4, b"-->")
        } else if head.starts_with(b"<![CDATA[") {
            behind(&mut window, open + 9, b"]]>")
        } else if head.starts_with(b"<?") {
            behind(&mut window, open + 2, b"?>")
        } else if head.len() >= 9 && head[..9].eq_ignore_ascii_case(b"<!DOCTYPE") {
            document_type(scan, source, open)
        } else {
            let Some(end) = tag_end(&mut window, open + 1) else {
                scan.incomplete(format!("an XML tag of more than {TAG_BYTES_MAX} bytes"));
                return;
            };
            let name = window.upto(open + 1, 40);
            if memchr::memmem::find(name, b":include").is_some_and(|i| !name[..i].contains(&b' ')) {
                let n = usize::try_from(end - open - 1).unwrap_or(0);
                let tag = String::from_utf8_lossy(window.upto(open + 1, n)).into_owned();
                if let Some(from) = attribute(&tag, "href") {
                    let message = "an element includes a file or an address when the model is parsed";
                    scan.find(&rules::XML_ENTITY, Suspicious, open, message, printable(&from), &[]);
                }
            }
            if let Some(network) = network
                && window.byte(open + 1) != Some(b'/')
            {
                let n = usize::try_from(end - open - 1).unwrap_or(0);
                let tag = String::from_utf8_lossy(window.upto(open + 1, n)).into_owned();
                network.element(open, &tag);
            }
            end + 1
        };
    }
}

/// One past the next `mark`; the end of the document when there is none.
fn behind(window: &mut Window<'_, '_>, from: u64, mark: &[u8]) -> u64 {
    let len = window.source().len();
    let last = mark.last().copied().unwrap_or(b'>');
    let mut at = from;
    while let Some(end) = window.find(last, at, u64::MAX) {
        let start = (end + 1).saturating_sub(mark.len() as u64);
        if start >= from && window.exact(start, mark.len()) == Some(mark) {
            return end + 1;
        }
        at = end + 1;
    }
    len
}

/// Where the `>` of a tag is, quotes heeded; `None` when it is further than the limit. A document that ends in a tag ends
/// there.
fn tag_end(window: &mut Window<'_, '_>, from: u64) -> Option<u64> {
    // Most tags are short; a window is only filled anew for one that is not.
    match tag_end_within(window, from, 4096) {
        Some(end) if end < from + 4096 => Some(end),
        _ => tag_end_within(window, from, TAG_BYTES_MAX),
    }
}

fn tag_end_within(window: &mut Window<'_, '_>, from: u64, max: u64) -> Option<u64> {
    let mut quote = None;
    let part = window.upto(from, usize::try_from(max).unwrap_or(usize::MAX));
    for (i, b) in part.iter().enumerate() {
        match (quote, b) {
            (None, b'>') => return Some(from + i as u64),
            (None, b'"' | b'\'') => quote = Some(*b),
            (Some(q), b) if q == *b => quote = None,
            _ => {}
        }
    }
    let n = part.len() as u64;
    (n < max).then_some(from + n)
}

/// True for a document type of the W3C (SVG, XHTML) with nothing of the file's own in it.
fn is_published(body: &str) -> bool {
    let mut quoted = body.split('"').skip(1).step_by(2);
    let (public, system) = (quoted.next().unwrap_or_default(), quoted.next().unwrap_or_default());
    public.starts_with("-//W3C//DTD ")
        && ["http://www.w3.org/", "https://www.w3.org/"].iter().any(|p| system.starts_with(p))
        && quoted.next().is_none()
        && !body.contains('[')
}

/// Reports a document type; where to go on.
fn document_type(scan: &mut Scan<'_, '_>, source: &Source<'_>, at: u64) -> u64 {
    let raw = source.bytes(at, usize::try_from(TAG_BYTES_MAX).unwrap_or(usize::MAX));
    let dtd = String::from_utf8_lossy(&raw);
    let subset = dtd.find('[').filter(|i| dtd.find('>').is_none_or(|e| *i < e));
    let end = if subset.is_some() { dtd.find("]>").map(|e| e + 2) } else { dtd.find('>').map(|e| e + 1) };
    // White space may stand between the bracket and the end: what follows is then read as elements, which is harmless.
    let body = &dtd[..end.unwrap_or(dtd.len())];
    let shown: String = body.chars().take(300).collect();
    if is_published(body) {
        // Drawings name it; nothing is read that the file could choose.
    } else if body.contains("SYSTEM") || body.contains("PUBLIC") {
        let message = "the document type reads a file or an address when the model is parsed";
        scan.find(&rules::XML_ENTITY, Dangerous, at, message, shown, &[]);
    } else if body.contains("<!ENTITY") {
        let message = "the document type declares entities, which expand when the model is parsed";
        scan.find(&rules::XML_ENTITY, Suspicious, at, message, shown, &[]);
    }
    if end.is_none() && raw.len() as u64 >= TAG_BYTES_MAX {
        scan.incomplete(format!("a document type of more than {TAG_BYTES_MAX} bytes"));
    }
    at + 9
}

/// The value of an attribute of a tag (`name a="1" b='2'`), with the entities of XML itself resolved.
pub(super) fn attribute(tag: &str, name: &str) -> Option<String> {
    let mut rest = tag;
    loop {
        let equals = rest.find('=')?;
        let key = rest[..equals].split_whitespace().next_back().unwrap_or_default();
        let value = rest[equals + 1..].trim_start();
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let end = value[1..].find(quote)? + 1;
        if key == name {
            let raw = &value[1..end];
            return Some(if raw.contains('&') { entities(raw) } else { raw.to_owned() });
        }
        rest = &value[end + 1..];
    }
}

/// Resolves character references and the five entities of XML.
fn entities(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(i) = rest.find('&') {
        out.push_str(&rest[..i]);
        rest = &rest[i..];
        let Some(end) = rest.find(';').filter(|e| *e <= 12) else { break };
        let name = &rest[1..end];
        let number = name.strip_prefix('#').and_then(|n| match n.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok(),
            None => n.parse().ok(),
        });
        match (name, number.and_then(char::from_u32)) {
            (_, Some(c)) => out.push(c),
            ("lt", _) => out.push('<'),
            ("gt", _) => out.push('>'),
            ("amp", _) => out.push('&'),
            ("quot", _) => out.push('"'),
            ("apos", _) => out.push('\''),
            _ => out.push_str(&rest[..=end]),
        }
        rest = &rest[end + 1..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::{TAG_BYTES_MAX, attribute};
    use crate::ArtifactSeverity::{Dangerous, Suspicious};
    use crate::{FileReport, ScanConfig, scan_bytes};

    fn scan(text: &str) -> FileReport {
        scan_bytes("m.xml", text.as_bytes(), &ScanConfig::default())
    }

    #[test]
    fn attributes() {
        let tag = r#"layer id="1" name='a"=b' type = "X&amp;&#x59;" "#;
        assert_eq!(attribute(tag, "id").as_deref(), Some("1"));
        assert_eq!(attribute(tag, "name").as_deref(), Some("a\"=b"));
        assert_eq!(attribute(tag, "type").as_deref(), Some("X&Y"));
        assert_eq!(attribute(tag, "version"), None);
        assert_eq!(attribute("layer id=1", "id"), None, "no quotes, no XML");
    }

    #[test]
    fn document_types_wherever_they_stand() {
        let far = format!("<?xml version=\"1.0\"?><!--{}-->", "x".repeat(5 << 20));
        let file = "<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///c\">]><PMML/>";
        assert_eq!(scan(&format!("{far}{file}")).severity, Dangerous);
        assert_eq!(scan("<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b \"c\">]><PMML/>").severity, Suspicious);
        let drawing = "<!DOCTYPE svg PUBLIC \"-//W3C//DTD SVG 1.1//EN\" \"http://www.w3.org/a.dtd\"";
        assert!(scan(&format!("{drawing}><svg/>")).is_clean());
        for hostile in [
            format!("{drawing} [<!ENTITY b SYSTEM \"file:///c\">]><svg/>"),
            format!("{}><svg/>", drawing.replace("www.w3.org/", "www.w3.org.evil/")),
            format!("{}><svg/>", drawing.replace("http://www.w3.org/a.dtd", "file:///c")),
        ] {
            assert_eq!(scan(&hostile).severity, Dangerous, "{hostile}");
        }
        assert!(scan("<?xml version=\"1.0\"?><!-- <!DOCTYPE a SYSTEM \"b\"> --><PMML/>").is_clean());
        assert!(scan("<?xml version=\"1.0\"?><PMML><![CDATA[<!DOCTYPE a SYSTEM \"b\">]]></PMML>").is_clean());
        let wide: Vec<u8> =
            format!("\u{feff}<?xml version=\"1.0\"?>{file}").encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(scan_bytes("m.xml", &wide, &ScanConfig::default()).severity, Dangerous);
        let small = ScanConfig { text_bytes_max: wide.len() as u64 - 1, ..ScanConfig::default() };
        assert!(!scan_bytes("m.xml", &wide, &small).complete);
    }

    #[test]
    fn tags_at_the_limit_and_past_it() {
        let tag = |n: u64| format!("<?xml version=\"1.0\"?><{}>", "a".repeat(usize::try_from(n).expect("small") - 1));
        assert!(scan(&tag(TAG_BYTES_MAX)).is_clean());
        assert!(!scan(&tag(TAG_BYTES_MAX + 1)).complete);
    }
}
