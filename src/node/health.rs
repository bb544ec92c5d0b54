//! Waiting for a healthy Node: its health check is asked again and again, over a new connection each time.
//!
//! The way is that of the records: the same address, certificates and timeouts. No header of `X_NODE_HEADERS` is sent,
//! since a health check needs none.

use std::iter;
use std::thread;
use std::time::{Duration, Instant};

use super::dial::Dialer;
use super::failure::Failure;
use crate::account::Waited;
use crate::error::{Category, Error};

/// From the begin of an attempt to that of the next one.
const INTERVAL: Duration = Duration::from_secs(5);

/// Where to look for the reason why no Node runs.
const WHERE_TO_LOOK: &str =
    "; if ECS runs the Node, the events of its service and the Node's log group say why";

/// Waits until the health check at `path` has the response 200, for `time` at most, and never past the deadline.
///
/// # Errors
///
/// Where it had no such response. The text has the reason of the last attempt that was not cut off.
pub(super) fn wait(
    dialer: &Dialer,
    path: &str,
    time: Duration,
    deadline: Instant,
    waited: &mut Waited,
) -> Result<(), Error> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {}\r\nUser-Agent: cw-resend-lambda\r\nConnection: close\r\n\r\n",
        dialer.authority(),
    );
    let begin = Instant::now();
    let end = deadline.min(begin + time);
    let mut why = String::new();
    loop {
        let next = Instant::now() + INTERVAL;
        let is_first = waited.attempts == 0;
        // The first one has the time that it takes, however short the wait is to be.
        let until = if is_first { deadline } else { end };
        let result = attempt(dialer, request.as_bytes(), until);
        waited.attempts += 1;
        waited.seconds = begin.elapsed().as_secs();
        // What was cut off at the end tells less than the attempt before it.
        let is_cut = !is_first && Instant::now() >= end;
        match result {
            Ok(200) => return Ok(()),
            Ok(status) => why = of_status(status),
            Err(failure) if !is_cut => why = of_failure(&failure),
            Err(_) => {}
        }
        let next = next.max(Instant::now());
        if next >= end {
            break;
        }
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    let (attempts, seconds) = (waited.attempts, waited.seconds);
    let plural = if attempts == 1 { "" } else { "s" };
    let limit = if end == deadline {
        ", as long as the function's timeout allows"
    } else {
        ""
    };
    let text = format!(
        "no healthy response from {} in {seconds} s and {attempts} attempt{plural}{limit}; the last reason: {why}",
        dialer.place(),
    );
    Err(Error::new(Category::Unhealthy, "wait for the Node", text))
}

/// The status of one response.
fn attempt(dialer: &Dialer, request: &[u8], until: Instant) -> Result<u16, Failure> {
    let left = until.saturating_duration_since(Instant::now());
    let mut connection = dialer.dial(left)?;
    let until = until.min(Instant::now() + dialer.response_timeout);
    connection.write(iter::once(request), until)?;
    let response = connection.read(false, &mut |_| (until, Duration::ZERO))?;
    Ok(response.status)
}

/// What a status means for a health check, and what to do.
#[cold]
fn of_status(status: u16) -> String {
    let (text, place) = match status {
        404 => (
            "something else than a Node's health check is there: check X_NODE_URL and the path in waitForNode",
            "",
        ),
        300..=400 => (
            "the address is another program's, or of another scheme: check X_NODE_URL and X_NODE_SCHEME",
            "",
        ),
        502..=504 => (
            "the load balancer has no healthy Node behind it",
            WHERE_TO_LOOK,
        ),
        _ => ("expected 200", WHERE_TO_LOOK),
    };
    format!("status {status}: {text}{place}")
}

/// Why there was no response, and what to do.
#[cold]
fn of_failure(failure: &Failure) -> String {
    let is_of_the_settings = matches!(
        failure,
        Failure::Tls(_) | Failure::TlsInPlain | Failure::Http(_) | Failure::HandshakeTimeout
    );
    let place = if is_of_the_settings {
        ""
    } else {
        WHERE_TO_LOOK
    };
    format!("{failure}{place}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_do_is_told() {
        for (text, expected, is_of_the_node) in [
            (of_status(404), "status 404: something else than", false),
            (of_status(301), "X_NODE_SCHEME", false),
            (of_status(400), "X_NODE_SCHEME", false),
            (
                of_status(503),
                "status 503: the load balancer has no healthy Node",
                true,
            ),
            (of_status(500), "status 500: expected 200", true),
            (of_status(204), "status 204: expected 200", true),
            (
                of_failure(&Failure::ConnectionRefused),
                "nothing listens",
                true,
            ),
            (
                of_failure(&Failure::ConnectTimeout),
                "security groups",
                true,
            ),
            (
                of_failure(&Failure::LookUp("x".to_string())),
                "the function's DNS",
                true,
            ),
            (of_failure(&Failure::Timeout), "no response", true),
            (
                of_failure(&Failure::TlsInPlain),
                "X_NODE_SCHEME=https",
                false,
            ),
            (
                of_failure(&Failure::Tls("UnknownIssuer".to_string())),
                "X_NODE_CA_CERT",
                false,
            ),
        ] {
            assert!(text.contains(expected), "{text}");
            assert_eq!(text.ends_with(WHERE_TO_LOOK), is_of_the_node, "{text}");
        }
    }
}
