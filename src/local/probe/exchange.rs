//! The two messages of a call, as the function writes them, and what comes back for each.

use std::{
    io::ErrorKind,
    time::{Duration, Instant},
};

use serde_json::json;

use super::{connect::Stream, steps::Step};
use crate::{
    account::host_not_taken,
    config::WireConfig,
    http1::{HttpError, ResponseReader, Step as HttpStep},
    local::{error::CommandError, escape::terminal},
    record::{Origin, RawLineReader, Reading},
    wire::{Call, Chunk, resend},
};

/// The path of the call.
pub(super) const PATH: &str = "/cw-resend-probe";
/// How much of a body is looked at, in bytes.
const MAX_BODY: usize = 1024;
/// What a TLS server's alert means, which it responds with to plain HTTP.
const GOT_TLS: &str = "expected plain HTTP, got TLS: does --node begin with https://?";
/// The most bytes that a response may have.
const MAX_RESPONSE: usize = 1024 * 1024;

/// The access-log line of the call, which was made at this Unix time in milliseconds.
pub(super) fn line(host: &str, id: &str, time: u64) -> String {
    json!({
        "requestId": id,
        "httpMethod": "GET",
        "path": PATH,
        "protocol": "HTTP/1.1",
        "status": "200",
        "responseLength": "2",
        "requestTimeEpoch": time.to_string(),
        "responseLatency": "1",
        "domainName": host,
        "sourceIp": "192.0.2.1",
        "userAgent": "cw-resend-probe",
    })
    .to_string()
}

/// The two messages of a call, in bytes.
///
/// # Errors
///
/// Returns an error when the line is no call, which is a mistake of this program.
pub(super) fn messages(
    line: &str,
    id: &str,
    wire: &WireConfig,
) -> Result<[Vec<u8>; 2], CommandError> {
    let mut reader = RawLineReader::new(Reading::default());
    let record = reader
        .read(line.as_bytes(), Origin::default())
        .map_err(|_| CommandError::new("failed to make a call of its own line, which is a bug"))?;
    let call = Call {
        id,
        timestamp: None,
        record: &record,
        path: record.path,
    };
    let mut chunk = Chunk::default();
    resend::Writer::new(wire.application_id, &wire.headers, &wire.header_names)
        .push(&mut chunk, 0, &call);
    let middle = chunk.parts.first().map_or(0, |part| part.middle);
    let (request, response) = chunk.bytes.split_at(middle);
    Ok([request.to_vec(), response.to_vec()])
}

/// What came back for a message.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) is_html: bool,
    /// The connection takes another message.
    pub(super) keep_alive: bool,
    pub(super) step: Step,
}

/// Sends a message and reads what comes back.
///
/// # Errors
///
/// Returns the words for why there is no answer.
pub(super) fn exchange(
    name: &'static str,
    stream: &mut dyn Stream,
    message: &[u8],
    host: &str,
    limit: Duration,
) -> Result<Answer, String> {
    let began = Instant::now();
    let write = stream.write_all(message).and_then(|()| stream.flush());
    write.map_err(|cause| in_words(&cause))?;
    let mut reader = ResponseReader::new(false);
    let (mut headers, mut body) = (Vec::new(), Vec::new());
    let (mut buffer, mut total, mut first) = ([0; 4096], 0, [0; 2]);
    let response = 'read: loop {
        let count = stream.read(&mut buffer).map_err(|cause| in_words(&cause))?;
        if count == 0 {
            break reader.finish().map_err(|_| match total {
                0 => "the server has closed the connection without an answer".to_string(),
                // Its alert is no whole answer, either.
                _ if first == [0x15, 0x03] => GOT_TLS.to_string(),
                _ => HttpError::Truncated.to_string(),
            })?;
        }
        if total < 2 {
            let of_first = &mut first[total..];
            let count = count.min(of_first.len());
            of_first[..count].copy_from_slice(&buffer[..count]);
        }
        total += count;
        // The socket's own limit is for each piece, of which there may be many.
        if began.elapsed() > limit {
            return Err("no whole answer came in time".into());
        }
        if total > MAX_RESPONSE {
            return Err("the answer has more than a megabyte: that is no Node".into());
        }
        let mut input = &buffer[..count];
        loop {
            let step = reader.step(&mut input, |name, value| {
                headers.push((name.to_ascii_lowercase(), value.to_vec()));
            });
            match step {
                Ok(HttpStep::NeedInput) => break,
                Ok(HttpStep::Body(bytes)) => {
                    let room = MAX_BODY.saturating_sub(body.len());
                    body.extend_from_slice(&bytes[..bytes.len().min(room)]);
                }
                Ok(HttpStep::Done(response)) => break 'read response,
                // A TLS server responds to plain HTTP with an alert.
                Err(_) if first == [0x15, 0x03] => {
                    return Err(GOT_TLS.into());
                }
                Err(error) => return Err(format!("{error}: that is no web server, and no Node")),
            }
        }
    };
    let header = |name: &str| {
        let found = headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
    };
    let body = String::from_utf8_lossy(&body).to_ascii_lowercase();
    let is_html = header("content-type")
        .is_some_and(|kind| kind.to_ascii_lowercase().contains("html"))
        || body.trim_start().starts_with("<!doctype html")
        || body.trim_start().starts_with("<html");
    let status = response.status;
    let mut text = format!("{status}: {}", meaning(status, &body, host));
    if let Some(place) = header("location").filter(|_| (300..400).contains(&status)) {
        text += &format!(" ({})", terminal(&place));
    }
    if is_html {
        text += "; the answer is a page of HTML, which a web server or a load balancer sends";
    }
    let details = header("server").map(|server| format!("Server: {}", terminal(&server)));
    let step = Step {
        ok: (200..300).contains(&status) && !is_html,
        status: Some(status),
        ..Step::fine(name, text)
    };
    Ok(Answer {
        status,
        is_html,
        keep_alive: response.keep_alive,
        step: step
            .took(began.elapsed())
            .with_details(details.into_iter().collect()),
    })
}

fn in_words(cause: &std::io::Error) -> String {
    match cause.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => {
            "no answer came in time; if it speaks TLS: does --node begin with https://?".into()
        }
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof => {
            "the server has closed the connection without an answer".into()
        }
        _ => terminal(&cause.to_string()).into_owned(),
    }
}

/// What a status means for a message of the function.
fn meaning(status: u16, body: &str, host: &str) -> String {
    let text = match status {
        200..300 => "taken",
        300..400 => {
            "it sends the caller elsewhere, and the function follows nobody; often that is http:// in place of https://"
        }
        400 if body.contains("https port") || body.contains("https server") => {
            "it wants TLS: does --node begin with https://?"
        }
        400 => "it does not understand the message",
        401 | 407 => {
            "it wants a password or a token: set one with --header, and for the function in X_NODE_HEADERS"
        }
        403 => {
            "it forbids the call: a Node that blocks it, or whose connector.allowed_networks are without this machine; \
             else a web server or a firewall before it"
        }
        404 => {
            "it has nothing at this path: a web server that is no Node, or a load balancer without a rule for this host"
        }
        405 | 501 => "it does not take this method: a web server that is no Node",
        413 | 414 | 431 => {
            "it takes no message of this size: a web server or a load balancer before the Node, whose limit is too small"
        }
        415 => {
            return format!(
                "{}, or name one of its hosts with --host",
                host_not_taken(host)
            );
        }
        421 => {
            "it does not serve this host: allow it there, or name one that it serves with --host"
        }
        408 | 425 | 429 | 503 => "it has no time for it now: the function would try again",
        502 | 504 => "a load balancer, or a proxy, behind which no Node responds",
        500..600 => "it has failed with it: the Node's own log says why",
        _ => "a status that says nothing here",
    };
    text.into()
}

#[cfg(test)]
mod tests {
    use std::{
        io::{self, Read, Write},
        iter,
    };

    use super::*;

    #[test]
    fn the_messages_are_those_of_the_function() {
        let wire = WireConfig {
            format: crate::wire::Format::Resend,
            application_id: 7,
            headers: vec![("X-Team".into(), "payments".into())],
            header_names: Vec::new(),
            strip_stage: false,
            sends_template_paths: false,
        };
        let line = line("api.example.com", "probe-1", 1_795_341_600_000);
        let [request, response] = messages(&line, "probe-1", &wire).unwrap();
        let (request, response) = (
            String::from_utf8(request).unwrap(),
            String::from_utf8(response).unwrap(),
        );
        let begin = "GET /cw-resend-probe HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: cw-resend-probe\r\n";
        assert!(request.starts_with(begin), "{request}");
        assert!(request.ends_with("\r\n\r\n"), "{request}");
        for words in [
            "X-Request-Id: probe-1\r\n",
            "X-Wallarm-Application-Id: 7\r\n",
            "X-Team: payments\r\n",
        ] {
            assert!(
                request.contains(words) && response.contains(words),
                "{words}"
            );
        }
        assert!(
            response.starts_with("POST /cw-resend-probe HTTP/1.1\r\n"),
            "{response}"
        );
        assert!(response.ends_with('}'), "{response}");
    }

    #[test]
    fn an_answer_that_comes_bit_by_bit_for_ever_is_given_up() {
        let mut stream = Dripping(b"HTTP/1.1 200 OK\r\nX: ".iter().chain(iter::repeat(&b'a')));
        let answer = exchange("Request", &mut stream, b"GET", "h", Duration::ZERO);
        assert_eq!(answer.unwrap_err(), "no whole answer came in time");
    }

    /// A byte for each call.
    struct Dripping<I>(I);

    impl<'a, I: Iterator<Item = &'a u8>> Read for Dripping<I> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            buffer[0] = *self.0.next().unwrap();
            Ok(1)
        }
    }

    impl<I> Write for Dripping<I> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn each_status_that_a_node_or_its_neighbours_send_has_words() {
        for (status, words) in [
            (200, "taken"),
            (308, "elsewhere"),
            (400, "understand"),
            (401, "X_NODE_HEADERS"),
            (403, "allowed_networks"),
            (404, "no Node"),
            (405, "method"),
            (413, "limit"),
            (415, "allow h there"),
            (421, "--host"),
            (429, "again"),
            (500, "log"),
            (501, "method"),
            (502, "behind"),
            (503, "again"),
            (999, "nothing"),
        ] {
            assert!(meaning(status, "", "h").contains(words), "{status}");
        }
        let nginx = "the plain http request was sent to https port";
        assert!(meaning(400, nginx, "h").contains("https://"));
    }
}
