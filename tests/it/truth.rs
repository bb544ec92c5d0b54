//! What the function claims to have forwarded was acknowledged, whatever a server sends beside its responses; and a
//! server that takes records, in whatever odd way, gets all of them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cw_resend_lambda::standin::cloudwatch::event_id;

use crate::harness::{Function, event_of, event_of_calls, line};
use crate::port::Port;
use crate::scripted::{
    Do, Excess, Scripted, Seen, assert_claims_are_true, mean, mean_after, response,
};
use crate::tls::{authority, server_config};

const MINUTE: Duration = Duration::from_secs(60);

/// Short waits: most of these servers leave a message without a response.
const SHORT: [(&str, &str); 2] = [
    ("X_NODE_TIMEOUT_MS", "400"),
    ("X_NODE_DOWN_AFTER_MS", "900"),
];

fn ids(count: usize) -> BTreeSet<String> {
    (0..count as u64).map(event_id).collect()
}

/// A response of exactly so many bytes, with further lines in its head.
fn response_of(length: usize, status: u16, lines: &str) -> Vec<u8> {
    let head =
        |body: usize| format!("HTTP/1.1 {status} x\r\n{lines}Content-Length: {body}\r\n\r\n");
    let body = length - head(length).len();
    // The length has as many digits as the whole's, or one less.
    let body = body + (length - head(body).len() - body);
    let mut bytes = head(body).into_bytes();
    bytes.resize(length, b'x');
    assert_eq!(bytes.len(), head(body).len() + body);
    bytes
}

/// Runs a script in both formats, plain and by TLS, and compares each claim with what was acknowledged.
#[track_caller]
fn check(name: &str, calls: usize, script: fn(&Seen) -> Vec<Do>) {
    check_with(name, &event_of_calls(calls), calls, script);
}

#[track_caller]
fn check_with(name: &str, event: &[u8], calls: usize, script: fn(&Seen) -> Vec<Do>) {
    let authority = authority();
    let run = |format: &str, is_tls: bool| {
        let tls = is_tls.then(|| server_config(&authority, "localhost", false));
        let node = Scripted::start_with(tls, None, script);
        let pem = authority.pem();
        let mut vars = vec![
            ("X_NODE_URL", node.url.as_str()),
            ("X_NODE_FORMAT", format),
            ("X_NODE_CONNECTIONS", "2"),
        ];
        vars.extend(SHORT);
        if is_tls {
            vars.push(("X_NODE_CA_CERT", &pem));
        }
        let function = Function::start_with(&vars);
        let case = format!("{name}, {format}, TLS: {is_tls}");
        // The second event meets what the first one has left behind.
        for request in ["first", "second"] {
            let all = ids(calls);
            assert_claims_are_true(&case, &node, &function, request, event, &all);
        }
    };
    // Most of the time goes to pauses.
    std::thread::scope(|scope| {
        for format in ["resend", "batch"] {
            for is_tls in [false, true] {
                let run = &run;
                scope.spawn(move || run(format, is_tls));
            }
        }
    });
}

/// Each third message is acknowledged, the others are wanted again.
fn now_and_then(seen: &Seen) -> Vec<Do> {
    mean(if seen.nth.is_multiple_of(3) { 503 } else { 200 })
}

fn with_extra(seen: &Seen, every: u64, extra: &[Do]) -> Vec<Do> {
    let mut all = now_and_then(seen);
    if seen.nth.is_multiple_of(every) {
        all.extend_from_slice(extra);
    }
    all
}

#[test]
fn a_surplus_response_in_the_same_segment_settles_nothing() {
    check("after each second", 60, |seen| {
        with_extra(seen, 2, &[Do::Send(response(200))])
    });
    check("two after each fifth", 60, |seen| {
        with_extra(seen, 5, &[Do::Send(response(200).repeat(2))])
    });
    check("before each fourth", 60, |seen| {
        let mut all = with_extra(seen, 1, &[]);
        if seen.nth.is_multiple_of(4) {
            all.insert(0, Do::Send(response(200)));
        }
        all
    });
    check("a refusal after each third", 60, |seen| {
        with_extra(seen, 3, &[Do::Send(response(400))])
    });
}

/// Each response fills a buffer of so many bytes, and an extra one lies beyond it.
fn with_extra_beyond<const BUFFER: usize>(seen: &Seen) -> Vec<Do> {
    let status = if seen.nth.is_multiple_of(3) { 503 } else { 200 };
    let mut all = vec![
        Do::Send(response_of(BUFFER, status, "")),
        Do::Send(response(200)),
        Do::Wait(Duration::from_millis(1)),
    ];
    if status == 200 {
        all.push(Do::Acknowledge);
    }
    all
}

/// The server announces that it will close, and then sends what nobody has asked for.
fn closes_with_extra_beyond<const BUFFER: usize>(_: &Seen) -> Vec<Do> {
    vec![
        Do::Send(response_of(BUFFER, 200, "Connection: close\r\n")),
        Do::Send(response(503)),
        Do::Close,
    ]
}

#[test]
fn a_surplus_response_behind_a_full_buffer_settles_nothing() {
    // The buffer for input has 16 KiB, and 4 with TLS: the extra one is at the socket or in the TLS session.
    check("at the end of TLS's buffer", 12, with_extra_beyond::<4096>);
    check("at the end of the buffer", 12, with_extra_beyond::<16_384>);
    check(
        "behind the last response, TLS's buffer",
        12,
        closes_with_extra_beyond::<4096>,
    );
    check(
        "behind the last response",
        12,
        closes_with_extra_beyond::<16_384>,
    );
}

#[test]
fn a_surplus_response_that_comes_late_unsettles_what_it_has_shifted() {
    check("after 3 ms", 100, |seen| {
        let late = [Do::Wait(Duration::from_millis(3)), Do::Send(response(200))];
        with_extra(seen, 7, &late)
    });
    check("at once, then nothing but 503", 100, |seen| {
        match seen.nth {
            1 => vec![
                Do::Send(response(200)),
                Do::Acknowledge,
                Do::Send(response(200)),
            ],
            _ => mean(503),
        }
    });
}

/// A response with another one as its body.
fn with_body() -> Vec<Do> {
    let body = response(200);
    let head = format!("HTTP/1.1 200 x\r\nContent-Length: {}\r\n\r\n", body.len());
    vec![Do::Send(head.into_bytes()), Do::Send(body), Do::Acknowledge]
}

/// The body of a response to HEAD is none, and a server that sends one may have it look like a response.
#[test]
fn the_body_of_a_response_to_head_is_not_the_next_response() {
    let lines = (0..60).map(|n| line(if n % 3 == 0 { "HEAD" } else { "GET" }, &format!("/{n}")));
    let event = event_of(lines);
    check_with("a response as body", &event, 60, |seen| {
        if seen.method != "HEAD" {
            return now_and_then(seen);
        }
        with_body()
    });
}

/// The first responses to HEAD have no body, so that later ones may stand within a round, and then they have one.
#[test]
fn a_body_after_head_is_not_the_next_response_though_none_came_before() {
    let lines = (0..400).map(|n| line(if n % 5 == 0 { "HEAD" } else { "GET" }, &format!("/{n}")));
    let event = event_of(lines);
    check_with("a response as body, later", &event, 400, |seen| {
        let wants_again = seen.nth > 40 && seen.nth.is_multiple_of(3);
        if seen.method != "HEAD" || seen.nth < 40 {
            return mean(if wants_again { 503 } else { 200 });
        }
        let mut all = with_body();
        all.push(Do::Wait(Duration::from_millis(1)));
        all
    });
}

/// A server that responds to HEAD as it should gets all of it.
#[test]
fn head_is_forwarded() {
    let node = Scripted::start(|_| mean(200));
    let function = Function::start_with(&[("X_NODE_URL", &node.url)]);
    let event = event_of((0..60).map(|n| line("HEAD", &format!("/{n}"))));
    assert_eq!(function.invoke(&event, MINUTE).unwrap()["forwarded"], 60);
    assert_eq!(node.acknowledged(), ids(60));
}

/// Responses that nobody has asked for wait for the next event, and then the Node wants every message again.
#[test]
fn a_later_event_does_not_live_on_what_an_earlier_one_has_left() {
    static MESSAGES: AtomicU64 = AtomicU64::new(0);
    let authority = authority();
    for wait in [0, 20] {
        for format in ["resend", "batch"] {
            for is_tls in [false, true] {
                MESSAGES.store(0, Ordering::SeqCst);
                let last = if format == "resend" { 2 } else { 1 };
                let tls = is_tls.then(|| server_config(&authority, "localhost", false));
                let node = Scripted::start_with(tls, None, move |_| {
                    let nth = MESSAGES.fetch_add(1, Ordering::SeqCst) + 1;
                    if nth > last {
                        return mean(503);
                    }
                    let mut all = mean(200);
                    if nth == last {
                        all.push(Do::Wait(Duration::from_millis(wait)));
                        all.push(Do::Send(response(200).repeat(50)));
                    }
                    all
                });
                let pem = authority.pem();
                let mut vars = vec![("X_NODE_URL", node.url.as_str()), ("X_NODE_FORMAT", format)];
                vars.extend(SHORT);
                if is_tls {
                    vars.push(("X_NODE_CA_CERT", &pem));
                }
                let function = Function::start_with(&vars);
                let case = format!("{wait} ms, {format}, TLS: {is_tls}");
                let _ = function.invoke(&event_of_calls(1), MINUTE);
                std::thread::sleep(Duration::from_millis(50));
                let result = function.invoke(&event_of_calls(20), MINUTE);
                assert!(result.is_err(), "{case}: {result:?}");
            }
        }
    }
}

/// A server without faults, but for what is said: all of the records arrive.
#[track_caller]
fn all_arrive(name: &str, node: &Scripted, calls: usize, vars: &[(&str, &str)]) -> Duration {
    let mut all = vec![("X_NODE_URL", node.url.as_str())];
    all.extend(vars);
    let function = Function::start_with(&all);
    let started = Instant::now();
    let (result, report) = function.outcome_of(|| function.begin(&event_of_calls(calls), MINUTE));
    assert!(result.is_ok(), "{name}: {result:?} {report}");
    assert_eq!(node.acknowledged(), ids(calls), "{name}");
    started.elapsed()
}

/// The same for a server with this script, with or without TLS.
#[track_caller]
fn all_arrive_by_script(
    name: &str,
    is_tls: bool,
    calls: usize,
    vars: &[(&str, &str)],
    script: impl Fn(&Seen) -> Vec<Do> + Send + Sync + 'static,
) {
    let authority = authority();
    let tls = is_tls.then(|| server_config(&authority, "localhost", false));
    let node = Scripted::start_with(tls, None, script);
    let pem = authority.pem();
    let mut vars = vars.to_vec();
    if is_tls {
        vars.push(("X_NODE_CA_CERT", &pem));
    }
    all_arrive(name, &node, calls, &vars);
}

#[test]
fn a_server_of_two_connections_gets_everything() {
    for excess in [Excess::Closed, Excess::Silent] {
        for format in ["resend", "batch"] {
            let node = Scripted::with_limit(2, excess, Duration::ZERO);
            let vars = [
                ("X_NODE_CONNECTIONS", "16"),
                ("X_NODE_FORMAT", format),
                ("X_NODE_TIMEOUT_MS", "500"),
            ];
            all_arrive(&format!("{excess:?}, {format}"), &node, 800, &vars);
            // Connections that can't be had are not asked for again and again.
            assert!(
                node.connections() < 200,
                "{excess:?}: {}",
                node.connections()
            );
        }
    }
}

/// All the others hold up a job for as long as a response may take, and none of them may get it again.
#[test]
fn a_slow_server_of_one_connection_gets_everything() {
    let node = Scripted::with_limit(1, Excess::Silent, Duration::from_millis(3));
    let vars = [
        ("X_NODE_TIMEOUT_MS", "1000"),
        ("X_NODE_DOWN_AFTER_MS", "2000"),
    ];
    all_arrive("one connection", &node, 400, &vars);
}

/// One message in five is lost with its connection.
#[test]
fn a_server_that_closes_before_many_a_response_gets_everything() {
    static MESSAGES: AtomicU64 = AtomicU64::new(0);
    for format in ["resend", "batch"] {
        let node = Scripted::start(|_| {
            let mut random = MESSAGES.fetch_add(1, Ordering::SeqCst);
            random = (random + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            if (random >> 40).is_multiple_of(5) {
                return vec![Do::Close];
            }
            mean(200)
        });
        all_arrive(format, &node, 1000, &[("X_NODE_FORMAT", format)]);
    }
}

/// One record that the collector never responds to costs itself alone.
#[test]
fn a_record_without_a_response_takes_no_neighbour_along() {
    let node = Scripted::start(|seen| {
        if seen.ids.contains(&event_id(41)) {
            return vec![Do::Wait(Duration::from_millis(400)), Do::Close];
        }
        mean(200)
    });
    let vars = [
        ("X_NODE_URL", node.url.as_str()),
        ("X_NODE_FORMAT", "batch"),
        ("X_NODE_TIMEOUT_MS", "200"),
        ("X_NODE_DOWN_AFTER_MS", "3000"),
    ];
    let function = Function::start_with(&vars);
    let (result, report) = function.outcome_of(|| function.begin(&event_of_calls(300), MINUTE));
    assert!(result.is_err());
    assert_eq!(report["recordsUndelivered"], 1, "{report}");
}

/// One backend asks for more time than there is, while the others are well.
#[test]
fn one_long_wait_does_not_end_the_event() {
    for format in ["resend", "batch"] {
        let node = Scripted::start(|seen| match (seen.connection, seen.nth) {
            (1, 1) => vec![Do::Send(
                b"HTTP/1.1 503 x\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n".to_vec(),
            )],
            _ => mean(200),
        });
        all_arrive(format, &node, 2000, &[("X_NODE_FORMAT", format)]);
    }
}

/// The function itself may not have enough file descriptors for its connections.
#[test]
fn sixteen_file_descriptors_are_enough_for_sixty_four_connections() {
    let node = Scripted::start(|_| mean_after(Duration::from_millis(2), 200));
    let vars = [
        ("X_NODE_URL", node.url.as_str()),
        ("X_NODE_CONNECTIONS", "64"),
    ];
    let function = Function::start_limited("ulimit -n 16", &vars);
    let result = function.invoke(&event_of_calls(800), MINUTE).unwrap();
    assert_eq!(result["forwarded"], 800);
    assert_eq!(node.acknowledged(), ids(800));
}

/// Behind a balancer or a name one backend may be ill: what it responds to every message on its connections says
/// nothing of the others.
#[test]
fn a_backend_that_is_ill_does_not_keep_its_records() {
    for format in ["resend", "batch"] {
        let node = Scripted::start(|seen| mean(if seen.connection % 2 == 0 { 200 } else { 503 }));
        all_arrive(format, &node, 300, &[("X_NODE_FORMAT", format)]);
        let node = Scripted::start(|seen| mean(if seen.connection % 4 == 0 { 200 } else { 500 }));
        all_arrive(format, &node, 300, &[("X_NODE_FORMAT", format)]);
    }
}

#[test]
fn a_server_that_drops_what_is_pipelined_gets_everything() {
    let node = Scripted::start(|_| {
        let mut all = mean(200);
        all.push(Do::DropTheRest);
        all
    });
    let vars = [("X_NODE_TIMEOUT_MS", "700"), ("X_NODE_CONNECTIONS", "2")];
    let took = all_arrive("drops", &node, 200, &vars);
    // The loss is found out once for the process, not once for each connection or window.
    assert!(took < Duration::from_secs(8), "{took:?}");
}

#[test]
fn a_server_that_resets_after_each_response_gets_everything() {
    for pause in [0, 3] {
        let node = Scripted::start(move |_| {
            let mut all = mean(200);
            if pause > 0 {
                // The client has sent more by then, so that the close becomes a reset.
                all.push(Do::Wait(Duration::from_millis(pause)));
            }
            all.push(Do::Close);
            all
        });
        all_arrive("resets", &node, 60, &[("X_NODE_CONNECTIONS", "2")]);
    }
}

/// A collector that fails on some records gets all others, and only those records are kept. They are no reason to
/// take it for down, either.
#[test]
fn records_that_the_collector_fails_on_keep_no_others_away() {
    for (status, calls, every) in [(500, 100, 100), (503, 100, 100), (500, 1000, 25)] {
        let is_poison = move |n: &usize| n % every == 3;
        let poison = move || (0..calls).filter(is_poison).map(|n| event_id(n as u64));
        let known: BTreeSet<String> = poison().collect();
        let node = Scripted::start(move |seen| {
            let has_poison = seen.ids.iter().any(|id| known.contains(id));
            mean(if has_poison { status } else { 200 })
        });
        let mut vars = vec![
            ("X_NODE_URL", node.url.as_str()),
            ("X_NODE_FORMAT", "batch"),
        ];
        vars.extend(SHORT);
        let function = Function::start_with(&vars);
        let event = event_of_calls(calls);
        let (result, report) = function.outcome_of(|| function.begin(&event, MINUTE));
        let failed = result.unwrap_err();
        assert_eq!(failed.error_type, "Function.RecordsUndelivered");
        assert_eq!(
            report["recordsUndelivered"].as_u64().unwrap(),
            poison().count() as u64,
            "{status} {calls} {report}"
        );
        let expected = ids(calls);
        let poison: BTreeSet<String> = poison().collect();
        let expected: BTreeSet<_> = expected.difference(&poison).cloned().collect();
        assert_eq!(node.acknowledged(), expected, "{status}");
    }
}

/// Nine neighbours that are refused say nothing of the records that nobody has judged.
#[test]
fn only_what_was_judged_is_refused() {
    let node = Scripted::start(|seen| {
        let refused: Vec<_> = (0..40).map(event_id).collect();
        mean(if seen.ids.iter().any(|id| refused.contains(id)) {
            400
        } else {
            200
        })
    });
    let vars = [
        ("X_NODE_URL", node.url.as_str()),
        ("X_NODE_FORMAT", "batch"),
    ];
    let function = Function::start_with(&vars);
    let (result, report) = function.outcome_of(|| function.begin(&event_of_calls(100), MINUTE));
    assert_eq!(result.unwrap()["forwarded"], 60);
    assert_eq!(report["refused"], serde_json::json!({"400": 40}));
}

/// What there is no time to judge is undelivered.
#[test]
fn what_there_was_no_time_to_judge_is_undelivered() {
    let node = Scripted::start(|_| mean_after(Duration::from_millis(60), 400));
    let vars = [
        ("X_NODE_URL", node.url.as_str()),
        ("X_NODE_FORMAT", "batch"),
        ("X_NODE_CONNECTIONS", "1"),
    ];
    let function = Function::start_with(&vars);
    let deadline = Duration::from_secs(2);
    let (result, report) = function.outcome_of(|| function.begin(&event_of_calls(100), deadline));
    let failed = result.unwrap_err();
    assert_eq!(failed.error_type, "Function.RecordsUndelivered");
    let count = |name: &str| report[name].as_u64().unwrap();
    assert!(count("recordsRefused") < 100, "{report}");
    assert_eq!(count("recordsRefused") + count("recordsUndelivered"), 100);
}

/// A head says all: what follows is not used.
#[test]
fn a_whole_head_is_a_response() {
    for end in [
        "\r\n",
        "\r\nhalf a bo",
        "Content-Length: 100\r\n\r\nhalf",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhe",
        "Transfer-Encoding: chunked\r\n\r\nno chunk",
    ] {
        for is_tls in [false, true] {
            let vars = [("X_NODE_TIMEOUT_MS", "2000")];
            all_arrive_by_script(end, is_tls, 20, &vars, move |_| {
                let bytes = format!("HTTP/1.1 200 OK\r\n{end}").into_bytes();
                vec![Do::Send(bytes), Do::Acknowledge, Do::Close]
            });
        }
    }
    // It may also never end.
    let node = Scripted::start(|_| {
        let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx".to_vec();
        vec![Do::Send(bytes), Do::Acknowledge]
    });
    let vars = [("X_NODE_TIMEOUT_MS", "100"), ("X_NODE_CONNECTIONS", "4")];
    all_arrive("never", &node, 20, &vars);
}

/// A server that reads a little now and then holds up a write for no longer than the deadline allows.
#[test]
fn a_slow_reader_does_not_carry_past_the_deadline() {
    use std::io::Read;
    for format in ["resend", "batch"] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for mut socket in listener.incoming().map_while(Result::ok) {
                std::thread::spawn(move || {
                    let mut piece = [0; 2048];
                    while let Ok(1..) = socket.read(&mut piece) {
                        std::thread::sleep(Duration::from_millis(20));
                    }
                });
            }
        });
        let vars = [
            ("X_NODE_URL", url.as_str()),
            ("X_NODE_FORMAT", format),
            ("X_NODE_TIMEOUT_MS", "10000"),
            ("X_NODE_CONNECTIONS", "1"),
        ];
        let function = Function::start_with(&vars);
        // Together they are more than the socket's buffers take, which is some megabytes.
        let long = "u".repeat(7_000);
        let lines = (0..30).map(|n| line("GET", &format!("/{n}/{long}")));
        let event = event_of(lines);
        let deadline = Duration::from_secs(3);
        let started = Instant::now();
        let (result, report) = function.outcome_of(|| function.begin(&event, deadline));
        let took = started.elapsed();
        assert!(result.is_err(), "{report}");
        assert!(took < deadline, "{format}: {took:?}");
    }
}

/// What went wrong is told with the Node's place, and with what to do.
#[test]
fn an_error_of_the_delivery_says_where_and_what_to_do() {
    let authority = authority();
    let tls = server_config(&authority, "localhost", false);
    let https = Scripted::start_with(Some(tls), None, |_| mean(200));
    let http = Scripted::start(|_| mean(200));
    let other = |url: &str| match url.strip_prefix("https") {
        Some(rest) => format!("http{rest}"),
        None => format!("https{}", &url[4..]),
    };
    let nobody = Port::new();
    for (url, expected) in [
        (
            other(&http.url),
            "expected TLS, got plain HTTP: is X_NODE_SCHEME=http?",
        ),
        (
            other(&https.url),
            "expected plain HTTP, got TLS: is X_NODE_SCHEME=https?",
        ),
        (https.url.clone(), "set X_NODE_CA_CERT"),
        (nobody.url(), "nothing listens at"),
        ("http://node.invalid:81".to_string(), "look-up"),
    ] {
        let vars = [("X_NODE_URL", url.as_str()), SHORT[0], SHORT[1]];
        let function = Function::start_with(&vars);
        let failed = function.invoke(&event_of_calls(3), MINUTE).unwrap_err();
        assert!(failed.message.contains(expected), "{url}: {failed:?}");
        assert!(failed.message.contains(&url), "{url}: {failed:?}");
    }
}

/// Rounds have as many messages as a chunk when the Node is quick: what goes wrong within one, or after it, is no more
/// believed than in a small one.
#[test]
fn large_rounds_claim_no_more_than_was_acknowledged() {
    check("a surplus response, in the same segment", 1500, |seen| {
        let mut all = mean(200);
        if seen.nth.is_multiple_of(450) {
            all.push(Do::Send(response(200)));
        }
        all
    });
    check("a surplus response, late, then 503", 1500, |seen| {
        let mut all = mean(if seen.nth > 451 { 503 } else { 200 });
        if seen.nth == 450 {
            all.extend([Do::Wait(Duration::from_millis(3)), Do::Send(response(200))]);
        }
        all
    });
    check("a break", 1500, |seen| {
        let mut all = mean(200);
        if seen.nth.is_multiple_of(333) {
            all.insert(0, Do::Close);
        }
        all
    });
    check("silence", 700, |seen| match seen.nth {
        // What comes after it is read, and never answered.
        300.. => vec![],
        _ => mean(200),
    });
}

/// Each round is answered in one piece, by responses that no buffer holds.
#[test]
fn large_responses_to_large_rounds_are_read() {
    let node = Scripted::start(|seen| {
        let length = if seen.nth.is_multiple_of(8) {
            60_000
        } else {
            5_000
        };
        vec![Do::Send(response_of(length, 200, "")), Do::Acknowledge]
    });
    all_arrive("large responses", &node, 1500, &[]);
}

/// A worker pauses while a slow Node works, and reads what has come meanwhile at once.
#[test]
fn a_node_of_any_pace_gets_everything_once() {
    type Pace = fn(u64) -> u64;
    let paces: [(&str, Pace); 5] = [
        ("slow", |_| 1000),
        ("ever slower", |nth| 10 * nth),
        ("slow, then quick", |nth| if nth < 100 { 2000 } else { 0 }),
        (
            "in bursts",
            |nth| if nth.is_multiple_of(20) { 10_000 } else { 0 },
        ),
        (
            "in turns",
            |nth| if nth.is_multiple_of(2) { 1000 } else { 50 },
        ),
    ];
    for (name, pace) in paces {
        for is_tls in [false, true] {
            let messages = Arc::new(AtomicU64::new(0));
            let vars = [("X_NODE_CONNECTIONS", "3")];
            all_arrive_by_script(name, is_tls, 400, &vars, {
                let messages = Arc::clone(&messages);
                move |seen| {
                    messages.fetch_add(1, Ordering::SeqCst);
                    mean_after(Duration::from_micros(pace(seen.nth)), 200)
                }
            });
            assert_eq!(messages.load(Ordering::SeqCst), 800, "{name}");
        }
    }
}
