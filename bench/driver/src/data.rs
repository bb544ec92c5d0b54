//! The events: made-up access-log lines of one busy API, the same in every run.

use std::io;

use cw_resend_lambda::standin::cloudwatch::{Line, document, gzip, wrap};
use cw_resend_lambda::standin::sample::Random;

/// The sizes of events, in records. The last is about the maximum of an asynchronous invocation.
pub(crate) const SIZES: [usize; 4] = [1, 100, 1_000, 7_000];

/// Sizes of events as users have them: from one line to a mean hour's 107.
pub(crate) const SMALL_SIZES: [usize; 4] = [1, 5, 20, 107];

/// How the lines of an event are written. The calls are the same ones in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lines {
    /// All in the documented format.
    Uniform,
    /// The same, and each user agent has a quotation mark, which is escaped.
    Escaped,
    /// The same, and each line has an object that holds another.
    Nested,
    /// Every second line is in another format, as where two APIs share a log group.
    Alternating,
    /// The smaller format of terraform/README.md.
    Lean,
}

impl Lines {
    /// All but the uniform ones.
    pub(crate) const OTHERS: [Self; 4] =
        [Self::Escaped, Self::Nested, Self::Alternating, Self::Lean];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Escaped => "an escaped value in each",
            Self::Nested => "a nested object in each",
            Self::Alternating => "two formats in turn",
            Self::Lean => "the lean format",
        }
    }

    /// The name of a decoder's figure of such lines, where all kinds are measured beside each other.
    pub(crate) fn decode_figure(self) -> &'static str {
        match self {
            Self::Uniform => "decode_cpu_beside_other_kinds",
            Self::Escaped => "decode_cpu_per_escaped_record",
            Self::Nested => "decode_cpu_per_nested_record",
            Self::Alternating => "decode_cpu_per_alternating_record",
            Self::Lean => "decode_cpu_per_lean_record",
        }
    }

    /// The name of a contender's figure of such lines.
    pub(crate) fn cpu_figure(self) -> &'static str {
        match self {
            Self::Uniform => "cpu_per_record",
            Self::Escaped => "cpu_per_escaped_record",
            Self::Nested => "cpu_per_nested_record",
            Self::Alternating => "cpu_per_alternating_record",
            Self::Lean => "cpu_per_lean_record",
        }
    }
}

const SEED: u64 = 0x5eed_0f10_95a1_1e75;
/// The time of the first line, in Unix milliseconds.
const START: u64 = 1_795_341_600_000;

/// Method, path and the weight of each endpoint. `#` is a number, `@` a UUID and `~` a slug.
const ENDPOINTS: [(&str, &str, u64); 24] = [
    ("GET", "/v1/products", 60),
    ("GET", "/v1/products/#", 160),
    ("GET", "/v1/products/#/reviews", 70),
    ("POST", "/v1/products/#/reviews", 8),
    ("GET", "/v1/categories/~", 50),
    ("GET", "/v1/categories/~/products", 80),
    ("GET", "/v1/search/suggestions", 90),
    ("POST", "/v1/search", 60),
    ("POST", "/v1/carts", 20),
    ("GET", "/v1/carts/@", 90),
    ("PUT", "/v1/carts/@/items/#", 50),
    ("DELETE", "/v1/carts/@/items/#", 14),
    ("POST", "/v1/carts/@/checkout", 12),
    ("GET", "/v1/orders", 30),
    ("GET", "/v1/orders/@", 45),
    ("PATCH", "/v1/orders/@/address", 4),
    ("GET", "/v1/customers/#", 35),
    ("GET", "/v1/customers/#/wishlist", 25),
    ("POST", "/v1/sessions", 22),
    ("DELETE", "/v1/sessions/@", 10),
    ("OPTIONS", "/v1/carts/@/checkout", 12),
    ("HEAD", "/v1/health", 15),
    ("GET", "/v1/health", 30),
    ("GET", "/v2/stores/~/stock/#", 40),
];

const SLUGS: [&str; 8] = [
    "garden-furniture",
    "kitchen",
    "running-shoes",
    "outdoor.camping",
    "books_and_media",
    "toys",
    "audio-video",
    "berlin-mitte",
];

/// `#` stands for a part of a version.
const AGENTS: [&str; 12] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.#.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.# (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.#.0 Mobile Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0",
    "ShopApp/7.4.# (iPhone; iOS 18.1.1; Scale/3.00)",
    "ShopApp/7.3.# (Android 14; okhttp/4.12.0)",
    "okhttp/4.12.0",
    "python-requests/2.32.3",
    "Go-http-client/2.0",
    "curl/8.11.0",
    "ELB-HealthChecker/2.0",
];

/// Statuses and their weights.
const STATUSES: [(u64, u64); 9] = [
    (200, 840),
    (201, 40),
    (204, 40),
    (304, 20),
    (400, 15),
    (401, 20),
    (404, 15),
    (429, 5),
    (502, 5),
];

/// An event with this number of records.
pub(crate) struct Event {
    pub(crate) records: usize,
    pub(crate) payload: Vec<u8>,
}

impl Event {
    pub(crate) fn new(records: usize) -> io::Result<Self> {
        Self::of(Lines::Uniform, records)
    }

    pub(crate) fn of(lines: Lines, records: usize) -> io::Result<Self> {
        let kind = lines;
        let mut random = Random::new(SEED);
        let mut time = START;
        let lines: Vec<Line> = (0..records as u64)
            .map(|n| {
                time += random.below(40);
                Line {
                    id: id(n, &mut random),
                    timestamp: i64::try_from(time).unwrap_or(0),
                    message: line(time, n, kind, &mut random),
                }
            })
            .collect();
        let document = document("/aws/apigateway/shop", "a5d703ebc3a9f1d2", &lines)?;
        Ok(Self {
            records,
            payload: wrap(&gzip(&document)?),
        })
    }
}

/// 56 digits, like CloudWatch's ids: within a batch the first digits are equal and the middle ones are not.
/// The last twelve are the record's number, by which the Node counts.
fn id(n: u64, random: &mut Random) -> String {
    let middle = random.next_u64() % 10_u64.pow(18);
    format!("39329108840212345678901234{middle:018}{n:012}")
}

/// One line, by default in the format that the README documents.
fn line(time: u64, n: u64, lines: Lines, random: &mut Random) -> String {
    let (method, template, _) = *choose(&ENDPOINTS, |(_, _, weight)| *weight, random);
    let path = fill(template, random);
    let (status, _) = *choose(&STATUSES, |(_, weight)| *weight, random);
    let is_ours = status != 429 && status != 401;
    let latency = 3 + random.below(20) * random.below(20) / 4 + random.below(30);
    let (integration_latency, integration_status) = if is_ours {
        ((latency - 2).to_string(), status.to_string())
    } else {
        // The gateway itself rejected the call.
        ("-".into(), "-".into())
    };
    let error = match status {
        401 => "Unauthorized",
        429 => "Too Many Requests",
        502 => "Internal server error",
        _ => "-",
    };
    let length = if matches!(status, 204 | 304) || method == "HEAD" {
        0
    } else {
        20 + random.below(200) * random.below(60)
    };
    let host = if random.below(10) < 9 {
        "api.example.com"
    } else {
        "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com"
    };
    let seconds = time / 1000 % 86_400;
    let id = uuid(random);
    let address = address(random);
    let mut agent = fill(AGENTS[index(random, AGENTS.len())], random);
    let clock = format!(
        "22/Nov/2026:{:02}:{:02}:{:02} +0000",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    );
    let nested = if lines == Lines::Nested {
        ", \"authorizer\": { \"principalId\": \"u-7\", \"claims\": { \"scope\": \"read write\" } }"
    } else {
        ""
    };
    match lines {
        Lines::Lean => {
            return format!(
                "{{\"requestId\":\"{id}\",\"httpMethod\":\"{method}\",\"path\":\"{path}\",\
                 \"resourcePath\":\"{}\",\"status\":\"{status}\",\"domainName\":\"{host}\"}}",
                template.replace(['#', '@', '~'], "{id}"),
            );
        }
        Lines::Alternating if n % 2 == 1 => {
            return format!(
                "{{\"sourceIp\":\"{address}\",\"requestTime\":\"{clock}\",\"httpMethod\":\"{method}\",\
                 \"path\":\"{path}\",\"status\":\"{status}\",\"protocol\":\"HTTP/1.1\",\
                 \"responseLength\":\"{length}\",\"requestId\":\"{id}\",\"requestTimeEpoch\":\"{time}\",\
                 \"responseLatency\":\"{latency}\",\"integrationLatency\":\"{integration_latency}\",\
                 \"integrationStatus\":\"{integration_status}\",\"errorMessage\":\"{error}\",\
                 \"stage\":\"live\",\"domainName\":\"{host}\",\"userAgent\":\"{agent}\"}}"
            );
        }
        Lines::Escaped => agent = format!("{agent} \\\"beta\\\""),
        _ => {}
    }
    format!(
        "{{ \"requestId\": \"{id}\", \"httpMethod\": \"{method}\", \"path\": \"{path}\", \
         \"protocol\": \"HTTP/1.1\", \"status\": \"{status}\", \"responseLength\": \"{length}\", \
         \"requestTime\": \"{clock}\", \"requestTimeEpoch\": \"{time}\", \
         \"responseLatency\": \"{latency}\", \"integrationLatency\": \"{integration_latency}\", \
         \"integrationStatus\": \"{integration_status}\", \"errorMessage\": \"{error}\", \
         \"stage\": \"live\", \"domainName\": \"{host}\", \"sourceIp\": \"{address}\", \
         \"userAgent\": \"{agent}\"{nested} }}"
    )
}

/// One of the addresses that RFC 2544 reserves for benchmarks.
fn address(random: &mut Random) -> String {
    let (a, b, c) = (random.below(2), random.below(256), random.below(256));
    format!("198.{}.{b}.{c}", 18 + a)
}

fn fill(template: &str, random: &mut Random) -> String {
    let mut path = String::with_capacity(64);
    for c in template.chars() {
        match c {
            '#' => path.push_str(&(1 + random.below(90_000)).to_string()),
            '@' => path.push_str(&uuid(random)),
            '~' => path.push_str(SLUGS[index(random, SLUGS.len())]),
            other => path.push(other),
        }
    }
    path
}

fn uuid(random: &mut Random) -> String {
    let (a, b) = (random.next_u64(), random.next_u64());
    format!(
        "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
        a >> 32,
        (a >> 16) & 0xffff,
        a & 0xfff,
        (b >> 48) & 0xfff,
        b & 0xffff_ffff_ffff
    )
}

fn choose<'a, T>(choices: &'a [T], weight: impl Fn(&T) -> u64, random: &mut Random) -> &'a T {
    let mut at = random.below(choices.iter().map(&weight).sum());
    for choice in choices {
        match at.checked_sub(weight(choice)) {
            Some(rest) => at = rest,
            None => return choice,
        }
    }
    &choices[0]
}

fn index(random: &mut Random, length: usize) -> usize {
    usize::try_from(random.below(length as u64)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seven_thousand_records_are_about_the_maximum_of_an_invocation() {
        let event = Event::new(7_000).unwrap();
        let limit = 1024 * 1024;
        assert!(
            (limit * 2 / 3..limit).contains(&event.payload.len()),
            "{}",
            event.payload.len()
        );
        assert_eq!(event.payload, Event::new(7_000).unwrap().payload);
    }

    #[test]
    fn every_kind_of_line_is_json_and_another_one() {
        for kind in Lines::OTHERS {
            let found = line(START, 1, kind, &mut Random::new(SEED));
            let uniform = line(START, 1, Lines::Uniform, &mut Random::new(SEED));
            assert_ne!(found, uniform);
            let [found, uniform] = [found, uniform]
                .map(|text| serde_json::from_str::<serde_json::Value>(&text).unwrap());
            for name in ["requestId", "httpMethod", "path", "status", "domainName"] {
                assert_eq!(found[name], uniform[name], "{kind:?}");
            }
        }
    }
}
