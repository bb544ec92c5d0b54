//! What the benchmark measures of the function alone: an event is read, and nothing is sent.

use std::fmt;
use std::time::{Duration, Instant};

use crate::envelope::{LogEvent, Message};
use crate::event::{self, Event};
use crate::forwarder::{Part, Reader};
use crate::record::{LineReader, Origin, Reading};
use crate::sampler::{Decision, Endpoint, Moment, Rule, Sampler};

/// What came out of an event. Another decoder that has read the same has the same sums.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// Lines that are records.
    pub records: u64,
    /// Lines that are none.
    pub skipped: u64,
    /// The bytes of every text that is sent to the Node, ids included.
    pub text_bytes: u64,
    /// The sum of every number that is sent to the Node, timestamps included.
    pub numbers: u64,
}

/// The function's own decoder, which keeps its buffers from event to event.
#[derive(Debug)]
pub struct Decoder {
    reader: Reader,
    lines: LineReader,
}

impl Default for Decoder {
    fn default() -> Self {
        Self {
            reader: Reader::new(),
            lines: LineReader::new(Reading::default()),
        }
    }
}

impl Decoder {
    /// Reads an event as the function does, up to the records.
    ///
    /// # Errors
    ///
    /// Where the event is not valid, or is a batch: a sentence for a person.
    pub fn read(&mut self, payload: &[u8]) -> Result<Sums, String> {
        let event = event::read(payload).map_err(failed)?;
        let Event::Single(document) = event else {
            return Err(failed("it is a batch"));
        };
        let mut sums = Sums::default();
        // The function looks at the clock, too.
        let until = Instant::now() + Duration::from_secs(900);
        let out_of_time = || Instant::now() >= until;
        let lines = &mut self.lines;
        let result = self
            .reader
            .read(&document, u64::MAX, &out_of_time, &mut |part| match part {
                Part::Begin => lines.begin_document(),
                Part::LogEvent(_, event) => add(&mut sums, lines, &event),
                Part::Broken => {}
            });
        result.map(|()| sums).map_err(failed)
    }
}

fn failed(cause: impl fmt::Display) -> String {
    format!("failed to read the event: {cause}")
}

fn add(sums: &mut Sums, lines: &mut LineReader, event: &LogEvent<'_>) {
    let record = match event.message {
        Message::Escaped(line) => lines.read(line, Origin::default()).ok(),
        Message::TooLong | Message::Absent => None,
    };
    let Some(record) = record else {
        sums.skipped += 1;
        return;
    };
    sums.records += 1;
    let texts = [
        event.id,
        Some(record.method.as_bytes()),
        Some(record.path),
        Some(record.host.as_bytes()),
        record.request_id,
        record.protocol,
        record.stage,
        record.error_message,
        record.user_agent,
        record.source_ip.map(str::as_bytes),
    ];
    sums.text_bytes += texts
        .iter()
        .flatten()
        .map(|text| text.len() as u64)
        .sum::<u64>();
    let numbers = [
        event.timestamp.and_then(|time| u64::try_from(time).ok()),
        record.status.map(u64::from),
        record.response_length,
        record.response_latency,
        record.integration_latency,
        record.integration_status.map(u64::from),
        record.request_time_epoch,
    ];
    sums.numbers += numbers.iter().flatten().sum::<u64>();
}

/// A call that is to be forwarded, or left out.
#[derive(Debug, Clone, Copy)]
pub struct Sampled<'a> {
    /// The method.
    pub method: &'a str,
    /// The host.
    pub host: &'a str,
    /// The path.
    pub path: &'a [u8],
    /// The status.
    pub status: Option<u16>,
}

/// The function's own decisions under `X_SAMPLE`, with a time that is made up.
#[derive(Debug)]
pub struct Sampling(Sampler);

impl Sampling {
    /// A process that forwards so many calls of an endpoint in a window of so many seconds.
    #[must_use]
    pub fn new(calls: u16, seconds: u32) -> Self {
        Self(Sampler::new(Rule {
            calls,
            seconds,
            keeps_errors: false,
        }))
    }

    /// Delivers calls, of which the Node accepts each at once, so many seconds after the start. Says of each whether it
    /// is forwarded.
    pub fn deliver(&mut self, seconds: u32, calls: &[Sampled<'_>]) -> Vec<bool> {
        let now = Moment {
            monotonic: seconds,
            wall: seconds,
        };
        self.0.begin(now, false);
        let calls = calls.iter().enumerate();
        let decisions = calls.map(|(at, call)| {
            let endpoint = Endpoint {
                method: call.method,
                host: call.host,
                path: call.path,
                template: None,
                status: call.status,
            };
            self.0.decide(&endpoint, at, &|| false) == Decision::Forward
        });
        let decisions = decisions.collect();
        self.0.end(now, &|_| true);
        decisions
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::standin::cloudwatch::{Line, events};

    #[test]
    fn sums_of_an_event() {
        let lines = [
            r#"{"httpMethod":"GET","path":"/a","domainName":"b.example","status":"200","responseLatency":"7"}"#,
            "(1) an execution log",
        ];
        let lines = (1..).zip(lines).map(|(n, line)| Line::new(n, 1_000, line));
        let event = events("/aws/apigateway/x", "a5d7", lines).unwrap();
        let mut decoder = Decoder::default();
        // The second time it reads into buffers that were used before.
        for _ in 0..2 {
            assert_eq!(
                decoder.read(&event[0].payload).unwrap(),
                Sums {
                    records: 1,
                    skipped: 1,
                    text_bytes: 56 + 3 + 2 + 9,
                    numbers: 1_000 + 200 + 7,
                }
            );
        }
        assert!(decoder.read(b"{}").is_err());
    }
}
