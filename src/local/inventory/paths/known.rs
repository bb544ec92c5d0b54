//! Which of the templates that are known a path matches.

use std::collections::HashMap;

use super::{
    shape::decode,
    trie::{Hash, first_segment},
};

/// More than any path needs. A specification in which more places fit is matched by the first that do.
const MAX_STEPS: usize = 2_000;

/// Templates, by segment.
#[derive(Debug, Default)]
pub(super) struct Known {
    nodes: Vec<Place>,
}

/// What stands before and after a parameter, and the place behind.
type Part = (Box<[u8]>, Box<[u8]>, usize);

#[derive(Debug, Default)]
struct Place {
    words: HashMap<Box<[u8]>, usize, Hash>,
    /// What stands before and after a parameter that is a part of its segment.
    parts: Vec<Part>,
    parameter: Option<usize>,
    /// Templates that end here.
    ends: Vec<usize>,
    /// Those that take all that follows.
    greedy: Vec<usize>,
}

/// A template that a path matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Match {
    pub(super) template: usize,
    /// Of a greedy template: the segments before those that it takes.
    pub(super) greedy_from: Option<usize>,
}

impl Known {
    /// Adds a template under a number.
    pub(super) fn insert(&mut self, template: &[u8], number: usize) {
        if self.nodes.is_empty() {
            self.nodes.push(Place::default());
        }
        let mut at = 0;
        let template = template.strip_prefix(b"/").unwrap_or(template);
        for segment in template.split(|byte| *byte == b'/') {
            let inside = segment
                .strip_prefix(b"{")
                .and_then(|text| text.strip_suffix(b"}"));
            if let Some(name) = inside
                && name.ends_with(b"+")
            {
                self.nodes[at].greedy.push(number);
                return;
            }
            let next = self.nodes.len();
            let place = &mut self.nodes[at];
            let open = segment.iter().position(|byte| *byte == b'{');
            let close = segment.iter().rposition(|byte| *byte == b'}');
            at = match (open, close) {
                _ if inside.is_some_and(|name| !name.contains(&b'{')) => {
                    *place.parameter.get_or_insert(next)
                }
                (Some(open), Some(close)) if open < close => {
                    let (before, after) = (&segment[..open], &segment[close + 1..]);
                    let found = place
                        .parts
                        .iter()
                        .find(|part| *part.0 == *before && *part.1 == *after);
                    match found {
                        Some(part) => part.2,
                        None => {
                            place.parts.push((before.into(), after.into(), next));
                            next
                        }
                    }
                }
                _ => *place.words.entry(decode(segment).into()).or_insert(next),
            };
            if at == next {
                self.nodes.push(Place::default());
            }
        }
        self.nodes[at].ends.push(number);
    }

    /// Hands the templates that a path matches to `take`, the most specific first, until that returns `true`.
    pub(super) fn find(&self, path: &[u8], take: &mut dyn FnMut(Match) -> bool) {
        if self.nodes.is_empty() {
            return;
        }
        let path = path.strip_prefix(b"/").unwrap_or(path);
        let mut steps = MAX_STEPS;
        self.walk(0, Some(path), 0, &mut steps, take);
    }

    fn walk(
        &self,
        at: usize,
        rest: Option<&[u8]>,
        depth: usize,
        steps: &mut usize,
        take: &mut dyn FnMut(Match) -> bool,
    ) -> bool {
        let Some(left) = steps.checked_sub(1) else {
            return false;
        };
        *steps = left;
        let place = &self.nodes[at];
        let Some(rest) = rest else {
            let mut ends = place.ends.iter();
            return ends.any(|&template| {
                take(Match {
                    template,
                    greedy_from: None,
                })
            });
        };
        let (raw, rest) = first_segment(rest);
        let segment = decode(raw);
        let word = place.words.get(&*segment).copied();
        let part = place.parts.iter().find(|(before, after, _)| {
            segment.len() > before.len() + after.len()
                && segment.starts_with(before)
                && segment.ends_with(after)
        });
        let next = [
            word,
            part.map(|part| part.2),
            place.parameter.filter(|_| !segment.is_empty()),
        ];
        let mut next = next.into_iter().flatten();
        if next.any(|next| self.walk(next, rest, depth + 1, steps, take)) {
            return true;
        }
        let mut greedy = place
            .greedy
            .iter()
            .filter(|_| !raw.is_empty() || rest.is_some() || depth == 0);
        greedy.any(|&template| {
            take(Match {
                template,
                greedy_from: Some(depth),
            })
        })
    }
}
