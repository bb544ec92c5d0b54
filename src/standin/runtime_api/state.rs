//! The states of an invocation, without IO.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use serde_json::json;

use crate::standin::http::Message;

/// The largest response which Lambda accepts, in bytes: 6 MiB and 100.
const MAX_RESPONSE_BYTES: usize = 6_291_556;

/// The outcome of an invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The runtime posted a response.
    Response(Vec<u8>),
    /// The runtime posted an error.
    Error {
        /// `Lambda-Runtime-Function-Error-Type`.
        error_type: Option<String>,
        /// The error's document.
        body: Vec<u8>,
    },
    /// The post got a 410, as when the function has timed out meanwhile.
    Gone,
}

/// A post of the runtime: a response, an error or an init error.
#[derive(Debug, Clone)]
pub struct Post {
    /// The path below the API's version, such as `runtime/init/error`.
    pub path: String,
    /// The headers in their order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Vec<u8>,
    /// The status of the response to it.
    pub status: u16,
}

impl Post {
    /// The value of a header, if it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let named = |(other, _): &&(String, Vec<u8>)| other.eq_ignore_ascii_case(name);
        str::from_utf8(&self.headers.iter().find(named)?.1).ok()
    }
}

/// How an event's body is framed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Framing {
    /// With a length up to 2048 bytes and chunked above.
    #[default]
    AsLambda,
    /// Always with a length.
    Sized,
    /// Always chunked.
    Chunked,
}

/// What can be chosen for an event.
#[derive(Debug, Clone, Default)]
pub struct InvokeOptions {
    /// The request id; a fresh one by default. Lambda's retry has that of the first attempt.
    pub request_id: Option<String>,
    /// The value of `Lambda-Runtime-Invocation-Id`, which is left out by default.
    pub invocation_id: Option<String>,
    /// How the body is framed.
    pub framing: Framing,
    /// By how many milliseconds the deadline is wrong: the clock here has jumped by so much, forwards or
    /// backwards, since Lambda's was read.
    pub clock_skew_ms: i64,
}

/// How the response to a `/next` fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextFault {
    /// The connection is dropped at once.
    DropAtOnce,
    /// The connection is dropped when there is an event.
    DropWithEvent,
    /// Half of the response is sent, then the connection is dropped.
    Half,
}

/// How the response to a post fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PostFault {
    /// 500: the documentation tells the runtime to exit. The event stays without a result.
    InternalError,
    /// 410: the invocation is over, whatever the runtime has done.
    Gone,
    /// The connection is dropped, and the result is not taken.
    DropUntaken,
    /// The result is taken, and the connection is dropped instead of a response.
    DropTaken,
}

#[derive(Debug)]
struct Event {
    sequence: u64,
    request_id: String,
    options: InvokeOptions,
    timeout: Duration,
    /// Unix milliseconds; set by the first delivery.
    deadline_ms: Option<u128>,
    body: Arc<[u8]>,
}

/// An event on its way to the runtime.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Arc<[u8]>,
    pub(super) framing: Framing,
}

/// A response to anything but `/next`.
#[derive(Debug)]
pub(super) struct Response {
    status: u16,
    content_type: &'static str,
    body: String,
}

impl Response {
    pub(super) fn text(status: u16, body: impl Into<String>) -> Self {
        Self {
            status,
            content_type: "text/plain; charset=utf-8",
            body: body.into(),
        }
    }

    fn accepted() -> Self {
        Self {
            status: 202,
            content_type: "application/json",
            body: "{\"status\":\"OK\"}\n".into(),
        }
    }

    fn error(status: u16, error_type: &str, message: &str) -> Self {
        let body = json!({"errorMessage": message, "errorType": error_type});
        Self {
            status,
            content_type: "application/json",
            body: format!("{body}\n"),
        }
    }

    fn forbidden(from: &str, to: &str) -> Self {
        let message = format!(
            "State transition from {from} to {to} failed for runtime. Error: State transition is not allowed"
        );
        Self::error(403, "InvalidStateTransition", &message)
    }

    /// Appends the response with `headers`, each of which ends with CR LF.
    pub(super) fn write(&self, out: &mut Vec<u8>, headers: &str) {
        let reason = match self.status {
            200 => "OK",
            202 => "Accepted",
            400 => "Bad Request",
            403 => "Forbidden",
            404 => "Not Found",
            405 => "Method Not Allowed",
            410 => "Gone",
            413 => "Request Entity Too Large",
            _ => "Internal Server Error",
        };
        let text = format!(
            "HTTP/1.1 {} {reason}\r\nContent-Type: {}\r\n{headers}Content-Length: {}\r\n\r\n{}",
            self.status,
            self.content_type,
            self.body.len(),
            self.body
        );
        out.extend_from_slice(text.as_bytes());
    }
}

#[derive(Debug, Default)]
pub(super) struct State {
    queue: VecDeque<Event>,
    /// Delivered, and still without a result.
    current: Option<Event>,
    /// The request id which got its result last, until the next delivery.
    completed: Option<String>,
    sequence: u64,
    waiting: usize,
    pub(super) polls: u64,
    pub(super) first_next: Option<Instant>,
    pub(super) init_error: Option<Post>,
    pub(super) outcomes: HashMap<u64, Outcome>,
    pub(super) posts: Vec<Post>,
    pub(super) next_faults: VecDeque<NextFault>,
    pub(super) post_faults: VecDeque<PostFault>,
}

impl State {
    pub(super) fn enqueue(
        &mut self,
        body: &[u8],
        timeout: Duration,
        options: InvokeOptions,
    ) -> (u64, String) {
        self.sequence += 1;
        let sequence = self.sequence;
        let fresh = || format!("00000000-0000-4000-8000-{sequence:012}");
        let request_id = options.request_id.clone().unwrap_or_else(fresh);
        self.queue.push_back(Event {
            sequence,
            request_id: request_id.clone(),
            options,
            timeout,
            deadline_ms: None,
            body: body.into(),
        });
        (sequence, request_id)
    }

    pub(super) fn begin_poll(&mut self) -> Option<NextFault> {
        self.first_next.get_or_insert_with(Instant::now);
        self.polls += 1;
        self.waiting += 1;
        self.next_faults.pop_front()
    }

    pub(super) fn end_poll(&mut self) {
        self.waiting -= 1;
    }

    pub(super) fn is_idle(&self) -> bool {
        self.waiting > 0 && self.current.is_none() && self.queue.is_empty()
    }

    /// The event which is delivered and has no result yet, or else the next one in the queue.
    pub(super) fn deliver(&mut self) -> Option<Delivery> {
        if self.current.is_none() {
            self.current = Some(self.queue.pop_front()?);
            self.completed = None;
        }
        let event = self.current.as_mut()?;
        let timeout = event.timeout;
        let skew = i128::from(event.options.clock_skew_ms);
        let deadline_ms = event.deadline_ms.get_or_insert_with(|| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            let deadline = (now.unwrap_or_default() + timeout).as_millis();
            deadline.saturating_add_signed(skew)
        });
        let arn = "arn:aws:lambda:us-east-1:123456789012:function:cw-resend:$LATEST";
        let trace = format!("Root=1-5bef4de7-{:024x};Parent=0;Sampled=0", event.sequence);
        let mut headers = vec![
            ("Lambda-Runtime-Aws-Request-Id", event.request_id.clone()),
            ("Lambda-Runtime-Deadline-Ms", deadline_ms.to_string()),
            ("Lambda-Runtime-Invoked-Function-Arn", arn.into()),
            ("Lambda-Runtime-Trace-Id", trace),
            // Empty on managed instances rather than absent: to a runtime both mean absent.
            ("Lambda-Runtime-Client-Context", String::new()),
            ("Lambda-Runtime-Cognito-Identity", String::new()),
        ];
        if let Some(id) = &event.options.invocation_id {
            headers.push(("Lambda-Runtime-Invocation-Id", id.clone()));
        }
        Some(Delivery {
            headers,
            body: Arc::clone(&event.body),
            framing: event.options.framing,
        })
    }

    /// The fault by which the connection of a post is dropped, if that is its next one.
    pub(super) fn begin_post(&mut self) -> Option<PostFault> {
        match self.post_faults.front()? {
            PostFault::DropUntaken | PostFault::DropTaken => self.post_faults.pop_front(),
            PostFault::InternalError | PostFault::Gone => None,
        }
    }

    /// Accepts or refuses a response or an error.
    pub(super) fn post_result(&mut self, id: &str, message: &Message) -> Response {
        let is_response = message.target.ends_with("/response");
        let (response, outcome) = self.decide(id, message, is_response);
        if let (Some(outcome), Some(event)) = (outcome, &self.current) {
            self.outcomes.insert(event.sequence, outcome);
            self.completed = self.current.take().map(|event| event.request_id);
        }
        self.record(message, response.status);
        response
    }

    pub(super) fn post_init_error(&mut self, message: &Message) -> Response {
        let response = if self.first_next.is_some() {
            Response::forbidden("RuntimeRunningState", "InitError")
        } else if self.init_error.is_some() {
            Response::forbidden("RuntimeInitErrorState", "InitError")
        } else {
            Response::accepted()
        };
        let post = self.record(message, response.status);
        if response.status == 202 {
            self.init_error = Some(post);
        }
        response
    }

    /// Decides on a result; an outcome ends the current invocation.
    fn decide(
        &mut self,
        id: &str,
        message: &Message,
        is_response: bool,
    ) -> (Response, Option<Outcome>) {
        let Some(event) = self.current.as_ref().filter(|event| event.request_id == id) else {
            let response = if self.completed.as_deref() == Some(id) {
                let to = if is_response {
                    "InvocationResponse"
                } else {
                    "InvocationErrorResponse"
                };
                Response::forbidden("RuntimeResponseSentState", to)
            } else {
                Response::error(400, "InvalidRequestID", "Invalid request ID")
            };
            return (response, None);
        };
        let gone = || {
            let response = Response::error(410, "InvokeTimeout", "The invocation has timed out");
            (response, Some(Outcome::Gone))
        };
        match self.post_faults.pop_front() {
            // The connection is the caller's.
            None | Some(PostFault::DropUntaken | PostFault::DropTaken) => {}
            Some(PostFault::Gone) => return gone(),
            Some(PostFault::InternalError) => {
                let text = "Internal Server Error";
                return (Response::error(500, "InternalServerError", text), None);
            }
        }
        let echoed = message.text_header("Lambda-Runtime-Invocation-Id");
        if echoed.is_some() && echoed != event.options.invocation_id.as_deref() {
            return gone();
        }
        let mode = message.text_header("Lambda-Runtime-Function-Response-Mode");
        if mode.is_some_and(|mode| mode != "streaming") {
            let text = "Invalid function response mode";
            return (
                Response::error(400, "InvalidFunctionResponseMode", text),
                None,
            );
        }
        if is_response && message.body.len() > MAX_RESPONSE_BYTES {
            let text =
                format!("Exceeded maximum allowed payload size ({MAX_RESPONSE_BYTES} bytes).");
            let outcome = Outcome::Error {
                error_type: Some("Function.ResponseSizeTooLarge".into()),
                body: Vec::new(),
            };
            return (
                Response::error(413, "RequestEntityTooLarge", &text),
                Some(outcome),
            );
        }
        let outcome = if is_response {
            Outcome::Response(message.body.clone())
        } else {
            let error_type = message.text_header("Lambda-Runtime-Function-Error-Type");
            Outcome::Error {
                error_type: error_type.map(Into::into),
                body: message.body.clone(),
            }
        };
        (Response::accepted(), Some(outcome))
    }

    fn record(&mut self, message: &Message, status: u16) -> Post {
        let path = message.target.trim_start_matches("/2018-06-01/");
        let post = Post {
            path: path.into(),
            headers: message.headers.clone(),
            body: message.body.clone(),
            status,
        };
        self.posts.push(post.clone());
        post
    }
}
