//! Which message of another forwarder stands for which of the function's.

use std::collections::{HashMap, VecDeque};

use crate::standin::http::Message;

/// Which of a call's two messages it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    /// The call itself.
    Request,
    /// What its response was.
    Response,
}

impl Side {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Response => "response",
        }
    }
}

/// A message that the function would send.
#[derive(Debug)]
pub(super) struct Ours {
    pub(super) side: Side,
    pub(super) message: Message,
}

/// What of two messages has to be the same for them to be a pair: the method, how much of the target, the host, and
/// whether there is a body.
type Same = (bool, Target, bool, bool);

/// How much of a target has to be the same.
#[derive(Debug, Clone, Copy)]
enum Target {
    Whole,
    /// The last segment: of those with a prefix, and of those without.
    End,
    Nothing,
}

/// From everything to nothing.
const PASSES: [Same; 12] = [
    (true, Target::Whole, true, true),
    (true, Target::Whole, true, false),
    (false, Target::Whole, true, true),
    (true, Target::Whole, false, true),
    (false, Target::Whole, false, true),
    (true, Target::End, true, true),
    (false, Target::End, true, true),
    (false, Target::End, false, true),
    (true, Target::Nothing, true, true),
    (false, Target::Nothing, true, true),
    (false, Target::Nothing, false, true),
    (false, Target::Nothing, false, false),
];

type Key = (Option<String>, Option<String>, Option<String>, Option<bool>);

/// Finds the partner of each of our messages: by its content, and among those of the same content in their order. What
/// finds none by all of its content finds one by less, so that a difference in one thing is told as just that.
/// Returns the place in `theirs` for each of ours.
pub(super) fn pair(ours: &[Ours], theirs: &[Message]) -> Vec<Option<usize>> {
    let mut partners = vec![None; ours.len()];
    let mut is_taken = vec![false; theirs.len()];
    for same in PASSES {
        let mut free: HashMap<Key, VecDeque<usize>> = HashMap::new();
        for (at, message) in theirs.iter().enumerate().filter(|(at, _)| !is_taken[*at]) {
            free.entry(key(message, same)).or_default().push_back(at);
        }
        for (ours, partner) in ours.iter().zip(&mut partners) {
            if partner.is_some() {
                continue;
            }
            let places = free.get_mut(&key(&ours.message, same));
            *partner = places.and_then(VecDeque::pop_front);
            if let Some(at) = *partner {
                is_taken[at] = true;
            }
        }
    }
    partners
}

fn key(message: &Message, (method, target, host, body): Same) -> Key {
    (
        method.then(|| message.method.clone()),
        match target {
            Target::Whole => Some(message.target.clone()),
            Target::End => message.target.rsplit('/').next().map(str::to_string),
            Target::Nothing => None,
        },
        host.then(|| {
            let host = message.text_header("Host").unwrap_or_default();
            host.to_ascii_lowercase()
        }),
        body.then_some(!message.body.is_empty()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> Message {
        let (head, body) = text.split_once('|').unwrap_or((text, ""));
        let mut words = head.split(' ').map(str::to_string);
        let mut next = || words.next().unwrap();
        Message {
            method: next(),
            target: next(),
            headers: vec![("Host".into(), next().into_bytes())],
            body: body.into(),
        }
    }

    fn check(ours: &[&str], theirs: &[&str], expected: &[Option<usize>]) {
        let ours = ours.iter().map(|text| Ours {
            side: Side::Request,
            message: message(text),
        });
        let ours: Vec<Ours> = ours.collect();
        let theirs: Vec<Message> = theirs.iter().map(|text| message(text)).collect();
        assert_eq!(pair(&ours, &theirs), expected, "{theirs:?}");
    }

    #[test]
    fn messages_are_paired_by_their_content() {
        let ours = ["GET /a h", "POST /a h|x", "POST /b h", "POST /b h|x"];
        // In another order, and with one that is none of ours.
        check(
            &ours,
            &[
                "POST /b h|y",
                "POST /b h",
                "PUT /z h",
                "POST /a h|y",
                "GET /a h",
            ],
            &[Some(4), Some(3), Some(1), Some(0)],
        );
        // One is missing.
        check(
            &ours,
            &["GET /a h", "POST /a h|y", "POST /b h"],
            &[Some(0), Some(1), Some(2), None],
        );
        // Another method, target and host.
        check(
            &ours,
            &[
                "GET /a h",
                "PUT /a h|y",
                "POST /prod/b h",
                "POST /b other|y",
            ],
            &[Some(0), Some(1), Some(2), Some(3)],
        );
        // Without a prefix, and in another order.
        check(
            &["GET /prod/a h", "GET /prod/b h"],
            &["GET /b h", "GET /a h"],
            &[Some(1), Some(0)],
        );
        check(&ours, &[], &[None; 4]);
        // Of those that are alike, in their order.
        check(
            &["GET /a h", "GET /a h"],
            &["GET /a H", "GET /a h", "GET /a h"],
            &[Some(0), Some(1)],
        );
    }
}
