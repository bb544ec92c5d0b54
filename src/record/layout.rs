//! What the plain lines of one stage have in common: all but their values.
//!
//! A stage writes each line from one template, so that the text between the values, once read, need
//! only be compared in the next line. A line of the documented format then takes half the
//! instructions (4,700 instead of 8,900 on x86-64), and the result is the same: where this text
//! stands between the values, the line has the names, whitespace and separators of the one that was
//! learned.

use super::fields::Fields;
use super::names::{Found, Place};
use super::shape::Shape;
use super::span::Span;
use crate::json;

/// The most values, and the most text between them, that are learned: twice what the longest
/// template of a stage may have. A line with more is read anew each time.
const MAX_VALUES: usize = 128;
const MAX_TEXT: usize = 6 * 1024;

/// A value of a plain line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Value {
    pub(super) span: Span,
    /// It is a number or a word, without quotes.
    pub(super) is_scalar: bool,
    /// The field that its name stands for.
    pub(super) found: Option<Found>,
    pub(super) place: Place,
}

/// A value that was learned.
#[derive(Debug, Clone, Copy)]
struct Learned {
    /// The text before it.
    before: Span,
    is_scalar: bool,
    field: Option<(Found, Place)>,
}

/// A line that was learned.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// The text before the first value, between each two, and after the last, one after the other.
    text: Vec<u8>,
    values: Vec<Learned>,
    pub(super) shape: Shape,
    /// The version of the document's shapes among which this one's was found to be right. 0: none.
    pub(super) checked_at: u64,
}

impl Layout {
    /// Learns a line from the values that were found in it. Returns whether it is short enough.
    pub(super) fn learn(&mut self, line: &[u8], values: &[Value], shape: &Shape) -> bool {
        self.text.clear();
        self.values.clear();
        self.checked_at = 0;
        self.shape.clone_from(shape);
        let in_values: usize = values.iter().map(|value| value.span.of(line).len()).sum();
        if values.len() > MAX_VALUES || line.len() - in_values > MAX_TEXT {
            return false;
        }
        let mut at = 0;
        for value in values {
            let from = self.text.len();
            self.text.extend_from_slice(&line[at..value.span.from()]);
            let before = Span::new(from, self.text.len());
            self.values.push(Learned {
                before,
                is_scalar: value.is_scalar,
                field: value.found.map(|found| (found, value.place)),
            });
            at = value.span.to();
        }
        self.text.extend_from_slice(&line[at..]);
        true
    }

    /// Reads a line that has the same layout. Returns whether a field's value has escapes of its own. `None`: it has
    /// another one, and `fields` can't be used.
    pub(super) fn read<const IS_RAW: bool>(
        &self,
        line: &[u8],
        fields: &mut Fields,
    ) -> Option<bool> {
        let mut has_escapes = false;
        let mut at = 0;
        let mut end_of_text = 0;
        for &Learned {
            before,
            is_scalar,
            field,
        } in &self.values
        {
            let before = before.of(&self.text);
            end_of_text += before.len();
            let rest = line[at..].strip_prefix(before)?;
            let from = line.len() - rest.len();
            // What ends the value is the beginning of the next text, and is compared with it.
            at = from
                + if is_scalar {
                    let length = json::scalar_length(rest);
                    json::check_scalar(&rest[..length]).ok()?;
                    length
                } else if IS_RAW {
                    let (end, is_escaped) = json::raw_string_end(rest)?;
                    has_escapes |= is_escaped && field.is_some();
                    end
                } else {
                    let end = json::find_backslash(rest)?;
                    if rest.get(end + 1) == Some(&b'\\') {
                        has_escapes |= field.is_some();
                        json::end_after_escapes(rest, end)?
                    } else {
                        end
                    }
                };
            if let Some((found, place)) = field {
                fields.set(found, Span::new(from, at), line, place);
            }
        }
        let is_known = !self.values.is_empty() && line[at..] == self.text[end_of_text..];
        is_known.then_some(has_escapes)
    }
}
