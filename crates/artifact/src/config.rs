//! Limits of one scan. Every limit is a field; reaching one makes the report incomplete, never clean.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Limits for one file and all that is nested in it.
#[derive(Clone, Debug)]
pub struct ScanConfig {
    /// How deep containers and nested pickles are followed.
    pub depth_max: u32,
    /// Members looked at over all containers of the file.
    pub entries_max: u64,
    /// Bytes that decompression may make over all streams of the file, repeats included.
    pub inflated_bytes_max: u64,
    /// Above this many bytes out of one stream, `ratio_max` applies.
    pub ratio_floor_bytes: u64,
    /// Bytes out for each byte in, above which a stream is a bomb.
    pub ratio_max: u64,
    /// Decompressed members up to this size are held in memory; larger ones are streamed.
    pub buffer_bytes_max: u64,
    /// Zip archives inside a compressed stream up to this size are held in memory: they are read from their end, which a
    /// stream does not allow.
    pub archive_in_stream_bytes_max: u64,
    /// Files up to this size are read whole; larger ones are read in windows.
    pub file_in_memory_bytes_max: u64,
    /// Pickle opcodes over all streams of the file.
    pub opcodes_max: u64,
    /// Entries on the pickle machine's stack.
    pub stack_max: usize,
    /// Memo slots that the pickle machine remembers.
    pub memo_max: usize,
    /// Composite values that the pickle machine remembers for good; later ones go through a ring.
    pub nodes_max: usize,
    /// Distinct imported names remembered for one pickle stream.
    pub globals_max: usize,
    /// Findings kept for one file (the most severe are counted in the verdict in any case).
    pub findings_max: usize,
    /// Work units (about one for each element, message or attribute that a format reader looks at).
    pub work_max: u64,
    /// Bytes of one JSON, XML or other text document that is parsed whole.
    pub text_bytes_max: u64,
    /// Bytes of a zip outside its members and directories that are searched for hidden members.
    pub zip_gap_bytes_max: u64,
    /// Set by the caller to stop a scan; the report then says that it is incomplete.
    pub cancel: Option<Arc<AtomicBool>>,
}

impl Default for ScanConfig {
    fn default() -> Self {
        Self {
            depth_max: 6,
            entries_max: 200_000,
            inflated_bytes_max: 8 << 30,
            ratio_floor_bytes: 32 << 20,
            ratio_max: 400,
            buffer_bytes_max: 8 << 20,
            archive_in_stream_bytes_max: 32 << 20,
            file_in_memory_bytes_max: 8 << 20,
            opcodes_max: 2_000_000_000,
            stack_max: 1 << 20,
            memo_max: 3 << 20,
            nodes_max: 64 << 10,
            globals_max: 64 << 10,
            findings_max: 200,
            work_max: 50_000_000,
            text_bytes_max: 16 << 20,
            zip_gap_bytes_max: 256 << 20,
            cancel: None,
        }
    }
}

impl ScanConfig {
    /// True once the caller asked to stop.
    pub(crate) fn cancelled(&self) -> bool {
        self.cancel.as_ref().is_some_and(|c| c.load(Ordering::Relaxed))
    }
}
