//! Reads lines, sends them batch by batch, and says what has become of them.

use std::{
    io::Write,
    mem,
    time::{Duration, Instant},
};

use super::{
    account::{Totals, counted},
    batch::{Batch, Place},
    journal::{Done, Journal},
    pace::Pace,
    target::Target,
};
use crate::local::{
    Status,
    error::{CommandError, printing},
    input::{self, Input, Line, Sink},
    interrupt::Interrupt,
    ui::Ui,
};

/// Of an endpoint's calls one has to come so long after the first one, or Wallarm does not show it (api-discovery/
/// exploring.md in its documentation). A rate that is advised leaves some room.
const SPREAD: Duration = Duration::from_secs(300);
const ADVISED: f64 = 330.0;

/// What is to be sent, and how.
#[derive(Debug)]
pub(super) struct Job<'a> {
    pub(super) inputs: &'a [Input],
    /// That of lines that do not say theirs.
    pub(super) log_group: Option<&'a str>,
    pub(super) target: &'a mut Target,
    /// Records a second.
    pub(super) rate: Option<f64>,
    pub(super) is_dry: bool,
    pub(super) journal: Option<Journal>,
}

/// Why no more lines are read.
#[derive(Debug)]
enum Stop {
    Interrupted,
    /// The next batches would fail as this one.
    NothingTaken,
    Failed(CommandError),
}

struct Sender<'a> {
    job: Job<'a>,
    interrupt: &'a Interrupt,
    pace: Pace,
    most_lines: u64,
    most_bytes: usize,
    /// Of the last line.
    place: Place,
    batch: Batch,
    /// The next line is of another document than those of the batch.
    is_other_document: bool,
    totals: Totals,
    last_failure: Option<String>,
    failed_in_a_row: u32,
    began: Option<Instant>,
    stop: Option<Stop>,
}

/// Sends everything, and prints the account of it.
///
/// # Errors
///
/// Returns an error when nothing can be read, and when it can't go on. What was delivered until then is accounted for.
pub(super) fn run(
    job: Job<'_>,
    interrupt: &Interrupt,
    ui: &Ui,
    out: &mut dyn Write,
) -> Result<Status, CommandError> {
    let (inputs, is_dry, rate) = (job.inputs, job.is_dry, job.rate);
    let (seconds, lines, most_bytes) = job.target.batch_limits();
    let pace = Pace::new(if is_dry { None } else { rate });
    let mut sender = Sender {
        most_lines: pace.batch(seconds, lines) as u64,
        most_bytes,
        pace,
        place: Place::new(),
        batch: Batch::default(),
        is_other_document: false,
        totals: Totals::default(),
        last_failure: None,
        failed_in_a_row: 0,
        began: None,
        stop: None,
        interrupt,
        job,
    };
    let read = input::read(inputs, ui, &mut sender);
    let read = read.and_then(|total| sender.finish(total.failures > 0).map(|()| total));
    let Sender {
        job,
        totals,
        last_failure,
        began,
        stop,
        ..
    } = sender;
    let files_failed = match (&stop, read) {
        (None, Err(error)) => {
            // Nothing may have been sent yet. If something was, it is accounted for.
            if totals.received > 0 {
                write!(out, "{totals}").map_err(printing)?;
            } else if let Some(journal) = job.journal {
                journal.give_up();
            }
            return Err(error);
        }
        (_, read) => read.is_ok_and(|total| total.failures > 0),
    };
    if is_dry {
        write_dry(&totals, rate, out)?;
        return Ok(match stop {
            Some(_) => Status::Interrupted,
            None if files_failed => Status::Found,
            None => Status::Clean,
        });
    }
    write!(out, "{totals}").map_err(printing)?;
    if let Some(failure) = last_failure {
        writeln!(out, "  last failure: {failure}").map_err(printing)?;
    }
    let again = match &job.journal {
        Some(journal) => format!("the same command goes on from here ({})", journal.path()),
        None => "there is no journal of standard input, so that another run sends everything again"
            .into(),
    };
    match stop {
        Some(Stop::Failed(error)) => {
            writeln!(out, "Not all was sent: {again}").map_err(printing)?;
            return Err(error);
        }
        Some(Stop::Interrupted) => {
            writeln!(out, "Interrupted: {again}").map_err(printing)?;
            return Ok(Status::Interrupted);
        }
        Some(Stop::NothingTaken) => {
            writeln!(out, "Ended, since nothing is taken: {again}").map_err(printing)?;
            return Ok(Status::Found);
        }
        None => {}
    }
    if let Some(began) = began {
        warn_of_haste(&totals, began.elapsed(), ui);
    }
    let is_clean = totals.is_clean() && !files_failed;
    match job.journal {
        // What is undelivered, or could not be read, is for another run.
        Some(journal) if totals.undelivered == 0 && !files_failed => journal.remove()?,
        Some(_) => writeln!(out, "Not all was sent: {again}").map_err(printing)?,
        None => {}
    }
    Ok(if is_clean {
        Status::Clean
    } else {
        Status::Found
    })
}

fn write_dry(totals: &Totals, rate: Option<f64>, out: &mut dyn Write) -> Result<(), CommandError> {
    let Totals {
        received,
        forwarded,
        skipped,
        ..
    } = totals;
    let mut text = format!("{received} received = {forwarded} to forward + {skipped} to skip\n");
    if !totals.reasons.is_empty() {
        text += &format!("  to skip: {}\n", counted(&totals.reasons));
    }
    if let Some(rate) = rate {
        // Of a time in seconds nobody needs the last digit.
        #[allow(clippy::cast_precision_loss)]
        let seconds = (*forwarded as f64 / rate).ceil();
        text += &format!("  at {rate} a second, it takes at least {seconds} s\n");
    }
    text += "Nothing was sent.\n";
    out.write_all(text.as_bytes()).map_err(printing)
}

/// A Node counts by arrival.
fn warn_of_haste(totals: &Totals, took: Duration, ui: &Ui) {
    if totals.forwarded == 0 || took > SPREAD {
        return;
    }
    // A rate needs no more than a few digits.
    #[allow(clippy::cast_precision_loss)]
    let rate = totals.forwarded as f64 / ADVISED;
    let rate = if rate >= 1.0 {
        rate.floor()
    } else {
        (rate * 1000.0).floor().max(1.0) / 1000.0
    };
    ui.warn(&format!(
        "this took {} s. A Node counts calls when they arrive, and Wallarm shows an endpoint only where one of its calls \
         comes more than 300 s after the first. If these endpoints get no other calls, send the log with --rate {rate}",
        took.as_secs()
    ));
}

impl Sender<'_> {
    /// Ends the reading.
    fn stop(&mut self, stop: Stop) -> CommandError {
        self.stop = Some(stop);
        CommandError::new("failed to go on reading: the command ends")
    }

    /// Sends what there is.
    fn flush(&mut self) -> Result<(), CommandError> {
        if self.batch.lines == 0 {
            return Ok(());
        }
        if let Some(next) = self.pace.next() {
            self.interrupt.sleep_until(next);
        }
        if self.interrupt.is_set() {
            return Err(self.stop(Stop::Interrupted));
        }
        let batch = mem::take(&mut self.batch);
        if let Err(error) = self.deliver(&batch) {
            return Err(self.stop(Stop::Failed(error)));
        }
        match self.stop {
            Some(_) => Err(CommandError::new(
                "failed to go on sending: nothing is taken",
            )),
            None => Ok(()),
        }
    }

    fn deliver(&mut self, batch: &Batch) -> Result<(), CommandError> {
        let event = batch.event()?;
        // The same in each run.
        let id = format!("{:016x}-{}", batch.digest, batch.first);
        let began = Instant::now();
        self.began.get_or_insert(began);
        let failed = self.failed_in_a_row;
        let target = &mut *self.job.target;
        let delivered = target.deliver(&id, &event, batch.lines, failed, self.interrupt)?;
        let totals = delivered.totals;
        self.pace.note(began, totals.forwarded + totals.refused);
        self.totals.add(&totals);
        if delivered.failure.is_some() {
            self.last_failure = delivered.failure;
            self.failed_in_a_row += 1;
        } else {
            self.failed_in_a_row = 0;
        }
        if delivered.is_over {
            self.stop = Some(Stop::NothingTaken);
        } else if totals.undelivered == 0
            && let Some(journal) = &mut self.job.journal
        {
            journal.write(&Done::new(batch.first, batch.digest, &totals))?;
        }
        Ok(())
    }

    /// Goes past a line that an earlier run has settled, if it is one.
    fn is_done(&mut self, position: u64) -> Result<bool, CommandError> {
        let Some(journal) = &mut self.job.journal else {
            return Ok(false);
        };
        let Some(done) = journal.done(position).copied() else {
            return Ok(false);
        };
        self.flush()?;
        if position + 1 < done.to {
            return Ok(true);
        }
        if done.digest != self.place.digest() {
            return Err(self.stop_for_other_lines());
        }
        self.totals.add(&done.totals());
        Ok(true)
    }

    /// Sends what is left when everything was read. Lines that an earlier run has settled have to be among it, or they
    /// were other ones; unless not all could be read.
    fn finish(&mut self, lacks_some: bool) -> Result<(), CommandError> {
        let position = self.place.position;
        let journal = self.job.journal.as_ref();
        if !lacks_some && journal.is_some_and(|journal| journal.reaches_beyond(position)) {
            return Err(self.stop_for_other_lines());
        }
        self.flush()
    }

    fn stop_for_other_lines(&mut self) -> CommandError {
        let journal = self.job.journal.as_ref().map(Journal::path);
        let error = CommandError::new(format!(
            "failed to go on with the journal {}: it is of other lines than the inputs have now. Remove it to send \
             everything, or name another one with --journal",
            journal.unwrap_or_default()
        ));
        self.stop(Stop::Failed(error))
    }
}

impl Sink for Sender<'_> {
    fn begin(&mut self) {
        self.place.begin();
        // What lines tell of each other ends here.
        self.is_other_document = true;
    }

    fn line(&mut self, line: &Line<'_>) -> Result<(), CommandError> {
        if self.interrupt.is_set() {
            return Err(self.stop(Stop::Interrupted));
        }
        let is_full = self.batch.lines >= self.most_lines || self.batch.bytes() >= self.most_bytes;
        if is_full {
            self.flush()?;
        }
        let position = self.place.position;
        self.place.pass(line.text);
        if self.is_done(position)? {
            return Ok(());
        }
        let line = &Line {
            log_group: line.log_group.or(self.job.log_group),
            ..*line
        };
        let begins = mem::take(&mut self.is_other_document);
        if let Err(cause) = self.batch.push(line, &self.place, begins) {
            let error = CommandError::with_cause("failed to make an event", cause);
            return Err(self.stop(Stop::Failed(error)));
        }
        Ok(())
    }
}
