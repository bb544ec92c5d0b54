use super::cuts;
use crate::http1::{HttpError, Response, ResponseReader, Step};

/// What the reader makes of one stream of responses: headers and body of each, and how it ended.
#[derive(Debug, PartialEq, Eq)]
struct Read {
    responses: Vec<Response>,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    end: Result<Option<Response>, HttpError>,
}

/// Responses to pipelined requests are read the same, however they are cut into pieces, and every byte of a
/// body is from the input. Every second response is one to a HEAD, from the first or from the second on.
///
/// # Panics
///
/// If that does not hold.
pub fn response(bytes: &[u8]) {
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
        for response in &expected.responses {
            assert!(
                (200..=999).contains(&response.status),
                "{}",
                response.status
            );
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
        responses: Vec::new(),
        headers: Vec::new(),
        body: Vec::new(),
        end: Ok(None),
    };
    // No byte of a response has come yet. A response that has begun must not be dropped silently.
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
                Ok(Step::Done(response)) => {
                    read.responses.push(response);
                    is_head = !is_head;
                    reader.reset(is_head);
                    is_idle = true;
                }
                Err(error) => {
                    read.end = Err(error);
                    return read;
                }
            }
        }
        if is_idle {
            continue;
        }
        // The last byte of a response may have come with this piece: it is complete without another one.
        if let Ok(Step::Done(response)) = reader.step(&mut &[][..], |_, _| ()) {
            read.responses.push(response);
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
