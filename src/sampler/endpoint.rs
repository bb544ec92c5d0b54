//! Which calls are of one endpoint: the same method, host and class of status, and the same template. Where a line has
//! no template, paths of the same shape are the same: a segment that is a value is as good as any other one.
//!
//! What is a word stays as it is, and where that is not certain, it is one: two endpoints that were taken for one would
//! hide one of them, while one that is taken for two only costs a few records more.

use std::hash::{BuildHasher, DefaultHasher, Hasher, RandomState};

/// What tells an endpoint.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Endpoint<'a> {
    pub(crate) method: &'a str,
    pub(crate) host: &'a str,
    /// As it is sent.
    pub(crate) path: &'a [u8],
    /// What the gateway has matched the path with, where that is known.
    pub(crate) template: Option<&'a [u8]>,
    pub(crate) status: Option<u16>,
}

/// How many bytes of a path are looked at. No endpoint differs from another one only behind them.
const MAX_PATH: usize = 512;

/// From how many bytes on a segment of small and capital letters is no name.
const LONG: usize = 20;

/// Stands in for a segment that is a value, or for a template. None of them can be in UTF-8, so that only a path that
/// is no text can look like one of another endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Class {
    Number = 0xf8,
    /// UUIDs, object ids, digests.
    Hex,
    /// E-mail addresses, dates with names, ids with a prefix, and other values.
    Other,
    /// A template follows.
    Template,
    /// What was not looked at.
    Rest,
}

impl Endpoint<'_> {
    /// The first digit of the status. Lines without one are together with successes.
    pub(super) fn class(&self) -> u16 {
        match self.status {
            Some(status @ 100..600) => status / 100,
            _ => 2,
        }
    }

    /// 64 bits that nobody can aim at who does not know the process's keys.
    pub(super) fn fingerprint(&self, keys: &RandomState) -> u64 {
        let mut hasher = keys.build_hasher();
        add(&mut hasher, &self.class().to_ne_bytes());
        add(&mut hasher, self.method.as_bytes());
        add(&mut hasher, b" ");
        add(&mut hasher, self.host.as_bytes());
        // What a greedy parameter takes may be of many endpoints.
        match self.template.filter(|template| !template.ends_with(b"+}")) {
            Some(template) => {
                add_shape(&mut hasher, before(self.path, template));
                add(&mut hasher, &[Class::Template as u8]);
                add(&mut hasher, template);
            }
            None => add_shape(&mut hasher, self.path),
        }
        hasher.finish()
    }
}

/// What of a path stands before what its template stands for: a stage or a base path, which tells apart two APIs with
/// the same template.
fn before<'a>(path: &'a [u8], template: &[u8]) -> &'a [u8] {
    let slashes = |text: &[u8]| text.iter().filter(|byte| **byte == b'/').count();
    let path = path.strip_suffix(b"/").unwrap_or(path);
    let template = template.strip_suffix(b"/").unwrap_or(template);
    let more = slashes(path).saturating_sub(slashes(template));
    let ends = (0..path.len()).filter(|at| path[*at] == b'/');
    let end = ends.chain([path.len()]).nth(more);
    &path[..end.unwrap_or(0)]
}

/// Not inlined: it stands in ten places, and takes about as long as a call.
#[inline(never)]
fn add(hasher: &mut DefaultHasher, bytes: &[u8]) {
    hasher.write(bytes);
}

/// Adds a path with its values as classes.
fn add_shape(hasher: &mut DefaultHasher, path: &[u8]) {
    let (path, rest) = path.split_at(path.len().min(MAX_PATH));
    // Words are added together, with their slashes.
    let mut words = 0;
    let mut from = 0;
    while from < path.len() {
        let mut sum = 0;
        let mut to = from;
        while let Some(&byte) = path.get(to)
            && byte != b'/'
        {
            sum += KINDS[usize::from(byte)];
            to += 1;
        }
        if let Some(class) = class(&path[from..to], sum) {
            add(hasher, &path[words..from]);
            add(hasher, &[class as u8]);
            words = to;
        }
        from = to + 1;
    }
    add(hasher, &path[words..]);
    if !rest.is_empty() {
        add(hasher, &[Class::Rest as u8]);
    }
}

/// How many bytes of each kind a segment has, in ten bits for each kind, so that a byte costs one addition.
type Sum = u64;

const DIGIT: Sum = 1;
const LOWER: Sum = 1 << 10;
const UPPER: Sum = 1 << 20;
/// Neither a hexadecimal digit nor a hyphen.
const NO_HEX: Sum = 1 << 30;
const AT: Sum = 1 << 40;
/// What is in no number: letters count as well.
const NO_NUMBER: Sum = 1 << 50;

static KINDS: [Sum; 256] = {
    let mut kinds = [NO_HEX | NO_NUMBER; 256];
    let mut byte = 0;
    while byte < 256 {
        #[allow(clippy::cast_possible_truncation, reason = "it is less than 256")]
        let kind = match byte as u8 {
            b'0'..=b'9' => DIGIT,
            b'a'..=b'f' => LOWER | NO_NUMBER,
            b'g'..=b'z' => LOWER | NO_HEX | NO_NUMBER,
            b'A'..=b'F' => UPPER | NO_NUMBER,
            b'G'..=b'Z' => UPPER | NO_HEX | NO_NUMBER,
            b'-' => 0,
            b'+' | b',' | b'.' | b':' | b'_' => NO_HEX,
            b'@' => AT | NO_HEX | NO_NUMBER,
            _ => kinds[byte],
        };
        kinds[byte] = kind;
        byte += 1;
    }
    kinds
};

/// How many bytes of a kind there are. A segment has at most 512 bytes.
fn count(sum: Sum, kind: Sum) -> usize {
    usize::try_from(sum / kind % 1024).unwrap_or_default()
}

/// What a segment is, with so many bytes of each kind. `None`: a word.
#[inline]
fn class(segment: &[u8], sum: Sum) -> Option<Class> {
    let has = |kind| count(sum, kind) > 0;
    let digits = count(sum, DIGIT);
    // Most are words of small letters.
    if digits == 0 && !has(UPPER) && !has(AT) && segment.len() < 16 {
        return None;
    }
    value_class(segment, sum)
}

#[inline(never)]
fn value_class(segment: &[u8], sum: Sum) -> Option<Class> {
    let has = |kind| count(sum, kind) > 0;
    let (digits, lower, upper) = (count(sum, DIGIT), count(sum, LOWER), count(sum, UPPER));
    let length = segment.len();
    let is_address = has(AT) && segment[0] != b'@';
    if digits > 0 && !has(NO_NUMBER) {
        return Some(Class::Number);
    }
    let is_hex = !has(NO_HEX);
    // `facade` and `decade` are words.
    if is_hex && (length >= 16 || length >= 8 && digits > 0) {
        return Some(Class::Hex);
    }
    let is_mixed = length >= LONG && lower * 4 >= length && upper * 4 >= length;
    if is_address || is_mixed || has_prefix(segment) {
        return Some(Class::Other);
    }
    // `v2`, `oauth2`, `base64`; `v1.10.2`, `v20241001`; `sha256`, `x509`.
    let is_version =
        length <= 11 && segment[0].eq_ignore_ascii_case(&b'v') && segment[1].is_ascii_digit();
    let is_short_name =
        digits == 3 && lower + digits == length && lower <= 3 && segment[0].is_ascii_lowercase();
    let is_word = digits <= 2 || is_version || is_short_name;
    if is_word {
        return None;
    }
    Some(if is_hex { Class::Hex } else { Class::Other })
}

/// Whether a segment is an id with a prefix, such as `cus_NffrFeUfNV2Hib`.
fn has_prefix(segment: &[u8]) -> bool {
    let Some(end) = segment.iter().take(6).position(|byte| *byte == b'_') else {
        return false;
    };
    let id = &segment[end + 1..];
    let sum = id.iter().map(|byte| KINDS[usize::from(*byte)]).sum();
    let (digits, lower, upper) = (count(sum, DIGIT), count(sum, LOWER), count(sum, UPPER));
    let is_id = digits > 0 && (lower == 0 || upper > 0 || digits > 2) || lower > 2 && upper > 2;
    id.len() >= 10 && lower + upper + digits == id.len() && is_id
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment_class(segment: &str) -> Option<Class> {
        let sum = segment.bytes().map(|byte| KINDS[usize::from(byte)]).sum();
        class(segment.as_bytes(), sum)
    }

    #[test]
    fn words_stay_and_values_are_classes() {
        let words = [
            "",
            "pets",
            "users",
            "v1",
            "v10",
            "V2",
            "v1.2.3",
            "v1beta1",
            "v20241001",
            "oauth2",
            "2fa",
            "ec2",
            "mp3",
            "base64",
            "sha256",
            "x509",
            "facade",
            "decade",
            "added",
            "listUserSubscriptions",
            "GetUserV2",
            "ListOrdersV2",
            "OAuth2Callback",
            "user_ManagementConsole",
            "get_all_users",
            "how-to-make-a-cake",
            "@scope",
            "{petId}",
            "{proxy+}",
            "caf%C3%A9",
            ".well-known",
            "favicon.ico",
            "index.html",
            "pets;a=b",
            "step-1",
            "ÄÖÜ",
            "$default",
            "WEBHOOKS",
            "openid-configuration",
        ];
        for word in words {
            assert_eq!(segment_class(word), None, "{word}");
        }
        for (segment, class) in [
            ("0", Class::Number),
            ("42", Class::Number),
            ("-1.5", Class::Number),
            ("2026-11-22", Class::Number),
            ("10:30", Class::Number),
            ("8476a536-e9f4-11e8-9739-2dfe598c3fcd", Class::Hex),
            ("8476A536-E9F4-11E8-9739-2DFE598C3FCD", Class::Hex),
            ("507f1f77bcf86cd799439011", Class::Hex),
            ("d41d8cd98f00b204e9800998ecf8427e", Class::Hex),
            ("deadbee1", Class::Hex),
            ("feedfacefeedface", Class::Hex),
            ("jane.doe@example.com", Class::Other),
            ("22Nov2026", Class::Other),
            ("2026-11-22T10:00:00Z", Class::Other),
            ("V1StGXR8_Z5jdHi6B-myT", Class::Other),
            ("dQwXgWcQabcDEFghiJKLmn", Class::Other),
            ("01ARZ3NDEKTSV4RRFFQ69G5FAV", Class::Other),
            ("cus_NffrFeUfNV2Hib", Class::Other),
            ("cus_NffrFeUfNVAHib", Class::Other),
            ("ord_1234567890ab", Class::Other),
            ("order-12345", Class::Other),
            ("user1234", Class::Other),
        ] {
            assert_eq!(segment_class(segment), Some(class), "{segment}");
        }
    }

    fn get<'a>(path: &'a str, template: Option<&'a str>) -> Endpoint<'a> {
        Endpoint {
            method: "GET",
            host: "api.example.com",
            path: path.as_bytes(),
            template: template.map(str::as_bytes),
            status: Some(200),
        }
    }

    #[test]
    fn calls_of_one_endpoint_have_one_fingerprint_and_others_have_others() {
        let keys = RandomState::new();
        let long = |end: &str| format!("/files/{}{end}", "a".repeat(MAX_PATH));
        let (one, other) = (long("b"), long("cc"));
        let (greedy, template) = (Some("/{proxy+}"), Some("/pets/{id}"));
        for (first, second, are_same) in [
            (get("/pets/1", None), get("/pets/23", None), true),
            (get("/pets/1/a", None), get("/pets/1/b", None), false),
            (get("/pets/1", None), get("/pets/1/", None), false),
            (get("/pets", None), get("/dogs", None), false),
            (get("/v1/pets", None), get("/v2/pets", None), false),
            (get(&one, None), get(&other, None), true),
            (get("/pets/ann", template), get("/pets/bob", template), true),
            (get("/pets/ann", template), get("/pets/ann", None), false),
            (
                get("/pets/1", template),
                get("/pets/1", Some("/pets/{x}")),
                false,
            ),
            (get("/pets/1", greedy), get("/dogs/1", greedy), false),
            (get("/pets/1", greedy), get("/pets/2", None), true),
            // The same template below two base paths, and in two stages.
            (
                get("/a/pets/ann", template),
                get("/b/pets/ann", template),
                false,
            ),
            (
                get("/a/pets/ann", template),
                get("/a/pets/bob/", template),
                true,
            ),
            // A path that is shorter than its template is of nobody's API.
            (get("/pets", template), get("/dogs", template), true),
            (
                get("/pets", None),
                Endpoint {
                    method: "PUT",
                    ..get("/pets", None)
                },
                false,
            ),
            (
                get("/pets", None),
                Endpoint {
                    host: "b.example",
                    ..get("/pets", None)
                },
                false,
            ),
            (
                get("/pets", None),
                Endpoint {
                    status: Some(204),
                    ..get("/pets", None)
                },
                true,
            ),
            (
                get("/pets", None),
                Endpoint {
                    status: Some(404),
                    ..get("/pets", None)
                },
                false,
            ),
            (
                get("/pets", None),
                Endpoint {
                    status: None,
                    ..get("/pets", None)
                },
                true,
            ),
            (
                get("/pets", None),
                Endpoint {
                    status: Some(700),
                    ..get("/pets", None)
                },
                true,
            ),
        ] {
            let fingerprints = [first, second].map(|endpoint| endpoint.fingerprint(&keys));
            let [one, other] = fingerprints;
            assert_eq!(one == other, are_same, "{first:?}, {second:?}");
        }
    }

    /// What the keys are for: nobody can find two endpoints beforehand that share a place.
    #[test]
    fn each_process_has_fingerprints_of_its_own() {
        let endpoint = get("/pets", None);
        let fingerprints = [(); 2].map(|()| endpoint.fingerprint(&RandomState::new()));
        assert_ne!(fingerprints[0], fingerprints[1]);
    }
}
