//! What a stand-in Node has received: every record, how often it arrived, and what was wrong.

use std::collections::{BTreeMap, HashMap, hash_map::Entry};

use super::{
    Seen, Whole,
    wire::{Call, Content, Metadata},
};
use crate::standin::{http::printable, inventory};

/// How many violations are kept with their text; further ones are only counted.
const MAX_VIOLATIONS: usize = 1_000;

/// The counters of a stand-in Node at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Connections accepted.
    pub connections: u64,
    /// Request messages accepted.
    pub requests: u64,
    /// Response messages accepted.
    pub responses: u64,
    /// Batches accepted.
    pub batches: u64,
    /// Messages refused with a status other than 2xx, because of a hook or of an earlier refusal.
    pub refused: u64,
    /// Distinct records which arrived whole: request and response, or in a batch.
    pub distinct: u64,
    /// Whole arrivals beyond the first of each record.
    pub repeated: u64,
    /// Request messages of records whose request had been accepted before.
    pub repeated_requests: u64,
    /// Response messages of records which had been whole before, without a request in between.
    pub repeated_responses: u64,
    /// Records whose request was accepted, and whose response never was.
    pub unpaired: u64,
    /// How often the rules of the wire were violated.
    pub violation_count: u64,
    /// What was wrong, in order of arrival; the first thousand.
    pub violations: Vec<String>,
}

impl Snapshot {
    /// Every message which arrived, valid or not.
    #[must_use]
    pub fn arrived(&self) -> u64 {
        self.requests + self.responses + self.batches + self.refused + self.violation_count
    }
}

#[derive(Debug)]
struct Record {
    method: Box<str>,
    host: Box<str>,
    path: Box<str>,
    /// The request was accepted and its response was not.
    is_pending: bool,
    whole: u64,
    /// [`Metadata::digest`] of the first response.
    digest: u64,
    status: Option<u16>,
    latency: Option<u64>,
    /// When the call was made, in Unix milliseconds.
    time: Option<u64>,
}

impl Record {
    fn new(call: Call) -> Self {
        Self {
            method: call.method.into(),
            host: call.host.into(),
            path: call.path.into(),
            is_pending: false,
            whole: 0,
            digest: 0,
            status: None,
            latency: None,
            time: None,
        }
    }

    fn is_same_place(&self, call: &Call) -> bool {
        *self.host == *call.host && *self.path == *call.path
    }

    fn is_same(&self, call: &Call, metadata: &Metadata) -> bool {
        self.is_same_place(call)
            && *self.method == *call.method
            && (self.whole == 0 || self.digest == metadata.digest())
    }
}

/// The state of a stand-in Node.
pub(super) struct Ledger {
    records: HashMap<String, Record>,
    /// Requests which were refused, with the status. Their responses may already be pipelined.
    refused: HashMap<String, u16>,
    counters: Snapshot,
    is_watched: bool,
    /// What is to be told.
    seen: Vec<Seen>,
    /// How many records are remembered.
    limit: usize,
    forgotten: u64,
}

impl Ledger {
    pub(super) fn new(is_watched: bool, limit: Option<usize>) -> Self {
        Self {
            records: HashMap::new(),
            refused: HashMap::new(),
            counters: Snapshot::default(),
            is_watched,
            seen: Vec::new(),
            limit: limit.unwrap_or(usize::MAX),
            forgotten: 0,
        }
    }

    pub(super) fn take_seen(&mut self) -> Vec<Seen> {
        std::mem::take(&mut self.seen)
    }

    /// Forgets records where there are too many: those that are whole, or all where that is not enough.
    fn forget(&mut self) {
        if self.refused.len() > self.limit {
            self.refused.clear();
        }
        let count = self.records.len();
        if count <= self.limit {
            return;
        }
        self.records.retain(|_, record| record.is_pending);
        if self.records.len() > self.limit / 2 {
            self.records.clear();
        }
        let forgotten = count - self.records.len();
        self.forgotten += u64::try_from(forgotten).unwrap_or(u64::MAX);
    }

    /// Accepts or refuses a message, and returns the status of the response. A hook may ask for `status`.
    pub(super) fn accept(&mut self, content: Content, status: Option<u16>) -> u16 {
        let status = status.or_else(|| self.earlier_refusal(&content));
        match status {
            Some(refusal) if !(200..300).contains(&refusal) => {
                self.counters.refused += 1;
                if let Content::Request(call) = content {
                    self.refused.insert(call.id, refusal);
                }
                refusal
            }
            _ => {
                let accepted = match content {
                    Content::Request(call) => self.accept_request(call),
                    Content::Response(call, metadata) => self.accept_response(&call, &metadata),
                    Content::Batch(records) => self.accept_batch(records),
                };
                self.forget();
                match accepted {
                    Ok(()) => status.unwrap_or(200),
                    Err(text) => {
                        self.add_violation(&text);
                        400
                    }
                }
            }
        }
    }

    /// Records a violation. Everything which could act on a terminal is escaped.
    pub(super) fn add_violation(&mut self, text: &str) {
        self.counters.violation_count += 1;
        let text = printable(text);
        if self.is_watched {
            self.seen.push(Seen::Violation(text.clone()));
        }
        if self.counters.violations.len() < MAX_VIOLATIONS {
            self.counters.violations.push(text);
        }
    }

    pub(super) fn snapshot(&self, connections: u64) -> Snapshot {
        let known = u64::try_from(self.records.len()).unwrap_or(u64::MAX) + self.forgotten;
        Snapshot {
            connections,
            unpaired: known - self.counters.distinct,
            ..self.counters.clone()
        }
    }

    pub(super) fn deliveries(&self) -> BTreeMap<String, u64> {
        let whole = |(id, record): (&String, &Record)| (id.clone(), record.whole);
        self.records.iter().map(whole).collect()
    }

    pub(super) fn each_call(&self, take: &mut dyn FnMut(&inventory::Call<'_>, Option<u64>)) {
        for record in self.records.values() {
            let call = inventory::Call {
                method: &record.method,
                host: &record.host,
                path: &record.path,
                status: record.status,
                latency_ms: record.latency,
            };
            take(&call, record.time);
        }
    }

    fn earlier_refusal(&self, content: &Content) -> Option<u16> {
        match content {
            Content::Response(call, _) => self.refused.get(&call.id).copied(),
            Content::Request(_) | Content::Batch(_) => None,
        }
    }

    fn accept_request(&mut self, call: Call) -> Result<(), String> {
        self.refused.remove(&call.id);
        match self.records.entry(call.id.clone()) {
            Entry::Vacant(entry) => entry.insert(Record::new(call)).is_pending = true,
            Entry::Occupied(mut entry) => {
                let record = entry.get_mut();
                if !record.is_same_place(&call) || *record.method != *call.method {
                    return Err(format!(
                        "expected the same request again under id {}, found another",
                        call.id
                    ));
                }
                record.is_pending = true;
                self.counters.repeated_requests += 1;
            }
        }
        self.counters.requests += 1;
        Ok(())
    }

    fn accept_response(&mut self, call: &Call, metadata: &Metadata) -> Result<(), String> {
        let Some(record) = self.records.get_mut(&call.id) else {
            return Err(format!(
                "expected a response whose request came before, found one of id {}",
                call.id
            ));
        };
        if !record.is_same_place(call) {
            return Err(format!(
                "expected host and path of the request in its response, found others in {}",
                call.id
            ));
        }
        if record.whole > 0 && record.digest != metadata.digest() {
            return Err(format!(
                "expected the same response again under id {}, found another",
                call.id
            ));
        }
        if record.is_pending {
            record.is_pending = false;
            add_whole(record, metadata, &mut self.counters);
            if self.is_watched {
                self.seen.push(whole(record, metadata));
            }
        } else {
            self.counters.repeated_responses += 1;
        }
        self.counters.responses += 1;
        Ok(())
    }

    /// Accepts all records of a batch, or refuses all.
    fn accept_batch(&mut self, batch: Vec<(Call, Metadata)>) -> Result<(), String> {
        let known = |call: &Call| self.records.get(&call.id);
        if let Some((call, _)) = batch
            .iter()
            .find(|(call, metadata)| known(call).is_some_and(|r| !r.is_same(call, metadata)))
        {
            return Err(format!(
                "expected the same record again under id {}, found another",
                call.id
            ));
        }
        for (call, metadata) in batch {
            let entry = self.records.entry(call.id.clone());
            let record = entry.or_insert_with(|| Record::new(call));
            record.is_pending = false;
            add_whole(record, &metadata, &mut self.counters);
            if self.is_watched {
                self.seen.push(whole(record, &metadata));
            }
        }
        self.counters.batches += 1;
        Ok(())
    }
}

fn whole(record: &Record, metadata: &Metadata) -> Seen {
    Seen::Record(Whole {
        method: record.method.to_string(),
        host: record.host.to_string(),
        path: record.path.to_string(),
        status: metadata.status,
        latency_ms: metadata.response_latency,
        is_repeated: record.whole > 1,
    })
}

fn add_whole(record: &mut Record, metadata: &Metadata, counters: &mut Snapshot) {
    if record.whole == 0 {
        record.digest = metadata.digest();
        record.status = metadata.status;
        record.latency = metadata.response_latency;
        record.time = metadata.request_time_epoch;
        counters.distinct += 1;
    } else {
        counters.repeated += 1;
    }
    record.whole += 1;
}
