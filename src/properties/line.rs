use crate::json;
use crate::record::{AccessRecord, LineReader};

/// Lines are read alike by the fast paths, which go by the lines before, and by the reader for all of
/// them; and nothing comes out of a line that was not in it. The bytes are lines as they stand in a
/// document, still escaped, and lines as they were logged.
///
/// # Panics
///
/// Where that does not hold.
pub fn line(bytes: &[u8]) {
    let mut reader = LineReader::new();
    for escaped in lines(bytes) {
        let read = reader.read(&escaped);
        let mut oracle = LineReader::new();
        assert_eq!(read, oracle.read_any(&escaped));
        if let Ok(record) = read {
            check(&escaped, &record);
        }
    }
}

/// The lines in some bytes, escaped: once taken for escaped already, once taken as they were logged.
pub(super) fn lines(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    bytes.split(|byte| *byte == b'\n').flat_map(|line| {
        // The document's own reader would have ended the line elsewhere.
        let as_escaped = is_string_content(line).then(|| line.to_vec());
        let as_logged = str::from_utf8(line).ok().map(|line| {
            let quoted = serde_json::to_string(line).expect("text into memory always goes");
            quoted.as_bytes()[1..quoted.len() - 1].to_vec()
        });
        [as_escaped, as_logged].into_iter().flatten()
    })
}

/// Whether bytes can be what stands between the quotes of a JSON string.
fn is_string_content(bytes: &[u8]) -> bool {
    let mut escape = false;
    for &byte in bytes {
        match byte {
            _ if escape => escape = false,
            b'\\' => escape = true,
            b'"' => return false,
            _ => {}
        }
    }
    !escape
}

fn check(escaped: &[u8], record: &AccessRecord<'_>) {
    let mut text = Vec::new();
    json::unescape(escaped, &mut text);
    let mut twice = Vec::new();
    json::unescape(&text, &mut twice);
    let is_in = |value: &[u8]| {
        // A backslash that ends a value begins an escape where the line goes on behind it.
        let value = value.strip_suffix(b"\\").unwrap_or(value);
        [&text, &twice]
            .iter()
            .any(|text| value.is_empty() || text.windows(value.len()).any(|window| window == value))
    };
    let values = [
        Some(record.method.as_bytes()),
        Some(record.path),
        Some(record.host.as_bytes()),
        record.request_id,
        record.protocol,
        record.stage,
        record.error_message,
        record.user_agent,
        record.source_ip.map(str::as_bytes),
    ];
    for value in values.into_iter().flatten() {
        assert!(!value.is_empty());
        assert!(is_in(value), "{:?}", String::from_utf8_lossy(value));
    }
    assert_eq!(record.path[0], b'/');
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    assert!(record.host.bytes().all(is_plain), "{}", record.host);
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    assert!(record.method.bytes().all(is_token), "{}", record.method);
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEEDS: [&str; 3] = [
        r#"{ "requestId": "7f3c1a4e-0e0b-4a35-9b7e-2f1f6f0f5a11", "httpMethod": "GET", "path": "/prod/pets/42", "protocol": "HTTP/1.1", "status": "200", "responseLength": "345", "requestTime": "22/Nov/2026:10:00:00 +0000", "requestTimeEpoch": "1795341600000", "responseLatency": "12", "integrationLatency": "9", "integrationStatus": "200", "errorMessage": "-", "stage": "prod", "domainName": "abc123.execute-api.us-east-1.amazonaws.com", "sourceIp": "203.0.113.7", "userAgent": "curl/8.5.0" }"#,
        r#"{"request":{"method":"GET","path":"/x"},"status":-,"host":"h","userAgent":"say "hi"","ip":"::1"}"#,
        r#""httpMethod":"GET","path":"/a\u002fb","domainName":"h","userAgent":"\"x\"""#,
    ];

    /// Each mutated line follows the sound one, so that the layout that was learned is nearly its own.
    #[test]
    fn mutated_lines_never_yield_what_was_not_in_them() {
        let mut random = 0x2545_f491_4f6c_dd1d_u64;
        let mut records = 0;
        for round in 0..30_000 {
            let seed = SEEDS[round % SEEDS.len()];
            let quoted = serde_json::to_string(seed).unwrap();
            let mut text = quoted.as_bytes()[1..quoted.len() - 1].to_vec();
            for _ in 0..=random % 4 {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                if text.is_empty() {
                    break;
                }
                let at = usize::try_from(random >> 33).unwrap() % text.len();
                match random % 5 {
                    0 => drop(text.remove(at)),
                    1 => text[at] = random.to_le_bytes()[1],
                    2 => text.insert(
                        at,
                        b"\"\\{}[],: -"[usize::try_from(random >> 8).unwrap() % 10],
                    ),
                    3 => text.truncate(at.max(1)),
                    _ => {
                        let piece = text[at..(at + 20).min(text.len())].to_vec();
                        text.splice(at..at, piece);
                    }
                }
            }
            line(&[seed.as_bytes(), b"\n", &text].concat());
            let mut reader = LineReader::new();
            records += u32::from(is_string_content(&text) && reader.read(&text).is_ok());
        }
        assert!(
            records > 5_000,
            "only {records} records: the test has lost its force"
        );
    }
}
