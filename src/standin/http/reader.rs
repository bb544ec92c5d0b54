//! The strict parser over a stream.

use std::{
    error, fmt,
    io::{self, Read},
};

use super::{Message, Parser, Step, Violation};

/// How much is read from a stream at once, in bytes.
const READ_BYTES: usize = 64 * 1024;

/// A [`Parser`] over a stream.
#[derive(Debug)]
pub struct Reader<S> {
    stream: S,
    parser: Parser,
    chunk: Vec<u8>,
}

impl<S: Read> Reader<S> {
    /// Reads from `stream`, which [`Reader::stream`] gives back for writing.
    pub fn new(stream: S) -> Self {
        Self {
            stream,
            parser: Parser::default(),
            chunk: vec![0; READ_BYTES],
        }
    }

    /// The stream, to write an answer to.
    pub fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    /// The next message of those which have arrived already; never reads from the stream.
    ///
    /// # Errors
    ///
    /// Returns [`ReadError::Violation`] when the bytes are not strict HTTP/1.1.
    pub fn buffered(&mut self) -> Result<Option<Message>, ReadError> {
        match self.parser.step().map_err(ReadError::Violation)? {
            Step::Message(message) => Ok(Some(message)),
            Step::NeedInput => Ok(None),
        }
    }

    /// The next message, or `None` when the peer closed between two messages.
    ///
    /// # Errors
    ///
    /// Returns an error when the stream fails, ends inside a message, or is not strict HTTP/1.1.
    pub fn message(&mut self) -> Result<Option<Message>, ReadError> {
        loop {
            if let Some(message) = self.buffered()? {
                return Ok(Some(message));
            }
            let count = match self.stream.read(&mut self.chunk) {
                Ok(count) => count,
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => continue,
                Err(cause) => return Err(ReadError::Io(cause)),
            };
            if count == 0 {
                self.parser.finish().map_err(ReadError::CutShort)?;
                return Ok(None);
            }
            self.parser.push(&self.chunk[..count]);
        }
    }
}

/// Why a [`Reader`] has no further message.
#[derive(Debug)]
pub enum ReadError {
    /// The peer broke the protocol: answer 400 and close.
    Violation(Violation),
    /// The peer closed in the middle of a message.
    CutShort(Violation),
    /// The stream failed; nobody is there to answer.
    Io(io::Error),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Violation(violation) | Self::CutShort(violation) => violation.fmt(f),
            Self::Io(cause) => write!(f, "failed to read a request: {cause}"),
        }
    }
}

impl error::Error for ReadError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Violation(violation) | Self::CutShort(violation) => Some(violation),
            Self::Io(cause) => Some(cause),
        }
    }
}
