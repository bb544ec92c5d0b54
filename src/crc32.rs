//! CRC-32 as gzip uses it (RFC 1952 §8: reflected polynomial `0xEDB8_8320`).
//!
//! Every byte that an event inflates to goes through here, so that the plain bytewise loop would cost more than
//! inflating does. Long pieces are folded: see [`fold`]. Short ones, and what folding leaves, take eight bytes a step
//! from eight tables.

/// A running CRC-32.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Crc32(u32);

impl Crc32 {
    /// The checksum of no bytes yet.
    pub(crate) const fn new() -> Self {
        Self(!0)
    }

    /// Takes the next bytes in.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks();
        let steps = words.len().saturating_sub(REACH) / STEP;
        let (folded, words) = words.split_at(if steps < MIN_STEPS { 0 } else { steps * STEP });
        if folded.is_empty() {
            self.take(words);
        } else {
            let (next, words) = words.split_at(REACH);
            let sums = fold(self.0, folded);
            self.0 = 0;
            for (next, sum) in next.iter().zip(sums) {
                self.take(&[(u64::from_le_bytes(*next) ^ sum).to_le_bytes()]);
            }
            self.take(words);
        }
        for &byte in rest {
            let [low, ..] = (self.0 ^ u32::from(byte)).to_le_bytes();
            self.0 = TABLES[0][usize::from(low)] ^ (self.0 >> 8);
        }
    }

    fn take(&mut self, words: &[[u8; WORD]]) {
        let mut crc = self.0;
        for word in words {
            // The running value only reaches into the first four bytes of a word.
            let word = u64::from_le_bytes(*word) ^ u64::from(crc);
            let [a, b, c, d, e, f, g, h] = word.to_le_bytes();
            // What does not depend on the word before comes first, so that its loads do not wait
            // for it.
            let independent = TABLES[3][usize::from(e)]
                ^ TABLES[2][usize::from(f)]
                ^ TABLES[1][usize::from(g)]
                ^ TABLES[0][usize::from(h)];
            crc = (TABLES[7][usize::from(a)] ^ TABLES[6][usize::from(b)])
                ^ (TABLES[5][usize::from(c)] ^ TABLES[4][usize::from(d)])
                ^ independent;
        }
        self.0 = crc;
    }

    /// The checksum of all bytes taken in so far.
    pub(crate) const fn value(self) -> u32 {
        !self.0
    }
}

impl Default for Crc32 {
    fn default() -> Self {
        Self::new()
    }
}

/// In words of eight bytes: what stands this far before a word is added to it.
///
/// A checksum is the remainder by the polynomial, in which addition is the exclusive or. Of the multiples of the
/// polynomial whose exponents are all multiples of 64, x^(64·300) + x^(64·155) + x^(64·117) + x^(64·89) + 1 is the
/// lowest with five terms. So the remainder stays the same when a word becomes zero, and is added to the words that
/// follow 145, 183, 211 and 300 words later. Nothing is looked up, and the compiler makes vector instructions of it:
/// 0.8 instructions a byte on x86-64, where sixteen tables took 2.4.
const BACK: [usize; 4] = [300, 211, 183, 145];

/// How far a word reaches.
const REACH: usize = BACK[0];

/// How many words are folded together: none of them reaches another one.
const STEP: usize = 144;

/// From so many steps on, folding is faster than the tables.
const MIN_STEPS: usize = 2;

/// How many bytes a word has.
const WORD: usize = size_of::<u64>();

/// Folds whole steps. Returns what is to be added to the words that follow.
fn fold(crc: u32, bytes: &[[u8; WORD]]) -> [u64; REACH] {
    // What reaches the next words, and room for some steps, so that it rarely moves.
    let mut words = [0; REACH + 8 * STEP];
    let mut end = REACH;
    let mut begin = u64::from(crc);
    for step in bytes.as_chunks().0 {
        if end == words.len() {
            words.copy_within(end - REACH.., 0);
            end = REACH;
        }
        let (before, next) = words.split_at_mut(end);
        if let Some(next) = next.first_chunk_mut() {
            fold_step(next, before, step);
            next[0] ^= std::mem::take(&mut begin);
        }
        end += STEP;
    }
    let mut sums = [0; REACH];
    for back in BACK {
        for (sum, word) in sums.iter_mut().zip(&words[end - back..end]) {
            *sum ^= word;
        }
    }
    sums
}

/// A function of its own, so that the compiler knows that nothing overlaps.
#[inline(never)]
fn fold_step(next: &mut [u64; STEP], before: &[u64], step: &[[u8; WORD]; STEP]) {
    let [Some(a), Some(b), Some(c), Some(d)] = BACK.map(|back| {
        let from = before.len().checked_sub(back)?;
        before.get(from..)?.first_chunk::<STEP>()
    }) else {
        return;
    };
    for at in 0..STEP {
        next[at] = u64::from_le_bytes(step[at]) ^ a[at] ^ b[at] ^ c[at] ^ d[at];
    }
}

/// `TABLES[k][b]` is the CRC of the byte `b` followed by `k` zero bytes.
static TABLES: [[u32; 256]; 8] = tables();

const fn tables() -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        #[allow(clippy::cast_possible_truncation, reason = "`byte` is below 256")]
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ 0xEDB8_8320
            } else {
                crc >> 1
            };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut zeros = 1;
    while zeros < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[zeros - 1][byte];
            tables[zeros][byte] = (before >> 8) ^ tables[0][(before & 0xff) as usize];
            byte += 1;
        }
        zeros += 1;
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, bit by bit: the oracle.
    fn bitwise(bytes: &[u8]) -> u32 {
        let mut crc = !0_u32;
        for &byte in bytes {
            crc ^= u32::from(byte);
            for _ in 0..8 {
                crc = if crc & 1 == 1 {
                    (crc >> 1) ^ 0xEDB8_8320
                } else {
                    crc >> 1
                };
            }
        }
        !crc
    }

    fn crc32(bytes: &[u8]) -> u32 {
        let mut crc = Crc32::new();
        crc.update(bytes);
        crc.value()
    }

    #[test]
    fn check_value() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(crc32(b""), 0);
    }

    #[test]
    fn equals_the_bitwise_definition_at_every_split() {
        let bytes: Vec<u8> = (0..100_u8).map(|i| i.wrapping_mul(91) ^ 0x5a).collect();
        for length in 0..bytes.len() {
            assert_eq!(crc32(&bytes[..length]), bitwise(&bytes[..length]));
            let mut crc = Crc32::new();
            crc.update(&bytes[..length]);
            crc.update(&bytes[length..]);
            assert_eq!(crc.value(), bitwise(&bytes));
        }
    }

    /// The table of single bytes, which the test before holds to the definition, is the oracle of folding.
    #[test]
    fn folding_equals_the_tables_at_every_length() {
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let bytes: Vec<u8> = (0..12 * STEP * WORD)
            .map(|_| {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                random.to_le_bytes()[0]
            })
            .collect();
        let mut plain = Crc32::new();
        for length in 0..bytes.len() {
            let is_near_a_step = length % (STEP * WORD) < 3 * WORD;
            if is_near_a_step || length % 97 == 0 {
                assert_eq!(crc32(&bytes[..length]), plain.value(), "{length}");
            }
            // One byte has no word, so that it is not folded.
            plain.update(&bytes[length..=length]);
        }
        // It goes on from what was taken in before, and after it.
        let mut crc = Crc32::new();
        for piece in [&bytes[..7], &bytes[7..9_000], &bytes[9_000..]] {
            crc.update(piece);
        }
        assert_eq!(crc.value(), plain.value());
        assert_eq!(crc.value(), bitwise(&bytes));
    }

    /// Each distance: a word is the same as its four copies.
    #[test]
    fn the_multiple_of_the_polynomial_is_one() {
        let one_at = |words: &[usize]| {
            let mut bytes = vec![0; (REACH + 1) * WORD];
            for word in words {
                bytes[word * WORD] ^= 1;
            }
            bitwise(&bytes)
        };
        assert_eq!(one_at(&[0]), one_at(&BACK));
    }
}
