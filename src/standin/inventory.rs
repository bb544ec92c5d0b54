//! The API inventory: the endpoints that were called, and how often.

use std::collections::HashMap;

/// One call as the inventory sees it.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The method.
    pub method: &'a str,
    /// The host.
    pub host: &'a str,
    /// The path as it was called.
    pub path: &'a str,
    /// The response's status, when it is known.
    pub status: Option<u16>,
    /// The response's latency in milliseconds, when it is known.
    pub latency_ms: Option<u64>,
}

/// What names an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// The host.
    pub host: String,
    /// The path, with identifiers replaced by `{id}`.
    pub path: String,
    /// The method.
    pub method: String,
}

/// Endpoints and their calls, in bounded memory.
#[derive(Debug, Clone, Default)]
pub struct Inventory {
    max_endpoints: usize,
    endpoints: HashMap<Endpoint, u64>,
}

impl Inventory {
    /// An empty inventory which distinguishes at most `max_endpoints`, and leaves others out.
    #[must_use]
    pub fn new(max_endpoints: usize) -> Self {
        Self {
            max_endpoints,
            ..Self::default()
        }
    }

    /// Counts one call. Returns its endpoint where that is new.
    pub fn add(&mut self, call: &Call<'_>) -> Option<Endpoint> {
        let endpoint = Endpoint {
            host: call.host.to_ascii_lowercase(),
            path: template(call.path),
            method: call.method.into(),
        };
        if let Some(calls) = self.endpoints.get_mut(&endpoint) {
            *calls += 1;
            return None;
        }
        if self.endpoints.len() == self.max_endpoints {
            return None;
        }
        self.endpoints.insert(endpoint.clone(), 1);
        Some(endpoint)
    }

    /// How many endpoints there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.endpoints.len()
    }

    /// The endpoints with their calls, the most called first, and then by name.
    #[must_use]
    pub fn endpoints(&self) -> Vec<(&Endpoint, u64)> {
        let endpoints = self.endpoints.iter();
        let mut endpoints: Vec<_> = endpoints.map(|(one, calls)| (one, *calls)).collect();
        endpoints.sort_by(|(a, a_calls), (b, b_calls)| b_calls.cmp(a_calls).then_with(|| a.cmp(b)));
        endpoints
    }
}

/// A path with each segment which looks like an identifier replaced by `{id}`.
#[must_use]
pub fn template(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for (i, segment) in path.split('/').enumerate() {
        if i > 0 {
            out.push('/');
        }
        out.push_str(if is_identifier(segment) {
            "{id}"
        } else {
            segment
        });
    }
    out
}

/// Whether a segment names a thing rather than a kind of things.
#[must_use]
pub fn is_identifier(segment: &str) -> bool {
    /// The shortest token of mixed letters and digits which counts as random: 120 bits in base64.
    const MIN_TOKEN_BYTES: usize = 20;
    let bytes = segment.as_bytes();
    let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
    if digits == 0 {
        return false;
    }
    if digits == bytes.len() || is_uuid(bytes) || is_ulid(bytes) {
        return true;
    }
    if bytes.len() >= 8 && bytes.iter().all(u8::is_ascii_hexdigit) {
        return true;
    }
    let is_token_byte = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_=".contains(byte);
    if bytes.len() < MIN_TOKEN_BYTES || !bytes.iter().all(is_token_byte) {
        return false;
    }
    // A slug such as `report-of-2024-for-all` has one case and separators; random tokens have both
    // cases, or no separator.
    let is_mixed =
        bytes.iter().any(u8::is_ascii_uppercase) && bytes.iter().any(u8::is_ascii_lowercase);
    is_mixed || (digits >= 2 && !bytes.iter().any(|byte| b"-_".contains(byte)))
}

fn is_uuid(bytes: &[u8]) -> bool {
    bytes.len() == 36
        && bytes.iter().enumerate().all(|(i, byte)| match i {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// 26 characters of Crockford's base 32, the first within 0 to 7.
fn is_ulid(bytes: &[u8]) -> bool {
    bytes.len() == 26
        && matches!(bytes[0], b'0'..=b'7')
        && bytes.iter().all(|byte| {
            byte.is_ascii_alphanumeric() && !b"ILOU".contains(&byte.to_ascii_uppercase())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates() {
        for (path, expected) in [
            ("/", "/"),
            ("", ""),
            ("/prod/pets/42", "/prod/pets/{id}"),
            ("/prod/pets/42/", "/prod/pets/{id}/"),
            ("//1//", "//{id}//"),
            ("/v1/pets", "/v1/pets"),
            ("/v1/2024/07", "/v1/{id}/{id}"),
            ("/o/3f2504e0-4f89-11d3-9a0c-0305e82c3301/x", "/o/{id}/x"),
            ("/o/3F2504E0-4F89-11D3-9A0C-0305E82C3301", "/o/{id}"),
            ("/o/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/o/{id}"),
            ("/o/01arz3ndektsv4rrffq69g5fav", "/o/{id}"),
            ("/c/9fceb02d", "/c/{id}"),
            ("/c/9fceb02", "/c/9fceb02"),
            ("/c/deadbeef", "/c/deadbeef"),
            ("/c/deadbeef1", "/c/{id}"),
            ("/c/d41d8cd98f00b204e9800998ecf8427e", "/c/{id}"),
            ("/t/0ujtsYcgvSTl8PAuAdqWYSMnLOv", "/t/{id}"),
            ("/t/cjld2cjxh0000qzrmn831i7rn", "/t/{id}"),
            ("/t/V1StGXR8_Z5jdHi6B-myT", "/t/{id}"),
            ("/t/dGhpcyBpcyBhIHRlc3Q5MQ==", "/t/{id}"),
            (
                "/blog/report-of-2024-for-all-of-us",
                "/blog/report-of-2024-for-all-of-us",
            ),
            ("/internationalization-guide", "/internationalization-guide"),
            ("/files/report2024.pdf", "/files/report2024.pdf"),
            ("/api-v2", "/api-v2"),
            ("/a%20b/1", "/a%20b/{id}"),
        ] {
            assert_eq!(template(path), expected, "{path}");
        }
    }

    fn call(path: &str) -> Call<'_> {
        Call {
            method: "GET",
            host: "API.example.com",
            path,
            status: None,
            latency_ms: None,
        }
    }

    #[test]
    fn calls_are_counted_by_endpoint() {
        let mut inventory = Inventory::new(10);
        let new = inventory.add(&call("/pets/1")).unwrap();
        assert_eq!(
            (new.host.as_str(), new.path.as_str()),
            ("api.example.com", "/pets/{id}")
        );
        for path in ["/pets/2", "/pets/3"] {
            assert_eq!(inventory.add(&call(path)), None);
        }
        assert!(inventory.add(&call("/health")).is_some());
        let endpoints = inventory.endpoints();
        let [(pets, 3), (health, 1)] = endpoints.as_slice() else {
            panic!("expected two endpoints, found {endpoints:?}");
        };
        assert_eq!((pets, &*health.path), (&&new, "/health"));
        assert_eq!(inventory.count(), 2);
    }

    #[test]
    fn memory_is_bounded() {
        let mut inventory = Inventory::new(3);
        for word in ["a", "b", "c", "d", "e", "a"] {
            inventory.add(&call(&format!("/{word}")));
        }
        assert_eq!(inventory.endpoints().len(), 3);
        assert_eq!(inventory.endpoints()[0].1, 2);
    }
}
