//! Places in a line.

/// A part of the line, from and to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: usize,
    pub(super) to: usize,
}

impl Span {
    pub(super) fn new(from: usize, to: usize) -> Self {
        Self { from, to }
    }

    pub(super) fn of(self, line: &[u8]) -> &[u8] {
        &line[self.from..self.to]
    }
}

/// How many bytes of whitespace `text` begins with.
pub(super) fn whitespace(text: &[u8]) -> usize {
    text.iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
        .count()
}
