//! `resend`: the request of the call, then what is known of its response.
//!
//! The first message is the original request without its body, the second a POST to the same path
//! with what the gateway logged of the response. The Node pairs the two by `X-Request-Id`,
//! whichever of its replicas gets them. `tests/golden/resend.http` fixes both.

use std::ops::Range;

use super::{
    Call, Chunk, Part, close_object, member, push_all, push_decimal, push_header_value,
    push_number, push_target, push_text,
};

// The names on the wire, after the end of the line before: to change one, change its line and the golden files.
const HOST: &str = "\r\nHost: ";
const USER_AGENT: &str = "\r\nUser-Agent: ";
const FORWARDED_FOR: &str = "\r\nX-Forwarded-For: ";
const REAL_IP: &str = "\r\nX-Real-IP: ";
const FORWARDED_HOST: &str = "\r\nX-Forwarded-Host: ";
const FORWARDED_PROTO: &str = "\r\nX-Forwarded-Proto: ";
const REQUEST_ID: &str = "\r\nX-Request-Id: ";
const APPLICATION_ID: &str = "\r\nX-Wallarm-Application-Id: ";
const MESSAGE: &str = "\r\nX-Wallarm-Message: ";
const CONTENT_TYPE: &str = "\r\nContent-Type: ";
const CONTENT_LENGTH: &str = "\r\nContent-Length: ";

/// The headers that are ours, and that the configuration may therefore not add.
pub(crate) const OWN_HEADERS: [&str; 11] = [
    name(HOST),
    name(USER_AGENT),
    name(FORWARDED_FOR),
    name(REAL_IP),
    name(FORWARDED_HOST),
    name(FORWARDED_PROTO),
    name(REQUEST_ID),
    name(APPLICATION_ID),
    name(MESSAGE),
    name(CONTENT_TYPE),
    name(CONTENT_LENGTH),
];

/// Those of them that may have another name. The others frame a message, or say what its body is.
pub(crate) const NAMED_HEADERS: [&str; 8] = [
    name(USER_AGENT),
    name(FORWARDED_FOR),
    name(REAL_IP),
    name(FORWARDED_HOST),
    name(FORWARDED_PROTO),
    name(REQUEST_ID),
    name(APPLICATION_ID),
    name(MESSAGE),
];

/// A name without what stands around it.
const fn name(begin: &str) -> &str {
    let (_, rest) = begin.split_at(2);
    rest.split_at(rest.len() - 2).0
}

/// The name under which one of our headers goes: another one where `names` has it.
pub(crate) fn named<'a>(names: &'a [(String, String)], own: &'static str) -> &'a str {
    let found = names.iter().find(|(name, _)| name == own);
    found.map_or(own, |(_, other)| other)
}

/// Writes the messages of records.
#[derive(Debug)]
pub(crate) struct Writer {
    // How each of these lines begins.
    user_agent: String,
    forwarded_for: String,
    real_ip: String,
    forwarded_host: String,
    /// The line that is the same for every call, and how the id's begins.
    request_id_after_proto: String,
    request_id: String,
    /// What follows the record's id, and is the same in every message: application id, the configured headers, and which
    /// message it is.
    request_end: Vec<u8>,
    /// It ends where the length of the body goes.
    response_end: Vec<u8>,
}

impl Writer {
    /// `headers` are valid names and values, and `names` valid names in place of ours.
    pub(crate) fn new(
        application_id: i64,
        headers: &[(String, String)],
        names: &[(String, String)],
    ) -> Self {
        // Each line begins with the end of the one before.
        let begin = |own: &'static str| format!("\r\n{}: ", named(names, name(own)));
        let mut constant = format!("{}{application_id}", begin(APPLICATION_ID)).into_bytes();
        for (name, value) in headers {
            push_all(&mut constant, &[b"\r\n", name.as_bytes(), b": "]);
            push_header_value(&mut constant, value.as_bytes());
        }
        let end = |pieces: &[&str]| [&constant[..], pieces.concat().as_bytes()].concat();
        let (message, request_id) = (begin(MESSAGE), begin(REQUEST_ID));
        Self {
            user_agent: begin(USER_AGENT),
            forwarded_for: begin(FORWARDED_FOR),
            real_ip: begin(REAL_IP),
            forwarded_host: begin(FORWARDED_HOST),
            // API Gateway serves nothing but https.
            request_id_after_proto: format!("{}https{request_id}", begin(FORWARDED_PROTO)),
            request_id,
            request_end: end(&[&message, "request"]),
            response_end: end(&[
                &message,
                "response",
                CONTENT_TYPE,
                "application/json",
                CONTENT_LENGTH,
            ]),
        }
    }

    /// Appends the two messages of one record.
    pub(crate) fn push(&self, chunk: &mut Chunk, ordinal: usize, call: &Call<'_>) {
        let from = chunk.bytes.len();
        let target = self.push_request(&mut chunk.bytes, call);
        let middle = chunk.bytes.len();
        self.push_response(&mut chunk.bytes, &mut chunk.scratch, target, call);
        chunk.parts.push(Part {
            ordinal,
            from,
            middle,
            to: chunk.bytes.len(),
            is_head: call.record.method == "HEAD",
        });
    }

    /// Returns where its target stands.
    fn push_request(&self, out: &mut Vec<u8>, call: &Call<'_>) -> Range<usize> {
        let record = call.record;
        // It is valid, as the address and the id are.
        let host = record.host.as_bytes();
        push_all(out, &[record.method.as_bytes(), b" "]);
        let target = out.len();
        push_target(out, call.path, record.has_template);
        let target = target..out.len();
        push_all(out, &[HTTP, HOST.as_bytes(), host]);
        if let Some(user_agent) = record.user_agent {
            out.extend_from_slice(self.user_agent.as_bytes());
            push_header_value(out, user_agent);
        }
        if let Some(source_ip) = record.source_ip.map(str::as_bytes) {
            let (forwarded_for, real_ip) = (self.forwarded_for.as_bytes(), self.real_ip.as_bytes());
            push_all(out, &[forwarded_for, source_ip, real_ip, source_ip]);
        }
        push_all(
            out,
            &[
                self.forwarded_host.as_bytes(),
                host,
                self.request_id_after_proto.as_bytes(),
                call.id.as_bytes(),
                &self.request_end,
            ],
        );
        if matches!(record.method, "POST" | "PUT" | "PATCH") {
            // RFC 9110 §8.6: a method that has a use for a body should say that there is none.
            push_all(out, &[CONTENT_LENGTH.as_bytes(), b"0"]);
        }
        out.extend_from_slice(b"\r\n\r\n");
        target
    }

    fn push_response(
        &self,
        out: &mut Vec<u8>,
        body: &mut Vec<u8>,
        target: Range<usize>,
        call: &Call<'_>,
    ) {
        let record = call.record;
        body.clear();
        push_text(body, member!("requestId"), record.request_id);
        push_number(body, member!("status"), record.status.map(u64::from));
        push_number(body, member!("responseLength"), record.response_length);
        push_number(body, member!("responseLatency"), record.response_latency);
        push_number(
            body,
            member!("integrationLatency"),
            record.integration_latency,
        );
        push_number(
            body,
            member!("integrationStatus"),
            record.integration_status.map(u64::from),
        );
        push_number(body, member!("requestTimeEpoch"), call.epoch());
        push_text(body, member!("protocol"), record.protocol);
        push_text(body, member!("stage"), record.stage);
        push_text(body, member!("errorMessage"), record.error_message);
        close_object(body, 0);

        out.extend_from_slice(b"POST ");
        out.extend_from_within(target);
        push_all(
            out,
            &[
                HTTP,
                HOST.as_bytes(),
                record.host.as_bytes(),
                self.request_id.as_bytes(),
                call.id.as_bytes(),
                &self.response_end,
            ],
        );
        push_decimal(out, body.len() as u64);
        push_all(out, &[b"\r\n\r\n", body]);
    }
}

/// What ends a request line, but for the line's end.
const HTTP: &[u8] = b" HTTP/1.1";
