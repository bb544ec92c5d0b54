//! Runs the function and its rivals side by side, and writes down what they cost.

mod contender;
mod data;
mod decode;
mod invoke;
mod node;
mod process;
mod results;
mod run;
mod start;
mod stats;
mod tls;

use std::env;
use std::process::ExitCode;

type Error = Box<dyn std::error::Error>;
type Result<T> = std::result::Result<T, Error>;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match &words[..] {
        ["run", rest @ ..] => run::run(rest),
        _ => Err(Error::from("expected: run …")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
