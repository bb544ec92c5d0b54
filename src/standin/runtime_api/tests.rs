use std::{io::Read, thread};

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const NEXT: &str = "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n";

/// A client which understands just enough to read one answer.
struct Client(TcpStream);

#[derive(Debug)]
struct Answered {
    status: u16,
    head: String,
    body: Vec<u8>,
    chunks: usize,
}

impl Answered {
    fn header(&self, name: &str) -> Option<&str> {
        self.head
            .split("\r\n")
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

impl Client {
    fn new(api: &FakeRuntimeApi) -> Self {
        Self(TcpStream::connect(api.address()).unwrap())
    }

    fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            let mut byte = [0];
            self.0.read_exact(&mut byte).ok()?;
            line.push(byte[0]);
        }
        Some(String::from_utf8(line).unwrap())
    }

    fn read(&mut self) -> Option<Answered> {
        let mut head = String::new();
        loop {
            match self.line()?.as_str() {
                "\r\n" => break,
                line => head.push_str(line),
            }
        }
        let mut answered = Answered {
            status: head[9..12].parse().unwrap(),
            head,
            body: Vec::new(),
            chunks: 0,
        };
        if let Some(length) = answered.header("Content-Length") {
            answered.body = vec![0; length.parse().unwrap()];
            self.0.read_exact(&mut answered.body).ok()?;
        } else {
            loop {
                let length = usize::from_str_radix(self.line()?.trim_end(), 16).unwrap();
                let mut chunk = vec![0; length];
                self.0.read_exact(&mut chunk).ok()?;
                assert_eq!(self.line()?, "\r\n");
                if length == 0 {
                    break;
                }
                answered.body.extend_from_slice(&chunk);
                answered.chunks += 1;
            }
        }
        Some(answered)
    }

    fn send(&mut self, text: &str) -> Option<Answered> {
        self.0.write_all(text.as_bytes()).unwrap();
        self.read()
    }

    fn post(&mut self, path: &str, headers: &str, body: &[u8]) -> (u16, String) {
        let head = format!(
            "POST /2018-06-01/runtime/{path} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: {}\r\n\r\n",
            body.len()
        );
        self.0.write_all(head.as_bytes()).unwrap();
        self.0.write_all(body).unwrap();
        let answered = self.read().unwrap();
        (answered.status, String::from_utf8(answered.body).unwrap())
    }
}

fn response(id: &str) -> String {
    format!("invocation/{id}/response")
}

#[test]
fn next_waits_for_an_event_and_repeats_it_until_it_is_answered() {
    let api = FakeRuntimeApi::start().unwrap();
    assert_eq!(api.wait_first_next(Duration::from_millis(20)), None);
    let mut client = Client::new(&api);
    let first = thread::scope(|scope| {
        let polling = scope.spawn(|| client.send(NEXT).unwrap());
        assert!(api.wait_first_next(5 * SECOND).is_some());
        assert!(api.wait_idle(5 * SECOND));
        assert!(!polling.is_finished());
        let invocation = api.invoke(b"{\"a\":1}", 60 * SECOND);
        assert_eq!(invocation.wait(Duration::from_millis(20)), None);
        polling.join().unwrap()
    });
    assert_eq!(
        (first.status, first.body.as_slice()),
        (200, b"{\"a\":1}".as_slice())
    );
    let id = first
        .header("Lambda-Runtime-Aws-Request-Id")
        .unwrap()
        .to_owned();
    let deadline = first.header("Lambda-Runtime-Deadline-Ms").unwrap();
    assert_eq!(deadline.len(), 13);
    assert!(
        first
            .header("Lambda-Runtime-Trace-Id")
            .unwrap()
            .starts_with("Root=")
    );
    assert!(
        first
            .header("Lambda-Runtime-Invoked-Function-Arn")
            .is_some()
    );
    assert_eq!(first.header("Lambda-Runtime-Invocation-Id"), None);

    let again = Client::new(&api).send(NEXT).unwrap();
    assert_eq!((&again.head, &again.body), (&first.head, &first.body));

    let second = api.invoke(b"{}", SECOND);
    assert_eq!(client.post(&response("other"), "", b"{}").0, 400);
    assert_eq!(
        client.post(&response(&id), "", b"{}"),
        (202, "{\"status\":\"OK\"}\n".into())
    );
    let (status, body) = client.post(&response(&id), "", b"{}");
    assert_eq!(status, 403);
    assert!(body.contains("InvalidStateTransition"));
    let error = format!("invocation/{id}/error");
    assert_eq!(client.post(&error, "", b"").0, 403);
    assert_eq!(client.send(NEXT).unwrap().body, b"{}");
    assert_eq!(
        client.post(&response(second.request_id()), "", b"null").0,
        202
    );
    assert_eq!(
        second.wait(SECOND),
        Some(Outcome::Response(b"null".to_vec()))
    );
    let statuses: Vec<u16> = api.posts().iter().map(|post| post.status).collect();
    assert_eq!(
        (statuses, api.connections(), api.polls()),
        (vec![400, 202, 403, 403, 202], 2, 3)
    );
}

#[test]
fn framing_follows_the_size_unless_told_otherwise() {
    let api = FakeRuntimeApi::start().unwrap();
    let mut client = Client::new(&api);
    for (size, framing, is_chunked) in [
        (2048, Framing::AsLambda, false),
        (2049, Framing::AsLambda, true),
        (1_000_000, Framing::AsLambda, true),
        (2, Framing::Chunked, true),
        (100_000, Framing::Sized, false),
    ] {
        let event: Vec<u8> = (0..size)
            .map(|i| b'a' + u8::try_from(i % 23).unwrap())
            .collect();
        let options = InvokeOptions {
            framing,
            ..InvokeOptions::default()
        };
        let invocation = api.invoke_with(&event, SECOND, options);
        let answered = client.send(NEXT).unwrap();
        assert!(answered.body == event, "{size}");
        assert_eq!(answered.chunks > 1, is_chunked, "{size}");
        assert_eq!(
            client.post(&response(invocation.request_id()), "", b"").0,
            202
        );
    }
}

#[test]
fn errors_are_recorded_with_their_headers() {
    let api = FakeRuntimeApi::start().unwrap();
    let mut client = Client::new(&api);
    let options = InvokeOptions {
        request_id: Some("same".into()),
        ..InvokeOptions::default()
    };
    for _ in 0..2 {
        let invocation = api.invoke_with(b"{}", SECOND, options.clone());
        client.send(NEXT).unwrap();
        let kind = "lambda-runtime-function-error-type: Runtime.Odd\r\n";
        assert_eq!(
            client.post("invocation/same/error", kind, b"{\"x\":1}").0,
            202
        );
        let expected = Outcome::Error {
            error_type: Some("Runtime.Odd".into()),
            body: b"{\"x\":1}".to_vec(),
        };
        assert_eq!(invocation.wait(SECOND), Some(expected));
    }
    assert_eq!(
        api.posts()[1].header("Lambda-Runtime-Function-Error-Type"),
        Some("Runtime.Odd")
    );
    assert_eq!(client.post("init/error", "", b"{}").0, 403);
    assert!(api.wait_init_error(Duration::ZERO).is_none());
}

#[test]
fn init_error_is_taken_once_before_the_first_next() {
    let api = FakeRuntimeApi::start().unwrap();
    let mut client = Client::new(&api);
    let kind = "Lambda-Runtime-Function-Error-Type: Runtime.ConfigInvalid\r\n";
    assert_eq!(client.post("init/error", kind, b"{}").0, 202);
    assert_eq!(client.post("init/error", "", b"{}").0, 403);
    let post = api.wait_init_error(SECOND).unwrap();
    assert_eq!(
        (
            post.path.as_str(),
            post.header("lambda-runtime-function-error-type")
        ),
        ("runtime/init/error", Some("Runtime.ConfigInvalid"))
    );
}

#[test]
fn response_may_have_six_mebibytes_and_a_hundred() {
    let api = FakeRuntimeApi::start().unwrap();
    let mut client = Client::new(&api);
    for (size, expected, then) in [(6_291_556, 202, 403), (6_291_557, 413, 403)] {
        let invocation = api.invoke(b"{}", SECOND);
        client.send(NEXT).unwrap();
        let path = response(invocation.request_id());
        assert_eq!(client.post(&path, "", &vec![b' '; size]).0, expected);
        assert_eq!(
            client.post(&path.replace("response", "error"), "", b"").0,
            then
        );
        assert_eq!(
            matches!(invocation.wait(SECOND), Some(Outcome::Response(_))),
            expected == 202
        );
    }
}

#[test]
fn invocation_id_is_checked_when_it_is_echoed() {
    let api = FakeRuntimeApi::start().unwrap();
    let mut client = Client::new(&api);
    for (echo, expected) in [("", 202), ("right", 202), ("stale", 410)] {
        let options = InvokeOptions {
            invocation_id: Some("right".into()),
            ..InvokeOptions::default()
        };
        let invocation = api.invoke_with(b"{}", SECOND, options);
        let answered = client.send(NEXT).unwrap();
        assert_eq!(
            answered.header("Lambda-Runtime-Invocation-Id"),
            Some("right")
        );
        let header = match echo {
            "" => String::new(),
            echo => format!("Lambda-Runtime-Invocation-Id: {echo}\r\n"),
        };
        let path = response(invocation.request_id());
        assert_eq!(client.post(&path, &header, b"").0, expected, "{echo}");
        assert_eq!(
            invocation.wait(SECOND) == Some(Outcome::Gone),
            expected == 410
        );
    }
}

#[test]
fn faults_are_played_once() {
    let api = FakeRuntimeApi::start().unwrap();
    let invocation = api.invoke(b"{\"a\":1}", SECOND);
    for fault in [
        NextFault::DropAtOnce,
        NextFault::DropWithEvent,
        NextFault::Half,
    ] {
        api.spoil_next(fault);
        assert!(Client::new(&api).send(NEXT).is_none(), "{fault:?}");
    }
    let mut client = Client::new(&api);
    assert_eq!(client.send(NEXT).unwrap().body, b"{\"a\":1}");
    let path = response(invocation.request_id());
    api.spoil_post(PostFault::InternalError);
    api.spoil_post(PostFault::Gone);
    assert_eq!(client.post(&path, "", b"").0, 500);
    assert_eq!(invocation.wait(Duration::ZERO), None);
    assert_eq!(client.post(&path, "", b"").0, 410);
    assert_eq!(invocation.wait(SECOND), Some(Outcome::Gone));
}

#[test]
fn other_requests_are_answered_as_the_service_does() {
    let api = FakeRuntimeApi::start().unwrap();
    for (request, expected) in [
        ("GET /2018-06-01/ping HTTP/1.1\r\nHost: x\r\n\r\n", 200),
        (
            "GET /2018-06-01/runtime/ping HTTP/1.1\r\nHost: x\r\n\r\n",
            404,
        ),
        (
            "GET /2018-06-01/runtime/restore/next HTTP/1.1\r\nHost: x\r\n\r\n",
            404,
        ),
        ("GET /other HTTP/1.1\r\nHost: x\r\n\r\n", 404),
        (
            "PUT /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n",
            405,
        ),
        (
            "GET /2018-06-01/runtime/invocation/1/response HTTP/1.1\r\nHost: x\r\n\r\n",
            405,
        ),
        (
            "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n\r\n",
            400,
        ),
    ] {
        let mut client = Client::new(&api);
        let answered = client.send(request).unwrap();
        assert_eq!(answered.status, expected, "{request}");
        assert_eq!(answered.header("Allow").is_some(), expected == 405);
        assert_eq!(
            answered.header("Connection") == Some("close"),
            expected == 400
        );
        if expected == 400 {
            assert!(client.read().is_none());
        }
    }
}

#[test]
fn pipelined_response_and_next_are_answered_in_order() {
    let api = FakeRuntimeApi::start().unwrap();
    let (first, _second) = (api.invoke(b"1", SECOND), api.invoke(b"2", SECOND));
    let mut client = Client::new(&api);
    client.send(NEXT).unwrap();
    let post = format!(
        "POST /2018-06-01/runtime/{} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{{}}{NEXT}",
        response(first.request_id())
    );
    assert_eq!(client.send(&post).unwrap().status, 202);
    assert_eq!(client.read().unwrap().body, b"2");
}

#[test]
fn poll_of_a_client_which_has_gone_takes_no_event() {
    let api = FakeRuntimeApi::start().unwrap();
    let mut client = Client::new(&api);
    client.0.write_all(NEXT.as_bytes()).unwrap();
    assert!(api.wait_idle(5 * SECOND));
    drop(client);
    while api.wait_idle(Duration::ZERO) {
        thread::sleep(Duration::from_millis(5));
    }
    api.invoke(b"{}", SECOND);
    assert_eq!(Client::new(&api).send(NEXT).unwrap().body, b"{}");
}
