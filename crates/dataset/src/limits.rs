//! Limits of one table. Reaching one makes the report incomplete or adds a problem; it is never passed over.

/// Limits for reading one table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableLimits {
    /// Bytes of one record or JSON line that are kept; the rest of it is dropped and the report is incomplete.
    pub record_bytes_max: usize,
    /// Columns that are kept; later ones are dropped and the report is incomplete.
    pub columns_max: usize,
    /// Bytes of cells after which a batch is full. A single record may go beyond it, up to `record_bytes_max`.
    pub batch_bytes: usize,
    /// Rows after which a batch is full.
    pub batch_rows: usize,
    /// Bytes at the start that decide encoding, delimiter and header.
    pub head_bytes: usize,
    /// Nesting of a JSON value.
    pub depth_max: usize,
    /// Bytes of the footer of a Parquet file.
    pub footer_bytes_max: u64,
    /// Bytes of a page of a Parquet file, packed or not. Two are held at a time.
    pub page_bytes_max: usize,
    /// Bytes that may come out of any Parquet file, and how many more for each byte of the file.
    pub unpacked_bytes_min: u64,
    /// See `unpacked_bytes_min`.
    pub unpacked_ratio_max: u64,
}

impl Default for TableLimits {
    fn default() -> Self {
        Self {
            record_bytes_max: 16 << 20,
            columns_max: 16_384,
            batch_bytes: 512 << 10,
            batch_rows: 16_384,
            head_bytes: 64 << 10,
            depth_max: 64,
            footer_bytes_max: 64 << 20,
            page_bytes_max: 128 << 20,
            unpacked_bytes_min: 1 << 30,
            unpacked_ratio_max: 32,
        }
    }
}
