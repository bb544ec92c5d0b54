//! Lines that are not JSON, because a value came with a bare quote, or a lone `-` stands for a number.
//!
//! The scan looks for `"name":value` pairs, and takes a quote as the end of a value only where the next pair, or
//! the end of the line, follows.

use super::fields::Fields;
use super::names::{MAX_NAME, Names};
use super::span::{Span, whitespace};

/// Reads the fields of a line.
pub(super) fn read(line: &[u8], names: &mut Names, fields: &mut Fields) {
    names.clear();
    fields.clear();
    let mut at = 0;
    while let Some(&byte) = line.get(at) {
        match byte {
            b'}' | b']' => names.close(),
            b'"' => {
                let Some((name, after)) = name_at(&line[at..]) else {
                    at += 1;
                    continue;
                };
                names.name(name);
                at += after;
                let (value, next) = match line.get(at) {
                    Some(bracket @ (b'{' | b'[')) => {
                        names.open(*bracket == b'[');
                        (None, at + 1)
                    }
                    Some(b'"') => {
                        let (value, next) = quoted_value(line, at + 1);
                        let end = value.map_or(next, |value| value.to);
                        fields.contradictory |= holds_field(&line[at + 1..end]);
                        (value, next)
                    }
                    _ => bare_value(line, at),
                };
                if let (Some(value), Some(name)) = (value, names.find()) {
                    fields.set(name, value, line);
                }
                at = next;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
}

/// A name at the front of `text`, which begins with a quote, and where its value begins.
pub(super) fn name_at(text: &[u8]) -> Option<(&[u8], usize)> {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.-$".contains(byte);
    let length = text[1..]
        .iter()
        .take(MAX_NAME)
        .take_while(|byte| is_name(byte))
        .count();
    let name = &text[1..=length];
    if name.is_empty() || text.get(length + 1) != Some(&b'"') {
        return None;
    }
    let colon = length + 2 + whitespace(&text[length + 2..]);
    if text.get(colon) != Some(&b':') {
        return None;
    }
    Some((name, colon + 1 + whitespace(&text[colon + 1..])))
}

/// The value whose opening quote stands before `from`, and where to go on. A value that the line
/// cuts off is no value.
fn quoted_value(line: &[u8], from: usize) -> (Option<Span>, usize) {
    let mut at = from;
    while let Some(&byte) = line.get(at) {
        match byte {
            b'\\' => at += 1,
            b'"' if ends_value(&line[at + 1..]) => return (Some(Span::new(from, at)), at + 1),
            _ => {}
        }
        at += 1;
    }
    (None, line.len())
}

/// Whether a value that runs on to a later quote than it may seem to holds what could be a field of
/// ours: `\` before a quote that was meant to end it hides the end, and all up to the next one.
fn holds_field(value: &[u8]) -> bool {
    let mut names = Names::default();
    let mut at = 0;
    while let Some(&byte) = value.get(at) {
        match byte {
            b'\\' => at += 1,
            b'"' => {
                if let Some((name, _)) = name_at(&value[at..]) {
                    names.name(name);
                    if names.find().is_some() {
                        return true;
                    }
                }
            }
            _ => {}
        }
        at += 1;
    }
    false
}

/// Whether `rest` is what can follow a value: nothing, closing brackets, or a comma and a name.
fn ends_value(rest: &[u8]) -> bool {
    /// More than any format nests; without a limit a line of brackets would take quadratic time.
    const MAX_CLOSING: usize = 16;
    let mut rest = rest;
    for _ in 0..MAX_CLOSING {
        rest = &rest[whitespace(rest)..];
        match rest.first() {
            None => return true,
            Some(b'}' | b']') => rest = &rest[1..],
            Some(b',') => {
                let name = &rest[1 + whitespace(&rest[1..])..];
                return name.first() == Some(&b'"') && name_at(name).is_some();
            }
            Some(_) => return false,
        }
    }
    false
}

/// The number, word or lone `-` at `from`, and where to go on.
fn bare_value(line: &[u8], from: usize) -> (Option<Span>, usize) {
    match line[from..]
        .iter()
        .position(|byte| matches!(byte, b',' | b'}' | b']'))
    {
        Some(length) => {
            let text = line[from..from + length].trim_ascii_end();
            (Some(Span::new(from, from + text.len())), from + length)
        }
        None => (None, line.len()),
    }
}
