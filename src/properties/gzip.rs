use std::io::{Read, Write};

use flate2::read::MultiGzDecoder;
use flate2::write::{DeflateEncoder, ZlibEncoder};
use flate2::{Compression, Crc};

use super::cuts;
use crate::gzip::{Gunzip, GzipError, Step};

/// The most that an input may inflate to here.
const LIMIT: u64 = 1024 * 1024;

/// A stream is read the same, however it is cut and whatever the inflater read before. A valid stream has the
/// content that another reader finds. Any bytes that were compressed come back, whatever the header.
///
/// # Panics
///
/// If that does not hold.
pub fn gzip(bytes: &[u8]) {
    let mut used = Gunzip::new();
    let result = read(&mut used, bytes);
    if let Ok(content) = &result
        && bytes.starts_with(&[0x1f, 0x8b])
    {
        let mut theirs = Vec::new();
        // It does not support padding, nor whitespace between members: it has read what is before that.
        let _ = MultiGzDecoder::new(bytes).read_to_end(&mut theirs);
        let rest = content.strip_prefix(&theirs[..]);
        assert!(rest.is_some_and(|rest| matches!(rest, [] | [b'\n', ..])));
    }
    round_trip(&mut used, bytes);
}

/// The content of a stream. Each way to cut it has the same result, with a new inflater and with a used one.
fn read(used: &mut Gunzip, bytes: &[u8]) -> Result<Vec<u8>, GzipError> {
    let [whole, others @ ..] = cuts(bytes);
    let expected = gunzip(&mut Gunzip::new(), &whole);
    assert_eq!(gunzip(used, &whole), expected, "with a used inflater");
    for pieces in others {
        let result = gunzip(used, &pieces);
        assert_eq!(result, expected, "{} pieces", pieces.len());
    }
    expected
}

fn gunzip(gunzip: &mut Gunzip, pieces: &[&[u8]]) -> Result<Vec<u8>, GzipError> {
    gunzip.reset(LIMIT);
    let mut content = Vec::new();
    for mut input in pieces.iter().copied() {
        while let Step::Output(output) = gunzip.step(&mut input)? {
            content.extend_from_slice(output);
        }
        assert!(input.is_empty());
    }
    gunzip.finish()?;
    assert_eq!(gunzip.inflated(), content.len() as u64);
    Ok(content)
}

/// The first byte says which fields the header has, the second how well and into how many members the
/// rest is compressed.
fn round_trip(used: &mut Gunzip, bytes: &[u8]) {
    let [flags, shape, content @ ..] = bytes else {
        return;
    };
    let flags = flags & 0b1_1110;
    let level = Compression::new(u32::from(shape & 7));
    let members = usize::from(shape >> 3 & 3) + 1;
    let mut stream = Vec::new();
    for piece in content.chunks(content.len().div_ceil(members).max(1)) {
        push_header(&mut stream, flags, piece);
        let mut encoder = DeflateEncoder::new(&mut stream, level);
        encoder.write_all(piece).expect("memory accepts every byte");
        encoder.finish().expect("memory accepts every byte");
        let mut crc = Crc::new();
        crc.update(piece);
        stream.extend_from_slice(&crc.sum().to_le_bytes());
        stream.extend_from_slice(&crc.amount().to_le_bytes());
    }
    if content.is_empty() {
        return;
    }
    stream.resize(stream.len() + usize::from(shape >> 5), 0);
    assert_eq!(read(used, &stream).as_deref(), Ok(content));

    let mut encoder = ZlibEncoder::new(Vec::new(), level);
    encoder
        .write_all(content)
        .expect("memory accepts every byte");
    let stream = encoder.finish().expect("memory accepts every byte");
    assert_eq!(read(used, &stream).as_deref(), Ok(content));
}

/// RFC 1952 §2.3: extra field, name and comment hold the start of the content.
fn push_header(stream: &mut Vec<u8>, flags: u8, content: &[u8]) {
    let from = stream.len();
    let text = &content[..content.len().min(40)];
    stream.extend_from_slice(&[0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 255]);
    if flags & 4 != 0 {
        let length = u16::try_from(text.len()).expect("it is short");
        stream.extend_from_slice(&length.to_le_bytes());
        stream.extend_from_slice(text);
    }
    for flag in [8, 16] {
        if flags & flag != 0 {
            stream.extend(text.iter().filter(|byte| **byte != 0));
            stream.push(0);
        }
    }
    if flags & 2 != 0 {
        let mut crc = Crc::new();
        crc.update(&stream[from..]);
        stream.extend_from_slice(&crc.sum().to_le_bytes()[..2]);
    }
}
