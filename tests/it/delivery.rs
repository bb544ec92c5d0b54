//! What arrives at the Node when the Node, or the network before it, is faulty.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cw_resend_lambda::standin::node::{Fault, Kind, Message, Shape, StandInNode};

use crate::harness::{
    Function, PATIENCE, assert_adds_up, assert_got_all, event_of, event_of_calls, faulty_node,
    line, node, node_at,
};
use crate::port::Port;

const MINUTE: Duration = Duration::from_secs(60);

/// With each fault now and then, in both formats, all records arrive and none is refused.
#[track_caller]
fn check(name: &str, hook: fn(&Message, u64) -> Fault) {
    // Enough messages for each fault to occur.
    for (format, calls) in [("resend", 500), ("batch", 4000)] {
        let has_come = Arc::new(AtomicBool::new(false));
        let node = faulty_node({
            let has_come = Arc::clone(&has_come);
            move |message, nth| {
                let fault = hook(message, nth);
                has_come.fetch_or(fault != Fault::none(), Ordering::SeqCst);
                fault
            }
        });
        let function = Function::start(&node, &[("X_NODE_FORMAT", format)]);
        let event = event_of_calls(calls);
        let (result, report) = function.outcome_of(|| function.begin(&event, MINUTE));
        let result = result.unwrap_or_else(|error| panic!("{name}, {format}: {error:?}"));
        assert_eq!(result["forwarded"], calls, "{name}, {format}");
        assert!(has_come.load(Ordering::SeqCst), "{name}, {format}");
        assert_adds_up(&report);
        assert_got_all(&node, calls as u64);
    }
}

fn every(n: u64, nth: u64, fault: Fault) -> Fault {
    if nth.is_multiple_of(n) {
        fault
    } else {
        Fault::none()
    }
}

#[test]
fn statuses_that_ask_for_another_attempt() {
    check("408", |_, nth| every(11, nth, Fault::status(408)));
    check("425", |_, nth| every(11, nth, Fault::status(425)));
    check("429", |_, nth| every(11, nth, Fault::status(429)));
    check("500", |_, nth| every(11, nth, Fault::status(500)));
    check("503 and close", |_, nth| {
        every(11, nth, Fault::status(503).with_shape(Shape::Close))
    });
}

#[test]
fn connections_that_break() {
    check("dropped without a response", |_, nth| {
        every(9, nth, Fault::shape(Shape::Drop))
    });
    check("half a response", |_, nth| {
        every(9, nth, Fault::shape(Shape::Half))
    });
    check("reset after the response", |_, nth| {
        every(9, nth, Fault::shape(Shape::Reset))
    });
    check("garbage", |_, nth| {
        every(9, nth, Fault::shape(Shape::Garbage))
    });
}

#[test]
fn connections_that_close() {
    check("Connection: close, each", |_, _| Fault::shape(Shape::Close));
    check("Connection: close, now and then", |_, nth| {
        every(5, nth, Fault::shape(Shape::Close))
    });
    check("silently, each", |_, _| Fault::shape(Shape::CloseSilently));
    check("silently, now and then", |_, nth| {
        every(5, nth, Fault::shape(Shape::CloseSilently))
    });
}

#[test]
fn other_framings() {
    check("chunked", |_, _| Fault::shape(Shape::Chunked));
    check("interim responses", |_, _| Fault::shape(Shape::Interim));
    check("a body", |_, _| {
        Fault::none().with_body(b"{\"action\":\"pass\"}")
    });
}

#[test]
fn a_slow_node_is_served_by_all_connections() {
    let node = faulty_node(|_, _| Fault::delay(Duration::from_millis(5)));
    let function = Function::start(&node, &[]);
    let started = Instant::now();
    function.invoke(&event_of_calls(400), MINUTE).unwrap();
    // 800 responses of 5 ms, one after the other, would take 4 s.
    assert!(
        started.elapsed() < Duration::from_millis(2500),
        "{:?}",
        started.elapsed()
    );
    assert_got_all(&node, 400);
    assert_eq!(node.snapshot().connections, 8);
}

#[test]
fn the_number_of_connections_is_the_configured_one() {
    let node = node();
    let function = Function::start(&node, &[("X_NODE_CONNECTIONS", "3")]);
    for _ in 0..3 {
        function.invoke(&event_of_calls(300), MINUTE).unwrap();
    }
    // They are kept from one event to the next.
    assert_eq!(node.snapshot().connections, 3);
}

#[test]
fn a_pooled_connection_that_has_gone_stale_is_replaced() {
    let port = Port::new();
    let mut node = node_at(&port);
    let function = Function::start(&node, &[]);
    function.invoke(&event_of_calls(1), MINUTE).unwrap();
    node.restart().unwrap();
    let (result, report) = function.outcome_of(|| function.begin(&event_of_calls(1), MINUTE));
    result.unwrap();
    assert_eq!(report["recordsForwarded"], 1);
    assert_eq!(node.snapshot().violations, Vec::<String>::new());
}

#[test]
fn retry_after_is_honoured_in_both_forms() {
    for (form, value) in [("seconds", "1"), ("date", "Sun, 06 Nov 1994 08:49:37 GMT")] {
        let node = faulty_node(move |_, nth| match nth {
            1 => Fault::status(429).with_header("Retry-After", value),
            _ => Fault::none(),
        });
        let function = Function::start(&node, &[]);
        let started = Instant::now();
        function.invoke(&event_of_calls(3), MINUTE).unwrap();
        let waited = started.elapsed() >= Duration::from_secs(1);
        // A date in the past means at once.
        assert_eq!(waited, form == "seconds", "{form}");
        assert_got_all(&node, 3);
    }
}

#[test]
fn a_wait_that_is_longer_than_the_deadline_is_not_begun() {
    let node = faulty_node(|_, _| Fault::status(503).with_header("Retry-After", "3600"));
    let function = Function::start(&node, &[]);
    let started = Instant::now();
    let (result, report) =
        function.outcome_of(|| function.begin(&event_of_calls(500), Duration::from_secs(30)));
    assert_eq!(
        result.unwrap_err().error_type,
        "Function.RecordsUndelivered"
    );
    assert!(started.elapsed() < Duration::from_secs(10));
    assert_eq!(report["recordsUndelivered"], 500);
    assert_adds_up(&report);
}

/// A Node in blocking mode responds to an attack with 403. The other records must still arrive.
#[test]
fn a_refused_record_is_counted_and_the_others_go_on() {
    let node = faulty_node(|message, _| match &message.kind {
        Kind::Request if message.http.target.contains("passwd") => Fault::status(403),
        Kind::Request if message.http.target.contains("evil") => Fault::status(404),
        _ => Fault::none(),
    });
    let function = Function::start(&node, &[]);
    let paths = (0..60).map(|n| match n % 10 {
        3 => line("GET", "/etc/passwd"),
        7 => line("DELETE", "/evil"),
        _ => line("GET", &format!("/{n}")),
    });
    let (result, report) = function.outcome_of(|| function.begin(&event_of(paths), MINUTE));
    assert_eq!(result.unwrap()["forwarded"], 48);
    assert_eq!(report["refused"], serde_json::json!({"403": 6, "404": 6}));
    assert_eq!(report["level"], "WARN");
    assert!(report.get("hint").is_none());
    assert_adds_up(&report);
    let snapshot = node.snapshot();
    assert_eq!((snapshot.distinct, snapshot.unpaired), (48, 0));
    assert_eq!(snapshot.violations, Vec::<String>::new());
}

/// Wallarm's hosted Node has a status for a host that it does not know, and the operator gets the words for it.
#[test]
fn a_415_is_told_in_words_that_name_no_host_of_a_line() {
    let words = "Wallarm's Edge Node responds with 415 where a host is not among its allowed hosts, does not exist or \
                 can't be reached: allow the API's host there";
    let node = faulty_node(|message, _| match message.http.target.as_str() {
        "/unknown" => Fault::status(415),
        _ => Fault::none(),
    });
    for form in ["metrics", "compact"] {
        let function = Function::start(&node, &[("X_REPORT_LINE", form)]);
        // Of one host of several, the event succeeds, and the line has the words.
        let some = event_of([line("GET", "/unknown"), line("GET", "/known")]);
        let (result, report) = function.outcome_of(|| function.begin(&some, MINUTE));
        assert_eq!(result.unwrap()["refused"], 1);
        assert_eq!(report["hint"], words);
        // As a whole, the error has them, and the line once.
        let all = event_of([line("GET", "/unknown")]);
        let (result, report) = function.outcome_of(|| function.begin(&all, MINUTE));
        let failed = result.unwrap_err();
        assert_eq!(failed.error_type, "Function.RecordsRefused");
        assert!(failed.message.ends_with(words), "{failed:?}");
        assert_eq!(report["errorMessage"], failed.message);
        assert!(report.get("hint").is_none(), "{report}");
        assert!(!report.to_string().contains("abc123"), "{report}");
    }
}

/// If no record is accepted, the address is wrong, and the records must be kept.
#[test]
fn a_node_that_refuses_everything_fails_the_invocation() {
    for status in [301, 400, 401, 404] {
        for format in ["resend", "batch"] {
            let node = faulty_node(move |_, _| Fault::status(status));
            let function = Function::start(&node, &[("X_NODE_FORMAT", format)]);
            let (result, report) =
                function.outcome_of(|| function.begin(&event_of_calls(40), MINUTE));
            let failed = result.unwrap_err();
            assert_eq!(failed.error_type, "Function.RecordsRefused");
            assert!(failed.message.contains("refused 40 of 40"), "{failed:?}");
            assert!(
                failed.message.contains(&format!("status {status}")),
                "{failed:?}"
            );
            assert_eq!(report["refused"][status.to_string()], 40);
            assert_adds_up(&report);
        }
    }
}

#[test]
fn a_batch_that_is_too_large_is_halved() {
    for status in [413, 422] {
        let node = faulty_node(move |message, _| match &message.kind {
            Kind::Batch if message.http.body.len() > 4000 => Fault::status(status),
            _ => Fault::none(),
        });
        let function = Function::start(&node, &[("X_NODE_FORMAT", "batch")]);
        let result = function.invoke(&event_of_calls(300), MINUTE).unwrap();
        assert_eq!(result["forwarded"], 300);
        assert_eq!(assert_got_all(&node, 300), 0);
    }
}

/// If the Node can't accept one record of a batch, that record is refused alone.
#[test]
fn one_invalid_record_does_not_fail_its_batch() {
    let node = faulty_node(|message, _| {
        let is_invalid = |body: &[u8]| body.windows(9).any(|w| w == b"\"/prod/b\"");
        match &message.kind {
            Kind::Batch if is_invalid(&message.http.body) => Fault::status(400),
            _ => Fault::none(),
        }
    });
    let function = Function::start(&node, &[("X_NODE_FORMAT", "batch")]);
    let lines = (0..100).map(|n| line("GET", if n == 41 { "/prod/b" } else { "/prod/a" }));
    let (result, report) = function.outcome_of(|| function.begin(&event_of(lines), MINUTE));
    assert_eq!(result.unwrap()["forwarded"], 99);
    assert_eq!(report["refused"], serde_json::json!({"400": 1}));
}

/// A Node that is down costs a bounded time, however many records there are.
#[test]
fn a_node_that_is_down_stops_the_event_early() {
    let port = Port::new();
    let mut node = node_at(&port);
    node.stop();
    let vars = [
        ("X_NODE_TIMEOUT_MS", "500"),
        ("X_NODE_DOWN_AFTER_MS", "500"),
    ];
    for (format, count) in [("resend", 3000), ("resend", 1), ("batch", 3000)] {
        let mut all = vec![("X_NODE_FORMAT", format)];
        all.extend(vars);
        let function = Function::start(&node, &all);
        let started = Instant::now();
        let (result, report) =
            function.outcome_of(|| function.begin(&event_of_calls(count), MINUTE));
        let failed = result.unwrap_err();
        assert_eq!(failed.error_type, "Function.RecordsUndelivered");
        assert!(
            failed
                .message
                .contains(&format!("{count} of {count} records")),
            "{failed:?}"
        );
        assert!(failed.message.contains("nothing listens at"), "{failed:?}");
        assert!(
            started.elapsed() < Duration::from_secs(10),
            "{:?}",
            started.elapsed()
        );
        assert_eq!(report["recordsUndelivered"], count);
        assert_adds_up(&report);
    }
}

#[test]
fn a_name_that_does_not_resolve_is_told() {
    let function = Function::start_with(&[
        ("X_NODE_URL", "node.invalid"),
        ("X_NODE_TIMEOUT_MS", "300"),
        ("X_NODE_DOWN_AFTER_MS", "300"),
    ]);
    let failed = function.invoke(&event_of_calls(20), MINUTE).unwrap_err();
    assert_eq!(failed.error_type, "Function.RecordsUndelivered");
    assert!(failed.message.contains("20 of 20 records"), "{failed:?}");
}

/// The deadline comes while the Node is silent: the invocation fails before Lambda ends it.
#[test]
fn the_deadline_ends_an_event_in_time() {
    for format in ["resend", "batch"] {
        let node = faulty_node(|_, _| Fault::delay(Duration::from_secs(20)));
        let function = Function::start(&node, &[("X_NODE_FORMAT", format)]);
        let deadline = Duration::from_secs(3);
        let started = Instant::now();
        let (result, report) =
            function.outcome_of(|| function.begin(&event_of_calls(200), deadline));
        assert!(started.elapsed() < deadline, "{:?}", started.elapsed());
        assert_eq!(
            result.unwrap_err().error_type,
            "Function.RecordsUndelivered"
        );
        assert_eq!(report["recordsUndelivered"], 200);
    }
}

/// Lambda's retry has the same request id: what has arrived is not sent again.
#[test]
fn a_retry_sends_only_what_is_left() {
    for format in ["resend", "batch"] {
        // Until the retry, whatever comes after the first two hundred messages fails.
        static SEEN: AtomicUsize = AtomicUsize::new(0);
        SEEN.store(0, Ordering::SeqCst);
        let limit = if format == "resend" { 400 } else { 2 };
        let node = faulty_node(move |_, _| {
            let seen = SEEN.fetch_add(1, Ordering::SeqCst);
            if (limit..1_000_000).contains(&seen) {
                Fault::status(500)
            } else {
                Fault::none()
            }
        });
        let vars = [
            ("X_NODE_FORMAT", format),
            ("X_NODE_TIMEOUT_MS", "400"),
            ("X_NODE_DOWN_AFTER_MS", "400"),
        ];
        let function = Function::start(&node, &vars);
        let event = event_of_calls(900);
        let (result, first) = function.invoke_as("r-1", &event);
        assert_eq!(
            result.unwrap_err().error_type,
            "Function.RecordsUndelivered"
        );
        assert_adds_up(&first);
        SEEN.store(1_000_000, Ordering::SeqCst);
        let (result, second) = function.invoke_as("r-1", &event);
        assert_eq!(result.unwrap()["forwarded"], 900);
        assert_adds_up(&second);
        let forwarded = first["recordsForwarded"].as_u64().unwrap();
        assert!(forwarded > 0);
        assert_eq!(second["recordsForwardedEarlier"], forwarded);
        // A request whose response was refused is the one thing that is sent twice.
        let snapshot = node.snapshot();
        assert_got_all(&node, 900);
        assert!(snapshot.repeated_responses == 0, "{snapshot:?}");
        // The same id with another event is another event.
        let (result, third) = function.invoke_as("r-1", &event_of_calls(10));
        assert_eq!(result.unwrap()["forwarded"], 10);
        assert_eq!(third["recordsForwardedEarlier"], 0);
    }
}

/// Many other events between the attempts do not make the function forget.
#[test]
fn a_retry_is_known_after_other_events_that_went_well() {
    static IS_BROKEN: AtomicUsize = AtomicUsize::new(0);
    let node = faulty_node(|_, nth| match IS_BROKEN.load(Ordering::SeqCst) {
        1 if nth > 100 => Fault::status(500),
        _ => Fault::none(),
    });
    let vars = [
        ("X_NODE_TIMEOUT_MS", "300"),
        ("X_NODE_DOWN_AFTER_MS", "300"),
    ];
    let function = Function::start(&node, &vars);
    IS_BROKEN.store(1, Ordering::SeqCst);
    let (result, first) = function.invoke_as("failing", &event_of_calls(400));
    result.unwrap_err();
    IS_BROKEN.store(0, Ordering::SeqCst);
    for n in 0..80 {
        let (result, _) = function.invoke_as(&format!("other-{n}"), &event_of_calls(1));
        result.unwrap();
    }
    let (result, second) = function.invoke_as("failing", &event_of_calls(400));
    result.unwrap();
    assert!(first["recordsForwarded"].as_u64().unwrap() > 0);
    assert_eq!(second["recordsForwardedEarlier"], first["recordsForwarded"]);
}

/// From a Node that has accepted records, 403 is a normal response. The events of an API with few calls have
/// one record each, and an attack must not fail its event three times.
#[test]
fn an_event_of_nothing_but_attacks_does_not_fail_once_the_node_is_known() {
    let node = faulty_node(|message, _| match message.http.target.as_str() {
        "/attack" => Fault::status(403),
        "/lost" => Fault::status(404),
        _ => Fault::none(),
    });
    let function = Function::start(&node, &[]);
    let attack = event_of([line("GET", "/attack")]);
    let failed = function.invoke(&attack, MINUTE).unwrap_err();
    assert_eq!(failed.error_type, "Function.RecordsRefused");
    function.invoke(&event_of_calls(1), MINUTE).unwrap();
    assert_eq!(function.invoke(&attack, MINUTE).unwrap()["refused"], 1);
    // Another status still means that something is wrong.
    let lost = event_of([line("GET", "/lost"), line("GET", "/attack")]);
    function.invoke(&lost, MINUTE).unwrap_err();
}

/// A 501 for an unknown method refuses that record, although it is a 5xx.
#[test]
fn a_method_that_the_node_does_not_know_is_refused() {
    let node = faulty_node(|message, _| match message.http.method.as_str() {
        "PROPFIND" => Fault::status(501),
        _ => Fault::none(),
    });
    let function = Function::start(&node, &[]);
    let lines = [line("GET", "/"), line("PROPFIND", "/")];
    let (result, report) = function.outcome_of(|| function.begin(&event_of(lines), MINUTE));
    assert_eq!(result.unwrap()["forwarded"], 1);
    assert_eq!(report["refused"], serde_json::json!({"501": 1}));
}

/// The Node drops the connection at a record, or wants that record much later. All other records still
/// arrive, those of its chunk and those after it.
#[test]
fn one_record_does_not_hold_up_the_others() {
    let drop = || Fault::shape(Shape::Drop);
    let much_later = || Fault::status(429).with_header("Retry-After", "3600");
    for (name, fault) in [("drop", drop as fn() -> Fault), ("later", much_later)] {
        for format in ["resend", "batch"] {
            let node = faulty_node(move |message, _| {
                let is_poison = |bytes: &[u8]| bytes.windows(7).any(|w| w == b"/poison");
                if is_poison(message.http.target.as_bytes()) || is_poison(&message.http.body) {
                    fault()
                } else {
                    Fault::none()
                }
            });
            let vars = [
                ("X_NODE_FORMAT", format),
                ("X_NODE_TIMEOUT_MS", "1500"),
                ("X_NODE_DOWN_AFTER_MS", "1500"),
            ];
            let function = Function::start(&node, &vars);
            // The very first record is one, too.
            let lines = (0..1000).map(|n| match n % 150 {
                0 => line("GET", "/poison"),
                _ => line("GET", &format!("/{n}")),
            });
            let (result, report) = function.outcome_of(|| function.begin(&event_of(lines), MINUTE));
            assert_eq!(
                result.unwrap_err().error_type,
                "Function.RecordsUndelivered",
                "{name}"
            );
            assert_adds_up(&report);
            // In a batch, "later" applies to all records of the message.
            if (name, format) != ("later", "batch") {
                assert_eq!(report["recordsUndelivered"], 7, "{name} {format} {report}");
                assert_eq!(node.snapshot().distinct, 993, "{name} {format}");
            }
        }
    }
}

/// A collector behind a filter responds with 403 to a batch that holds an attack. The other records of the
/// batch must arrive.
#[test]
fn an_attack_does_not_take_its_batch_with_it() {
    let node = faulty_node(|message, _| {
        let has_attack = message.http.body.windows(7).any(|w| w == b"/attack");
        if has_attack {
            Fault::status(403)
        } else {
            Fault::none()
        }
    });
    let function = Function::start(&node, &[("X_NODE_FORMAT", "batch")]);
    let lines = (0..1000).map(|n| match n {
        0 | 3 | 77 | 501 | 502 | 999 => line("GET", "/attack"),
        _ => line("GET", &format!("/{n}")),
    });
    let (result, report) = function.outcome_of(|| function.begin(&event_of(lines), MINUTE));
    assert_eq!(result.unwrap()["forwarded"], 994);
    assert_eq!(report["refused"], serde_json::json!({"403": 6}));
    assert_adds_up(&report);
}

/// A server closes after a 413, since it did not read the rest. It still gets the halves.
#[test]
fn a_connection_is_not_used_again_after_a_413() {
    for shape in [Shape::Close, Shape::CloseSilently] {
        let node = faulty_node(move |message, _| match &message.kind {
            Kind::Batch if message.http.body.len() > 8000 => Fault::status(413).with_shape(shape),
            _ => Fault::none(),
        });
        let function = Function::start(&node, &[("X_NODE_FORMAT", "batch")]);
        let (result, report) = function.outcome_of(|| function.begin(&event_of_calls(150), MINUTE));
        assert_eq!(result.unwrap()["forwarded"], 150);
        let exchanges = report["exchanges"].as_u64().unwrap();
        assert!(exchanges < 40, "{exchanges}");
    }
}

/// `Retry-After: 0` does not cause immediate retries without end.
#[test]
fn a_retry_after_of_zero_does_not_cause_a_hot_loop() {
    let node = faulty_node(|_, _| Fault::status(503).with_header("Retry-After", "0"));
    let vars = [
        ("X_NODE_TIMEOUT_MS", "800"),
        ("X_NODE_DOWN_AFTER_MS", "800"),
    ];
    let function = Function::start(&node, &vars);
    let (result, report) = function.outcome_of(|| function.begin(&event_of_calls(16), MINUTE));
    assert_eq!(
        result.unwrap_err().error_type,
        "Function.RecordsUndelivered"
    );
    let exchanges = report["exchanges"].as_u64().unwrap();
    assert!(exchanges < 200, "{exchanges}");
}

/// A number of seconds that no clock can count once caused a panic.
#[test]
fn a_retry_after_beyond_all_clocks_is_a_long_wait() {
    for value in ["18446744073709551615", "Fri, 31 Dec 9999 23:59:59 GMT"] {
        let node = faulty_node(move |_, _| Fault::status(429).with_header("Retry-After", value));
        let function = Function::start(&node, &[]);
        let failed = function.invoke(&event_of_calls(3), MINUTE).unwrap_err();
        assert_eq!(failed.error_type, "Function.RecordsUndelivered");
    }
}

/// A server closes each connection after one response, without announcing it. The function detects that
/// before it writes the next message, unless the close arrives too late.
#[test]
fn a_silent_close_is_detected() {
    let node = faulty_node(|_, _| Fault::shape(Shape::CloseSilently));
    let function = Function::start(&node, &[("X_NODE_CONNECTIONS", "1")]);
    function.invoke(&event_of_calls(100), MINUTE).unwrap();
    assert_got_all(&node, 100);
    let snapshot = node.snapshot();
    let repeated = snapshot.repeated_requests + snapshot.repeated_responses;
    // A close may arrive a moment after the response, on a busy machine more often. Without the check
    // before the next message, all hundred would be repeated.
    assert!(repeated < 80, "{snapshot:?}");
}

/// All faults together, at random from fixed seeds. Whatever the result of an event is, its report is true,
/// and Lambda's next attempt completes it.
#[test]
fn faults_at_random_lose_nothing() {
    static IS_FAULTY: AtomicUsize = AtomicUsize::new(0);
    for (seed, format) in (1..=8_u64).zip(["resend", "batch"].into_iter().cycle()) {
        let node = faulty_node(move |_, nth| {
            let mut random = (nth + seed * 7919).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            random ^= random >> 29;
            if IS_FAULTY.load(Ordering::SeqCst) == 0 {
                return Fault::none();
            }
            match random % 80 {
                0 => Fault::shape(Shape::Drop),
                1 => Fault::shape(Shape::Half),
                2 => Fault::shape(Shape::Garbage),
                3 => Fault::shape(Shape::Close),
                4 => Fault::shape(Shape::CloseSilently),
                5 => Fault::shape(Shape::Interim),
                6 => Fault::shape(Shape::Chunked),
                7 => Fault::status(503),
                8 => Fault::status(429).with_header("Retry-After", "0"),
                9 => Fault::status(500).with_shape(Shape::Close),
                10 => Fault::delay(Duration::from_millis(20)),
                _ => Fault::none(),
            }
        });
        let vars = [("X_NODE_FORMAT", format), ("X_NODE_CONNECTIONS", "4")];
        let function = Function::start(&node, &vars);
        IS_FAULTY.store(1, Ordering::SeqCst);
        let event = event_of_calls(600);
        let (result, report) = function.invoke_as("r", &event);
        assert_adds_up(&report);
        let count = |name: &str| report[name].as_u64().unwrap();
        let distinct = node.snapshot().distinct;
        // What the Node has accepted counts as undelivered if the response did not arrive.
        let (forwarded, undelivered) = (count("recordsForwarded"), count("recordsUndelivered"));
        assert!(
            forwarded <= distinct && distinct <= forwarded + undelivered,
            "{report}"
        );
        assert_eq!(result.is_ok(), undelivered == 0);
        IS_FAULTY.store(0, Ordering::SeqCst);
        if result.is_err() {
            let (result, _) = function.invoke_as("r", &event);
            assert_eq!(result.unwrap()["forwarded"], 600);
        }
        assert_got_all(&node, 600);
    }
}

/// A record whose domain is the Node's own would come back as a call, again and again.
#[test]
fn a_call_to_the_node_itself_is_not_forwarded() {
    let node = node();
    let port = node.address().port();
    let function = Function::start(&node, &[]);
    let lines = [
        "127.0.0.1".to_string(),
        format!("127.0.0.1:{port}"),
        "127.0.0.1.".into(),
        "api.example.com".into(),
    ]
    .map(|host| format!(r#"{{"httpMethod":"GET","path":"/","domainName":"{host}"}}"#));
    let (result, report) = function.outcome_of(|| function.begin(&event_of(lines), MINUTE));
    assert_eq!(result.unwrap()["forwarded"], 1);
    assert_eq!(report["skipped"], serde_json::json!({"ownNode": 3}));
}

/// A server that reads one message at a time, and drops what it has not read when it closes.
#[test]
fn a_server_without_pipelining_gets_everything() {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::sync::{Arc, Mutex};
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let seen = Arc::new(Mutex::new(Vec::new()));
    std::thread::spawn({
        let seen = Arc::clone(&seen);
        move || {
            for mut socket in listener.incoming().map_while(Result::ok) {
                let mut buffer = [0; 4096];
                let Ok(length) = socket.read(&mut buffer) else {
                    continue;
                };
                let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                seen.lock()
                    .unwrap()
                    .push(text.lines().next().unwrap_or_default().to_string());
                let _ = socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            }
        }
    });
    let function = Function::start_with(&[("X_NODE_URL", &address), ("X_NODE_SCHEME", "http")]);
    let result = function.invoke(&event_of_calls(100), MINUTE).unwrap();
    assert_eq!(result["forwarded"], 100);
    let seen = seen.lock().unwrap();
    for n in 0..100 {
        for method in ["GET", "POST"] {
            let message = format!("{method} /prod/pets/{n} HTTP/1.1");
            assert!(seen.contains(&message), "{message}");
        }
    }
}

/// A stand-in that is started again while the event runs, at the same address, which is to be a [`Port`].
pub(crate) fn restart_after(node: &mut StandInNode, messages: u64, pause: Duration) {
    let until = Instant::now() + PATIENCE;
    while node.snapshot().requests < messages {
        assert!(Instant::now() < until, "nothing arrives");
        std::thread::sleep(Duration::from_millis(1));
    }
    node.stop();
    std::thread::sleep(pause);
    node.restart().unwrap();
}
