use crate::json;
use crate::record::{AccessRecord, HostSource, LineReader, Origin, RawLineReader, Reading};

/// The fast paths, which use the layout of earlier lines, read a line like the general path, and every value
/// comes from the line itself. The bytes are tested as lines of a document, still escaped, and as lines that
/// were logged, which are also read without their escapes.
///
/// # Panics
///
/// If that does not hold.
pub fn line(bytes: &[u8]) {
    let templates = Reading {
        sends_template_paths: true,
        reads_templates: true,
    };
    let known = Origin {
        region: Some("eu-west-1"),
        default_host: Some("default.example"),
    };
    for (reading, origin) in [(Reading::default(), Origin::default()), (templates, known)] {
        // All lines are of one document, so that each is held against those before it.
        let mut reader = LineReader::new(reading);
        let mut oracle = LineReader::new(reading);
        for escaped in lines(bytes) {
            let read = reader.read(&escaped, origin);
            assert_eq!(read, oracle.read_any(&escaped, origin));
            if let Ok(record) = read {
                check(&escaped, &record);
            }
        }
        let mut reader = LineReader::new(reading);
        let mut raw = RawLineReader::new(reading);
        for line in bytes.split(|byte| *byte == b'\n') {
            let escaped = escape(line);
            assert_eq!(raw.read(line, origin), reader.read(&escaped, origin));
        }
    }
}

/// A line with the escapes that it has in a document.
fn escape(line: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(line.len());
    for &byte in line {
        match byte {
            b'"' | b'\\' => escaped.extend([b'\\', byte]),
            b' '.. => escaped.push(byte),
            _ => escaped.extend(format!("\\u{byte:04x}").into_bytes()),
        }
    }
    escaped
}

/// The lines in some bytes, escaped: once as if they were escaped already, and once as they were logged.
pub(super) fn lines(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    bytes.split(|byte| *byte == b'\n').flat_map(|line| {
        // The document's own reader would have ended the line elsewhere.
        let as_escaped = is_string_content(line).then(|| line.to_vec());
        let as_logged = str::from_utf8(line).ok().map(|line| {
            let quoted = serde_json::to_string(line).expect("text can always be written to memory");
            quoted.as_bytes()[1..quoted.len() - 1].to_vec()
        });
        [as_escaped, as_logged].into_iter().flatten()
    })
}

/// Whether bytes can be the content between the quotes of a JSON string.
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
    // A whole object may be a string.
    let mut thrice = Vec::new();
    json::unescape(&twice, &mut thrice);
    let is_in = |value: &[u8]| {
        // A backslash that ends a value begins an escape if the line continues after it.
        let value = value.strip_suffix(b"\\").unwrap_or(value);
        [&text, &twice, &thrice]
            .iter()
            .any(|text| value.is_empty() || text.windows(value.len()).any(|window| window == value))
    };
    // A path that was logged without its slash has got one.
    let path = if is_in(record.path) {
        record.path
    } else {
        &record.path[1..]
    };
    let values = [
        Some(record.method.as_bytes()),
        // One that a template stands in is put together.
        Some(path).filter(|_| !record.has_template),
        record.template,
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
    // The host is in lower case, without port 443 and without a final dot.
    let host = record.host.split(':').next().unwrap_or_default();
    let is_in_lower_case = |text: &Vec<u8>| {
        let mut windows = text.windows(host.len());
        windows.any(|window| window.eq_ignore_ascii_case(host.as_bytes()))
    };
    let mut texts = [&text, &twice, &thrice].into_iter();
    match record.host_source {
        HostSource::Line => assert!(texts.any(is_in_lower_case), "{host}"),
        HostSource::ApiId => {
            let (id, rest) = host.split_once('.').unwrap_or_default();
            assert!(is_in(id.as_bytes()), "{host}");
            assert_eq!(rest, "execute-api.eu-west-1.amazonaws.com");
        }
        HostSource::Default => assert_eq!(host, "default.example"),
    }
    assert!(
        !host.ends_with('.') && !record.host.ends_with(":443"),
        "{}",
        record.host
    );
    let is_plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.:".contains(&byte);
    assert!(record.host.bytes().all(is_plain), "{}", record.host);
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    assert!(record.method.bytes().all(is_token), "{}", record.method);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Reader;
    use crate::standin::sample::Random;

    const SEEDS: [&str; 4] = [
        r#"{ "requestId": "7f3c1a4e-0e0b-4a35-9b7e-2f1f6f0f5a11", "httpMethod": "GET", "path": "/prod/pets/42", "protocol": "HTTP/1.1", "status": "200", "responseLength": "345", "requestTime": "22/Nov/2026:10:00:00 +0000", "requestTimeEpoch": "1795341600000", "responseLatency": "12", "integrationLatency": "9", "integrationStatus": "200", "errorMessage": "-", "stage": "prod", "domainName": "abc123.execute-api.us-east-1.amazonaws.com", "sourceIp": "203.0.113.7", "userAgent": "curl/8.5.0" }"#,
        r#"{"request":{"method":"GET","path":"/x"},"status":-,"host":"h","userAgent":"say "hi"","ip":"::1"}"#,
        r#""httpMethod":"GET","path":"/a\u002fb","domainName":"h","userAgent":"\"x\"""#,
        r#"{"httpMethod":"GET","path":"\/a\u002fb","url":"/a/b","domainName":"h.example","userAgent":"\"x\" \\","errorMessage":"\\\"","other":"\ud83d\ude00"}"#,
    ];

    /// Each mutated line follows the valid one, so that the layout that was learned nearly fits it.
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
            let mut reader = LineReader::new(Reading::default());
            records += u32::from(
                is_string_content(&text) && reader.read(&text, Origin::default()).is_ok(),
            );
        }
        assert!(
            records > 4_000,
            "only {records} records: the test checks too little"
        );
    }

    /// What a caller controls in a line.
    const CONTROLLED: [&str; 3] = ["path", "agent", "referer"];

    /// The members of a stage's template: a name, and what stands for its value.
    struct Template(Vec<(String, &'static str)>);

    fn pick<'a>(random: &mut Random, of: &[&'a str]) -> &'a str {
        of[usize::try_from(random.below(of.len() as u64)).unwrap()]
    }

    fn template(random: &mut Random) -> Template {
        const METHODS: &[&str] = &["httpMethod", "method", "verb", "request_method"];
        const PATHS: &[&str] = &["path", "requestPath", "rawPath", "uri"];
        const HOSTS: &[&str] = &["domainName", "host", "domain", "hostname"];
        const ADDRESSES: &[&str] = &[
            "sourceIp",
            "ip",
            "identity.sourceIp",
            "clientIp",
            "remoteAddr",
            // One only in `remote`.
            "addr",
        ];
        let mut members: Vec<(String, &str)> = Vec::new();
        const TEMPLATES: &[&str] = &["resourcePath", "resource_path", "resource"];
        const ROUTES: &[&str] = &["routeKey", "route"];
        for (names, value) in [
            (METHODS, "method"),
            (PATHS, "path"),
            (HOSTS, "host"),
            (ADDRESSES, "address"),
            (TEMPLATES, "template"),
            (ROUTES, "route"),
        ] {
            let most = if ["template", "route"].contains(&value) {
                3
            } else {
                8
            };
            if random.below(most) > 0 {
                members.push((pick(random, names).into(), value));
            }
        }
        for (name, value) in [
            ("requestId", "id"),
            ("userAgent", "agent"),
            ("status", "200"),
            ("integrationStatus", "-"),
            ("requestTime", "time"),
            ("referer", "referer"),
            ("custom", "-"),
            ("more", "text"),
            ("apiId", "api"),
        ] {
            if random.below(3) > 0 {
                members.push((name.into(), value));
            }
        }
        for at in (1..members.len()).rev() {
            let other = usize::try_from(random.below(at as u64 + 1)).unwrap();
            members.swap(at, other);
        }
        Template(members)
    }

    impl Template {
        /// A line, in whose value `injected.0` stands for the value of this kind, and `injected.1` for a later
        /// one that a caller controls. The nesting is the template's.
        fn line(&self, nesting: u64, injected: &[(&str, &str)]) -> String {
            let has_bare = nesting % 5 == 4;
            let mut line = String::new();
            let mut is_open = false;
            for (at, (name, value)) in self.0.iter().enumerate() {
                line.push_str(if at == 0 { "{" } else { "," });
                // A container around two members, of a name that means nothing by itself.
                if nesting % 3 == 1 && at % 4 == 1 {
                    let container = ["request", "x", "remote", "context"];
                    let first = usize::try_from(nesting / 3).unwrap_or(0);
                    line.push_str(&format!("\"{}\":{{", container[(first + at / 4) % 4]));
                    is_open = true;
                }
                let injected = injected.iter().find(|(kind, _)| kind == value);
                let value = match (*value, injected) {
                    (_, Some((_, text))) => text,
                    ("method", _) => "GET",
                    ("path" | "template", _) => "/true",
                    ("route", _) => "GET /true",
                    ("api", _) => "true12",
                    ("host", _) => "true.example",
                    ("address", _) => "192.0.2.1",
                    (other, _) => other,
                };
                let quote = if has_bare && value == "-" { "" } else { "\"" };
                line.push_str(&format!("\"{name}\":{quote}{value}{quote}"));
                if is_open && at % 4 == 2 {
                    line.push('}');
                    is_open = false;
                }
            }
            line.push_str(if is_open { "}}" } else { "}" });
            line
        }
    }

    /// Fields that a caller brings, in any spelling and any container.
    fn forged(random: &mut Random) -> String {
        let mut text = String::new();
        for _ in 0..=random.below(3) {
            let field = pick(
                random,
                &[
                    r#""domainName":"evil.example""#,
                    r#""host":"evil.example""#,
                    r#""d\u006fmainName":"evil.example""#,
                    r#""DOMAIN_NAME":"evil.example""#,
                    r#""hostname":"evil.example""#,
                    r#""domain":{"name":"evil.example"}"#,
                    r#""request":{"host":"evil.example"}"#,
                    r#""http.host":["evil.example"]"#,
                    r#""sourceIp":"6.6.6.6""#,
                    r#""ip":"6.6.6.6""#,
                    r#""clientIp":"6.6.6.6""#,
                    r#""identity":{"sourceIp":"6.6.6.6"}"#,
                    r#""remote":{"addr":"6.6.6.6"}"#,
                    r#""client.ip":"6.6.6.6""#,
                    r#""addr":"6.6.6.6""#,
                    r#""name":"evil.example""#,
                    r#""httpMethod":"PUT""#,
                    r#""method":"PUT""#,
                    r#""http":{"method":"PUT"}"#,
                    r#""path":"/forged""#,
                    r#""uri":"/forged""#,
                    r#""request":{"path":"/forged"}"#,
                    r#""headers":{"path":"/forged","method":"PUT"}"#,
                    r#""domainName":"-""#,
                    r#""resourcePath":"/forged""#,
                    r#""resource":"/forged""#,
                    r#""routeKey":"PUT /forged""#,
                    r#""route":"PUT /forged""#,
                    r#""apiId":"evil12""#,
                    r#""url":"https://evil.example/forged""#,
                    r#""ctxpath":"/forged""#,
                    r#""context.domainName":"evil.example""#,
                    r#""x-forwarded-for":"6.6.6.6""#,
                    r#""headers":{"x-forwarded-for":"6.6.6.6"}"#,
                    r#""n":{"a":["b"]}"#,
                ],
            );
            text.push(',');
            text.push_str(field);
        }
        text
    }

    /// What a caller sends in one value, and in another one.
    fn injection(random: &mut Random) -> (String, String) {
        let fields = forged(random);
        let container = pick(
            random,
            &[
                "headers",
                "authorizer",
                "claims",
                "error",
                "integration",
                "body",
                "k",
                "waf",
            ],
        );
        let (open, close) = match random.below(10) {
            0 => (r#","w":"z"#.into(), String::new()),
            1 => (
                format!(r#","{container}":{{"a":"b"#),
                r#"y"},"w":"z"#.into(),
            ),
            2 => (
                format!(r#","{container}":[{{"a":"b"#),
                r#"y"}],"w":"z"#.into(),
            ),
            3 => (
                format!(r#","p":{{"{container}":{{"q":{{"a":"b"#),
                r#"y"}}},"w":"z"#.into(),
            ),
            4 => (r#","w":"\"#.into(), String::new()),
            5 => (r#"},"w":"z"#.into(), r#"y"},"w":"z"#.into()),
            6 => (format!(r#","{container}":{{"a":"b"#), String::new()),
            7 => (r#","w":"\"#.into(), r#"y","v":"\"#.into()),
            // Closes the template's container, and opens another.
            8 => (format!(r#"}},"{container}":{{"a":"b"#), String::new()),
            _ => (
                format!(r#","{container}":{{"a":{{}},"b":"\"#),
                r#"y"},"w":"z"#.into(),
            ),
        };
        (format!(r#"u"{fields}{open}"#), close)
    }

    /// Reads a document as the function does: what is in doubt waits.
    fn document<const IS_RAW: bool>(
        reader: &mut Reader<IS_RAW>,
        origin: Origin<'static>,
        lines: &[String],
    ) -> Vec<Option<[String; 4]>> {
        let text = |record: &AccessRecord<'_>| {
            let path = String::from_utf8_lossy(record.path).into_owned();
            let ip = record.source_ip.unwrap_or("-").into();
            [record.method.into(), record.host.into(), path, ip]
        };
        let lines: Vec<_> = lines
            .iter()
            .map(|line| {
                if IS_RAW {
                    return line.as_bytes().to_vec();
                }
                let quoted = serde_json::to_string(line).unwrap();
                quoted.as_bytes()[1..quoted.len() - 1].to_vec()
            })
            .collect();
        reader.begin_document();
        let early: Vec<_> = lines
            .iter()
            .map(|line| match reader.read_early(line, origin) {
                Ok(Some(record)) => Some(Some(text(&record))),
                Ok(None) => None,
                Err(_) => Some(None),
            })
            .collect();
        let settled = lines.iter().zip(early).map(|(line, early)| match early {
            Some(result) => result,
            None => reader
                .read_again(line, origin)
                .ok()
                .map(|record| text(&record)),
        });
        settled.collect()
    }

    /// Whatever a caller brings by a value that came unescaped: what a forwarded line says was called, and by whom,
    /// is what the gateway wrote. And no line is lost in which nobody has forged anything.
    #[test]
    fn no_template_lets_a_caller_forge_a_record() {
        let mut random = Random::new(0x51ed_270b);
        // As it is by default, with templates in place of paths and a host for lines that have none, and with templates
        // beside paths and hosts that ids tell.
        let mut settings = [
            (Reading::default(), Origin::default()),
            (
                Reading {
                    sends_template_paths: true,
                    reads_templates: true,
                },
                Origin {
                    region: None,
                    default_host: Some("default.example"),
                },
            ),
            (
                Reading {
                    sends_template_paths: false,
                    reads_templates: true,
                },
                Origin {
                    region: Some("us-east-1"),
                    default_host: None,
                },
            ),
        ]
        .map(|(reading, origin)| {
            let readers = (LineReader::new(reading), RawLineReader::new(reading));
            (readers, origin)
        });
        let (mut forgeries, mut skipped, mut clean_ones) = (0, 0, 0);
        while forgeries < 12_000 {
            let template = template(&mut random);
            let setting = usize::try_from(random.below(3)).unwrap();
            let ((reader, raw), origin) = &mut settings[setting];
            let origin = *origin;
            let nesting = random.below(15);
            let clean = template.line(nesting, &[]);
            let alone = document(reader, origin, std::slice::from_ref(&clean)).remove(0);
            let has = |kind: &str| template.0.iter().any(|(_, value)| *value == kind);
            // In a container, one of its names may not count.
            let has_route = template.0.iter().any(|(name, _)| name == "routeKey");
            if setting == 0 && (has("method") || has_route || !has("route")) {
                let is_whole = (has("method") || has_route) && has("path") && has("host");
                assert_eq!(alone.is_some(), is_whole, "{clean}");
            } else if has("method") && has("path") && has("host") {
                assert!(alone.is_some(), "{clean}");
            }
            for kind in CONTROLLED {
                let mut lines = Vec::new();
                let mut own_paths = Vec::new();
                for _ in 0..=random.below(3) {
                    let (text, close) = injection(&mut random);
                    let text = if kind == "path" {
                        format!("/{text}")
                    } else {
                        text
                    };
                    let later = CONTROLLED.map(|other| {
                        if other == kind {
                            (other, &*text)
                        } else {
                            (other, &*close)
                        }
                    });
                    let count = if close.is_empty() { 1 } else { 3 };
                    let mut injected: Vec<_> = later
                        .into_iter()
                        .filter(|(other, _)| *other == kind)
                        .collect();
                    if count > 1 {
                        injected.extend(later.into_iter().filter(|(other, _)| *other != kind));
                    }
                    let line = template.line(nesting, &injected);
                    // Where the caller wrote the path, it is the caller's.
                    own_paths.extend(
                        injected
                            .iter()
                            .filter(|(kind, _)| *kind == "path")
                            .map(|_| line.clone()),
                    );
                    if template.0.iter().any(|(_, value)| *value == kind) {
                        lines.push(line);
                    }
                }
                forgeries += lines.len();
                // A caller who writes only the path can be told from lines that came before.
                let at = if kind == "path" {
                    0
                } else {
                    usize::try_from(random.below(lines.len() as u64 + 1)).unwrap()
                };
                lines.insert(at, clean.clone());
                lines.push(clean.clone());
                let results = document(reader, origin, &lines);
                assert_eq!(document(raw, origin, &lines), results, "{lines:#?}");
                for (line, result) in lines.iter().zip(results) {
                    if *line == clean {
                        assert_eq!(result, alone, "{lines:#?}");
                        clean_ones += usize::from(result.is_some());
                        continue;
                    }
                    let Some(result) = result else {
                        skipped += 1;
                        continue;
                    };
                    let alone = alone
                        .as_ref()
                        .unwrap_or_else(|| panic!("{result:?}: {line}"));
                    for (at, (value, expected)) in result.iter().zip(alone).enumerate() {
                        let is_own = at == 2 && own_paths.contains(line);
                        // A caller can hide an address, and can't put another one in its place.
                        let is_hidden = at == 3 && value == "-";
                        assert!(
                            value == expected || is_own || is_hidden,
                            "{result:?}: {line}: {lines:#?}"
                        );
                    }
                }
            }
        }
        assert!(
            clean_ones > 5_000 && skipped < forgeries,
            "{clean_ones} {skipped}"
        );
    }
}
