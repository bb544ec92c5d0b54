//! What was forwarded of documents that failed, so that the next attempt does not send it again.

use std::collections::VecDeque;

use crate::event::Fingerprint;

/// How many documents that failed are remembered. Lambda makes two more attempts with each within minutes; the
/// places of 10,000 records take 1.25 KB.
const DOCUMENTS: usize = 64;

/// The documents that failed last, the latest at the end.
#[derive(Debug, Default)]
pub(super) struct History(VecDeque<Past>);

/// A document that failed.
#[derive(Debug)]
struct Past {
    id: String,
    fingerprint: Fingerprint,
    forwarded: Ordinals,
}

impl History {
    /// Which log events of a document were forwarded in an earlier attempt. The document is forgotten.
    pub(super) fn take(&mut self, id: &str, fingerprint: Fingerprint) -> Ordinals {
        let is_it = |past: &Past| past.id == id && past.fingerprint == fingerprint;
        let at = self.0.iter().position(is_it);
        at.and_then(|at| self.0.remove(at))
            .map_or_else(Ordinals::default, |past| past.forwarded)
    }

    /// Remembers a document that has failed, in place of the oldest one if need be.
    pub(super) fn remember(&mut self, id: &str, fingerprint: Fingerprint, forwarded: Ordinals) {
        if self.0.len() == DOCUMENTS {
            self.0.pop_front();
        }
        self.0.push_back(Past {
            id: id.to_string(),
            fingerprint,
            forwarded,
        });
    }
}

/// A set of log events of one document, by their places in it.
#[derive(Debug, Default, Clone)]
pub(super) struct Ordinals(Vec<u64>);

impl Ordinals {
    pub(super) fn insert(&mut self, ordinal: usize) {
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
        for id in 0..=DOCUMENTS {
            let mut forwarded = Ordinals::default();
            forwarded.insert(id);
            history.remember(&id.to_string(), fingerprint("eA=="), forwarded);
        }
        assert!(!history.take("0", fingerprint("eA==")).contains(0));
        assert!(history.take("1", fingerprint("eA==")).contains(1));
    }
}
