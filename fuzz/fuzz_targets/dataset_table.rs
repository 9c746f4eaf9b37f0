//! Any bytes as any table: no panic, every cell where its batch says it is, rows that only grow.
#![no_main]

use casemate_dataset::{Batch, Table, TableFormat, TableLimits};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&first, input)) = data.split_first() else { return };
    let format = [TableFormat::Csv, TableFormat::JsonLines, TableFormat::Json][usize::from(first % 3)];
    let limits = TableLimits {
        record_bytes_max: 1 << 10,
        columns_max: 16,
        batch_bytes: 128,
        batch_rows: 8,
        head_bytes: 64,
        depth_max: 16,
        ..TableLimits::default()
    };
    let Ok(mut table) = Table::open(input, format, limits) else { return };
    let mut batch = Batch::default();
    let mut last = 0;
    while table.read(&mut batch) {
        for column in &batch.columns {
            for cell in &column.cells {
                assert_eq!(column.cell_at(cell.start), Some(*cell));
                assert!(!column.cell_text(*cell).is_empty());
            }
        }
        let row = batch.columns.iter().flat_map(|c| &c.cells).map(|c| c.row).max().unwrap_or(last);
        assert!(row >= last);
        last = row;
    }
    let report = table.finish();
    assert!(report.rows >= last);
    for problem in &report.problems {
        assert!(problem.count > 0 && !problem.to_finding("f").remedy.is_empty());
    }
});
