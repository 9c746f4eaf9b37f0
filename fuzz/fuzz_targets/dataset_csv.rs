//! The record reader gives the same records however the input is cut into reads, and keeps its limits.
#![no_main]

use std::io::Read;

use casemate_dataset::{CsvReader, Record, TableLimits};
use libfuzzer_sys::fuzz_target;

/// Gives at most `step` bytes at a time.
struct Drip<'a>(&'a [u8], usize);

impl Read for Drip<'_> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let n = self.0.len().min(buf.len()).min(self.1);
        buf[..n].copy_from_slice(&self.0[..n]);
        self.0 = &self.0[n..];
        Ok(n)
    }
}

fn records(source: impl Read, delimiter: u8, limits: TableLimits) -> Vec<(u64, Vec<Vec<u8>>)> {
    let mut reader = CsvReader::new(source, delimiter, limits);
    let (mut record, mut out) = (Record::default(), Vec::new());
    while reader.read(&mut record).expect("memory does not fail") {
        assert!(record.len() <= limits.columns_max);
        assert!(record.fields().map(<[u8]>::len).sum::<usize>() <= limits.record_bytes_max);
        out.push((record.line, record.fields().map(<[u8]>::to_vec).collect()));
    }
    out
}

fuzz_target!(|data: &[u8]| {
    let Some((&first, input)) = data.split_first() else { return };
    let delimiter = b",;\t|"[usize::from(first & 3)];
    let limits = TableLimits { record_bytes_max: 256, columns_max: 16, ..TableLimits::default() };
    let whole = records(input, delimiter, limits);
    assert_eq!(whole, records(Drip(input, 1 + usize::from(first >> 4)), delimiter, limits));
});
