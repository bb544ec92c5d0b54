//! The fields of one line, and what two values of one field mean.

use std::net::IpAddr;

use super::access_record::AccessRecord;
use super::names::{FIELDS, Field, Name};
use super::skip::Skip;
use super::span::Span;
use super::validate::{is_absent, milliseconds, number, valid_host, valid_method};
use crate::json;

/// The longest user agent that is sent; API Gateway takes 10,240 bytes for the whole head.
const MAX_USER_AGENT: usize = 8 * 1024;

/// The fields of one line.
#[derive(Debug, Default)]
pub(super) struct Fields {
    slots: [Slot; FIELDS],
    /// A name stood twice, with different values.
    pub(super) contradictory: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    /// Which of the field's names it is from; 0: none yet.
    rank: u8,
    value: Span,
}

impl Fields {
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn set(&mut self, Name(field, rank): Name, value: Span, line: &[u8]) {
        let slot = &mut self.slots[field as usize];
        if slot.rank == 0 {
            *slot = Slot { rank, value };
            return;
        }
        let (known, other) = (slot.value.of(line), value.of(line));
        let is_same_name = slot.rank == rank && field != Field::WebSocket;
        let are_present = !is_absent(known) && !is_absent(other);
        if is_same_name || are_present && is_identity(field) {
            self.contradictory |= known != other;
        } else if is_absent(known) || (rank < slot.rank && are_present) {
            *slot = Slot { rank, value };
        }
    }

    /// Resolves the escapes of the values, each in its place: they only ever get shorter.
    pub(super) fn unescape(&mut self, line: &mut [u8], scratch: &mut Vec<u8>) {
        for slot in &mut self.slots {
            let text = slot.value.of(line);
            if text.contains(&b'\\') {
                scratch.clear();
                json::unescape(text, scratch);
                let to = slot.value.from + scratch.len();
                line[slot.value.from..to].copy_from_slice(scratch);
                slot.value.to = to;
            }
        }
    }

    pub(super) fn record<'a>(&self, line: &'a [u8]) -> Result<AccessRecord<'a>, Skip> {
        let get = |field: Field| {
            let value = self.slots[field as usize].value.of(line);
            Some(value).filter(|value| !is_absent(value))
        };
        let number = |field| get(field).and_then(number);
        let status = |field| number(field).and_then(|n| u16::try_from(n).ok());
        if self.slots.iter().all(|slot| slot.rank == 0) || self.contradictory {
            return Err(Skip::Malformed);
        }
        let (method, path, host) = (get(Field::Method), get(Field::Path), get(Field::Host));
        if self.slots[Field::WebSocket as usize].rank > 0 && (method.is_none() || path.is_none()) {
            return Err(Skip::WebSocket);
        }
        let host = valid_host(host.ok_or(Skip::NoHost)?).ok_or(Skip::InvalidHost)?;
        let path = path.filter(|path| path[0] == b'/').ok_or(Skip::NoPath)?;
        let method = valid_method(method.ok_or(Skip::NoMethod)?).ok_or(Skip::InvalidMethod)?;
        Ok(AccessRecord {
            method,
            path,
            host,
            request_id: get(Field::RequestId),
            protocol: get(Field::Protocol),
            stage: get(Field::Stage),
            error_message: get(Field::ErrorMessage),
            user_agent: get(Field::UserAgent).map(|text| &text[..text.len().min(MAX_USER_AGENT)]),
            source_ip: get(Field::SourceIp)
                .and_then(|text| str::from_utf8(text).ok())
                .filter(|text| text.parse::<IpAddr>().is_ok()),
            status: status(Field::Status),
            response_length: number(Field::ResponseLength),
            response_latency: number(Field::ResponseLatency),
            integration_latency: number(Field::IntegrationLatency),
            integration_status: status(Field::IntegrationStatus),
            request_time_epoch: number(Field::RequestTimeEpoch).map(milliseconds),
        })
    }
}

/// Whether a field says what was called, or by whom.
fn is_identity(field: Field) -> bool {
    matches!(
        field,
        Field::Method | Field::Path | Field::Host | Field::SourceIp
    )
}
