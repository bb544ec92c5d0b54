//! Simulates a day of the function at scale, and prints the tables that `bench/COSTS.md` quotes.

mod simulation;

use std::io::{self, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let table = simulation::table().map_err(|error| error.to_string());
    let result = table.and_then(|table| {
        let mut out = io::stdout();
        write!(out, "{table}\n{}", simulation::sampling_table()).map_err(|e| e.to_string())
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
