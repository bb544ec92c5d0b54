//! `batch`: one POST of JSON for many records, for collectors that take it.
//!
//! `tests/golden/batch.http` fixes it. A number is a number, and what a line does not say is left
//! out.

use std::ops::Range;

use super::{
    Call, Chunk, Part, close_object, member, push_all, push_decimal, push_header, push_number,
    push_target, push_text, resend::named,
};
use crate::envelope::Header;

// The names on the wire: to change one, change its line and the golden files.
const HOST: &str = "Host";
const APPLICATION_ID: &str = "X-Wallarm-Application-Id";
const MESSAGE: &str = "X-Wallarm-Message";
const CONTENT_TYPE: &str = "Content-Type";
const CONTENT_LENGTH: &str = "Content-Length";

/// Makes the message around records.
#[derive(Debug)]
pub(crate) struct Frame {
    /// The head up to the value of `Content-Length`.
    head: Vec<u8>,
    application_id: i64,
}

impl Frame {
    /// `authority` is the Node's host and port, `path` a valid target, `headers` are valid
    /// names and values, and `names` valid names in place of ours.
    pub(crate) fn new(
        authority: &str,
        path: &str,
        application_id: i64,
        headers: &[(String, String)],
        names: &[(String, String)],
    ) -> Self {
        let mut head = b"POST ".to_vec();
        head.extend_from_slice(path.as_bytes());
        head.extend_from_slice(b" HTTP/1.1\r\n");
        push_header(&mut head, HOST, authority.as_bytes());
        push_header(
            &mut head,
            named(names, APPLICATION_ID),
            application_id.to_string().as_bytes(),
        );
        for (name, value) in headers {
            push_header(&mut head, name, value.as_bytes());
        }
        push_header(&mut head, named(names, MESSAGE), b"batch");
        push_header(&mut head, CONTENT_TYPE, b"application/json");
        head.extend_from_slice(CONTENT_LENGTH.as_bytes());
        head.extend_from_slice(b": ");
        Self {
            head,
            application_id,
        }
    }

    /// Appends the JSON of one record.
    pub(crate) fn push(&self, chunk: &mut Chunk, header: &Header, ordinal: usize, call: &Call<'_>) {
        if chunk.parts.is_empty() {
            self.begin(chunk, header);
        } else {
            chunk.bytes.push(b',');
        }
        let from = chunk.bytes.len();
        push_record(&mut chunk.bytes, call);
        let to = chunk.bytes.len();
        chunk.parts.push(Part {
            ordinal,
            from,
            middle: to,
            to,
            is_head: false,
        });
    }

    /// Begins an empty chunk: says which log group and stream its records are from.
    fn begin(&self, chunk: &mut Chunk, header: &Header) {
        let out = &mut chunk.bytes;
        out.extend_from_slice(b"{\"source\":");
        let from = out.len();
        for (name, value) in [
            (member!("account"), &header.owner),
            (member!("logGroup"), &header.log_group),
            (member!("logStream"), &header.log_stream),
        ] {
            let value = value.as_deref().filter(|value| !value.is_empty());
            push_text(out, name, value.map(str::as_bytes));
        }
        close_object(out, from);
        out.extend_from_slice(member!("applicationId").as_bytes());
        out.extend_from_slice(self.application_id.to_string().as_bytes());
        out.extend_from_slice(b",\"records\":[");
    }

    /// The whole message for some neighbouring parts of a chunk, in pieces: the parts stay where
    /// they are. Its head is written into `head`.
    pub(crate) fn message<'a>(
        &self,
        head: &'a mut Vec<u8>,
        chunk: &'a Chunk,
        parts: Range<usize>,
    ) -> [&'a [u8]; 4] {
        const END: &[u8] = b"]}";
        let parts = &chunk.parts[parts];
        let (Some(begin), Some(first), Some(last)) =
            (chunk.parts.first(), parts.first(), parts.last())
        else {
            return [&[]; 4];
        };
        let begin = &chunk.bytes[..begin.from];
        // The parts stand in the chunk with a comma between each two.
        let records = &chunk.bytes[first.from..last.to];
        head.clear();
        head.extend_from_slice(&self.head);
        push_decimal(head, (begin.len() + records.len() + END.len()) as u64);
        head.extend_from_slice(b"\r\n\r\n");
        [head, begin, records, END]
    }
}

fn push_record(out: &mut Vec<u8>, call: &Call<'_>) {
    let record = call.record;
    let from = out.len();
    push_text(out, member!("id"), Some(call.id.as_bytes()));
    push_number(
        out,
        member!("timestamp"),
        call.timestamp.and_then(|time| u64::try_from(time).ok()),
    );
    push_text(out, member!("requestId"), record.request_id);
    push_text(out, member!("method"), Some(record.method.as_bytes()));
    push_text(out, member!("host"), Some(record.host.as_bytes()));
    // A target has neither a quote nor a backslash.
    push_all(out, &[member!("path").as_bytes(), b"\""]);
    push_target(out, call.path, record.has_template);
    out.push(b'"');
    push_text(out, member!("template"), record.template);
    push_text(out, member!("protocol"), record.protocol);
    push_number(out, member!("status"), record.status.map(u64::from));
    push_number(out, member!("responseLength"), record.response_length);
    push_number(out, member!("responseLatency"), record.response_latency);
    push_number(
        out,
        member!("integrationLatency"),
        record.integration_latency,
    );
    push_number(
        out,
        member!("integrationStatus"),
        record.integration_status.map(u64::from),
    );
    push_number(out, member!("requestTimeEpoch"), call.epoch());
    push_text(out, member!("stage"), record.stage);
    push_text(
        out,
        member!("sourceIp"),
        record.source_ip.map(str::as_bytes),
    );
    push_text(out, member!("userAgent"), record.user_agent);
    push_text(out, member!("errorMessage"), record.error_message);
    close_object(out, from);
}
