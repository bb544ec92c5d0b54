//! The client of the Lambda Runtime API (DESIGN.md, "Runtime API"): plain HTTP/1.1 on one connection that
//! is kept alive.
//!
//! There is no read timeout, since `/next` responds when an event comes, and no proxy: the API is on
//! this machine.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::error::{Category, Error};
use crate::http1::{HttpError, Response, ResponseReader, Step};

/// The version of the API, at the front of each path.
const VERSION: &str = "2018-06-01";

/// What the platform logs as the runtime's release.
const USER_AGENT: &str = concat!("cw-resend-lambda/", env!("CARGO_PKG_VERSION"));

/// How often `/next` is asked for again after a connection failed. Asking again is safe: the same
/// event comes again as long as it has no result (DESIGN.md, "Polling again").
const NEXT_ATTEMPTS: u32 = 3;

/// How long an event may take whose deadline is not said, or says nothing; Lambda always says it.
const DEFAULT_TIME: Duration = Duration::from_secs(30);

/// A body that was larger than this is not kept in memory for the next event.
const MAX_KEPT_BODY: usize = 1024 * 1024;

/// The connection to the Runtime API.
#[derive(Debug)]
pub(crate) struct RuntimeApi {
    /// Host and port.
    address: String,
    connection: Option<TcpStream>,
    request: Vec<u8>,
    input: Box<[u8]>,
}

/// One event, and what the Runtime API says of it.
#[derive(Debug, Default)]
pub(crate) struct Invocation {
    /// The same in each of Lambda's attempts with an asynchronous event.
    pub(crate) request_id: String,
    /// To be echoed where it came (DESIGN.md, "Invocation id").
    invocation_id: Option<String>,
    /// When the function times out.
    deadline: Option<Instant>,
    /// The event.
    pub(crate) body: Vec<u8>,
}

/// What became of a result that was posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Post {
    /// The platform has it.
    Accepted,
    /// The platform refused it, with this status, and goes on.
    Rejected(u16),
    /// The connection failed: nobody knows.
    Unknown,
}

/// Why the Runtime API can't be used.
#[derive(Debug)]
enum RuntimeApiError {
    Io(io::Error),
    Http(HttpError),
    Status(u16),
    MissingHeader(&'static str),
}

impl fmt::Display for RuntimeApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Http(fault) => fault.fmt(f),
            Self::Status(status) => write!(f, "it responded with status {status}"),
            Self::MissingHeader(name) => write!(f, "the header {name} is missing"),
        }
    }
}

impl std::error::Error for RuntimeApiError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Http(fault) => Some(fault),
            _ => None,
        }
    }
}

impl RuntimeApi {
    /// A client that is not connected yet. `address` is host and port.
    pub(crate) fn new(address: &str) -> Self {
        Self {
            address: address.to_string(),
            connection: None,
            request: Vec::new(),
            input: vec![0; 16 * 1024].into_boxed_slice(),
        }
    }

    /// Waits for the next event, however long that takes.
    ///
    /// # Errors
    ///
    /// Where the API can't be reached or does not respond as documented: the process has to end.
    pub(crate) fn next(&mut self, invocation: &mut Invocation) -> Result<(), Error> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            match self.try_next(invocation) {
                Ok(()) => return Ok(()),
                Err(RuntimeApiError::Io(_) | RuntimeApiError::Http(_))
                    if attempt < NEXT_ATTEMPTS =>
                {
                    std::thread::sleep(Duration::from_millis(50) * attempt);
                }
                Err(fault) => {
                    return Err(Error::new(
                        Category::RuntimeApi,
                        "get the next event from the Runtime API",
                        fault,
                    ));
                }
            }
        }
    }

    fn try_next(&mut self, invocation: &mut Invocation) -> Result<(), RuntimeApiError> {
        invocation.body.clear();
        invocation.body.shrink_to(MAX_KEPT_BODY);
        self.begin("GET", "invocation/next");
        self.request.extend_from_slice(b"\r\n");
        let mut request_id = None;
        let mut invocation_id = None;
        let mut deadline_ms = None;
        let response = self.exchange(
            |name, value| {
                let text = || str::from_utf8(value).ok().map(str::to_string);
                if name.eq_ignore_ascii_case("lambda-runtime-aws-request-id") {
                    request_id = text();
                } else if name.eq_ignore_ascii_case("lambda-runtime-invocation-id") {
                    invocation_id = text();
                } else if name.eq_ignore_ascii_case("lambda-runtime-deadline-ms") {
                    deadline_ms = text().and_then(|text| text.parse().ok());
                }
            },
            &mut invocation.body,
        )?;
        if response.status != 200 {
            return Err(RuntimeApiError::Status(response.status));
        }
        invocation.request_id =
            request_id
                .filter(|id| !id.is_empty())
                .ok_or(RuntimeApiError::MissingHeader(
                    "Lambda-Runtime-Aws-Request-Id",
                ))?;
        invocation.invocation_id = invocation_id.filter(|id| !id.is_empty());
        invocation.deadline = Some(deadline(deadline_ms));
        Ok(())
    }

    /// Posts the result of an event.
    ///
    /// # Errors
    ///
    /// Where the API says that its state can't be recovered: the process has to end.
    pub(crate) fn respond(&mut self, invocation: &Invocation, body: &[u8]) -> Result<Post, Error> {
        self.post_result(invocation, "response", "", body)
    }

    /// Posts that an event failed.
    ///
    /// # Errors
    ///
    /// As [`Self::respond`].
    pub(crate) fn fail(&mut self, invocation: &Invocation, error: &Error) -> Result<Post, Error> {
        self.post_result(invocation, "error", error.error_type(), &error_body(error))
    }

    /// Posts that the function can't start. The process has to end after it.
    pub(crate) fn fail_init(&mut self, error: &Error) {
        self.begin_post("init/error", None, error.error_type(), &error_body(error));
        // Nobody is left to tell where this fails too.
        let _ = self.exchange(|_, _| (), &mut Vec::new());
    }

    fn post_result(
        &mut self,
        invocation: &Invocation,
        what: &str,
        error_type: &str,
        body: &[u8],
    ) -> Result<Post, Error> {
        let path = format!("invocation/{}/{what}", invocation.request_id);
        let mut is_repeated = false;
        loop {
            self.begin_post(&path, invocation.invocation_id.as_deref(), error_type, body);
            match self.exchange(|_, _| (), &mut Vec::new()) {
                Ok(response) => {
                    return match response.status {
                        200..300 => Ok(Post::Accepted),
                        // The first attempt has arrived after all: its event is not the current one
                        // any more.
                        400 | 403 if is_repeated => Ok(Post::Accepted),
                        500..600 => Err(Error::new(
                            Category::RuntimeApi,
                            "post a result to the Runtime API",
                            RuntimeApiError::Status(response.status),
                        )),
                        status => Ok(Post::Rejected(status)),
                    };
                }
                Err(_) if !is_repeated => is_repeated = true,
                Err(_) => return Ok(Post::Unknown),
            }
        }
    }

    fn begin(&mut self, method: &str, path: &str) {
        self.request.clear();
        // The API responds to a missing Host with 400.
        let head = format!(
            "{method} /{VERSION}/runtime/{path} HTTP/1.1\r\nHost: {}\r\nUser-Agent: {USER_AGENT}\r\n",
            self.address
        );
        self.request.extend_from_slice(head.as_bytes());
    }

    fn begin_post(
        &mut self,
        path: &str,
        invocation_id: Option<&str>,
        error_type: &str,
        body: &[u8],
    ) {
        self.begin("POST", path);
        let mut header = |name: &str, value: &str| {
            let line = format!("{name}: {value}\r\n");
            self.request.extend_from_slice(line.as_bytes());
        };
        if let Some(id) = invocation_id {
            header("Lambda-Runtime-Invocation-Id", id);
        }
        if !error_type.is_empty() {
            header("Lambda-Runtime-Function-Error-Type", error_type);
        }
        header("Content-Type", "application/json");
        header("Content-Length", &body.len().to_string());
        self.request.extend_from_slice(b"\r\n");
        self.request.extend_from_slice(body);
    }

    /// Sends the request, and reads the response. The connection is dropped where either fails.
    fn exchange(
        &mut self,
        mut header: impl FnMut(&str, &[u8]),
        body: &mut Vec<u8>,
    ) -> Result<Response, RuntimeApiError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect().map_err(RuntimeApiError::Io)?,
        };
        connection
            .write_all(&self.request)
            .map_err(RuntimeApiError::Io)?;
        let mut reader = ResponseReader::new(false);
        loop {
            let length = match connection.read(&mut self.input) {
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(RuntimeApiError::Io(error)),
            };
            if length == 0 {
                return reader.finish().map_err(RuntimeApiError::Http);
            }
            let mut input = &self.input[..length];
            loop {
                match reader
                    .step(&mut input, &mut header)
                    .map_err(RuntimeApiError::Http)?
                {
                    Step::NeedInput => break,
                    Step::Body(piece) => body.extend_from_slice(piece),
                    Step::Done(response) => {
                        // Bytes that nobody asked for: the next response would not be ours.
                        if response.keep_alive && input.is_empty() {
                            self.connection = Some(connection);
                        }
                        return Ok(response);
                    }
                }
            }
        }
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let connection = TcpStream::connect(&self.address)?;
        connection.set_nodelay(true)?;
        Ok(connection)
    }
}

impl Invocation {
    /// When the function times out.
    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
            .unwrap_or_else(|| Instant::now() + DEFAULT_TIME)
    }
}

/// Turns the wall clock's deadline into one that a jump of the clock does not move.
fn deadline(unix_ms: Option<u64>) -> Instant {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let left = unix_ms.map(|unix_ms| Duration::from_millis(unix_ms).saturating_sub(now));
    // An event that comes when its time is over comes from a clock that is not this one's: nothing would
    // ever be tried.
    let left = left.filter(|left| !left.is_zero()).unwrap_or(DEFAULT_TIME);
    // Lambda's own limit is 15 minutes; more would only be a broken clock.
    Instant::now() + left.min(Duration::from_secs(900))
}

fn error_body(error: &Error) -> Vec<u8> {
    #[derive(serde::Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        error_message: &'a str,
        error_type: &'a str,
        stack_trace: [&'a str; 0],
    }
    serde_json::to_vec(&Body {
        error_message: &error.to_string(),
        error_type: error.error_type(),
        stack_trace: [],
    })
    .expect("text into memory always goes")
}
