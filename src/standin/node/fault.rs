//! Fault injection: how a stand-in Node can be told to fail.

use std::{sync::Arc, time::Duration};

use crate::standin::http;

/// Which of the three messages of the wire a request is, by its `X-Wallarm-Message`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The request of a call, as the Node is to see it.
    Request,
    /// What is known of the response of a call.
    Response,
    /// Many calls in one document.
    Batch,
}

/// A well-formed message, before it is accepted into the Node's state.
#[derive(Debug, Clone)]
pub struct Message {
    /// Which message it is.
    pub kind: Kind,
    /// Which connection it came on, by the order in which they were opened; the first is 1.
    pub connection: u64,
    /// The message itself.
    pub http: http::Message,
}

impl Message {
    /// The value of `X-Request-Id`, which a batch does not have.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.http.text_header("X-Request-Id")
    }
}

/// How the bytes of a response are sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Shape {
    /// As a well-behaved Node sends them.
    #[default]
    Plain,
    /// With `Connection: close`; the connection is closed after it.
    Close,
    /// As [`Shape::Plain`], but the connection is closed after it.
    CloseSilently,
    /// As [`Shape::Plain`], like the other responses to messages that arrived together with this one. What
    /// arrives after these stays unread, and the connection is reset.
    Reset,
    /// Not at all: the connection is dropped, and the message is not accepted.
    Drop,
    /// Half of them, then the connection is dropped. The message is accepted.
    Half,
    /// With chunked framing.
    Chunked,
    /// Bytes which are not HTTP, then the connection is dropped. The message is accepted.
    Garbage,
    /// After a `103 Early Hints`.
    Interim,
    /// As [`Shape::Plain`], with a response behind it that no message has asked for.
    Surplus,
    /// Without a length; the connection is closed after it.
    Endless,
}

/// How the Node responds to one message; [`Fault::default`] is the normal response.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fault {
    /// The status instead of 200. A message is accepted only with a status of 2xx.
    pub status: Option<u16>,
    /// More headers, such as `Retry-After`.
    pub headers: Vec<(String, String)>,
    /// The body of the response.
    pub body: Vec<u8>,
    /// How long to wait before the response.
    pub delay: Duration,
    /// How the bytes are sent.
    pub shape: Shape,
}

impl Fault {
    /// The normal response.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// A response with another status.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self {
            status: Some(status),
            ..Self::default()
        }
    }

    /// A response that is sent in another way.
    #[must_use]
    pub fn shape(shape: Shape) -> Self {
        Self {
            shape,
            ..Self::default()
        }
    }

    /// A delayed response.
    #[must_use]
    pub fn delay(delay: Duration) -> Self {
        Self {
            delay,
            ..Self::default()
        }
    }

    /// The same with one more header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The same with a body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The same, sent in another way.
    #[must_use]
    pub fn with_shape(mut self, shape: Shape) -> Self {
        self.shape = shape;
        self
    }

    /// The same after a delay.
    #[must_use]
    pub fn with_delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

/// Decides the response to the n-th message at this Node (the first is 1). Malformed messages are
/// counted, and get a 400 without a call of the hook.
pub type FaultHook = Arc<dyn Fn(&Message, u64) -> Fault + Send + Sync>;

/// Appends a response to `out`, and returns what happens to the connection.
pub(super) fn write_response(
    out: &mut Vec<u8>,
    fault: &Fault,
    status: u16,
    is_head: bool,
) -> After {
    let start = out.len();
    match fault.shape {
        Shape::Drop => return After::Drop,
        Shape::Garbage => {
            out.extend_from_slice(b"\x16\x03\x01 this is not HTTP\r\n\r\n");
            return After::Drop;
        }
        Shape::Interim => {
            out.extend_from_slice(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n");
        }
        Shape::Plain
        | Shape::Close
        | Shape::CloseSilently
        | Shape::Reset
        | Shape::Half
        | Shape::Surplus
        | Shape::Endless
        | Shape::Chunked => {}
    }
    push(
        out,
        &["HTTP/1.1 ", &status.to_string(), " ", reason(status)],
    );
    for (name, value) in &fault.headers {
        push(out, &["\r\n", name, ": ", value]);
    }
    if fault.shape == Shape::Close {
        push(out, &["\r\nConnection: close"]);
    }
    if fault.shape == Shape::Chunked {
        push(out, &["\r\nTransfer-Encoding: chunked\r\n\r\n"]);
        if !is_head {
            http::write_chunks(out, &fault.body, 16);
        }
    } else if status == 204 {
        // RFC 9110 section 8.6 forbids the length here.
        push(out, &["\r\n\r\n"]);
    } else if fault.shape == Shape::Endless {
        push(out, &["\r\n\r\n"]);
        out.extend_from_slice(&fault.body);
    } else {
        let length = fault.body.len().to_string();
        push(out, &["\r\nContent-Length: ", &length, "\r\n\r\n"]);
        if !is_head {
            out.extend_from_slice(&fault.body);
        }
    }
    match fault.shape {
        Shape::Half => {
            out.truncate(start + (out.len() - start) / 2);
            After::Drop
        }
        Shape::Surplus => {
            push(out, &["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]);
            After::KeepAlive
        }
        Shape::Close | Shape::CloseSilently | Shape::Endless => After::Close,
        _ => After::KeepAlive,
    }
}

/// What happens to a connection after a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    KeepAlive,
    Close,
    Reset,
    Drop,
}

fn push(out: &mut Vec<u8>, texts: &[&str]) {
    for text in texts {
        out.extend_from_slice(text.as_bytes());
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        202 => "Accepted",
        204 => "No Content",
        400 => "Bad Request",
        403 => "Forbidden",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Whatever",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(fault: &Fault, status: u16, is_head: bool, expected: &str, expected_after: After) {
        let mut out = b"before ".to_vec();
        let after = write_response(&mut out, fault, status, is_head);
        let out = String::from_utf8_lossy(&out).into_owned();
        assert_eq!(
            (out.strip_prefix("before "), after),
            (Some(expected), expected_after)
        );
    }

    #[test]
    fn responses() {
        let plain = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        check(&Fault::none(), 200, false, plain, After::KeepAlive);
        check(
            &Fault::shape(Shape::CloseSilently),
            200,
            false,
            plain,
            After::Close,
        );
        check(
            &Fault::shape(Shape::Reset),
            200,
            false,
            plain,
            After::KeepAlive,
        );
        check(&Fault::shape(Shape::Drop), 200, false, "", After::Drop);
        check(
            &Fault::shape(Shape::Close),
            200,
            false,
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
            After::Close,
        );
        check(
            &Fault::shape(Shape::Half),
            200,
            false,
            &plain[..plain.len() / 2],
            After::Drop,
        );
        check(
            &Fault::none()
                .with_header("Retry-After", "2")
                .with_body("no"),
            503,
            false,
            "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nContent-Length: 2\r\n\r\nno",
            After::KeepAlive,
        );
        check(
            &Fault::none().with_body("no"),
            403,
            true,
            "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\n",
            After::KeepAlive,
        );
        check(
            &Fault::shape(Shape::Chunked).with_body("0123456789abcdefg"),
            200,
            false,
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
             10\r\n0123456789abcdef\r\n1\r\ng\r\n0\r\n\r\n",
            After::KeepAlive,
        );
        check(
            &Fault::shape(Shape::Interim),
            200,
            false,
            &format!("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n{plain}"),
            After::KeepAlive,
        );
        check(
            &Fault::shape(Shape::Surplus),
            503,
            false,
            &format!("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n{plain}"),
            After::KeepAlive,
        );
        check(
            &Fault::shape(Shape::Endless).with_body("no"),
            200,
            false,
            "HTTP/1.1 200 OK\r\n\r\nno",
            After::Close,
        );
    }
}
