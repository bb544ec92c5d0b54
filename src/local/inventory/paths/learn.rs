//! Which words of a place are values, and which are endpoints.
//!
//! Nothing but the calls can tell. Values of one place behave alike: the same methods, the same things below them, the
//! same kinds of answers. Endpoints may do that by chance, so that a few words which behave alike stay. The more there
//! are, the more they share below them, and the more of them came only once or twice, the less is it chance.
//!
//! To take two endpoints for one hides one of them, and to take a value for an endpoint only makes the table longer:
//! where it is a close call, words stay.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    shape,
    trie::{Node, Size, is_shape},
};

/// Levels below a word that are looked at.
const LEVELS: usize = 4;
/// Words of one level below a word that are told apart; where there are more, none is.
const MAX_FEATURES: usize = 512;
/// Things right below one that are looked at.
const MAX_BELOW: usize = 32;
/// A stage of an API is the first segment on the API's own domain; an account may have ten.
const MAX_STAGES: usize = 16;
/// As unlikely as that has to be what is not chance.
const CHANCE: f64 = 1e-4;

/// What can be called at a word or below it: how far below, what stands there, the method and the kind of answer.
/// `None` in the place of a word that only one of the words has below it.
type Feature = (usize, Option<Vec<u8>>, u8, bool);

/// What is known of a place from those above it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// The place holds stages.
    pub(super) is_stage: bool,
    /// It is where an API begins: at the root, behind a stage, a version or a base path. What stands there are
    /// resources, as a rule.
    pub(super) is_start: bool,
}

#[derive(Clone)]
struct Word {
    key: Box<[u8]>,
    calls: u64,
    features: BTreeMap<Feature, u64>,
}

/// Merges what are values, in this place and all below it.
pub(super) fn learn(node: &mut Node, place: Place, size: &mut Size) {
    let words = words(node);
    let count = words.len();
    let is_stage = place.is_stage && count <= MAX_STAGES && node.wild.is_none();
    let group = if is_stage {
        BTreeSet::new()
    } else {
        values(node, words, place)
    };
    if !group.is_empty() || node.wild.is_some() {
        let keys: Vec<&[u8]> = group.iter().map(|key| &**key).collect();
        node.wild_name = name(&keys);
        let mut wild = node.wild.take().unwrap_or_default();
        for key in &group {
            if let Some(child) = node.children.remove(key) {
                wild.values.add(super::trie::hash(key));
                wild.merge(*child, size);
            }
        }
        node.wild = Some(wild);
    }
    fold(node, size);
    take_tokens(node, size);
    let total = node.real_calls;
    let real_words = node
        .children
        .iter()
        .filter(|(key, child)| !is_shape(key) && !key.is_empty() && child.real_calls > 0)
        .count();
    for (key, child) in &mut node.children {
        let is_base = place.is_start
            && real_words == 1
            && child.real_calls * 10 >= total * 9
            && !is_shape(key);
        let is_start =
            is_stage || place.is_start && shape::is_version(key) || is_base && !key.is_empty();
        learn(
            child,
            Place {
                is_stage: false,
                is_start,
            },
            size,
        );
    }
    // Behind a tenant or a language an API begins as it does at the root.
    if let Some(wild) = &mut node.wild {
        learn(
            wild,
            Place {
                is_stage: false,
                is_start: place.is_start,
            },
            size,
        );
    }
}

/// The words of a place that may be values, the most called first.
fn words(node: &Node) -> Vec<Word> {
    let mut words: Vec<Word> = node
        .children
        .iter()
        .filter(|(key, child)| child.real_calls > 0 && !key.is_empty() && !is_shape(key))
        .map(|(key, child)| {
            let mut features = BTreeMap::new();
            collect(child, b"", &mut features);
            Word {
                key: key.clone(),
                calls: child.real_calls,
                features,
            }
        })
        .collect();
    words.sort_by(|one, other| (other.calls, &one.key).cmp(&(one.calls, &other.key)));
    words
}

/// What can be called at a node and below it, level by level, so that a level that has many words takes nothing from
/// those above it.
fn collect(node: &Node, key: &[u8], features: &mut BTreeMap<Feature, u64>) {
    let mut row: Vec<(&Node, Option<&[u8]>)> = vec![(node, Some(key))];
    for level in 0..=LEVELS {
        for (node, key) in &row {
            for (method, stats) in &node.stats {
                let calls = stats.real_calls();
                let moved = stats.statuses.redirection.min(calls);
                for (calls, is_redirection) in [(calls - moved, false), (moved, true)] {
                    if calls > 0 {
                        let feature = (level, key.map(<[u8]>::to_vec), *method, is_redirection);
                        *features.entry(feature).or_default() += calls;
                    }
                }
            }
        }
        if level < LEVELS {
            row = below(&row, MAX_BELOW >> level);
        }
    }
}

/// The nodes right below some, with the names of those words that are told apart.
fn below<'a>(row: &[(&'a Node, Option<&[u8]>)], most: usize) -> Vec<(&'a Node, Option<&'a [u8]>)> {
    let mut next = Vec::new();
    let mut words = 0;
    for (node, _) in row {
        let mut children: Vec<_> = node
            .children
            .iter()
            .filter(|(_, child)| child.real_calls > 0)
            .collect();
        children
            .sort_by(|one, other| (other.1.real_calls, one.0).cmp(&(one.1.real_calls, other.0)));
        for (at, (key, child)) in children.into_iter().enumerate() {
            let is_named = is_shape(key) || at < most;
            words += usize::from(is_named && !is_shape(key));
            next.push((&**child, is_named.then_some(&**key)));
        }
        if let Some(wild) = &node.wild {
            next.push((&**wild, Some(&b"{}"[..])));
        }
    }
    if words > MAX_FEATURES {
        for (_, name) in &mut next {
            *name = name.filter(|key| is_shape(key));
        }
    }
    next
}

/// The words of a place that are values.
fn values(node: &Node, mut words: Vec<Word>, place: Place) -> BTreeSet<Box<[u8]>> {
    let is_candidate = |word: &Word| {
        let is_version = shape::is_version(&word.key);
        !is_version || word.features.keys().all(|(level, ..)| *level == 0)
    };
    words.retain(is_candidate);
    let is_merged = node.wild.is_some();
    if words.len() < 2 && !is_merged {
        return BTreeSet::new();
    }
    generalise(&mut words);
    if let Some(wild) = &node.wild {
        let mut features = BTreeMap::new();
        collect(wild, b"", &mut features);
        let mut all = vec![Word {
            key: Box::default(),
            calls: wild.real_calls,
            features,
        }];
        all.extend(words);
        let common: BTreeSet<Feature> = all[0].features.keys().cloned().collect();
        let group = alike(&all, &common);
        let most = all[0].calls;
        return group
            .into_iter()
            .filter(|at| *at > 0 && all[*at].calls * 8 < most)
            .map(|at| all[at].key.clone())
            .collect();
    }
    let mut candidates = vec![alike(&words, &common_of(&words))];
    // Where words of several kinds share a place, those of the most frequent kind may be alike.
    let mut kinds: BTreeMap<Vec<&Feature>, usize> = BTreeMap::new();
    for word in &words {
        *kinds.entry(word.features.keys().collect()).or_default() += 1;
    }
    let mut kinds: Vec<_> = kinds
        .into_iter()
        .map(|(kind, count)| (std::cmp::Reverse(count), kind))
        .collect();
    kinds.sort();
    for (_, kind) in kinds.into_iter().take(4) {
        let kind = kind.into_iter().cloned().collect();
        candidates.push(alike(&words, &kind));
    }
    // Files and pages beside places that only have something below them are of another kind.
    for is_called in [false, true] {
        let some = |word: &&Word| word.features.keys().any(|(level, ..)| *level == 0) == is_called;
        let own: Vec<Word> = words.iter().filter(some).cloned().collect();
        if own.len() < words.len() {
            let at: Vec<usize> = (0..words.len()).filter(|at| some(&&words[*at])).collect();
            let found = alike(&own, &common_of(&own));
            candidates.push(found.into_iter().map(|own| at[own]).collect());
        }
    }
    // The greatest, and of those that are as great the first.
    candidates.sort_by_key(|found| std::cmp::Reverse(found.len()));
    for found in candidates {
        let members = without_outliers(found.iter().map(|at| &words[*at]).collect());
        if are_values(&members, node, place) {
            return members.into_iter().map(|word| word.key.clone()).collect();
        }
    }
    BTreeSet::new()
}

/// The features that so many words have that they may be those of a value.
fn common_of(words: &[Word]) -> BTreeSet<Feature> {
    Spread::new(words).common((words.len() / 10).max(2))
}

/// Replaces words below words that only few of them have, and that few calls go to.
fn generalise(words: &mut [Word]) {
    let named = Spread::new(words).common((words.len() * 3 / 10).max(2));
    for word in words {
        let features = std::mem::take(&mut word.features);
        for (feature, calls) in features {
            let is_kept = feature.0 == 0
                || feature
                    .1
                    .as_ref()
                    .is_some_and(|name| name.starts_with(b"{"))
                || named.contains(&feature);
            let (level, name, method, is_redirection) = feature;
            let feature = (level, name.filter(|_| is_kept), method, is_redirection);
            *word.features.entry(feature).or_default() += calls;
        }
    }
}

/// How many words have a feature, and how often they were called with it.
#[derive(Default, Clone, Copy)]
struct Held {
    words: usize,
    calls: u64,
}

/// What words have, and how many calls go to each level.
#[derive(Default)]
struct Spread<'a> {
    features: BTreeMap<&'a Feature, Held>,
    levels: [u64; LEVELS + 1],
}

impl<'a> Spread<'a> {
    fn new(words: &'a [Word]) -> Self {
        let mut spread = Self::default();
        for (feature, calls) in words.iter().flat_map(|word| &word.features) {
            let held = spread.features.entry(feature).or_default();
            held.words += 1;
            held.calls += calls;
            spread.levels[feature.0] += calls;
        }
        spread
    }

    /// The features that so many words have, or to which a fair part of the calls go that go so deep, from several
    /// words: where many words were hardly called, no single one shows much of what a place has.
    fn common(&self, least: usize) -> BTreeSet<Feature> {
        let is_common = |(feature, held): &(&&Feature, &Held)| {
            held.words >= least || held.words >= 4 && held.calls * 40 >= self.levels[feature.0]
        };
        let found = self.features.iter().filter(is_common);
        found.map(|(feature, _)| (*feature).clone()).collect()
    }
}

/// Which words behave as if they were values of one place, whose values have the common features.
fn alike(words: &[Word], common: &BTreeSet<Feature>) -> BTreeSet<usize> {
    let has_own = |word: &Word| {
        let own = word
            .features
            .iter()
            .filter(|(feature, _)| !common.contains(*feature));
        let own: u64 = own.map(|(_, calls)| calls).sum();
        own >= 2 || own * 2 > word.calls
    };
    let mut members: BTreeSet<usize> = (0..words.len())
        .filter(|at| !has_own(&words[*at]))
        .collect();
    // What a word should have been called with, going by the others. Each word weighs the same up to some calls, so
    // that no single one tells what is usual.
    for _ in 0..4 {
        let mut usual: BTreeMap<&Feature, (u64, usize)> = BTreeMap::new();
        let mut all = 0;
        for at in &members {
            let word = &words[*at];
            let weight = word.calls.min(32);
            for (feature, calls) in &word.features {
                let (sum, holders) = usual.entry(feature).or_default();
                *sum += calls * weight * 1024 / word.calls.max(1);
                *holders += 1;
            }
            all += weight * 1024;
        }
        let is_usual = |at: &usize| {
            let word = &words[*at];
            let lacks = |(feature, (sum, holders)): &(&&Feature, &(u64, usize))| {
                // A word below only some of them may be a value, where few calls go there.
                let is_word = feature.0 > 0
                    && feature
                        .1
                        .as_ref()
                        .is_some_and(|name| !name.starts_with(b"{"));
                // Some of a place that has many are not told apart.
                let unnamed = (feature.0, None, feature.2, feature.3);
                !(word.features.contains_key(**feature)
                    || feature.0 > 0 && word.features.contains_key(&unnamed)
                    || is_word && holders * 2 < members.len() && *sum * 40 < all)
            };
            let lacking = usual.iter().filter(lacks).map(|(_, (sum, _))| sum).sum();
            let calls = i32::try_from(word.calls).unwrap_or(i32::MAX);
            (1.0 - ratio(lacking, all).min(1.0) * 0.5).powi(calls) >= CHANCE
        };
        let kept: BTreeSet<usize> = members.iter().copied().filter(is_usual).collect();
        if kept.len() == members.len() {
            break;
        }
        members = kept;
    }
    members
}

#[allow(clippy::cast_precision_loss, reason = "a share need not be exact")]
fn ratio(part: u64, all: u64) -> f64 {
    part as f64 / all.max(1) as f64
}

/// What only a value has: digits, several hyphens, a dot that begins no extension.
fn looks_like_value(key: &[u8]) -> bool {
    let digits = key.iter().filter(|byte| byte.is_ascii_digit()).count();
    let hyphens = key.iter().filter(|byte| **byte == b'-').count();
    let dots = key.iter().filter(|byte| **byte == b'.').count();
    let is_file = shape::extension(key).is_some();
    digits > 0 && !is_file && !shape::is_version(key) || hyphens >= 2 || dots > 0 && !is_file
}

/// Names that programmers give: `getUserById`.
fn is_identifier(key: &[u8]) -> bool {
    key.windows(2)
        .any(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase())
}

fn is_locale(key: &[u8]) -> bool {
    let letters = |part: &[u8]| part.len() == 2 && part.iter().all(u8::is_ascii_alphabetic);
    match key.len() {
        2 => letters(key),
        5 => letters(&key[..2]) && matches!(key[2], b'-' | b'_') && letters(&key[3..]),
        _ => false,
    }
}

/// Leaves out words that are called so much more often than the others, or look so different, that they are no values.
fn without_outliers(members: Vec<&Word>) -> Vec<&Word> {
    let count = members.len();
    if count < 4 {
        return members;
    }
    let is_simple = |word: &&&Word| word.key.iter().all(u8::is_ascii_alphabetic);
    let valued = count - members.iter().filter(is_simple).count();
    let median = members[count / 2].calls.max(1);
    let is_plain =
        |word: &Word| word.key.len() <= 16 && word.key.iter().all(u8::is_ascii_alphabetic);
    members
        .iter()
        .enumerate()
        .filter(|(at, word)| {
            let next = members.get(at + 1).map_or(1, |next| next.calls);
            let is_first = *at == 0 && word.calls >= 50 && word.calls >= next * 6;
            let is_odd = valued * 10 >= count * 7 && word.calls >= median * 4 && word.calls >= 8;
            !(is_plain(word) && (is_first || is_odd))
        })
        .map(|(_, word)| *word)
        .collect()
}

/// Whether words that behave alike are values.
fn are_values(members: &[&Word], node: &Node, place: Place) -> bool {
    let count = members.len();
    if count < 2 {
        return false;
    }
    let share =
        |is: &dyn Fn(&Word) -> bool| members.iter().filter(|word| is(word)).count() * 100 / count;
    let calls: u64 = members.iter().map(|word| word.calls).sum();
    let per_word = calls / u64::try_from(count).unwrap_or(u64::MAX).max(1);
    // Words below most of them.
    let mut below: BTreeMap<(usize, &[u8]), usize> = BTreeMap::new();
    for word in members {
        for name in names_below(word) {
            *below.entry(name).or_default() += 1;
        }
    }
    let shared: BTreeSet<_> = below
        .into_iter()
        .filter(|(_, holders)| *holders >= 2 && holders * 4 >= count)
        .map(|(name, _)| name)
        .collect();
    let have_shared = share(&|word| {
        names_below(word)
            .iter()
            .filter(|name| shared.contains(*name))
            .count()
            >= 2
    });
    // Further down there may be values again.
    let level = shared.first().map_or(0, |(level, _)| *level);
    let only_shared = share(&|word| {
        names_below(word)
            .iter()
            .all(|name| name.0 != level || shared.contains(name))
    });
    let valued = share(&|word| looks_like_value(&word.key));
    let short = share(&|word| word.key.len() <= 3) == 100;
    let rare = share(&|word| word.calls <= 2);
    let identifiers = share(&|word| is_identifier(&word.key)) >= 40;
    let has_shape = node
        .children
        .iter()
        .any(|(key, child)| is_shape(key) && child.real_calls > calls);
    if share(&|word| is_locale(&word.key)) == 100 && !shared.is_empty() && only_shared >= 60 {
        return true;
    }
    let has_structure = shared.len() >= if place.is_start { 3 } else { 2 }
        && have_shared >= 60
        && only_shared >= 80;
    if has_structure && count >= 3 || have_one_vocabulary(members) {
        return true;
    }
    if valued >= 40 && count >= if place.is_start { 5 } else { 3 } {
        return true;
    }
    if identifiers {
        return count >= 64;
    }
    let is_novel = rare >= 25 && per_word >= 4 || count >= 64;
    if place.is_start {
        return count >= 12 && is_novel && members.iter().all(|word| names_below(word).is_empty())
            || count >= 128;
    }
    if has_shape {
        return count >= 12 && (is_novel || count >= 32) || count >= 6 && is_novel && rare >= 50;
    }
    count >= 8 || short && count >= 4 || count >= 4 && rare >= 50 && per_word >= 4
}

/// Whether many words have all that is right below them from few names, where each was called too rarely to show more
/// than one or two of these.
fn have_one_vocabulary(members: &[&Word]) -> bool {
    let right_below = |word: &Word| -> BTreeSet<Vec<u8>> {
        let names = names_below(word).into_iter();
        names
            .filter(|(level, _)| *level == 1)
            .map(|(_, name)| name.to_vec())
            .collect()
    };
    let below: Vec<_> = members.iter().map(|word| right_below(word)).collect();
    let mut holders: BTreeMap<&[u8], usize> = BTreeMap::new();
    for name in below.iter().flatten() {
        *holders.entry(name).or_default() += 1;
    }
    holders.retain(|_, holders| *holders >= 3);
    let is_among = |names: &&BTreeSet<Vec<u8>>| {
        !names.is_empty() && names.iter().all(|name| holders.contains_key(&**name))
    };
    let (count, among) = (members.len(), below.iter().filter(is_among).count());
    let other = below.iter().filter(|names| !names.is_empty()).count() - among;
    count >= 12
        && holders.len() >= 3
        && holders.len() * 2 <= among
        && among * 2 >= count
        && other * 5 <= among
}

fn names_below(word: &Word) -> BTreeSet<(usize, &[u8])> {
    word.features
        .keys()
        .filter_map(|(level, name, ..)| Some((*level, name.as_deref()?)))
        .filter(|(level, name)| *level > 0 && !name.starts_with(b"{") && !name.is_empty())
        .collect()
}

/// What a place of words is called.
fn name(keys: &[&[u8]]) -> &'static str {
    let slugs = keys.iter().filter(|key| key.contains(&b'-')).count();
    let files = keys
        .iter()
        .filter(|key| shape::extension(key).is_some())
        .count();
    if files == keys.len() && files > 0 {
        "file"
    } else if slugs * 2 > keys.len() {
        "slug"
    } else {
        "text"
    }
}

/// Takes words for values that came with many tokens, are as rare as one token is, and are no words that anybody speaks.
fn take_tokens(node: &mut Node, size: &mut Size) {
    let tokens = node
        .children
        .iter()
        .filter(|(key, _)| generality(key).is_some_and(|generality| generality > 1))
        .map(|(key, child)| (child.real_calls, key.clone()))
        .max();
    let Some((calls, shape)) = tokens.filter(|(calls, _)| *calls >= 20) else {
        return;
    };
    let mut usual = BTreeMap::new();
    if let Some(child) = node.children.get(&shape) {
        collect(child, b"", &mut usual);
    }
    let is_token = |key: &[u8]| {
        let separators = key
            .iter()
            .filter(|byte| matches!(byte, b'-' | b'_'))
            .count();
        let capitals = key.iter().filter(|byte| byte.is_ascii_uppercase()).count();
        let has_digit = key.iter().any(u8::is_ascii_digit);
        key.len() >= 6
            && shape::extension(key).is_none()
            && (has_digit
                || capitals > 0 && separators > 0
                || capitals + separators == key.len()
                || shape::is_mixed(key)
                || is_unspoken(key))
    };
    let found: Vec<Box<[u8]>> = words(node)
        .into_iter()
        .filter(|word| word.calls <= 3 && word.calls * 20 <= calls && is_token(&word.key))
        .filter(|word| {
            word.features
                .keys()
                .all(|feature| usual.contains_key(feature))
        })
        .map(|word| word.key)
        .collect();
    for key in found {
        if let Some(child) = node.children.remove(&key)
            && let Some(into) = node.children.get_mut(&shape)
        {
            into.merge(*child, size);
        }
    }
}

/// Whether letters stand together that nobody can speak: a token of letters alone, by chance.
fn is_unspoken(key: &[u8]) -> bool {
    let is_consonant =
        |byte: &u8| byte.is_ascii_alphabetic() && !b"aeiouy".contains(&byte.to_ascii_lowercase());
    key.windows(5)
        .any(|letters| letters.iter().all(is_consonant))
}

/// How much a shape takes in of others: some of the values of each may look like one before it.
fn generality(key: &[u8]) -> Option<u8> {
    Some(match key {
        b"{integer}" => 0,
        b"{hex}" => 1,
        b"{ulid}" | b"{ksuid}" | b"{number}" => 2,
        b"{id}" => 3,
        b"{base64}" | b"{sku}" => 4,
        _ => return None,
    })
}

/// Merges shapes of a place that are the same values, some of which look like others by chance.
fn fold(node: &mut Node, size: &mut Size) {
    let mut shapes: Vec<(u8, Box<[u8]>, u64)> = node
        .children
        .iter()
        .filter(|(_, child)| child.real_calls > 0)
        .filter_map(|(key, child)| Some((generality(key)?, key.clone(), child.real_calls)))
        .collect();
    shapes.sort();
    while let Some((_, key, calls)) = (!shapes.is_empty()).then(|| shapes.remove(0)) {
        let into = shapes
            .iter()
            .filter(|(_, _, others)| calls < others.saturating_mul(2) / 5 || *others < calls / 8)
            .max_by_key(|(_, key, calls)| (*calls, key.clone()))
            .map(|(_, key, _)| key.clone());
        let wild_calls = node.wild.as_ref().map_or(0, |wild| wild.real_calls);
        let Some(child) = node.children.get(&key) else {
            continue;
        };
        if let Some(into) = into {
            // The one that takes more in names both.
            if let Some(child) = node.children.remove(&key)
                && let Some(into) = node.children.get_mut(&into)
            {
                into.merge(*child, size);
                for (_, own, calls) in &mut shapes {
                    *calls = node.children.get(own).map_or(0, |child| child.real_calls);
                }
            }
        } else if wild_calls > 0 && calls < wild_calls / 5 && &*key != b"{integer}"
            || wild_calls > 0 && calls < wild_calls / 12
        {
            if let Some(child) = node.children.remove(&key)
                && let Some(wild) = &mut node.wild
            {
                wild.merge(*child, size);
            }
        } else if wild_calls > 0
            && child.real_calls > wild_calls
            && matches!(&*key, b"{id}" | b"{sku}" | b"{base64}")
            && let Some(wild) = node.wild.take()
            && let Some(child) = node.children.get_mut(&key)
        {
            child.merge(*wild, size);
        }
    }
}
