//! Unpacking pages, each within the size that its header says.

use std::io::Read;

use super::Broken;

const WRONG: Broken = Broken("a page cannot be unpacked");

/// The `length` bytes that `data` unpacks to.
pub(super) fn unpack(codec: i32, data: &[u8], length: usize) -> Result<Vec<u8>, Broken> {
    let bytes = match codec {
        0 => data.to_vec(),
        1 => {
            let found = snap::raw::decompress_len(data).map_err(|_| WRONG)?;
            if found != length {
                return Err(Broken("a page unpacks to another size than its header says"));
            }
            snap::raw::Decoder::new().decompress_vec(data).map_err(|_| WRONG)?
        }
        2 => read(flate2::read::MultiGzDecoder::new(data), length)?,
        4 => read(brotli_decompressor::Decompressor::new(data, 4 << 10), length)?,
        5 => hadoop_lz4(data, length)?,
        6 => read(ruzstd::decoding::StreamingDecoder::new(data).map_err(|_| WRONG)?, length)?,
        7 => lz4(data, length)?,
        _ => return Err(Broken("a page is packed with a method that has no reader here (LZO)")),
    };
    if bytes.len() == length { Ok(bytes) } else { Err(Broken("a page unpacks to another size than its header says")) }
}

fn read(source: impl Read, length: usize) -> Result<Vec<u8>, Broken> {
    let mut bytes = Vec::new();
    source.take(length as u64 + 1).read_to_end(&mut bytes).map_err(|_| WRONG)?;
    Ok(bytes)
}

fn lz4(data: &[u8], length: usize) -> Result<Vec<u8>, Broken> {
    let mut bytes = vec![0; length];
    let found = lz4_flex::block::decompress_into(data, &mut bytes).map_err(|_| WRONG)?;
    bytes.truncate(found);
    Ok(bytes)
}

/// The old LZ4: blocks with their two sizes before them as Hadoop writes them, or one bare block.
fn hadoop_lz4(data: &[u8], length: usize) -> Result<Vec<u8>, Broken> {
    let framed = || -> Option<Vec<u8>> {
        let (mut rest, mut bytes) = (data, Vec::new());
        while !rest.is_empty() {
            let unpacked = u32::from_be_bytes(*rest.first_chunk()?) as usize;
            let packed = u32::from_be_bytes(*rest.get(4..)?.first_chunk()?) as usize;
            let block = rest.get(8..)?.get(..packed)?;
            if bytes.len() + unpacked > length {
                return None;
            }
            bytes.extend(lz4(block, unpacked).ok()?);
            rest = &rest[8 + packed..];
        }
        Some(bytes).filter(|b| b.len() == length)
    };
    match framed() {
        Some(bytes) => Ok(bytes),
        None => lz4(data, length),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::unpack;

    const TEXT: &[u8] = b"one page, one page, one page of text";

    #[test]
    fn every_method_at_its_size_and_one_off() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(TEXT).unwrap();
        let block = lz4_flex::block::compress(TEXT);
        let sizes = [u32::try_from(TEXT.len()).unwrap(), u32::try_from(block.len()).unwrap()];
        let framed = [sizes.map(u32::to_be_bytes).concat(), block.clone()].concat();
        let zstd = ruzstd::encoding::compress_to_vec(TEXT, ruzstd::encoding::CompressionLevel::Fastest);
        for (codec, data) in [
            (0, TEXT.to_vec()),
            (1, snap::raw::Encoder::new().compress_vec(TEXT).unwrap()),
            (2, gzip.finish().unwrap()),
            (5, framed),
            (5, block.clone()),
            (6, zstd),
            (7, block),
        ] {
            assert_eq!(unpack(codec, &data, TEXT.len()).unwrap(), TEXT, "{codec}");
            assert!(unpack(codec, &data, TEXT.len() - 1).is_err(), "{codec}: one byte more than its header says");
            assert!(unpack(codec, &data, TEXT.len() + 1).is_err(), "{codec}: one byte less");
            assert!(unpack(codec, &data[..data.len() / 2], TEXT.len()).is_err(), "{codec}: cut");
        }
        assert!(unpack(3, TEXT, TEXT.len()).is_err());
        assert!(unpack(4, b"\xff\xff\xff", 5).is_err());
    }
}
