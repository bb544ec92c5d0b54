//! `cw-resend send` against stand-ins for the Node and for the AWS CLI, with processes that are really killed.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use cw_resend_lambda::standin::cloudwatch;
use cw_resend_lambda::standin::node::{Fault, StandInNode};
use serde_json::{Value, json};

use crate::harness::{PATIENCE, faulty_node, line, node, node_at};
use crate::port::Port;

/// A folder of a test's own, which goes with it.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let name = format!("cw-resend-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_string()
    }

    /// A log of so many calls.
    fn log(&self, name: &str, calls: usize) -> String {
        let lines = (0..calls).map(|n| line("GET", &format!("/prod/pets/{n}")) + "\n");
        self.file(name, lines.collect::<String>().as_bytes())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cw-resend"));
    command.arg("send").args(arguments).stdin(Stdio::null());
    command
}

/// The status, standard output and standard error.
fn run(arguments: &[&str]) -> (i32, String, String) {
    texts(&command(arguments).output().unwrap())
}

fn texts(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let status = output.status.code().unwrap();
    (status, text(&output.stdout), text(&output.stderr))
}

fn url(node: &StandInNode) -> String {
    format!("http://{}", node.address())
}

/// Lets so many messages pass at a Node, so that a run is under way for as long as a test needs it. Dropped, it lets all
/// pass.
#[derive(Clone, Default)]
struct Gate(Arc<AtomicI64>);

impl Gate {
    fn node(&self) -> StandInNode {
        let left = Arc::clone(&self.0);
        faulty_node(move |_, _| {
            while left.fetch_sub(1, Ordering::SeqCst) <= 0 {
                left.fetch_add(1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(1));
            }
            Fault::none()
        })
    }

    fn allow(&self, messages: usize) {
        let messages = i64::try_from(messages).unwrap();
        self.0.fetch_add(messages, Ordering::SeqCst);
    }

    fn open(&self) {
        self.allow(1 << 40);
    }
}

/// Opens a gate, however a test ends: a Node that is held can't be stopped.
struct Opens<'a>(&'a Gate);

impl Drop for Opens<'_> {
    fn drop(&mut self) {
        self.0.open();
    }
}

/// How many records a Node has received whole.
fn whole(node: &StandInNode) -> usize {
    node.deliveries()
        .values()
        .filter(|times| **times > 0)
        .count()
}

/// Waits until a Node has received so many records whole.
fn wait_for(node: &StandInNode, records: usize, child: &mut Child) {
    let until = Instant::now() + PATIENCE;
    while whole(node) < records {
        assert!(child.try_wait().unwrap().is_none(), "it has ended");
        assert!(Instant::now() < until, "too few records");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[track_caller]
fn assert_sound(node: &StandInNode, records: u64) {
    let snapshot = node.snapshot();
    assert_eq!(snapshot.violations, Vec::<String>::new());
    assert_eq!((snapshot.distinct, snapshot.unpaired), (records, 0));
}

#[test]
fn a_log_is_sent_and_accounted_for_in_both_formats() {
    let folder = Folder::new("send-all");
    let log = folder.log("a.log", 2_500);
    fs::write(
        &log,
        fs::read_to_string(&log).unwrap() + "(1) an execution log\n",
    )
    .unwrap();
    for format in ["resend", "batch"] {
        let node = node();
        let (status, out, err) = run(&[&log, "--node", &url(&node), "--node-format", format]);
        assert_eq!(status, 0, "{out}{err}");
        let expected = "2501 received = 2500 forwarded + 0 refused + 1 skipped + 0 undelivered\n  skipped: executionLog 1\n";
        assert_eq!(out, expected);
        assert!(
            err.contains("Wallarm shows an endpoint only where") && err.contains("--rate 7"),
            "{err}"
        );
        assert_sound(&node, 2_500);
        assert_eq!(node.snapshot().repeated, 0);
        assert!(!Path::new(&folder.path("a.log.cw-resend-journal")).exists());
    }
    // The ids are the same in each run.
    let nodes = [node(), node()];
    for node in &nodes {
        assert_eq!(run(&[&log, "--node", &url(node), "--quiet"]).2, "");
    }
    assert_eq!(nodes[0].deliveries(), nodes[1].deliveries());
}

#[test]
fn a_dry_run_connects_to_nothing() {
    let folder = Folder::new("send-dry");
    let log = folder.log("a.log", 20);
    let node = node();
    let (status, out, err) = run(&[&log, "--node", &url(&node), "--dry-run", "--rate", "0.5"]);
    assert_eq!((status, err.as_str()), (0, ""));
    assert_eq!(
        out,
        "20 received = 20 to forward + 0 to skip\n  at 0.5 a second, it takes at least 40 s\nNothing was sent.\n"
    );
    assert_eq!(node.snapshot().connections, 0);
    let output = command(&[&log, "--function", "f", "--dry-run"])
        .env("PATH", "/nowhere")
        .output();
    assert_eq!(texts(&output.unwrap()).0, 0);
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1);
}

/// Each id is counted at the Node: nothing is lost, and only what was under way is there twice.
#[test]
fn a_run_that_is_killed_loses_nothing_and_repeats_one_batch_at_most() {
    const LINES: usize = 6_000;
    const BATCH: u64 = 1_000;
    let folder = Folder::new("send-killed");
    let log = folder.log("a.log", LINES);
    let gate = Gate::default();
    let node = gate.node();
    let _opens = Opens(&gate);
    let mut killed_at = Vec::new();
    for records in [1_500, 2_700, 4_900] {
        let mut child = command(&[&log, "--node", &url(&node)])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // With what is repeated, and without an end in reach.
        gate.allow(2 * (records - whole(&node) + 1_000));
        wait_for(&node, records, &mut child);
        // SIGKILL.
        child.kill().unwrap();
        child.wait().unwrap();
        killed_at.push(whole(&node));
    }
    gate.open();
    let (status, out, err) = run(&[&log, "--node", &url(&node)]);
    assert_eq!(status, 0, "{out}{err}");
    assert!(err.contains("note: an earlier run has settled "), "{err}");
    assert!(
        out.starts_with("6000 received = ") && out.contains(" forwarded earlier + 0 refused"),
        "{out}"
    );
    let deliveries = node.deliveries();
    assert_eq!(deliveries.len(), LINES, "{killed_at:?}");
    // An id ends with the place of its line.
    let place = |id: &str| id.rsplit_once('-').unwrap().1.parse::<u64>().unwrap();
    let repeated = deliveries.iter().filter(|(_, times)| **times > 1);
    let batches: BTreeSet<u64> = repeated.map(|(id, _)| (place(id) - 1) / BATCH).collect();
    assert!(batches.len() <= 3, "{batches:?}");
    let snapshot = node.snapshot();
    assert_eq!(snapshot.distinct, LINES as u64);
    assert!(!Path::new(&folder.path("a.log.cw-resend-journal")).exists());
}

#[test]
fn ctrl_c_ends_it_in_good_order() {
    let folder = Folder::new("send-interrupted");
    let log = folder.log("a.log", 4_000);
    let node = node();
    for signal in ["-INT", "-TERM"] {
        // At this rate it takes more than a minute.
        let mut child = command(&[&log, "--node", &url(&node), "--rate", "40"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let before = whole(&node);
        wait_for(&node, before + 20, &mut child);
        let mut kill = Command::new("kill");
        kill.args([signal, &child.id().to_string()])
            .status()
            .unwrap();
        let status = child.wait().unwrap();
        let mut out = String::new();
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_to_string(&mut out).unwrap();
        assert_eq!(status.code(), Some(130), "{out}");
        let words = [" undelivered\n", "Interrupted: the same command"];
        assert!(words.iter().all(|words| out.contains(words)), "{out}");
    }
    assert_eq!(run(&[&log, "--node", &url(&node)]).0, 0);
    assert_sound(&node, 4_000);
    // What was under way was finished, and is not sent again.
    assert_eq!(node.snapshot().repeated, 0);
}

#[test]
fn what_a_node_refuses_or_does_not_take_is_found() {
    let folder = Folder::new("send-refused");
    let log = folder.log("a.log", 30);
    let journal = folder.path("a.log.cw-resend-journal");
    // Some are refused: it is done with, and not sent again.
    let some = faulty_node(|message, _| match message.http.target.ends_with('7') {
        true => Fault::status(403),
        false => Fault::none(),
    });
    let (status, out, _) = run(&[&log, "--node", &url(&some)]);
    assert_eq!(status, 1);
    let expected = "30 received = 27 forwarded + 3 refused + 0 skipped + 0 undelivered\n  refused by status: 403 3\n";
    assert_eq!(out, expected);
    assert!(!Path::new(&journal).exists());
    // All are refused: it is the wrong place.
    let none = faulty_node(|_, _| Fault::status(404));
    let (status, out, _) = run(&[&log, "--node", &url(&none)]);
    assert_eq!(status, 1);
    assert!(
        out.contains("30 refused") && out.contains("Ended, since nothing is taken"),
        "{out}"
    );
    fs::remove_file(&journal).unwrap();
    // Nobody is there: another run sends it.
    let port = Port::new();
    let to = port.url();
    let (status, out, _) = run(&[&log, "--node", &to]);
    assert_eq!(status, 1);
    assert!(
        out.contains("30 undelivered\n  last failure: ")
            && out.contains("check the port in --node"),
        "{out}"
    );
    let node = node_at(&port);
    assert_eq!(run(&[&log, "--node", &to]).0, 0);
    assert_sound(&node, 30);
}

#[test]
fn a_journal_of_something_else_is_refused() {
    let folder = Folder::new("send-journal");
    let log = folder.log("a.log", 1_500);
    let gate = Gate::default();
    let node = gate.node();
    let _opens = Opens(&gate);
    let journal = folder.path("j");
    let arguments = [log.as_str(), "--node", &url(&node), "--journal", &journal];
    let mut child = command(&arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    gate.allow(2_600);
    wait_for(&node, 1_200, &mut child);
    child.kill().unwrap();
    child.wait().unwrap();
    gate.open();
    let kept = fs::read(&journal).unwrap();
    let other = folder.log("b.log", 10);
    let to = url(&node);
    for (arguments, words) in [
        (
            vec![log.as_str(), "--node", "http://127.0.0.1:1"],
            "what went to --node",
        ),
        (vec![&other, "--node", &to], "it is of the inputs"),
        (
            vec![&log, "--node", &to, "--strip-stage"],
            "it is of the settings",
        ),
        (
            vec![&log, "--node", &to, "--header", "X-Team: a"],
            "it is of the settings",
        ),
    ] {
        let (status, _, err) = run(&[&arguments[..], &["--journal", &journal]].concat());
        assert_eq!(status, 2);
        assert!(
            err.contains(words) && err.contains("Remove it to send everything"),
            "{err}"
        );
    }
    // The same file with other lines: nothing more of it is sent.
    let before = node.snapshot().distinct;
    let lines = fs::read_to_string(&log)
        .unwrap()
        .replacen("/pets/7", "/pats/7", 1);
    let original = fs::read(&log).unwrap();
    fs::write(&log, lines).unwrap();
    let (status, _, err) = run(&arguments);
    assert_eq!(status, 2);
    assert!(
        err.contains("it is of other lines than the inputs have now"),
        "{err}"
    );
    assert_eq!(node.snapshot().distinct, before);
    assert_eq!(fs::read(&journal).unwrap(), kept);
    // Nor if there are fewer lines than were sent: they may be other ones.
    for fewer in [String::new(), line("GET", "/prod/pets/0") + "\n"] {
        fs::write(&log, fewer).unwrap();
        let (status, out, err) = run(&arguments);
        assert_eq!(status, 2, "{out}");
        assert!(
            err.contains("it is of other lines than the inputs have now"),
            "{err}"
        );
        assert_eq!(fs::read(&journal).unwrap(), kept);
    }
    fs::write(&log, original).unwrap();
    assert_eq!(run(&arguments).0, 0);
    assert_sound(&node, 1_500);
    // A journal that would be read as a log.
    let inside = folder.path("x");
    let (status, _, err) = run(&[
        folder.0.to_str().unwrap(),
        "--node",
        &to,
        "--journal",
        &inside,
    ]);
    assert_eq!(status, 2);
    assert!(err.contains("would be read as a log"), "{err}");
}

/// The AWS CLI's stand-in, with what it is to answer.
pub(crate) struct StandInAws {
    files: Folder,
    pub(crate) folder: String,
}

impl StandInAws {
    pub(crate) fn new(name: &str, answers: &[&str]) -> Self {
        let files = Folder::new(name);
        for folder in ["messages", "invisible", "answers"] {
            fs::create_dir(files.0.join(folder)).unwrap();
        }
        for (number, answer) in answers.iter().enumerate() {
            files.file(&format!("answers/{number:03}"), answer.as_bytes());
        }
        let folder = files.0.to_str().unwrap().to_string();
        Self { files, folder }
    }

    /// The tool with this command, which finds the stand-in.
    pub(crate) fn command(&self, command: &str) -> Command {
        let tools = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tool/send");
        let path = std::env::var("PATH").unwrap_or_default();
        let mut process = Command::new(env!("CARGO_BIN_EXE_cw-resend"));
        process
            .arg(command)
            .stdin(Stdio::null())
            .env("PATH", format!("{tools}:{path}"))
            .env("STAND_IN", &self.folder);
        process
    }

    fn send(&self, arguments: &[&str]) -> (i32, String, String) {
        texts(&self.command("send").args(arguments).output().unwrap())
    }

    /// Puts a message into the queue.
    fn message(&self, id: &str) {
        let body = json!({"requestPayload": {"awslogs": {"data": id}}}).to_string();
        let message =
            json!({"MessageId": id, "ReceiptHandle": format!("handle-{id}"), "Body": body});
        self.files
            .file(&format!("messages/{id}"), message.to_string().as_bytes());
    }

    /// The document that the function gets with an event.
    fn document(&self, number: u32) -> Value {
        let event = self.event(number);
        let data = event["awslogs"]["data"].as_str().unwrap();
        let data = STANDARD.decode(data).unwrap();
        serde_json::from_reader(flate2::read::GzDecoder::new(&data[..])).unwrap()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.files.path(name)).unwrap_or_default()
    }

    fn event(&self, number: u32) -> Value {
        serde_json::from_str(&self.read(&format!("event-{number}.json"))).unwrap()
    }
}

fn summary(lines: u32, refused: u32) -> String {
    let forwarded = lines - refused;
    format!(r#"ok {{"received":{lines},"forwarded":{forwarded},"refused":{refused},"skipped":0}}"#)
}

const UNDELIVERED: &str = r#"error {"errorType":"Function.RecordsUndelivered","errorMessage":"nothing listens\u001b[2J"}"#;

#[test]
fn a_log_is_sent_to_a_function() {
    let aws = StandInAws::new(
        "send-function",
        &[
            "fails An error occurred (TooManyRequestsException) when calling",
            &summary(5_000, 0),
            &summary(1_000, 1),
        ],
    );
    let log = aws.files.log("a.log", 6_000);
    let options = [
        "--qualifier",
        "live",
        "--profile",
        "p",
        "--region",
        "eu-central-1",
    ];
    let (status, out, err) = aws.send(&[&[log.as_str(), "--function", "f"], &options[..]].concat());
    assert_eq!(status, 1, "{err}");
    assert_eq!(
        out,
        "6000 received = 5999 forwarded + 1 refused + 0 skipped + 0 undelivered\n"
    );
    let call = "lambda invoke --function-name f --qualifier live --cli-read-timeout 0 --payload FILE FILE --output json \
                --profile p --region eu-central-1\n";
    assert_eq!(aws.read("calls"), call.repeat(3));
    // What was throttled is the same event again.
    assert_eq!(aws.event(1), aws.event(2));
    assert_ne!(aws.event(2), aws.event(3));
    // The function looks for a default host by the log group.
    let aws = StandInAws::new("send-group", &[&summary(10, 0)]);
    let log = aws.files.log("a.log", 10);
    let arguments = [
        log.as_str(),
        "--function",
        "f",
        "--log-group",
        "amazon-apigateway-x",
    ];
    assert_eq!(aws.send(&arguments).0, 0);
    assert_eq!(aws.document(1)["logGroup"], "amazon-apigateway-x");
}

/// What a bucket keeps of failed events, and Firehose of failed records, goes back to the function with the ids, the
/// times and the log groups that it had.
#[test]
fn failed_events_of_a_bucket_and_of_firehose_are_sent_to_a_function() {
    let aws = StandInAws::new("send-failed", &[&summary(2, 0), &summary(2, 0)]);
    let lines = [0, 1].map(|n| cloudwatch::Line {
        id: format!("3789{n}"),
        timestamp: 1_795_341_600_000,
        message: line("GET", &format!("/prod/pets/{n}")),
    });
    let document = cloudwatch::document("group", "stream", &lines).unwrap();
    let event = cloudwatch::wrap(&cloudwatch::gzip(&document).unwrap());
    let event: Value = serde_json::from_slice(&event).unwrap();
    let failed = json!({
        "version": "1.0",
        "timestamp": "2026-11-26T05:00:00.000Z",
        "requestContext": {"condition": "RetriesExhausted", "approximateInvokeCount": 3},
        "requestPayload": event,
        "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
        "responsePayload": {"errorType": "Function.RecordsUndelivered", "errorMessage": "x"},
    });
    let object = aws.files.file("object", failed.to_string().as_bytes());
    let (status, out, err) = aws.send(&[&object, "--function", "f"]);
    assert_eq!(status, 0, "{out}{err}");
    assert!(out.starts_with("2 received = 2 forwarded"), "{out}");
    let sent = aws.document(1);
    assert_eq!(sent["logGroup"], "group");
    assert_eq!(sent["logEvents"][1]["id"], "37891");
    assert_eq!(sent["logEvents"][1]["message"], *lines[1].message);
    let records = lines.iter().map(|line| {
        let record = json!({
            "attemptsMade": 4,
            "errorCode": "Lambda.FunctionError",
            "errorMessage": "x",
            "rawData": STANDARD.encode(line.message.clone() + "\n"),
        });
        record.to_string() + "\n"
    });
    let object = aws
        .files
        .file("firehose", records.collect::<String>().as_bytes());
    let (status, out, err) = aws.send(&[&object, "--function", "f", "--log-group", "stream"]);
    assert_eq!(status, 0, "{out}{err}");
    // Each record is a document of its own for the function: what lines tell of each other ends there.
    let data = aws.event(2)["awslogs"]["data"]
        .as_str()
        .unwrap()
        .to_string();
    let mut text = String::new();
    flate2::read::GzDecoder::new(&STANDARD.decode(data).unwrap()[..])
        .read_to_string(&mut text)
        .unwrap();
    for line in &lines {
        assert!(text.contains(&line.message.replace('"', "\\\"")), "{text}");
    }
}

#[test]
fn what_a_function_does_not_take_is_sent_by_another_run() {
    let answers = [&summary(5_000, 0), UNDELIVERED, &summary(5_000, 0)];
    let aws = StandInAws::new("send-again", &answers);
    let log = aws.files.log("a.log", 15_000);
    let (status, out, _) = aws.send(&[&log, "--function", "f"]);
    assert_eq!(status, 1);
    let expected = "15000 received = 10000 forwarded + 0 refused + 0 skipped + 5000 undelivered\n  \
                    last failure: Function.RecordsUndelivered: nothing listens\\u{1b}[2J\nNot all was sent: ";
    assert!(out.starts_with(expected), "{out}");
    // Only the one in the middle is left.
    let (status, out, _) = aws.send(&[&log, "--function", "f"]);
    assert_eq!(status, 0);
    let expected = "15000 received = 5000 forwarded + 10000 forwarded earlier + 0 refused + 0 skipped + 0 undelivered\n";
    assert_eq!(out, expected);
    assert_eq!(aws.event(2), aws.event(4));
    // A function that takes nothing is not asked for ever.
    let aws = StandInAws::new("send-never", &[UNDELIVERED]);
    let log = aws.files.log("a.log", 50_000);
    let (status, out, _) = aws.send(&[&log, "--function", "f"]);
    assert_eq!(status, 1);
    assert!(
        out.contains("15000 undelivered") && out.contains("Ended, since nothing is taken"),
        "{out}"
    );
}

#[test]
fn errors_of_the_aws_cli_end_it_with_their_words() {
    for (answer, words) in [
        (
            "fails An error occurred (ExpiredTokenException): x",
            "the credentials have expired: sign in again",
        ),
        (
            "fails An error occurred (ResourceNotFoundException): x",
            "there is no function of this name",
        ),
        ("fails \u{1b}[31mboom", "the AWS CLI says: \\u{1b}[31mboom"),
        ("ok {\"statusCode\":200}", "Is it this project's function?"),
        ("ok not json", "the function's result is not JSON"),
        ("prints <html>", "printed something that is not its JSON"),
        ("prints ", "printed something that is not its JSON"),
        ("prints {}", "AWS has not answered with status 200"),
        (
            r#"prints {"StatusCode":202}"#,
            "AWS has not answered with status 200",
        ),
        (
            r#"prints {"StatusCode":200}"#,
            "the AWS CLI has left no result",
        ),
    ] {
        let aws = StandInAws::new("send-errors", &[answer]);
        let log = aws.files.log("a.log", 10);
        let (status, out, err) = aws.send(&[&log, "--function", "f"]);
        assert_eq!(status, 2, "{out}");
        assert!(err.contains(words), "{err}");
        assert!(
            out.contains("0 received") && out.contains("the same command goes on"),
            "{out}"
        );
    }
    let folder = Folder::new("send-no-aws");
    let log = folder.log("a.log", 1);
    let output = command(&[&log, "--function", "f"])
        .env("PATH", "/nowhere")
        .output()
        .unwrap();
    let (status, _, err) = texts(&output);
    assert_eq!(status, 2);
    assert!(err.contains("Install the AWS CLI"), "{err}");
    for arguments in [
        &["--function=-x"][..],
        &["--function", "f", "--profile=--debug"],
        &["--function", "f", "--region=file:///etc/passwd"],
        &["--function", "f", "--qualifier=-q"],
    ] {
        let (status, _, err) = run(&[&[log.as_str()], arguments].concat());
        assert_eq!(status, 2);
        assert!(err.contains("invalid value"), "{err}");
    }
    let (status, _, err) = run(&["--function", "f", "--queue=-x"]);
    assert_eq!(status, 2);
    assert!(err.contains("it is no queue's URL"), "{err}");
}

const QUEUE: &str = "https://sqs.us-east-1.amazonaws.com/123456789012/failed";

#[test]
fn messages_are_deleted_only_where_the_function_took_them() {
    let done = r#"ok {"batchItemFailures":[]}"#;
    let partial = r#"ok {"batchItemFailures":[{"itemIdentifier":"m2"},{"itemIdentifier":"m4"}]}"#;
    let stranger = r#"ok {"batchItemFailures":[{"itemIdentifier":"m2"},{"itemIdentifier":"x"}]}"#;
    for (messages, answers, status, account, deleted) in [
        (
            0,
            vec![done],
            0,
            "0 messages received = 0 done + 0 failed + 0 unknown\n",
            vec![],
        ),
        (
            3,
            vec![done],
            0,
            "3 messages received = 3 done + 0 failed + 0 unknown\n",
            vec![1, 2, 3],
        ),
        (
            7,
            vec![partial, done],
            1,
            "7 messages received = 5 done + 2 failed + 0 unknown\n",
            vec![1, 3, 5, 6, 7],
        ),
        (
            7,
            vec![UNDELIVERED, done],
            1,
            "7 messages received = 2 done + 5 failed + 0 unknown\n",
            vec![6, 7],
        ),
        (
            3,
            vec![stranger],
            1,
            "3 messages received = 0 done + 3 failed + 0 unknown\n",
            vec![],
        ),
        (
            3,
            vec!["ok null"],
            2,
            "3 messages received = 0 done + 0 failed + 3 unknown\n",
            vec![],
        ),
        (
            3,
            vec!["fails boom"],
            2,
            "3 messages received = 0 done + 0 failed + 3 unknown\n",
            vec![],
        ),
        (
            25,
            vec![UNDELIVERED],
            1,
            "15 messages received = 0 done + 15 failed + 0 unknown\n",
            vec![],
        ),
    ] {
        let aws = StandInAws::new("send-queue", &answers);
        (1..=messages).for_each(|n| {
            aws.message(&if messages > 9 {
                format!("m{n:02}")
            } else {
                format!("m{n}")
            })
        });
        let (found, out, err) = aws.send(&["--queue", QUEUE, "--function", "f"]);
        assert_eq!(found, status, "{out}{err}");
        assert!(out.starts_with(account), "{out}");
        let handles: String = deleted.iter().map(|n| format!("handle-m{n}")).collect();
        let written = aws.read("deleted");
        let found: String = written
            .split('"')
            .filter(|text| text.starts_with("handle"))
            .collect();
        assert_eq!(found, handles, "{out}");
        let calls = aws.read("calls");
        let receive = format!(
            "sqs receive-message --queue-url {QUEUE} --max-number-of-messages 5 --visibility-timeout 1860 \
             --wait-time-seconds 3 --message-attribute-names All --output json\n"
        );
        assert!(calls.starts_with(&receive), "{calls}");
        if messages == 3 {
            assert_eq!(aws.event(1)["Records"][2]["messageId"], "m3");
        }
    }
}

/// A queue's messages are records of failures, events as a dead-letter queue gets them, or either in a message of SNS.
#[test]
fn the_body_of_a_message_goes_to_the_function_as_it_is() {
    let aws = StandInAws::new("send-bodies", &[r#"ok {"batchItemFailures":[]}"#]);
    let event = json!({"awslogs": {"data": "H4sIAAAA"}});
    let record =
        json!({"requestContext": {"condition": "RetriesExhausted"}, "requestPayload": event});
    let wrapped = json!({"Type": "Notification", "TopicArn": "arn", "Message": record.to_string()});
    let bodies = [record, event, wrapped, json!("no event\u{7f}\n")].map(|body| body.to_string());
    for (n, body) in bodies.iter().enumerate() {
        let attributes = json!({"ErrorCode": {"StringValue": "200", "DataType": "Number"}});
        let message = json!({
            "MessageId": format!("m{n}"), "ReceiptHandle": "h", "Body": body, "MessageAttributes": attributes,
        });
        let name = format!("messages/m{n}");
        aws.files.file(&name, message.to_string().as_bytes());
    }
    let (status, out, err) = aws.send(&["--queue", QUEUE, "--function", "f"]);
    assert_eq!(status, 0, "{out}{err}");
    let event = aws.event(1);
    for (n, body) in bodies.iter().enumerate() {
        assert_eq!(event["Records"][n]["body"], **body);
        let attributes = &event["Records"][n]["messageAttributes"];
        assert_eq!(attributes["ErrorCode"]["stringValue"], "200");
    }
}

#[test]
fn a_queue_that_fails_is_told_and_what_is_done_stays_done() {
    let done = r#"ok {"batchItemFailures":[]}"#;
    let aws = StandInAws::new("send-queue-fails", &[done]);
    aws.files.file(
        "fail-receive-message",
        b"An error occurred (AWS.SimpleQueueService.NonExistentQueue): x",
    );
    let (status, _, err) = aws.send(&["--queue", QUEUE, "--function", "f"]);
    assert_eq!(status, 2);
    assert!(err.contains("there is no such queue"), "{err}");
    let aws = StandInAws::new("send-delete-fails", &[done]);
    aws.message("m1");
    aws.files.file(
        "fail-delete-message-batch",
        b"An error occurred (AccessDenied): x",
    );
    let (status, out, err) = aws.send(&["--queue", QUEUE, "--function", "f"]);
    assert_eq!(status, 2);
    assert!(
        out.contains("1 that are done could not be deleted"),
        "{out}"
    );
    assert!(
        err.contains("failed to delete messages that are done: these credentials may not"),
        "{err}"
    );
}
