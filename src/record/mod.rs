//! One access-log line: what API Gateway says of one call.
//!
//! The line is the stage's log format with each `$context` variable replaced as plain text
//! (DESIGN.md, "Values and escaping"), so that it is JSON only as long as no value breaks it. It is read as JSON
//! first, in `layout` where it looks like the line before. Where that fails, `tolerant` scans it.
//!
//! Every value was written by a stranger, and one that came unescaped can bring names and values of
//! its own. A line is therefore malformed, since nobody can tell which value is the gateway's, where
//! a name stands twice with different values; where the method, the path, the host or the address
//! has different values under several names; and where, in a line that is not JSON, a value holds
//! what could be another field. Of the other fields a documented name outranks an alias.

mod access_record;
mod fields;
mod layout;
mod names;
mod skip;
mod span;
mod tolerant;
mod validate;

use crate::json::{self, Grammar, JsonError, Lexer, Role, Text, Token};
pub(crate) use access_record::AccessRecord;
use fields::Fields;
use layout::{Layout, Value};
use names::{Names, find_documented};
pub(crate) use skip::Skip;
use span::{Span, whitespace};

/// Reads lines, one after the other, in buffers that it keeps.
#[derive(Debug)]
pub(crate) struct LineReader {
    /// The line without the escapes of the document that it came in.
    line: Vec<u8>,
    scratch: Vec<u8>,
    lexer: Lexer,
    grammar: Grammar,
    names: Names,
    fields: Fields,
    layout: Layout,
    values: Vec<Value>,
}

impl LineReader {
    pub(crate) fn new() -> Self {
        Self {
            line: Vec::new(),
            scratch: Vec::new(),
            lexer: Lexer::new(usize::MAX),
            grammar: Grammar::new(),
            names: Names::default(),
            fields: Fields::default(),
            layout: Layout::default(),
            values: Vec::new(),
        }
    }

    /// Reads a line as it stands in its document, still escaped.
    pub(crate) fn read<'a>(&'a mut self, escaped: &'a [u8]) -> Result<AccessRecord<'a>, Skip> {
        self.fields.clear();
        if self.layout.read(escaped, &mut self.fields).is_some() {
            return self.fields.record(escaped);
        }
        if self.read_flat(escaped).is_some() {
            self.layout.learn(escaped, &self.values);
            return self.fields.record(escaped);
        }
        self.read_any(escaped)
    }

    /// The fast path, for what nearly every line is: one flat object whose strings have no escapes,
    /// so that in its document the only escapes are those of the quotes. It reads the line where it
    /// is, without unescaping it first. `None`: the line is another one, whatever it is.
    ///
    /// It takes and refuses exactly what [`Self::read_any`] does; the tests hold it to that.
    fn read_flat(&mut self, escaped: &[u8]) -> Option<()> {
        self.fields.clear();
        self.values.clear();
        let mut at = skip_byte(escaped, whitespace(escaped), b'{')?;
        loop {
            let (name, after) = flat_string(escaped, at + whitespace(&escaped[at..]))?;
            at = skip_byte(escaped, after + whitespace(&escaped[after..]), b':')?;
            at += whitespace(&escaped[at..]);
            let is_scalar = escaped.get(at) != Some(&b'\\');
            let (value, after) = if !is_scalar {
                flat_string(escaped, at)?
            } else {
                let value = Span::new(at, at + json::scalar_length(&escaped[at..]));
                json::check_scalar(value.of(escaped)).ok()?;
                (value, value.to)
            };
            let name = name.of(escaped);
            let name = find_documented(name).unwrap_or_else(|| {
                self.names.clear();
                self.names.name(name);
                self.names.find()
            });
            if let Some(name) = name {
                self.fields.set(name, value, escaped);
            }
            self.values.push(Value {
                span: value,
                is_scalar,
                name,
            });
            at = after + whitespace(&escaped[after..]);
            match escaped.get(at)? {
                b',' => at += 1,
                b'}' => break,
                _ => return None,
            }
        }
        // A format may end with a line end.
        let end = &escaped[at + 1..];
        let end = end.strip_suffix(b"\\n").unwrap_or(end);
        (whitespace(end) == end.len()).then_some(())
    }

    /// Reads a line of any form, without the fast paths.
    pub(crate) fn read_any(&mut self, escaped: &[u8]) -> Result<AccessRecord<'_>, Skip> {
        self.line.clear();
        json::unescape(escaped, &mut self.line);
        let text = self.line.trim_ascii();
        match text.first() {
            None => return Err(Skip::Malformed),
            // CSV may have its values in quotes, as may JSON without its braces.
            Some(b'"') if tolerant::name_at(text).is_none() => return Err(no_json(text)),
            Some(b'(') => return Err(Skip::ExecutionLog),
            Some(b'{' | b'"') => {}
            Some(_) => return Err(no_json(text)),
        }
        if self.read_json().is_err() {
            tolerant::read(&self.line, &mut self.names, &mut self.fields);
        }
        self.fields.unescape(&mut self.line, &mut self.scratch);
        self.fields.record(&self.line)
    }

    fn read_json(&mut self) -> Result<(), JsonError> {
        self.lexer.reset();
        self.grammar.reset();
        self.names.clear();
        self.fields.clear();
        let mut rest = &self.line[..];
        while let Some(token) = self.lexer.next(&mut rest)? {
            let end = self.line.len() - rest.len();
            let role = self.grammar.accept(&token)?;
            let value = match (role, token) {
                (Role::Key, Token::String(Text::Borrowed(name))) => {
                    self.names.name(name);
                    continue;
                }
                (Role::Open, token) => {
                    self.names.open(token == Token::ArrayStart);
                    continue;
                }
                (Role::Close, _) => {
                    self.names.close();
                    continue;
                }
                (Role::Value, Token::String(Text::Borrowed(text))) => {
                    Span::new(end - 1 - text.len(), end - 1)
                }
                (Role::Value, Token::Scalar(Text::Borrowed(text))) => {
                    Span::new(end - text.len(), end)
                }
                _ => continue,
            };
            if let Some(name) = self.names.find() {
                self.fields.set(name, value, &self.line);
            }
        }
        match self.lexer.finish()? {
            None if self.grammar.is_complete() => Ok(()),
            _ => Err(JsonError::Truncated),
        }
    }
}

/// The place after `byte`, where it stands at `at`.
fn skip_byte(text: &[u8], at: usize, byte: u8) -> Option<usize> {
    (text.get(at) == Some(&byte)).then_some(at + 1)
}

/// The content of the string at `at`, whose quotes are escaped and nothing else is, and the place
/// after it.
fn flat_string(escaped: &[u8], at: usize) -> Option<(Span, usize)> {
    let from = at + 2;
    if escaped.get(at..from)? != b"\\\"" {
        return None;
    }
    let to = from + json::find_backslash(&escaped[from..])?;
    (escaped.get(to + 1) == Some(&b'"')).then_some((Span::new(from, to), to + 2))
}

/// What a line is that does not begin as JSON does.
fn no_json(text: &[u8]) -> Skip {
    let has = |needle: &[u8]| text.windows(needle.len()).any(|window| window == needle);
    // CLF and CSV have the protocol or, for WebSocket APIs, at least the date `[dd/Mon/yyyy:`.
    let has_date = text.windows(13).any(|w| {
        w[2] == b'/' && w[6] == b'/' && w[11] == b':' && w[7..11].iter().all(u8::is_ascii_digit)
    });
    if text[0] == b'<' || has(b"HTTP/") || has_date {
        Skip::UnsupportedFormat
    } else {
        Skip::Malformed
    }
}

#[cfg(test)]
mod tests;
