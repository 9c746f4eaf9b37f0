//! Any bytes as a Parquet file: no panic, every cell where its batch says it is, no more out than the budget.
#![no_main]

use std::io::Cursor;

use casemate_dataset::{Batch, ParquetTable, TableLimits};
use libfuzzer_sys::fuzz_target;

const BUDGET: u64 = 1 << 18;

fuzz_target!(|data: &[u8]| {
    let limits = TableLimits {
        columns_max: 16,
        batch_bytes: 128,
        batch_rows: 8,
        footer_bytes_max: 1 << 16,
        page_bytes_max: 1 << 16,
        unpacked_bytes_min: BUDGET,
        unpacked_ratio_max: 0,
        ..TableLimits::default()
    };
    // With the magic bytes and the length of the footer right, most inputs get as far as a column.
    let mut file = b"PAR1".to_vec();
    file.extend_from_slice(data);
    let footer = data.len().min(usize::from(data.first().copied().unwrap_or(0)) * 4) as u32;
    file.extend(footer.to_le_bytes());
    file.extend(b"PAR1");
    for bytes in [data, &file] {
        let Ok(mut table) = ParquetTable::open(Cursor::new(bytes), limits) else { continue };
        let (mut batch, mut total) = (Batch::default(), 0);
        while table.read(&mut batch) {
            for column in &batch.columns {
                for cell in &column.cells {
                    assert_eq!(column.cell_at(cell.start), Some(*cell));
                }
            }
            total += batch.bytes as u64;
            assert!(total <= 2 * BUDGET);
        }
        for problem in table.finish().problems {
            assert!(problem.count > 0 && !problem.to_finding("f").remedy.is_empty());
        }
    }
});
