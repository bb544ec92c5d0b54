//! FNV-1a with 64 bits: a hash that is the same on each machine and with each compiler. It resists nobody who looks for
//! two texts with the same one.

/// The hash of no bytes.
pub(crate) const EMPTY: u64 = 0xcbf2_9ce4_8422_2325;

/// The hash of what `hash` is of, and of these bytes behind it.
#[inline]
pub(crate) fn extend(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hashes_are_those_of_the_published_test_vectors() {
        assert_eq!(extend(EMPTY, b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(extend(EMPTY, b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(extend(EMPTY, b"foobar"), 0x8594_4171_f739_67e8);
        assert_eq!(
            extend(extend(EMPTY, b"foo"), b"bar"),
            extend(EMPTY, b"foobar")
        );
    }
}
