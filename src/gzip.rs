//! Gzip (RFC 1952) and zlib (RFC 1950) framing around raw DEFLATE, in pieces of any size.
//!
//! CloudWatch Logs compresses with gzip; zlib is taken too, since tools of the field write it
//! (DESIGN.md, "Subscription event"). Several gzip members may follow each other, and zero bytes may pad the
//! end, as gzip(1) allows. Whitespace may follow a member, as where records are put one below the other: each byte of it
//! comes out as a newline, so that what the members have stays apart. Anything else after a member is a fault.
//!
//! BE ADVISED: a distance may reach back to where the buffer begins, and no further. Each member therefore begins
//! there, so that a corrupt one can't copy what an earlier member, or an earlier invocation, left in the buffer.

use std::fmt;

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_HAS_MORE_INPUT, TINFL_FLAG_PARSE_ZLIB_HEADER,
    TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

use crate::crc32::Crc32;

/// What the inflater writes to. When it is full, the part that DEFLATE can reach back to moves to its begin. Of a buffer
/// that wraps instead, each byte of a match would have its place computed.
const BUFFER: usize = 128 * 1024;

/// How far back DEFLATE can reach.
const REACH: usize = 32 * 1024;

const FLAGS: u32 = TINFL_FLAG_HAS_MORE_INPUT | TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;

/// How long a file name or a comment in the header may be. Neither is used; without a limit a
/// corrupt header could swallow the whole event.
const MAX_HEADER_TEXT: u32 = 65_535;

/// Inflates one event. The buffer and the tables (about 140 KiB) are kept from event to event.
pub(crate) struct Gunzip {
    state: State,
    inflater: Box<DecompressorOxide>,
    buffer: Box<[u8]>,
    /// Where in the buffer the next byte goes.
    at: usize,
    header_crc: Crc32,
    crc: Crc32,
    /// The length of the member's content modulo 2³², as the trailer holds it.
    length: u32,
    /// How many bytes all members have inflated to.
    inflated: u64,
    limit: u64,
    /// How many bytes were consumed.
    offset: u64,
}

/// What has to happen next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step<'w> {
    /// Everything was consumed: give more, or call [`Gunzip::finish`].
    NeedInput,
    /// These bytes came out. They are gone with the next call.
    Output(&'w [u8]),
}

/// Why a stream is not valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GzipError {
    Empty,
    UnknownFormat,
    UnknownMethod(u8),
    ReservedFlags(u8),
    LongHeader,
    HeaderChecksum,
    Corrupt,
    Checksum,
    Length,
    Truncated,
    TrailingBytes,
    TooLarge(u64),
}

impl fmt::Display for GzipError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("expected a gzip stream, found no bytes"),
            Self::UnknownFormat => f.write_str("expected gzip or zlib, found neither's signature"),
            Self::UnknownMethod(method) => {
                write!(f, "expected compression method 8, found {method}")
            }
            Self::ReservedFlags(flags) => write!(f, "reserved header flags are set ({flags:#04x})"),
            Self::LongHeader => {
                write!(f, "a header text is longer than {MAX_HEADER_TEXT} bytes")
            }
            Self::HeaderChecksum => f.write_str("the header's checksum does not match"),
            Self::Corrupt => f.write_str("the compressed data is corrupt"),
            Self::Checksum => f.write_str("the checksum of the content does not match"),
            Self::Length => f.write_str("the length of the content does not match"),
            Self::Truncated => f.write_str("the stream ends too early"),
            Self::TrailingBytes => f.write_str("bytes follow the end of the stream"),
            Self::TooLarge(limit) => write!(
                f,
                "it inflates to more than {limit} bytes (raise X_MAX_INFLATED_BYTES if that is \
                 expected)"
            ),
        }
    }
}

/// Where in the stream the next byte belongs. Each state holds what it has of its field.
#[derive(Debug, Clone, Copy)]
enum State {
    /// The two bytes that tell gzip from zlib.
    Signature {
        first: Option<u8>,
    },
    /// The rest of the ten fixed bytes: CM, FLG, MTIME, XFL, OS.
    Fixed {
        at: u8,
        flags: u8,
    },
    ExtraLength {
        flags: u8,
        low: Option<u8>,
    },
    Extra {
        flags: u8,
        left: u16,
    },
    Name {
        flags: u8,
        length: u32,
    },
    Comment {
        flags: u8,
        length: u32,
    },
    HeaderCrc {
        low: Option<u8>,
    },
    Body,
    /// CRC32 and ISIZE, each four bytes, least significant first.
    Trailer {
        at: u8,
        bytes: [u8; 8],
    },
    /// After a whole member: the end, another member, or padding.
    MemberEnd,
    Padding,
    ZlibBody,
    ZlibEnd,
}

mod flag {
    pub(super) const HCRC: u8 = 1 << 1;
    pub(super) const EXTRA: u8 = 1 << 2;
    pub(super) const NAME: u8 = 1 << 3;
    pub(super) const COMMENT: u8 = 1 << 4;
    pub(super) const RESERVED: u8 = 0b1110_0000;
}

impl Gunzip {
    pub(crate) fn new() -> Self {
        Self {
            state: State::Signature { first: None },
            inflater: Box::default(),
            buffer: vec![0; BUFFER].into_boxed_slice(),
            at: 0,
            header_crc: Crc32::new(),
            crc: Crc32::new(),
            length: 0,
            inflated: 0,
            limit: 0,
            offset: 0,
        }
    }

    /// Begins a new stream, which may inflate to at most `limit` bytes.
    pub(crate) fn reset(&mut self, limit: u64) {
        self.inflated = 0;
        self.limit = limit;
        self.begin_stream();
    }

    /// Begins a further stream, which shares the limit with those before it.
    pub(crate) fn begin_stream(&mut self) {
        self.state = State::Signature { first: None };
        self.offset = 0;
    }

    /// How many compressed bytes were consumed: where a fault is.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// How many bytes came out.
    pub(crate) fn inflated(&self) -> u64 {
        self.inflated
    }

    /// Consumes bytes off the front of `input` until some come out or none is left.
    pub(crate) fn step(&mut self, input: &mut &[u8]) -> Result<Step<'_>, GzipError> {
        loop {
            match self.state {
                State::Body | State::ZlibBody => {
                    let output = self.inflate(input)?;
                    if !output.is_empty() {
                        return Ok(Step::Output(&self.buffer[output]));
                    }
                    if matches!(self.state, State::Body | State::ZlibBody) {
                        return Ok(Step::NeedInput);
                    }
                }
                _ => {
                    let Some((&byte, rest)) = input.split_first() else {
                        return Ok(Step::NeedInput);
                    };
                    *input = rest;
                    let is_between = matches!(self.state, State::MemberEnd | State::ZlibEnd);
                    if is_between && byte.is_ascii_whitespace() {
                        self.offset += 1;
                        self.inflated += 1;
                        return Ok(Step::Output(b"\n"));
                    }
                    self.state = self.frame(byte)?;
                    self.offset += 1;
                }
            }
        }
    }

    /// Says that no input follows.
    pub(crate) fn finish(&self) -> Result<(), GzipError> {
        match self.state {
            State::MemberEnd | State::Padding | State::ZlibEnd => Ok(()),
            State::Signature { first: None } if self.offset == 0 => Err(GzipError::Empty),
            _ => Err(GzipError::Truncated),
        }
    }

    /// The state after one byte of a header or a trailer.
    fn frame(&mut self, byte: u8) -> Result<State, GzipError> {
        let state = match self.state {
            State::Signature { first: None } => State::Signature { first: Some(byte) },
            State::Signature { first: Some(0x1f) } if byte == 0x8b => {
                self.begin_member();
                self.header_crc.update(&[0x1f, 0x8b]);
                return Ok(State::Fixed { at: 2, flags: 0 });
            }
            State::Signature { first: Some(first) } => {
                // RFC 1950 §2.2: method 8, a window of at most 32 KiB, no preset dictionary, and
                // the two bytes as a number are a multiple of 31.
                let valid = first & 0x0f == 8
                    && first >> 4 <= 7
                    && byte & 0x20 == 0
                    && (u16::from(first) << 8 | u16::from(byte)) % 31 == 0;
                if self.offset > 1 || !valid {
                    return Err(GzipError::UnknownFormat);
                }
                self.begin_member();
                // The inflater reads the header itself, since it needs it for the checksum.
                let (status, _, _) = decompress(
                    &mut self.inflater,
                    &[first, byte],
                    &mut self.buffer,
                    0,
                    FLAGS | TINFL_FLAG_PARSE_ZLIB_HEADER,
                );
                if status != TINFLStatus::NeedsMoreInput {
                    return Err(GzipError::Corrupt);
                }
                return Ok(State::ZlibBody);
            }
            State::Fixed { at: 2, .. } if byte != 8 => return Err(GzipError::UnknownMethod(byte)),
            State::Fixed { at: 3, .. } => {
                if byte & flag::RESERVED != 0 {
                    return Err(GzipError::ReservedFlags(byte));
                }
                State::Fixed { at: 4, flags: byte }
            }
            State::Fixed { at: 9, flags } => after_fixed(flags),
            State::Fixed { at, flags } => State::Fixed { at: at + 1, flags },
            State::ExtraLength { flags, low: None } => State::ExtraLength {
                flags,
                low: Some(byte),
            },
            State::ExtraLength {
                flags,
                low: Some(low),
            } => match u16::from_le_bytes([low, byte]) {
                0 => after_extra(flags),
                left => State::Extra { flags, left },
            },
            State::Extra { flags, left: 1 } => after_extra(flags),
            State::Extra { flags, left } => State::Extra {
                flags,
                left: left - 1,
            },
            State::Name { flags, .. } if byte == 0 => after_name(flags),
            State::Comment { flags, .. } if byte == 0 => after_comment(flags),
            State::Name { length, .. } | State::Comment { length, .. }
                if length == MAX_HEADER_TEXT =>
            {
                return Err(GzipError::LongHeader);
            }
            State::Name { flags, length } => State::Name {
                flags,
                length: length + 1,
            },
            State::Comment { flags, length } => State::Comment {
                flags,
                length: length + 1,
            },
            State::HeaderCrc { low: None } => return Ok(State::HeaderCrc { low: Some(byte) }),
            State::HeaderCrc { low: Some(low) } => {
                let [first, second, ..] = self.header_crc.value().to_le_bytes();
                if [low, byte] != [first, second] {
                    return Err(GzipError::HeaderChecksum);
                }
                State::Body
            }
            State::Trailer { at, mut bytes } => {
                bytes[usize::from(at)] = byte;
                if at < 7 {
                    return Ok(State::Trailer { at: at + 1, bytes });
                }
                let [a, b, c, d, e, f, g, h] = bytes;
                if u32::from_le_bytes([a, b, c, d]) != self.crc.value() {
                    return Err(GzipError::Checksum);
                }
                if u32::from_le_bytes([e, f, g, h]) != self.length {
                    return Err(GzipError::Length);
                }
                State::MemberEnd
            }
            State::MemberEnd if byte == 0x1f => State::Signature { first: Some(byte) },
            State::MemberEnd | State::Padding if byte == 0 => State::Padding,
            State::MemberEnd | State::Padding | State::ZlibEnd => {
                return Err(GzipError::TrailingBytes);
            }
            State::Body | State::ZlibBody => self.state,
        };
        self.header_crc.update(&[byte]);
        Ok(state)
    }

    fn begin_member(&mut self) {
        self.at = 0;
        self.header_crc = Crc32::new();
        self.crc = Crc32::new();
        self.length = 0;
        self.inflater.init();
    }

    /// Inflates until the end of the buffer, of the input, or of the member. Returns where in the
    /// buffer the new bytes are.
    fn inflate(&mut self, input: &mut &[u8]) -> Result<std::ops::Range<usize>, GzipError> {
        let zlib = matches!(self.state, State::ZlibBody);
        let flags = if zlib {
            FLAGS | TINFL_FLAG_PARSE_ZLIB_HEADER
        } else {
            FLAGS
        };
        if self.at == BUFFER {
            self.buffer.copy_within(BUFFER - REACH.., 0);
            self.at = REACH;
        }
        let (status, consumed, written) =
            decompress(&mut self.inflater, input, &mut self.buffer, self.at, flags);
        *input = &input[consumed..];
        self.offset += consumed as u64;
        let output = self.at..self.at + written;
        self.at = output.end;
        self.inflated += written as u64;
        if self.inflated > self.limit {
            return Err(GzipError::TooLarge(self.limit));
        }
        match status {
            TINFLStatus::Done if zlib => self.state = State::ZlibEnd,
            TINFLStatus::Done => {
                self.state = State::Trailer {
                    at: 0,
                    bytes: [0; 8],
                };
            }
            TINFLStatus::NeedsMoreInput | TINFLStatus::HasMoreOutput => {}
            TINFLStatus::Adler32Mismatch => return Err(GzipError::Checksum),
            _ => return Err(GzipError::Corrupt),
        }
        if !zlib {
            // The checksum of zlib is the inflater's own business.
            self.crc.update(&self.buffer[output.clone()]);
            #[allow(clippy::cast_possible_truncation, reason = "at most the buffer")]
            let written = written as u32;
            self.length = self.length.wrapping_add(written);
        }
        Ok(output)
    }
}

impl fmt::Debug for Gunzip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gunzip")
            .field("state", &self.state)
            .field("offset", &self.offset)
            .field("inflated", &self.inflated)
            .finish_non_exhaustive()
    }
}

// The optional fields follow each other in the order of RFC 1952 §2.3.

fn after_fixed(flags: u8) -> State {
    if flags & flag::EXTRA == 0 {
        return after_extra(flags);
    }
    State::ExtraLength { flags, low: None }
}

fn after_extra(flags: u8) -> State {
    if flags & flag::NAME == 0 {
        return after_name(flags);
    }
    State::Name { flags, length: 0 }
}

fn after_name(flags: u8) -> State {
    if flags & flag::COMMENT == 0 {
        return after_comment(flags);
    }
    State::Comment { flags, length: 0 }
}

fn after_comment(flags: u8) -> State {
    if flags & flag::HCRC == 0 {
        return State::Body;
    }
    State::HeaderCrc { low: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use miniz_oxide::deflate::{compress_to_vec, compress_to_vec_zlib};

    fn gunzip_with(gunzip: &mut Gunzip, pieces: &[&[u8]]) -> Result<Vec<u8>, GzipError> {
        gunzip.reset(1 << 20);
        let mut out = Vec::new();
        for piece in pieces {
            let mut input = *piece;
            loop {
                match gunzip.step(&mut input)? {
                    Step::NeedInput => break,
                    Step::Output(bytes) => out.extend_from_slice(bytes),
                }
            }
            assert!(input.is_empty());
        }
        gunzip.finish()?;
        assert_eq!(gunzip.inflated(), out.len() as u64);
        Ok(out)
    }

    fn gunzip(pieces: &[&[u8]]) -> Result<Vec<u8>, GzipError> {
        gunzip_with(&mut Gunzip::new(), pieces)
    }

    /// Every case runs whole, byte by byte, and cut in two at every place.
    #[track_caller]
    fn check(stream: &[u8], expected: Result<&[u8], GzipError>) {
        let expected = expected.map(<[u8]>::to_vec);
        assert_eq!(gunzip(&[stream]), expected, "whole");
        let single: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(gunzip(&single), expected, "byte by byte");
        for at in (0..stream.len()).step_by(1 + stream.len() / 200) {
            let (head, tail) = stream.split_at(at);
            assert_eq!(gunzip(&[head, tail]), expected, "cut at {at}");
        }
    }

    fn trailer(content: &[u8]) -> Vec<u8> {
        let mut crc = Crc32::new();
        crc.update(content);
        let length = u32::try_from(content.len()).unwrap();
        [crc.value().to_le_bytes(), length.to_le_bytes()].concat()
    }

    fn member(header: &[u8], content: &[u8]) -> Vec<u8> {
        [header, &compress_to_vec(content, 6), &trailer(content)].concat()
    }

    const PLAIN: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];

    fn content() -> Vec<u8> {
        (0..5000)
            .flat_map(|i| format!("line {} ", i * i % 977).into_bytes())
            .collect()
    }

    #[test]
    fn members() {
        let content = content();
        let one = member(PLAIN, &content);
        check(&one, Ok(&content));
        check(&member(PLAIN, b""), Ok(b""));
        check(
            &[one.clone(), member(PLAIN, b"more")].concat(),
            Ok(&[&content[..], b"more"].concat()),
        );
        check(&[&one[..], &[0; 9]].concat(), Ok(&content));
    }

    #[test]
    fn header_fields() {
        let flags = |flags| [0x1f, 0x8b, 8, flags, 1, 2, 3, 4, 0, 3].to_vec();
        check(&member(&flags(1), b"text flag"), Ok(b"text flag"));
        check(
            &member(&[&flags(4)[..], &[3, 0, 7, 7, 7]].concat(), b"extra"),
            Ok(b"extra"),
        );
        check(
            &member(&[&flags(4)[..], &[0, 0]].concat(), b"empty extra"),
            Ok(b"empty extra"),
        );
        check(
            &member(&[&flags(8)[..], b"name\0"].concat(), b"name"),
            Ok(b"name"),
        );
        check(
            &member(&[&flags(16)[..], b"comment\0"].concat(), b"comment"),
            Ok(b"comment"),
        );
        let all = [&flags(4 | 8 | 16 | 2)[..], &[1, 0, 9], b"n\0", b"c\0"].concat();
        let mut crc = Crc32::new();
        crc.update(&all);
        let sum = &crc.value().to_le_bytes()[..2];
        check(&member(&[&all[..], sum].concat(), b"all"), Ok(b"all"));
        let wrong = [sum[0], sum[1] ^ 1];
        check(
            &member(&[&all[..], &wrong].concat(), b"all"),
            Err(GzipError::HeaderChecksum),
        );
        check(
            &member(&flags(0x20), b"x"),
            Err(GzipError::ReservedFlags(0x20)),
        );
        let long = [&flags(8)[..], &[b'n'; 65_536]].concat();
        assert_eq!(gunzip(&[&long]), Err(GzipError::LongHeader));
    }

    #[test]
    fn whitespace_behind_a_member() {
        let [one, two] = [&b"one"[..], b"two"].map(|content| member(PLAIN, content));
        let zlib = compress_to_vec_zlib(b"one", 6);
        for (parts, expected) in [
            ([&one, &b"\n"[..], &two], &b"one\ntwo"[..]),
            ([&one, b" \r\n", &two], b"one\n\n\ntwo"),
            ([&one, &two, b"\n"], b"onetwo\n"),
            ([&one, b"\n", b"\0\0"], b"one\n"),
            ([&zlib, b"\r", b"\n"], b"one\n\n"),
        ] {
            check(&parts.concat(), Ok(expected));
        }
        for parts in [
            [&one, &b"\n"[..], b"x"],
            [&zlib, b"\n", &zlib],
            [&one, b"\0", b"\n"],
        ] {
            check(&parts.concat(), Err(GzipError::TrailingBytes));
        }
    }

    #[test]
    fn faults() {
        let content = content();
        let stream = member(PLAIN, &content);
        check(b"", Err(GzipError::Empty));
        check(b"{\"messageType\"", Err(GzipError::UnknownFormat));
        check(&[0x1f, 0x8b, 7, 0], Err(GzipError::UnknownMethod(7)));
        let with = |at: usize, byte: u8| {
            let mut stream = stream.clone();
            stream[at] ^= byte;
            stream
        };
        check(&with(stream.len() - 8, 1), Err(GzipError::Checksum));
        check(&with(stream.len() - 1, 1), Err(GzipError::Length));
        check(&[&stream[..], b"x"].concat(), Err(GzipError::TrailingBytes));
        check(
            &[&stream[..], b"\0x"].concat(),
            Err(GzipError::TrailingBytes),
        );
        check(&[&stream[..], &[0x1f]].concat(), Err(GzipError::Truncated));
        for length in 1..stream.len() {
            assert_eq!(
                gunzip(&[&stream[..length]]),
                Err(GzipError::Truncated),
                "{length}"
            );
        }
        // No bit of the stream may change without a fault, but in the header's free fields.
        for at in (0..stream.len()).filter(|at| !(4..10).contains(at)) {
            assert!(gunzip(&[&with(at, 4)]).is_err(), "bit in byte {at}");
        }
    }

    #[test]
    fn zlib() {
        let content = content();
        let stream = compress_to_vec_zlib(&content, 6);
        check(&stream, Ok(&content));
        check(&stream[..stream.len() - 1], Err(GzipError::Truncated));
        check(
            &[&stream[..], b"\0"].concat(),
            Err(GzipError::TrailingBytes),
        );
        let mut wrong = stream.clone();
        *wrong.last_mut().unwrap() ^= 1;
        check(&wrong, Err(GzipError::Checksum));
        let after_gzip = [member(PLAIN, b"x"), stream].concat();
        check(&after_gzip, Err(GzipError::TrailingBytes));
    }

    #[test]
    fn the_limit_holds_for_all_members_together() {
        let zeros = vec![0; (1 << 20) + 1];
        check(&member(PLAIN, &zeros[1..]), Ok(&zeros[1..]));
        assert_eq!(
            gunzip(&[&member(PLAIN, &zeros)]),
            Err(GzipError::TooLarge(1 << 20))
        );
        let half = member(PLAIN, &zeros[..700_000]);
        assert_eq!(gunzip(&[&half, &half]), Err(GzipError::TooLarge(1 << 20)));
    }

    /// A match that reaches before the start of its member must not see what was inflated earlier.
    #[test]
    fn a_corrupt_distance_does_not_reach_into_an_earlier_stream() {
        // A fixed-Huffman block: length 3 at distance 1, end of block.
        let reach_back: &[u8] = &[0x03, 0x02, 0x00];
        let stream = [PLAIN, reach_back, &[0; 8]].concat();
        let mut gunzip = Gunzip::new();
        gunzip_with(&mut gunzip, &[&member(PLAIN, &vec![b's'; BUFFER])]).unwrap();
        gunzip.reset(100);
        assert_eq!(gunzip.step(&mut &stream[..]), Err(GzipError::Corrupt));
    }

    /// Matches that reach as far back as they can, across each place where the buffer moves.
    #[test]
    fn a_stream_of_many_buffers_with_distant_matches() {
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut content: Vec<u8> = Vec::new();
        while content.len() < 4 * BUFFER {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let length = usize::try_from(random >> 56).unwrap();
            // The compressor looks for none that are farther away.
            let back = REACH - 258 - usize::try_from(random >> 8 & 63).unwrap();
            if content.len() >= REACH && random & 3 > 0 {
                let from = content.len() - back;
                content.extend_from_within(from..from + length);
            } else {
                content.extend_from_slice(&random.to_le_bytes());
            }
        }
        let stream = member(PLAIN, &content);
        assert!(stream.len() < content.len() / 4, "{}", stream.len());
        for size in [97, 12 * 1024, stream.len()] {
            let pieces: Vec<&[u8]> = stream.chunks(size).collect();
            assert!(gunzip(&pieces).unwrap() == content, "pieces of {size}");
        }
    }
}
