//! What a text is, by its first bytes and never by its name.

use memchr::memmem;

use super::super::calls;
use super::{Line, csv, moment, text::begins_document};
use crate::{
    event::text_kind,
    json::{Grammar, Lexer, Role, Token},
    record::Skip,
};

/// How many of a text's first bytes tell what it is.
pub(super) const HEAD: usize = 64 * 1024;

/// What a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// There is nothing in it.
    Empty,
    Lines,
    /// JSON around log events, in any number of documents.
    Documents,
    /// Columns with their names in the first line, and this between them.
    Csv(u8),
    /// What the AWS CLI prints with `--output yaml`.
    Yaml,
    /// What CloudWatch Logs writes to a bucket to see whether it may.
    Ignored,
    Foreign(Foreign),
}

/// What is no log of API Gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Foreign {
    /// What it seems to be.
    pub(super) what: &'static str,
    /// What to do.
    pub(super) advice: &'static str,
}

const GIVE_LOG: &str = "give the access log of a stage, as aws logs tail prints it";
const GIVE_TEXT: &str = "give what was written as JSON, or as text";
const GIVE_AS_SPEC: &str = "give it with --spec, beside a log";
const UNPACK: &str = "unpack it, and give the files in it";

fn foreign(what: &'static str, advice: &'static str) -> Kind {
    Kind::Foreign(Foreign { what, advice })
}

/// What the text is that begins so.
pub(super) fn kind(head: &[u8]) -> Kind {
    if let Some(kind) = binary(head) {
        return kind;
    }
    let text = head.trim_ascii_start();
    match text.first() {
        None => Kind::Empty,
        Some(b'{' | b'[') => json(text),
        _ => plain(text),
    }
}

fn binary(head: &[u8]) -> Option<Kind> {
    const BZIP2: &str = "give what bzip2 -dc prints";
    const XZ: &str = "give what xz -dc prints";
    const LZ4: &str = "give what lz4 -dc prints";
    const SIGNATURES: [(&[u8], &str, &str); 19] = [
        (
            b"PK\x03\x04",
            "a ZIP archive, or a document of an office program",
            UNPACK,
        ),
        (b"PK\x05\x06", "an empty ZIP archive", GIVE_LOG),
        (b"PAR1", "a Parquet file", GIVE_TEXT),
        (b"Obj\x01", "an Avro file", GIVE_TEXT),
        (b"ORC", "an ORC file", GIVE_TEXT),
        (b"\x89PNG", "a PNG picture", GIVE_LOG),
        (b"\xff\xd8\xff", "a JPEG picture", GIVE_LOG),
        (b"GIF8", "a GIF picture", GIVE_LOG),
        (b"%PDF-", "a PDF document", GIVE_LOG),
        (b"\xd4\xc3\xb2\xa1", "a capture of packets (pcap)", GIVE_LOG),
        (b"\xa1\xb2\xc3\xd4", "a capture of packets (pcap)", GIVE_LOG),
        (
            b"\x0a\x0d\x0d\x0a",
            "a capture of packets (pcapng)",
            GIVE_LOG,
        ),
        (b"BZh", "a bzip2 archive", BZIP2),
        (b"\xfd7zXZ\0", "an xz archive", XZ),
        (b"\x04\x22\x4d\x18", "an lz4 archive", LZ4),
        (b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
        (b"\x7fELF", "a program", GIVE_LOG),
        (b"SQLite format 3\0", "a database of SQLite", GIVE_LOG),
        (
            b"\x1f\x8b",
            "compressed more often than anybody would",
            UNPACK,
        ),
    ];
    for (signature, what, advice) in SIGNATURES {
        // `ORC` and `BZh` may begin a text, too.
        let is_text = signature.iter().all(u8::is_ascii_alphanumeric) && !head.contains(&0);
        if head.starts_with(signature) && !is_text {
            return Some(foreign(what, advice));
        }
    }
    if head.get(257..262) == Some(b"ustar") {
        return Some(foreign("a tar archive", UNPACK));
    }
    let begin = head.trim_ascii_start();
    let begin = &begin[..begin.len().min(4096)];
    text_kind(begin, false)
        .is_err()
        .then(|| foreign("a binary file", GIVE_LOG))
}

/// The keys of the outermost objects that `head` shows, and whether it is JSON so far.
fn keys(head: &[u8]) -> (Vec<String>, bool) {
    const MAX_KEYS: usize = 64;
    let mut lexer = Lexer::new(256);
    let mut grammar = Grammar::new();
    let mut rest = head;
    let mut keys = Vec::new();
    let level = if head.starts_with(b"[") { 2 } else { 1 };
    while keys.len() < MAX_KEYS && !grammar.is_complete() {
        let token = match lexer.next(&mut rest) {
            Ok(Some(token)) => token,
            Ok(None) => break,
            Err(_) => return (keys, false),
        };
        match grammar.accept(&token) {
            Ok(Role::Key) if grammar.depth() == level => {
                if let Token::String(text) = &token {
                    keys.push(String::from_utf8_lossy(text.bytes()).into_owned());
                }
            }
            Ok(_) => {}
            Err(_) => return (keys, false),
        }
    }
    (keys, true)
}

fn json(text: &[u8]) -> Kind {
    let (keys, is_json) = keys(text);
    if text.starts_with(b"[") {
        // A line of a text log may begin with a bracket.
        return match is_json || text[1..].trim_ascii_start().starts_with(b"{\"") {
            true => Kind::Documents,
            false => plain(text),
        };
    }
    let has = |name: &str| keys.iter().any(|key| key == name);
    let shows = |name: &str| memmem::find(text, name.as_bytes()).is_some();
    const STAGES: &str = "give it to cw-resend check";
    const EVENTS: &str = "give what aws logs filter-log-events prints";
    if has("openapi") || has("swagger") {
        return foreign("an OpenAPI specification", GIVE_AS_SPEC);
    }
    if has("items") && (shows("\"resourceMethods\"") || shows("\"pathPart\"")) {
        return foreign("the resources of an API", GIVE_AS_SPEC);
    }
    if has("Items") && shows("\"RouteKey\"") {
        return foreign("the routes of an API", GIVE_AS_SPEC);
    }
    if (has("item") && shows("\"stageName\"")) || (has("Items") && shows("\"StageName\"")) {
        return foreign("the stages of an API", STAGES);
    }
    if has("log") && shows("\"creator\"") {
        return foreign("a HAR file of a browser", GIVE_LOG);
    }
    if has("eventVersion")
        || (has("Records")
            && shows("\"userIdentity\"")
            && shows("\"eventVersion\"")
            && !shows("\"s3SchemaVersion\""))
    {
        return foreign("a trail of CloudTrail", GIVE_LOG);
    }
    if has("logGroups") || has("logStreams") {
        return foreign("a list of log groups or of log streams", EVENTS);
    }
    if has("queryId") && !has("results") {
        return foreign(
            "the id of an Insights query",
            "give what aws logs get-query-results prints",
        );
    }
    if has("taskId") || has("exportTasks") {
        return foreign(
            "what the AWS CLI says of an export task",
            "give the objects that the task writes to S3",
        );
    }
    // A line of an access log is an object with keys that no document has; what can't be told yet is read line by line,
    // which finds documents as well, but for those that are longer than a line may be.
    const DOCUMENT: [&str; 22] = [
        "events",
        "logEvents",
        "results",
        "searchedLogStreams",
        "nextForwardToken",
        "nextBackwardToken",
        "messageType",
        "subscriptionFilters",
        "awslogs",
        "Records",
        "records",
        "requestPayload",
        "Messages",
        "detail-type",
        "rawData",
        "KinesisBatchInfo",
        "ingestionTime",
        "logStreamName",
        "eventId",
        "TopicArn",
        "ReceiptHandle",
        "queryLanguage",
    ];
    let is_document = keys.iter().any(|key| DOCUMENT.contains(&key.as_str()))
        || (has("message") && has("timestamp") && keys.len() <= 4)
        || (has("recordId") && has("data"))
        || (has("nextToken") && !has("path"));
    // Of one that is longer than the head, no key may be seen but the first.
    let is_long = !text.contains(&b'\n') && text.len() >= HEAD && begins_document(text);
    match is_document || is_long || begins_list(text) || is_row_of_objects(text) {
        true => Kind::Documents,
        false => Kind::Lines,
    }
}

/// Whether an object's first member is a list, as `--query '{name: events}'` leaves it. No line begins so.
fn begins_list(text: &[u8]) -> bool {
    let list = || {
        let rest = text.strip_prefix(b"{")?.trim_ascii_start();
        let rest = rest.strip_prefix(b"\"")?;
        let rest = &rest[memchr::memchr(b'"', rest)? + 1..];
        let value = rest.trim_ascii_start().strip_prefix(b":")?;
        Some(value.trim_ascii_start().starts_with(b"["))
    };
    list().unwrap_or(false)
}

/// Whether the first line is several lines without anything between them, as Firehose writes them unless it is told to
/// put a line end. Two would do for a caller who sends a `}{`, and such a line is for the reader of lines to refuse.
fn is_row_of_objects(text: &[u8]) -> bool {
    type Object = serde_json::Map<String, serde_json::Value>;
    let end = memchr::memchr(b'\n', text).unwrap_or(text.len());
    let line = &text[..end];
    if memmem::find(line, b"}{").is_none() && memmem::find(line, b"} {").is_none() {
        return false;
    }
    let mut objects = serde_json::Deserializer::from_slice(line).into_iter::<Object>();
    let Some(Ok(first)) = objects.next() else {
        return false;
    };
    let others: Vec<_> = objects.take(2).collect();
    let is_same = |other: &Result<Object, _>| {
        let other = other.as_ref();
        other.is_ok_and(|other| other.keys().eq(first.keys()))
    };
    others.len() == 2 && others.iter().all(is_same)
}

fn plain(text: &[u8]) -> Kind {
    let mut lines = text
        .split(|&byte| byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    let second = lines.next().unwrap_or_default();
    if first == b"Permission Check Successful" {
        return Kind::Ignored;
    }
    match csv::delimiter(first) {
        // The names of columns are copied from the console, too, before lines as they are.
        Some(b'\t') if memmem::find(second, b"\t\"").is_none() => {}
        Some(delimiter) => return Kind::Csv(delimiter),
        None if csv::is_row(first) => return Kind::Csv(b','),
        None => {}
    }
    let yaml = if first == b"---" { second } else { first };
    if yaml.starts_with(b"openapi:") || yaml.starts_with(b"swagger:") {
        return foreign("an OpenAPI specification", GIVE_AS_SPEC);
    }
    const YAML: [&str; 11] = [
        "events:",
        "results:",
        "- events:",
        "- eventId:",
        "- ingestionTime:",
        "- logStreamName:",
        "- message:",
        "- timestamp:",
        "- '{",
        "- \"{",
        "- - ",
    ];
    let is_yaml = YAML.iter().any(|begin| yaml.starts_with(begin.as_bytes()));
    if is_yaml || (is_yaml_member(yaml) && shows_yaml_list(text)) {
        return Kind::Yaml;
    }
    text_foreign(first, second).unwrap_or_else(|| match is_no_log(text) {
        true => foreign("a text that is no log of API Gateway", GIVE_LOG),
        false => Kind::Lines,
    })
}

/// Whether this is a member of an object of YAML: a name, and a colon.
fn is_yaml_member(mut line: &[u8]) -> bool {
    while let Some(rest) = line.strip_prefix(b"- ") {
        line = rest;
    }
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"@_.-".contains(byte);
    match memchr::memchr(b':', line) {
        Some(at) if at > 0 => {
            line[..at].iter().all(is_name) && line.get(at + 1).is_none_or(|&byte| byte == b' ')
        }
        _ => false,
    }
}

/// Whether there is a list, and a text in quotes that begins as an object does.
fn shows_yaml_list(text: &[u8]) -> bool {
    let shows = |part: &&[u8]| memmem::find(text, part).is_some();
    let has_list = text.starts_with(b"- ") || [&b"\n- "[..], b"\n  - "].iter().any(shows);
    let objects: [&[u8]; 4] = [b": '{", b": \"{", b"- '{", b"- \"{"];
    has_list && objects.iter().any(shows)
}

fn text_foreign(first: &[u8], second: &[u8]) -> Option<Kind> {
    let begins = |begins: &[&str]| {
        begins
            .iter()
            .any(|begin| first.starts_with(begin.as_bytes()))
    };
    let lower = first[..first.len().min(16)].to_ascii_lowercase();
    let words: Vec<&[u8]> = first.split(|&byte| byte == b' ').collect();
    let word = |at: usize| words.get(at).copied().unwrap_or_default();
    let all = |text: &[u8], test: fn(&u8) -> bool| !text.is_empty() && text.iter().all(test);
    if lower.starts_with(b"<!doctype html") || lower.starts_with(b"<html") {
        return Some(foreign("a page of HTML", GIVE_LOG));
    }
    if lower.starts_with(b"<?xml") {
        return Some(foreign("a document of XML", GIVE_LOG));
    }
    if begins(&[
        "An error occurred (",
        "aws: error",
        "aws: [ERROR]",
        "usage: aws",
        "Unable to locate credentials",
        "Could not connect to the endpoint URL",
        "The config profile (",
        "Error when retrieving token",
        "Error loading SSO Token",
        "Partial credentials found",
        "You must specify a region",
    ]) {
        return Some(foreign(
            "an error that the AWS CLI has printed",
            "run its command again",
        ));
    }
    if first.len() > 20
        && all(first, |&byte| byte == b'-' || byte == b'+')
        && second.starts_with(b"|")
    {
        return Some(foreign(
            "a table that the AWS CLI has printed, which cuts long lines",
            "run its command again with --output json",
        ));
    }
    if begins(&["version account-id interface-id"])
        || (word(1).len() == 12 && all(word(1), u8::is_ascii_digit) && word(2).starts_with(b"eni-"))
    {
        return Some(foreign("a VPC flow log", GIVE_LOG));
    }
    if begins(&["#Version:"]) {
        return Some(foreign("an access log of CloudFront", GIVE_LOG));
    }
    if matches!(
        word(0),
        b"http" | b"https" | b"h2" | b"ws" | b"wss" | b"grpcs" | b"tls"
    ) && moment::moment(word(1)).is_some()
    {
        return Some(foreign("an access log of a load balancer", GIVE_LOG));
    }
    if word(0).len() == 64 && all(word(0), u8::is_ascii_hexdigit) && word(2).starts_with(b"[") {
        return Some(foreign("an access log of an S3 bucket", GIVE_LOG));
    }
    let is_execution = |line: &[u8]| {
        // `aws logs tail` has its time and stream before it.
        let at = memchr::memchr(b'(', line).unwrap_or(line.len());
        let rest = &line[at..];
        at <= 80
            && rest.len() > 38
            && rest[37] == b')'
            && all(&rest[1..37], |byte| {
                byte.is_ascii_hexdigit() || *byte == b'-'
            })
    };
    if is_execution(first) && (second.is_empty() || is_execution(second)) {
        return Some(foreign(
            "an execution log of API Gateway",
            "give the access log of the stage, which is another log group",
        ));
    }
    if begins(&[
        "START RequestId: ",
        "INIT_START Runtime Version",
        "REPORT RequestId: ",
    ]) {
        return Some(foreign("a log of a Lambda function", GIVE_LOG));
    }
    None
}

/// Whether nothing in the first lines is what an access-log line could be.
fn is_no_log(text: &[u8]) -> bool {
    const MAX_LINES: usize = 50;
    let mut reader = calls::Reader::new(calls::Options::default());
    let lines = text.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    lines
        .filter(|line| !line.is_empty())
        .take(MAX_LINES)
        .all(|line| {
            let line = &line[..line.len().min(HEAD)];
            if line.contains(&b'{') || line.contains(&0x1b) || moment::moment(line).is_some() {
                return false;
            }
            let line = Line {
                text: line,
                ..Line::default()
            };
            matches!(reader.read(&line), Err(Skip::Malformed))
        })
}
