//! Ids by which documents are known again. They become part of what is sent to the Node, and come from messages
//! that anybody with access to a queue can write.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hasher};

/// The longest id that is used as it is. Those of AWS have at most 56 characters.
const MAX_ID: usize = 128;

/// The id as it is where it can stand in a header and in JSON, else a digest of it: the same in each attempt.
pub(crate) fn usable_id(id: &str) -> Cow<'_, str> {
    if (1..=MAX_ID).contains(&id.len()) && id.bytes().all(is_id_byte) {
        Cow::Borrowed(id)
    } else {
        Cow::Owned(digest(id))
    }
}

/// Whether a byte can stand in an id that is put into a header and into JSON as it is.
pub(crate) fn is_id_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_=".contains(&byte)
}

/// Sixteen digits that differ between two texts. They are no defence against whoever looks for two with the same
/// ones: that would be somebody who writes whole messages anyway.
pub(super) fn digest(text: &str) -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write(text.as_bytes());
    format!("{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_short_and_of_safe_characters() {
        for id in [
            "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
            "a_=",
            &"7".repeat(128),
        ] {
            assert_eq!(usable_id(id), id);
        }
        let others = [
            "",
            "a b",
            "a\r\nb",
            "é",
            "a/b",
            &"7".repeat(129),
            &"7".repeat(100_000),
        ];
        let digests: std::collections::BTreeSet<_> = others.map(usable_id).into();
        assert_eq!(digests.len(), others.len());
        for (id, other) in digests.iter().zip(others) {
            assert!(id.len() == 16 && usable_id(id) == *id, "{other:.20}: {id}");
            assert_eq!(usable_id(other), usable_id(other));
        }
    }
}
