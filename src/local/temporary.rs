//! A folder for files that are needed only while a command runs.

use std::{
    env,
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process,
};

use super::error::CommandError;

/// A folder of its own, which nobody else can read. Dropping it deletes it, with all that is in it.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// # Errors
    ///
    /// Returns an error when there is no place for temporary files.
    pub(crate) fn new() -> Result<Self, CommandError> {
        let mut number = 0;
        loop {
            let name = format!("cw-resend-{}-{number}", process::id());
            let path = env::temp_dir().join(name);
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self(path)),
                // A process of this id that was killed has left it.
                Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(cause) => {
                    let text = "failed to make a folder for temporary files";
                    return Err(CommandError::with_cause(text, cause));
                }
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left there is in the way of nobody.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_was_left_is_in_the_way_of_no_other() {
        let left = Folder::new().unwrap();
        let path = left.path().to_path_buf();
        fs::write(path.join("a"), "a").unwrap();
        let other = Folder::new().unwrap();
        assert_ne!(other.path(), path);
        drop(left);
        assert!(!path.exists() && other.path().exists());
    }
}
