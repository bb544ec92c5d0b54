//! The calls that lines tell of, read by the function's own code: what is a call here is one that Lambda forwards.

use crate::{
    record::{AccessRecord, Lacks, Origin, RawLineReader, Reading, Skip},
    wire,
};

use super::input::Line;

/// One call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call<'a> {
    /// The host, in lower case.
    pub host: &'a str,
    /// The method.
    pub method: &'a str,
    /// The path as it was called, possibly without its stage. Begins with a slash; any other byte may follow.
    pub path: &'a [u8],
    /// The template of the path that the gateway matched, `resourcePath` or that of `routeKey`.
    pub template: Option<&'a [u8]>,
    /// The response's status.
    pub status: Option<u16>,
    /// The response's latency in milliseconds.
    pub latency_ms: Option<u64>,
    /// When, in Unix milliseconds.
    pub time: Option<i64>,
}

/// How lines are read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// The host of lines that have none.
    pub default_host: Option<String>,
    /// The stage is taken off the path.
    pub strip_stage: bool,
}

/// Reads calls from lines, in buffers that it keeps.
#[derive(Debug)]
pub struct Reader {
    lines: RawLineReader,
    options: Options,
}

impl Reader {
    /// A reader that has read nothing.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            lines: RawLineReader::new(Reading {
                sends_template_paths: false,
                reads_templates: true,
            }),
            options,
        }
    }

    /// Begins another document: what lines tell of each other holds within one.
    pub fn begin(&mut self) {
        self.lines.begin_document();
    }

    /// Reads a line at the start of its document. `None`: only the document's other lines can settle what it is, and it
    /// is to be read again when they have come.
    pub(crate) fn read_early<'a>(&'a mut self, line: &Line<'a>) -> Result<Option<Call<'a>>, Skip> {
        let origin = self.options.origin();
        match self.lines.read_early(line.text, origin)? {
            Some(record) => call(&record, &self.options, line).map(Some),
            None => Ok(None),
        }
    }

    /// Reads a line that had to wait.
    pub(crate) fn read_again<'a>(&'a mut self, line: &Line<'a>) -> Result<Call<'a>, Skip> {
        let origin = self.options.origin();
        let record = self.lines.read_again(line.text, origin)?;
        call(&record, &self.options, line)
    }

    /// Reads a line, or tells why it is no call.
    pub(crate) fn read<'a>(&'a mut self, line: &Line<'a>) -> Result<Call<'a>, Skip> {
        let origin = self.options.origin();
        let record = self.lines.read(line.text, origin)?;
        call(&record, &self.options, line)
    }

    /// What the format of the last line lacks, which was skipped.
    pub(crate) fn lacks(&self) -> Lacks {
        self.lines.lacks()
    }
}

impl Options {
    fn origin(&self) -> Origin<'_> {
        Origin {
            region: None,
            default_host: self.default_host.as_deref(),
        }
    }
}

/// What the function would forward of a record.
fn call<'a>(
    record: &AccessRecord<'a>,
    options: &Options,
    line: &Line<'_>,
) -> Result<Call<'a>, Skip> {
    Ok(Call {
        host: record.host,
        method: record.method,
        path: wire::sent_path(record, options.strip_stage)?,
        template: record.template,
        status: record.status,
        latency_ms: record.response_latency,
        time: record
            .request_time_epoch
            .and_then(|ms| i64::try_from(ms).ok())
            .or(line.timestamp),
    })
}
