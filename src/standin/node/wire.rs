//! The shape of the messages: what their headers and documents must have, and nothing else.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Deserializer, de::Error as _};

use super::fault::Kind;
use crate::standin::http::{self, excerpt, is_token};

/// What a well-formed message says.
#[derive(Debug)]
pub(super) enum Content {
    Request(Call),
    /// The call has the method of the message, which is not that of the request it belongs to.
    Response(Call, Metadata),
    Batch(Vec<(Call, Metadata)>),
}

/// What names a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) id: String,
    pub(super) method: String,
    pub(super) host: String,
    pub(super) path: String,
}

/// What is known of a call's response. An unknown field must be left out. It must not be `null`.
#[derive(Debug, Default, Hash, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct Metadata {
    #[serde(deserialize_with = "present")]
    request_id: Option<String>,
    #[serde(deserialize_with = "present")]
    pub(super) status: Option<u16>,
    #[serde(deserialize_with = "present")]
    response_length: Option<u64>,
    #[serde(deserialize_with = "present")]
    pub(super) response_latency: Option<u64>,
    #[serde(deserialize_with = "present")]
    integration_latency: Option<u64>,
    #[serde(deserialize_with = "present")]
    integration_status: Option<u16>,
    #[serde(deserialize_with = "present")]
    pub(super) request_time_epoch: Option<u64>,
    #[serde(deserialize_with = "present")]
    protocol: Option<String>,
    #[serde(deserialize_with = "present")]
    stage: Option<String>,
    #[serde(deserialize_with = "present")]
    error_message: Option<String>,
}

impl Metadata {
    /// A hash to compare two deliveries of one record with.
    pub(super) fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Batch {
    source: Source,
    application_id: i64,
    records: Vec<BatchRecord>,
}

/// Only its shape matters here. Lines that came without a document have no log group.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Source {
    #[serde(default, rename = "account", deserialize_with = "present")]
    _account: Option<String>,
    #[serde(default, rename = "logGroup", deserialize_with = "present")]
    _log_group: Option<String>,
    #[serde(default, rename = "logStream", deserialize_with = "present")]
    _log_stream: Option<String>,
}

/// A record of a batch. Serde can not refuse unknown keys in flattened structs, so the fields of
/// [`Metadata`] are listed again.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct BatchRecord {
    id: String,
    method: String,
    host: String,
    path: String,
    #[serde(default, rename = "template", deserialize_with = "present")]
    _template: Option<String>,
    #[serde(default, rename = "timestamp", deserialize_with = "present")]
    _timestamp: Option<i64>,
    #[serde(default, rename = "sourceIp", deserialize_with = "present")]
    _source_ip: Option<String>,
    #[serde(default, rename = "userAgent", deserialize_with = "present")]
    _user_agent: Option<String>,
    #[serde(default, deserialize_with = "present")]
    request_id: Option<String>,
    #[serde(default, deserialize_with = "present")]
    status: Option<u16>,
    #[serde(default, deserialize_with = "present")]
    response_length: Option<u64>,
    #[serde(default, deserialize_with = "present")]
    response_latency: Option<u64>,
    #[serde(default, deserialize_with = "present")]
    integration_latency: Option<u64>,
    #[serde(default, deserialize_with = "present")]
    integration_status: Option<u16>,
    #[serde(default, deserialize_with = "present")]
    request_time_epoch: Option<u64>,
    #[serde(default, deserialize_with = "present")]
    protocol: Option<String>,
    #[serde(default, deserialize_with = "present")]
    stage: Option<String>,
    #[serde(default, deserialize_with = "present")]
    error_message: Option<String>,
}

/// Reads a field which may be missing and may not be `null`.
fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// Reads a message; the error says what is wrong with it.
pub(super) fn read(message: &http::Message) -> Result<(Kind, Content), String> {
    let application_id: i64 = header(message, "X-Wallarm-Application-Id")?
        .parse()
        .map_err(|_| "expected a number in X-Wallarm-Application-Id")?;
    match header(message, "X-Wallarm-Message")? {
        "request" => Ok((Kind::Request, read_request(message)?)),
        "response" => Ok((Kind::Response, read_response(message)?)),
        "batch" => Ok((Kind::Batch, read_batch(message, application_id)?)),
        kind => Err(format!(
            "expected a known X-Wallarm-Message, found `{}`",
            excerpt(kind.as_bytes())
        )),
    }
}

fn read_request(message: &http::Message) -> Result<Content, String> {
    if !message.body.is_empty() {
        return Err("expected a request message without a body, found one".into());
    }
    Ok(Content::Request(call(message)?))
}

fn read_response(message: &http::Message) -> Result<Content, String> {
    check_document(message)?;
    let metadata: Metadata = from_json(message, "a response message")?;
    check_status(metadata.status)?;
    Ok(Content::Response(call(message)?, metadata))
}

fn read_batch(message: &http::Message, application_id: i64) -> Result<Content, String> {
    check_document(message)?;
    let batch: Batch = from_json(message, "a batch")?;
    if batch.application_id != application_id {
        return Err(format!(
            "expected the applicationId {application_id} of the header in the batch, found {}",
            batch.application_id
        ));
    }
    let Source { .. } = batch.source;
    let records: Result<Vec<_>, String> = batch.records.into_iter().map(split).collect();
    Ok(Content::Batch(records?))
}

/// Splits a record of a batch into what names the call and what is known of its response.
fn split(record: BatchRecord) -> Result<(Call, Metadata), String> {
    check_status(record.status)?;
    if record.id.is_empty() {
        return Err("expected an id in each record, found an empty one".into());
    }
    if !is_token(record.method.as_bytes()) {
        return Err(format!(
            "expected a method, found `{}`",
            excerpt(record.method.as_bytes())
        ));
    }
    if record.host.is_empty() {
        return Err("expected a host in each record, found an empty one".into());
    }
    if !record.path.starts_with('/') {
        return Err(format!(
            "expected a path which starts with `/`, found `{}`",
            excerpt(record.path.as_bytes())
        ));
    }
    let call = Call {
        id: record.id,
        method: record.method,
        host: record.host,
        path: record.path,
    };
    let metadata = Metadata {
        request_id: record.request_id,
        status: record.status,
        response_length: record.response_length,
        response_latency: record.response_latency,
        integration_latency: record.integration_latency,
        integration_status: record.integration_status,
        request_time_epoch: record.request_time_epoch,
        protocol: record.protocol,
        stage: record.stage,
        error_message: record.error_message,
    };
    Ok((call, metadata))
}

fn call(message: &http::Message) -> Result<Call, String> {
    if message.target.contains(['?', '#']) {
        return Err(format!(
            "expected a path only, found `{}`",
            excerpt(message.target.as_bytes())
        ));
    }
    Ok(Call {
        id: header(message, "X-Request-Id")?.into(),
        method: message.method.clone(),
        host: header(message, "Host")?.into(),
        path: message.target.clone(),
    })
}

fn check_document(message: &http::Message) -> Result<(), String> {
    if message.method != "POST" {
        return Err(format!(
            "expected the method POST, found `{}`",
            message.method
        ));
    }
    match header(message, "Content-Type")? {
        "application/json" => Ok(()),
        other => Err(format!(
            "expected the Content-Type application/json, found `{}`",
            excerpt(other.as_bytes())
        )),
    }
}

fn check_status(status: Option<u16>) -> Result<(), String> {
    match status {
        None | Some(100..=999) => Ok(()),
        Some(other) => Err(format!("expected a status of three digits, found {other}")),
    }
}

fn from_json<'a, T: Deserialize<'a>>(message: &'a http::Message, what: &str) -> Result<T, String> {
    // Derived structs also accept an array of their fields, which the wire does not allow.
    let parsed = if message.body.first() == Some(&b'{') {
        serde_json::from_slice(&message.body)
    } else {
        Err(serde_json::Error::custom("it is not an object"))
    };
    parsed.map_err(|cause| format!("failed to read {what}: {cause}"))
}

fn header<'a>(message: &'a http::Message, name: &str) -> Result<&'a str, String> {
    match message.text_header(name) {
        Some("") => Err(format!("expected a value in {name}, found none")),
        Some(value) => Ok(value),
        None => Err(format!("expected the header {name}, found none")),
    }
}
