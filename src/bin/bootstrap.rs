//! The Lambda function: `bootstrap` of a `provided.al2023` package.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    cw_resend_lambda::bootstrap()
}
