//! What the operator sees beside a command's output: warnings and progress, on standard error.

use std::io::{self, IsTerminal, Write};

/// How to talk to the operator.
#[derive(Debug, Clone, Copy)]
pub struct Ui {
    /// Neither progress nor warnings.
    pub quiet: bool,
    /// Standard output may have colours: it is a terminal, and `NO_COLOR` is not set.
    pub has_color: bool,
    /// The columns of standard output, if it is a terminal.
    pub columns: Option<usize>,
}

impl Ui {
    /// Looks at standard output.
    #[must_use]
    pub fn new(quiet: bool) -> Self {
        let terminal = console::Term::stdout();
        let is_terminal = io::stdout().is_terminal();
        Self {
            quiet,
            has_color: is_terminal && console::colors_enabled(),
            columns: is_terminal.then(|| usize::from(terminal.size().1)),
        }
    }

    /// Prints a warning, unless the operator wants none.
    pub fn warn(&self, text: &str) {
        if !self.quiet {
            // A failure of this can not be reported anywhere.
            let _ = writeln!(io::stderr(), "warning: {text}");
        }
    }
}
