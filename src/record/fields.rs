//! The fields of one line, and what two values of one field mean.

use std::net::IpAddr;

use super::access_record::AccessRecord;
use super::names::{FIELDS, Field, Found, IDENTITY, Name, Place, is_identity};
use super::shape::Has;
use super::skip::Skip;
use super::span::Span;
use super::validate::{Host, address, is_absent, milliseconds, number, valid_method};
use crate::json;

/// The longest user agent that is sent; API Gateway takes 10,240 bytes for the whole head.
const MAX_USER_AGENT: usize = 8 * 1024;

/// The most other values of method, path, host and address that a line may have. Equal ones do not count.
const MAX_OTHERS: usize = 256;

/// The fields of one line.
#[derive(Debug, Default)]
pub(super) struct Fields {
    slots: [Slot; FIELDS],
    /// What else the line gives as its method, path, host and address.
    others: Vec<Other>,
    /// The line can't be trusted as a whole.
    pub(super) is_malformed: bool,
    /// A value holds what may be names of the line's template, so that these are not known for certain.
    pub(super) holds_names: bool,
    /// Of each field of `IDENTITY` whether it has two values that may differ, and where the second stands.
    exceptions: [Option<Place>; IDENTITY.len()],
    /// A field that is absent under one name and has a value under another, which a caller could write by then.
    filled_in: Option<Field>,
    host: String,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    /// Which of the field's names it is from; 0: none yet.
    rank: u8,
    place: Place,
    /// The same name has another value too, so that neither is known to be right.
    is_ambiguous: bool,
    value: Span,
}

/// One more value of a field that has one already, or that is not to be sent.
#[derive(Debug, Clone, Copy)]
struct Other {
    found: Found,
    place: Place,
    value: Span,
}

impl Fields {
    pub(super) fn clear(&mut self) {
        self.slots = Default::default();
        self.others.clear();
        self.is_malformed = false;
        self.holds_names = false;
        self.exceptions = Default::default();
        self.filled_in = None;
    }

    #[inline]
    pub(super) fn set(&mut self, found: Found, value: Span, line: &[u8], place: Place) {
        let Name(field, rank) = found.name;
        let slot = &mut self.slots[field as usize];
        if slot.rank == 0 && !found.is_ignored {
            *slot = Slot {
                rank,
                place,
                is_ambiguous: false,
                value,
            };
        } else {
            self.add(found, value, line, place);
        }
    }

    /// One more value of a field. Few lines have any.
    #[cold]
    #[inline(never)]
    fn add(&mut self, found: Found, value: Span, line: &[u8], place: Place) {
        let Name(field, rank) = found.name;
        let slot = &mut self.slots[field as usize];
        let (known, other) = (slot.value.of(line), value.of(line));
        if is_identity(field) {
            if slot.rank > 0 && known == other {
                if !found.is_ignored && found.name.has_precedence() {
                    slot.rank = rank;
                }
            } else if self.others.len() < MAX_OTHERS {
                self.others.push(Other {
                    found,
                    place,
                    value,
                });
            } else {
                self.is_malformed = true;
            }
        } else if is_absent(other) || slot.is_ambiguous && rank >= slot.rank {
        } else if is_absent(known) || rank < slot.rank {
            *slot = Slot {
                rank,
                place,
                is_ambiguous: false,
                value,
            };
        } else if rank == slot.rank && known != other {
            slot.is_ambiguous = true;
            slot.value = Span::default();
        }
    }

    /// Resolves the escapes of the values, each in its place: they only ever get shorter.
    pub(super) fn unescape(&mut self, line: &mut [u8], scratch: &mut Vec<u8>) {
        let slots = self.slots.iter_mut().map(|slot| &mut slot.value);
        let others = self.others.iter_mut().map(|other| &mut other.value);
        for value in slots.chain(others) {
            let text = value.of(line);
            if text.contains(&b'\\') {
                scratch.clear();
                json::unescape(text, scratch);
                let to = value.from + scratch.len();
                line[value.from..to].copy_from_slice(scratch);
                value.to = to;
            }
        }
    }

    /// Chooses the values that say what was called, and by whom, and holds all others against them.
    pub(super) fn resolve(&mut self, line: &[u8]) -> Result<(), Skip> {
        if self.is_malformed || self.slots.iter().all(|slot| slot.rank == 0) {
            return Err(Skip::Malformed);
        }
        if self.others.is_empty() {
            return Ok(());
        }
        for (at, field) in IDENTITY.into_iter().enumerate() {
            self.exceptions[at] = self.resolve_field(field, line)?;
        }
        Ok(())
    }

    /// Returns where the second of two values stands that may differ.
    fn resolve_field(&mut self, field: Field, line: &[u8]) -> Result<Option<Place>, Skip> {
        let slot = self.slots[field as usize];
        let first = Other {
            found: Found::own(Name(field, slot.rank)),
            place: slot.place,
            value: slot.value,
        };
        let is_present = |other: &&Other| !is_absent(other.value.of(line));
        let all = || {
            let others = self.others.iter();
            let others = others.filter(|other| other.found.name.0 == field);
            std::iter::once(&first).chain(others).filter(is_present)
        };
        let mut own = all().filter(|other| !other.found.is_ignored);
        let Some(&any) = own.next() else {
            return Ok(None);
        };
        let mut own = std::iter::once(&any).chain(own);
        let chosen = *own
            .find(|other| other.found.name.has_precedence())
            .unwrap_or(&any);
        let mut exception = None;
        // The gateway's own may be the absent one, before a caller's or after it.
        let mut others = self.others.iter();
        let is_absent_too = |other: &Other| {
            other.found.name.0 == field && !other.found.is_ignored && !is_present(&other)
        };
        let has_absent = slot.rank > 0 && !is_present(&&first) || others.any(is_absent_too);
        let filled_in = (has_absent && chosen.place > Place::First).then_some(field);
        let mut yielding = None;
        for other in all() {
            let value = other.value.of(line);
            if is_same(field, value, chosen.value.of(line)) {
                continue;
            }
            let may_differ = if other.found.is_ignored {
                matches!(field, Field::Method | Field::Path)
            } else {
                other.found.name.gives_way_to(chosen.found.name)
                    && is_same(field, value, yielding.get_or_insert(value))
            };
            if !may_differ {
                return Err(contradictory(field));
            }
            // Of a template's two names, a caller may have brought either.
            let own_place = if other.found.is_ignored {
                Place::First
            } else {
                chosen.place
            };
            exception = exception.max(Some(other.place.max(own_place)));
        }
        self.filled_in = filled_in.or(self.filled_in);
        self.slots[field as usize] = Slot {
            rank: chosen.found.name.1,
            place: chosen.place,
            is_ambiguous: false,
            value: chosen.value,
        };
        Ok(exception)
    }

    /// The fields that have two values which may differ, and where the second of each stands.
    pub(super) fn exceptions(&self) -> impl Iterator<Item = (Field, Place)> {
        let exceptions = IDENTITY.into_iter().zip(self.exceptions);
        exceptions.filter_map(|(field, place)| Some((field, place?)))
    }

    /// Whether other lines have to tell of more than the names of this one.
    pub(super) fn has_exceptions(&self) -> bool {
        !self.others.is_empty()
            && (self.filled_in.is_some() || self.exceptions != [None; IDENTITY.len()])
    }

    pub(super) fn filled_in(&self) -> Option<Field> {
        self.filled_in
    }

    /// Whether a caller may have brought what says what was called, or by whom, so that other lines have to tell.
    pub(super) fn is_doubtful(&self) -> bool {
        let is_late = |field| self.slots[field as usize].place == Place::AfterCaller;
        IDENTITY.into_iter().any(is_late) || self.exceptions.contains(&Some(Place::AfterCaller))
    }

    /// The fields whose value stands after one that a caller controls, so that a caller may have brought it.
    pub(super) fn late(&self) -> impl Iterator<Item = Field> + Clone {
        let is_late = |field: &Field| match self.slots[*field as usize].place {
            Place::First => false,
            // Whoever wrote the path may choose it.
            Place::AfterPath => *field != Field::Path,
            Place::AfterCaller => true,
        };
        IDENTITY.into_iter().filter(is_late)
    }

    /// Whether the line has what every record has.
    pub(super) fn is_complete(&self) -> bool {
        let Has([method, path, host, _]) = self.has();
        method && path && host
    }

    pub(super) fn has(&self) -> Has {
        Has(IDENTITY.map(|field| self.slots[field as usize].rank > 0))
    }

    pub(super) fn record<'a>(&'a mut self, line: &'a [u8]) -> Result<AccessRecord<'a>, Skip> {
        let slots = &self.slots;
        let get = |field: Field| {
            let value = slots[field as usize].value.of(line);
            Some(value).filter(|value| !is_absent(value))
        };
        let number = |field| get(field).and_then(number);
        let status = |field| number(field).and_then(|n| u16::try_from(n).ok());
        let (method, path, host) = (get(Field::Method), get(Field::Path), get(Field::Host));
        if slots[Field::WebSocket as usize].rank > 0 && (method.is_none() || path.is_none()) {
            return Err(Skip::WebSocket);
        }
        let host = Host::new(host.ok_or(Skip::NoHost)?).ok_or(Skip::InvalidHost)?;
        let host = host.normal(&mut self.host).ok_or(Skip::InvalidHost)?;
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

/// Whether two values of a field mean the same.
fn is_same(field: Field, one: &[u8], other: &[u8]) -> bool {
    if one == other {
        return true;
    }
    match field {
        Field::Host => match (Host::new(one), Host::new(other)) {
            (Some(one), Some(other)) => one.is(other),
            _ => false,
        },
        Field::SourceIp => match (address(one), address(other)) {
            (Some(one), Some(other)) => one == other,
            _ => false,
        },
        _ => false,
    }
}

pub(super) fn contradictory(field: Field) -> Skip {
    match field {
        Field::Method => Skip::ContradictoryMethod,
        Field::Path => Skip::ContradictoryPath,
        Field::Host => Skip::ContradictoryHost,
        Field::SourceIp => Skip::ContradictorySourceIp,
        _ => Skip::Malformed,
    }
}
