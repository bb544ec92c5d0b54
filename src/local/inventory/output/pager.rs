//! A long table goes through the operator's pager, as Git's output does.

use std::{
    env,
    io::{self, ErrorKind, Write},
    process::{Command, Stdio},
};

/// What is started where the operator has named none.
const PAGER: &str = "less";
/// Its options where the operator has set none: colours stay, a text that fits is printed, and the screen is not cleared.
const LESS: &str = "FRX";

/// Shows a text on the terminal, which standard output is: through a pager if it is longer than the screen.
pub(super) fn show(text: &[u8], out: &mut dyn Write) -> io::Result<()> {
    let rows = usize::from(console::Term::stdout().size().0);
    let lines = text.iter().filter(|&&byte| byte == b'\n').count();
    let pager = env::var("PAGER").unwrap_or_else(|_| PAGER.to_string());
    if lines < rows || is_none(&pager) {
        return out.write_all(text);
    }
    out.flush()?;
    let mut command = Command::new("sh");
    command.arg("-c").arg(&pager).stdin(Stdio::piped());
    if env::var_os("LESS").is_none() {
        command.env("LESS", LESS);
    }
    let Ok(mut child) = command.spawn() else {
        return out.write_all(text);
    };
    let written = match &mut child.stdin {
        Some(stdin) => stdin.write_all(text),
        None => Ok(()),
    };
    // This ends its input.
    drop(child.stdin.take());
    let status = child.wait()?;
    match written {
        // Whoever ends the pager has seen enough.
        Err(cause) if cause.kind() != ErrorKind::BrokenPipe => return Err(cause),
        _ => {}
    }
    match status.code() {
        // The shell has not found it.
        Some(126 | 127) => out.write_all(text),
        _ => Ok(()),
    }
}

/// Whether the operator wants no pager.
fn is_none(pager: &str) -> bool {
    let is_dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
    is_dumb || ["", "cat"].contains(&pager.trim())
}
