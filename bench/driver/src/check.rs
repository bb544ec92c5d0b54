//! The check that every contender does the same work: the messages of each contender are compared with the
//! messages of the function itself.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::contender::{Contender, Who};
use crate::data::Event;
use crate::invoke::{Scheme, Session, Setting};
use crate::tls::Authority;
use crate::{Error, Result};

/// The relevant parts of a message.
#[derive(Debug, PartialEq)]
struct Message {
    line: String,
    headers: BTreeMap<String, String>,
    body: Value,
}

/// Messages by the record's id and by which half of it they are.
type Messages = BTreeMap<(String, String), Message>;

/// Returns the messages that a contender sends for an event, one after the other for each record.
pub(crate) fn messages(
    contender: &Contender,
    scheme: Scheme,
    event: &Event,
    authority: &Authority,
) -> Result<Vec<Vec<u8>>> {
    let setting = Setting {
        keeps: true,
        ..Setting::default()
    };
    let mut session = Session::start(contender, scheme, event.records, &setting, authority)?;
    session.invoke(event)?;
    Ok(session.node.take_kept())
}

/// Fails if a contender sends other messages than ours.
pub(crate) fn all_send_the_same(
    contenders: &[Contender],
    event: &Event,
    authority: &Authority,
) -> Result<()> {
    let Some(ours) = contenders.iter().find(|c| c.who == Who::Resend) else {
        return Ok(());
    };
    let expected = read(&messages(ours, Scheme::Http, event, authority)?)?;
    for scheme in Scheme::ALL {
        for contender in contenders {
            let name = contender.who.name();
            let found = messages(contender, scheme, event, authority)?;
            if contender.who == Who::Batch {
                // It sends the same records in another form; the Node has counted them.
                continue;
            }
            let found = read(&found)?;
            let ids: BTreeSet<_> = expected.keys().chain(found.keys()).collect();
            for id in ids {
                let (expected, found) = (expected.get(id), found.get(id));
                if expected != found {
                    return Err(Error::from(format!(
                        "{name} sends a different message:\nexpected {expected:#?}\nfound {found:#?}"
                    )));
                }
            }
        }
    }
    Ok(())
}

fn read(messages: &[Vec<u8>]) -> Result<Messages> {
    let mut all = Messages::new();
    for bytes in messages {
        let text = str::from_utf8(bytes)?;
        let (head, body) = text
            .split_once("\r\n\r\n")
            .ok_or("a message without an end")?;
        let mut lines = head.split("\r\n");
        let line = lines.next().unwrap_or_default().to_string();
        let mut headers = BTreeMap::new();
        for header in lines {
            let (name, value) = header.split_once(':').ok_or("a header without a colon")?;
            let name = name.to_ascii_lowercase();
            if headers.insert(name, value.trim().to_string()).is_some() {
                return Err(format!("a header twice: {header}").into());
            }
        }
        let mut take = |name: &str| headers.remove(name).ok_or(format!("no {name} in {head}"));
        let id = (take("x-request-id")?, take("x-wallarm-message")?);
        // Clients add these headers by themselves. The length of a body depends on its whitespace.
        for name in ["accept", "accept-encoding", "connection", "content-length"] {
            headers.remove(name);
        }
        if id.1 == "response" {
            headers.remove("user-agent");
        }
        let body = match body {
            "" => Value::Null,
            body => serde_json::from_str(body)?,
        };
        let message = Message {
            line,
            headers,
            body,
        };
        all.insert(id, message);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(head: &str, body: &str) -> Messages {
        read(&[format!("{head}\r\n\r\n{body}").into_bytes()]).unwrap()
    }

    #[test]
    fn headers_that_a_client_adds_do_not_count_and_everything_else_does() {
        let ours = "POST /a HTTP/1.1\r\nHost: b\r\nX-Request-Id: 1\r\nX-Wallarm-Message: response\r\nContent-Length: 9";
        let other = "POST /a HTTP/1.1\r\nx-request-id: 1\r\nx-wallarm-message: response\r\naccept: */*\r\n\
                      user-agent: x\r\nhost: b\r\ncontent-length: 10";
        let expected = one(ours, "{\"a\": 1}");
        assert_eq!(expected, one(other, "{ \"a\":1 }"));
        assert_ne!(expected, one(other, "{\"a\":2}"));
        assert_ne!(expected, one(&other.replace("/a", "/A"), "{\"a\":1}"));
        assert_ne!(
            expected,
            one(&other.replace("host: b", "host: c"), "{\"a\":1}")
        );
        let request = |text: &str| text.replace("response", "request");
        assert_ne!(
            one(&request(ours), ""),
            one(&request(other), ""),
            "a user agent"
        );
    }
}
