//! The names of a line in their order, and what the lines of one document tell of each other by them.
//!
//! A value that comes unescaped can bring names, but it can only add them to those of its stage's template,
//! right after the name whose value it is. So where another line of the document has the same names without the
//! added ones, the added ones may be a caller's. Another stage's template differs elsewhere too.

use super::names::{ESSENTIAL, Field, IDENTITY};
use crate::fnv;

/// In the hash of a name: a caller controls its value,
const CONTROLLED: u64 = 1;

/// and, a bit for each field of `IDENTITY`, its value is one of that field's.
const FIRST_FIELD: u32 = 1;
const FIELDS: u64 = ((1 << IDENTITY.len()) - 1) << FIRST_FIELD;

/// That of a field.
fn bit(field: Field) -> u64 {
    let at = IDENTITY.iter().position(|identity| *identity == field);
    at.map_or(0, |at| 1 << FIRST_FIELD << at)
}

/// The most names of a line that are compared. A line with more counts as one that a caller has added to.
const MAX_NAMES: usize = 256;

/// The most names of a line to which others may have been added: what a `u128` has bits for. A template with more
/// would have 24 bytes for each field, `$context.` and quotes included.
const MAX_INNER: usize = 127;

/// The most shapes that are kept of a document. Of two of which one is the other with more names, only the
/// shorter one is needed, so that no caller can use them up by lines of a template that has had one of its own. Forged
/// lines of a template which has had none can: so one that lacks nothing makes room for one that lacks a field.
const MAX_SHAPES: usize = 16;

/// The names of a line at every depth, in their order.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Shape {
    /// The hash of each, whose lowest bits tell of its value.
    names: Vec<u64>,
    /// There are more names.
    is_cut: bool,
}

impl Shape {
    pub(super) fn clear(&mut self) {
        self.names.clear();
        self.is_cut = false;
    }

    pub(super) fn push(&mut self, name: &[u8]) {
        if self.names.len() == MAX_NAMES {
            self.is_cut = true;
            return;
        }
        let hash = fnv::extend(fnv::EMPTY, name);
        self.names.push(hash & !(CONTROLLED | FIELDS));
    }

    /// A caller controls the value of the last name.
    pub(super) fn mark_controlled(&mut self) {
        self.mark(CONTROLLED);
    }

    /// The value of the last name is one of this field's.
    pub(super) fn mark_field(&mut self, field: Field) {
        self.mark(bit(field));
    }

    fn mark(&mut self, bits: u64) {
        if let Some(name) = self.names.last_mut().filter(|_| !self.is_cut) {
            *name |= bits;
        }
    }

    /// Whether `self` is `inner` with more names, and each of them was added right after a name whose value a caller
    /// controls, or after another that was added.
    fn extends(&self, inner: &Self) -> bool {
        self.adds(inner, u64::MAX)
    }

    /// Whether it does so, and one of the added names has one of these bits; all names have those of `u64::MAX`.
    fn adds(&self, inner: &Self, bits: u64) -> bool {
        if self.is_cut {
            return true;
        }
        // Bit n stands for: of `inner`, n names have been found so far.
        let controlled = inner.names.iter().enumerate();
        let controlled = controlled.fold(0_u128, |bits, (at, name)| {
            bits | u128::from(name & CONTROLLED) << (at + 1)
        });
        let end = 1_u128 << inner.names.len();
        let mut found = 1_u128;
        // The same, where a name with one of the bits was added before.
        let mut brings = 0_u128;
        for name in &self.names {
            let added = found & controlled;
            let is_meant = bits == u64::MAX || name & bits != 0;
            let mut next = added;
            let mut next_brings = if is_meant { added } else { brings & controlled };
            let mut rest = found & !end;
            while rest != 0 {
                let at = rest.trailing_zeros() as usize;
                rest &= rest - 1;
                if (inner.names[at] ^ name) & !(CONTROLLED | FIELDS) == 0 {
                    next |= 1 << (at + 1);
                    next_brings |= (brings >> at & 1) << (at + 1);
                }
            }
            (found, brings) = (next, next_brings);
            if found == 0 {
                return false;
            }
        }
        brings & end != 0
    }
}

/// A set of the fields that say what was called, or by whom: a bit for each of `IDENTITY`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct FieldSet(u16);

impl FieldSet {
    /// Those that every line has, or should.
    pub(super) const ESSENTIAL: Self = Self((1 << ESSENTIAL) - 1);

    pub(super) fn insert(&mut self, field: Field) {
        let at = IDENTITY.iter().position(|identity| *identity == field);
        self.0 |= at.map_or(0, |at| 1 << at);
    }

    /// Its fields, each with its place in `IDENTITY`.
    #[inline]
    pub(super) fn fields(self) -> impl Iterator<Item = (usize, Field)> + Clone {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let at = rest.trailing_zeros() as usize;
            rest &= rest.wrapping_sub(1);
            Some((at, *IDENTITY.get(at)?))
        })
    }

    pub(super) fn contains(self, field: Field) -> bool {
        self.fields().any(|(_, known)| known == field)
    }

    /// Whether it has the field at this place of `IDENTITY`.
    pub(super) fn has(self, at: usize) -> bool {
        self.0 >> at & 1 == 1
    }

    fn lacks_any(self) -> bool {
        self.0 & Self::ESSENTIAL.0 != Self::ESSENTIAL.0
    }
}

/// The shapes of one document's lines.
#[derive(Debug)]
pub(super) struct Shapes {
    known: Vec<Known>,
    /// Changes with each document, and with each change of what is known.
    version: u64,
}

#[derive(Debug)]
struct Known {
    shape: Shape,
    has: FieldSet,
    /// It has two values of a field that may differ.
    has_exception: bool,
    /// More than one line has it.
    is_common: bool,
}

impl Shapes {
    pub(super) fn new() -> Self {
        Self {
            known: Vec::new(),
            version: 1,
        }
    }

    /// Forgets what is known: another document begins.
    pub(super) fn clear(&mut self) {
        self.known.clear();
        self.version += 1;
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// Notes the shape of a line.
    pub(super) fn observe(&mut self, shape: &Shape, has: FieldSet, has_exception: bool) {
        if shape.is_cut || shape.names.len() > MAX_INNER {
            return;
        }
        if let Some(known) = self.known.iter_mut().find(|known| known.shape == *shape) {
            known.is_common = true;
            return;
        }
        if self.known.iter().any(|known| shape.extends(&known.shape)) {
            return;
        }
        let count = self.known.len();
        self.known.retain(|known| !known.shape.extends(shape));
        if self.known.len() == count && count == MAX_SHAPES {
            let is_spare = |known: &Known| !known.has.lacks_any() && !known.has_exception;
            let spare = self.known.iter().position(is_spare);
            let Some(spare) = spare.filter(|_| has.lacks_any()) else {
                return;
            };
            self.known.swap_remove(spare);
        }
        self.known.push(Known {
            shape: shape.clone(),
            has,
            has_exception,
            is_common: false,
        });
        self.version += 1;
    }

    /// A field of a line that others lack, and that a caller may have added.
    pub(super) fn added_field(&self, shape: &Shape, has: FieldSet) -> Option<Field> {
        self.known.iter().find_map(|known| {
            let mut fields = IDENTITY.into_iter().enumerate();
            let (_, field) = fields.find(|(at, _)| has.has(*at) && !known.has.has(*at))?;
            shape.extends(&known.shape).then_some(field)
        })
    }

    /// One of these fields of which a caller may have added a value to those of another line, be it that the other has
    /// one too: a container that a caller closes turns the names after it, which were one with its name, into others.
    pub(super) fn added_value(
        &self,
        shape: &Shape,
        fields: impl Iterator<Item = Field> + Clone,
    ) -> Option<Field> {
        let all = fields.clone().fold(0, |all, field| all | bit(field));
        let mut known = self.known.iter();
        let known = known.find(|known| shape.adds(&known.shape, all))?;
        let mut fields = fields;
        fields.find(|field| shape.adds(&known.shape, bit(*field)))
    }

    /// Whether several lines have this shape, so that it may be their template's.
    pub(super) fn is_common(&self, shape: &Shape) -> bool {
        let known = self.known.iter().find(|known| known.shape == *shape);
        known.is_some_and(|known| known.is_common)
    }

    /// Whether a caller may have added names to those of another line.
    pub(super) fn may_be_extended(&self, shape: &Shape) -> bool {
        self.known.iter().any(|known| shape.extends(&known.shape))
    }
}
