//! A resumable JSON reader for text that arrives in pieces and may not be kept.
//!
//! [`Lexer`] cuts the pieces into tokens, [`Grammar`] says what part each token plays. Neither
//! holds more than one unfinished token, and a string longer than the limit is passed over instead
//! of being held, so that memory does not grow with the document.
//!
//! BE ADVISED: strings are handed out as they stand between their quotes, still escaped. The lexer
//! only finds where they end: whether an escape or the UTF-8 inside is valid is left to whoever
//! reads the string, since one bad log line must not fail the document that it came in.

use std::fmt;

/// One token. Strings and scalars are slices of the input where they lie in it whole, and of the
/// lexer's own buffer where they came in pieces: [`Text`] keeps the two apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token<'i, 'l> {
    ObjectStart,
    ObjectEnd,
    ArrayStart,
    ArrayEnd,
    Colon,
    Comma,
    /// The content of a string, still escaped.
    String(Text<'i, 'l>),
    /// A string that is longer than the limit. Its content is gone.
    LongString,
    /// A number, `true`, `false` or `null`.
    Scalar(Text<'i, 'l>),
}

/// Where the bytes of a token are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Text<'i, 'l> {
    /// In the input of this call: they can be kept as long as the input is.
    Borrowed(&'i [u8]),
    /// In the lexer's buffer: they are overwritten by the next call.
    Copied(&'l [u8]),
}

impl Text<'_, '_> {
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Text::Borrowed(bytes) => bytes,
            Text::Copied(bytes) => bytes,
        }
    }
}

/// Why a text is not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JsonError {
    UnexpectedByte,
    InvalidScalar,
    UnexpectedToken(&'static str),
    TooDeep,
    Truncated,
    TrailingText,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnexpectedByte => f.write_str("expected a JSON token, found another byte"),
            Self::InvalidScalar => {
                f.write_str("expected a number, true, false or null, found another word")
            }
            Self::UnexpectedToken(expected) => {
                write!(f, "expected {expected}, found another token")
            }
            Self::TooDeep => write!(f, "nested deeper than {MAX_DEPTH} levels"),
            Self::Truncated => f.write_str("the text ends too early"),
            Self::TrailingText => f.write_str("text follows the end of the document"),
        }
    }
}

/// The longest scalar. A number needs 25 characters; more is only ever padding.
const MAX_SCALAR: usize = 1024;

/// Cuts text into tokens.
#[derive(Debug)]
pub(crate) struct Lexer {
    /// A string longer than this many bytes, still escaped, becomes a [`Token::LongString`].
    max_string: usize,
    /// The bytes of a token that began in an earlier piece.
    partial: Vec<u8>,
    state: LexerState,
    /// How many bytes of all pieces were consumed.
    offset: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LexerState {
    Between,
    /// In a string, whose begin is in `partial`. `escape`: the last byte was a lone backslash.
    String {
        escape: bool,
    },
    /// In a string that is already too long.
    LongString {
        escape: bool,
    },
    /// In a scalar, whose begin is in `partial`.
    Scalar,
    /// `partial` was handed out by the last call, and is free now.
    HandedOut,
}

impl Lexer {
    pub(crate) fn new(max_string: usize) -> Self {
        Self {
            max_string,
            partial: Vec::new(),
            state: LexerState::Between,
            offset: 0,
        }
    }

    /// Begins a new text, and keeps the buffer.
    pub(crate) fn reset(&mut self) {
        self.partial.clear();
        self.state = LexerState::Between;
        self.offset = 0;
    }

    /// How many bytes were consumed: where the next token, or the fault, is.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Takes the next token off the front of `input`; `None` when the input is used up.
    pub(crate) fn next<'i>(
        &mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<Token<'i, '_>>, JsonError> {
        match self.state {
            LexerState::Between => self.begin(input),
            LexerState::HandedOut => {
                self.partial.clear();
                self.state = LexerState::Between;
                self.begin(input)
            }
            LexerState::String { escape } => Ok(self.go_on_string(input, escape)),
            LexerState::LongString { escape } => Ok(self.go_on_long_string(input, escape)),
            LexerState::Scalar => {
                let length = scalar_length(input);
                if self.partial.len() + length > MAX_SCALAR {
                    // The fault is where the scalar begins, however it was cut.
                    self.offset -= self.partial.len() as u64;
                    return Err(JsonError::InvalidScalar);
                }
                let piece = self.take(input, length);
                self.partial.extend_from_slice(piece);
                if input.is_empty() {
                    return Ok(None);
                }
                self.state = LexerState::HandedOut;
                check_scalar(&self.partial)?;
                Ok(Some(Token::Scalar(Text::Copied(&self.partial))))
            }
        }
    }

    /// Says that no input follows. A scalar at the very end of a text has no byte after it that
    /// would end it, so it comes out here.
    pub(crate) fn finish(&mut self) -> Result<Option<Token<'static, '_>>, JsonError> {
        match self.state {
            LexerState::Between | LexerState::HandedOut => Ok(None),
            LexerState::String { .. } | LexerState::LongString { .. } => Err(JsonError::Truncated),
            LexerState::Scalar => {
                self.state = LexerState::HandedOut;
                check_scalar(&self.partial)?;
                Ok(Some(Token::Scalar(Text::Copied(&self.partial))))
            }
        }
    }

    fn begin<'i>(&mut self, input: &mut &'i [u8]) -> Result<Option<Token<'i, '_>>, JsonError> {
        let whitespace = input
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
            .count();
        self.take(input, whitespace);
        let Some(&first) = input.first() else {
            return Ok(None);
        };
        let token = match first {
            b'{' => Token::ObjectStart,
            b'}' => Token::ObjectEnd,
            b'[' => Token::ArrayStart,
            b']' => Token::ArrayEnd,
            b':' => Token::Colon,
            b',' => Token::Comma,
            b'"' => {
                self.take(input, 1);
                return Ok(self.begin_string(input));
            }
            b'-' | b'0'..=b'9' | b'a'..=b'z' => return self.begin_scalar(input),
            _ => return Err(JsonError::UnexpectedByte),
        };
        self.take(input, 1);
        Ok(Some(token))
    }

    fn begin_string<'i>(&mut self, input: &mut &'i [u8]) -> Option<Token<'i, '_>> {
        match string_end(input, false) {
            Ok(length) => {
                let content = self.take(input, length);
                self.take(input, 1);
                Some(if length > self.max_string {
                    Token::LongString
                } else {
                    Token::String(Text::Borrowed(content))
                })
            }
            Err(escape) => {
                let piece = self.take(input, input.len());
                if piece.len() > self.max_string {
                    self.state = LexerState::LongString { escape };
                } else {
                    self.partial.extend_from_slice(piece);
                    self.state = LexerState::String { escape };
                }
                None
            }
        }
    }

    fn go_on_string<'i>(&mut self, input: &mut &'i [u8], escape: bool) -> Option<Token<'i, '_>> {
        let end = string_end(input, escape);
        let length = end.unwrap_or(input.len());
        if self.partial.len() + length > self.max_string {
            self.partial.clear();
            return self.go_on_long_string(input, escape);
        }
        let piece = self.take(input, length);
        self.partial.extend_from_slice(piece);
        match end {
            Ok(_) => {
                self.take(input, 1);
                self.state = LexerState::HandedOut;
                Some(Token::String(Text::Copied(&self.partial)))
            }
            Err(escape) => {
                self.state = LexerState::String { escape };
                None
            }
        }
    }

    fn go_on_long_string<'i>(
        &mut self,
        input: &mut &'i [u8],
        escape: bool,
    ) -> Option<Token<'i, '_>> {
        match string_end(input, escape) {
            Ok(length) => {
                self.take(input, length + 1);
                self.state = LexerState::Between;
                Some(Token::LongString)
            }
            Err(escape) => {
                self.take(input, input.len());
                self.state = LexerState::LongString { escape };
                None
            }
        }
    }

    fn begin_scalar<'i>(
        &mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<Token<'i, '_>>, JsonError> {
        let length = scalar_length(input);
        if length > MAX_SCALAR {
            return Err(JsonError::InvalidScalar);
        }
        let text = self.take(input, length);
        if input.is_empty() {
            // More of it may follow in the next piece.
            self.partial.extend_from_slice(text);
            self.state = LexerState::Scalar;
            return Ok(None);
        }
        check_scalar(text)?;
        Ok(Some(Token::Scalar(Text::Borrowed(text))))
    }

    /// Whether the next byte begins a token, or is whitespace.
    pub(crate) fn is_between_tokens(&self) -> bool {
        matches!(self.state, LexerState::Between | LexerState::HandedOut)
    }

    /// Takes whole tokens, which the caller has read by itself, off the front of `input`.
    pub(crate) fn take<'i>(&mut self, input: &mut &'i [u8], length: usize) -> &'i [u8] {
        let (taken, rest) = input.split_at(length);
        *input = rest;
        self.offset += length as u64;
        taken
    }
}

/// Where the string ends that `bytes` is the content of: the offset of its closing quote, or,
/// where none is in `bytes`, whether they end with a backslash that escapes what follows.
/// `escape`: the first byte is escaped.
///
/// A log line in a document has an escaped quote every ten bytes or so, so that a search which
/// stops at each of them is no faster than a plain loop. This one looks at 32 bytes at a time and
/// stops at none of them: a quote counts unless the byte before it is a backslash. That is the
/// whole rule as long as no two backslashes follow each other; where they do, and where a quote
/// counts, the plain loop takes the block.
pub(crate) fn string_end(bytes: &[u8], escape: bool) -> Result<usize, bool> {
    let mut at = 0;
    let mut escape = escape;
    let mut plain_until = 1;
    loop {
        while let Some(&byte) = bytes.get(at) {
            // A backslash that is escaped itself escapes nothing, which a block can't know.
            let is_clear = at > 0 && (bytes[at - 1] == b'\\') == escape;
            if at >= plain_until && is_clear {
                break;
            }
            match byte {
                _ if escape => escape = false,
                b'\\' => escape = true,
                b'"' => return Ok(at),
                _ => {}
            }
            at += 1;
        }
        while let Some(block) = bytes.get(at.wrapping_sub(1)..at + BLOCK)
            && !has_quote_or_double_backslash(block)
        {
            at += BLOCK;
            escape = bytes[at - 1] == b'\\';
        }
        if at == bytes.len() {
            return Err(escape);
        }
        plain_until = at + BLOCK;
    }
}

/// How many bytes [`string_end`] looks at together. The compiler makes vector instructions of the
/// loop over them: on x86-64, 16 bytes each.
const BLOCK: usize = 32;

/// Whether a byte of `block`, which begins with the byte before the first that is meant, is a quote
/// without a backslash before it, or a backslash with one.
fn has_quote_or_double_backslash(block: &[u8]) -> bool {
    let Some((before, bytes)) = block
        .first_chunk::<BLOCK>()
        .zip(block.last_chunk::<BLOCK>())
    else {
        return true;
    };
    let mut found = 0;
    for (&before, &byte) in before.iter().zip(bytes) {
        let after_backslash = u8::from(before == b'\\');
        found |=
            u8::from(byte == b'"') & !after_backslash | u8::from(byte == b'\\') & after_backslash;
    }
    found != 0
}

/// The offset of the first backslash.
pub(crate) fn find_backslash(bytes: &[u8]) -> Option<usize> {
    find_any(bytes, *b"\\")
}

/// The offset of the first byte that is one of `wanted`.
#[inline]
fn find_any<const N: usize>(bytes: &[u8], wanted: [u8; N]) -> Option<usize> {
    let mut words = bytes.chunks_exact(8);
    let mut at = 0;
    for word in &mut words {
        let word = word_of(word);
        let found = wanted
            .iter()
            .fold(0, |found, &byte| found | equal_bytes(word, byte));
        if found != 0 {
            return Some(at + (found.trailing_zeros() / 8) as usize);
        }
        at += 8;
    }
    let mut rest = words.remainder().iter();
    let rest = rest.position(|byte| wanted.contains(byte));
    rest.map(|rest| at + rest)
}

/// Where a string of JSON ends that lies in another string, so that its quotes are escaped: the offset of the backslash
/// of its closing quote, and whether it has escapes of its own. `None`: it does not end, or the outer string has
/// escapes of other kinds.
pub(crate) fn inner_string_end(bytes: &[u8]) -> Option<(usize, bool)> {
    let at = find_backslash(bytes)?;
    if bytes.get(at + 1) != Some(&b'\\') {
        return (bytes.get(at + 1) == Some(&b'"')).then_some((at, false));
    }
    Some((end_after_escapes(bytes, at)?, true))
}

/// The same for a string whose first backslash, at `at`, has another one after it.
#[inline(never)]
pub(crate) fn end_after_escapes(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += match bytes.get(at + 1..)? {
            [b'"', ..] => return Some(at),
            // A quote or a backslash that the inner string escapes, which the outer one escapes too.
            [b'\\', b'\\', b'"' | b'\\', ..] => 4,
            [b'\\', byte, ..] if !matches!(byte, b'"' | b'\\') => 3,
            _ => return None,
        };
        at += find_backslash(&bytes[at..])?;
    }
}

/// Where a string of JSON ends that lies in no other one: the offset of its closing quote, and whether it has escapes.
/// `None`: it does not end.
#[inline]
pub(crate) fn raw_string_end(bytes: &[u8]) -> Option<(usize, bool)> {
    let at = find_any(bytes, *b"\"\\")?;
    if bytes[at] == b'"' {
        return Some((at, false));
    }
    Some((at + string_end(&bytes[at..], false).ok()?, true))
}

/// Eight bytes as a number, the first one lowest.
fn word_of(bytes: &[u8]) -> u64 {
    u64::from_le_bytes([
        bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7],
    ])
}

/// The top bit of each byte that equals `byte`, and no other bit: of `x = word ^ pattern` a byte is
/// zero where they are equal, and adding 0x7f to the low seven bits reaches the top bit else.
fn equal_bytes(word: u64, byte: u8) -> u64 {
    const LOW: u64 = u64::from_ne_bytes([0x7f; 8]);
    let x = word ^ u64::from_ne_bytes([byte; 8]);
    !(((x & LOW) + LOW) | x | LOW)
}

pub(crate) fn scalar_length(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.'))
        .count()
}

pub(crate) fn check_scalar(text: &[u8]) -> Result<(), JsonError> {
    let is_short = text.len() <= MAX_SCALAR;
    if matches!(text, b"true" | b"false" | b"null") || is_short && is_number(text) {
        Ok(())
    } else {
        Err(JsonError::InvalidScalar)
    }
}

/// RFC 8259 §6: `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
fn is_number(text: &[u8]) -> bool {
    fn digits(text: &mut &[u8]) -> usize {
        let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        *text = &text[length..];
        length
    }
    let mut rest = text.strip_prefix(b"-").unwrap_or(text);
    let leading_zero = rest.first() == Some(&b'0');
    let integer = digits(&mut rest);
    if integer == 0 || leading_zero && integer > 1 {
        return false;
    }
    if let Some(fraction) = rest.strip_prefix(b".") {
        rest = fraction;
        if digits(&mut rest) == 0 {
            return false;
        }
    }
    if let Some((b'e' | b'E', exponent)) = rest.split_first() {
        rest = exponent;
        if let Some((b'+' | b'-', unsigned)) = rest.split_first() {
            rest = unsigned;
        }
        if digits(&mut rest) == 0 {
            return false;
        }
    }
    rest.is_empty()
}

/// How deep a document may nest: 64 KiB of bookkeeping.
pub(crate) const MAX_DEPTH: usize = 65_536;

/// What part a token plays in its document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The name of a member of the innermost object.
    Key,
    /// A string or a scalar.
    Value,
    /// An object or an array opens; it counts in [`Grammar::depth`] from now on.
    Open,
    /// The innermost object or array has closed, and does not count any more.
    Close,
    /// A colon or a comma.
    Separator,
}

/// Follows the grammar of RFC 8259 from token to token, without recursion.
#[derive(Debug)]
pub(crate) struct Grammar {
    /// The open containers, outermost first.
    open: Vec<Container>,
    expect: Expect,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Container {
    Object,
    Array,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    Value,
    ValueOrArrayEnd,
    Key,
    KeyOrObjectEnd,
    Colon,
    CommaOrEnd,
    Nothing,
}

impl Grammar {
    pub(crate) fn new() -> Self {
        Self {
            open: Vec::new(),
            expect: Expect::Value,
        }
    }

    pub(crate) fn reset(&mut self) {
        self.open.clear();
        self.expect = Expect::Value;
    }

    /// How many objects and arrays are open.
    pub(crate) fn depth(&self) -> usize {
        self.open.len()
    }

    /// Whether the document is whole.
    pub(crate) fn is_complete(&self) -> bool {
        self.expect == Expect::Nothing
    }

    /// Whether the innermost open container is an array.
    pub(crate) fn in_array(&self) -> bool {
        self.open.last() == Some(&Container::Array)
    }

    /// Whether a value may come now.
    pub(crate) fn expects_value(&self) -> bool {
        matches!(self.expect, Expect::Value | Expect::ValueOrArrayEnd)
    }

    /// Accepts a whole value, which the caller has read by itself where one was expected.
    pub(crate) fn accept_value(&mut self) {
        self.value_ended();
    }

    pub(crate) fn accept(&mut self, token: &Token<'_, '_>) -> Result<Role, JsonError> {
        match (self.expect, token) {
            (Expect::Nothing, _) => Err(JsonError::TrailingText),
            (Expect::Value | Expect::ValueOrArrayEnd, Token::ObjectStart) => {
                self.open(Container::Object, Expect::KeyOrObjectEnd)
            }
            (Expect::Value | Expect::ValueOrArrayEnd, Token::ArrayStart) => {
                self.open(Container::Array, Expect::ValueOrArrayEnd)
            }
            (
                Expect::Value | Expect::ValueOrArrayEnd,
                Token::String(_) | Token::LongString | Token::Scalar(_),
            ) => {
                self.value_ended();
                Ok(Role::Value)
            }
            (Expect::Key | Expect::KeyOrObjectEnd, Token::String(_) | Token::LongString) => {
                self.expect = Expect::Colon;
                Ok(Role::Key)
            }
            (Expect::Colon, Token::Colon) => {
                self.expect = Expect::Value;
                Ok(Role::Separator)
            }
            (Expect::CommaOrEnd, Token::Comma) => {
                self.expect = if self.in_array() {
                    Expect::Value
                } else {
                    Expect::Key
                };
                Ok(Role::Separator)
            }
            (Expect::KeyOrObjectEnd, Token::ObjectEnd)
            | (Expect::ValueOrArrayEnd, Token::ArrayEnd) => Ok(self.close()),
            (Expect::CommaOrEnd, Token::ObjectEnd) if !self.in_array() => Ok(self.close()),
            (Expect::CommaOrEnd, Token::ArrayEnd) if self.in_array() => Ok(self.close()),
            (expect, _) => Err(JsonError::UnexpectedToken(match expect {
                Expect::Value | Expect::Nothing => "a value",
                Expect::ValueOrArrayEnd => "a value or ]",
                Expect::Key => "a key",
                Expect::KeyOrObjectEnd => "a key or }",
                Expect::Colon => "a colon",
                Expect::CommaOrEnd => "a comma or the end of the object or array",
            })),
        }
    }

    fn open(&mut self, container: Container, expect: Expect) -> Result<Role, JsonError> {
        if self.open.len() == MAX_DEPTH {
            return Err(JsonError::TooDeep);
        }
        self.open.push(container);
        self.expect = expect;
        Ok(Role::Open)
    }

    fn close(&mut self) -> Role {
        self.open.pop();
        self.value_ended();
        Role::Close
    }

    fn value_ended(&mut self) {
        self.expect = if self.open.is_empty() {
            Expect::Nothing
        } else {
            Expect::CommaOrEnd
        };
    }
}

/// Appends the content of a JSON string to `out` with its escapes resolved.
///
/// Lenient, since it also reads lines that are only nearly JSON: an escape that JSON does not know
/// stands for the character itself, and half a surrogate pair for U+FFFD. The result is never
/// longer than the input. It is UTF-8 wherever the input is.
pub(crate) fn unescape(raw: &[u8], out: &mut Vec<u8>) {
    let mut rest = raw;
    while let Some(at) = find_backslash(rest) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        let Some((&escaped, after)) = rest.split_first() else {
            out.push(b'\\');
            return;
        };
        rest = after;
        match escaped {
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'b' => out.push(0x08),
            b'f' => out.push(0x0c),
            b'u' => {
                let (character, length) = unescape_utf16(rest);
                rest = &rest[length..];
                let mut utf8 = [0; 4];
                out.extend_from_slice(character.encode_utf8(&mut utf8).as_bytes());
            }
            other => out.push(other),
        }
    }
    out.extend_from_slice(rest);
}

/// The character that `\u` followed by `rest` stands for, and how many bytes of `rest` it took.
fn unescape_utf16(rest: &[u8]) -> (char, usize) {
    let Some(first) = hex4(rest) else {
        // Not an escape at all: `\u` stands for a bare "u".
        return ('u', 0);
    };
    if let Some(character) = char::from_u32(u32::from(first)) {
        return (character, 4);
    }
    let second = rest[4..].strip_prefix(b"\\u").and_then(hex4);
    let pair = [first, second.unwrap_or_default()];
    match char::decode_utf16(pair).next() {
        Some(Ok(character)) => (character, 10),
        _ => (char::REPLACEMENT_CHARACTER, 4),
    }
}

fn hex4(bytes: &[u8]) -> Option<u16> {
    let digits = bytes.get(..4)?;
    digits.iter().try_fold(0_u16, |value, &digit| {
        let digit = char::from(digit).to_digit(16)?;
        Some(value << 4 | u16::try_from(digit).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One token as text, so that cases can be written and compared as lists of words.
    fn spell(token: &Token<'_, '_>) -> String {
        match token {
            Token::ObjectStart => "{".into(),
            Token::ObjectEnd => "}".into(),
            Token::ArrayStart => "[".into(),
            Token::ArrayEnd => "]".into(),
            Token::Colon => ":".into(),
            Token::Comma => ",".into(),
            Token::String(text) => format!("'{}'", String::from_utf8_lossy(text.bytes())),
            Token::LongString => "<long>".into(),
            Token::Scalar(text) => String::from_utf8_lossy(text.bytes()).into(),
        }
    }

    fn lex(pieces: &[&[u8]]) -> Result<Vec<String>, JsonError> {
        let mut lexer = Lexer::new(8);
        let mut grammar = Grammar::new();
        let mut tokens = Vec::new();
        for piece in pieces {
            let mut input = *piece;
            while let Some(token) = lexer.next(&mut input)? {
                grammar.accept(&token)?;
                tokens.push(spell(&token));
            }
            assert!(input.is_empty());
        }
        if let Some(token) = lexer.finish()? {
            grammar.accept(&token)?;
            tokens.push(spell(&token));
        }
        assert_eq!(
            lexer.offset(),
            pieces.iter().map(|p| p.len() as u64).sum::<u64>()
        );
        if grammar.is_complete() {
            Ok(tokens)
        } else {
            Err(JsonError::Truncated)
        }
    }

    /// Every case runs whole, byte by byte, and cut in two at every place.
    fn check(text: &str, expected: Result<&str, JsonError>) {
        let bytes = text.as_bytes();
        let expected = expected.map(|words| words.split(' ').map(String::from).collect::<Vec<_>>());
        assert_eq!(lex(&[bytes]), expected, "{text} whole");
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(lex(&single), expected, "{text} byte by byte");
        for at in 0..bytes.len() {
            let (head, tail) = bytes.split_at(at);
            assert_eq!(lex(&[head, tail]), expected, "{text} cut at {at}");
        }
    }

    #[test]
    fn tokens() {
        check("{}", Ok("{ }"));
        check(" [ ] ", Ok("[ ]"));
        check("12", Ok("12"));
        check("-0.5e+10", Ok("-0.5e+10"));
        check("null", Ok("null"));
        check(r#""""#, Ok("''"));
        check(r#""a\"b\\""#, Ok(r#"'a\"b\\'"#));
        check(r#""12345678""#, Ok("'12345678'"));
        check(r#""123456789""#, Ok("<long>"));
        check(r#"["1234567\"89\\",1]"#, Ok("[ <long> , 1 ]"));
        check(
            r#"{"a":[1,{"b":true}],"c":"d"}"#,
            Ok("{ 'a' : [ 1 , { 'b' : true } ] , 'c' : 'd' }"),
        );
    }

    #[test]
    fn faults() {
        for text in [
            "",
            "{",
            "[1",
            r#"{"a":"#,
            r#""abc"#,
            r#"{"a":1"#,
            r#""abc\""#,
        ] {
            check(text, Err(JsonError::Truncated));
        }
        for text in [
            "01",
            "-",
            "1.",
            ".5e",
            "1e",
            "nul",
            "truex",
            "NaN".to_lowercase().as_str(),
        ] {
            let fault = if text.starts_with('.') {
                JsonError::UnexpectedByte
            } else {
                JsonError::InvalidScalar
            };
            check(text, Err(fault));
        }
        check("{}{}", Err(JsonError::TrailingText));
        check("1 2", Err(JsonError::TrailingText));
        check("{,}", Err(JsonError::UnexpectedToken("a key or }")));
        check(r#"{"a",1}"#, Err(JsonError::UnexpectedToken("a colon")));
        check(r#"{"a":1,}"#, Err(JsonError::UnexpectedToken("a key")));
        check("[1,]", Err(JsonError::UnexpectedToken("a value")));
        check("[,]", Err(JsonError::UnexpectedToken("a value or ]")));
        check(
            "[1}",
            Err(JsonError::UnexpectedToken(
                "a comma or the end of the object or array",
            )),
        );
        check(
            r#"{"a":1]"#,
            Err(JsonError::UnexpectedToken(
                "a comma or the end of the object or array",
            )),
        );
        check("[1 \x01]", Err(JsonError::UnexpectedByte));
    }

    #[test]
    fn depth_is_bounded() {
        let deep = "[".repeat(MAX_DEPTH + 1);
        assert_eq!(lex(&[deep.as_bytes()]), Err(JsonError::TooDeep));
        let deep = ["[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH)].concat();
        assert!(lex(&[deep.as_bytes()]).is_ok());
    }

    /// The oracle of [`string_end`]: byte by byte.
    fn string_end_plain(bytes: &[u8], mut escape: bool) -> Result<usize, bool> {
        for (at, &byte) in bytes.iter().enumerate() {
            match byte {
                _ if escape => escape = false,
                b'\\' => escape = true,
                b'"' => return Ok(at),
                _ => {}
            }
        }
        Err(escape)
    }

    #[test]
    fn the_fast_searches_equal_the_plain_ones() {
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        for round in 0..200_000 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let length = usize::try_from(random >> 56).unwrap();
            let mut bits = random;
            // From all of them bytes that matter to nearly none, so that long searches occur.
            let sparse = 1 + round % 64;
            // Bytes that differ from the ones sought by one bit, now and then, and by none.
            let bytes: Vec<u8> = (0..length)
                .map(|_| {
                    bits = bits.rotate_left(7).wrapping_mul(0x2545_f491_4f6c_dd1d);
                    let choices = b"aaa\\\\\\\"\\\x22\xa2\x23\xdc\x5d\x00\xff";
                    match (bits >> 32) % sparse {
                        0 => choices[usize::try_from(bits >> 60).unwrap() % choices.len()],
                        _ => b'a',
                    }
                })
                .collect();
            let escape = round % 2 == 0;
            assert_eq!(
                string_end(&bytes, escape),
                string_end_plain(&bytes, escape),
                "{bytes:?}"
            );
            let first = bytes.iter().position(|&byte| byte == b'\\');
            assert_eq!(find_backslash(&bytes), first, "{bytes:?}");
            let raw = string_end_plain(&bytes, false).ok();
            let raw = raw.map(|end| (end, bytes[..end].contains(&b'\\')));
            assert_eq!(raw_string_end(&bytes), raw, "{bytes:?}");
        }
    }

    /// The oracle is to resolve the outer string's escapes, and to look for the end in what comes out.
    #[test]
    fn the_end_of_an_inner_string_equals_that_in_the_outer_string_without_escapes() {
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut found = [0; 3];
        for _ in 0..200_000 {
            let mut inner = Vec::new();
            let mut outer = Vec::new();
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let mut bits = random;
            for _ in 0..bits % 16 {
                bits = bits.rotate_left(7).wrapping_mul(0x2545_f491_4f6c_dd1d);
                let pieces = [
                    (r#"\""#, r#"""#),
                    (r"\\", r"\"),
                    (r"\\", r"\"),
                    ("u", "u"),
                    ("a long text", "a long text"),
                    (r"\t", "\t"),
                    (r"\\u", r"\u"),
                    ("é", "é"),
                ];
                let (escaped, text) = pieces[usize::try_from(bits >> 61).unwrap()];
                outer.extend_from_slice(escaped.as_bytes());
                inner.extend_from_slice(text.as_bytes());
            }
            let mut unescaped = Vec::new();
            unescape(&outer, &mut unescaped);
            assert_eq!(unescaped, inner);
            if let Some((end, has_escapes)) = inner_string_end(&outer) {
                let mut text = Vec::new();
                unescape(&outer[..end], &mut text);
                assert_eq!(string_end(&inner, false), Ok(text.len()));
                assert_eq!(text.contains(&b'\\'), has_escapes);
                found[usize::from(has_escapes)] += 1;
            } else {
                let end = string_end(&inner, false).unwrap_or(inner.len());
                let has_another = inner[..end].contains(&b'\t');
                assert!(has_another || end == inner.len(), "{outer:?}");
                found[2] += 1;
            }
        }
        assert!(found.iter().all(|count| *count > 10_000), "{found:?}");
    }

    #[test]
    fn unescaping() {
        for (raw, expected) in [
            ("", ""),
            ("plain", "plain"),
            (r#"\"a\" \\ \/ \b\f\n\r\t"#, "\"a\" \\ / \x08\x0c\n\r\t"),
            (r"\u0041\u00e9\u20ac", "Aé€"),
            (r"\ud83d\ude00!", "😀!"),
            (r"\ud83d", "\u{fffd}"),
            (r"\ud83dx", "\u{fffd}x"),
            (r"\ude00\ud83d", "\u{fffd}\u{fffd}"),
            (r"\ud83d\u0041", "\u{fffd}A"),
            (r"\x41", "x41"),
            (r"\u12", "u12"),
            ("end\\", "end\\"),
        ] {
            let mut out = Vec::new();
            unescape(raw.as_bytes(), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{raw}");
        }
    }

    /// The oracle: what serde_json takes, this takes, and the other way round.
    #[test]
    fn agrees_with_serde_json_on_mutated_documents() {
        let seed = br#"{"a":[1,-2.5e3,"x\"y",true,null,{"b":{}}],"c":"\u00e9","d":false} "#;
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..20_000 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let mut bytes = seed.to_vec();
            let at = usize::try_from(random >> 40).unwrap() % bytes.len();
            match random % 3 {
                0 => drop(bytes.remove(at)),
                1 => bytes[at] = b"{}[],:\"\\01.e- tnx"[usize::try_from(random >> 8).unwrap() % 17],
                _ => bytes.truncate(at),
            }
            let theirs = serde_json::from_slice::<serde_json::Value>(&bytes);
            let ours = lex(&[&bytes]);
            match (&theirs, &ours) {
                (Ok(_), Ok(_)) | (Err(_), Err(_)) => {}
                // The inside of strings is not looked at, and no escape is checked.
                (Err(e), Ok(_)) if e.to_string().contains("escape") => {}
                _ => panic!("{}: {theirs:?} {ours:?}", String::from_utf8_lossy(&bytes)),
            }
        }
    }

    /// Where a scalar is too long is the same however it was cut.
    #[test]
    fn a_scalar_that_is_too_long_is_located_at_its_begin() {
        let text = format!("[ {}", "x".repeat(3 * MAX_SCALAR));
        for size in [1, 7, 1000, text.len()] {
            let mut lexer = Lexer::new(usize::MAX);
            let mut pieces = text.as_bytes().chunks(size);
            let error = pieces.find_map(|mut piece| {
                loop {
                    match lexer.next(&mut piece) {
                        Ok(Some(_)) => {}
                        Ok(None) => return None,
                        Err(error) => return Some(error),
                    }
                }
            });
            assert_eq!(error, Some(JsonError::InvalidScalar));
            assert_eq!(lexer.offset(), 2, "{size}");
        }
    }
}
