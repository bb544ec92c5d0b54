//! Bytes on their way from a file to its text: counted, decompressed, and as UTF-8.

use std::{
    cell::Cell,
    error, fmt,
    fs::File,
    io::{self, BufRead, BufReader, Cursor, Read},
};

use ruzstd::decoding::{
    FrameDecoder,
    errors::{FrameDecoderError, ReadFrameHeaderError},
};

use super::super::ui::Progress;
use crate::gzip::{Gunzip, Step};

/// How much is read at a time, in bytes.
const PIECE: usize = 128 * 1024;

/// The most that a frame of zstd may want to be kept, in bytes: what `zstd` takes without `--ultra` or `--long`.
const MAX_WINDOW: u64 = 8 * 1024 * 1024;

/// How often a text may be compressed: Firehose compresses what CloudWatch Logs has compressed, and somebody may
/// have compressed the object.
const MAX_LAYERS: usize = 4;

/// What is being read.
pub(super) type Bytes<'r> = Box<dyn Read + 'r>;

/// A file, read up to where it ended: one that grows as fast as it is read would have no end.
pub(super) struct UpToEnd {
    file: File,
    left: u64,
    has_looked_again: bool,
}

impl UpToEnd {
    /// `length` is what the file has now, in bytes.
    pub(super) fn new(file: File, length: u64) -> Self {
        Self {
            file,
            left: length,
            has_looked_again: false,
        }
    }
}

impl Read for UpToEnd {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 && !self.has_looked_again {
            // What was written meanwhile is read, too; what is written during that is not.
            self.has_looked_again = true;
            let length = self.file.metadata()?.len();
            let at = io::Seek::stream_position(&mut self.file)?;
            self.left = length.saturating_sub(at);
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX);
        let most = most.min(out.len());
        if most == 0 {
            return Ok(0);
        }
        let count = self.file.read(&mut out[..most])?;
        self.left -= count as u64;
        Ok(count)
    }
}

/// Counts what is read, and shows it as progress.
pub(super) struct Counted<'c, R> {
    pub(super) reader: R,
    pub(super) progress: &'c Progress,
    pub(super) count: &'c Cell<u64>,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(out)?;
        self.count.set(self.count.get() + count as u64);
        self.progress.inc(count as u64);
        Ok(count)
    }
}

/// The text in these bytes: all layers of compression are taken off, and what is not UTF-8 by its first bytes is
/// converted.
///
/// # Errors
///
/// Where the first bytes can't be read.
pub(super) fn text(mut bytes: Bytes<'_>) -> io::Result<Bytes<'_>> {
    for _ in 0..MAX_LAYERS {
        let (head, rest) = peek(bytes, 64)?;
        bytes = match &head[..] {
            [0x1f, 0x8b, ..] => Box::new(Gunzipped::new(rest)),
            // Zlib, with the window that everybody writes; no text begins so but `x^`.
            [0x78, 0x01 | 0x9c | 0xda, ..] => Box::new(Gunzipped::new(rest)),
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
                Box::new(Unzstd::new(rest))
            }
            [0xef, 0xbb, 0xbf, ..] => skip(rest, 3)?,
            [0xff, 0xfe, ..] => Box::new(Utf16::new(skip(rest, 2)?, false)),
            [0xfe, 0xff, ..] => Box::new(Utf16::new(skip(rest, 2)?, true)),
            _ => match utf16_without_mark(&head) {
                Some(is_big) => Box::new(Utf16::new(rest, is_big)),
                None => return Ok(rest),
            },
        };
    }
    Ok(bytes)
}

/// Reads the first bytes, and puts them back.
fn peek<'r>(mut bytes: Bytes<'r>, most: u64) -> io::Result<(Vec<u8>, Bytes<'r>)> {
    let mut head = Vec::new();
    bytes.by_ref().take(most).read_to_end(&mut head)?;
    let rest = Box::new(Cursor::new(head.clone()).chain(bytes));
    Ok((head, rest))
}

fn skip(mut bytes: Bytes<'_>, count: usize) -> io::Result<Bytes<'_>> {
    let mut skipped = [0; 4];
    bytes.read_exact(&mut skipped[..count])?;
    Ok(bytes)
}

/// Whether these are characters of ASCII in two bytes each, and the larger byte comes first.
fn utf16_without_mark(head: &[u8]) -> Option<bool> {
    let pairs = head.chunks_exact(2);
    if pairs.len() < 4 {
        return None;
    }
    let is_text = |byte: u8| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~');
    if pairs.clone().all(|pair| is_text(pair[0]) && pair[1] == 0) {
        return Some(false);
    }
    pairs
        .clone()
        .all(|pair| pair[0] == 0 && is_text(pair[1]))
        .then_some(true)
}

/// What gzip or zlib has compressed, by the function's own code.
struct Gunzipped<'r> {
    reader: Bytes<'r>,
    gunzip: Gunzip,
    input: Box<[u8]>,
    at: usize,
    end: usize,
    /// What came out and had no room.
    pending: Cursor<Vec<u8>>,
    is_over: bool,
}

impl<'r> Gunzipped<'r> {
    fn new(reader: Bytes<'r>) -> Self {
        let mut gunzip = Gunzip::new();
        gunzip.reset(u64::MAX);
        Self {
            reader,
            gunzip,
            input: vec![0; PIECE].into(),
            at: 0,
            end: 0,
            pending: Cursor::default(),
            is_over: false,
        }
    }

    fn fault(&mut self, cause: impl fmt::Display) -> io::Error {
        self.is_over = true;
        let at = self.gunzip.offset();
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{cause}, at compressed byte {at}"),
        )
    }
}

impl Read for Gunzipped<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.pending.read(out)?;
        if count > 0 {
            return Ok(count);
        }
        while !self.is_over && !out.is_empty() {
            let mut piece = &self.input[self.at..self.end];
            let step = self.gunzip.step(&mut piece);
            self.at = self.end - piece.len();
            match step {
                Ok(Step::Output(bytes)) => {
                    let mut rest = bytes;
                    let count = rest.read(out)?;
                    begin_again(&mut self.pending).extend_from_slice(rest);
                    if count > 0 {
                        return Ok(count);
                    }
                }
                Ok(Step::NeedInput) => {
                    self.at = 0;
                    self.end = self.reader.read(&mut self.input)?;
                    if self.end == 0 {
                        match self.gunzip.finish() {
                            Ok(()) => self.is_over = true,
                            Err(cause) => return Err(self.fault(cause)),
                        }
                    }
                }
                Err(cause) => return Err(self.fault(cause)),
            }
        }
        Ok(0)
    }
}

/// What zstd has compressed: frames in a row, with frames between them that hold no content.
struct Unzstd<'r> {
    reader: BufReader<Bytes<'r>>,
    decoder: Box<FrameDecoder>,
    is_in_frame: bool,
    is_over: bool,
    /// The frames that were read to their ends.
    frames: u64,
}

impl<'r> Unzstd<'r> {
    fn new(reader: Bytes<'r>) -> Self {
        let mut decoder = Box::new(FrameDecoder::new());
        decoder.set_max_window_size(MAX_WINDOW);
        Self {
            reader: BufReader::with_capacity(PIECE, reader),
            decoder,
            is_in_frame: false,
            is_over: false,
            frames: 0,
        }
    }

    /// Begins the next frame. `false`: there is none.
    fn begin(&mut self) -> io::Result<bool> {
        loop {
            if self.reader.fill_buf()?.is_empty() {
                return Ok(false);
            }
            match self.decoder.reset(&mut self.reader) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let mut content = self.reader.by_ref().take(length.into());
                    io::copy(&mut content, &mut io::sink())?;
                }
                Err(FrameDecoderError::WindowSizeTooBig { .. }) => {
                    return Err(self.fault(
                        "it was compressed with a window of more than 8 MiB: decompress it with zstd -d --long=31",
                    ));
                }
                Err(cause) => return Err(self.fault(cause)),
            }
        }
    }

    fn fault(&mut self, cause: impl Into<Box<dyn error::Error + Send + Sync>>) -> io::Error {
        self.is_over = true;
        let cause = cause.into();
        let frame = self.frames + 1;
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{cause}, in frame {frame} of zstd"),
        )
    }
}

impl Read for Unzstd<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        use ruzstd::decoding::BlockDecodingStrategy::UptoBlocks;
        while !self.is_over && !out.is_empty() {
            if !self.is_in_frame {
                self.is_in_frame = self.begin()?;
                self.is_over = !self.is_in_frame;
                continue;
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                if let Err(cause) = self.decoder.decode_blocks(&mut self.reader, UptoBlocks(1)) {
                    return Err(self.fault(cause));
                }
            }
            let count = self.decoder.read(out)?;
            if count > 0 {
                return Ok(count);
            }
            self.is_in_frame = false;
            self.frames += 1;
        }
        Ok(0)
    }
}

/// UTF-16 as UTF-8. Half a surrogate pair becomes U+FFFD.
struct Utf16<'r> {
    reader: Bytes<'r>,
    is_big: bool,
    input: Box<[u8]>,
    /// The bytes that wait for others: an odd one, or the first half of a pair.
    kept: usize,
    /// What was converted.
    pending: Cursor<Vec<u8>>,
}

impl<'r> Utf16<'r> {
    fn new(reader: Bytes<'r>, is_big: bool) -> Self {
        Self {
            reader,
            is_big,
            input: vec![0; PIECE].into(),
            kept: 0,
            pending: Cursor::default(),
        }
    }

    /// Converts the next piece. `false`: there is none.
    fn convert(&mut self) -> io::Result<bool> {
        let count = self.reader.read(&mut self.input[self.kept..])?;
        let length = self.kept + count;
        let is_end = count == 0;
        let mut whole = length / 2 * 2;
        let unit = |pair: &[u8]| match self.is_big {
            true => u16::from_be_bytes([pair[0], pair[1]]),
            false => u16::from_le_bytes([pair[0], pair[1]]),
        };
        if !is_end && whole > 0 && (0xd800..0xdc00).contains(&unit(&self.input[whole - 2..whole])) {
            whole -= 2;
        }
        let pending = begin_again(&mut self.pending);
        let units = self.input[..whole].chunks_exact(2).map(unit);
        let mut utf8 = [0; 4];
        for character in char::decode_utf16(units) {
            let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
            pending.extend_from_slice(character.encode_utf8(&mut utf8).as_bytes());
        }
        let is_empty = pending.is_empty();
        self.input.copy_within(whole..length, 0);
        self.kept = if is_end { 0 } else { length - whole };
        Ok(!is_end || !is_empty)
    }
}

impl Read for Utf16<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.pending.read(out)?;
            if count > 0 || out.is_empty() || !self.convert()? {
                return Ok(count);
            }
        }
    }
}

/// Empties what was handed out, for what comes next.
fn begin_again(pending: &mut Cursor<Vec<u8>>) -> &mut Vec<u8> {
    pending.set_position(0);
    let bytes = pending.get_mut();
    bytes.clear();
    bytes
}
