//! One document on its way from the event's text to its log events: base64, gzip, JSON.

use std::fmt;

use crate::envelope::{Envelope, EnvelopeError, Finish, Header, LogEvent};
use crate::error::Category;
use crate::event::{Data, EventError};
use crate::gzip::{Gunzip, GzipError, Step};

/// How many inflated bytes are read between two looks at the clock. As log events of two bytes each, which take
/// longest, that is a millisecond or two of work. A log event that is cut takes longer to read, so that smaller
/// pieces cost more.
const PIECE: usize = 64 * 1024;

/// Drives the document through base64, gzip and JSON, piece by piece, for as long as it is not `out_of_time`.
pub(crate) fn read_document(
    data: &Data<'_>,
    gunzip: &mut Gunzip,
    envelope: &mut Envelope,
    out_of_time: impl Fn() -> bool,
    mut sink: impl FnMut(&Header, LogEvent<'_>),
) -> Result<Finish, DocumentError> {
    data.decode(|mut piece| {
        loop {
            let offset = gunzip.offset();
            match gunzip.step(&mut piece) {
                Ok(Step::NeedInput) if out_of_time() => {
                    return Err(DocumentError::OutOfTime(envelope.offset()));
                }
                Ok(Step::NeedInput) => return Ok(()),
                Ok(Step::Output(bytes)) => {
                    for bytes in bytes.chunks(PIECE) {
                        if out_of_time() {
                            return Err(DocumentError::OutOfTime(envelope.offset()));
                        }
                        envelope
                            .read(bytes, &mut sink)
                            .map_err(|error| DocumentError::Document(error, envelope.offset()))?;
                    }
                }
                Err(error) => return Err(DocumentError::Gzip(error, offset)),
            }
        }
    })?;
    gunzip
        .finish()
        .map_err(|error| DocumentError::Gzip(error, gunzip.offset()))?;
    envelope
        .finish()
        .map_err(|error| DocumentError::Document(error, envelope.offset()))
}

/// Why an event's document can't be read, and at which byte of its stage.
#[derive(Debug)]
pub(crate) enum DocumentError {
    Base64(EventError),
    Gzip(GzipError, u64),
    Document(EnvelopeError, u64),
    /// It may be valid: nobody has read it to its end.
    OutOfTime(u64),
}

impl DocumentError {
    pub(super) fn category(&self) -> Category {
        match self {
            Self::OutOfTime(_) => Category::Undelivered,
            _ => Category::InvalidEvent,
        }
    }

    pub(super) fn stage(&self) -> &'static str {
        match self {
            Self::Base64(_) => "decode the event's base64",
            Self::Gzip(..) => "decompress the event",
            Self::Document(..) => "read the log document",
            Self::OutOfTime(_) => "read the log document to its end",
        }
    }
}

impl From<EventError> for DocumentError {
    fn from(error: EventError) -> Self {
        Self::Base64(error)
    }
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Base64(error) => error.fmt(f),
            Self::Gzip(error, offset) => write!(f, "{error}, at compressed byte {offset}"),
            Self::Document(error, offset) => write!(f, "{error}, at inflated byte {offset}"),
            Self::OutOfTime(offset) => write!(
                f,
                "the time of the invocation was over while the document was read, at inflated byte {offset}"
            ),
        }
    }
}

impl std::error::Error for DocumentError {}
