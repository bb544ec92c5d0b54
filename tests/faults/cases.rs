//! The cases, and what Lambda does with each.

use std::collections::BTreeSet;
use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cw_resend_lambda::standin::cloudwatch::{Line, document, event_id};
use cw_resend_lambda::standin::node::{Fault, Kind, Message, Shape, StandInNode};
use cw_resend_lambda::standin::runtime_api::{InvokeOptions, Outcome};
use flate2::read::GzDecoder;
use serde_json::{Value, json};

use crate::harness::{Function, PATIENCE, assert_adds_up, count_in, event_of, line, sampled};
use crate::peer::{self, RawPeer, switched_node};
use crate::port::Port;

/// The form of the report line that is tested with this wire format: each with one of them.
fn report_line(format: &str) -> &'static str {
    if format == "batch" {
        "compact"
    } else {
        "metrics"
    }
}

/// How many lines of an event can't be forwarded.
const OTHERS: u64 = 20;

/// With sampling, two of each four calls are errors, which are kept in full. The others are of so many endpoints at most, in
/// turns of two calls each, of which the first is forwarded.
const SAMPLE: &str = r#"{"calls":2,"seconds":3600,"keep":"errors"}"#;
const ENDPOINTS: u64 = 400;

/// How long an invocation has, unless the case is about that.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The settings of every case: short waits, so that the matrix ends within a few minutes.
const SETTINGS: [(&str, &str); 4] = [
    ("X_NODE_CONNECTIONS", "4"),
    ("X_NODE_CONNECT_TIMEOUT_MS", "300"),
    ("X_NODE_TIMEOUT_MS", "400"),
    ("X_NODE_DOWN_AFTER_MS", "600"),
];

pub(crate) struct Case {
    pub(crate) name: &'static str,
    form: Form,
    cause: Cause,
    /// The expected end, in `resend` and in `batch`.
    expected: [End; 2],
}

/// How the lines come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// As an event of a subscription.
    Subscription,
    /// As several documents in one record of Kinesis.
    KinesisDocuments,
    /// As lines in one record, without a document.
    KinesisLines,
    FirehoseLines,
}

#[derive(Clone, Copy)]
enum Cause {
    Nothing,
    /// The Node responds like this.
    Responds(fn(&Message, u64) -> Fault),
    /// Something else listens there.
    Peer(fn(&mut TcpStream)),
    /// Nothing listens there.
    Refused,
    Unresolved,
    Tls(Tls),
    /// The connections of an earlier event are closed as the next one's first messages arrive.
    ClosedAtReuse,
    /// The execution environment is frozen in the middle of an event, for longer than every timeout.
    Frozen,
    /// The time of each attempt ends before the Node can accept everything.
    Deadline,
    /// The process is killed in the middle of an event, and the next attempt runs in a new one.
    Killed,
    /// Some records are delivered in each attempt.
    PartOfEachAttempt,
    /// Lambda's clock and the execution environment's differ by so many milliseconds.
    ClockJump(i64),
}

#[derive(Clone, Copy)]
enum Tls {
    Expired,
    WrongName,
    UnknownAuthority,
}

/// How a case is run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mode {
    pub(crate) format: &'static str,
    /// With `X_SAMPLE`.
    pub(crate) samples: bool,
}

impl Mode {
    pub(crate) const ALL: [Self; 4] = [
        Self::new("resend", false),
        Self::new("batch", false),
        Self::new("resend", true),
        Self::new("batch", true),
    ];

    const fn new(format: &'static str, samples: bool) -> Self {
        Self { format, samples }
    }

    /// The lines of an event that are calls: enough for several messages on each connection.
    fn calls(self) -> u64 {
        match (self.format, self.samples) {
            // As many as one event has room for.
            ("batch", true) => 3600,
            ("batch", false) => 4000,
            (_, true) => 200,
            _ => 100,
        }
    }
}

/// What happens to the calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// All arrive.
    Delivered,
    /// The event ends in the queue, both with records that arrived and with those that did not.
    Queued,
    /// Some are refused, and the others arrive.
    SomeRefused,
}

/// The counts of a case.
pub(crate) struct Counts {
    lines: u64,
    distinct: u64,
    repeated: u64,
    queued: u64,
    refused: u64,
    skipped: u64,
    sampled: u64,
    redriven: u64,
}

impl Counts {
    pub(crate) fn cells(&self) -> [u64; 8] {
        [
            self.lines,
            self.distinct,
            self.repeated,
            self.queued,
            self.refused,
            self.skipped,
            self.sampled,
            self.redriven,
        ]
    }
}

use Cause::{Peer, Responds};
use End::{Delivered, Queued, SomeRefused};

const fn case(name: &'static str, cause: Cause, end: End) -> Case {
    record(name, Form::Subscription, cause, end)
}

/// A case whose lines come in another form.
const fn record(name: &'static str, form: Form, cause: Cause, end: End) -> Case {
    Case {
        name,
        form,
        cause,
        expected: [end, end],
    }
}

fn now_and_then(nth: u64, fault: Fault) -> Fault {
    if nth.is_multiple_of(7) {
        fault
    } else {
        Fault::none()
    }
}

/// For the marked records, always: in a batch, one of them gets this status for all.
fn for_some(message: &Message, status: u16) -> Fault {
    let text = String::from_utf8_lossy(&message.http.body);
    let is_marked = message.http.target.contains("/marked/") || text.contains("/marked/");
    if is_marked {
        Fault::status(status)
    } else {
        Fault::none()
    }
}

pub(crate) static CASES: &[Case] = &[
    case("none", Cause::Nothing, Delivered),
    case("connection refused", Cause::Refused, Queued),
    case("name not found", Cause::Unresolved, Queued),
    case(
        "reset before the response",
        Peer(peer::resets_before_the_response),
        Queued,
    ),
    case(
        "reset within the response",
        Peer(peer::resets_within_the_response),
        Queued,
    ),
    case("response byte by byte", Peer(peer::drips), Queued),
    case("no response", Peer(peer::is_silent), Queued),
    case("head without end", Peer(peer::floods), Queued),
    case(
        "dropped, now and then",
        Responds(|_, n| now_and_then(n, Fault::shape(Shape::Drop))),
        Delivered,
    ),
    case(
        "half a response, now and then",
        Responds(|_, n| now_and_then(n, Fault::shape(Shape::Half))),
        Delivered,
    ),
    case(
        "half a response, each",
        Responds(|_, _| Fault::shape(Shape::Half)),
        Queued,
    ),
    case(
        "garbage, now and then",
        Responds(|_, n| now_and_then(n, Fault::shape(Shape::Garbage))),
        Delivered,
    ),
    case(
        "garbage, each",
        Responds(|_, _| Fault::shape(Shape::Garbage)),
        Queued,
    ),
    case(
        "closed after the response, each",
        Responds(|_, _| Fault::shape(Shape::CloseSilently)),
        Delivered,
    ),
    case(
        "reset after the response, now and then",
        Responds(|_, n| now_and_then(n, Fault::shape(Shape::Reset))),
        Delivered,
    ),
    case(
        "Connection: close, each",
        Responds(|_, _| Fault::shape(Shape::Close)),
        Delivered,
    ),
    case(
        "late response, now and then",
        // Never two in a row: with so short a wait, the Node counts as down after the second one.
        Responds(|message, n| {
            let every = if message.kind == Kind::Batch { 7 } else { 35 };
            match n % every {
                0 => Fault::delay(Duration::from_millis(450)),
                _ => Fault::none(),
            }
        }),
        Delivered,
    ),
    case(
        "a further response, once",
        Responds(|_, n| match n {
            // In a batch, each attempt has few messages.
            2 => Fault::shape(Shape::Surplus),
            _ => Fault::none(),
        }),
        Delivered,
    ),
    case(
        "a further response, each",
        Responds(|_, _| Fault::shape(Shape::Surplus)),
        Queued,
    ),
    case(
        "a response that only the connection ends, each",
        Responds(|_, _| Fault::shape(Shape::Endless).with_body("ok")),
        Delivered,
    ),
    case(
        "103 before each response",
        Responds(|_, _| Fault::shape(Shape::Interim)),
        Delivered,
    ),
    case(
        "chunked responses",
        Responds(|_, _| Fault::shape(Shape::Chunked).with_body("x".repeat(300))),
        Delivered,
    ),
    case(
        "301, each",
        Responds(|_, _| Fault::status(301).with_header("Location", "http://127.0.0.1:1/")),
        Queued,
    ),
    case(
        "307, each",
        Responds(|_, _| Fault::status(307).with_header("Location", "http://127.0.0.1:1/")),
        Queued,
    ),
    case(
        "400 for some",
        Responds(|m, _| for_some(m, 400)),
        SomeRefused,
    ),
    case("400, each", Responds(|_, _| Fault::status(400)), Queued),
    case("401, each", Responds(|_, _| Fault::status(401)), Queued),
    case(
        "403 for some",
        Responds(|m, _| for_some(m, 403)),
        SomeRefused,
    ),
    case("403, each", Responds(|_, _| Fault::status(403)), Queued),
    case("404, each", Responds(|_, _| Fault::status(404)), Queued),
    case(
        "408, now and then",
        Responds(|_, n| now_and_then(n, Fault::status(408))),
        Delivered,
    ),
    Case {
        name: "413 for what is large",
        form: Form::Subscription,
        cause: Responds(|message, _| match message.kind {
            Kind::Batch if message.http.body.len() > 4000 => Fault::status(413),
            Kind::Batch => Fault::none(),
            _ => for_some(message, 413),
        }),
        expected: [SomeRefused, Delivered],
    },
    case(
        "425, now and then",
        Responds(|_, n| now_and_then(n, Fault::status(425))),
        Delivered,
    ),
    case(
        "429, now and then",
        Responds(|_, n| now_and_then(n, Fault::status(429))),
        Delivered,
    ),
    case(
        "429 with Retry-After in seconds",
        Responds(|_, n| now_and_then(n / 3, Fault::status(429).with_header("Retry-After", "1"))),
        Delivered,
    ),
    case(
        "503 with Retry-After as a date",
        Responds(|_, n| {
            now_and_then(
                n / 3,
                Fault::status(503).with_header("Retry-After", &in_a_second()),
            )
        }),
        Delivered,
    ),
    case(
        "503 with Retry-After of an hour",
        Responds(|_, _| Fault::status(503).with_header("Retry-After", "3600")),
        Queued,
    ),
    case(
        "500, now and then",
        Responds(|_, n| now_and_then(n, Fault::status(500))),
        Delivered,
    ),
    case("500, each", Responds(|_, _| Fault::status(500)), Queued),
    case("500 for some", Responds(|m, _| for_some(m, 500)), Queued),
    case(
        "502, now and then",
        Responds(|_, n| now_and_then(n, Fault::status(502))),
        Delivered,
    ),
    case("503, each", Responds(|_, _| Fault::status(503)), Queued),
    case(
        "503, each, on every other connection",
        Responds(|m, _| Fault::status(if m.connection % 2 == 0 { 200 } else { 503 })),
        Delivered,
    ),
    case(
        "504, now and then",
        Responds(|_, n| now_and_then(n, Fault::status(504))),
        Delivered,
    ),
    case("certificate expired", Cause::Tls(Tls::Expired), Queued),
    case(
        "certificate of another name",
        Cause::Tls(Tls::WrongName),
        Queued,
    ),
    case(
        "certificate of an unknown authority",
        Cause::Tls(Tls::UnknownAuthority),
        Queued,
    ),
    case("closed exactly at reuse", Cause::ClosedAtReuse, Delivered),
    case(
        "execution environment frozen within an event",
        Cause::Frozen,
        Delivered,
    ),
    case("deadline within an event", Cause::Deadline, Queued),
    case("killed within an event", Cause::Killed, Delivered),
    case("part of each attempt", Cause::PartOfEachAttempt, Delivered),
    case(
        "clock an hour ahead of Lambda's",
        Cause::ClockJump(-3_600_000),
        Delivered,
    ),
    case(
        "clock an hour behind Lambda's",
        Cause::ClockJump(3_600_000),
        Delivered,
    ),
    record(
        "documents in a record",
        Form::KinesisDocuments,
        Cause::Nothing,
        Delivered,
    ),
    record(
        "documents in a record, part of each attempt",
        Form::KinesisDocuments,
        Cause::PartOfEachAttempt,
        Delivered,
    ),
    record(
        "documents in a record, killed within an event",
        Form::KinesisDocuments,
        Cause::Killed,
        Delivered,
    ),
    record(
        "documents in a record, 503, each",
        Form::KinesisDocuments,
        Responds(|_, _| Fault::status(503)),
        Queued,
    ),
    record(
        "lines in Kinesis",
        Form::KinesisLines,
        Cause::Nothing,
        Delivered,
    ),
    record(
        "lines in Kinesis, part of each attempt",
        Form::KinesisLines,
        Cause::PartOfEachAttempt,
        Delivered,
    ),
    record(
        "lines in Kinesis, killed within an event",
        Form::KinesisLines,
        Cause::Killed,
        Delivered,
    ),
    record(
        "lines in Kinesis, garbage, each",
        Form::KinesisLines,
        Responds(|_, _| Fault::shape(Shape::Garbage)),
        Queued,
    ),
    record(
        "lines in Firehose",
        Form::FirehoseLines,
        Cause::Nothing,
        Delivered,
    ),
    record(
        "lines in Firehose, dropped, now and then",
        Form::FirehoseLines,
        Responds(|_, n| now_and_then(n, Fault::shape(Shape::Drop))),
        Delivered,
    ),
    record(
        "lines in Firehose, 400 for some",
        Form::FirehoseLines,
        Responds(|m, _| for_some(m, 400)),
        SomeRefused,
    ),
    record(
        "lines in Firehose, 503, each",
        Form::FirehoseLines,
        Responds(|_, _| Fault::status(503)),
        Queued,
    ),
];

/// An HTTP date in a second, rounded up.
fn in_a_second() -> String {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    // The reader ignores the day of the week.
    let at = now + 2;
    let (days, seconds) = (at / 86_400, at % 86_400);
    let (year, month, day) = date(days);
    let name =
        ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][usize::try_from(days % 7).unwrap()];
    let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    format!(
        "{name}, {day:02} {} {year} {:02}:{:02}:{:02} GMT",
        months[month],
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// Year, month from zero and day of the month, of so many days after 1970.
fn date(mut days: u64) -> (u64, usize, u64) {
    let mut year = 1970;
    loop {
        let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let in_year = if is_leap { 366 } else { 365 };
        if days >= in_year {
            days -= in_year;
            year += 1;
            continue;
        }
        let february = if is_leap { 29 } else { 28 };
        for (month, length) in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
            .into_iter()
            .enumerate()
        {
            if days < length {
                return (year, month, days + 1);
            }
            days -= length;
        }
    }
}

/// The event of every case: calls, a few of them marked, and lines that can't be forwarded.
fn event(form: Form, mode: Mode) -> Vec<u8> {
    let calls = (0..mode.calls()).map(|n| {
        let kind = if n % 25 == 3 { "marked" } else { "pets" };
        let path = format!("/prod/{kind}/{n}");
        match (mode.samples, n % 4) {
            (false, _) => line("GET", &path),
            (true, 0 | 1) => {
                // The marked ones are the same in each turn: those of the fourth endpoint of twenty-five.
                let endpoint = n / 4 % ENDPOINTS;
                let kind = if endpoint % 25 == 3 { "marked" } else { "pets" };
                line("GET", &format!("/prod/{kind}/{}/{n}", word(endpoint)))
            }
            (true, _) => line("GET", &path).replacen(r#""status": "200""#, r#""status": "502""#, 1),
        }
    });
    let others = (0..OTHERS).map(|n| {
        format!(
            r#"{{"requestId":"r{n}","eventType":"MESSAGE","connectionId":"c{n}","status":"200"}}"#
        )
    });
    let lines: Vec<String> = calls.chain(others).collect();
    match form {
        Form::Subscription => event_of(lines),
        Form::KinesisDocuments => {
            let lines = (0..)
                .zip(lines)
                .map(|(n, line)| Line::new(n, 1_795_341_600_000, line));
            let lines: Vec<Line> = lines.collect();
            // As many as a subscription sends of a quiet stream, and many more.
            let (few, many) = lines.split_at(lines.len() / 3);
            let documents = few.chunks(7).chain(many.chunks(500));
            let documents =
                documents.map(|lines| document("/aws/apigateway/pets", "s", lines).unwrap());
            stream_event(
                form,
                &STANDARD.encode(documents.collect::<Vec<_>>().concat()),
            )
        }
        Form::KinesisLines | Form::FirehoseLines => {
            stream_event(form, &STANDARD.encode(lines.join("\n")))
        }
    }
}

/// A word without digits, which no other number has.
fn word(number: u64) -> String {
    let digits = format!("{number:04}").into_bytes();
    digits.iter().map(|digit| char::from(digit + 49)).collect()
}

/// By which a stream knows the record.
const RECORD: &str = "49590338271490256608559692538361571095921575989136588";

/// An event with one record that has this data.
fn stream_event(form: Form, data: &str) -> Vec<u8> {
    let event = if form == Form::FirehoseLines {
        json!({"invocationId": "i", "records": [{"recordId": RECORD, "data": data}]})
    } else {
        json!({"Records": [{"eventSource": "aws:kinesis", "kinesis": {"sequenceNumber": RECORD, "data": data}}]})
    };
    event.to_string().into_bytes()
}

/// The id of the nth line.
fn id_of(form: Form, n: u64) -> String {
    match form {
        Form::Subscription | Form::KinesisDocuments => event_id(n),
        Form::KinesisLines | Form::FirehoseLines => format!("{RECORD}-{n}"),
    }
}

/// A Node, faulty or not, and the settings by which the function finds it.
struct Setting {
    /// Where the records are counted, also those of the function with the fixed address.
    node: StandInNode,
    is_faulty: Arc<AtomicBool>,
    /// To how many messages it has responded wrongly, or late.
    faults: Arc<AtomicU64>,
    /// How many messages it still accepts ([`Cause::PartOfEachAttempt`]).
    allowance: Arc<AtomicU64>,
    vars: Vec<(&'static str, String)>,
    _peer: Option<RawPeer>,
    _closed: Port,
}

fn set_up(cause: Cause, mode: Mode) -> Setting {
    let asked = AtomicU64::new(0);
    let allowance = Arc::new(AtomicU64::new(0));
    let faults = Arc::new(AtomicU64::new(0));
    let wrong = {
        let allowance = Arc::clone(&allowance);
        move |message: &Message, nth: u64| match cause {
            Responds(hook) => hook(message, nth),
            // Slow enough that the event can be interrupted half-way.
            Cause::Frozen | Cause::Killed => Fault::delay(Duration::from_millis(3)),
            // Of the second that an attempt has, the last quarter is kept for its end: no connection gets two.
            Cause::Deadline if message.kind == Kind::Batch => {
                Fault::delay(Duration::from_millis(380))
            }
            Cause::Deadline => Fault::delay(Duration::from_millis(120)),
            Cause::ClosedAtReuse if asked.fetch_add(1, Ordering::SeqCst) < 4 => {
                Fault::shape(Shape::Drop)
            }
            Cause::PartOfEachAttempt => {
                let left = |left: u64| left.checked_sub(1);
                match allowance.fetch_update(Ordering::SeqCst, Ordering::SeqCst, left) {
                    Ok(_) => Fault::none(),
                    Err(_) => Fault::status(503),
                }
            }
            _ => Fault::none(),
        }
    };
    let hook = {
        let faults = Arc::clone(&faults);
        move |message: &Message, nth: u64| {
            let fault = wrong(message, nth);
            faults.fetch_add(u64::from(fault != Fault::none()), Ordering::SeqCst);
            fault
        }
    };
    let (wrap, url, ca) = match cause {
        Cause::Tls(fault) => {
            let name = if matches!(fault, Tls::WrongName) {
                "elsewhere.example"
            } else {
                "localhost"
            };
            let (wrap, ca) = peer::tls(name, matches!(fault, Tls::Expired));
            let known = if matches!(fault, Tls::UnknownAuthority) {
                String::new()
            } else {
                ca
            };
            (Some(wrap), Some("https://localhost"), known)
        }
        _ => (None, None, String::new()),
    };
    let (node, is_faulty) = switched_node(hook, wrap);
    let mut peer = None;
    let closed = Port::new();
    let address = match (cause, url) {
        (_, Some(url)) => format!("{url}:{}", node.address().port()),
        (Cause::Refused, _) => closed.url(),
        (Cause::Unresolved, _) => "http://node.invalid".to_string(),
        (Peer(serve), _) => {
            let started = peer.insert(RawPeer::start(serve));
            format!("http://{}", started.address())
        }
        _ => format!("http://{}", node.address()),
    };
    let mut vars: Vec<_> = SETTINGS
        .map(|(name, value)| (name, value.to_string()))
        .to_vec();
    vars.extend([
        ("X_NODE_URL", address),
        ("X_NODE_FORMAT", mode.format.to_string()),
        ("X_REPORT_LINE", report_line(mode.format).to_string()),
    ]);
    if matches!(cause, Cause::Deadline) {
        // Three attempts with more would be enough for the eleven messages of `batch` with sampling.
        vars.push(("X_NODE_CONNECTIONS", "2".to_string()));
    }
    if mode.samples {
        vars.push(("X_SAMPLE", SAMPLE.to_string()));
    }
    if !ca.is_empty() {
        vars.push(("X_NODE_CA_CERT", ca));
    }
    Setting {
        node,
        is_faulty,
        faults,
        allowance,
        vars,
        _peer: peer,
        _closed: closed,
    }
}

fn start(vars: &[(&'static str, String)]) -> Function {
    let vars: Vec<(&str, &str)> = vars
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    Function::start_with(&vars)
}

/// Waits until so many messages have arrived at the Node.
fn wait_for_messages(node: &StandInNode, count: u64) {
    let until = Instant::now() + PATIENCE;
    while node.snapshot().arrived() < count {
        assert!(Instant::now() < until, "the Node gets nothing");
        thread::sleep(Duration::from_millis(1));
    }
}

fn signal(pid: u32, name: &str) {
    let kill = Command::new("sh")
        .args(["-c", &format!("kill -{name} {pid}")])
        .status();
    assert!(kill.unwrap().success());
}

/// Gives the function an event as Lambda does: up to three attempts with the same id. Returns what the
/// on-failure destination writes, or `None` if an attempt succeeds, and the report of the last attempt.
fn invoke_as_lambda(
    form: Form,
    cause: Cause,
    setting: &Setting,
    function: &mut Function,
    event: &[u8],
) -> (Option<String>, Value) {
    const ID: &str = "8476a536-e9f4-11e8-9739-2dfe598c3fcd";
    let mut response = Value::Null;
    let mut report = Value::Null;
    for attempt in 0..3 {
        if matches!(cause, Cause::PartOfEachAttempt) {
            // The last attempt delivers everything. The hook decides on those before.
            setting.is_faulty.store(attempt < 2, Ordering::SeqCst);
            setting.allowance.store(8, Ordering::SeqCst);
        }
        let options = InvokeOptions {
            request_id: Some(ID.to_string()),
            clock_skew_ms: match cause {
                Cause::ClockJump(skew) => skew,
                _ => 0,
            },
            ..InvokeOptions::default()
        };
        let timeout = match cause {
            Cause::Deadline => Duration::from_secs(1),
            _ => TIMEOUT,
        };
        let before = function.lines().len();
        let messages = setting.node.snapshot().arrived();
        let invocation = function.api.invoke_with(event, timeout, options);
        match cause {
            Cause::Killed if attempt == 0 => {
                wait_for_messages(&setting.node, messages + 1);
                signal(function.pid(), "KILL");
                *function = start(&setting.vars);
                continue;
            }
            Cause::Frozen if attempt == 0 => {
                wait_for_messages(&setting.node, messages + 1);
                signal(function.pid(), "STOP");
                thread::sleep(Duration::from_millis(1500));
                signal(function.pid(), "CONT");
            }
            _ => {}
        }
        let outcome = invocation.wait(PATIENCE).expect("a result in time");
        report = serde_json::from_str(&function.wait_for_line(before)).unwrap();
        assert_adds_up(&report);
        match outcome {
            Outcome::Response(_) if form == Form::Subscription => return (None, report),
            Outcome::Response(body) => {
                response = serde_json::from_slice(&body).unwrap();
                if form == Form::FirehoseLines {
                    // There is no other attempt: what has failed is in the bucket.
                    let record = &response["records"][0];
                    let data = record["data"].as_str().unwrap().to_string();
                    let has_failed = record["result"] == "ProcessingFailed";
                    return (has_failed.then_some(data), report);
                }
                if response == json!({"batchItemFailures": []}) {
                    return (None, report);
                }
            }
            Outcome::Error { body, .. } => response = serde_json::from_slice(&body).unwrap(),
            Outcome::Gone => panic!("the invocation has exceeded its deadline"),
        }
    }
    let payload: Value = serde_json::from_slice(event).unwrap();
    if form != Form::Subscription {
        // It is still in the stream.
        let data = payload["Records"][0]["kinesis"]["data"].as_str();
        return (data.map(String::from), report);
    }
    let record = json!({
        "version": "1.0",
        "timestamp": "2026-11-22T10:00:00.000Z",
        "requestContext": {
            "requestId": ID, "condition": "RetriesExhausted", "approximateInvokeCount": 3,
        },
        "requestPayload": payload,
        "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
        "responsePayload": response,
    });
    (Some(record.to_string()), report)
}

/// The ids of the log events in a message of the queue.
fn ids_of(message: &str) -> BTreeSet<String> {
    let message: Value = serde_json::from_str(message).unwrap();
    let data = message["requestPayload"]["awslogs"]["data"].as_str();
    let compressed = STANDARD.decode(data.unwrap()).unwrap();
    let document: Value = serde_json::from_reader(GzDecoder::new(&compressed[..])).unwrap();
    let events = document["logEvents"].as_array().unwrap().iter();
    events
        .map(|event| event["id"].as_str().unwrap().to_string())
        .collect()
}

/// The records that a Node has whole.
fn ids_at(node: &StandInNode) -> BTreeSet<String> {
    let deliveries = node.deliveries().into_iter();
    deliveries
        .filter(|(_, times)| *times > 0)
        .map(|(id, _)| id)
        .collect()
}

pub(crate) fn run(case: &Case, mode: Mode) -> Result<Counts, String> {
    let setting = set_up(case.cause, mode);
    let mut function = start(&setting.vars);
    let calls = mode.calls();
    let event = event(case.form, mode);
    let mut warm_up = 0;
    if matches!(case.cause, Cause::ClosedAtReuse) {
        // The connections are opened, and cut as soon as they are used again.
        setting.is_faulty.store(false, Ordering::SeqCst);
        function
            .invoke(&event, TIMEOUT)
            .map_err(|error| format!("warm-up: {error:?}"))?;
        warm_up = setting.node.snapshot().distinct;
        setting.is_faulty.store(true, Ordering::SeqCst);
    }
    let (queue, report) = invoke_as_lambda(case.form, case.cause, &setting, &mut function, &event);
    let is_by_the_node = !matches!(
        case.cause,
        Cause::Nothing
            | Peer(_)
            | Cause::Refused
            | Cause::Unresolved
            | Cause::Tls(_)
            | Cause::ClockJump(_)
    );
    if is_by_the_node && setting.faults.load(Ordering::SeqCst) == 0 {
        return Err("the fault has never occurred".to_string());
    }
    if matches!(case.cause, Cause::Deadline) {
        // The Node accepts what was in flight when the function gave up.
        thread::sleep(Duration::from_millis(500));
    }
    let after = setting.node.snapshot();
    let count = |name: &str| count_in(&report, name);
    let lines = calls + OTHERS;
    let skipped = count("recordsSkipped");
    let refused = if queue.is_some() {
        0
    } else {
        count("recordsRefused")
    };
    // The queue may also hold what the Node has accepted, if the response was lost.
    let arrived = ids_at(&setting.node);
    // Of an event that comes again, nothing was left out for good.
    let mut sampled = if queue.is_some() { 0 } else { sampled(&report) };
    if matches!(case.cause, Cause::ClosedAtReuse) && mode.samples {
        // Some of them have arrived before.
        sampled -= after.distinct - count("recordsForwarded");
    }
    let skips: BTreeSet<String> = (calls..lines).map(|n| id_of(case.form, n)).collect();
    let queued = queue.as_deref().map_or(0, |message| {
        let kept = match case.form {
            Form::Subscription => ids_of(message),
            form => (0..lines).map(|n| id_of(form, n)).collect(),
        };
        let kept = kept.into_iter();
        kept.filter(|id| !arrived.contains(id) && !skips.contains(id))
            .count() as u64
    });
    let mut counts = Counts {
        lines,
        distinct: after.distinct,
        repeated: after.repeated - warm_up.min(after.repeated),
        queued,
        refused,
        skipped,
        sampled,
        redriven: 0,
    };
    // The lines that the last attempt had no time to read: the event is queued with them, and no id tells
    // whether they would have been skipped.
    let unread = queue.as_ref().map_or(0, |_| OTHERS - skipped);
    if unread > 0 && !matches!(case.cause, Cause::Deadline) {
        return Err(format!("{unread} lines are not skipped: {report}"));
    }
    let sum =
        counts.distinct + counts.queued + counts.refused + counts.skipped + counts.sampled + unread;
    let end = match refused {
        _ if queue.is_some() => Queued,
        0 => Delivered,
        1.. => SomeRefused,
    };
    let expected = case.expected[usize::from(mode.format == "batch")];
    if mode.samples
        && !matches!(case.cause, Cause::ClosedAtReuse)
        && end == Delivered
        && sampled == 0
    {
        return Err(format!("nothing was left out: {report}"));
    }
    if let Some(message) = queue {
        let left_out;
        (counts.redriven, left_out) = redrive(case, &setting, function, mode, &message)?;
        // Of what was queued, sampling leaves out only what another call stands for, which `redrive` has seen.
        if !(counts.redriven..=counts.redriven + left_out).contains(&counts.queued) {
            return Err(format!("{} of {queued} are redriven", counts.redriven));
        }
    }
    if sum != lines {
        return Err(format!("{lines} lines are {sum}: {report}"));
    }
    if end != expected {
        return Err(format!("expected {expected:?}, found {end:?}: {report}"));
    }
    let mut violations = setting.node.snapshot().violations;
    if matches!(case.cause, Cause::Killed) {
        // Whoever is killed while writing leaves a message without its end.
        violations.retain(|violation| !violation.ends_with("found the end of the connection"));
    }
    if !violations.is_empty() {
        return Err(format!(
            "the rules of the wire were violated: {violations:?}"
        ));
    }
    Ok(counts)
}

/// Removes the fault, gives the queue's message to the function, and returns how many records have arrived
/// that had not before, and how many were left out. An operator fixes a wrong address, so that the function starts
/// again.
fn redrive(
    case: &Case,
    setting: &Setting,
    function: Function,
    mode: Mode,
    message: &str,
) -> Result<(u64, u64), String> {
    setting.is_faulty.store(false, Ordering::SeqCst);
    let earlier = ids_at(&setting.node);
    let fixed;
    let (node, function) = match case.cause {
        Cause::Tls(_) => {
            drop(function);
            fixed = set_up(Cause::Nothing, mode);
            (&fixed.node, start(&fixed.vars))
        }
        Cause::Refused | Cause::Unresolved | Peer(_) => {
            drop(function);
            let mut vars = setting.vars.clone();
            for (name, value) in &mut vars {
                if *name == "X_NODE_URL" {
                    *value = format!("http://{}", setting.node.address());
                }
            }
            (&setting.node, start(&vars))
        }
        _ => (&setting.node, function),
    };
    let batch = match case.form {
        Form::Subscription => json!({"Records": [{
            "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
            "body": message,
            "eventSource": "aws:sqs",
        }]})
        .to_string()
        .into_bytes(),
        // What is in a bucket comes back as a record of Kinesis does.
        _ => stream_event(Form::KinesisLines, message),
    };
    let (response, report) = function.outcome_of(|| function.begin(&batch, TIMEOUT));
    assert_adds_up(&report);
    if response != Ok(json!({"batchItemFailures": []})) {
        return Err(format!("the queue's message: {response:?}"));
    }
    let now = ids_at(node);
    let has = |n| {
        let id = id_of(case.form, n);
        now.contains(&id) || earlier.contains(&id)
    };
    // An endpoint has calls in several turns, of which the Node has one.
    let turn = 4 * ENDPOINTS;
    let has_endpoint = |n: u64| {
        let first = n % turn / 4 * 4;
        let turns = (first..mode.calls()).step_by(usize::try_from(turn).unwrap());
        turns.flat_map(|n| [n, n + 1]).any(has)
    };
    let missing = (0..mode.calls())
        .filter(|n| match mode.samples && n % 4 < 2 {
            true => !has_endpoint(*n),
            false => !has(*n),
        })
        .count();
    if missing > 0 {
        return Err(format!(
            "{missing} records are still missing after the redrive"
        ));
    }
    let redriven = now.difference(&earlier).count() as u64;
    Ok((redriven, sampled(&report)))
}
