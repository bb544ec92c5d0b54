//! `resend`: the request of the call, then what is known of its response.
//!
//! The first message is the original request without its body, the second a POST to the same path
//! with what the gateway logged of the response. The Node pairs the two by `X-Request-Id`,
//! whichever of its replicas gets them. `tests/golden/resend.http` fixes both.

use super::{Call, Chunk, Part, push_decimal, push_header, push_number, push_target, push_text};

// The names on the wire: to change one, change its line and the golden files.
const HOST: &str = "Host";
const USER_AGENT: &str = "User-Agent";
const FORWARDED_FOR: &str = "X-Forwarded-For";
const REAL_IP: &str = "X-Real-IP";
const FORWARDED_HOST: &str = "X-Forwarded-Host";
const FORWARDED_PROTO: &str = "X-Forwarded-Proto";
const REQUEST_ID: &str = "X-Request-Id";
const APPLICATION_ID: &str = "X-Wallarm-Application-Id";
const MESSAGE: &str = "X-Wallarm-Message";
const CONTENT_TYPE: &str = "Content-Type";
const CONTENT_LENGTH: &str = "Content-Length";

/// The headers that are ours, and that the configuration may therefore not add.
pub(crate) const OWN_HEADERS: [&str; 11] = [
    HOST,
    USER_AGENT,
    FORWARDED_FOR,
    REAL_IP,
    FORWARDED_HOST,
    FORWARDED_PROTO,
    REQUEST_ID,
    APPLICATION_ID,
    MESSAGE,
    CONTENT_TYPE,
    CONTENT_LENGTH,
];

/// Writes the messages of records.
#[derive(Debug)]
pub(crate) struct Writer {
    /// The headers that are the same in every message: application id, and the configured ones.
    constant: Vec<u8>,
}

impl Writer {
    /// `headers` are valid names and values.
    pub(crate) fn new(application_id: i64, headers: &[(String, String)]) -> Self {
        let mut constant = Vec::new();
        push_header(
            &mut constant,
            APPLICATION_ID,
            application_id.to_string().as_bytes(),
        );
        for (name, value) in headers {
            push_header(&mut constant, name, value.as_bytes());
        }
        Self { constant }
    }

    /// Appends the two messages of one record.
    pub(crate) fn push(&self, chunk: &mut Chunk, ordinal: usize, call: &Call<'_>) {
        let from = chunk.bytes.len();
        self.push_request(&mut chunk.bytes, call);
        let middle = chunk.bytes.len();
        self.push_response(&mut chunk.bytes, &mut chunk.scratch, call);
        chunk.parts.push(Part {
            ordinal,
            from,
            middle,
            to: chunk.bytes.len(),
            is_head: call.record.method == "HEAD",
        });
    }

    fn push_request(&self, out: &mut Vec<u8>, call: &Call<'_>) {
        let record = call.record;
        push_request_line(out, record.method, call);
        push_header(out, HOST, record.host.as_bytes());
        if let Some(user_agent) = record.user_agent {
            push_header(out, USER_AGENT, user_agent);
        }
        if let Some(source_ip) = record.source_ip {
            push_header(out, FORWARDED_FOR, source_ip.as_bytes());
            push_header(out, REAL_IP, source_ip.as_bytes());
        }
        push_header(out, FORWARDED_HOST, record.host.as_bytes());
        // API Gateway serves nothing but https.
        push_header(out, FORWARDED_PROTO, b"https");
        push_header(out, REQUEST_ID, call.id.as_bytes());
        out.extend_from_slice(&self.constant);
        push_header(out, MESSAGE, b"request");
        if matches!(record.method, "POST" | "PUT" | "PATCH") {
            // RFC 9110 §8.6: a method that has a use for a body should say that there is none.
            push_header(out, CONTENT_LENGTH, b"0");
        }
        out.extend_from_slice(b"\r\n");
    }

    fn push_response(&self, out: &mut Vec<u8>, body: &mut Vec<u8>, call: &Call<'_>) {
        let record = call.record;
        body.clear();
        body.push(b'{');
        push_text(body, "requestId", record.request_id);
        push_number(body, "status", record.status.map(u64::from));
        push_number(body, "responseLength", record.response_length);
        push_number(body, "responseLatency", record.response_latency);
        push_number(body, "integrationLatency", record.integration_latency);
        push_number(
            body,
            "integrationStatus",
            record.integration_status.map(u64::from),
        );
        push_number(body, "requestTimeEpoch", call.epoch());
        push_text(body, "protocol", record.protocol);
        push_text(body, "stage", record.stage);
        push_text(body, "errorMessage", record.error_message);
        body.push(b'}');

        push_request_line(out, "POST", call);
        push_header(out, HOST, record.host.as_bytes());
        push_header(out, REQUEST_ID, call.id.as_bytes());
        out.extend_from_slice(&self.constant);
        push_header(out, MESSAGE, b"response");
        push_header(out, CONTENT_TYPE, b"application/json");
        out.extend_from_slice(CONTENT_LENGTH.as_bytes());
        out.extend_from_slice(b": ");
        push_decimal(out, body.len() as u64);
        out.extend_from_slice(b"\r\n\r\n");
        out.extend_from_slice(body);
    }
}

fn push_request_line(out: &mut Vec<u8>, method: &str, call: &Call<'_>) {
    out.extend_from_slice(method.as_bytes());
    out.push(b' ');
    push_target(out, call.path, call.record.has_template);
    out.extend_from_slice(b" HTTP/1.1\r\n");
}
