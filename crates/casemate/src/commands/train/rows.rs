//! Labelled files as people have them: plain or gzip, one or a folder; what is wrong with one is told with file, line and remedy.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use casemate_classify::train::{DataError, TrainingFiles};

use crate::failure::Failure;
use crate::progress;

/// Longest training file, as it is stored and uncompressed.
const FILE_BYTES_MAX: u64 = 1 << 30;
const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];
const SHAPE: &str = "each line is {\"text\": …, \"label\": 0 or 1, \"source\": …}; correct it or take it out";

/// Files, and the `.jsonl` and `.jsonl.gz` files of folders, in the order of their names. Files without any row are refused.
pub(crate) fn read(inputs: &[PathBuf]) -> Result<TrainingFiles, Failure> {
    let mut files = TrainingFiles::default();
    for path in paths(inputs)? {
        let raw = stored(&path)?;
        let text = text_of(&path, &raw)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let before = files.rows.len();
        files.add(&name, &raw, &text).map_err(|e| bad_row(&path, e.error))?;
        let lines = text.lines().filter(|l| !l.trim().is_empty()).count();
        let left_out = lines - (files.rows.len() - before);
        if left_out > 0 {
            progress::say(&format!("{}: {left_out} rows without text are left out", path.display()));
        }
    }
    if files.rows.is_empty() && !inputs.is_empty() {
        return Err(Failure::usage("cannot use the data", "there is no row in it").at(shown(inputs)).remedy(SHAPE));
    }
    Ok(files)
}

/// The paths as a person wrote them.
pub(super) fn shown(inputs: &[PathBuf]) -> String {
    inputs.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn unreadable(path: &Path, why: impl ToString, remedy: &str) -> Failure {
    Failure::usage("cannot read the data", why.to_string()).at(path.display().to_string()).remedy(remedy)
}

fn paths(inputs: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for input in inputs {
        if !input.is_dir() {
            paths.push(input.clone());
            continue;
        }
        let entries = std::fs::read_dir(input).map_err(|e| unreadable(input, e, "name a folder that can be read"))?;
        let mut found: Vec<PathBuf> = entries.filter_map(|e| e.ok().map(|e| e.path())).collect();
        found.retain(|p| [".jsonl", ".jsonl.gz"].iter().any(|end| p.to_string_lossy().ends_with(end)));
        found.sort();
        if found.is_empty() {
            let remedy = "put JSON lines into it, as NAME.jsonl or NAME.jsonl.gz";
            return Err(unreadable(input, "the folder holds no .jsonl file", remedy));
        }
        paths.extend(found);
    }
    Ok(paths)
}

fn stored(path: &Path) -> Result<Vec<u8>, Failure> {
    let remedy = "name a file of JSON lines that is there";
    let mut raw = Vec::new();
    let file = File::open(path).map_err(|e| unreadable(path, e, remedy))?;
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut raw).map_err(|e| unreadable(path, e, remedy))?;
    bounded(path, raw)
}

fn bounded(path: &Path, raw: Vec<u8>) -> Result<Vec<u8>, Failure> {
    if raw.len() as u64 <= FILE_BYTES_MAX {
        return Ok(raw);
    }
    Err(unreadable(path, format!("longer than {FILE_BYTES_MAX} bytes"), "cut it into several files"))
}

/// The text of a file; gzip is known by its first bytes, and a byte order mark is left out.
fn text_of(path: &Path, raw: &[u8]) -> Result<String, Failure> {
    let bytes = if raw.starts_with(GZIP_MAGIC) {
        let mut bytes = Vec::new();
        let read = flate2::read::MultiGzDecoder::new(raw).take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes);
        read.map_err(|e| unreadable(path, e, "the gzip file is broken: make it again"))?;
        bounded(path, bytes)?
    } else {
        raw.to_vec()
    };
    let text = String::from_utf8(bytes).map_err(|e| {
        let whole = e.as_bytes().get(..e.utf8_error().valid_up_to()).unwrap_or_default();
        let line = whole.iter().filter(|b| **b == b'\n').count() + 1;
        Failure::usage("cannot read the data", "not UTF-8")
            .at(format!("{}, line {line}", path.display()))
            .remedy("write it as UTF-8; `iconv -f LATIN1 -t UTF-8` does so for Latin-1")
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

fn bad_row(path: &Path, error: DataError) -> Failure {
    let place = path.display().to_string();
    let (place, why) = match error {
        // A row is one line: where in the row is a column.
        DataError::Line { line, what } => {
            (format!("{place}, line {line}"), what.replace(" at line 1 column ", " at column "))
        }
        other => (place, other.to_string()),
    };
    Failure::usage("a row will not do", why).at(place).remedy(SHAPE)
}
