//! The cost of reading an event: the function's decoder and the baseline, in one process.

use std::path::Path;
use std::process::Command;

use crate::{Error, Result};

/// CPU seconds of both in one round.
pub(crate) struct Round {
    pub(crate) ours: f64,
    pub(crate) baseline: f64,
}

/// Runs the comparison. The program itself checks that both decoders read the same.
pub(crate) fn rounds(
    program: &Path,
    event: &Path,
    records: usize,
    count: usize,
) -> Result<Vec<Round>> {
    let output = Command::new(program)
        .arg(event)
        .arg(count.to_string())
        .output()?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(format!("the comparison of decoders failed: {text}").into());
    }
    let text = String::from_utf8(output.stdout)?;
    let mut lines = text.lines();
    if lines.next() != Some(&format!("# {records} records")) {
        return Err(Error::from("the decoders have not read every record"));
    }
    lines
        .map(|line| {
            let (ours, baseline) = line.split_once(',').ok_or("expected two numbers")?;
            let seconds = |text: &str| -> Result<f64> { Ok(text.parse::<f64>()? / 1e9) };
            Ok(Round {
                ours: seconds(ours)?,
                baseline: seconds(baseline)?,
            })
        })
        .collect()
}
