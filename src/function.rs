//! The function as a process: it starts, serves one event after the other, and ends only when the
//! Runtime API does.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Instant;

use crate::account::Account;
use crate::config::{self, Config, Level, LogConfig};
use crate::error::{Category, Error};
use crate::forwarder::Forwarder;
use crate::groups::Groups;
use crate::report::{Log, Report};
use crate::runtime::{Invocation, Post, RuntimeApi};

/// Runs the function on the environment of this process.
///
/// It returns only when it can't go on; Lambda then starts the process again.
pub fn bootstrap() -> ExitCode {
    let vars = config::environment();
    let log = Log::new(LogConfig::from_vars(|name| config::lookup(&vars, name)));
    report_panics(log.clone());
    let error = match serve(&vars, &log) {
        Ok(never) => match never {},
        Err(error) => error,
    };
    log.error(Level::Fatal, None, &error);
    ExitCode::FAILURE
}

/// What has no value: serving ends with an error only.
enum Never {}

fn serve(vars: &[(String, String)], log: &Log) -> Result<Never, Error> {
    // Before anything is wrong: it may be the reason.
    if let Some(warning) = Config::warning(vars) {
        log.error(Level::Warn, None, &warning);
    }
    let start = || {
        let config = Config::from_vars(vars)?;
        let forwarder = Forwarder::new(&config)?;
        Ok((config, forwarder))
    };
    let (config, mut forwarder) = match start() {
        Ok(started) => started,
        Err(error) => {
            if let Some(address) = config::lookup(vars, "AWS_LAMBDA_RUNTIME_API") {
                RuntimeApi::new(&address).fail_init(&error);
            }
            return Err(error);
        }
    };
    let mut api = RuntimeApi::new(&config.runtime_api);
    let mut invocation = Invocation::default();
    let mut function = Function {
        log,
        is_cold_start: true,
        groups: Groups::default(),
    };
    // A success whose post failed half-way: the platform may ask for the same event again. A failure
    // is not kept, since Lambda's next attempt has the same id.
    let mut unposted: Option<(String, Vec<u8>)> = None;
    loop {
        api.next(&mut invocation)?;
        let result = match unposted.take() {
            Some((id, body)) if id == invocation.request_id => Ok(body),
            _ => {
                let result = function.handle(&mut forwarder, &invocation);
                if matches!(&result, Err(error) if error.category() == Category::Panic) {
                    // Nobody knows in which state the panic has left it.
                    forwarder = Forwarder::new(&config)?;
                }
                result
            }
        };
        let post = match &result {
            Ok(body) => api.respond(&invocation, body)?,
            Err(error) => api.fail(&invocation, error)?,
        };
        match post {
            Post::Accepted => {}
            Post::Rejected(status) => {
                // 410: another invocation has taken this one's place. In each case the platform
                // has decided already, and the next event is what is left to ask for.
                let error = Error::new(
                    Category::RuntimeApi,
                    "post the result of an event",
                    format!("the Runtime API responded with status {status}"),
                );
                log.error(Level::Warn, Some(&invocation.request_id), &error);
            }
            Post::Unknown => {
                unposted = result
                    .ok()
                    .map(|body| (invocation.request_id.clone(), body));
            }
        }
    }
}

/// What outlives an event, beside the forwarder.
struct Function<'a> {
    log: &'a Log,
    is_cold_start: bool,
    groups: Groups,
}

impl Function<'_> {
    /// Handles one event and prints its line, unless that would be the next event.
    fn handle(
        &mut self,
        forwarder: &mut Forwarder,
        invocation: &Invocation,
    ) -> Result<Vec<u8>, Error> {
        let started = Instant::now();
        let deadline = invocation.deadline();
        let mut account = Account::default();
        let result = guarded(|| {
            forwarder.handle(
                &invocation.request_id,
                &invocation.body,
                deadline,
                &mut account,
            )
        });
        if !account.is_of_own_log_group() {
            self.log.report(&Report {
                request_id: &invocation.request_id,
                account: &account,
                duration: started.elapsed(),
                is_cold_start: self.is_cold_start,
                findings: self.groups.observe(&account.groups),
                error: result.as_ref().err(),
                deadline,
            });
        }
        self.is_cold_start = false;
        result
    }
}

/// Turns a panic into an error of the event that it came from.
fn guarded<T>(handle: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    // What a panic may leave half-done is thrown away by the caller.
    catch_unwind(AssertUnwindSafe(handle)).unwrap_or_else(|_| {
        Err(Error::new(
            Category::Panic,
            "handle the event",
            "the code panicked, which is a bug: the log has the place",
        ))
    })
}

/// Has a panic say where it was, and nothing else: its text could quote the event.
fn report_panics(log: Log) {
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map_or_else(
            || "an unknown place".to_string(),
            |location| format!("{}:{}", location.file(), location.line()),
        );
        log.panicked(&place);
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_the_error_of_its_event() {
        let error = guarded::<()>(|| panic!("a text that quotes the event")).unwrap_err();
        assert_eq!(error.category(), Category::Panic);
        assert!(!error.to_string().contains("quotes"));
        assert!(guarded(|| Ok(7)).is_ok());
    }
}
