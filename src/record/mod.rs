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
mod domain;
mod fields;
mod lacks;
mod layout;
mod names;
mod shape;
mod skip;
mod span;
mod template;
mod tolerant;
mod validate;
mod walk;

use crate::json::{self, Grammar, JsonError, Lexer, Role, Text, Token};
pub(crate) use access_record::{AccessRecord, HostSource};
#[cfg(feature = "cli")]
pub(crate) use domain::is_own_domain;
use fields::{Fields, contradictory};
pub(crate) use lacks::Lacks;
use layout::{Layout, Value};
use names::{Field, Place};
use shape::{Shape, Shapes};
pub(crate) use skip::Skip;
use span::{Span, whitespace};
use template::Paths;
use walk::Walk;

/// A host as it goes into a record. `None`: it is none.
pub(crate) fn normal_host(host: &str) -> Option<String> {
    let mut buffer = String::new();
    let host = validate::Host::new(host.as_bytes())?.normal(&mut buffer)?;
    Some(host.to_string())
}

/// Writes the path that is sent for a call of a template, as `X_PATH=template` has it. `is_own_domain`: that of its host.
#[cfg(feature = "cli")]
pub(crate) fn fill_template(out: &mut Vec<u8>, template: &[u8], path: &[u8], is_own_domain: bool) {
    let target = template::Target {
        path: Some(path),
        stage: None,
        is_own_domain,
    };
    // It fails only where there is no path.
    _ = template::fill(out, template, target);
}

/// What is made of lines.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Reading {
    /// Templates are sent in place of paths.
    pub(crate) sends_template_paths: bool,
    /// Templates are read, to be sent or to tell endpoints.
    pub(crate) reads_templates: bool,
}

/// What is known of a line beside its text.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Origin<'a> {
    /// The region that it was logged in.
    pub(crate) region: Option<&'a str>,
    /// The host of lines that tell none, as it goes into a record.
    pub(crate) default_host: Option<&'a str>,
}

/// How many lines of a document, and how many bytes of those that wait, come before these are read again. By then each
/// template that shares the document has most likely had a line.
pub(crate) const EARLY_LINES: usize = 64;
pub(crate) const EARLY_BYTES: usize = 64 * 1024;

/// Reads lines as they stand in their document, still escaped.
pub(crate) type LineReader = Reader<false>;

/// Reads lines as they were logged.
#[cfg(feature = "stand-ins")]
pub(crate) type RawLineReader = Reader<true>;

/// Reads lines, one after the other, in buffers that it keeps. `IS_RAW`: they come as they were logged, and not with
/// the escapes of a document. It finds the same in both, and needs no copy for either.
#[derive(Debug)]
pub(crate) struct Reader<const IS_RAW: bool> {
    /// The line without the escapes of the document that it came in.
    line: Vec<u8>,
    scratch: Vec<u8>,
    lexer: Lexer,
    grammar: Grammar,
    walk: Walk,
    fields: Fields,
    /// The last two, the latest first: of two stages that share a stream each has one.
    layouts: [Layout; 2],
    /// The last line had another layout than the one before it, as the next one will, where two stages take turns.
    takes_turns: bool,
    values: Vec<Value>,
    shapes: Shapes,
    paths: Paths,
    reading: Reading,
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
    /// Its fields lie in the line as it came.
    Flat,
    /// Its fields lie in the reader's own copy of it, without escapes.
    Any,
    /// It has to wait for other lines.
    Waits,
}

impl<const IS_RAW: bool> Reader<IS_RAW> {
    pub(crate) fn new(reading: Reading) -> Self {
        Self {
            line: Vec::new(),
            scratch: Vec::new(),
            lexer: Lexer::new(usize::MAX),
            grammar: Grammar::new(),
            walk: Walk::default(),
            fields: Fields::new(),
            layouts: Default::default(),
            takes_turns: false,
            values: Vec::new(),
            shapes: Shapes::new(),
            paths: Paths::default(),
            reading,
        }
    }

    /// Begins another document: what lines tell of each other holds within one.
    pub(crate) fn begin_document(&mut self) {
        self.shapes.clear();
        self.paths.clear();
    }

    /// Reads a line.
    pub(crate) fn read<'a>(
        &'a mut self,
        given: &'a [u8],
        origin: Origin<'a>,
    ) -> Result<AccessRecord<'a>, Skip> {
        let read = self.prepare(given, origin, Pass::Late)?;
        self.record(read, given, origin)
    }

    /// Reads a line at the start of its document. `None`: whether a caller has forged it, or whether its path is a
    /// template, is for the document's other lines to tell. It is to be read again when they have come.
    pub(crate) fn read_early<'a>(
        &'a mut self,
        given: &'a [u8],
        origin: Origin<'a>,
    ) -> Result<Option<AccessRecord<'a>>, Skip> {
        match self.prepare(given, origin, Pass::Early)? {
            Read::Waits => Ok(None),
            read => self.record(read, given, origin).map(Some),
        }
    }

    /// Reads a line that had to wait.
    pub(crate) fn read_again<'a>(
        &'a mut self,
        given: &'a [u8],
        origin: Origin<'a>,
    ) -> Result<AccessRecord<'a>, Skip> {
        let read = self.prepare(given, origin, Pass::Again)?;
        self.record(read, given, origin)
    }

    /// What the format of the last line lacks, which was skipped.
    pub(crate) fn lacks(&self) -> Lacks {
        self.fields.lacks
    }

    fn record<'a>(
        &'a mut self,
        read: Read,
        given: &'a [u8],
        origin: Origin<'a>,
    ) -> Result<AccessRecord<'a>, Skip> {
        let line = match read {
            Read::Flat => given,
            Read::Any => &self.line,
            // Only early lines have to.
            Read::Waits => return Err(Skip::Malformed),
        };
        let are_templates = self.paths.are_templates() && self.fields.path_alone(line).is_some();
        self.fields
            .record(line, self.reading, origin, are_templates)
    }

    /// Reads the fields of a line, and holds it against the others.
    fn prepare(&mut self, given: &[u8], origin: Origin<'_>, pass: Pass) -> Result<Read, Skip> {
        let guess = std::mem::take(&mut self.takes_turns);
        if guess {
            self.layouts.swap(0, 1);
        }
        if let Some(has_escapes) = self.read_layout(given) {
            self.takes_turns = guess;
            return self.prepare_flat(given, has_escapes, origin, pass);
        }
        self.layouts.swap(0, 1);
        if let Some(has_escapes) = self.read_layout(given) {
            self.takes_turns = !guess;
            return self.prepare_flat(given, has_escapes, origin, pass);
        }
        if let Some(has_escapes) = self.read_plain(given) {
            // The one that was not used last is replaced.
            if guess {
                self.layouts.swap(0, 1);
            }
            if self.layouts[0].learn(given, &self.values, &self.walk.shape) {
                return self.prepare_flat(given, has_escapes, origin, pass);
            }
        }
        self.prepare_any(given, origin, pass)
    }

    #[inline]
    fn read_layout(&mut self, given: &[u8]) -> Option<bool> {
        self.fields.clear();
        self.layouts[0].read::<IS_RAW>(given, &mut self.fields)
    }

    /// Does it for a line that has the layout which was learned last, and whose fields were read. `has_escapes`: they
    /// have some that are not the document's.
    fn prepare_flat(
        &mut self,
        given: &[u8],
        has_escapes: bool,
        origin: Origin<'_>,
        pass: Pass,
    ) -> Result<Read, Skip> {
        let read = if has_escapes {
            self.line.clear();
            self.line.extend_from_slice(given);
            let times = if IS_RAW { 1 } else { 2 };
            self.fields
                .unescape(&mut self.line, &mut self.scratch, times);
            Read::Any
        } else {
            Read::Flat
        };
        let Self {
            line,
            fields,
            layouts: [layout, _],
            shapes,
            paths,
            reading,
            ..
        } = self;
        let line = if has_escapes { line } else { given };
        if let Err(reason) = fields.resolve(line, *reading) {
            observe(shapes, fields, &layout.shape, pass);
            return Err(reason);
        }
        let has_braces = note_path(paths, fields, line, pass);
        let has_exception = fields.has_exceptions();
        let may_wait = pass == Pass::Early && (has_braces || fields.is_doubtful());
        let is_settled = !has_exception && !may_wait && layout.checked_at == shapes.version();
        if !is_settled {
            match settle(shapes, fields, &layout.shape, has_braces, pass) {
                Ok(true) => {}
                Ok(false) => return Ok(Read::Waits),
                Err(reason) => return Err(self.wrong_alone(read, given, origin, reason)),
            }
            layout.checked_at = shapes.version();
        }
        Ok(read)
    }

    /// Why a line is skipped that is refused because of others: what is wrong with it alone comes first.
    fn wrong_alone(&mut self, read: Read, given: &[u8], origin: Origin<'_>, reason: Skip) -> Skip {
        let record = self.record(read, given, origin);
        record.err().unwrap_or(reason)
    }

    /// The fast path, for what nearly every line is: an object, possibly with others in it, so that in its document the
    /// only escapes are those of its quotes, and of escapes in its values. It reads the line where it is, without
    /// unescaping it first. Returns whether a field's value has escapes. `None`: the line is another one, whatever it
    /// is.
    ///
    /// It takes and refuses exactly what [`Self::prepare_any`] does; the tests hold it to that.
    fn read_plain(&mut self, given: &[u8]) -> Option<bool> {
        let mut has_escapes = false;
        self.fields.clear();
        self.values.clear();
        self.walk.clear();
        self.walk.names.open(false);
        let mut at = skip_byte(given, whitespace(given), b'{')?;
        loop {
            let (name, after, false) = flat_string::<IS_RAW>(given, at + whitespace(&given[at..]))?
            else {
                return None;
            };
            let name = name.of(given);
            at = skip_byte(given, after + whitespace(&given[after..]), b':')?;
            at += whitespace(&given[at..]);
            if given.get(at) == Some(&b'{') {
                self.walk.name(name);
                self.walk.names.open(false);
                at += 1;
                continue;
            }
            let is_scalar = given.get(at) != Some(&if IS_RAW { b'"' } else { b'\\' });
            let (value, after, is_escaped) = if !is_scalar {
                flat_string::<IS_RAW>(given, at)?
            } else {
                let value = Span::new(at, at + json::scalar_length(&given[at..]));
                json::check_scalar(value.of(given)).ok()?;
                (value, value.to(), false)
            };
            let (found, place) = self.walk.plain_value(name)?;
            if let Some(found) = found {
                has_escapes |= is_escaped;
                self.fields.set(found, value, given, place);
            }
            self.values.push(Value {
                span: value,
                is_scalar,
                found,
                place,
            });
            at = after + whitespace(&given[after..]);
            while given.get(at) == Some(&b'}') && self.walk.names.depth() > 1 {
                self.walk.names.close();
                at += 1 + whitespace(&given[at + 1..]);
            }
            match given.get(at)? {
                b',' => at += 1,
                b'}' => break,
                _ => return None,
            }
        }
        // A format may end with a line end.
        let end = &given[at + 1..];
        let line_end = end.strip_suffix(b"\\n").filter(|_| !IS_RAW);
        let end = line_end.unwrap_or(end);
        (whitespace(end) == end.len()).then_some(has_escapes)
    }

    /// Reads a line of any form, without the fast paths.
    #[cfg(any(test, feature = "stand-ins"))]
    pub(crate) fn read_any<'a>(
        &'a mut self,
        given: &'a [u8],
        origin: Origin<'a>,
    ) -> Result<AccessRecord<'a>, Skip> {
        let read = self.prepare_any(given, origin, Pass::Late)?;
        self.record(read, &[], origin)
    }

    /// Does what [`Self::prepare`] does, without the fast paths.
    fn prepare_any(&mut self, given: &[u8], origin: Origin<'_>, pass: Pass) -> Result<Read, Skip> {
        self.line.clear();
        self.fields.clear();
        if IS_RAW {
            self.line.extend_from_slice(given);
        } else {
            json::unescape(given, &mut self.line);
        }
        self.unwrap_object();
        let text = self.line.trim_ascii();
        match text.first() {
            None => return Err(Skip::Malformed),
            // CSV may have its values in quotes, as may JSON without its braces.
            Some(b'"') if tolerant::name_at(text).is_none() => return Err(self.no_json()),
            Some(b'(') => return Err(Skip::ExecutionLog),
            Some(b'{') if text[1..].trim_ascii_start().first() != Some(&b'"') => {
                if let Some(lacks) = lacks_quotes(text) {
                    self.fields.lacks = lacks;
                    return Err(Skip::UnsupportedFormat);
                }
            }
            Some(b'{' | b'"') => {}
            Some(_) => return Err(self.no_json()),
        }
        if self.read_json().is_err() {
            tolerant::read(&self.line, &mut self.walk, &mut self.fields);
        }
        self.fields.unescape(&mut self.line, &mut self.scratch, 1);
        let Self {
            line,
            walk,
            fields,
            shapes,
            paths,
            reading,
            ..
        } = self;
        if let Err(reason) = fields.resolve(line, *reading) {
            observe(shapes, fields, &walk.shape, pass);
            return Err(reason);
        }
        let has_braces = note_path(paths, fields, line, pass);
        match settle(shapes, fields, &walk.shape, has_braces, pass) {
            Ok(true) => Ok(Read::Any),
            Ok(false) => Ok(Read::Waits),
            Err(reason) => Err(self.wrong_alone(Read::Any, &[], origin, reason)),
        }
    }

    /// Takes off what some formats have around their object: quotes, or the brackets of an array.
    fn unwrap_object(&mut self) {
        let text = self.line.trim_ascii();
        let [first @ (b'"' | b'['), inside @ .., last] = text else {
            return;
        };
        let is_wrapped = matches!((first, last), (b'"', b'"') | (b'[', b']'));
        let inside = inside.trim_ascii();
        if !(is_wrapped && inside.starts_with(b"{") && inside.ends_with(b"}")) {
            return;
        }
        self.scratch.clear();
        let name = inside[1..].trim_ascii_start();
        if *first == b'"' && name.starts_with(b"\\") {
            // A string of JSON, whose quotes are escaped.
            json::unescape(inside, &mut self.scratch);
        } else {
            self.scratch.extend_from_slice(inside);
        }
        std::mem::swap(&mut self.line, &mut self.scratch);
    }

    /// Why a line is skipped that does not begin as JSON does.
    fn no_json(&mut self) -> Skip {
        let reason = no_json(self.line.trim_ascii());
        if reason == Skip::UnsupportedFormat {
            self.fields.lacks = Lacks::JSON;
        }
        reason
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

/// A line joins the others of its document. One that is refused tells of its template too, unless its names can't
/// be relied on.
fn observe(shapes: &mut Shapes, fields: &Fields, shape: &Shape, pass: Pass) {
    let is_certain = !fields.is_malformed && !fields.holds_names;
    if pass != Pass::Again && is_certain {
        shapes.observe(shape, fields.has(), fields.has_exceptions());
    }
}

/// The line's path joins the others of its document. Returns whether it may be a template.
#[inline]
fn note_path(paths: &mut Paths, fields: &Fields, line: &[u8], pass: Pass) -> bool {
    if pass == Pass::Again || paths.are_real() {
        return false;
    }
    let path = fields.path_alone(line);
    path.is_some_and(|[path, stage, status]| paths.note(path, stage, status))
}

/// Holds a line against the others of its document, which it joins. `false`: it has to wait for them.
fn settle(
    shapes: &mut Shapes,
    fields: &Fields,
    shape: &Shape,
    has_braces: bool,
    pass: Pass,
) -> Result<bool, Skip> {
    observe(shapes, fields, shape, pass);
    if !fields.is_complete() {
        return Ok(true);
    }
    if pass == Pass::Early && (has_braces || fields.is_doubtful()) {
        return Ok(false);
    }
    if let Some(field) = shapes.added_field(shape, fields.has()) {
        return Err(contradictory(field));
    }
    for (field, place) in fields.exceptions() {
        let is_late = place == Place::AfterCaller;
        // Whoever wrote the path may choose between two.
        let matters = is_late || place == Place::AfterPath && field != Field::Path;
        if is_late && !shapes.is_common(shape) || matters && shapes.may_be_extended(shape) {
            return Err(contradictory(field));
        }
    }
    if let Some(field) = shapes.added_value(shape, fields.late()) {
        return Err(contradictory(field));
    }
    match fields.filled_in() {
        Some(field) if shapes.may_be_extended(shape) => Err(contradictory(field)),
        _ => Ok(true),
    }
}

/// What is wrong with the quotes of an object that does not begin with a name in double quotes.
fn lacks_quotes(text: &[u8]) -> Option<Lacks> {
    let name = text[1..].trim_ascii_start();
    let is_access_log = [
        &b"requestId"[..],
        b"request_id",
        b"status",
        b"httpMethod",
        b"method",
    ]
    .iter()
    .any(|known| text.windows(known.len()).any(|window| window == *known));
    match name.first().filter(|_| is_access_log)? {
        b'\'' => Some(Lacks::DOUBLE_QUOTES),
        byte if byte.is_ascii_alphabetic() => Some(Lacks::QUOTES),
        _ => None,
    }
}

/// The place after `byte`, where it stands at `at`.
fn skip_byte(text: &[u8], at: usize, byte: u8) -> Option<usize> {
    (text.get(at) == Some(&byte)).then_some(at + 1)
}

/// The content of the string at `at`, whose quotes are escaped unless the line is raw, the place after it, and whether
/// it has escapes of its own.
fn flat_string<const IS_RAW: bool>(line: &[u8], at: usize) -> Option<(Span, usize, bool)> {
    let quote: &[u8] = if IS_RAW { b"\"" } else { b"\\\"" };
    let from = at + quote.len();
    if line.get(at..from)? != quote {
        return None;
    }
    let (length, has_escapes) = if IS_RAW {
        json::raw_string_end(&line[from..])?
    } else {
        json::inner_string_end(&line[from..])?
    };
    let to = from + length;
    Some((Span::new(from, to), to + quote.len(), has_escapes))
}

/// What a line is that does not begin as JSON does.
fn no_json(text: &[u8]) -> Skip {
    let has = |needle: &[u8]| text.windows(needle.len()).any(|window| window == needle);
    // CLF and CSV have the protocol or, for WebSocket APIs, at least the date `[dd/Mon/yyyy:`.
    let has_date = text.windows(13).any(|w| {
        w[2] == b'/' && w[6] == b'/' && w[11] == b':' && w[7..11].iter().all(u8::is_ascii_digit)
    });
    if text[0] == b'<' || has(b"HTTP/") || has_date || has_method_and_status(text) {
        Skip::UnsupportedFormat
    } else {
        Skip::Malformed
    }
}

/// Whether a text has what an access log of any form has.
fn has_method_and_status(text: &[u8]) -> bool {
    /// More would take too long for lines that are something else.
    const MAX_TEXT: usize = 4 * 1024;
    let text = &text[..text.len().min(MAX_TEXT)];
    let mut words = text.split(|byte| !byte.is_ascii_alphanumeric());
    let is_method = |word: &[u8]| {
        matches!(
            word,
            b"GET" | b"POST" | b"PUT" | b"PATCH" | b"DELETE" | b"HEAD"
        )
    };
    let is_status = |word: &[u8]| word.len() == 3 && word.iter().all(u8::is_ascii_digit);
    words.clone().any(is_method) && words.any(is_status)
}

#[cfg(test)]
mod tests;
