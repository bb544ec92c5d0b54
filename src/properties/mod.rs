//! Properties that hold for any bytes. Each function takes untrusted bytes, and panics if its property does
//! not hold for them.
//!
//! `tests/fuzz` looks for such bytes, guided by coverage, and `cargo test` goes through its corpus.

mod event;
mod gzip;
mod line;
mod response;
mod wire;

use std::borrow::Cow;

use crate::{fnv, standin::sample::Random};

pub use self::{event::event, gzip::gzip, line::line, response::response, wire::wire};

/// A property of any bytes.
pub type Property = fn(&[u8]);

/// Each property with its name, which its fuzz target and its corpus have too.
pub const PROPERTIES: [(&str, Property); 5] = [
    ("event", event),
    ("gzip", gzip),
    ("line", line),
    ("response", response),
    ("wire", wire),
];

/// The byte that begins a run. The run's length follows, in units of 512 bytes, and then the byte that is
/// repeated. Two of them begin an input that has runs.
const RUN: u8 = 0xfe;

/// The most bytes that an input expands to.
const MAX_EXPANDED: usize = 256 * 1024;

/// Expands the runs of an input that begins with two bytes `0xfe`; any other input stays as it is. Without
/// runs a fuzzer would not get to the readers' limits, since it only ever changes a few bytes.
pub fn expand(input: &[u8]) -> Cow<'_, [u8]> {
    let Some(mut rest) = input.strip_prefix(&[RUN, RUN]) else {
        return Cow::Borrowed(input);
    };
    let mut bytes = Vec::new();
    while let [first, tail @ ..] = rest {
        rest = match tail {
            [length, byte, tail @ ..] if *first == RUN => {
                let length = bytes.len() + usize::from(*length) * 512;
                bytes.resize(length.min(MAX_EXPANDED), *byte);
                tail
            }
            _ => {
                bytes.push(*first);
                tail
            }
        };
    }
    Cow::Owned(bytes)
}

/// Ways to cut bytes into pieces: whole, byte by byte, and at random places. The bytes seed these, so that
/// an input fails again in the same way.
fn cuts(bytes: &[u8]) -> [Vec<&[u8]>; 3] {
    let mut random = Random::new(fnv::extend(fnv::EMPTY, bytes));
    let mut pieces = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        // Short ones as often as long ones.
        let longest = 1 << random.below(16);
        let length = 1 + usize::try_from(random.below(longest)).unwrap_or(0);
        let (piece, left) = rest.split_at(length.min(rest.len()));
        pieces.push(piece);
        rest = left;
    }
    [vec![bytes], bytes.chunks(1).collect(), pieces]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_corpus_holds() {
        for (name, property) in PROPERTIES {
            let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fuzz/corpus");
            let mut files = 0;
            for entry in fs::read_dir(format!("{corpus}/{name}")).unwrap() {
                let path = entry.unwrap().path();
                println!("{}", path.display());
                property(&expand(&fs::read(path).unwrap()));
                files += 1;
            }
            assert!(files > 4, "{files} files for {name}");
        }
    }

    #[test]
    fn runs_are_expanded() {
        for (input, expected) in [
            (&b""[..], Vec::new()),
            (b"\xfea\xfe", b"\xfea\xfe".to_vec()),
            (b"\xfe\xfe", Vec::new()),
            (
                b"\xfe\xfea\xfe\x02bc",
                [b"a", &[b'b'; 1024][..], b"c"].concat(),
            ),
            (b"\xfe\xfe\xfe\x00ab\xfe", b"b\xfe".to_vec()),
            (b"\xfe\xfe\xfe\xffa\xfe\xffb\xfe\xffc", {
                let runs = [[b'a'; 255 * 512], [b'b'; 255 * 512]].concat();
                [&runs[..], &[b'c'; 1024]].concat()
            }),
        ] {
            assert!(expand(input) == expected, "{input:?}");
        }
    }

    #[test]
    fn cuts_lose_nothing() {
        let bytes: Vec<u8> = (0..=255).cycle().take(1_000).collect();
        for pieces in cuts(&bytes) {
            assert_eq!(pieces.concat(), bytes);
        }
        let [whole, bytewise, random] = cuts(&bytes).map(|pieces| pieces.len());
        assert_eq!((whole, bytewise), (1, 1_000));
        assert!((2..1_000).contains(&random), "{random}");
    }
}
