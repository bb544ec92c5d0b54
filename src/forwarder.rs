//! The handler: one event from its bytes to the Node, and the account of it.
//!
//! It owns every buffer that an event needs, and keeps them for the next one.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

use crate::config::Config;
use crate::envelope::{self, Envelope, Finish, Header, LogEvent, Message, MessageType};
use crate::error::{Category, Error};
use crate::event::{self, Batch, Data, Document, Event, Fingerprint, Source, Transformed};
use crate::gzip::{self, Gunzip, Step};
use crate::node::{Delivery, Node, NodeHost, Outcome, Verdict};
use crate::record::{LineReader, Skip};
use crate::report::Counts;
use crate::wire::{self, Call, Format, Parcel, Writer, batch, resend};

/// How much of the time that an invocation has is kept for its end: a tenth, and at most this. The
/// result has to be posted before Lambda kills the function, or nobody learns the counts.
const LONGEST_MARGIN: Duration = Duration::from_secs(1);

/// For how long after the Node has last accepted a record a document may pass of which it blocked all. Longer
/// ago, it may have begun to block everything.
const RECENTLY: Duration = Duration::from_secs(60);

/// How many events that failed are remembered. Lambda tries each twice more within minutes; the
/// places of 10,000 records take 1.25 KB.
const HISTORY: usize = 64;

/// Forwards events.
#[derive(Debug)]
pub(crate) struct Forwarder {
    node: Node,
    node_host: NodeHost,
    gunzip: Gunzip,
    envelope: Envelope,
    lines: LineReader,
    writer: Writer,
    strip_stage: bool,
    max_inflated_bytes: u64,
    own_log_group: Option<String>,
    /// When the Node has last accepted a record of this process.
    accepted_at: Option<Instant>,
    history: VecDeque<Past>,
}

/// What came of an event.
#[derive(Debug, Default)]
pub(crate) struct Account {
    pub(crate) counts: Counts,
    pub(crate) outcome: Outcome,
    pub(crate) bytes_inflated: u64,
    /// Why items of a batch have failed.
    pub(crate) failures: Vec<Error>,
}

/// What an event that has not failed as a whole is answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer<'a> {
    /// The one document is done.
    Document,
    /// All of a batch is done but these items, which are to come again.
    Batch(Vec<Cow<'a, str>>),
    /// Each record of a Firehose stream, as it goes on to the stream's destination.
    Transformation(Vec<Transformed<'a>>),
}

/// A document that failed.
#[derive(Debug)]
struct Past {
    id: String,
    fingerprint: Fingerprint,
    forwarded: Ordinals,
}

/// A set of log events of one document, by their places in it.
#[derive(Debug, Default)]
struct Ordinals(Vec<u64>);

impl Ordinals {
    fn insert(&mut self, ordinal: usize) {
        let word = ordinal / 64;
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (ordinal % 64);
    }

    fn contains(&self, ordinal: usize) -> bool {
        let word = self.0.get(ordinal / 64).copied().unwrap_or(0);
        word >> (ordinal % 64) & 1 == 1
    }
}

impl Forwarder {
    /// Gets everything ready, without connecting.
    ///
    /// # Errors
    ///
    /// Where the Node's address is no address.
    pub(crate) fn new(config: &Config) -> Result<Self, Error> {
        Ok(Self {
            node: Node::new(&config.node)?,
            node_host: NodeHost::new(&config.node.host),
            gunzip: Gunzip::new(),
            envelope: Envelope::new(),
            lines: LineReader::new(),
            writer: writer(config),
            strip_stage: config.wire.strip_stage,
            max_inflated_bytes: config.max_inflated_bytes,
            own_log_group: config.log.log_group.clone(),
            accepted_at: None,
            history: VecDeque::new(),
        })
    }

    /// Forwards the records of one event. `deadline` is when Lambda ends the invocation.
    ///
    /// # Errors
    ///
    /// Where the event is not sound, where records are left undelivered, and where the Node refused
    /// all of them. What of that goes for an item of a batch fails that item alone. `account` is
    /// right in each case.
    pub(crate) fn handle<'a>(
        &mut self,
        request_id: &str,
        event: &'a [u8],
        deadline: Instant,
        account: &mut Account,
    ) -> Result<Answer<'a>, Error> {
        let left = deadline.saturating_duration_since(Instant::now());
        let deadline = deadline - (left / 10).min(LONGEST_MARGIN);
        match event::read(event).map_err(unreadable)? {
            Event::Single(document) => {
                self.forward(request_id, &document, deadline, account)?;
                Ok(Answer::Document)
            }
            Event::Batch(batch) => {
                let failed = self.forward_batch(request_id, &batch, deadline, account);
                if batch.source == Source::Firehose {
                    return Ok(Answer::Transformation(batch.transformed(&failed)));
                }
                let items = batch.items.into_iter().enumerate();
                let failed = items.filter(|(at, _)| failed.binary_search(at).is_ok());
                Ok(Answer::Batch(
                    failed.map(|(_, item)| item.identifier).collect(),
                ))
            }
        }
    }

    /// Forwards the documents of a batch one after the other, and returns the places of the items that
    /// failed.
    fn forward_batch(
        &mut self,
        request_id: &str,
        batch: &Batch<'_>,
        deadline: Instant,
        account: &mut Account,
    ) -> Vec<usize> {
        let is_ordered = batch.source == Source::Stream;
        let mut failed = Vec::new();
        for (at, item) in batch.items.iter().enumerate() {
            let result = if Instant::now() < deadline {
                let document = item.document().map_err(unreadable);
                document.and_then(|document| self.forward(request_id, &document, deadline, account))
            } else {
                let text = "the time of the invocation was over before its turn came";
                Err(Error::new(
                    Category::Undelivered,
                    "read an item of the batch",
                    text,
                ))
            };
            let category = result.as_ref().err().map(Error::category);
            if let Err(error) = result
                && (!is_ordered || failed.is_empty())
            {
                account.failures.push(error);
                failed.push(at);
            }
            if is_ordered && !failed.is_empty() {
                // A stream comes again from the first item that failed. But where that was blocked as a
                // whole, the ones after it show whether the Node takes anything, so that the next try knows:
                // else an attack at the front of a shard would hold up all of it.
                let may_be_attacks = matches!(category, None | Some(Category::Refused))
                    && account.counts.is_blocked()
                    && !self.is_taking();
                if !may_be_attacks {
                    break;
                }
            }
        }
        failed
    }

    /// Forwards the records of one document.
    fn forward(
        &mut self,
        request_id: &str,
        document: &Document<'_>,
        deadline: Instant,
        account: &mut Account,
    ) -> Result<(), Error> {
        let id = document.id.as_deref().unwrap_or(request_id);
        let fingerprint = document.data.fingerprint();
        let mut forwarded = self.forwarded_earlier(id, fingerprint);
        let mut header = Header::default();
        let mut own = Account::default();
        let result = loop {
            match self.pass(
                id,
                &document.data,
                header,
                deadline,
                &mut forwarded,
                &mut own,
            ) {
                Ok(Finish::Done) => break Ok(()),
                Ok(Finish::SecondPass(known)) => header = known,
                Err(fault) => break Err(fault),
            }
        };
        if own.counts.forwarded > 0 {
            self.accepted_at = Some(Instant::now());
        }
        let result = result
            .map_err(|fault| Error::new(Category::InvalidEvent, fault.stage(), fault))
            .and_then(|()| verdict(&own, self.is_taking()));
        account.add(own);
        if result.is_err() {
            self.remember(Past {
                id: id.to_string(),
                fingerprint,
                forwarded,
            });
        }
        result
    }

    /// Reads the document once, and delivers what it holds.
    fn pass(
        &mut self,
        id: &str,
        data: &Data<'_>,
        header: Header,
        deadline: Instant,
        forwarded: &mut Ordinals,
        account: &mut Account,
    ) -> Result<Finish, Fault> {
        let Self {
            node,
            gunzip,
            envelope,
            writer,
            ..
        } = self;
        let earlier = Ordinals(forwarded.0.clone());
        let mut feed = Feed {
            lines: &mut self.lines,
            writer,
            strip_stage: self.strip_stage,
            node_host: &self.node_host,
            own_log_group: self.own_log_group.as_deref(),
            document_id: id,
            earlier: &earlier,
            counts: Counts::default(),
            ordinal: 0,
            parcel: None,
        };
        let mut settled = Counts::default();
        let mut settle = |ordinal, verdict| match verdict {
            Verdict::Forwarded => {
                settled.forwarded += 1;
                forwarded.insert(ordinal);
            }
            Verdict::Refused(status) => *settled.refused.entry(status).or_default() += 1,
            Verdict::Undelivered => settled.undelivered += 1,
        };
        gunzip.reset(self.max_inflated_bytes);
        envelope.reset(header);
        let (finish, outcome) = node.deliver(
            writer,
            deadline,
            self.accepted_at.is_some(),
            &mut settle,
            |delivery| {
                let finish = read_document(data, gunzip, envelope, |header, event| {
                    feed.take(delivery, header, &event);
                });
                feed.finish(delivery, finish.is_ok());
                finish
            },
        );
        account.bytes_inflated = gunzip.inflated();
        account.counts = feed.counts;
        account.counts.forwarded = settled.forwarded;
        account.counts.refused = settled.refused;
        account.counts.undelivered += settled.undelivered;
        account.outcome = outcome;
        finish
    }

    /// Whether the Node has accepted records just now.
    fn is_taking(&self) -> bool {
        self.accepted_at.is_some_and(|at| at.elapsed() < RECENTLY)
    }

    fn forwarded_earlier(&mut self, id: &str, fingerprint: Fingerprint) -> Ordinals {
        let is_it = |past: &Past| past.id == id && past.fingerprint == fingerprint;
        match self.history.iter().position(is_it) {
            Some(at) => self
                .history
                .remove(at)
                .map_or_else(Ordinals::default, |past| past.forwarded),
            None => Ordinals::default(),
        }
    }

    fn remember(&mut self, past: Past) {
        if self.history.len() == HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(past);
    }
}

fn writer(config: &Config) -> Writer {
    let (id, headers) = (config.wire.application_id, &config.wire.headers[..]);
    match config.wire.format {
        Format::Resend => Writer::Resend(resend::Writer::new(id, headers)),
        Format::Batch => {
            let authority = config.node.authority();
            Writer::Batch(batch::Frame::new(
                &authority,
                &config.node.path,
                id,
                headers,
            ))
        }
    }
}

impl Account {
    fn add(&mut self, other: Self) {
        self.counts.add(&other.counts);
        self.outcome.stats.add(&other.outcome.stats);
        self.outcome.last_failure = other
            .outcome
            .last_failure
            .or_else(|| self.outcome.last_failure.take());
        self.bytes_inflated += other.bytes_inflated;
        self.failures.extend(other.failures);
    }
}

fn unreadable(fault: event::Fault) -> Error {
    let category = match fault {
        event::Fault::Unsupported(_) => Category::UnsupportedEvent,
        _ => Category::InvalidEvent,
    };
    Error::new(category, "read the event", fault)
}

/// Drives the document through base64, gzip and JSON, piece by piece.
pub(crate) fn read_document(
    data: &Data<'_>,
    gunzip: &mut Gunzip,
    envelope: &mut Envelope,
    mut sink: impl FnMut(&Header, LogEvent<'_>),
) -> Result<Finish, Fault> {
    data.decode(|mut piece| {
        loop {
            let offset = gunzip.offset();
            match gunzip.step(&mut piece) {
                Ok(Step::NeedInput) => return Ok(()),
                Ok(Step::Output(bytes)) => envelope
                    .read(bytes, &mut sink)
                    .map_err(|fault| Fault::Document(fault, envelope.offset()))?,
                Err(fault) => return Err(Fault::Gzip(fault, offset)),
            }
        }
    })?;
    gunzip
        .finish()
        .map_err(|fault| Fault::Gzip(fault, gunzip.offset()))?;
    envelope
        .finish()
        .map_err(|fault| Fault::Document(fault, envelope.offset()))
}

/// Whether an event whose every record is settled has succeeded.
///
/// A Node that refuses all of them is usually the wrong one. But one in blocking mode answers 403
/// to an attack, and a quiet API's events have one record each: from a Node that is taking others, that
/// status is an answer like any other.
fn verdict(account: &Account, is_taking: bool) -> Result<(), Error> {
    let counts = &account.counts;
    let forwarded = counts.forwarded + counts.forwarded_earlier;
    let of_all = format!(
        "of {} records; {forwarded} were forwarded, {} refused, {} skipped",
        counts.received,
        counts.refused(),
        counts.skipped(),
    );
    if counts.undelivered > 0 {
        let why = account.outcome.last_failure.as_deref();
        let why = why.unwrap_or("the time of the invocation was over");
        let text = format!("{} {of_all}; the last failure: {why}", counts.undelivered);
        return Err(Error::new(
            Category::Undelivered,
            "deliver every record",
            text,
        ));
    }
    if forwarded == 0 && counts.refused() > 0 && !(is_taking && counts.is_blocked()) {
        let statuses: Vec<_> = counts.refused.keys().map(u16::to_string).collect();
        let text = format!(
            "the Node refused {} {of_all}; it answered with status {}: check X_NODE_URL, \
             X_NODE_SCHEME and the Node's allowed hosts",
            counts.refused(),
            statuses.join(", "),
        );
        return Err(Error::new(
            Category::Refused,
            "deliver a single record",
            text,
        ));
    }
    Ok(())
}

/// Why an event's document can't be read, and at which byte of its stage.
#[derive(Debug)]
pub(crate) enum Fault {
    Base64(event::Fault),
    Gzip(gzip::Fault, u64),
    Document(envelope::Fault, u64),
}

impl Fault {
    fn stage(&self) -> &'static str {
        match self {
            Self::Base64(_) => "decode the event's base64",
            Self::Gzip(..) => "decompress the event",
            Self::Document(..) => "read the log document",
        }
    }
}

impl From<event::Fault> for Fault {
    fn from(fault: event::Fault) -> Self {
        Self::Base64(fault)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Base64(fault) => fault.fmt(f),
            Self::Gzip(fault, offset) => write!(f, "{fault}, at compressed byte {offset}"),
            Self::Document(fault, offset) => write!(f, "{fault}, at inflated byte {offset}"),
        }
    }
}

impl std::error::Error for Fault {}

/// Makes parcels of the log events of one document.
struct Feed<'a> {
    lines: &'a mut LineReader,
    writer: &'a Writer,
    strip_stage: bool,
    node_host: &'a NodeHost,
    own_log_group: Option<&'a str>,
    document_id: &'a str,
    earlier: &'a Ordinals,
    counts: Counts,
    ordinal: usize,
    parcel: Option<Parcel>,
}

impl Feed<'_> {
    fn take(&mut self, delivery: &mut Delivery<'_, '_>, header: &Header, event: &LogEvent<'_>) {
        if header.message_type == Some(MessageType::Control) {
            return;
        }
        let ordinal = self.ordinal;
        self.ordinal += 1;
        self.counts.received += 1;
        if self.earlier.contains(ordinal) {
            self.counts.forwarded_earlier += 1;
            return;
        }
        if delivery.is_out_of_time() {
            // What is left is only counted, since reading it would take time that there isn't.
            self.counts.undelivered += 1;
            return;
        }
        if let Err(reason) = self.forward(delivery, header, event, ordinal) {
            self.counts.skip(reason);
        }
    }

    fn forward(
        &mut self,
        delivery: &mut Delivery<'_, '_>,
        header: &Header,
        event: &LogEvent<'_>,
        ordinal: usize,
    ) -> Result<(), Skip> {
        if self.own_log_group.is_some() && self.own_log_group == header.log_group.as_deref() {
            return Err(Skip::OwnLogGroup);
        }
        let line = match event.message {
            Message::Escaped(line) => line,
            Message::TooLong => return Err(Skip::Oversized),
            Message::Absent => return Err(Skip::Malformed),
        };
        let record = self.lines.read(line)?;
        if self.node_host.is(record.host) {
            return Err(Skip::OwnNode);
        }
        let path = if self.strip_stage {
            record.path_without_stage()
        } else {
            record.path
        };
        if wire::is_too_long(path) {
            return Err(Skip::Oversized);
        }
        let made_up;
        let id = match event.id.and_then(sound_id) {
            Some(id) => id,
            // The same in each of Lambda's tries with this event.
            None => {
                made_up = format!("{}-{ordinal}", self.document_id);
                &made_up
            }
        };
        let call = Call {
            id,
            timestamp: event.timestamp,
            record: &record,
            path,
        };
        if self.parcel.is_none() && delivery.is_over() {
            self.counts.undelivered += 1;
            return Ok(());
        }
        let parcel = self.parcel.get_or_insert_with(|| delivery.parcel());
        self.writer.push(parcel, header, ordinal, &call);
        if self.writer.is_full(parcel) {
            delivery.send(std::mem::take(parcel));
            self.parcel = None;
        }
        Ok(())
    }

    /// Hands over what is left. Of a document that is not sound, the parcel that is being filled is
    /// not sent.
    fn finish(&mut self, delivery: &mut Delivery<'_, '_>, is_sound: bool) {
        match self.parcel.take() {
            Some(parcel) if is_sound => delivery.send(parcel),
            Some(parcel) => self.counts.undelivered += parcel.parts.len() as u64,
            None => {}
        }
    }
}

/// An id that can stand in a header and in JSON as it is.
fn sound_id(id: &[u8]) -> Option<&str> {
    let is_sound = id
        .iter()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_=".contains(byte));
    str::from_utf8(id).ok().filter(|_| is_sound)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Some of a document's records were refused with these statuses, and so many were forwarded.
    fn outcome(statuses: &[u16], forwarded: u64, is_taking: bool) -> Option<Category> {
        let mut account = Account::default();
        for &status in statuses {
            *account.counts.refused.entry(status).or_default() += 1;
        }
        account.counts.forwarded = forwarded;
        verdict(&account, is_taking)
            .err()
            .map(|error| error.category())
    }

    #[test]
    fn what_is_refused_as_a_whole_fails_unless_it_was_blocked_by_a_node_that_takes_others() {
        let refused = Some(Category::Refused);
        for (statuses, forwarded, is_taking, expected) in [
            (&[][..], 0, false, None),
            (&[403], 1, false, None),
            (&[403], 0, false, refused),
            (&[403; 100], 0, true, None),
            (&[404], 0, true, refused),
            (&[403, 404], 0, true, refused),
            (&[404], 1, false, None),
        ] {
            assert_eq!(
                outcome(statuses, forwarded, is_taking),
                expected,
                "{statuses:?}, {forwarded}, {is_taking}"
            );
        }
    }
}
