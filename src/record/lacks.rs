//! What the format of skipped lines lacks, so that the operator can be told what to add to it.

/// What a line's format lacks of what a record needs, or what is wrong with it as a whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Lacks(u8);

impl Lacks {
    pub(crate) const NOTHING: Self = Self(0);
    /// It has no name for the host.
    pub(crate) const HOST: Self = Self(1);
    /// It has none for the path,
    pub(crate) const PATH: Self = Self(1 << 1);
    /// but one for the path's template.
    pub(crate) const PATH_BUT_TEMPLATE: Self = Self(1 << 2);
    /// It has none for the method.
    pub(crate) const METHOD: Self = Self(1 << 3);
    /// It is CLF, CSV, XML or text.
    pub(crate) const JSON: Self = Self(1 << 4);
    /// Its names are in single quotes.
    pub(crate) const DOUBLE_QUOTES: Self = Self(1 << 5);
    /// Its names have no quotes.
    pub(crate) const QUOTES: Self = Self(1 << 6);
    /// It has no name for the host, and a default one would do.
    pub(crate) const HOST_BUT_DEFAULT: Self = Self(1 << 7);

    pub(crate) fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }

    pub(crate) fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether something is wrong with the line as a whole.
    pub(crate) fn is_of_the_whole(self) -> bool {
        self.has(Self::JSON) || self.has(Self::DOUBLE_QUOTES) || self.has(Self::QUOTES)
    }

    pub(crate) fn is_nothing(self) -> bool {
        self == Self::NOTHING
    }

    /// Whether it has something that `other` has not.
    pub(crate) fn exceeds(self, other: Self) -> bool {
        self.0 & !other.0 != 0
    }
}
