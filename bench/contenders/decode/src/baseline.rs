//! The fastest available libraries, over whole buffers that are kept from event to event.

use std::borrow::Cow;

use cw_resend_lambda::measure::Sums;
use libdeflater::Decompressor;
use serde::Deserialize;

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    awslogs: Data<'a>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    data: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    #[serde(borrow)]
    log_events: Vec<LogEvent<'a>>,
}

#[derive(Deserialize)]
struct LogEvent<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    timestamp: u64,
    #[serde(borrow)]
    message: Cow<'a, str>,
}

/// The fields that are sent to the Node. The lean format has some of them.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Line<'a> {
    #[serde(borrow)]
    request_id: Cow<'a, str>,
    #[serde(borrow)]
    http_method: Cow<'a, str>,
    #[serde(borrow)]
    path: Cow<'a, str>,
    #[serde(borrow)]
    protocol: Cow<'a, str>,
    #[serde(borrow)]
    status: Cow<'a, str>,
    #[serde(borrow)]
    response_length: Cow<'a, str>,
    #[serde(borrow)]
    request_time_epoch: Cow<'a, str>,
    #[serde(borrow)]
    response_latency: Cow<'a, str>,
    #[serde(borrow)]
    integration_latency: Cow<'a, str>,
    #[serde(borrow)]
    integration_status: Cow<'a, str>,
    #[serde(borrow)]
    error_message: Cow<'a, str>,
    #[serde(borrow)]
    stage: Cow<'a, str>,
    #[serde(borrow)]
    domain_name: Cow<'a, str>,
    #[serde(borrow)]
    source_ip: Cow<'a, str>,
    #[serde(borrow)]
    user_agent: Cow<'a, str>,
}

pub(crate) struct Baseline {
    inflater: Decompressor,
    compressed: Vec<u8>,
    document: Vec<u8>,
}

impl Default for Baseline {
    fn default() -> Self {
        Self {
            inflater: Decompressor::new(),
            compressed: Vec::new(),
            document: Vec::new(),
        }
    }
}

impl Baseline {
    pub(crate) fn read(&mut self, payload: &[u8]) -> crate::Result<Sums> {
        let event: Event<'_> = sonic_rs::from_slice(payload)?;
        self.compressed.clear();
        base64_simd::STANDARD.decode_append(event.awslogs.data.as_bytes(), &mut self.compressed)?;
        // Gzip ends with the length of its content. To inflate in one call, the caller must know this length.
        let length = self.compressed.last_chunk().ok_or("too short for gzip")?;
        self.document
            .resize(u32::from_le_bytes(*length) as usize, 0);
        let length = self
            .inflater
            .gzip_decompress(&self.compressed, &mut self.document)?;
        let document: Document<'_> = sonic_rs::from_slice(&self.document[..length])?;
        let mut sums = Sums::default();
        for event in &document.log_events {
            let line: Line<'_> = sonic_rs::from_str(&event.message)?;
            sums.records += 1;
            sums.text_bytes += event.id.len() as u64;
            for text in [
                &line.request_id,
                &line.http_method,
                &line.path,
                &line.protocol,
                &line.error_message,
                &line.stage,
                &line.domain_name,
                &line.source_ip,
                &line.user_agent,
            ] {
                sums.text_bytes += present(text).map_or(0, str::len) as u64;
            }
            sums.numbers += event.timestamp;
            for number in [
                &line.status,
                &line.response_length,
                &line.request_time_epoch,
                &line.response_latency,
                &line.integration_latency,
                &line.integration_status,
            ] {
                if let Some(number) = present(number) {
                    sums.numbers += number.parse::<u64>()?;
                }
            }
        }
        Ok(sums)
    }
}

/// The gateway writes `-` for an absent value.
fn present(text: &str) -> Option<&str> {
    (!matches!(text, "" | "-")).then_some(text)
}
