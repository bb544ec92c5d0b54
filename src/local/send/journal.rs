//! What was delivered, in a file, so that another run goes on from there.
//!
//! The first line says what is sent to where, each other one that a batch is done. A line is the CRC-32 of what follows
//! it, and JSON. It is on the disk before the next batch begins, so that after a crash only the batch that was under
//! way is sent again. A line at the end that is not whole was being written then, and does not count.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};
use serde::{Deserialize, Serialize};

use super::account::Totals;
use crate::{
    crc32::Crc32,
    local::{
        error::CommandError,
        escape::{self, terminal},
    },
};

/// The longest journal that is read, in bytes: a batch takes 200.
const MAX_BYTES: u64 = 1 << 30;

/// What is sent to where. Another run goes on only with the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Purpose {
    /// The form of the journal.
    pub(super) journal: u32,
    /// The Node, or the function.
    pub(super) to: String,
    /// What the operator has given as inputs, in this order.
    pub(super) inputs: Vec<String>,
    /// All settings that change what is sent. Headers may hold a secret, so that there is only a digest of them.
    pub(super) settings: String,
}

/// A batch that is done, or several that follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Done {
    /// The place of its first line.
    from: u64,
    /// The place behind its last line.
    pub(super) to: u64,
    /// What all lines before `to` are known again by.
    pub(super) digest: u64,
    forwarded: u64,
    refused: u64,
    skipped: u64,
}

impl Done {
    pub(super) fn new(from: u64, digest: u64, totals: &Totals) -> Self {
        Self {
            from,
            to: from + totals.received,
            digest,
            forwarded: totals.forwarded,
            refused: totals.refused,
            skipped: totals.skipped,
        }
    }

    fn join(&mut self, next: &Self) {
        self.to = next.to;
        self.digest = next.digest;
        self.forwarded += next.forwarded;
        self.refused += next.refused;
        self.skipped += next.skipped;
    }

    /// What the run that goes on counts for it.
    pub(super) fn totals(&self) -> Totals {
        Totals {
            received: self.to - self.from,
            earlier: self.forwarded,
            refused: self.refused,
            skipped: self.skipped,
            ..Totals::default()
        }
    }
}

/// A journal that is being written.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    /// What earlier runs have done, by place. Batches that follow each other are one.
    earlier: Vec<Done>,
    next: usize,
}

impl Journal {
    /// Begins a journal, or goes on with the one that there is.
    ///
    /// # Errors
    ///
    /// Returns an error when it can not be written, is damaged, or is of something else.
    pub(super) fn open(path: &Path, purpose: &Purpose) -> Result<Self, CommandError> {
        let failed = |verb: &str, cause: io::Error| {
            let path = escape::path(path);
            CommandError::with_cause(
                format!("failed to {verb} the journal {path} (--journal names another place)"),
                cause,
            )
        };
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(path).map_err(|cause| failed("open", cause))?;
        lock(&file, path)?;
        let mut bytes = Vec::new();
        let read = Read::by_ref(&mut file)
            .take(MAX_BYTES)
            .read_to_end(&mut bytes);
        read.map_err(|cause| failed("read", cause))?;
        let (whole, earlier) = read_lines(&bytes, purpose).map_err(|why| {
            let path = escape::path(path);
            CommandError::new(format!(
                "failed to go on with the journal {path}: {why}. Remove it to send everything, or name another one with \
                 --journal"
            ))
        })?;
        let mut journal = Self {
            path: path.to_path_buf(),
            file,
            earlier,
            next: 0,
        };
        let prepare = |journal: &mut Self| {
            journal.file.set_len(whole)?;
            journal.file.seek(SeekFrom::Start(whole))?;
            match whole {
                0 => journal.append(purpose),
                _ => Ok(()),
            }
        };
        prepare(&mut journal).map_err(|cause| failed("write", cause))?;
        Ok(journal)
    }

    /// How many lines earlier runs have settled.
    pub(super) fn lines_done(&self) -> u64 {
        self.earlier.iter().map(|done| done.to - done.from).sum()
    }

    /// Whether an earlier run has settled lines from this place on.
    pub(super) fn reaches_beyond(&self, position: u64) -> bool {
        self.earlier.last().is_some_and(|done| done.to > position)
    }

    /// What an earlier run has done with the line at this place, and with those around it. Places only grow.
    pub(super) fn done(&mut self, position: u64) -> Option<&Done> {
        while self.earlier.get(self.next)?.to <= position {
            self.next += 1;
        }
        self.earlier
            .get(self.next)
            .filter(|done| done.from <= position)
    }

    /// Writes that a batch is done.
    ///
    /// # Errors
    ///
    /// Returns an error when it is not on the disk.
    pub(super) fn write(&mut self, done: &Done) -> Result<(), CommandError> {
        let path = escape::path(&self.path);
        self.append(done).map_err(|cause| {
            CommandError::with_cause(format!("failed to write the journal {path}"), cause)
        })
    }

    fn append(&mut self, line: &impl Serialize) -> io::Result<()> {
        let json = serde_json::to_string(line)?;
        let sum = checksum(json.as_bytes());
        self.file
            .write_all(format!("{sum:08x} {json}\n").as_bytes())?;
        self.file.sync_data()
    }

    /// Removes the journal of a run that could read nothing, unless an earlier one has settled something.
    pub(super) fn give_up(self) {
        if self.earlier.is_empty() {
            // What is left there is in the way of nobody.
            let _ = self.remove();
        }
    }

    /// Removes the journal of what was sent to its end.
    ///
    /// # Errors
    ///
    /// Returns an error when it is still there.
    pub(super) fn remove(self) -> Result<(), CommandError> {
        fs::remove_file(&self.path).map_err(|cause| {
            let path = escape::path(&self.path);
            CommandError::with_cause(format!("failed to remove the journal {path}"), cause)
        })
    }

    /// Where it is.
    pub(super) fn path(&self) -> String {
        escape::path(&self.path)
    }
}

/// Two runs with one journal would send everything twice, and each would overwrite what the other one writes. The lock
/// goes with the process.
fn lock(file: &File, path: &Path) -> Result<(), CommandError> {
    let locked = flock(file, FlockOperation::NonBlockingLockExclusive);
    // Some network file systems have no locks, and are no worse for it than without the attempt.
    let is_taken = locked == Err(Errno::WOULDBLOCK);
    let inode = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    let is_the_same = file.metadata().map(inode).ok() == fs::metadata(path).map(inode).ok();
    // A run that ends removes its journal: what was opened just before is none any more.
    if is_taken || !is_the_same {
        return Err(CommandError::new(format!(
            "failed to open the journal {}: another run is writing it. Wait for its end, or name another one with --journal",
            escape::path(path)
        )));
    }
    Ok(())
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = Crc32::new();
    crc.update(bytes);
    crc.value()
}

/// How many bytes are whole lines, and what was done. Or why it can't be gone on with.
fn read_lines(bytes: &[u8], purpose: &Purpose) -> Result<(u64, Vec<Done>), String> {
    let mut whole = 0;
    let mut ranges: Vec<Done> = Vec::new();
    let lines = bytes.split_inclusive(|&byte| byte == b'\n');
    for (number, line) in (1..).zip(lines) {
        let is_last = whole + line.len() as u64 == bytes.len() as u64;
        let Some(json) = content(line) else {
            if is_last && number > 1 {
                break;
            }
            if number == 1 && is_last && is_prefix_of_first(line) {
                return Ok((0, Vec::new()));
            }
            return Err(format!("its line {number} is damaged, or it is no journal"));
        };
        if number == 1 {
            let other: Purpose = serde_json::from_slice(json)
                .map_err(|_| "it is of another version of this program".to_string())?;
            match compare(&other, purpose) {
                // That run has sent nothing.
                Err(_) if is_last => return Ok((0, Vec::new())),
                result => result?,
            }
        } else {
            let done: Done = serde_json::from_slice(json)
                .map_err(|_| format!("its line {number} has another form"))?;
            if done.from >= done.to {
                return Err(format!("its line {number} makes no sense"));
            }
            ranges.push(done);
        }
        whole += line.len() as u64;
    }
    // A later run fills what an earlier one has left out.
    ranges.sort_by_key(|done| done.from);
    let mut joined: Vec<Done> = Vec::new();
    for done in ranges {
        match joined.last_mut() {
            Some(last) if last.to == done.from => last.join(&done),
            Some(last) if last.to > done.from => {
                return Err("it has a line twice".to_string());
            }
            _ => joined.push(done),
        }
    }
    Ok((whole, joined))
}

/// Whether the first line was being written when a run was killed.
fn is_prefix_of_first(line: &[u8]) -> bool {
    let (sum, rest) = line.split_at(line.len().min(9));
    let is_sum = sum
        .iter()
        .all(|byte| byte.is_ascii_hexdigit() || *byte == b' ');
    is_sum && !line.ends_with(b"\n") && b"{\"journal\":".starts_with(&rest[..rest.len().min(11)])
}

/// The JSON of a line whose checksum is right.
fn content(line: &[u8]) -> Option<&[u8]> {
    let line = line.strip_suffix(b"\n")?;
    let (sum, json) = line.split_at_checked(9)?;
    let sum = u32::from_str_radix(str::from_utf8(sum).ok()?.strip_suffix(' ')?, 16).ok()?;
    (sum == checksum(json)).then_some(json)
}

fn compare(other: &Purpose, purpose: &Purpose) -> Result<(), String> {
    let of = |what: &str, other: &str, own: &str| {
        Err(format!(
            "it is of {what} {}, and this run is of {}",
            terminal(other),
            terminal(own)
        ))
    };
    if other.journal != purpose.journal {
        return Err("it is of another version of this program".to_string());
    }
    if other.to != purpose.to {
        return of("what went to", &other.to, &purpose.to);
    }
    if other.settings != purpose.settings {
        return of("the settings", &other.settings, &purpose.settings);
    }
    if other.inputs != purpose.inputs {
        let (other, own) = (other.inputs.join(" "), purpose.inputs.join(" "));
        return of("the inputs", &other, &own);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn purpose() -> Purpose {
        Purpose {
            journal: 1,
            to: "https://node.example.com:5050".into(),
            inputs: vec!["a.log".into()],
            settings: "format=resend".into(),
        }
    }

    fn batch(from: u64, lines: u64) -> Done {
        let totals = Totals {
            received: lines,
            forwarded: lines - 1,
            skipped: 1,
            ..Totals::default()
        };
        Done::new(from, 7 + from, &totals)
    }

    /// A path of this test's own.
    fn path(name: &str) -> PathBuf {
        let name = format!("cw-resend-journal-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_file(&path);
        path
    }

    fn open(path: &Path) -> Journal {
        Journal::open(path, &purpose()).unwrap()
    }

    #[test]
    fn what_was_done_is_known_again_wherever_the_journal_was_cut() {
        let path = path("cut");
        let mut journal = open(&path);
        // The third one is left out.
        for done in [batch(0, 10), batch(10, 10), batch(30, 10)] {
            journal.write(&done).unwrap();
        }
        drop(journal);
        let whole = fs::read(&path).unwrap();
        let ends: Vec<usize> = (0..whole.len()).filter(|&at| whole[at] == b'\n').collect();
        for length in 0..=whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            let lines = ends.iter().filter(|&&end| end < length).count();
            let mut journal = open(&path);
            let expected = [0, 0, 10, 20, 30][lines];
            assert_eq!(journal.lines_done(), expected, "{length}");
            // It goes on where it was cut.
            journal.write(&batch(100, 5)).unwrap();
            drop(journal);
            assert_eq!(open(&path).lines_done(), expected + 5, "{length}");
        }
        fs::write(&path, &whole).unwrap();
        let mut journal = open(&path);
        let places = [
            (0, Some(20)),
            (19, Some(20)),
            (20, None),
            (29, None),
            (30, Some(40)),
            (40, None),
        ];
        for (position, expected) in places {
            assert_eq!(
                journal.done(position).map(|done| done.to),
                expected,
                "{position}"
            );
        }
        assert_eq!(journal.earlier[0].totals().earlier, 18);
        assert_eq!(journal.earlier[0].digest, 17);
        journal.remove().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn a_journal_of_a_run_that_has_sent_nothing_is_in_the_way_of_no_other() {
        let path = path("nothing");
        drop(open(&path));
        let other = Purpose {
            to: "http://b:1".into(),
            ..purpose()
        };
        Journal::open(&path, &other)
            .unwrap()
            .write(&batch(0, 10))
            .unwrap();
        assert!(Journal::open(&path, &purpose()).is_err());
        let journal = Journal::open(&path, &other).unwrap();
        assert_eq!(journal.lines_done(), 10);
        journal.give_up();
        assert!(path.exists());
        fs::remove_file(&path).unwrap();
        open(&path).give_up();
        assert!(!path.exists());
    }

    #[test]
    fn two_runs_do_not_write_one_journal() {
        let path = path("lock");
        let mut first = open(&path);
        first.write(&batch(0, 10)).unwrap();
        let error = Journal::open(&path, &purpose()).unwrap_err().to_string();
        assert!(error.contains("another run is writing it"), "{error}");
        // What the first one does goes on, and is not lost.
        first.write(&batch(10, 10)).unwrap();
        drop(first);
        let journal = open(&path);
        assert!(journal.reaches_beyond(19) && !journal.reaches_beyond(20));
        journal.remove().unwrap();
    }

    #[test]
    fn a_journal_that_is_of_something_else_or_damaged_is_refused() {
        let path = path("refused");
        open(&path).write(&batch(0, 10)).unwrap();
        let whole = fs::read(&path).unwrap();
        let refused = |purpose: &Purpose| Journal::open(&path, purpose).unwrap_err().to_string();
        for (other, words) in [
            (
                Purpose {
                    to: "http://b:1".into(),
                    ..purpose()
                },
                "what went to https://node",
            ),
            (
                Purpose {
                    inputs: vec!["b.log".into()],
                    ..purpose()
                },
                "the inputs a.log",
            ),
            (
                Purpose {
                    settings: "x".into(),
                    ..purpose()
                },
                "the settings format=resend",
            ),
            (
                Purpose {
                    journal: 2,
                    ..purpose()
                },
                "another version",
            ),
        ] {
            let text = refused(&other);
            assert!(text.contains(words) && text.contains("--journal"), "{text}");
        }
        let first = whole.iter().position(|&byte| byte == b'\n').unwrap();
        for at in 0..first {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            fs::write(&path, &damaged).unwrap();
            assert!(refused(&purpose()).contains("damaged"), "{at}");
        }
        for other in [
            &b"a log line\n"[..],
            b"a log line",
            b"{\"httpMethod\":\"GET\"}",
        ] {
            fs::write(&path, other).unwrap();
            assert!(refused(&purpose()).contains("no journal"));
            // What is no journal of ours stays as it was.
            assert_eq!(fs::read(&path).unwrap(), other);
        }
        let twice = [&whole[..], &whole[first + 1..]].concat();
        fs::write(&path, twice).unwrap();
        assert!(refused(&purpose()).contains("twice"));
        fs::remove_file(&path).unwrap();
    }
}
