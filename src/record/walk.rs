//! A line's names and values, as they come one after the other.

use super::fields::Fields;
use super::names::{Found, Name, Names, PART_OF_ADDRESS, Place, find_documented};
use super::shape::Shape;
use super::span::Span;
use super::validate::address;
use crate::json;

/// Follows the names of a line, gives its values to the fields, and notes its shape.
#[derive(Debug, Default)]
pub(super) struct Walk {
    pub(super) names: Names,
    pub(super) shape: Shape,
    place: Place,
    /// The line has an address as `remote.addr`. A caller who closes the container makes `addr`, or `k.addr`, of the
    /// gateway's own, which counts where it is an address: others use such names for other things.
    has_remote_address: bool,
    scratch: Vec<u8>,
}

impl Walk {
    pub(super) fn clear(&mut self) {
        self.names.clear();
        self.shape.clear();
        self.place = Place::First;
        self.has_remote_address = false;
    }

    /// Names the next value.
    pub(super) fn name(&mut self, name: &[u8]) {
        if name.contains(&b'\\') {
            self.scratch.clear();
            json::unescape(name, &mut self.scratch);
            self.names.name(&self.scratch);
            self.shape.push(&self.scratch);
        } else {
            self.names.name(name);
            self.shape.push(name);
        }
    }

    /// Names a value without escapes, and returns the field that it is one of, and its place. `None`: that only the
    /// value tells.
    pub(super) fn plain_value(&mut self, name: &[u8]) -> Option<(Option<Found>, Place)> {
        self.shape.push(name);
        let is_outermost = self.names.depth() == 1;
        let documented = is_outermost.then(|| find_documented(name)).flatten();
        let (found, place_after) = match documented {
            Some(name) => (
                name.map(Found::own),
                name.map_or(Place::First, Name::place_after),
            ),
            None => {
                self.names.name(name);
                if !is_outermost && self.names.is_part_of_address() {
                    return None;
                }
                let found = self.names.find();
                (found, self.names.place_after(found.map(|found| found.name)))
            }
        };
        if let Some(found) = found {
            self.shape.mark_field(found.name.0);
        }
        if place_after > Place::First {
            self.shape.mark_controlled();
        }
        let place = self.place;
        self.place = place.max(place_after);
        Some((found, place))
    }

    /// The value of the last name, or another one in its array.
    pub(super) fn value(&mut self, value: Span, line: &[u8], fields: &mut Fields) {
        let found = self.names.find();
        if let Some(found) = found {
            fields.set(found, value, line, self.place);
            self.shape.mark_field(found.name.0);
            self.has_remote_address |= self.names.is_part_of_address();
        } else if self.has_remote_address
            && self.names.is_part_of_address()
            && address(value.of(line)).is_some()
        {
            fields.set(PART_OF_ADDRESS, value, line, self.place);
        }
        let place = self.names.place_after(found.map(|found| found.name));
        if place > Place::First {
            self.shape.mark_controlled();
        }
        self.place = self.place.max(place);
    }
}
