//! Lines that are not JSON, because a value came with a bare quote, or a lone `-` stands for a number.
//!
//! The scan looks for `"name":value` pairs, and takes a quote as the end of a value only where the next pair, or
//! the end of the line, follows.

use super::fields::Fields;
use super::names::MAX_NAME;
use super::span::{Span, whitespace};
use super::walk::Walk;

/// Reads the fields of a line.
pub(super) fn read(line: &[u8], walk: &mut Walk, fields: &mut Fields) {
    walk.clear();
    fields.clear();
    let mut at = whitespace(line);
    if line.get(at) == Some(&b'{') {
        walk.names.open(false);
        at += 1;
    }
    let mut may_have_text_after = true;
    while let Some(&byte) = line.get(at) {
        let is_open = walk.names.depth() > 0;
        match byte {
            b'}' | b']' => walk.names.close(),
            // After the end of the object comes text.
            b'{' | b'[' if is_open => walk.names.open_unnamed(byte == b'['),
            b'"' => {
                if let Some((name, after)) = any_name_at(&line[at..]) {
                    walk.name(name);
                    at += after;
                } else if !walk.names.in_array() {
                    at += 1;
                    continue;
                }
                let (value, next) = match line.get(at) {
                    Some(bracket @ (b'{' | b'[')) => {
                        walk.names.open(*bracket == b'[');
                        (None, at + 1)
                    }
                    Some(b'"') => {
                        let (value, next) = if walk.names.in_array() {
                            element(line, at + 1)
                        } else {
                            let depth = walk.names.depth();
                            let value = quoted_value(line, at + 1)
                                .or_else(|| {
                                    let before_text = may_have_text_after
                                        .then(|| value_before_text(line, at + 1, depth));
                                    may_have_text_after = false;
                                    before_text.flatten()
                                })
                                .or_else(|| value_before_end(line, at + 1, depth));
                            fields.is_malformed |= value.is_none();
                            (value, value.map_or(line.len(), |value| value.to() + 1))
                        };
                        let end = value.map_or(next, |value| value.to());
                        let content = &line[(at + 1).min(end)..end];
                        if let Some(value) = value {
                            walk.value(value, line, fields);
                        }
                        let holds = holds_field(content, walk, fields);
                        fields.is_malformed |= holds;
                        (None, next)
                    }
                    _ => bare_value(line, at),
                };
                if let Some(value) = value {
                    walk.value(value, line, fields);
                }
                at = next;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    // A container that is open at the end may hold what belongs around it.
    fields.is_malformed |= walk.names.depth() > 0;
}

/// A name at the front of `text`, as [`name_at`] finds it, or one of any characters.
fn any_name_at(text: &[u8]) -> Option<(&[u8], usize)> {
    name_at(text).or_else(|| {
        let mut length = 0;
        while length <= 4 * MAX_NAME {
            match text.get(1 + length)? {
                b'\\' => length += 2,
                b'"' => {
                    let value = value_at(text, length + 2)?;
                    return Some((&text[1..=length], value));
                }
                _ => length += 1,
            }
        }
        None
    })
}

/// Where the value begins of a name that ends before `at`.
fn value_at(text: &[u8], at: usize) -> Option<usize> {
    let colon = at + whitespace(text.get(at..)?);
    if text.get(colon) != Some(&b':') {
        return None;
    }
    Some(colon + 1 + whitespace(&text[colon + 1..]))
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
    Some((name, value_at(text, length + 2)?))
}

/// The value whose opening quote stands before `from`. A value that the line cuts off is no value.
fn quoted_value(line: &[u8], from: usize) -> Option<Span> {
    let to = quotes(line, from).find(|quote| ends_value(&line[quote + 1..]))?;
    Some(Span::new(from, to))
}

/// The value that ends the line's object, though text follows.
fn value_before_text(line: &[u8], from: usize, depth: usize) -> Option<Span> {
    let mut quotes = quotes(line, from);
    let to = quotes.find(|quote| closing(&line[quote + 1..], depth).is_some());
    // Without a container no text follows its end.
    to.filter(|_| (1..=MAX_CLOSING).contains(&depth))
        .map(|to| Span::new(from, to))
}

/// The value that ends the line, and ends with a backslash itself.
fn value_before_end(line: &[u8], from: usize, depth: usize) -> Option<Span> {
    let text = line.trim_ascii_end();
    let quote = text.iter().rposition(|byte| *byte == b'"')?;
    let is_last = quote >= from && closing(&text[quote + 1..], depth)?.is_empty();
    is_last.then(|| Span::new(from, quote))
}

/// The quotes from `from` on that have no backslash before them.
fn quotes(line: &[u8], from: usize) -> impl Iterator<Item = usize> {
    let mut at = from;
    std::iter::from_fn(move || {
        while let Some(&byte) = line.get(at) {
            at += if byte == b'\\' { 2 } else { 1 };
            if byte == b'"' {
                return Some(at - 1);
            }
        }
        None
    })
}

/// What follows the brackets that close so many containers.
fn closing(rest: &[u8], depth: usize) -> Option<&[u8]> {
    let mut rest = rest;
    for _ in 0..depth {
        rest = rest.trim_ascii_start();
        let (b'}' | b']', after) = rest.split_first()? else {
            return None;
        };
        rest = after;
    }
    Some(rest)
}

/// The string in an array whose opening quote stands before `from`, and where to go on. One with a bare quote is
/// none.
fn element(line: &[u8], from: usize) -> (Option<Span>, usize) {
    let end = quotes(line, from).next().filter(|quote| {
        let rest = &line[quote + 1..];
        matches!(rest.get(whitespace(rest)), None | Some(b',' | b']' | b'}'))
    });
    match end {
        Some(to) => (Some(Span::new(from, to)), to + 1),
        None => (None, from),
    }
}

/// Whether a value that runs on to a later quote than it may seem to holds what could be a field of
/// ours: `\` before a quote that was meant to end it hides the end, and all up to the next one. The names in it
/// count as names of the line.
fn holds_field(value: &[u8], walk: &mut Walk, fields: &mut Fields) -> bool {
    // The line's own names are used for it, since a copy for each value would take quadratic time.
    let depth = walk.names.depth();
    let mut holds = false;
    let mut at = 0;
    while let Some(&byte) = value.get(at) {
        match byte {
            b'\\' => at += 1,
            b'"' => {
                if let Some((name, after)) = any_name_at(&value[at..]) {
                    walk.name(name);
                    fields.holds_names = true;
                    match walk.names.find_any() {
                        None => {}
                        // Most records are made without these.
                        Some(field) if field.is_extra() => fields.holds_extra = true,
                        Some(_) => holds = true,
                    }
                    if let Some(bracket @ (b'{' | b'[')) = value.get(at + after) {
                        walk.names.open(*bracket == b'[');
                    }
                    at += after;
                    continue;
                }
            }
            _ => {}
        }
        at += 1;
    }
    while walk.names.depth() > depth {
        walk.names.close();
    }
    holds
}

/// More than any format nests; without a limit a line of brackets would take quadratic time.
const MAX_CLOSING: usize = 16;

/// Whether `rest` is what can follow a value: nothing, closing brackets, or a comma and a name.
fn ends_value(rest: &[u8]) -> bool {
    let mut rest = rest;
    for _ in 0..MAX_CLOSING {
        rest = &rest[whitespace(rest)..];
        match rest.first() {
            None => return true,
            Some(b'}' | b']') => rest = &rest[1..],
            Some(b',') => {
                rest = &rest[1 + whitespace(&rest[1..])..];
                match rest.first() {
                    Some(b'"') => return any_name_at(rest).is_some(),
                    // A format may have a comma after its last field.
                    Some(b'}' | b']') => {}
                    _ => return false,
                }
            }
            Some(_) => return false,
        }
    }
    false
}

/// The number, word or lone `-` at `from`, and where to go on.
fn bare_value(line: &[u8], from: usize) -> (Option<Span>, usize) {
    let mut at = from;
    while let Some(&byte) = line.get(at) {
        match byte {
            b',' | b'}' | b']' => {
                let text = line[from..at].trim_ascii_end();
                return (Some(Span::new(from, from + text.len())), at);
            }
            // A parameter of a template: /pets/{id}.
            b'{' => at += group(&line[at..]),
            _ => {}
        }
        at += 1;
    }
    (None, line.len())
}

/// How long the text in brackets is that `text` begins with, where it can be part of a value.
fn group(text: &[u8]) -> usize {
    let end = text[1..]
        .iter()
        .position(|byte| b"\",{}[]".contains(byte))
        .map_or(0, |at| at + 1);
    if text[end] == b'}' { end } else { 0 }
}
