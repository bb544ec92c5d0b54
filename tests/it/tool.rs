//! The operator's tool as a process.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use crate::harness::run_with_input;

/// The tool, in the repository's root, without input.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cw-resend"));
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(arguments)
        .stdin(Stdio::null());
    command
}

/// Runs it with an input.
pub(crate) fn run(arguments: &[&str], input: &str) -> Output {
    run_with_input(&mut command(arguments), input.as_bytes())
}

/// A folder for files of a test, which is removed with it.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// `name` is that of one test.
    pub(crate) fn new(name: &str) -> Self {
        let name = format!("cw-resend-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    /// The path of a file in it.
    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_string()
    }

    /// Writes a file, and returns its path.
    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
