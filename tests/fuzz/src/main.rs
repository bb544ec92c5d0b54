//! Replays inputs without the fuzzer: `replay TARGET FILE…` panics where the property of that name
//! does not hold, in a debugger just as well.

#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::{env, fs};

use cw_resend_lambda::properties::{PROPERTIES, expand};

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let Some((_, property)) = PROPERTIES.iter().find(|(known, _)| *known == name) else {
        let known = PROPERTIES.map(|(name, _)| name).join(", ");
        eprintln!("Usage: replay TARGET FILE…, where TARGET is one of {known}");
        return ExitCode::FAILURE;
    };
    for file in arguments {
        match fs::read(&file) {
            Ok(input) => {
                let bytes = expand(&input);
                println!("{file}: {} bytes", bytes.len());
                property(&bytes);
            }
            Err(error) => {
                eprintln!("failed to read {file}: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
