//! `send --queue`: events that have failed, from their queue to the function. A message is deleted only when the
//! function has taken it.

use std::{collections::BTreeSet, ffi::OsString, io::Write};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::aws::{Answer, Aws, MAX_FAILED, MAX_PAYLOAD};
use crate::local::{
    Status,
    error::{CommandError, printing},
    escape::terminal,
    interrupt::Interrupt,
    ui::Ui,
};

/// How many messages are received at a time: one has at most 1 MiB, and all have to fit into an invocation.
const MESSAGES: &str = "5";
/// For how many seconds nobody else gets a message, and this command does not get it again: two invocations of fifteen
/// minutes, the longest that there are.
const INVISIBLE: &str = "1860";
/// For how many seconds the queue is asked for messages: without a wait, it may say that there are none while there are.
const WAIT: &str = "3";

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Received {
    messages: Vec<Message>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Message {
    message_id: String,
    receipt_handle: String,
    body: String,
    #[serde(default)]
    message_attributes: Map<String, Value>,
}

#[derive(Debug, Default)]
struct Counts {
    received: u64,
    done: u64,
    failed: u64,
    /// The function has taken them, and they are still in the queue.
    undeleted: u64,
}

struct Redrive<'a> {
    url: &'a str,
    aws: &'a Aws,
    interrupt: &'a Interrupt,
    counts: Counts,
    last_failure: Option<String>,
}

/// Has the function handle messages until the queue is empty, and prints the account of it.
///
/// # Errors
///
/// Returns an error when the AWS CLI fails. The messages that were done until then are accounted for.
pub(super) fn run(
    url: &str,
    aws: &Aws,
    interrupt: &Interrupt,
    ui: &Ui,
    out: &mut dyn Write,
) -> Result<Status, CommandError> {
    let mut redrive = Redrive {
        url,
        aws,
        interrupt,
        counts: Counts::default(),
        last_failure: None,
    };
    let result = redrive.work(ui);
    let Redrive {
        counts,
        last_failure,
        ..
    } = redrive;
    let Counts {
        received,
        done,
        failed,
        undeleted,
    } = counts;
    let unknown = received - done - failed;
    writeln!(
        out,
        "{received} messages received = {done} done + {failed} failed + {unknown} unknown"
    )
    .map_err(printing)?;
    if let Some(failure) = last_failure {
        writeln!(out, "  last failure: {failure}").map_err(printing)?;
    }
    if failed + unknown > 0 {
        let text = "  they stay in the queue, and can be received again 31 minutes after they were";
        writeln!(out, "{text}").map_err(printing)?;
    }
    if undeleted > 0 {
        writeln!(
            out,
            "  {undeleted} that are done could not be deleted: they come again, and so do their lines"
        )
        .map_err(printing)?;
    }
    match result? {
        End::Empty if failed + undeleted == 0 => Ok(Status::Clean),
        End::Empty => Ok(Status::Found),
        End::NothingTaken => {
            writeln!(out, "Ended, since the function takes nothing.").map_err(printing)?;
            Ok(Status::Found)
        }
        End::Interrupted => {
            writeln!(out, "Interrupted: the same command goes on from here").map_err(printing)?;
            Ok(Status::Interrupted)
        }
    }
}

/// Why no more messages are received.
enum End {
    Empty,
    NothingTaken,
    Interrupted,
}

impl Redrive<'_> {
    fn work(&mut self, ui: &Ui) -> Result<End, CommandError> {
        let mut failed_in_a_row = 0;
        loop {
            if self.interrupt.is_set() {
                return Ok(End::Interrupted);
            }
            let messages = self.receive()?;
            if messages.is_empty() {
                return Ok(End::Empty);
            }
            self.counts.received += messages.len() as u64;
            for messages in in_events(messages) {
                let done = self.handle(&messages)?;
                failed_in_a_row = if done.is_empty() {
                    failed_in_a_row + 1
                } else {
                    0
                };
                self.counts.done += done.len() as u64;
                self.counts.failed += (messages.len() - done.len()) as u64;
                self.delete(&done, ui)?;
            }
            if failed_in_a_row >= MAX_FAILED {
                return Ok(End::NothingTaken);
            }
        }
    }

    fn call(&self, doing: &str, command: &str, more: &[OsString]) -> Result<Vec<u8>, CommandError> {
        let mut arguments: Vec<OsString> = ["sqs", command, "--queue-url", self.url]
            .map(Into::into)
            .into();
        arguments.extend_from_slice(more);
        self.aws.run_patiently(doing, &arguments, self.interrupt)
    }

    fn receive(&self) -> Result<Vec<Message>, CommandError> {
        let doing = "receive messages of the queue";
        let options = [
            "--max-number-of-messages",
            MESSAGES,
            "--visibility-timeout",
            INVISIBLE,
            "--wait-time-seconds",
            WAIT,
            "--message-attribute-names",
            "All",
        ];
        let printed = self.call(doing, "receive-message", &options.map(Into::into))?;
        // Of an empty queue the AWS CLI prints nothing.
        if printed.trim_ascii().is_empty() {
            return Ok(Vec::new());
        }
        let received: Received = serde_json::from_slice(&printed).map_err(|_| {
            CommandError::new(format!(
                "failed to {doing}: the AWS CLI has printed something that is not its JSON"
            ))
        })?;
        Ok(received.messages)
    }

    /// Has the function handle messages, and returns those that it took.
    fn handle<'m>(&mut self, messages: &'m [Message]) -> Result<Vec<&'m Message>, CommandError> {
        let answer = self.aws.invoke(&event(messages), self.interrupt)?;
        let failed = match answer {
            Answer::Failed(kind, text) => {
                self.last_failure = Some(format!("{kind}: {text}"));
                return Ok(Vec::new());
            }
            Answer::Result(result) => failed_items(&result).ok_or_else(|| {
                CommandError::new(format!(
                    "failed to read the result of the function {}: it does not say which messages have failed. Is it this \
                     project's function?",
                    self.aws.function()
                ))
            })?,
        };
        let known: BTreeSet<&str> = messages
            .iter()
            .map(|message| &*message.message_id)
            .collect();
        // As Lambda has it: who names a message that there is not has failed with all.
        if !failed.iter().all(|id| known.contains(&**id)) {
            self.last_failure = Some("the function has named messages that it did not get".into());
            return Ok(Vec::new());
        }
        if let Some(id) = failed.first() {
            self.last_failure = Some(format!(
                "the function has failed with the message {}: its own log says why",
                terminal(id)
            ));
        }
        let taken = messages
            .iter()
            .filter(|message| !failed.contains(&message.message_id));
        Ok(taken.collect())
    }

    fn delete(&mut self, messages: &[&Message], ui: &Ui) -> Result<(), CommandError> {
        if messages.is_empty() {
            return Ok(());
        }
        let entries = messages.iter().enumerate().map(
            |(at, message)| json!({"Id": at.to_string(), "ReceiptHandle": message.receipt_handle}),
        );
        let entries = Value::Array(entries.collect()).to_string();
        let entries = self
            .aws
            .file("file://", "entries.json", entries.as_bytes())?;
        let doing = "delete messages that are done";
        let printed = self.call(
            doing,
            "delete-message-batch",
            &["--entries".into(), entries],
        );
        let printed = printed.inspect_err(|_| self.counts.undeleted += messages.len() as u64)?;
        let printed: Value = serde_json::from_slice(&printed).unwrap_or_default();
        let failed = printed["Failed"].as_array().map_or(0, Vec::len) as u64;
        if failed > 0 {
            let why = printed["Failed"][0]["Message"].as_str().unwrap_or("-");
            ui.warn(&format!(
                "{failed} messages could not be deleted: {}",
                terminal(why)
            ));
        }
        self.counts.undeleted += failed;
        Ok(())
    }
}

/// Messages in as many events as they need. One that is too large goes alone, and fails.
fn in_events(messages: Vec<Message>) -> Vec<Vec<Message>> {
    if messages.len() < 2 || event(&messages).len() <= MAX_PAYLOAD {
        return vec![messages];
    }
    let mut first = messages;
    let second = first.split_off(first.len() / 2);
    let mut events = in_events(first);
    events.extend(in_events(second));
    events
}

/// The event that a queue's event source mapping makes of messages.
fn event(messages: &[Message]) -> Vec<u8> {
    let records = messages.iter().map(|message| {
        let attributes = message
            .message_attributes
            .iter()
            .filter_map(|(name, value)| {
                let text = value.get("StringValue")?;
                let value = json!({"stringValue": text, "dataType": "String"});
                Some((name.clone(), value))
            });
        let attributes: Map<String, Value> = attributes.collect();
        json!({
            "messageId": message.message_id,
            "body": message.body,
            "messageAttributes": attributes,
            "eventSource": "aws:sqs",
        })
    });
    let records = Value::Array(records.collect());
    json!({"Records": records}).to_string().into_bytes()
}

/// The messages that the function's response names.
fn failed_items(result: &Value) -> Option<Vec<String>> {
    let failures = result.get("batchItemFailures")?.as_array()?.iter();
    let ids = failures.map(|failure| failure.get("itemIdentifier")?.as_str().map(String::from));
    ids.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{self as function, Event};

    fn message(id: &str, bytes: usize) -> Message {
        Message {
            message_id: id.into(),
            receipt_handle: "h".into(),
            body: "a".repeat(bytes),
            message_attributes: Map::new(),
        }
    }

    #[test]
    fn messages_that_are_too_large_together_are_handled_apart() {
        let mib = 1024 * 1024;
        for (sizes, expected) in [
            (vec![10; 5], vec![5]),
            (vec![mib; 5], vec![5]),
            (vec![2 * mib; 5], vec![2, 1, 2]),
            (vec![7 * mib], vec![1]),
        ] {
            let messages = sizes.iter().map(|&size| message("m", size)).collect();
            let events = in_events(messages);
            let lengths: Vec<usize> = events.iter().map(Vec::len).collect();
            assert_eq!(lengths, expected, "{sizes:?}");
        }
    }

    #[test]
    fn the_function_reads_the_event_as_one_of_a_queue() {
        let text = event(&[message("a", 3), message("b", 3)]);
        let Ok(Event::Batch(batch)) = function::read(&text) else {
            panic!("no batch");
        };
        let ids = batch.items.iter().map(|item| item.identifier.as_deref());
        assert_eq!(ids.collect::<Vec<_>>(), [Some("a"), Some("b")]);
    }

    #[test]
    fn a_result_that_names_no_items_is_none() {
        for (result, expected) in [
            (r#"{"batchItemFailures":[]}"#, Some(vec![])),
            (
                r#"{"batchItemFailures":[{"itemIdentifier":"a"}]}"#,
                Some(vec!["a".into()]),
            ),
            (r#"{"batchItemFailures":[{}]}"#, None),
            ("null", None),
            (r#"{"received":1}"#, None),
        ] {
            assert_eq!(
                failed_items(&serde_json::from_str(result).unwrap()),
                expected,
                "{result}"
            );
        }
    }
}
