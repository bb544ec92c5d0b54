//! Which files there are to read.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
};

use super::{super::escape, Input};

/// A file to read, or why it can't be read.
pub(super) struct Found {
    /// `None`: standard input.
    pub(super) path: Option<PathBuf>,
    /// Its length in bytes, of a regular file.
    pub(super) length: Option<u64>,
    pub(super) error: Option<io::Error>,
}

/// The files of all inputs, those of folders by name. Hidden files of folders are left out. So are other folders that a
/// link in a folder leads to, which might lead back, and pipes and sockets, which would wait for somebody else: `warn`
/// is told of these.
pub(super) fn files(inputs: &[Input], warn: &mut dyn FnMut(&str)) -> Vec<Found> {
    let mut found = Vec::new();
    for input in inputs {
        match input {
            Input::Stdin => found.push(Found {
                path: None,
                length: None,
                error: None,
            }),
            Input::Path(path) => add(path, &mut found, warn),
        }
    }
    found
}

fn add(path: &Path, found: &mut Vec<Found>, warn: &mut dyn FnMut(&str)) {
    let (length, error) = match fs::metadata(path) {
        Ok(data) if data.is_dir() => match folder(path, found, warn) {
            Ok(()) => return,
            Err(error) => (None, Some(error)),
        },
        // A file of /proc has no length, and a content.
        Ok(data) => (
            (data.is_file() && data.len() > 0).then_some(data.len()),
            None,
        ),
        Err(error) => (None, Some(error)),
    };
    found.push(Found {
        path: Some(path.to_owned()),
        length,
        error,
    });
}

fn folder(path: &Path, found: &mut Vec<Found>, warn: &mut dyn FnMut(&str)) -> io::Result<()> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(path)? {
        entries.push(entry?);
    }
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        if is_hidden(&entry.file_name()) {
            continue;
        }
        let path = entry.path();
        let kind = entry.file_type()?;
        let target = fs::metadata(&path);
        let is_link_to_folder =
            kind.is_symlink() && target.as_ref().is_ok_and(fs::Metadata::is_dir);
        let is_readable = target
            .as_ref()
            .map_or(true, |data| data.is_file() || data.is_dir());
        let passed_over = match (is_link_to_folder, is_readable) {
            (true, _) => "a link to a folder is not followed",
            (_, false) => "it is no file",
            _ => {
                add(&path, found, warn);
                continue;
            }
        };
        warn(&format!(
            "{}: passed over, since {passed_over}: name it by itself to read it",
            escape::path(&path)
        ));
    }
    Ok(())
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}
