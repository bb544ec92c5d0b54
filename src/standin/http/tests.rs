use std::io::Cursor;

use super::*;

/// Parses `input` pushed in pieces of `size`, and returns the messages before the end or the violation.
fn parse(input: &[u8], size: usize) -> (Vec<Message>, Result<(), Violation>) {
    let mut parser = Parser::default();
    let mut messages = Vec::new();
    for piece in input.chunks(size) {
        parser.push(piece);
        loop {
            match parser.step() {
                Ok(Step::Message(message)) => messages.push(message),
                Ok(Step::NeedInput) => break,
                Err(violation) => return (messages, Err(violation)),
            }
        }
    }
    (messages, parser.finish())
}

fn check(input: &[u8], expected: &str) {
    for size in [1, 2, 3, 7, input.len()] {
        let (messages, end) = parse(input, size);
        let violation = end.expect_err(expected).to_string();
        assert!(
            violation.contains(expected),
            "{violation:?} lacks {expected:?} in pieces of {size}"
        );
        assert!(messages.is_empty(), "{expected}");
        assert!(violation.bytes().all(|byte| !byte.is_ascii_control()));
    }
}

macro_rules! violations {
    ($($name:ident: $input:expr => $expected:expr;)*) => {
        $(#[test]
        fn $name() {
            check($input, $expected);
        })*
    };
}

violations! {
    bare_line_feed: b"GET / HTTP/1.1\nHost: a\n\n" => "bare line feed";
    bare_line_feed_in_headers: b"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n" => "bare line feed";
    bare_carriage_return: b"GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n" => "bare carriage return";
    doubled_carriage_return: b"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n" => "bare carriage return";
    folded_header: b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n" => "folded line";
    folded_with_tab: b"GET / HTTP/1.1\r\nHost: a\r\n\tz\r\n\r\n" => "folded line";
    space_before_colon: b"GET / HTTP/1.1\r\nHost : a\r\n\r\n" => "header name";
    no_colon: b"GET / HTTP/1.1\r\nHost\r\n\r\n" => "colon";
    empty_name: b"GET / HTTP/1.1\r\n: a\r\n\r\n" => "header name";
    name_not_a_token: b"GET / HTTP/1.1\r\nHo(st: a\r\n\r\n" => "header name";
    name_not_ascii: b"GET / HTTP/1.1\r\nH\xc3\xb6st: a\r\n\r\n" => "header name";
    nul_in_value: b"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n" => "control characters";
    escape_in_value: b"GET / HTTP/1.1\r\nHost: a\r\nX: \x1b[2J\r\n\r\n" => "control characters";
    delete_in_value: b"GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n" => "control characters";
    empty_line_first: b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n" => "a method";
    empty_method: b" / HTTP/1.1\r\nHost: a\r\n\r\n" => "a method";
    method_not_a_token: b"G@T / HTTP/1.1\r\nHost: a\r\n\r\n" => "a method";
    two_spaces: b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n" => "a method, a target and a version";
    space_in_target: b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n" => "a method, a target and a version";
    trailing_space: b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n" => "a method, a target and a version";
    control_in_target: b"GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n" => "visible ASCII";
    target_not_ascii: b"GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n" => "visible ASCII";
    target_without_slash: b"GET a HTTP/1.1\r\nHost: a\r\n\r\n" => "starts with `/`";
    absolute_target: b"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n" => "starts with `/`";
    whole_address: b"GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n" => "not a whole address as for a proxy";
    tls: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" => "the first bytes of TLS";
    http_2: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" => "the first bytes of HTTP/2";
    proxy_protocol: b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n" => "the PROXY protocol";
    socks: b"\x05\x01\x00" => "a request of HTTP, found";
    asterisk_target: b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n" => "starts with `/`";
    http_1_0: b"GET / HTTP/1.0\r\nHost: a\r\n\r\n" => "`HTTP/1.1`";
    version_in_lower_case: b"GET / http/1.1\r\nHost: a\r\n\r\n" => "`HTTP/1.1`";
    no_version: b"GET /\r\nHost: a\r\n\r\n" => "a method, a target and a version";
    no_host: b"GET / HTTP/1.1\r\nX: a\r\n\r\n" => "one Host, found 0";
    two_hosts: b"GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n" => "one Host, found 2";
    empty_host: b"GET / HTTP/1.1\r\nHost:\r\n\r\n" => "a host name";
    host_with_slash: b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n" => "a host name";
    host_with_at: b"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n" => "a host name";
    two_lengths: b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\ncontent-length: 0\r\n\r\n" => "one Content-Length";
    two_request_ids: b"GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: 1\r\nX-Request-Id: 1\r\n\r\n" => "one X-Request-Id";
    two_kinds: b"GET / HTTP/1.1\r\nHost: a\r\nX-Wallarm-Message: request\r\nX-Wallarm-Message: request\r\n\r\n" => "one X-Wallarm-Message";
    signed_length: b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\na" => "digits";
    empty_length: b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n" => "digits";
    list_of_lengths: b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\na" => "digits";
    length_over_limit: b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8388609\r\n\r\n" => "within the limit";
    length_beyond_numbers: b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n" => "within the limit";
    chunked: b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" => "found Transfer-Encoding";
    length_and_chunked: b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n" => "found Transfer-Encoding";
    end_in_request_line: b"GET / HT" => "end of the request line";
    end_in_headers: b"GET / HTTP/1.1\r\nHost: a\r\n" => "end of the headers";
    end_in_body: b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab" => "rest of the body";
    head_over_limit: &[b"GET / HTTP/1.1\r\nHost: a\r\nX: ".as_slice(), &[b'x'; MAX_HEAD_BYTES]].concat() => "at most 65536 bytes";
    many_headers_over_limit: &[b"GET / HTTP/1.1\r\nHost: a\r\n".as_slice(), &b"X: y\r\n".repeat(11_000)].concat() => "at most 65536 bytes";
}

#[test]
fn pipelined_messages_come_out_in_order() {
    let input = b"GET /a?b#c HTTP/1.1\r\nHost: api.example.com:8080\r\nX:\t \"y\xe9\tz\" \r\n\r\n\
        POST /b HTTP/1.1\r\nhost: b\r\nContent-Length: 6\r\n\r\nx\r\n\r\ny\
        PURGE /c HTTP/1.1\r\nHost: c\r\nContent-Length: 00\r\n\r\n";
    for size in 1..=input.len() {
        let (messages, end) = parse(input, size);
        assert_eq!(end, Ok(()));
        let [a, b, c] = messages.as_slice() else {
            panic!("expected three messages, found {}", messages.len());
        };
        assert_eq!(
            (a.method.as_str(), a.target.as_str(), a.header("x")),
            ("GET", "/a?b#c", Some(b"\"y\xe9\tz\"".as_slice()))
        );
        assert_eq!(a.text_header("x"), None);
        assert_eq!(
            (b.text_header("HOST"), b.body.as_slice()),
            (Some("b"), b"x\r\n\r\ny".as_slice())
        );
        assert_eq!((c.method.as_str(), c.body.len()), ("PURGE", 0));
    }
}

#[test]
fn head_at_the_limit_is_accepted() {
    let start = b"GET / HTTP/1.1\r\nHost: a\r\nX: ";
    let value = vec![b'x'; MAX_HEAD_BYTES - start.len() - 4];
    let input = [start.as_slice(), &value, b"\r\n\r\n"].concat();
    assert_eq!(input.len(), MAX_HEAD_BYTES);
    let (messages, end) = parse(&[input.clone(), input].concat(), 1000);
    assert_eq!((messages.len(), end), (2, Ok(())));
}

#[test]
fn nothing_follows_a_violation() {
    let mut parser = Parser::default();
    parser.push(b"BAD\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(parser.step().is_err());
    assert!(parser.step().is_err());
}

#[test]
fn reader_tells_a_clean_end_from_a_cut() {
    let whole = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut reader = Reader::new(Cursor::new(whole.as_slice()));
    assert!(reader.buffered().unwrap().is_none());
    assert_eq!(reader.message().unwrap().unwrap().target, "/");
    assert!(reader.message().unwrap().is_none());
    for cut in 1..whole.len() {
        let mut reader = Reader::new(&whole[..cut]);
        assert!(
            matches!(reader.message(), Err(ReadError::CutShort(_))),
            "{cut}"
        );
    }
}
