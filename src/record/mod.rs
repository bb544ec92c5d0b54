//! One access-log line: what API Gateway says of one call.
//!
//! The line is the stage's log format with each `$context` variable replaced as plain text
//! (DESIGN.md, "Values and escaping"), so that it is JSON only as long as no value breaks it. It is read as JSON
//! first, in `layout` where it looks like the line before. Where that fails, `tolerant` scans it.
//!
//! Every value was written by a stranger, and one that came unescaped can bring names and values of
//! its own. Nobody can tell then which value is the gateway's. So a line is skipped where the method, the path, the
//! host or the address has two values, wherever in the line they stand; where, in a line that is not JSON, a value
//! holds what could be another field; and where the document's other lines show that a caller may have added
//! names (`shape`). Of the other fields a documented name outranks an alias.

mod access_record;
mod fields;
mod layout;
mod names;
mod shape;
mod skip;
mod span;
mod tolerant;
mod validate;
mod walk;

use crate::json::{self, Grammar, JsonError, Lexer, Role, Text, Token};
pub(crate) use access_record::AccessRecord;
use fields::{Fields, contradictory};
use layout::{Layout, Value};
use names::{Field, Found, Name, Place, find_documented};
use shape::Shapes;
pub(crate) use skip::Skip;
use span::{Span, whitespace};
use walk::Walk;

/// Reads lines, one after the other, in buffers that it keeps.
#[derive(Debug)]
pub(crate) struct LineReader {
    /// The line without the escapes of the document that it came in.
    line: Vec<u8>,
    scratch: Vec<u8>,
    lexer: Lexer,
    grammar: Grammar,
    walk: Walk,
    fields: Fields,
    /// The last two, the latest first: of two stages that share a stream each has one.
    layouts: [Layout; 2],
    values: Vec<Value>,
    shapes: Shapes,
}

/// When a line is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// At the start of its document, so that a line which others may settle can wait for them.
    Early,
    /// Later.
    Late,
    /// For the second time.
    Again,
}

/// How far a line was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Read {
    /// Its fields lie in the line as it stands in its document.
    Flat,
    /// Its fields lie in the line without the escapes of the document.
    Any,
    /// It has to wait for other lines.
    Waits,
}

impl LineReader {
    pub(crate) fn new() -> Self {
        Self {
            line: Vec::new(),
            scratch: Vec::new(),
            lexer: Lexer::new(usize::MAX),
            grammar: Grammar::new(),
            walk: Walk::default(),
            fields: Fields::default(),
            layouts: Default::default(),
            values: Vec::new(),
            shapes: Shapes::new(),
        }
    }

    /// Begins another document: what lines tell of each other holds within one.
    pub(crate) fn begin_document(&mut self) {
        self.shapes.clear();
    }

    /// Reads a line as it stands in its document, still escaped.
    pub(crate) fn read<'a>(&'a mut self, escaped: &'a [u8]) -> Result<AccessRecord<'a>, Skip> {
        let read = self.prepare(escaped, Pass::Late)?;
        self.record(read, escaped)
    }

    /// Reads a line at the start of its document. `None`: whether a caller has forged it is for the document's other
    /// lines to tell. It is to be read again when they have come.
    pub(crate) fn read_early<'a>(
        &'a mut self,
        escaped: &'a [u8],
    ) -> Result<Option<AccessRecord<'a>>, Skip> {
        match self.prepare(escaped, Pass::Early)? {
            Read::Waits => Ok(None),
            read => self.record(read, escaped).map(Some),
        }
    }

    /// Reads a line that had to wait.
    pub(crate) fn read_again<'a>(
        &'a mut self,
        escaped: &'a [u8],
    ) -> Result<AccessRecord<'a>, Skip> {
        let read = self.prepare(escaped, Pass::Again)?;
        self.record(read, escaped)
    }

    fn record<'a>(&'a mut self, read: Read, escaped: &'a [u8]) -> Result<AccessRecord<'a>, Skip> {
        match read {
            Read::Flat => self.fields.record(escaped),
            Read::Any => self.fields.record(&self.line),
            // Only early lines have to.
            Read::Waits => Err(Skip::Malformed),
        }
    }

    /// Reads the fields of a line, and holds it against the others.
    fn prepare(&mut self, escaped: &[u8], pass: Pass) -> Result<Read, Skip> {
        for _ in 0..self.layouts.len() {
            self.fields.clear();
            if self.layouts[0].read(escaped, &mut self.fields).is_some() {
                return self.prepare_flat(escaped, pass);
            }
            self.layouts.swap(0, 1);
        }
        if self.read_flat(escaped).is_some() {
            self.layouts.swap(0, 1);
            if self.layouts[0].learn(escaped, &self.values) {
                return self.prepare_flat(escaped, pass);
            }
        }
        self.prepare_any(escaped, pass)
    }

    /// Does it for a line that has the layout which was learned last, and whose fields were read.
    fn prepare_flat(&mut self, escaped: &[u8], pass: Pass) -> Result<Read, Skip> {
        if let Err(reason) = self.fields.resolve(escaped) {
            self.layouts[0].walk(&mut self.walk);
            self.observe(pass);
            return Err(reason);
        }
        let has_exception = self.fields.has_exceptions();
        let may_wait = pass == Pass::Early && self.fields.is_doubtful();
        let is_settled =
            !has_exception && !may_wait && self.layouts[0].checked_at == self.shapes.version();
        if !is_settled {
            self.layouts[0].walk(&mut self.walk);
            match self.settle(pass) {
                Ok(true) => {}
                Ok(false) => return Ok(Read::Waits),
                // What is wrong with the line alone comes first.
                Err(reason) => return Err(self.fields.record(escaped).err().unwrap_or(reason)),
            }
            self.layouts[0].checked_at = self.shapes.version();
        }
        Ok(Read::Flat)
    }

    /// A line joins the others of its document. One that is refused tells of its template too, unless its names can't
    /// be relied on.
    fn observe(&mut self, pass: Pass) {
        let is_certain = !self.fields.is_malformed && !self.fields.holds_names;
        if pass != Pass::Again && is_certain {
            let (has, has_exception) = (self.fields.has(), self.fields.has_exceptions());
            self.shapes.observe(&self.walk.shape, has, has_exception);
        }
    }

    /// Holds a line against the others of its document, which it joins. `false`: it has to wait for them.
    fn settle(&mut self, pass: Pass) -> Result<bool, Skip> {
        self.observe(pass);
        let (shape, has) = (&self.walk.shape, self.fields.has());
        if !self.fields.is_complete() {
            return Ok(true);
        }
        if pass == Pass::Early && self.fields.is_doubtful() {
            return Ok(false);
        }
        if self.shapes.lacks_any()
            && let Some(field) = self.shapes.added_field(shape, has)
        {
            return Err(contradictory(field));
        }
        for (field, place) in self.fields.exceptions() {
            let is_late = place == Place::AfterCaller;
            // Whoever wrote the path may choose between two.
            let matters = is_late || place == Place::AfterPath && field != Field::Path;
            if is_late && !self.shapes.is_common(shape)
                || matters && self.shapes.may_be_extended(shape)
            {
                return Err(contradictory(field));
            }
        }
        if let Some(field) = self.shapes.added_value(shape, self.fields.late()) {
            return Err(contradictory(field));
        }
        match self.fields.filled_in() {
            Some(field) if self.shapes.may_be_extended(shape) => Err(contradictory(field)),
            _ => Ok(true),
        }
    }

    /// The fast path, for what nearly every line is: one flat object whose strings have no escapes,
    /// so that in its document the only escapes are those of the quotes. It reads the line where it
    /// is, without unescaping it first. `None`: the line is another one, whatever it is.
    ///
    /// It takes and refuses exactly what [`Self::prepare_any`] does; the tests hold it to that.
    fn read_flat(&mut self, escaped: &[u8]) -> Option<()> {
        self.fields.clear();
        self.values.clear();
        let mut place = Place::First;
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
            let (name, place_after) = match find_documented(name) {
                Some(name) => (name, name.map_or(Place::First, Name::place_after)),
                None => {
                    let names = &mut self.walk.names;
                    names.clear();
                    names.name(name);
                    let name = names.find().map(|found| found.name);
                    (name, names.place_after(name))
                }
            };
            if let Some(name) = name {
                self.fields.set(Found::own(name), value, escaped, place);
            }
            self.values.push(Value {
                span: value,
                is_scalar,
                name,
                place,
            });
            place = place.max(place_after);
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
    #[cfg(any(test, feature = "cli"))]
    pub(crate) fn read_any(&mut self, escaped: &[u8]) -> Result<AccessRecord<'_>, Skip> {
        self.prepare_any(escaped, Pass::Late)?;
        self.fields.record(&self.line)
    }

    /// Does what [`Self::prepare`] does, without the fast paths.
    fn prepare_any(&mut self, escaped: &[u8], pass: Pass) -> Result<Read, Skip> {
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
            tolerant::read(&self.line, &mut self.walk, &mut self.fields);
        }
        self.fields.unescape(&mut self.line, &mut self.scratch);
        if let Err(reason) = self.fields.resolve(&self.line) {
            self.observe(pass);
            return Err(reason);
        }
        match self.settle(pass) {
            Ok(true) => Ok(Read::Any),
            Ok(false) => Ok(Read::Waits),
            Err(reason) => Err(self.fields.record(&self.line).err().unwrap_or(reason)),
        }
    }

    fn read_json(&mut self) -> Result<(), JsonError> {
        self.lexer.reset();
        self.grammar.reset();
        self.walk.clear();
        self.fields.clear();
        let mut rest = &self.line[..];
        while let Some(token) = self.lexer.next(&mut rest)? {
            let end = self.line.len() - rest.len();
            let role = self.grammar.accept(&token)?;
            let value = match (role, token) {
                (Role::Key, Token::String(Text::Borrowed(name))) => {
                    self.walk.name(name);
                    continue;
                }
                (Role::Open, token) => {
                    self.walk.names.open(token == Token::ArrayStart);
                    continue;
                }
                (Role::Close, _) => {
                    self.walk.names.close();
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
            self.walk.value(value, &self.line, &mut self.fields);
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
