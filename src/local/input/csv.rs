//! CSV: what the console exports, of log events and of Insights results.

use std::{
    cell::Cell,
    io::{self, Read},
    rc::Rc,
};

use ::csv::{ByteRecord, ReaderBuilder};

use super::super::error::CommandError;
use super::{
    buffer::{Buffer, MAX_LINE},
    documents::{Context, Documents},
    moment,
    out::Out,
};

/// The longest row, in bytes: a quote that is never closed would make a row of all that follows.
const MAX_ROW: u64 = 4 * MAX_LINE as u64;

/// What is between the columns whose names this line has. `None`: it has none that are known.
pub(super) fn delimiter(line: &[u8]) -> Option<u8> {
    const FIELDS: [&str; 8] = [
        "httpmethod",
        "path",
        "resourcepath",
        "routekey",
        "domainname",
        "requestid",
        "status",
        "timestamp",
    ];
    let line = std::str::from_utf8(line).ok()?;
    if line.len() > 4096 || line.contains(['{', '$']) {
        return None;
    }
    // A column alone has nothing around it.
    if ["message", "@message"].contains(&name(line)) {
        return Some(b',');
    }
    let has_names = |delimiter: &u8| {
        let names = line.split(char::from(*delimiter)).map(name);
        let names: Vec<String> = names
            .map(|name| name.trim_start_matches('@').to_lowercase())
            .collect();
        let has_message = names.iter().any(|name| name == "message");
        let known = names.iter().filter(|name| FIELDS.contains(&name.as_str()));
        names.len() > 1 && (has_message || known.count() > 1)
    };
    [b',', b';', b'\t'].into_iter().find(has_names)
}

/// Whether a row begins so whose names somebody has cut off: a time, and an object in quotes.
pub(super) fn is_row(line: &[u8]) -> bool {
    let rest = moment::moment(line).map(|moment| &line[moment.length..]);
    rest.is_some_and(|rest| rest.starts_with(b",\"{"))
}

fn name(cell: &str) -> &str {
    cell.trim().trim_matches('"')
}

/// Reads what is left of a row as bytes, and fails where a row is too long.
struct Rows<'b, 'r> {
    buffer: &'b mut Buffer<'r>,
    left: Rc<Cell<u64>>,
}

impl Read for Rows<'_, '_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.buffer.unread().is_empty() {
            self.buffer.more();
        }
        let unread = self.buffer.unread();
        let count = out.len().min(unread.len());
        out[..count].copy_from_slice(&unread[..count]);
        self.buffer.consume(count);
        let left = self.left.get();
        if left < count as u64 {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "a row of the CSV is longer than 4 MiB: a quote in it may have no end",
            ));
        }
        self.left.set(left - count as u64);
        Ok(count)
    }
}

/// Reads all rows.
pub(super) fn read(
    buffer: &mut Buffer<'_>,
    delimiter: u8,
    documents: &mut Documents,
    out: &mut Out<'_>,
) -> Result<(), CommandError> {
    let left = Rc::new(Cell::new(MAX_ROW));
    let rows = Rows {
        buffer,
        left: Rc::clone(&left),
    };
    let mut reader = ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(rows);
    let mut names: Vec<String> = Vec::new();
    let mut row = ByteRecord::new();
    out.is_log = true;
    loop {
        left.set(MAX_ROW);
        match reader.read_byte_record(&mut row) {
            Ok(true) => {}
            Ok(false) => break,
            Err(cause) => {
                out.fault(cause.to_string());
                break;
            }
        }
        let cells: Vec<_> = row.iter().map(String::from_utf8_lossy).collect();
        if names.is_empty() && cells.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        if names.is_empty() && cells.len() == 2 && moment::whole(&cells[0]).is_some() {
            names = ["@timestamp", "@message"].map(str::to_owned).into();
        }
        if names.is_empty() {
            names = cells.iter().map(|cell| canonical(name(cell))).collect();
            continue;
        }
        out.number = row.position().map(::csv::Position::line);
        // Several exports in one file have their names again.
        if cells
            .iter()
            .map(|cell| canonical(name(cell)))
            .eq(names.iter().map(String::as_str))
        {
            continue;
        }
        if cells.len() < names.len() && cells.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        let fields: Vec<(&str, &str)> = names
            .iter()
            .zip(&cells)
            .map(|(n, c)| (n.as_str(), &**c))
            .collect();
        documents.fields(&fields, &Context::default(), 4, out)?;
    }
    // What is left of a text that has ended too early is no row that could be trusted.
    Ok(())
}

/// The name of a column in the letters that Insights has.
fn canonical(name: &str) -> String {
    let lower = name.to_lowercase();
    match lower.trim_start_matches('@') {
        "message" => "@message".into(),
        "timestamp" => "@timestamp".into(),
        "logstream" | "logstreamname" => "@logStream".into(),
        "log" | "loggroup" | "loggroupname" => "@log".into(),
        _ => name.to_owned(),
    }
}
