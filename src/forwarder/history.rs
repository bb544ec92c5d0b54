//! What was forwarded of documents that failed, so that the next attempt does not send it again.

use std::collections::VecDeque;

use crate::event::Fingerprint;

/// How much is remembered, in bytes. The oldest documents are forgotten for it. Lambda makes two more attempts
/// with each within minutes, and the places of 10,000 records take 1.25 KB.
const MAX_BYTES: usize = 256 * 1024;

/// How many places of one document are remembered at most, which takes half of the room. CloudWatch puts no such
/// number into an event. What is not remembered is only sent again.
const MAX_PLACES: usize = 1024 * 1024;

/// The documents that failed last, the latest at the end.
#[derive(Debug, Default)]
pub(super) struct History {
    documents: VecDeque<Past>,
    /// What they take, in bytes.
    bytes: usize,
}

/// A document that failed.
#[derive(Debug)]
struct Past {
    id: Box<str>,
    fingerprint: Fingerprint,
    forwarded: Ordinals,
}

impl Past {
    fn bytes(&self) -> usize {
        size_of::<Self>() + self.id.len() + size_of_val(&self.forwarded.0[..])
    }
}

impl History {
    /// Which log events of a document were forwarded in an earlier attempt. The document is forgotten.
    pub(super) fn take(&mut self, id: &str, fingerprint: Fingerprint) -> Ordinals {
        let is_it = |past: &Past| *past.id == *id && past.fingerprint == fingerprint;
        let at = self.documents.iter().position(is_it);
        let Some(past) = at.and_then(|at| self.documents.remove(at)) else {
            return Ordinals::default();
        };
        self.bytes -= past.bytes();
        past.forwarded
    }

    /// Remembers a document that has failed, in place of the oldest ones if need be.
    pub(super) fn remember(&mut self, id: &str, fingerprint: Fingerprint, forwarded: Ordinals) {
        if forwarded.0.is_empty() {
            return;
        }
        let mut past = Past {
            id: id.into(),
            fingerprint,
            forwarded,
        };
        past.forwarded.0.shrink_to_fit();
        self.bytes += past.bytes();
        self.documents.push_back(past);
        while self.bytes > MAX_BYTES
            && let Some(oldest) = self.documents.pop_front()
        {
            self.bytes -= oldest.bytes();
        }
    }
}

/// A set of log events of one document, by their places in it.
#[derive(Debug, Default, Clone)]
pub(super) struct Ordinals(Vec<u64>);

impl Ordinals {
    pub(super) fn insert(&mut self, ordinal: usize) {
        if ordinal >= MAX_PLACES {
            return;
        }
        let word = ordinal / 64;
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (ordinal % 64);
    }

    pub(super) fn contains(&self, ordinal: usize) -> bool {
        let word = self.0.get(ordinal / 64).copied().unwrap_or(0);
        word >> (ordinal % 64) & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Data;

    fn fingerprint(text: &'static str) -> Fingerprint {
        Data(text.into()).fingerprint()
    }

    #[test]
    fn a_document_is_known_by_its_id_and_its_content() {
        let mut history = History::default();
        let mut forwarded = Ordinals::default();
        forwarded.insert(0);
        forwarded.insert(64);
        history.remember("a", fingerprint("eA=="), forwarded);
        for (id, text) in [("b", "eA=="), ("a", "eQ==")] {
            assert!(!history.take(id, fingerprint(text)).contains(0), "{id}");
        }
        let known = history.take("a", fingerprint("eA=="));
        let places: Vec<_> = (0..200).filter(|&place| known.contains(place)).collect();
        assert_eq!(places, [0, 64]);
        // It is forgotten by now: an attempt that fails remembers it anew.
        assert!(!history.take("a", fingerprint("eA==")).contains(0));
    }

    #[test]
    fn the_oldest_document_is_forgotten() {
        let mut history = History::default();
        let id = |n: usize| format!("{n:0128}");
        let documents = 2_000;
        for n in 0..documents {
            let mut forwarded = Ordinals::default();
            forwarded.insert(n);
            history.remember(&id(n), fingerprint("eA=="), forwarded);
            assert!(history.bytes <= MAX_BYTES);
        }
        let sum: usize = history.documents.iter().map(Past::bytes).sum();
        assert_eq!(history.bytes, sum);
        assert!(!history.take(&id(0), fingerprint("eA==")).contains(0));
        let last = documents - 1;
        assert!(history.take(&id(last), fingerprint("eA==")).contains(last));
    }

    /// As many log events as there can be: what is not remembered is sent again.
    #[test]
    fn one_document_takes_half_of_the_room_at_most() {
        let mut history = History::default();
        for n in 0..8 {
            let mut forwarded = Ordinals::default();
            for ordinal in (0..40_000_000).step_by(63) {
                forwarded.insert(ordinal);
            }
            assert!(forwarded.0.capacity() * 8 <= 2 * MAX_PLACES / 8);
            history.remember(&n.to_string(), fingerprint("eA=="), forwarded);
            assert!(history.bytes <= MAX_BYTES);
        }
        let known = history.take("7", fingerprint("eA=="));
        assert!(known.contains(0) && known.contains(63) && !known.contains(64));
        assert!(!known.contains(MAX_PLACES / 63 * 63 + 63));
        assert_eq!(history.bytes, 0);
    }
}
