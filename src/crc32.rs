//! CRC-32 as gzip uses it (RFC 1952 §8: reflected polynomial `0xEDB8_8320`).
//!
//! The fast path takes sixteen bytes a step from sixteen tables. Every byte that an event inflates
//! to goes through here, so that the plain bytewise loop would cost more than inflating does.

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
        let mut crc = self.0;
        let mut blocks = bytes.chunks_exact(16);
        for block in &mut blocks {
            // The running value only reaches into the first four bytes of a block.
            let head = u32::from_le_bytes([block[0], block[1], block[2], block[3]]) ^ crc;
            let [a, b, c, d] = head.to_le_bytes();
            // What does not depend on the block before comes first, so that its loads do not wait
            // for it.
            let independent = TABLES[11][usize::from(block[4])]
                ^ TABLES[10][usize::from(block[5])]
                ^ TABLES[9][usize::from(block[6])]
                ^ TABLES[8][usize::from(block[7])]
                ^ TABLES[7][usize::from(block[8])]
                ^ TABLES[6][usize::from(block[9])]
                ^ TABLES[5][usize::from(block[10])]
                ^ TABLES[4][usize::from(block[11])]
                ^ TABLES[3][usize::from(block[12])]
                ^ TABLES[2][usize::from(block[13])]
                ^ TABLES[1][usize::from(block[14])]
                ^ TABLES[0][usize::from(block[15])];
            crc = (TABLES[15][usize::from(a)] ^ TABLES[14][usize::from(b)])
                ^ (TABLES[13][usize::from(c)] ^ TABLES[12][usize::from(d)])
                ^ independent;
        }
        for &byte in blocks.remainder() {
            let [low, ..] = (crc ^ u32::from(byte)).to_le_bytes();
            crc = TABLES[0][usize::from(low)] ^ (crc >> 8);
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

/// `TABLES[k][b]` is the CRC of the byte `b` followed by `k` zero bytes.
static TABLES: [[u32; 256]; 16] = tables();

const fn tables() -> [[u32; 256]; 16] {
    let mut tables = [[0; 256]; 16];
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
    while zeros < 16 {
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
}
