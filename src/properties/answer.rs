use super::cuts;
use crate::http1::{HttpError, Response, ResponseReader, Step};

/// What one stream of answers is read as: headers and body of each, and how it ended.
#[derive(Debug, PartialEq, Eq)]
struct Read {
    answers: Vec<Response>,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    end: Result<Option<Response>, HttpError>,
}

/// Answers to pipelined requests are read alike however they were cut into pieces, and no byte of a
/// body is made up. Every second answer is one to a HEAD where `head_first` says so.
///
/// # Panics
///
/// Where that does not hold.
pub fn answer(bytes: &[u8]) {
    for head_first in [false, true] {
        let [whole, others @ ..] = cuts(bytes);
        let expected = read(&whole, head_first);
        let mut rest = bytes.iter();
        assert!(
            expected
                .body
                .iter()
                .all(|byte| rest.any(|other| other == byte))
        );
        for answer in &expected.answers {
            assert!((200..=999).contains(&answer.status), "{}", answer.status);
        }
        for pieces in others {
            let read = read(&pieces, head_first);
            assert_eq!(read, expected, "{} pieces", pieces.len());
        }
    }
}

fn read(pieces: &[&[u8]], head_first: bool) -> Read {
    let mut is_head = head_first;
    let mut reader = ResponseReader::new(is_head);
    let mut read = Read {
        answers: Vec::new(),
        headers: Vec::new(),
        body: Vec::new(),
        end: Ok(None),
    };
    // Nothing of an answer has come yet. One that has begun may not be dropped without a word.
    let mut is_idle = true;
    for mut input in pieces.iter().copied() {
        while !input.is_empty() {
            is_idle = false;
            let headers = &mut read.headers;
            let step = reader.step(&mut input, |name, value| {
                headers.push((name.to_string(), value.to_vec()));
            });
            match step {
                Ok(Step::NeedInput) => assert!(input.is_empty()),
                Ok(Step::Body(piece)) => read.body.extend_from_slice(piece),
                Ok(Step::Done(answer)) => {
                    read.answers.push(answer);
                    is_head = !is_head;
                    reader.reset(is_head);
                    is_idle = true;
                }
                Err(fault) => {
                    read.end = Err(fault);
                    return read;
                }
            }
        }
        if is_idle {
            continue;
        }
        // The last byte of an answer may have come with this piece: it is whole without another one.
        if let Ok(Step::Done(answer)) = reader.step(&mut &[][..], |_, _| ()) {
            read.answers.push(answer);
            is_head = !is_head;
            reader.reset(is_head);
            is_idle = true;
        }
    }
    if !is_idle {
        read.end = reader.finish().map(Some);
    }
    read
}
