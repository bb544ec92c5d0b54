//! Records that the Kinesis Producer Library has put together from several: `f3 89 9a c2`, a message of protocol
//! buffers with the user records in it, and its MD5 (DESIGN.md, "Kinesis Producer Library").
//!
//! Only the user records are read. The tables of keys beside them, and fields that are unknown, are passed over.

/// What such a record begins with.
pub(super) const MAGIC: &[u8] = b"\xf3\x89\x9a\xc2";

const CHECKSUM: usize = 16;

/// The field of the message that has a user record, and the one of a user record that has its data.
const RECORDS: u64 = 3;
const DATA: u64 = 3;

/// The data of each user record.
///
/// # Errors
///
/// Where the record is not whole: at which of its bytes. Nothing is handed out of such a one.
#[cold]
pub(crate) fn user_records(record: &[u8]) -> Result<impl Iterator<Item = &[u8]>, usize> {
    let whole = record.len().checked_sub(CHECKSUM);
    let message = whole.and_then(|end| record.get(MAGIC.len()..end));
    let message = message.ok_or(record.len())?;
    let end = MAGIC.len() + message.len();
    if md5(message)[..] != record[end..] {
        return Err(end);
    }
    // Once before any is handed out, so that none is if one of them is broken.
    let mut fields = Fields(message);
    loop {
        let at = end - fields.0.len();
        match fields.next() {
            None => break,
            Some(Some((RECORDS, record))) if data(record).is_none() => return Err(at),
            Some(Some(_)) => {}
            Some(None) => return Err(at),
        }
    }
    let records = Fields(message)
        .flatten()
        .filter(|(number, _)| *number == RECORDS);
    Ok(records.filter_map(|(_, bytes)| data(bytes)))
}

/// The data of a user record. Of several the last counts, as protocol buffers have it.
fn data(record: &[u8]) -> Option<&[u8]> {
    let mut data = None;
    for field in Fields(record) {
        let (number, bytes) = field?;
        if number == DATA {
            data = Some(bytes);
        }
    }
    data
}

/// The fields of a message, each with its bytes and, if it has a length, its number. `None` for a broken one, with
/// which they end.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Option<(u64, &'a [u8])>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Option<(u64, &'a [u8])> {
        const VARINT: u64 = 0;
        const FIXED_64: u64 = 1;
        const LENGTH: u64 = 2;
        const FIXED_32: u64 = 5;
        let tag = self.varint()?;
        let length = match tag & 7 {
            VARINT => {
                self.varint()?;
                0
            }
            FIXED_64 => 8,
            LENGTH => self.varint()?,
            FIXED_32 => 4,
            _ => return None,
        };
        let (bytes, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        // A number that is no field's, so that one of another type is not taken for the data.
        Some((if tag & 7 == LENGTH { tag >> 3 } else { 0 }, bytes))
    }

    /// Seven bits in each byte, the lowest first, as long as the top bit is set.
    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }
}

/// RFC 1321. It tells whether a record is whole, and is no defence against anybody.
fn md5(message: &[u8]) -> [u8; CHECKSUM] {
    const SHIFTS: [[u32; 4]; 4] = [
        [7, 12, 17, 22],
        [5, 9, 14, 20],
        [4, 11, 16, 23],
        [6, 10, 15, 21],
    ];
    let mut state = [0x6745_2301_u32, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    let mut take = |block: &[u8]| {
        let [mut a, mut b, mut c, mut d] = state;
        for step in 0..64 {
            let (mix, at) = match step / 16 {
                0 => (d ^ (b & (c ^ d)), step),
                1 => (c ^ (d & (b ^ c)), 5 * step + 1),
                2 => (b ^ c ^ d, 3 * step + 5),
                _ => (c ^ (b | !d), 7 * step),
            };
            let word = &block[at % 16 * 4..][..4];
            let word = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
            let sum = a
                .wrapping_add(mix)
                .wrapping_add(word)
                .wrapping_add(SINES[step]);
            (a, d, c) = (d, c, b);
            b = b.wrapping_add(sum.rotate_left(SHIFTS[step / 16][step % 4]));
        }
        for (sum, part) in state.iter_mut().zip([a, b, c, d]) {
            *sum = sum.wrapping_add(part);
        }
    };
    let mut blocks = message.chunks_exact(64);
    (&mut blocks).for_each(&mut take);
    // A one bit, zeros, and the length in bits.
    let rest = blocks.remainder();
    let mut end = [0; 128];
    end[..rest.len()].copy_from_slice(rest);
    end[rest.len()] = 0x80;
    let padded = if rest.len() < 56 { 64 } else { 128 };
    end[padded - 8..padded].copy_from_slice(&(message.len() as u64 * 8).to_le_bytes());
    end[..padded].chunks(64).for_each(&mut take);
    let mut sum = [0; CHECKSUM];
    for (bytes, part) in sum.chunks_mut(4).zip(state) {
        bytes.copy_from_slice(&part.to_le_bytes());
    }
    sum
}

/// The integer part of 2³² times the sine of each step's number.
static SINES: [u32; 64] = [
    0xd76a_a478,
    0xe8c7_b756,
    0x2420_70db,
    0xc1bd_ceee,
    0xf57c_0faf,
    0x4787_c62a,
    0xa830_4613,
    0xfd46_9501,
    0x6980_98d8,
    0x8b44_f7af,
    0xffff_5bb1,
    0x895c_d7be,
    0x6b90_1122,
    0xfd98_7193,
    0xa679_438e,
    0x49b4_0821,
    0xf61e_2562,
    0xc040_b340,
    0x265e_5a51,
    0xe9b6_c7aa,
    0xd62f_105d,
    0x0244_1453,
    0xd8a1_e681,
    0xe7d3_fbc8,
    0x21e1_cde6,
    0xc337_07d6,
    0xf4d5_0d87,
    0x455a_14ed,
    0xa9e3_e905,
    0xfcef_a3f8,
    0x676f_02d9,
    0x8d2a_4c8a,
    0xfffa_3942,
    0x8771_f681,
    0x6d9d_6122,
    0xfde5_380c,
    0xa4be_ea44,
    0x4bde_cfa9,
    0xf6bb_4b60,
    0xbebf_bc70,
    0x289b_7ec6,
    0xeaa1_27fa,
    0xd4ef_3085,
    0x0488_1d05,
    0xd9d4_d039,
    0xe6db_99e5,
    0x1fa2_7cf8,
    0xc4ac_5665,
    0xf429_2244,
    0x432a_ff97,
    0xab94_23a7,
    0xfc93_a039,
    0x655b_59c3,
    0x8f0c_cc92,
    0xffef_f47d,
    0x8584_5dd1,
    0x6fa8_7e4f,
    0xfe2c_e6e0,
    0xa301_4314,
    0x4e08_11a1,
    0xf753_7e82,
    0xbd3a_f235,
    0x2ad7_d2bb,
    0xeb86_d391,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        let mut out = vec![number << 3 | 2];
        let mut length = bytes.len();
        while length >= 0x80 {
            out.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
            length >>= 7;
        }
        out.push(u8::try_from(length).unwrap());
        [&out, bytes].concat()
    }

    fn whole(message: &[u8]) -> Vec<u8> {
        [MAGIC, message, &md5(message)].concat()
    }

    fn read(record: &[u8]) -> Result<Vec<Vec<u8>>, usize> {
        user_records(record).map(|records| records.map(<[u8]>::to_vec).collect())
    }

    #[test]
    fn checksums() {
        let digits = "1234567890".repeat(8);
        for (text, sum) in [
            ("", "d41d8cd98f00b204e9800998ecf8427e"),
            ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
            (&digits, "57edf4a22be3c955ac49da2e2107b67a"),
            (&digits[..55], "c9ccf168914a1bcfc3229f1948e67da0"),
            (&digits[..56], "49f193adce178490e34d1b3a4ec0064c"),
            (&digits[..64], "eb6c4179c0a7c82cc2828c1e6338e165"),
        ] {
            let hex: String = md5(text.as_bytes())
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            assert_eq!(hex, sum, "{text}");
        }
    }

    /// Two user records between tables and unknown fields of every type.
    fn message() -> Vec<u8> {
        let tag = field(4, &field(1, b"key"));
        let long = "x".repeat(300);
        [
            field(1, b"partition"),
            field(2, b"123"),
            field(
                3,
                &[&b"\x08\x00\x10\x96\x01"[..], &field(3, b"one"), &tag].concat(),
            ),
            b"\x78\x01\x79\x01\x02\x03\x04\x05\x06\x07\x08\x7d\x01\x02\x03\x04".to_vec(),
            field(
                3,
                &[
                    &field(3, b"not the last"),
                    &field(3, long.as_bytes())[..],
                    b"\x08\x00",
                ]
                .concat(),
            ),
        ]
        .concat()
    }

    #[test]
    fn user_records_are_found() {
        let expected = vec![b"one".to_vec(), "x".repeat(300).into_bytes()];
        assert_eq!(read(&whole(&message())), Ok(expected));
        assert_eq!(read(&whole(b"")), Ok(vec![]));
        assert_eq!(read(&whole(&field(3, &field(3, b"")))), Ok(vec![vec![]]));
    }

    #[test]
    fn the_data_has_a_length() {
        let user_record = [&b"\x18\x07"[..], &field(3, b"one"), b"\x18\x07"].concat();
        let message = [&b"\x18\x07"[..], &field(3, &user_record), b"\x1d\0\0\0\0"].concat();
        assert_eq!(read(&whole(&message)), Ok(vec![b"one".to_vec()]));
        assert!(read(&whole(&field(3, b"\x18\x07"))).is_err());
    }

    /// Whatever is cut off, nothing is handed out, and neither is anything of a message that is broken under a
    /// checksum of its own.
    #[test]
    fn what_is_not_whole_is_an_error() {
        let record = whole(&message());
        for length in 0..record.len() {
            assert!(
                read(&record[..length.max(MAGIC.len())]).is_err(),
                "{length}"
            );
        }
        for at in MAGIC.len()..record.len() {
            let mut record = record.clone();
            record[at] ^= 1;
            assert_eq!(read(&record), Err(record.len() - CHECKSUM), "{at}");
        }
        let message = message();
        let begins = [0, 11, 16];
        for length in 0..message.len() {
            // Bytes of any kind, but no panic. At the end of a field it is a message.
            let found = read(&whole(&message[..length]));
            if begins.contains(&length) {
                assert_eq!(found, Ok(vec![]), "{length}");
            }
        }
        for (name, message) in [
            ("a tag without a value", &b"\x08"[..]),
            (
                "a number without end",
                b"\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
            ),
            ("a length beyond the end", b"\x1a\x05\x1a\x01x"),
            (
                "a length beyond any memory",
                b"\x1a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            ),
            ("a group", b"\x0b\x0c"),
            ("a type that is none", b"\x0f"),
            ("a user record without data", b"\x1a\x02\x08\x00"),
            (
                "a user record whose data goes on after it",
                b"\x1a\x03\x1a\x02x",
            ),
            ("a fixed number that is cut off", b"\x09\x01\x02"),
        ] {
            assert!(read(&whole(message)).is_err(), "{name}");
        }
    }
}
