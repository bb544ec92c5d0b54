//! DER (X.690), as far as a certificate needs it (RFC 5280 §4.1).

pub(crate) const BOOLEAN: u8 = 0x01;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;
// Those of RFC 5280: of a certificate's extensions, and of two kinds of names.
const EXTENSIONS: u8 = 0xa3;
pub(crate) const DNS_NAME: u8 = 0x82;
pub(crate) const IP_ADDRESS: u8 = 0x87;

/// 2.5.29.17
pub(crate) const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];

/// What is signed of a certificate: its fields, one after the other.
pub(crate) fn to_be_signed(der: &[u8]) -> Option<&[u8]> {
    let mut rest = der;
    let mut certificate = element(&mut rest, SEQUENCE)?;
    let to_be_signed = element(&mut certificate, SEQUENCE)?;
    element(&mut certificate, SEQUENCE)?;
    element(&mut certificate, BIT_STRING)?;
    (rest.is_empty() && certificate.is_empty()).then_some(to_be_signed)
}

/// The extensions of a certificate, one after the other. Only version 3 has them, as the last field.
pub(crate) fn extensions(to_be_signed: &[u8]) -> Option<&[u8]> {
    let mut rest = to_be_signed;
    loop {
        if let (EXTENSIONS, mut wrapped) = any_element(&mut rest)? {
            return element(&mut wrapped, SEQUENCE);
        }
    }
}

/// Takes the next extension: its id and its value.
pub(crate) fn extension<'a>(extensions: &mut &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    let mut extension = element(extensions, SEQUENCE)?;
    let id = element(&mut extension, OBJECT_IDENTIFIER)?;
    // Whether it is critical.
    if extension.first() == Some(&BOOLEAN) {
        element(&mut extension, BOOLEAN)?;
    }
    Some((id, element(&mut extension, OCTET_STRING)?))
}

/// Takes the next element, which has this tag.
pub(crate) fn element<'a>(rest: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    let (actual, content) = any_element(rest)?;
    (actual == tag).then_some(content)
}

/// Takes the next element: its tag and its content.
pub(crate) fn any_element<'a>(rest: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (&tag, after) = rest.split_first()?;
    let (&first, after) = after.split_first()?;
    let (length, after) = match first {
        0..=0x7f => (usize::from(first), after),
        0x81..=0x83 => {
            let (bytes, after) = after.split_at_checked(usize::from(first & 0x7f))?;
            let length = bytes
                .iter()
                .fold(0, |length, &b| length << 8 | usize::from(b));
            (length, after)
        }
        _ => return None,
    };
    let (content, after) = after.split_at_checked(length)?;
    *rest = after;
    Some((tag, content))
}
