//! What holds whatever the bytes are: each function takes any bytes, as a stranger would write them,
//! and panics where its property does not hold of them.
//!
//! `tests/fuzz` looks for such bytes, guided by coverage, and `cargo test` goes through its corpus.

mod answer;
mod event;
mod gzip;
mod line;
mod wire;

use std::borrow::Cow;

use crate::standin::sample::Random;

pub use self::{answer::answer, event::event, gzip::gzip, line::line, wire::wire};

/// A property of any bytes.
pub type Property = fn(&[u8]);

/// Each property by its name, which is that of its fuzz target and of its corpus.
pub const PROPERTIES: [(&str, Property); 5] = [
    ("answer", answer),
    ("event", event),
    ("gzip", gzip),
    ("line", line),
    ("wire", wire),
];

/// What an input begins with that stands for more bytes than it has, and what a run of them begins with:
/// it is followed by the run's length, in units of 512 bytes, and by the byte that is repeated.
const RUN: u8 = 0xfe;

/// What an input may stand for at most.
const MAX_EXPANDED: usize = 256 * 1024;

/// The bytes that an input stands for: itself, unless it begins with two bytes `0xfe`. The limits of
/// what is read lie beyond what a fuzzer comes to, since it only ever changes a few bytes.
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

/// Ways to cut bytes into pieces: whole, byte by byte, and at places which follow from the bytes, so
/// that an input fails again in the same way.
fn cuts(bytes: &[u8]) -> [Vec<&[u8]>; 3] {
    let seed = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut random = Random::new(seed);
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
