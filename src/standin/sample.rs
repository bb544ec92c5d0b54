//! The bundled access log, and as many lines like it as are asked for.

use crate::standin::inventory::is_identifier;

/// Access-log lines of two APIs in the format which Wallarm documents, and a few which are something
/// else. All addresses and domains are those reserved for documentation.
pub const LOG: &str = include_str!("sample.log");

/// The seed of [`sample_lines`]; fixed, so that two runs send the same.
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

/// The time of the first line in Unix milliseconds.
pub const FIRST_TIMESTAMP: i64 = 1_700_000_000_000;

/// A small generator (xorshift64*): the same numbers for the same seed, and not for secrets.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// A generator; zero is replaced, for it would stay zero.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(if seed == 0 { SEED } else { seed })
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `bound`, which is not zero; slightly uneven for large bounds.
    pub fn below(&mut self, bound: u64) -> u64 {
        (self.next_u64() >> 16) % bound
    }

    fn uuid(&mut self) -> String {
        let (a, b) = (self.next_u64(), self.next_u64());
        format!(
            "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            a >> 32,
            (a >> 16) & 0xffff,
            a & 0xfff,
            (b >> 48) & 0xfff,
            b & 0xffff_ffff_ffff
        )
    }
}

/// `count` lines: the bundled ones again and again, with other ids each time.
pub fn sample_lines(count: usize) -> impl Iterator<Item = String> {
    let mut random = Random::new(SEED);
    LOG.lines()
        .cycle()
        .take(count)
        .map(move |line| vary(line, &mut random))
}

/// Replaces the request id and the identifiers in the path, where a line has them.
fn vary(line: &str, random: &mut Random) -> String {
    let line = replace_value(line, "\"requestId\": \"", |old| {
        if old.len() == 36 {
            random.uuid()
        } else {
            old.into()
        }
    });
    replace_value(&line, "\"path\": \"", |old| {
        let segments: Vec<String> = old
            .split('/')
            .map(|segment| other_identifier(segment, random))
            .collect();
        segments.join("/")
    })
}

fn other_identifier(segment: &str, random: &mut Random) -> String {
    if !is_identifier(segment) {
        return segment.into();
    }
    if segment.len() == 36 {
        return random.uuid();
    }
    // Each digit becomes another one and the rest stays, so that the kind of identifier stays too.
    let digit = |c: char| match c {
        '0'..='9' => {
            char::from_digit(u32::try_from(random.below(10)).unwrap_or(0), 10).unwrap_or(c)
        }
        _ => c,
    };
    segment.chars().map(digit).collect()
}

/// Replaces what stands between `before` and the next quote.
fn replace_value(line: &str, before: &str, replace: impl FnOnce(&str) -> String) -> String {
    let parts = line.split_once(before).and_then(|(head, rest)| {
        let (value, tail) = rest.split_once('"')?;
        Some((head, value, tail))
    });
    match parts {
        Some((head, value, tail)) => format!("{head}{before}{}\"{tail}", replace(value)),
        None => line.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::Value;

    use super::*;
    use crate::standin::inventory::template;

    #[test]
    fn lines_are_the_same_each_time_and_no_two_alike() {
        let lines: Vec<String> = sample_lines(2_000).collect();
        assert!(sample_lines(2_000).eq(lines.iter().cloned()));
        let ids: HashSet<String> = lines
            .iter()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter_map(|line| Some(line["requestId"].as_str()?.to_owned()))
            .filter(|id| id.len() == 36)
            .collect();
        let with_id = LOG.lines().filter(|line| {
            let value = serde_json::from_str::<Value>(line).unwrap_or_default();
            value["requestId"].as_str().is_some_and(|id| id.len() == 36)
        });
        assert!(ids.len() >= with_id.count() * (2_000 / LOG.lines().count()));
    }

    #[test]
    fn variants_belong_to_the_same_endpoints() {
        let path = |line: &str| {
            let value: Value = serde_json::from_str(line).ok()?;
            Some(template(value["path"].as_str()?))
        };
        let expected: Vec<_> = LOG.lines().map(path).collect();
        let actual: Vec<_> = sample_lines(expected.len())
            .map(|line| path(&line))
            .collect();
        assert_eq!(actual, expected);
    }

    #[test]
    fn addresses_and_domains_are_those_of_documentation() {
        for line in LOG.lines() {
            let Ok(value) = serde_json::from_str::<Value>(line) else {
                continue;
            };
            if let Some(ip) = value["sourceIp"].as_str() {
                let nets = ["192.0.2.", "198.51.100.", "203.0.113."];
                assert!(nets.iter().any(|net| ip.starts_with(net)), "{ip}");
            }
            if let Some(host) = value["domainName"].as_str() {
                let is_ours = host == "-"
                    || host == "api.example.com"
                    || host == "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com";
                assert!(is_ours, "{host}");
            }
        }
    }

    #[test]
    fn broken_lines_stay_as_they_are() {
        let mut random = Random::new(1);
        for line in [
            "",
            "\"path\": \"",
            "(1) Method request path: {}",
            "\"requestId\": \"x\"",
        ] {
            assert_eq!(vary(line, &mut random), line);
        }
    }
}
