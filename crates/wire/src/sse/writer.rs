//! Events to bytes.

use super::SseEvent;
use super::parser::{field, lines};

/// Appends an event. `data` may hold line breaks: each line gets its own `data:` field.
pub fn write_event(out: &mut Vec<u8>, name: Option<&str>, data: &[u8]) {
    if let Some(name) = name {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(name.as_bytes());
        out.push(b'\n');
    }
    write_data(out, data);
    out.push(b'\n');
}

fn write_data(out: &mut Vec<u8>, data: &[u8]) {
    if data.is_empty() {
        out.extend_from_slice(b"data: \n");
    }
    for line in lines(data) {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(line);
        out.push(b'\n');
    }
}

/// The event with other data; its name, id, comments and unknown fields stay.
pub fn rewrite_data(event: &SseEvent, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(event.raw.len() + data.len());
    let mut written = false;
    for line in lines(&event.raw) {
        if field(line, b"data").is_some() {
            if !written {
                write_data(&mut out, data);
                written = true;
            }
        } else if !line.is_empty() {
            out.extend_from_slice(line);
            out.push(b'\n');
        }
    }
    out.push(b'\n');
    out
}

#[cfg(test)]
mod tests {
    use super::{rewrite_data, write_event};
    use crate::sse::{SseEvent, SseParser};
    use bytes::Bytes;
    use proptest::prelude::*;

    #[test]
    fn only_the_data_changes() {
        let event = SseEvent { raw: Bytes::from_static(b"event: e\r\nid: 1\r\n: c\r\ndata: old\r\ndata: er\r\n\r\n") };
        assert_eq!(rewrite_data(&event, b"new"), b"event: e\nid: 1\n: c\ndata: new\n\n");
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(name in proptest::option::of("[a-z_]{1,9}"), data in "[a-z {}\"\n]{0,40}") {
            let mut out = Vec::new();
            write_event(&mut out, name.as_deref(), data.as_bytes());
            let mut parser = SseParser::new(1 << 16);
            parser.push(out.into());
            let event = parser.next_event().unwrap().unwrap();
            prop_assert_eq!(event.name(), name.as_deref().map(str::as_bytes));
            // A line break at the very end of the data is not kept; nothing that is written here ends with one.
            let want = data.strip_suffix('\n').unwrap_or(&data);
            prop_assert_eq!(event.data().unwrap().into_owned(), want.as_bytes());
        }
    }
}
