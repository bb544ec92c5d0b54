//! Makes chunks of a document's log events: each is counted, and forwarded or skipped for a reason.

use super::history::Ordinals;
use crate::account::Counts;
use crate::envelope::{Header, LogEvent, Message, MessageType};
use crate::node::{Delivery, NodeHost};
use crate::record::{LineReader, Skip};
use crate::wire::{self, Call, Chunk, Writer};

/// Makes chunks of the log events of one document.
pub(super) struct Feed<'a> {
    pub(super) lines: &'a mut LineReader,
    pub(super) writer: &'a Writer,
    pub(super) strip_stage: bool,
    pub(super) node_host: &'a NodeHost,
    pub(super) own_log_group: Option<&'a str>,
    pub(super) document_id: &'a str,
    pub(super) earlier: &'a Ordinals,
    pub(super) counts: Counts,
    pub(super) ordinal: usize,
    pub(super) chunk: Option<Chunk>,
}

impl Feed<'_> {
    pub(super) fn take(
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
            record: &record,
            path,
        };
        if self.chunk.is_none() && delivery.is_over() {
            self.counts.undelivered += 1;
            return Ok(());
        }
        let chunk = self.chunk.get_or_insert_with(|| delivery.chunk());
        self.writer.push(chunk, header, ordinal, &call);
        if self.writer.is_full(chunk) {
            delivery.send(std::mem::take(chunk));
            self.chunk = None;
        }
        Ok(())
    }

    /// Hands over what is left. Of a document that is not valid, the chunk that is being filled is
    /// not sent.
    pub(super) fn finish(&mut self, delivery: &mut Delivery<'_, '_>, is_valid: bool) {
        match self.chunk.take() {
            Some(chunk) if is_valid => delivery.send(chunk),
            Some(chunk) => self.counts.undelivered += chunk.parts.len() as u64,
            None => {}
        }
    }
}

/// An id that can stand in a header and in JSON as it is.
fn valid_id(id: &[u8]) -> Option<&str> {
    let is_valid = id
        .iter()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_=".contains(byte));
    str::from_utf8(id).ok().filter(|_| is_valid)
}
