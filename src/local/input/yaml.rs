//! What the AWS CLI prints with `--output yaml` and `yaml-stream`: a list of log events or of pages, read one by one.

use super::super::{error::CommandError, yaml};
use super::{
    buffer::{Buffer, MAX_LINE},
    documents::{Context, Documents},
    out::Out,
};

/// The longest element, in bytes: a page of log events has 1 MB.
const MAX_ELEMENT: usize = 4 * MAX_LINE;

/// Reads the elements of all lists that are in no other.
pub(super) fn read(
    buffer: &mut Buffer<'_>,
    documents: &mut Documents,
    out: &mut Out<'_>,
) -> Result<(), CommandError> {
    let mut element = Vec::new();
    let mut first_line = 0;
    out.is_log = true;
    let mut margin = None;
    while let Some((number, line)) = buffer.line() {
        let text = line.trim_ascii_start();
        let indent = line.len() - text.len();
        // The CLI does not indent lists, but other tools do.
        if margin.is_none_or(|margin| indent < margin) && !text.is_empty() {
            margin = text.starts_with(b"- ").then_some(indent);
        }
        let is_next = text.starts_with(b"- ") && margin == Some(indent);
        let is_inside = text.is_empty() || margin.is_some_and(|margin| indent > margin);
        if is_next || !is_inside {
            end(&mut element, first_line, documents, out)?;
        }
        if is_next {
            first_line = number;
        }
        let belongs = is_next || (is_inside && !element.is_empty());
        if belongs && element.len() <= MAX_ELEMENT {
            element.extend_from_slice(line);
            element.push(b'\n');
        }
    }
    end(&mut element, first_line, documents, out)
}

fn end(
    element: &mut Vec<u8>,
    first_line: u64,
    documents: &mut Documents,
    out: &mut Out<'_>,
) -> Result<(), CommandError> {
    if element.is_empty() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(element);
    let value = match element.len() > MAX_ELEMENT {
        true => None,
        false => yaml::read(&text).ok(),
    };
    let value = value.and_then(|value| serde_json::to_vec(&value).ok());
    element.clear();
    match value {
        Some(json) => documents.value(&json, &Context::default(), out).map(|_| ()),
        None => {
            out.fault(format!("broken YAML in the element at line {first_line}"));
            Ok(())
        }
    }
}
