//! A typical program of a Rust developer today: AWS's runtime and event types, and reqwest.
//!
//! `aws_lambda_events` itself decodes base64 and, with flate2, gzip.

use std::env;
use std::fs;

use aws_lambda_events::event::cloudwatch_logs::{LogEntry, LogsEvent};
use futures::{StreamExt, TryStreamExt, stream};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use reqwest::header::{CONTENT_TYPE, HOST, USER_AGENT};
use reqwest::{Certificate, Client, Method, redirect};
use serde::{Deserialize, Serialize};

/// A line of the access log. The gateway writes every value as text.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    request_id: String,
    http_method: String,
    path: String,
    protocol: String,
    status: String,
    response_length: String,
    request_time_epoch: String,
    response_latency: String,
    integration_latency: String,
    integration_status: String,
    error_message: String,
    stage: String,
    domain_name: String,
    source_ip: String,
    user_agent: String,
}

/// The description of a call's response.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResponseInfo {
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_length: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_latency: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    integration_latency: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    integration_status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_time_epoch: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<String>,
}

#[derive(Serialize)]
struct Summary {
    forwarded: usize,
}

struct Forwarder {
    client: Client,
    base: String,
    application_id: String,
    connections: usize,
}

impl Forwarder {
    fn from_env() -> Result<Self, Error> {
        let scheme = env::var("X_NODE_SCHEME").unwrap_or_else(|_| "https".into());
        let connections = env::var("X_NODE_CONNECTIONS").map_or(Ok(8), |text| text.parse())?;
        let mut client = Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .pool_max_idle_per_host(connections);
        if let Ok(file) = env::var("X_NODE_CA_CERT") {
            client = client.tls_certs_only([Certificate::from_pem(&fs::read(file)?)?]);
        }
        Ok(Self {
            client: client.build()?,
            base: format!("{scheme}://{}", env::var("X_NODE_URL")?),
            application_id: env::var("X_WALLARM_APPLICATION_ID").unwrap_or_else(|_| "-1".into()),
            connections,
        })
    }

    async fn handle(&self, event: LogsEvent) -> Result<Summary, Error> {
        let entries = event.aws_logs.data.log_events;
        let forwarded = entries.len();
        stream::iter(entries)
            .map(|entry| self.forward(entry))
            .buffer_unordered(self.connections)
            .try_collect::<()>()
            .await?;
        Ok(Summary { forwarded })
    }

    /// Sends the call itself, and then its response.
    async fn forward(&self, entry: LogEntry) -> Result<(), Error> {
        let line: Line = serde_json::from_str(&entry.message)?;
        let url = format!("{}{}", self.base, line.path);
        let mut request = self
            .client
            .request(Method::from_bytes(line.http_method.as_bytes())?, &url)
            .header(HOST, &line.domain_name)
            .header("X-Forwarded-Host", &line.domain_name)
            .header("X-Forwarded-Proto", "https")
            .header("X-Request-Id", &entry.id)
            .header("X-Wallarm-Application-Id", &self.application_id)
            .header("X-Wallarm-Message", "request");
        if let Some(agent) = present(&line.user_agent) {
            request = request.header(USER_AGENT, agent);
        }
        if let Some(ip) = present(&line.source_ip) {
            request = request
                .header("X-Forwarded-For", ip)
                .header("X-Real-IP", ip);
        }
        request.send().await?.error_for_status()?.bytes().await?;

        let host = line.domain_name.clone();
        let response = ResponseInfo::from(line);
        self.client
            .post(&url)
            .header(HOST, host)
            .header("X-Request-Id", &entry.id)
            .header("X-Wallarm-Application-Id", &self.application_id)
            .header("X-Wallarm-Message", "response")
            .header(CONTENT_TYPE, "application/json")
            .body(serde_json::to_vec(&response)?)
            .send()
            .await?
            .error_for_status()?
            .bytes()
            .await?;
        Ok(())
    }
}

impl From<Line> for ResponseInfo {
    fn from(line: Line) -> Self {
        let text = |text: String| present(&text).is_some().then_some(text);
        Self {
            status: number(&line.status),
            response_length: number(&line.response_length),
            response_latency: number(&line.response_latency),
            integration_latency: number(&line.integration_latency),
            integration_status: number(&line.integration_status),
            request_time_epoch: number(&line.request_time_epoch),
            request_id: text(line.request_id),
            protocol: text(line.protocol),
            stage: text(line.stage),
            error_message: text(line.error_message),
        }
    }
}

/// The gateway writes `-` for an absent value.
fn present(text: &str) -> Option<&str> {
    Some(text).filter(|text| !matches!(*text, "" | "-"))
}

fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let forwarder = Forwarder::from_env()?;
    let forwarder = &forwarder;
    run(service_fn(
        move |event: LambdaEvent<LogsEvent>| async move { forwarder.handle(event.payload).await },
    ))
    .await
}
