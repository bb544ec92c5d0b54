//! Makes an inventory of lines: each is a call, which is counted at its endpoint, or is none for a reason.

use super::{
    model::{Inventory, VERSION},
    paths::Paths,
    published::{self, Period},
    skipped::Skipped,
    spec::Specification,
};
use crate::{
    local::{
        calls::{Call, Options, Reader},
        error::CommandError,
        input::{Line, Sink},
    },
    record::{EARLY_BYTES, EARLY_LINES, Skip},
};

/// Counts the calls of lines.
#[derive(Debug)]
pub(crate) struct Gather {
    reader: Reader,
    tally: Tally,
    /// Lines at the start of the document that only its other lines can settle.
    waiting: Vec<Waiting>,
    waiting_bytes: usize,
    /// Lines of the document.
    in_document: usize,
    /// No line of the document waits any more.
    is_settled: bool,
}

/// What came of the lines.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    paths: Paths,
    skipped: Skipped,
    lines: u64,
    calls: u64,
    period: Period,
}

/// A line that waits.
#[derive(Debug)]
struct Waiting {
    text: Vec<u8>,
    timestamp: Option<i64>,
    file: String,
    number: u64,
}

impl Gather {
    /// Without lines.
    pub(crate) fn new(options: Options, specification: Option<Specification>) -> Self {
        Self {
            reader: Reader::new(options),
            tally: Tally {
                paths: Paths::new(specification),
                ..Tally::default()
            },
            waiting: Vec::new(),
            waiting_bytes: 0,
            in_document: 0,
            is_settled: false,
        }
    }

    /// The inventory, and the lines that are no calls.
    pub(crate) fn finish(mut self) -> (Inventory, Skipped) {
        self.settle();
        self.tally.finish()
    }

    /// Reads the lines again that wait. From now on none of the document has to.
    fn settle(&mut self) {
        self.is_settled = true;
        self.waiting_bytes = 0;
        for waiting in std::mem::take(&mut self.waiting) {
            let line = Line {
                text: &waiting.text,
                timestamp: waiting.timestamp,
                file: &waiting.file,
                number: waiting.number,
                ..Line::default()
            };
            match self.reader.read_again(&line) {
                Ok(call) => self.tally.count(&call),
                Err(reason) => self.skip(reason, &line),
            }
        }
    }

    fn skip(&mut self, reason: Skip, line: &Line<'_>) {
        let lacks = self.reader.lacks();
        self.tally
            .skipped
            .add(reason, lacks, line.file, line.number);
    }
}

impl Sink for Gather {
    fn begin(&mut self) {
        self.settle();
        self.is_settled = false;
        self.in_document = 0;
        self.reader.begin();
    }

    fn line(&mut self, line: &Line<'_>) -> Result<(), CommandError> {
        self.tally.lines += 1;
        // As the function has it, so that what can be told of a line there is told here, too.
        if self.in_document == EARLY_LINES {
            self.settle();
        }
        self.in_document += 1;
        let read = if self.is_settled {
            self.reader.read(line)
        } else {
            match self.reader.read_early(line) {
                Ok(Some(call)) => Ok(call),
                Ok(None) if self.waiting_bytes + line.text.len() <= EARLY_BYTES => {
                    self.waiting_bytes += line.text.len();
                    self.waiting.push(Waiting {
                        text: line.text.to_vec(),
                        timestamp: line.timestamp,
                        file: line.file.to_string(),
                        number: line.number,
                    });
                    return Ok(());
                }
                Ok(None) => {
                    self.settle();
                    self.reader.read_again(line)
                }
                Err(reason) => Err(reason),
            }
        };
        match read {
            Ok(call) => self.tally.count(&call),
            Err(reason) => self.skip(reason, line),
        }
        Ok(())
    }
}

impl Tally {
    /// The inventory of what was counted, and the lines that are no calls.
    pub(crate) fn finish(self) -> (Inventory, Skipped) {
        let Self {
            paths,
            skipped,
            lines,
            calls,
            period,
        } = self;
        let (mut endpoints, limits) = paths.finish();
        for endpoint in &mut endpoints {
            endpoint.hidden = published::hidden(endpoint, period).map(str::to_string);
        }
        let inventory = Inventory {
            version: VERSION,
            lines,
            calls,
            skipped: skipped.by_name(),
            first: period.first,
            last: period.last,
            endpoints,
            limits,
        };
        (inventory, skipped)
    }

    /// Counts a call.
    pub(crate) fn count(&mut self, call: &Call<'_>) {
        self.calls += 1;
        if let Some(time) = call.time {
            let Period { first, last } = &mut self.period;
            *first = Some(first.map_or(time, |first| first.min(time)));
            *last = Some(last.map_or(time, |last| last.max(time)));
        }
        self.paths.add(call);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Only what waits has to be kept.
    #[test]
    fn a_long_line_that_does_not_wait_hurries_none_that_do() {
        let line = |path: &str| {
            format!(
                r#"{{"requestId":"1","httpMethod":"GET","path":"{path}","status":"200","domainName":"api.example.com"}}"#
            )
        };
        let long = "x".repeat(EARLY_BYTES + 1);
        let mut gather = Gather::new(Options::default(), None);
        for text in [line("/pets/{petId}"), long, line("/pets/7")] {
            let line = Line {
                text: text.as_bytes(),
                ..Line::default()
            };
            gather.line(&line).unwrap();
        }
        let (inventory, skipped) = gather.finish();
        // The last one shows that the first is no template.
        assert_eq!((inventory.calls, skipped.lines()), (2, 1));
    }
}
