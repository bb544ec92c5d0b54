//! Decodes and parses one event repeatedly: with the function's own code, which streams, and with libdeflate
//! and sonic-rs over whole buffers, the baseline.
//!
//! `decode FILE ROUNDS` prints the CPU time of both in nanoseconds, one line for a round.
//! `decode FILE ROUNDS ours|baseline` runs one of them alone, for a tool that counts instructions.

mod baseline;

use std::error::Error;
use std::process::ExitCode;
use std::{env, fs};

use cw_resend_lambda::measure::{Decoder, Sums};
use nix::time::{ClockId, clock_gettime};

use crate::baseline::Baseline;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let args: Vec<String> = env::args().skip(1).collect();
    let (file, rounds, only) = match &args[..] {
        [file, rounds] => (file, rounds, None),
        [file, rounds, only] => (file, rounds, Some(only.as_str())),
        _ => return Err("expected FILE ROUNDS [ours|baseline]".into()),
    };
    let event = fs::read(file).map_err(|error| format!("failed to read {file}: {error}"))?;
    let rounds: usize = rounds.parse()?;
    let mut ours = Decoder::default();
    let mut baseline = Baseline::default();
    match only {
        Some("ours") => {
            for _ in 0..rounds {
                ours.read(&event)?;
            }
            Ok(())
        }
        Some("baseline") => {
            for _ in 0..rounds {
                baseline.read(&event)?;
            }
            Ok(())
        }
        Some(other) => Err(format!("expected ours or baseline, found {other}").into()),
        None => compare(&event, rounds, &mut ours, &mut baseline),
    }
}

fn compare(event: &[u8], rounds: usize, ours: &mut Decoder, baseline: &mut Baseline) -> Result<()> {
    // The first run of each allocates its buffers.
    let expected = ours.read(event)?;
    check(expected, baseline.read(event)?)?;
    println!("# {} records", expected.records);
    for round in 0..rounds {
        let mut times = [0; 2];
        // They take turns in finding the caches warm.
        for turn in 0..2 {
            let which = (round + turn) % 2;
            let before = cpu()?;
            let sums = if which == 0 {
                ours.read(event)?
            } else {
                baseline.read(event)?
            };
            times[which] = cpu()? - before;
            check(expected, sums)?;
        }
        println!("{},{}", times[0], times[1]);
    }
    Ok(())
}

/// Both must have read the same.
fn check(expected: Sums, found: Sums) -> Result<()> {
    if expected == found {
        Ok(())
    } else {
        Err(format!("expected {expected:?}, found {found:?}").into())
    }
}

/// The CPU time of this process, in nanoseconds.
fn cpu() -> Result<i64> {
    let time = clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID)?;
    Ok(time.tv_sec() * 1_000_000_000 + time.tv_nsec())
}
