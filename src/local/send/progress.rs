//! How far it is, for the operator at a terminal.

use indicatif::{ProgressBar, ProgressStyle};

use crate::local::ui::Ui;

/// Lines that are settled, and how fast. Without a terminal, nothing is drawn.
#[derive(Debug)]
pub(super) struct Progress(ProgressBar);

impl Progress {
    pub(super) fn new(ui: &Ui) -> Self {
        if ui.quiet {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::new_spinner();
        // The template is a constant and well-formed; a default bar would also do.
        Self(
            match ProgressStyle::with_template("{spinner} {human_pos} lines, {per_sec}") {
                Ok(style) => bar.with_style(style),
                Err(_) => bar,
            },
        )
    }

    pub(super) fn add(&self, lines: u64) {
        self.0.inc(lines);
    }

    pub(super) fn finish(&self) {
        self.0.finish_and_clear();
    }
}
