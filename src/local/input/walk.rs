//! Which files there are to read.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
};

use super::Input;

/// A file to read, or why it can't be read.
pub(super) struct Found {
    /// `None`: standard input.
    pub(super) path: Option<PathBuf>,
    /// Its length in bytes, of a regular file.
    pub(super) length: Option<u64>,
    pub(super) error: Option<io::Error>,
}

/// The files of all inputs, those of folders by name. Hidden files of folders are left out, and so are other folders
/// that a link in a folder leads to: they might lead back.
pub(super) fn files(inputs: &[Input]) -> Vec<Found> {
    let mut found = Vec::new();
    for input in inputs {
        match input {
            Input::Stdin => found.push(Found {
                path: None,
                length: None,
                error: None,
            }),
            Input::Path(path) => add(path, &mut found),
        }
    }
    found
}

fn add(path: &Path, found: &mut Vec<Found>) {
    let (length, error) = match fs::metadata(path) {
        Ok(data) if data.is_dir() => match folder(path, found) {
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

fn folder(path: &Path, found: &mut Vec<Found>) -> io::Result<()> {
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
        // To open a pipe or a socket would wait for somebody else.
        let is_readable = target
            .as_ref()
            .map_or(true, |data| data.is_file() || data.is_dir());
        if !is_link_to_folder && is_readable {
            add(&path, found);
        }
    }
    Ok(())
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}
