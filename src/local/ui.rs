//! What the operator sees beside a command's output: warnings and progress, on standard error.

use std::{
    cell::Cell,
    env,
    fmt::Display,
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

use super::escape;
use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often a line of progress is printed where no bar can be drawn.
const PERIOD: Duration = Duration::from_secs(10);

/// What is done sooner needs no bar, in which nobody could read anything.
const DELAY: Duration = Duration::from_millis(300);

/// A terminal with fewer columns has a bar without its picture and speed.
const COLUMNS: u16 = 80;

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

/// A number and what it counts, such as `1 line` and `2 lines`.
pub(crate) fn counted<N: Display + PartialEq + From<u8>>(number: N, what: &str) -> String {
    let plural = if number == N::from(1) { "" } else { "s" };
    format!("{number} {what}{plural}")
}

/// What progress is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Things with this name in the plural, such as `calls`.
    Things(&'static str),
}

impl Unit {
    /// What follows a number: the name of what is counted, where the number does not say it.
    fn name(self) -> String {
        match self {
            Self::Bytes => String::new(),
            Self::Things(name) => format!(" {name}"),
        }
    }
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

    /// Prints a warning in one line, unless the operator wants none. What would act on the terminal is escaped.
    pub fn warn(&self, text: &str) {
        self.tell("warning", text);
    }

    /// Prints what is not wrong, as a warning is printed.
    pub fn note(&self, text: &str) {
        self.tell("note", text);
    }

    fn tell(&self, kind: &str, text: &str) {
        if !self.quiet {
            // A failure of this can not be reported anywhere.
            let _ = writeln!(io::stderr(), "{kind}: {}", escape::terminal(text));
        }
    }

    /// Begins to show progress: a bar on a terminal, which knows when it will be done if `total` is known; a line each
    /// ten seconds in CI, which is where `CI` is set; nothing elsewhere.
    #[must_use]
    pub fn progress(&self, total: Option<u64>, unit: Unit) -> Progress {
        let is_ci = env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false");
        let shown = match (self.quiet, io::stderr().is_terminal(), is_ci) {
            (true, ..) | (false, false, false) => Shown::Nothing,
            (false, true, _) => {
                let is_narrow = console::Term::stderr().size().1 < COLUMNS;
                Shown::Bar(bar(total, unit, is_narrow))
            }
            (false, false, true) => Shown::Lines(Lines {
                total,
                unit,
                done: Cell::new(0),
                due: Cell::new(Instant::now() + PERIOD),
            }),
        };
        Progress { ui: *self, shown }
    }
}

/// Progress that is being shown. It ends when it is dropped.
#[derive(Debug)]
pub struct Progress {
    ui: Ui,
    shown: Shown,
}

#[derive(Debug)]
enum Shown {
    Nothing,
    Bar(ProgressBar),
    Lines(Lines),
}

#[derive(Debug)]
struct Lines {
    total: Option<u64>,
    unit: Unit,
    done: Cell<u64>,
    due: Cell<Instant>,
}

impl Progress {
    /// So much more is done.
    pub fn inc(&self, count: u64) {
        match &self.shown {
            Shown::Nothing => {}
            Shown::Bar(bar) => {
                if bar.is_hidden() && bar.elapsed() >= DELAY {
                    bar.set_draw_target(ProgressDrawTarget::stderr());
                }
                bar.inc(count);
            }
            Shown::Lines(lines) => {
                lines.done.set(lines.done.get().saturating_add(count));
                let now = Instant::now();
                if now >= lines.due.get() {
                    lines.due.set(now + PERIOD);
                    // A failure of this can not be reported anywhere.
                    let _ = writeln!(io::stderr(), "{}", lines.text());
                }
            }
        }
    }

    /// Says what is being done, such as the file that is read. It has to be printable.
    pub fn message(&self, text: &str) {
        if let Shown::Bar(bar) = &self.shown {
            bar.set_message(text.to_owned());
        }
    }

    /// Prints a warning above the bar.
    pub fn warn(&self, text: &str) {
        match &self.shown {
            Shown::Bar(bar) => bar.suspend(|| self.ui.warn(text)),
            _ => self.ui.warn(text),
        }
    }

    /// Ends it: the bar goes.
    pub fn finish(self) {}
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}

impl Lines {
    fn text(&self) -> String {
        let show = |count| match self.unit {
            Unit::Bytes => HumanBytes(count).to_string(),
            Unit::Things(_) => HumanCount(count).to_string(),
        };
        let name = self.unit.name();
        match self.total {
            Some(total) => format!("{} of {}{name}", show(self.done.get()), show(total)),
            None => format!("{}{name}", show(self.done.get())),
        }
    }
}

/// A bar, which is hidden at first.
fn bar(total: Option<u64>, unit: Unit, is_narrow: bool) -> ProgressBar {
    let (position, length, speed) = match unit {
        Unit::Bytes => (
            "{binary_bytes}",
            "{binary_total_bytes}",
            "{binary_bytes_per_sec}",
        ),
        Unit::Things(_) => ("{human_pos}", "{human_len}", "{per_sec}"),
    };
    let name = unit.name();
    let (picture, speed) = match is_narrow {
        true => ("", String::new()),
        false => ("{bar:24} ", format!(" {speed}")),
    };
    let template = match total {
        Some(_) => {
            format!("{picture}{position}/{length}{name}{speed}, {{eta}} left {{wide_msg}}")
        }
        None => format!("{{spinner}} {position}{name}{speed} {{wide_msg}}"),
    };
    let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::hidden());
    // The templates are well-formed; a default bar would also do.
    match ProgressStyle::with_template(&template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_progress() {
        for (total, unit, expected) in [
            (Some(2048), Unit::Bytes, "1.00 KiB of 2.00 KiB"),
            (None, Unit::Bytes, "1.00 KiB"),
            (Some(20_000), Unit::Things("calls"), "1,024 of 20,000 calls"),
        ] {
            let lines = Lines {
                total,
                unit,
                done: Cell::new(1024),
                due: Cell::new(Instant::now()),
            };
            assert_eq!(lines.text(), expected);
        }
    }

    #[test]
    fn the_templates_of_the_bars_are_well_formed() {
        for unit in [Unit::Bytes, Unit::Things("calls")] {
            for total in [Some(10), None] {
                for is_narrow in [true, false] {
                    let bar = bar(total, unit, is_narrow);
                    assert!(bar.is_hidden());
                    bar.inc(3);
                    assert_eq!(bar.position(), 3);
                }
            }
        }
    }
}
