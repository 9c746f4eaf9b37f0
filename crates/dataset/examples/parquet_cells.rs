//! Prints every cell of a Parquet file as a line of JSON, `[column, row, times, text]`, then what is wrong with it: what
//! bench/parquet_peer.py compares with another reader.
//!
//! `cargo run -p casemate-dataset --example parquet_cells -- FILE`

use std::{
    fs::File,
    io::{BufWriter, Write},
    process::ExitCode,
};

use casemate_dataset::{Batch, ParquetTable, TableLimits};

fn main() -> ExitCode {
    let Some(path) = std::env::args_os().nth(1) else { return ExitCode::from(2) };
    let mut out = BufWriter::new(std::io::stdout().lock());
    let opened = File::open(path).map_err(|e| e.to_string());
    let table = opened.and_then(|file| ParquetTable::open(file, TableLimits::default()).map_err(|e| e.to_string()));
    let mut table = match table {
        Ok(table) => table,
        Err(e) => {
            _ = writeln!(out, "{}", serde_json::json!({ "error": e }));
            return ExitCode::FAILURE;
        }
    };
    let mut batch = Batch::default();
    while table.read(&mut batch) {
        for column in &batch.columns {
            for cell in &column.cells {
                let line = serde_json::json!([*column.name, cell.row, cell.times, column.cell_text(*cell)]);
                _ = writeln!(out, "{line}");
            }
        }
    }
    _ = writeln!(out, "{}", serde_json::json!({ "report": table.finish() }));
    ExitCode::SUCCESS
}
