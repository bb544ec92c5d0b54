//! The handler: one event from its bytes to the Node, and the account of it.
//!
//! It owns every buffer that an event needs, and keeps them for the next one.

mod document;
mod feed;
mod history;
mod sampling;
mod share;

use std::cell::{Cell, RefCell};
use std::iter;
use std::time::{Duration, Instant};

use crate::account::{Account, Counts, Stats, Verdict, Waited};
use crate::config::{Config, DefaultHosts};
use crate::error::{Category, Error};
use crate::event::{self, Batch, Document, End, Event, EventError, Source, summary, usable_id};
use crate::node::{Node, NodeHost};
use crate::record::{LineReader, Reading};
use crate::wire::{Format, Writer, batch, resend};
pub(crate) use document::{DocumentError, Reader};
#[cfg(feature = "stand-ins")]
pub(crate) use document::{Part, TextReader};
use feed::{Feed, Output, Waiting};
use history::{History, Ordinals};
use sampling::Sampling;
use share::Share;

/// How much of the time that an invocation has is kept for its end: a tenth, within these limits. The
/// result has to be posted before Lambda kills the function, or nobody learns the counts. A function with little
/// memory has little of a processor, and Linux stops it for up to a tenth of a second at a time.
const SHORTEST_MARGIN: Duration = Duration::from_millis(250);
const LONGEST_MARGIN: Duration = Duration::from_secs(1);

/// How much of that is left alone for the result, after what was read: two of those stops.
const RESULT: Duration = Duration::from_millis(200);

/// For how long after the Node has last accepted a record a document may pass of which it blocked all. Longer
/// ago, it may have begun to block everything.
const RECENTLY: Duration = Duration::from_secs(60);

/// How long the Node may have accepted nothing until a record is forwarded that would be left out. Without it, a Node
/// that gets little would soon not count as one that accepts records.
const PROBE_AFTER: Duration = Duration::from_secs(30);

/// Forwards events.
#[derive(Debug)]
pub(crate) struct Forwarder {
    node: Node,
    node_host: NodeHost,
    reader: Reader,
    lines: LineReader,
    writer: Writer,
    strip_stage: bool,
    default_hosts: DefaultHosts,
    region: Option<String>,
    max_inflated_bytes: u64,
    /// Whether a record of Firehose ends here that was forwarded whole.
    drops: bool,
    own_log_group: Option<String>,
    /// When the Node has last accepted a record of this process.
    accepted_at: Option<Instant>,
    history: History,
    sampling: Option<Sampling>,
}

impl Forwarder {
    /// Gets everything ready, without connecting.
    ///
    /// # Errors
    ///
    /// Where the Node's address is no address.
    pub(crate) fn new(config: &Config) -> Result<Self, Error> {
        let sends_template_paths = config.wire.sends_template_paths;
        let reading = Reading {
            sends_template_paths,
            // A template tells an endpoint better than a path does.
            reads_templates: sends_template_paths
                || config.wire.format == Format::Batch
                || config.sample.is_some(),
        };
        Ok(Self {
            node: Node::new(&config.node)?,
            node_host: NodeHost::new(&config.node.host),
            reader: Reader::new(),
            lines: LineReader::new(reading),
            writer: writer(config),
            strip_stage: config.wire.strip_stage,
            default_hosts: config.default_hosts.clone(),
            region: config.region.clone(),
            max_inflated_bytes: config.max_inflated_bytes,
            drops: config.drops_firehose_records,
            own_log_group: config.log.log_group.clone(),
            accepted_at: None,
            history: History::default(),
            sampling: config.sample.map(Sampling::new),
        })
    }

    /// From now on, events are read, and nothing is sent: every record that would be counts as forwarded.
    #[cfg(feature = "cli")]
    pub(crate) fn send_nothing(&mut self) {
        self.node.send_nothing();
    }

    /// Forwards the records of one event, or waits for the Node where that is the event, and returns the body of its
    /// response. `deadline` is when Lambda ends the invocation.
    ///
    /// # Errors
    ///
    /// Where the event is not valid, where records are left undelivered, where the Node refused all of them, and where it
    /// is not healthy that was waited for. What of that goes for an item of a batch fails that item alone. `account` is
    /// right in each case.
    pub(crate) fn handle(
        &mut self,
        request_id: &str,
        event: &[u8],
        deadline: Instant,
        account: &mut Account,
    ) -> Result<Vec<u8>, Error> {
        let times = Times::new(deadline);
        match event::read(event).map_err(unreadable)? {
            Event::Single(document) => {
                self.forward_document(request_id, document, times, false, account)?;
                Ok(summary(&account.counts))
            }
            Event::Batch(batch) => {
                let ends = match batch.source {
                    Source::Firehose => self.forward_records(request_id, &batch, times, account),
                    _ => self.forward_batch(request_id, &batch, times, account),
                };
                let response = batch.response(&ends, self.drops);
                response.ok_or_else(|| unnamed(&batch, &ends, &account.failures))
            }
            Event::Wait(wait) => {
                let waited = account.waited.insert(Waited::default());
                let wait =
                    wait.map_err(|what| Error::new(Category::InvalidWait, "read the event", what))?;
                self.node
                    .wait(&wait.path, wait.time, times.deadline, waited)?;
                Ok(event::healthy(waited.attempts, waited.seconds))
            }
        }
    }

    /// Forwards the items of a batch one after the other, and returns what became of them. A stream's end with the
    /// one from which it comes again.
    fn forward_batch(
        &mut self,
        request_id: &str,
        batch: &Batch<'_>,
        times: Times,
        account: &mut Account,
    ) -> Vec<End> {
        let is_ordered = batch.source == Source::Stream;
        // Where one may fail that has no identifier, all may come again, the delivered ones too.
        let may_come_again = batch.may_come_again_whole();
        let mut ends = Vec::new();
        // A stream comes again from the first record that failed and can be named.
        let mut is_held = false;
        for item in &batch.items {
            let result = if Instant::now() < times.deadline {
                let document = batch.document(item).map_err(unreadable);
                document.and_then(|document| {
                    self.forward_document(request_id, document, times, may_come_again, account)
                })
            } else {
                Err(too_late())
            };
            let category = result.as_ref().err().map(Error::category);
            if !is_held {
                ends.push(end(&result));
                if let Err(error) = result {
                    account.failures.push(error);
                    is_held = is_ordered && item.identifier.is_some();
                }
            }
            if is_held {
                // What follows comes again in any case. But where that record was blocked as a whole, the ones after
                // it show whether the Node takes anything, so that the next attempt knows: else an attack at the
                // front of a shard would hold up all of it.
                let may_be_attacks = matches!(category, None | Some(Category::Refused))
                    && account.counts.is_blocked()
                    && !self.is_accepting();
                if !may_be_attacks {
                    break;
                }
            }
        }
        ends
    }

    /// Forwards the records of Firehose, many in one delivery ([`share`]).
    fn forward_records(
        &mut self,
        request_id: &str,
        batch: &Batch<'_>,
        times: Times,
        account: &mut Account,
    ) -> Vec<End> {
        let mut ends = Vec::new();
        while let Some(rest) = batch
            .items
            .get(ends.len()..)
            .filter(|rest| !rest.is_empty())
        {
            let results = if Instant::now() < times.deadline {
                let mut documents = rest.iter().map(|item| batch.document(item));
                // None of them comes again.
                let forwarded = &mut Ordinals::default();
                let shares = self.deliver(request_id, &mut documents, times, forwarded);
                let results = shares.into_iter().map(|share| self.book(share, account));
                results.collect()
            } else {
                vec![Err(too_late())]
            };
            for result in results {
                ends.push(end(&result));
                account.failures.extend(result.err());
            }
        }
        ends
    }

    /// Forwards the records of one item. `may_come_again`: even if it succeeds.
    fn forward_document(
        &mut self,
        request_id: &str,
        document: Document<'_>,
        times: Times,
        may_come_again: bool,
        account: &mut Account,
    ) -> Result<End, Error> {
        let id = usable_id(document.id.as_deref().unwrap_or(request_id)).into_owned();
        let fingerprint = document.data.fingerprint();
        let mut forwarded = self.history.take(&id, fingerprint);
        let mut documents = iter::once(Ok(document));
        let mut shares = self.deliver(request_id, &mut documents, times, &mut forwarded);
        let result = match shares.pop() {
            Some(share) => self.book(share, account),
            None => Ok(End::Read),
        };
        if result.is_err() || may_come_again {
            self.history.remember(&id, fingerprint, forwarded);
        }
        result
    }

    /// Says what has become of an item, and adds its account to the event's.
    fn book(&self, share: Share, account: &mut Account) -> Result<End, Error> {
        let own = share.account;
        let verdict = own.verdict(self.is_accepting());
        let has_failed =
            own.outcome.last_failure.is_some() && own.counts.undelivered > share.withheld;
        let result = match (share.read, verdict) {
            (Ok(()), verdict) => verdict,
            // It was read too late because the Node was too slow, perhaps; or part of it can't be read, and the rest
            // needs another attempt.
            (Err(error), Err(verdict))
                if has_failed || matches!(error, DocumentError::OutOfTime(_)) =>
            {
                let text = format!("{error}; {verdict}");
                Err(Error::new(Category::Undelivered, error.stage(), text))
            }
            (Err(error), _) => Err(error.into()),
        };
        let counts = &own.counts;
        let is_whole =
            counts.received > 0 && counts.received == counts.forwarded + counts.forwarded_earlier;
        account.add(own);
        result.map(|()| if is_whole { End::Forwarded } else { End::Read })
    }

    /// Reads items, and delivers what they hold, until there are enough of them. The Node gets none of what was
    /// `forwarded`; that is for a single item, which comes again.
    fn deliver<'d>(
        &mut self,
        request_id: &str,
        documents: &mut dyn Iterator<Item = Result<Document<'d>, EventError>>,
        times: Times,
        forwarded: &mut Ordinals,
    ) -> Vec<Share> {
        let wants_probe = !self.has_accepted_within(PROBE_AFTER);
        let Self {
            node,
            node_host,
            reader,
            lines,
            writer,
            strip_stage,
            default_hosts,
            region,
            max_inflated_bytes,
            own_log_group,
            sampling,
            ..
        } = self;
        if let Some(sampling) = &mut *sampling {
            sampling.begin(wants_probe);
        }
        let probe = Cell::new(None);
        let earlier = forwarded.clone();
        let shares = RefCell::new(Vec::new());
        let mut settle = |ordinal, verdict| {
            if let Some(share) = share::of(&mut shares.borrow_mut(), ordinal) {
                let counts = &mut share.account.counts;
                // A probe would not have been sent but for what its verdict tells of the Node.
                if verdict != Verdict::Forwarded && probe.get() == Some(ordinal) {
                    counts.sampled += 1;
                } else {
                    counts.settle(verdict);
                }
            }
            if verdict == Verdict::Forwarded {
                forwarded.insert(ordinal);
            }
        };
        let ((), mut outcome) = node.deliver(writer, times.deadline, &mut settle, |delivery| {
            let out_of_time = || Instant::now() >= times.read_until;
            let mut first = 0;
            let mut chunk = None;
            for document in documents {
                let at = shares.borrow().len();
                // From now on, verdicts on its records may come.
                shares.borrow_mut().push(Share::new(first));
                let read = document.map_err(DocumentError::Event).and_then(|document| {
                    let id = &*usable_id(document.id.as_deref().unwrap_or(request_id));
                    let mut feed = Feed {
                        lines: &mut *lines,
                        own_log_group: own_log_group.as_deref(),
                        earlier: &earlier,
                        ordinal: 0,
                        before: 0,
                        waiting: Waiting::default(),
                        output: Output {
                            writer,
                            strip_stage: *strip_stage,
                            node_host,
                            document_id: id,
                            counts: Counts::default(),
                            first,
                            chunk: chunk.take(),
                            is_of_lines: true,
                            sampling: sampling.as_mut(),
                            probe: &probe,
                        },
                        hosts: default_hosts,
                        region: region.as_deref(),
                        stream: document.stream.as_deref(),
                        source: None,
                        groups: Vec::new(),
                        withheld: 0,
                    };
                    let limit = *max_inflated_bytes;
                    let read = reader.read(&document, limit, &out_of_time, &mut |part| {
                        feed.take(delivery, &part);
                    });
                    feed.finish(delivery, true);
                    first += feed.ordinal;
                    chunk = feed.output.chunk;
                    let share = &mut shares.borrow_mut()[at];
                    share.withheld = feed.withheld;
                    share.account.counts.add(&feed.output.counts);
                    share.account.groups = feed.groups;
                    share.account.bytes_inflated = reader.inflated();
                    read
                });
                shares.borrow_mut()[at].read = read;
                if share::are_enough(at + 1, first) || delivery.is_over() {
                    break;
                }
            }
            if let Some(chunk) = chunk {
                delivery.send(chunk);
            }
        });
        if let Some(sampling) = sampling {
            sampling.end(forwarded);
        }
        let mut shares = shares.into_inner();
        for share in &mut shares {
            share.account.outcome = outcome.clone();
            // The event's account is the sum of its items'.
            outcome.stats = Stats::default();
        }
        if shares.iter().any(Share::is_accepted) {
            self.accepted_at = Some(Instant::now());
        }
        shares
    }

    /// Whether the Node has accepted records just now.
    fn is_accepting(&self) -> bool {
        self.has_accepted_within(RECENTLY)
    }

    fn has_accepted_within(&self, time: Duration) -> bool {
        self.accepted_at.is_some_and(|at| at.elapsed() < time)
    }
}

/// When the parts of an invocation have to end, so that its result is there before Lambda ends it.
#[derive(Debug, Clone, Copy)]
struct Times {
    /// Nothing is sent after it.
    deadline: Instant,
    /// What is left of a document is counted until then. Of all but the largest that is the whole of it.
    read_until: Instant,
}

impl Times {
    /// `deadline` is Lambda's own.
    fn new(deadline: Instant) -> Self {
        let left = deadline.saturating_duration_since(Instant::now());
        let shortest = SHORTEST_MARGIN.min(left / 4);
        let margin = (left / 10).clamp(shortest, LONGEST_MARGIN);
        let deadline = deadline - margin;
        Self {
            deadline,
            read_until: deadline + margin.saturating_sub(RESULT) / 2,
        }
    }
}

/// The failure of an invocation that can't say which items of its batch have failed.
fn unnamed(batch: &Batch<'_>, ends: &[End], failures: &[Error]) -> Error {
    let failed = batch.items.iter().zip(ends);
    let failed = failed.filter(|(_, end)| matches!(end, End::Unreadable | End::Failed));
    let mut unnamed = failed
        .zip(failures)
        .filter(|((item, _), _)| item.identifier.is_none());
    let first = unnamed.next().map(|(_, error)| error);
    let category = first.map_or(Category::InvalidEvent, Error::category);
    let first = first.map(ToString::to_string).unwrap_or_default();
    let count = failures.len();
    let text = format!(
        "of {count} items that failed, {} have no identifier, so that all items come again; the first: {first}",
        1 + unnamed.count(),
    );
    Error::new(category, "name each item that failed", text)
}

fn writer(config: &Config) -> Writer {
    let (id, headers) = (config.wire.application_id, &config.wire.headers[..]);
    let names = &config.wire.header_names[..];
    match config.wire.format {
        Format::Resend => Writer::Resend(resend::Writer::new(id, headers, names)),
        Format::Batch => {
            let authority = config.node.authority();
            Writer::Batch(batch::Frame::new(
                &authority,
                &config.node.path,
                id,
                headers,
                names,
            ))
        }
    }
}

fn unreadable(error: EventError) -> Error {
    DocumentError::Event(error).into()
}

/// The failure of an item whose turn has not come.
fn too_late() -> Error {
    let text = "the time of the invocation was over before its turn came";
    Error::new(Category::Undelivered, "read an item of the batch", text)
}

/// What has become of an item.
fn end(result: &Result<End, Error>) -> End {
    match result.as_ref().map_err(Error::category) {
        Ok(end) => *end,
        Err(Category::InvalidEvent | Category::UnsupportedEvent) => End::Unreadable,
        Err(_) => End::Failed,
    }
}
