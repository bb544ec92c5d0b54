//! Makes chunks of an item's log events: each is counted, and forwarded or skipped for a reason.

use std::cell::Cell;

use super::document::Part;
use super::history::Ordinals;
use super::sampling::Sampling;
use crate::account::{Counts, Group};
use crate::config::DefaultHosts;
use crate::envelope::{Header, LogEvent, Message, MessageType};
use crate::event::is_id_byte;
use crate::node::{Delivery, NodeHost};
use crate::record::{AccessRecord, EARLY_BYTES, EARLY_LINES, Lacks, LineReader, Origin, Skip};
use crate::sampler::Decision;
use crate::wire::{self, Call, Chunk, Writer};

/// Makes chunks of the log events of one item, document by document.
pub(super) struct Feed<'a> {
    pub(super) lines: &'a mut LineReader,
    pub(super) own_log_group: Option<&'a str>,
    pub(super) earlier: &'a Ordinals,
    /// How many log events came before, in all documents of the item: the id of one without an id, and what is
    /// remembered of it, has the same number in each attempt.
    pub(super) ordinal: usize,
    /// How many of them came before the document.
    pub(super) before: usize,
    pub(super) waiting: Waiting,
    pub(super) output: Output<'a>,
    pub(super) hosts: &'a DefaultHosts,
    /// The region of lines that do not tell theirs.
    pub(super) region: Option<&'a str>,
    /// The stream that the item came by.
    pub(super) stream: Option<&'a str>,
    /// Where the document's lines are from.
    pub(super) source: Option<Source>,
    /// What came of the lines of the documents before it.
    pub(super) groups: Vec<Group>,
    /// How many lines were not handed over since their document is not valid. They count as undelivered.
    pub(super) withheld: u64,
}

/// A log group and its stream.
#[derive(Debug)]
pub(super) struct Source {
    log_group: String,
    log_stream: String,
    /// How many lines of the item were skipped before, and how many there were.
    before: (u64, u64),
    /// What its format lacks.
    lacks: Lacks,
}

/// Where the records go.
pub(super) struct Output<'a> {
    pub(super) writer: &'a Writer,
    pub(super) strip_stage: bool,
    pub(super) node_host: &'a NodeHost,
    pub(super) document_id: &'a str,
    pub(super) counts: Counts,
    /// How many log events came before the item in its delivery.
    pub(super) first: usize,
    /// What is being filled: lines of one document, or some that came without one, of other items too.
    pub(super) chunk: Option<Chunk>,
    /// Whether they came without one.
    pub(super) is_of_lines: bool,
    /// What decides which records are left out.
    pub(super) sampling: Option<&'a mut Sampling>,
    /// The record that is forwarded only to see whether the Node takes any, by its place in the delivery.
    pub(super) probe: &'a Cell<Option<usize>>,
}

/// Lines at the start of the document that only its other lines can settle.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    events: Vec<Event>,
    /// Their lines, one after the other.
    text: Vec<u8>,
    header: Header,
    is_over: bool,
}

/// A log event that waits.
#[derive(Debug)]
struct Event {
    id: Option<Vec<u8>>,
    timestamp: Option<i64>,
    region: Option<Vec<u8>>,
    ordinal: usize,
    /// Where its line ends.
    end: usize,
}

impl Feed<'_> {
    /// Takes what comes out of the item.
    pub(super) fn take(&mut self, delivery: &mut Delivery<'_, '_>, part: &Part<'_>) {
        match part {
            Part::Begin => self.begin_document(delivery),
            Part::LogEvent(header, event) => self.take_event(delivery, header, event),
            Part::Broken => self.finish(delivery, false),
        }
    }

    /// Begins another document: what lines tell of each other holds within one, and so does what a chunk says of its
    /// records' source.
    fn begin_document(&mut self, delivery: &mut Delivery<'_, '_>) {
        self.finish(delivery, true);
        self.waiting = Waiting::default();
        self.before = self.ordinal;
        self.lines.begin_document();
    }

    fn take_event(
        &mut self,
        delivery: &mut Delivery<'_, '_>,
        header: &Header,
        event: &LogEvent<'_>,
    ) {
        if header.message_type == Some(MessageType::Control) {
            return;
        }
        let ordinal = self.ordinal;
        self.ordinal += 1;
        if self.source.is_none() {
            let before = self.output.counts.unexpected();
            self.source = Some(Source::new(header, self.stream, before));
        }
        self.output.counts.received += 1;
        // Before the time is looked at: an event of nothing else never fails for it.
        if self.own_log_group.is_some() && self.own_log_group == header.log_group.as_deref() {
            self.skip(Skip::OwnLogGroup);
            return;
        }
        if ordinal - self.before == EARLY_LINES {
            self.settle(delivery);
        }
        if self.earlier.contains(ordinal) {
            self.output.counts.forwarded_earlier += 1;
            // What it tells of the others it tells in each attempt, unless there is no time left for any.
            if let Message::Escaped(line) = event.message
                && !delivery.is_out_of_time()
            {
                let origin = origin(self.hosts, self.stream, self.region, header, event);
                _ = self.lines.read_early(line, origin);
            }
            return;
        }
        if delivery.is_out_of_time() {
            // What is left is only counted, since reading it would take time that there isn't.
            self.output.counts.undelivered += 1;
            return;
        }
        if let Err(reason) = self.read(delivery, header, event, ordinal) {
            self.skip(reason);
        }
    }

    fn skip(&mut self, reason: Skip) {
        self.output.counts.skip(reason);
        if let Some(source) = &mut self.source
            && reason.has_to_do_with_format()
        {
            source.lacks.add(self.lines.lacks());
        }
    }

    /// Adds up what came of the document's lines.
    fn end_source(&mut self) {
        let Some(source) = self.source.take() else {
            return;
        };
        let (skipped, lines) = self.output.counts.unexpected();
        let (skipped_before, lines_before) = source.before;
        let group = Group {
            name: source.log_group,
            stream: source.log_stream,
            lines: lines - lines_before,
            skipped: skipped - skipped_before,
            lacks: source.lacks,
        };
        group.join(&mut self.groups);
    }

    /// Reads a line, and forwards it unless it has to wait.
    fn read(
        &mut self,
        delivery: &mut Delivery<'_, '_>,
        header: &Header,
        event: &LogEvent<'_>,
        ordinal: usize,
    ) -> Result<(), Skip> {
        let line = match event.message {
            Message::Escaped(line) => line,
            Message::TooLong => return Err(Skip::Oversized),
            Message::Absent => return Err(Skip::Malformed),
        };
        let origin = origin(self.hosts, self.stream, self.region, header, event);
        let record = if self.waiting.is_over {
            self.lines.read(line, origin)?
        } else if let Some(record) = self.lines.read_early(line, origin)? {
            record
        } else if self.waiting.text.len() + line.len() <= EARLY_BYTES {
            self.waiting.push(header, event, line, ordinal);
            return Ok(());
        } else {
            self.settle(delivery);
            self.lines.read_again(line, origin)?
        };
        self.output.push(delivery, header, event, ordinal, &record)
    }

    /// Reads the lines again that wait, and forwards them. From now on none has to wait.
    fn settle(&mut self, delivery: &mut Delivery<'_, '_>) {
        let over = Waiting {
            is_over: true,
            ..Waiting::default()
        };
        let waiting = std::mem::replace(&mut self.waiting, over);
        let mut from = 0;
        for event in waiting.events {
            let line = &waiting.text[from..event.end];
            from = event.end;
            if delivery.is_out_of_time() {
                self.output.counts.undelivered += 1;
                continue;
            }
            let log_event = LogEvent {
                id: event.id.as_deref(),
                timestamp: event.timestamp,
                region: event.region.as_deref(),
                message: Message::Escaped(line),
            };
            let origin = origin(
                self.hosts,
                self.stream,
                self.region,
                &waiting.header,
                &log_event,
            );
            let read = self.lines.read_again(line, origin);
            let result = read.and_then(|record| {
                self.output.push(
                    delivery,
                    &waiting.header,
                    &log_event,
                    event.ordinal,
                    &record,
                )
            });
            if let Err(reason) = result {
                self.skip(reason);
            }
        }
    }

    /// Hands over what is left, but for lines without a document: those of the next item may join them. Of a document
    /// that is not valid, what the chunk that is being filled has of it is not sent.
    pub(super) fn finish(&mut self, delivery: &mut Delivery<'_, '_>, is_valid: bool) {
        if is_valid {
            self.settle(delivery);
            if !self.output.is_of_lines {
                self.output.send(delivery);
            }
        } else {
            let waiting = std::mem::take(&mut self.waiting);
            let withheld = waiting.events.len() + self.output.take_back(self.before);
            self.withheld += withheld as u64;
            self.output.counts.undelivered += withheld as u64;
        }
        self.end_source();
    }
}

impl Waiting {
    fn push(&mut self, header: &Header, event: &LogEvent<'_>, line: &[u8], ordinal: usize) {
        if self.events.is_empty() {
            self.header = header.clone();
        }
        self.text.extend_from_slice(line);
        self.events.push(Event {
            id: event.id.map(<[u8]>::to_vec),
            timestamp: event.timestamp,
            region: event.region.map(<[u8]>::to_vec),
            ordinal,
            end: self.text.len(),
        });
    }
}

impl Output<'_> {
    fn push(
        &mut self,
        delivery: &mut Delivery<'_, '_>,
        header: &Header,
        event: &LogEvent<'_>,
        ordinal: usize,
        record: &AccessRecord<'_>,
    ) -> Result<(), Skip> {
        if self.node_host.is(record.host) {
            return Err(Skip::OwnNode);
        }
        let path = wire::sent_path(record, self.strip_stage)?;
        if self.leaves_out(delivery, record, path, ordinal) {
            self.counts.sampled += 1;
            return Ok(());
        }
        let made_up;
        let id = match event.id.and_then(valid_id) {
            Some(id) => id,
            // The same in each of Lambda's attempts with this event.
            None => {
                made_up = format!("{}-{ordinal}", self.document_id);
                &made_up
            }
        };
        let call = Call {
            id,
            timestamp: event.timestamp,
            record,
            path,
        };
        let is_of_lines = has_no_source(header);
        if std::mem::replace(&mut self.is_of_lines, is_of_lines) != is_of_lines {
            self.send(delivery);
        }
        if self.chunk.is_none() && delivery.is_over() {
            self.counts.undelivered += 1;
            return Ok(());
        }
        self.counts
            .count_made_up(record.host_source, record.has_template);
        let chunk = self.chunk.get_or_insert_with(|| delivery.chunk());
        self.writer.push(chunk, header, self.first + ordinal, &call);
        if self.writer.is_full(chunk, delivery.scale()) {
            self.send(delivery);
        }
        Ok(())
    }

    /// Whether the Node has had enough calls of the record's endpoint.
    fn leaves_out(
        &mut self,
        delivery: &Delivery<'_, '_>,
        record: &AccessRecord<'_>,
        path: &[u8],
        ordinal: usize,
    ) -> bool {
        let Some(sampling) = &mut self.sampling else {
            return false;
        };
        let ordinal = self.first + ordinal;
        let decision = sampling.decide(record, path, ordinal, &|| delivery.is_over());
        if decision == Decision::Probe {
            self.probe.set(Some(ordinal));
        }
        decision == Decision::Sample
    }

    /// Hands over the chunk that is being filled.
    pub(super) fn send(&mut self, delivery: &mut Delivery<'_, '_>) {
        if let Some(chunk) = self.chunk.take() {
            delivery.send(chunk);
        }
    }

    /// Takes the item's lines from this one on out of the chunk that is being filled, and says how many there were.
    #[cold]
    fn take_back(&mut self, ordinal: usize) -> usize {
        let from = self.first + ordinal;
        let Some(chunk) = &mut self.chunk else {
            return 0;
        };
        let all = chunk.parts.len();
        // Those of one document may have changed places, but none of them stands before another one's.
        let others = chunk.parts.partition_point(|part| part.ordinal < from);
        chunk.parts.truncate(others);
        match chunk.parts.last() {
            Some(last) => chunk.bytes.truncate(last.to),
            None => self.chunk = None,
        }
        all - others
    }
}

impl Source {
    fn new(header: &Header, stream: Option<&str>, before: (u64, u64)) -> Self {
        let log_group = header.log_group.as_deref().filter(|name| !name.is_empty());
        Self {
            log_group: log_group.or(stream).unwrap_or_default().to_string(),
            log_stream: header.log_stream.clone().unwrap_or_default(),
            before,
            lacks: Lacks::NOTHING,
        }
    }
}

/// Whether lines say nothing of where they are from, as those that come without a document.
fn has_no_source(header: &Header) -> bool {
    header.owner.is_none() && header.log_group.is_none() && header.log_stream.is_none()
}

/// What is known of a line beside its text.
fn origin<'a>(
    hosts: &'a DefaultHosts,
    stream: Option<&str>,
    region: Option<&'a str>,
    header: &'a Header,
    event: &'a LogEvent<'_>,
) -> Origin<'a> {
    let own = event.region.and_then(|region| str::from_utf8(region).ok());
    Origin {
        region: own.or(region),
        default_host: hosts.find(header.log_group.as_deref(), stream),
    }
}

/// An id that can stand in a header and in JSON as it is.
fn valid_id(id: &[u8]) -> Option<&str> {
    // CloudWatch's own are digits. Without an early end, so that the compiler makes vector instructions of it.
    let is_number = id
        .iter()
        .fold(true, |all, byte| all & byte.is_ascii_digit());
    let is_valid = is_number || id.iter().copied().all(is_id_byte);
    str::from_utf8(id).ok().filter(|_| is_valid)
}
