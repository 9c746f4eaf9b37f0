//! What a part is, by content: every reader whose magic matches runs.

use crate::container::stream::{self, Codec, Ending};
use crate::container::{sevenz, tar, torch, zip};
use crate::format::{
    boosting, code, coreml, executorch, gguf, hdf5, json_model, keras_metadata, lightgbm, msgpack, npy, ocdbt, onnx,
    paddle, rds, safetensors, skops, tensorflow, tensorrt, text, tflite, ubjson, xml,
};
use crate::pickle::{self, Setting};
use crate::report::ArtifactSeverity::{Review, Suspicious};
use crate::rules;
use crate::scan::{Child, Hint, Job, Packing, Scan};
use crate::source::Source;

/// Bytes at the beginning that magics are looked for in.
const HEAD_BYTES: usize = 4096;

/// Unpacks the part if needed and hands it to every reader whose magic matches.
pub(crate) fn dispatch<'a>(scan: &mut Scan<'a, '_>, mut job: Job<'a>) {
    if !unpack(scan, &mut job) {
        return;
    }
    if job.source.is_stream() && job.source.len() <= scan.config.buffer_bytes_max {
        // A member of a stream is held, so that the stream is not unpacked again for each reader.
        let bytes = job.source.bytes(0, usize::try_from(job.source.len()).unwrap_or(0));
        if bytes.len() as u64 == job.source.len() {
            job.source = Source::owned(bytes);
        }
    }
    let head = job.source.bytes(0, HEAD_BYTES);
    if job.source.is_stream() && head.starts_with(b"PK\x03\x04") {
        // An archive is read from its end and back and forth: as a stream it would look as if it had no directory.
        match job.source.whole(scan.config.archive_in_stream_bytes_max) {
            Some(bytes) if scan.budget.inflate(bytes.len() as u64) => job.source = Source::owned(bytes),
            _ => {
                scan.format("zip");
                scan.incomplete("an archive inside a compressed part is larger than the limit");
                return;
            }
        }
    }
    scan.offer(&job);
    if head.is_empty() {
        scan.format("empty");
        return;
    }
    let name = job.file_name(scan).to_owned();
    containers(scan, &job, &head, &name);
    let pickled = pickles(scan, &job, &head);
    formats(scan, &job, &head, &name);
    let unknown = scan.is_unknown(&job);
    if unknown && has_pickle_ending(&name) {
        // Whoever opens a file of this name unpickles it, whatever it begins like.
        pickle::scan_pickle(scan, &job, 0, Setting::Guess);
    }
    mismatch(scan, &job, &name, pickled);
    if job.source.kept_back() {
        scan.incomplete("a large compressed part would have to be unpacked more often than the limit");
    }
}

/// Archives and compressed streams.
fn containers<'a>(scan: &mut Scan<'a, '_>, job: &Job<'a>, head: &[u8], name: &str) {
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") || zip::has_end_record(&job.source) {
        zip::scan_zip(scan, job);
    }
    if tar::looks_like(head) {
        tar::scan_tar(scan, job);
    }
    if head.starts_with(b"7z\xbc\xaf\x27\x1c") {
        sevenz::scan_7z(scan, job);
    }
    if head.starts_with(b"ZF") && head.len() > 24 && head[2..].starts_with(b"0x") {
        // joblib before 0.10: a length in hex, then zlib.
        let at = if head.get(21) == Some(&0x78) { 21 } else { 22 };
        scan.format("joblib-zf");
        scan.enqueue(job, Child::packed("content", job.source.sub(at, u64::MAX), job.hint, Codec::Zlib));
    }
    if let Some(format) = unread_archive(head) {
        scan.format(format);
        let message = format!("is an archive of a kind that is not read ({format}), which no model writer makes");
        scan.find(&rules::ARCHIVE_UNREAD, Review, 0, message, String::new(), &[]);
        scan.incomplete(format!("{format} archives are not read"));
    }
    if let Some(codec) = codec_of(head) {
        scan.format(codec.as_str());
        let inner = name.rsplit_once('.').map_or("content".to_owned(), |(stem, _)| stem.to_owned());
        let hint = if codec == Codec::Zlib && job.hint == Hint::Member && !name.ends_with(".z") {
            Hint::Guess
        } else {
            job.hint
        };
        // A file that merely begins like zlib may be raw data; what it says when it is whole counts all the same.
        scan.enqueue(
            job,
            Child::packed(inner, job.source.clone(), if codec == Codec::Zlib { hint } else { job.hint }, codec),
        );
    }
}

/// Everything that an unpickler would read.
fn pickles<'a>(scan: &mut Scan<'a, '_>, job: &Job<'a>, head: &[u8]) -> bool {
    if torch::is_legacy(head) {
        torch::scan_legacy(scan, job);
        return true;
    }
    if head.starts_with(b"\x93NUMPY") {
        npy::scan_npy(scan, job);
        return false;
    }
    if matches!(job.hint, Hint::Pickle | Hint::TorchPickle)
        && codec_of(head).is_none()
        && !head.starts_with(b"PK\x03\x04")
        || pickle::looks_like_pickle(head)
    {
        return scan_as_pickle(scan, job, head);
    }
    false
}

/// Model formats that are not pickles.
fn formats<'a>(scan: &mut Scan<'a, '_>, job: &Job<'a>, head: &[u8], name: &str) {
    if head.starts_with(b"GGUF") {
        gguf::scan_gguf(scan, job);
    }
    if safetensors::looks_like(head, job.source.len()) || job.hint == Hint::Member && name.ends_with(".safetensors") {
        safetensors::scan_safetensors(scan, job, head);
    }
    if let Some(base) = hdf5::signature_at(&job.source) {
        hdf5::scan_hdf5(scan, job, base);
    }
    if tflite::looks_like(head) {
        tflite::scan_tflite(scan, job);
    }
    if executorch::looks_like(head) {
        executorch::scan_executorch(scan, job);
    }
    if boosting::is_catboost(head) {
        boosting::scan_catboost(scan, job);
    }
    if boosting::is_mxnet(head) {
        boosting::scan_mxnet(scan, job);
    }
    if ubjson::looks_like(head) {
        ubjson::scan_ubjson(scan, job);
    }
    if tensorrt::looks_like(head) {
        tensorrt::scan_tensorrt(scan, job);
    }
    if lightgbm::looks_like(head) {
        lightgbm::scan_lightgbm(scan, job);
    }
    let path = if job.member.is_empty() { scan.name.clone() } else { job.member.clone() };
    if job.hint == Hint::Member && ocdbt::looks_like(head, &path) {
        ocdbt::scan_ocdbt(scan, job);
    }
    if rds::looks_like(head) {
        rds::scan_rds(scan, job, head);
    }
    if xml::decoded(head).is_some() {
        xml::scan_xml(scan, job);
    }
    if job.hint == Hint::Guess {
        code::scan_marshal(scan, job, head);
        code::scan_member(scan, job, head, name);
        return;
    }
    if name.ends_with(".py")
        && (job.member.contains("/code/") || job.member.starts_with("code/"))
        && scan.inside(job, "torchscript")
    {
        code::scan_torchscript(scan, job);
        return;
    }
    let packed = [".msgpack", ".mpk"].iter().any(|e| name.ends_with(e));
    if msgpack::looks_like(head, packed) {
        msgpack::scan_msgpack(scan, job, packed);
    }
    if paddle::is_parameters(job, head) {
        paddle::scan_parameters(scan, job);
    }
    let script = code::scan_member(scan, job, head, name);
    if name == "schema.json" && scan.inside(job, "skops") {
        skops::scan_schema(scan, job);
    } else if json_model::looks_like_json(head) {
        json_model::scan_json(scan, job, name);
    } else if !script && scan.is_unknown(job) {
        text::scan_text(scan, job, head, name);
    }
    if onnx::looks_like(job, head) {
        onnx::scan_onnx(scan, job);
    } else if coreml::looks_like(job, head) {
        coreml::scan_coreml(scan, job);
    } else if paddle::is_program(job, head) {
        paddle::scan_program(scan, job);
    } else if keras_metadata::looks_like(job, head) {
        keras_metadata::scan_keras_metadata(scan, job);
    } else if matches!(head.first(), Some(0x08 | 0x0a | 0x12)) {
        tensorflow::scan_tensorflow(scan, job);
    }
}

/// Formats that hold data only, by their usual ending; a pickle or archive under such a name means to be overlooked.
fn mismatch(scan: &mut Scan<'_, '_>, job: &Job<'_>, name: &str, pickled: bool) {
    if job.hint != Hint::Member {
        return;
    }
    let ending = name.rsplit_once('.').map_or(String::new(), |(_, e)| e.to_ascii_lowercase());
    let data_only = matches!(
        ending.as_str(),
        "safetensors"
            | "gguf"
            | "onnx"
            | "h5"
            | "hdf5"
            | "keras"
            | "npy"
            | "npz"
            | "json"
            | "txt"
            | "png"
            | "jpg"
            | "jpeg"
            | "gif"
            | "csv"
            | "md"
            | "tflite"
            | "pb"
            | "yaml"
            | "yml"
            | "xml"
            | "pmml"
            | "ubj"
    );
    if data_only && pickled {
        scan.find(
            &rules::EXTENSION_MISMATCH,
            Suspicious,
            0,
            format!("is a pickle although its name ends in .{ending}"),
            String::new(),
            &[],
        );
    }
}

/// Endings of files that are opened with an unpickler, whatever they begin like.
static PICKLE_ENDINGS: &[&str] = &[
    "pkl", "pickle", "p", "pck", "pcl", "dill", "joblib", "pt", "pth", "bin", "ckpt", "sav", "model", "mdl", "dat",
    "data",
];

fn has_pickle_ending(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, e)| PICKLE_ENDINGS.contains(&e.to_ascii_lowercase().as_str()))
}

/// Scans the part as pickles; false when it merely begins like one, as lists of words do (`cat`, `dog`).
fn scan_as_pickle<'a>(scan: &mut Scan<'a, '_>, job: &Job<'a>, head: &[u8]) -> bool {
    let words = head.first().is_some_and(u8::is_ascii)
        && head.iter().all(|b| b.is_ascii_graphic() || b.is_ascii_whitespace() || *b >= 0x80)
        && !has_pickle_ending(job.file_name(scan));
    let setting = match job.hint {
        Hint::TorchPickle => Setting::Torch,
        Hint::Guess => Setting::Guess,
        // What reads as both counts as a pickle when it is one to its end.
        Hint::Member if words || msgpack::looks_like(head, false) => Setting::Guess,
        Hint::Member | Hint::Pickle => Setting::Alone,
    };
    let facts = pickle::scan_pickle(scan, job, 0, setting);
    let read = facts.streams > 0 || setting != Setting::Guess || job.hint == Hint::Guess;
    if read {
        scan.format("pickle");
    }
    if let Some(there) = &job.storages {
        torch::check_storages(scan, &facts.storages, there);
    }
    read
}

/// Decodes the part in place; false when nothing is left to look at.
fn unpack<'a>(scan: &mut Scan<'a, '_>, job: &mut Job<'a>) -> bool {
    match job.packing {
        Packing::Plain => {}
        Packing::Text(quoted) => {
            let Some(raw) = job.source.whole(scan.config.text_bytes_max) else { return false };
            let raw = if quoted { pickle::unquote(&raw) } else { raw };
            let Some(bytes) = pickle::decode_encoded(&raw) else { return false };
            job.source = Source::owned(bytes);
        }
        packed @ (Packing::Codec(_) | Packing::SevenZip(_)) => {
            let what = match packed {
                Packing::Codec(c) => c.as_str(),
                _ => "7z",
            };
            let Some(decoded) = stream::unpack(packed, &job.source, scan.config, &scan.budget) else { return false };
            let guess = job.hint == Hint::Guess;
            match decoded.ending {
                Ending::Whole => {}
                Ending::Bomb => {
                    let evidence =
                        format!("{what}: {} bytes in, more than {} out", job.source.len(), decoded.source.len());
                    scan.find(
                        &rules::ARCHIVE_BOMB,
                        Suspicious,
                        0,
                        "expands to far more bytes than any model would",
                        evidence,
                        &[],
                    );
                    scan.incomplete("a decompression bomb was not followed to its end");
                }
                Ending::Spent => scan.incomplete("the budget for decompressed bytes is spent"),
                Ending::Damaged if guess => return false,
                Ending::Damaged => {
                    scan.find(
                        &rules::LAYOUT,
                        Review,
                        0,
                        format!("the {what} data is damaged or cut"),
                        String::new(),
                        &[],
                    );
                    scan.incomplete(format!("{what} data is damaged"));
                }
            }
            job.source = decoded.source;
        }
    }
    scan.size(job.source.len());
    if let Some((size, crc)) = job.promise
        && job.depth <= scan.config.depth_max
    {
        if size != job.source.len() {
            scan.find(
                &rules::ZIP_TAMPER,
                Suspicious,
                0,
                "a member is not as long as its directory says",
                format!("{size} promised, {} found", job.source.len()),
                &[],
            );
        } else if size <= scan.config.buffer_bytes_max && crc32(&job.source) != crc {
            scan.find(&rules::ZIP_BAD_CRC, Suspicious, 0, "a member does not match its check sum", String::new(), &[]);
        }
    }
    true
}

fn crc32(source: &Source<'_>) -> u32 {
    let mut h = crc32fast::Hasher::new();
    if let Some(m) = source.memory() {
        h.update(m);
        return h.finalize();
    }
    let mut at = 0;
    let mut buf = vec![0u8; 64 << 10];
    loop {
        let n = source.read_at(at, &mut buf);
        if n == 0 {
            return h.finalize();
        }
        h.update(&buf[..n]);
        at += n as u64;
    }
}

/// Archives and packed files that no reader here opens; what is in them is unknown, not clean.
fn unread_archive(head: &[u8]) -> Option<&'static str> {
    Some(match head {
        [b'R', b'a', b'r', b'!', 0x1a, 7, ..] => "rar",
        [b'M', b'S', b'C', b'F', 0, 0, 0, 0, ..] => "cab",
        [0x1f, 0x9d, ..] => "compress",
        [b'L', b'Z', b'I', b'P', 0 | 1, ..] => "lzip",
        [0x89, b'L', b'Z', b'O', 0, b'\r', b'\n', ..] => "lzop",
        [0xff, 6, 0, 0, b's', b'N', b'a', b'P', b'p', b'Y', ..] => "snappy",
        [b'x', b'a', b'r', b'!', 0, ..] => "xar",
        [b'!', b'<', b'a', b'r', b'c', b'h', b'>', b'\n', ..] => "ar",
        [b'0', b'7', b'0', b'7', b'0', b'1' | b'2' | b'7', b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F', ..] => "cpio",
        [b'h', b's', b'q', b's', ..] => "squashfs",
        [_, _, b'-', b'l', b'h', b'0'..=b'7' | b'd', b'-', ..] => "lha",
        [0x60, 0xea, _, _, 0x1e..=0x30, ..] => "arj",
        _ => return None,
    })
}

/// The codec whose magic `head` begins with.
pub(crate) fn codec_of(head: &[u8]) -> Option<Codec> {
    Some(match head {
        [0x1f, 0x8b, 8, ..] => Codec::Gzip,
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, ..] => Codec::Bzip2,
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Codec::Xz,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Codec::Zstd,
        [0x04, 0x22, 0x4d, 0x18, ..] => Codec::Lz4,
        // LZMA alone has no magic: usual properties, a dictionary that is a power of two, a sane or unknown length.
        [0x5d, 0, 0, d, e, rest @ ..] if lzma_alone(*d, *e, rest) => Codec::Lzma,
        // zlib: 32 KiB window, a check value that fits, a first block of a known type.
        [0x78, flg @ (0x01 | 0x5e | 0x9c | 0xda), b, ..]
            if (0x7800 + u32::from(*flg)) % 31 == 0 && (b >> 1) & 3 != 3 =>
        {
            Codec::Zlib
        }
        _ => return None,
    })
}

fn lzma_alone(d: u8, e: u8, rest: &[u8]) -> bool {
    let Some(size) = rest.get(..8).and_then(|b| <[u8; 8]>::try_from(b).ok()).map(u64::from_le_bytes) else {
        return false;
    };
    let dictionary = u32::from(d) | (u32::from(e) << 8);
    (dictionary.is_power_of_two() || (dictionary / 3).is_power_of_two()) && (size == u64::MAX || size < 1 << 40)
}
