//! Runs the function and the other contenders side by side, and writes down what they cost.

mod chart;
mod check;
mod compare;
mod contender;
mod cost;
mod data;
mod decode;
mod delay;
mod invoke;
mod node;
mod process;
mod report;
mod results;
mod run;
mod start;
mod stats;
mod targets;
mod tls;
mod tools;

use std::env;
use std::process::ExitCode;

type Error = Box<dyn std::error::Error>;
type Result<T> = std::result::Result<T, Error>;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match &words[..] {
        ["run", rest @ ..] => run::run(rest),
        ["compare", before, after] => compare::compare(before, after),
        _ => Err(Error::from(
            "expected: run …, or compare BEFORE.csv AFTER.csv",
        )),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
