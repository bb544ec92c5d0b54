//! The paths that were called, segment by segment, in bounded memory.
//!
//! A place that has more words than the limit is merged into one wildcard, which takes all words from then on. Whether
//! that happens depends on how many different ones there are, and not on their order.

use std::{
    collections::{BTreeSet, HashMap},
    hash::{BuildHasherDefault, DefaultHasher, Hasher},
};

use super::{
    shape::{self, Segment},
    stats::{Stats, is_refusal},
};
use crate::local::calls::Call;

/// Segments of a path that are told apart; all behind them are one place.
pub(super) const MAX_DEPTH: usize = 24;
/// What stands for the segments behind them.
pub(super) const REST: &[u8] = b"{path+}";
/// How many different values of a shape are counted.
const MAX_VALUES: usize = 64;
/// Nodes in all. One takes some hundred bytes.
pub(super) const MAX_NODES: usize = 48_000;
/// Words that one place has before it is merged.
const MAX_WORDS: usize = 2_048;
/// The same for words that were only ever refused.
const MAX_REFUSED: usize = 8_192;
/// With so few words a place, shapes count as words.
const FEW: usize = 8;

pub(super) type Hash = BuildHasherDefault<Quick>;
pub(super) type Children = HashMap<Box<[u8]>, Box<Node>, Hash>;

/// A place in a path, with what was called there and below.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// By word, or by shape, which has braces.
    pub(super) children: Children,
    /// What the words that were merged have below them.
    pub(super) wild: Option<Box<Self>>,
    /// The same for words that were only ever refused.
    pub(super) refused: Option<Box<Self>>,
    /// Words among the children: those with a call that was not refused, and others.
    pub(super) words: [usize; 2],
    /// Calls here and below that were not refused.
    pub(super) real_calls: u64,
    pub(super) values: Values,
    /// What the place of [`Self::wild`] is called, once it was learned.
    pub(super) wild_name: &'static str,
    pub(super) stats: Vec<(u8, Box<Stats>)>,
}

/// How many different values a place had.
#[derive(Debug, Default, Clone)]
pub(super) struct Values {
    hashes: BTreeSet<u64>,
    are_many: bool,
}

impl Values {
    pub(super) fn add(&mut self, hash: u64) {
        if !self.are_many && self.hashes.insert(hash) && self.hashes.len() > MAX_VALUES {
            *self = Self::many();
        }
    }

    /// The same for a value whose hash is not known.
    fn see(&mut self, value: &[u8]) {
        if !self.are_many {
            self.add(hash(value));
        }
    }

    pub(super) fn many() -> Self {
        Self {
            hashes: BTreeSet::new(),
            are_many: true,
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        if other.are_many {
            *self = Self::many();
        }
        for &hash in &other.hashes {
            self.add(hash);
        }
    }

    pub(super) fn count(&self) -> Option<u64> {
        (!self.are_many).then(|| self.hashes.len().try_into().unwrap_or(u64::MAX))
    }
}

/// A hash for the maps here, that each segment of each call is looked up in. A stranger can make paths that collide, as
/// with any hash without a secret, and a secret would make runs differ. What that costs is limited, since the words of a
/// place are: it takes longer, and finds the same.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Quick(u64);

impl Quick {
    fn add(&mut self, word: u64) {
        // 2^64 divided by the golden ratio, which is odd.
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

impl Hasher for Quick {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.add(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            // The one in front tells lengths apart.
            let last = rest
                .iter()
                .fold(1, |last, byte| last << 8 | u64::from(*byte));
            self.add(last);
        }
    }

    fn finish(&self) -> u64 {
        // The map takes its place from the low bits, which know least of the bytes.
        self.0 ^ self.0 >> 32
    }
}

pub(super) fn hash(text: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::default();
    hasher.write(text);
    hasher.finish()
}

/// How large all is, and may become.
#[derive(Debug)]
pub(super) struct Size {
    pub(super) nodes: usize,
    max_words: usize,
    max_refused: usize,
    pub(super) was_merged: bool,
}

impl Default for Size {
    fn default() -> Self {
        Self {
            nodes: 0,
            max_words: MAX_WORDS,
            max_refused: MAX_REFUSED,
            was_merged: false,
        }
    }
}

impl Size {
    pub(super) fn is_over(&self) -> bool {
        self.nodes > MAX_NODES && self.max_words > 0
    }

    pub(super) fn is_full(&self) -> bool {
        self.nodes > MAX_NODES
    }

    /// Makes the limits smaller; all nodes are to be held against them then.
    pub(super) fn shrink(&mut self) {
        if self.max_refused > self.max_words / 8 {
            self.max_refused /= 4;
        } else {
            self.max_words /= 2;
        }
    }
}

/// Whether a key is a shape, of which there are only some.
pub(super) fn is_shape(key: &[u8]) -> bool {
    key.starts_with(b"{") && key.ends_with(b"}")
}

/// The first segment of a path without its slash, and what comes behind the next slash.
pub(super) fn first_segment(path: &[u8]) -> (&[u8], Option<&[u8]>) {
    match path.iter().position(|byte| *byte == b'/') {
        Some(slash) => (&path[..slash], Some(&path[slash + 1..])),
        None => (path, None),
    }
}

/// Counts a word with the others that have a call that was not refused: it has got its first one.
fn is_real_now(words: &mut [usize; 2]) {
    if words[1] > 0 {
        words[1] -= 1;
        words[0] += 1;
    }
}

/// A call on the way to its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Visit<'a> {
    pub(super) call: &'a Call<'a>,
    pub(super) method: u8,
    /// The way, without a query.
    pub(super) path: &'a [u8],
    /// Segments in braces are places already.
    pub(super) has_places: bool,
    /// So many of the first segments may be versions.
    pub(super) versions_until: usize,
}

impl Node {
    /// Counts a call below this node, which stands for the host.
    pub(super) fn add(&mut self, visit: &Visit<'_>, size: &mut Size) {
        let path = visit.path.strip_prefix(b"/").unwrap_or(visit.path);
        self.walk(Some(path), 0, visit, size);
    }

    /// Counts a call at what is left of its path. It calls itself for each segment, so that a word that is known is
    /// looked up once: in a loop, the borrow of one look would last until the next.
    fn walk(&mut self, rest: Option<&[u8]>, depth: usize, visit: &Visit<'_>, size: &mut Size) {
        let is_refused = is_refusal(visit.call.status);
        self.real_calls += u64::from(!is_refused);
        let Some(rest) = rest else {
            self.stats_of(visit.method).count(visit.call);
            return;
        };
        let (raw, mut rest) = first_segment(rest);
        let child = if visit.has_places && is_shape(raw) {
            self.child_of_shape(raw, size)
        } else if depth >= MAX_DEPTH {
            rest = None;
            self.child_of_shape(REST, size)
        } else {
            // What was called before needs no look at its shape. A shape's key has a brace, which no word has.
            match self.children.get_mut(raw).filter(|_| !raw.contains(&b'{')) {
                Some(child) => {
                    if !is_refused && child.real_calls == 0 {
                        is_real_now(&mut self.words);
                    }
                    child
                }
                None => self.step(raw, depth < visit.versions_until, is_refused, size),
            }
        };
        child.walk(rest, depth + 1, visit, size);
    }

    pub(super) fn stats_of(&mut self, method: u8) -> &mut Stats {
        let at = match self.stats.iter().position(|(own, _)| *own == method) {
            Some(at) => at,
            None => {
                self.stats.push((method, Box::default()));
                self.stats.len() - 1
            }
        };
        &mut self.stats[at].1
    }

    /// The child of a shape, or of a name that a route has in its braces.
    pub(super) fn child_of_shape(&mut self, key: &[u8], size: &mut Size) -> &mut Self {
        if !self.children.contains_key(key) {
            size.nodes += 1;
            self.children.insert(key.into(), Box::default());
        }
        self.children
            .get_mut(key)
            .map(Box::as_mut)
            .expect("it was inserted")
    }

    /// The child of a segment that is no known word as it stands.
    fn step(
        &mut self,
        raw: &[u8],
        may_be_version: bool,
        is_refused: bool,
        size: &mut Size,
    ) -> &mut Self {
        let key = match shape::segment(raw, may_be_version) {
            Segment::Shape(shape) if is_shape(shape.as_bytes()) && size.max_words > FEW => {
                let child = self.child_of_shape(shape.as_bytes(), size);
                child.values.see(raw);
                return child;
            }
            Segment::Shape(shape) => shape.into_owned().into_bytes(),
            Segment::Word(word) => word,
        };
        if let Some(child) = self.children.get(&key[..]) {
            if !is_refused && child.real_calls == 0 && !is_shape(&key) {
                is_real_now(&mut self.words);
            }
        } else if self.wild.is_none() && !(is_refused && self.refused.is_some()) {
            size.nodes += 1;
            self.words[usize::from(is_refused)] += 1;
            self.children.insert(key.clone().into(), Box::default());
            // The word may be merged with the others at once.
            self.limit(size);
        }
        if self.children.contains_key(&key[..]) {
            return self
                .children
                .get_mut(&key[..])
                .map(Box::as_mut)
                .expect("it is there");
        }
        let merged = match &mut self.wild {
            Some(wild) => wild,
            None => self.refused.get_or_insert_default(),
        };
        merged.values.see(&key);
        merged
    }

    /// Merges the words of this place where they are too many.
    fn limit(&mut self, size: &mut Size) {
        if self.words[0] > size.max_words {
            size.was_merged = true;
            let kept = self.frequent(size.max_words / 4);
            let mut wild = self.wild.take().unwrap_or_else(|| {
                size.nodes += 1;
                Box::default()
            });
            if let Some(refused) = self.refused.take() {
                wild.merge(*refused, size);
            }
            let takes_shapes = size.max_words <= FEW;
            let all = std::mem::take(&mut self.children);
            for (key, child) in all {
                if kept.contains(&key) || is_shape(&key) && !takes_shapes {
                    self.children.insert(key, child);
                } else {
                    wild.values.see(&key);
                    wild.merge(*child, size);
                }
            }
            self.wild = Some(wild);
            self.words = [kept.len(), 0];
        } else if self.words[1] > size.max_refused {
            size.was_merged = true;
            let mut refused = self.refused.take().unwrap_or_else(|| {
                size.nodes += 1;
                Box::default()
            });
            let all = std::mem::take(&mut self.children);
            for (key, child) in all {
                if child.real_calls > 0 || is_shape(&key) {
                    self.children.insert(key, child);
                } else {
                    refused.values.see(&key);
                    refused.merge(*child, size);
                }
            }
            self.refused = Some(refused);
            self.words[1] = 0;
        }
    }

    /// The words that are called far more often than the others, and may be no values.
    fn frequent(&self, most: usize) -> BTreeSet<Box<[u8]>> {
        let words = self.children.iter().filter(|(key, _)| !is_shape(key));
        let (mut count, mut calls) = (0, 0);
        for (_, child) in words.clone() {
            count += 1;
            calls += child.real_calls;
        }
        let least = (calls * 4 / count.max(1)).max(16);
        let mut found: Vec<_> = words
            .filter(|(_, child)| child.real_calls >= least)
            .map(|(key, child)| (std::cmp::Reverse(child.real_calls), key.clone()))
            .collect();
        found.sort_unstable();
        found.truncate(most);
        found.into_iter().map(|(_, key)| key).collect()
    }

    /// Adds another node's calls. The other one is gone then.
    pub(super) fn merge(&mut self, other: Self, size: &mut Size) {
        size.nodes = size.nodes.saturating_sub(1);
        self.real_calls += other.real_calls;
        self.values.merge(&other.values);
        for (method, stats) in &other.stats {
            self.stats_of(*method).add(stats);
        }
        for (mine, others) in [
            (&mut self.wild, other.wild),
            (&mut self.refused, other.refused),
        ] {
            match (mine, others) {
                (Some(mine), Some(others)) => mine.merge(*others, size),
                (mine @ None, others) => *mine = others,
                (Some(_), None) => {}
            }
        }
        for (key, child) in other.children {
            let is_word = !is_shape(&key);
            if let Some(own) = self.children.get_mut(&key) {
                if is_word && own.real_calls == 0 && child.real_calls > 0 {
                    is_real_now(&mut self.words);
                }
                own.merge(*child, size);
                continue;
            }
            let is_refused = child.real_calls == 0;
            let merged = match (&mut self.wild, &mut self.refused) {
                (Some(wild), _) => Some(wild),
                (None, refused) if is_refused => refused.as_mut(),
                _ => None,
            };
            match merged.filter(|_| is_word) {
                Some(merged) => {
                    merged.values.see(&key);
                    merged.merge(*child, size);
                }
                None => {
                    self.words[usize::from(is_refused)] += usize::from(is_word);
                    self.children.insert(key, child);
                }
            }
        }
        self.limit(size);
    }

    /// Holds this node and all below it against the limits.
    pub(super) fn shrink(&mut self, size: &mut Size) {
        if size.max_words <= FEW {
            // A stranger can make many places of shapes, too.
            self.words[0] = self.children.len();
        }
        self.limit(size);
        for child in self.children.values_mut() {
            child.shrink(size);
        }
        for child in [&mut self.wild, &mut self.refused].into_iter().flatten() {
            child.shrink(size);
        }
    }
}
