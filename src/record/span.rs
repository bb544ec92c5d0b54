//! Places in a line.

/// A part of the line, from and to: in 32 bits each, which is more than a line has, since a record's fields are
/// cleared for each line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Span {
    from: u32,
    to: u32,
}

impl Span {
    pub(super) const NONE: Self = Self { from: 0, to: 0 };

    #[allow(clippy::cast_possible_truncation, reason = "a line has at most 64 KiB")]
    #[inline]
    pub(super) fn new(from: usize, to: usize) -> Self {
        Self {
            from: from as u32,
            to: to as u32,
        }
    }

    #[inline]
    pub(super) fn from(self) -> usize {
        self.from as usize
    }

    #[inline]
    pub(super) fn to(self) -> usize {
        self.to as usize
    }

    #[inline]
    pub(super) fn of(self, line: &[u8]) -> &[u8] {
        &line[self.from()..self.to()]
    }
}

/// How many bytes of whitespace `text` begins with.
pub(super) fn whitespace(text: &[u8]) -> usize {
    text.iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
        .count()
}
