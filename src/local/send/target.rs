//! Where batches go.

use std::time::{Duration, Instant};

use super::{
    account::Totals,
    aws::{Answer, Aws, MAX_FAILED},
    settings::in_options,
};
use crate::{
    account::Account,
    config::Config,
    error::Category,
    forwarder::Forwarder,
    local::{error::CommandError, interrupt::Interrupt},
};

/// How often a batch is tried at a Node, as Lambda does. What was accepted is not sent again.
const ATTEMPTS: u32 = 3;
/// How long one attempt may take. A Node that does not respond counts as down after ten seconds.
const TIME: Duration = Duration::from_secs(300);

/// Where batches go.
#[derive(Debug)]
pub(super) enum Target {
    /// A Node, by the function's own forwarder.
    Node(Box<Forwarder>),
    /// A function, by the AWS CLI.
    Function(Aws),
}

/// What has become of a batch.
#[derive(Debug)]
pub(super) struct Delivered {
    pub(super) totals: Totals,
    /// Why not all of it was delivered.
    pub(super) failure: Option<String>,
    /// The next ones would fail, too.
    pub(super) is_over: bool,
}

impl Target {
    /// A Node. `is_dry`: nothing is sent to it.
    ///
    /// # Errors
    ///
    /// Returns an error when the Node's address is none.
    pub(super) fn node(config: &Config, is_dry: bool) -> Result<Self, CommandError> {
        let mut forwarder = Forwarder::new(config).map_err(|cause| {
            CommandError::with_cause("failed to read the options", in_options(&cause.to_string()))
        })?;
        if is_dry {
            forwarder.send_nothing();
        }
        Ok(Self::Node(Box::new(forwarder)))
    }

    /// For how many seconds of a rate a batch may have lines, and how many at most, and how many bytes.
    pub(super) fn batch_limits(&self) -> (f64, usize, usize) {
        match self {
            Self::Node(_) => (0.25, 1000, 1024 * 1024),
            // Each invocation takes the AWS CLI a second. Compressed, they stay below what AWS takes at once, whatever
            // they are.
            Self::Function(_) => (10.0, 5000, 4 * 1024 * 1024),
        }
    }

    /// Delivers the event of a batch, which has so many lines. `failed`: so many in a row have failed before.
    ///
    /// # Errors
    ///
    /// Returns an error when nobody knows what has become of it.
    pub(super) fn deliver(
        &mut self,
        id: &str,
        event: &[u8],
        lines: u64,
        failed: u32,
        interrupt: &Interrupt,
    ) -> Result<Delivered, CommandError> {
        match self {
            Self::Node(forwarder) => to_node(forwarder, id, event, interrupt),
            Self::Function(aws) => match aws.invoke(event, interrupt)? {
                Answer::Result(result) => match Totals::of_summary(&result, lines) {
                    Some(totals) => Ok(Delivered {
                        totals,
                        failure: None,
                        is_over: false,
                    }),
                    None => Err(CommandError::new(format!(
                        "failed to read the result of the function {}: it has no counts of the lines. Is it this \
                         project's function?",
                        aws.function()
                    ))),
                },
                Answer::Failed(kind, text) => Ok(Delivered {
                    totals: Totals::undelivered(lines),
                    is_over: failed + 1 >= MAX_FAILED || kind == "Function.RecordsRefused",
                    failure: Some(format!("{kind}: {text}")),
                }),
            },
        }
    }
}

fn to_node(
    forwarder: &mut Forwarder,
    id: &str,
    event: &[u8],
    interrupt: &Interrupt,
) -> Result<Delivered, CommandError> {
    let mut pause = Duration::from_secs(1);
    let mut attempt = 1;
    loop {
        let mut account = Account::default();
        let result = forwarder.handle(id, event, Instant::now() + TIME, &mut account);
        let totals = Totals::from(&account.counts);
        let category = result.as_ref().err().map(crate::error::Error::category);
        let is_last = attempt == ATTEMPTS || interrupt.is_set();
        match (category, result) {
            (Some(Category::Undelivered), _) if !is_last => {
                interrupt.sleep_until(Instant::now() + pause);
                attempt += 1;
                pause *= 2;
            }
            (Some(Category::Undelivered | Category::Refused), Err(error)) => {
                let why = account
                    .outcome
                    .last_failure
                    .unwrap_or_else(|| error.to_string());
                return Ok(Delivered {
                    is_over: totals.forwarded == 0,
                    totals,
                    failure: Some(in_options(&why)),
                });
            }
            (Some(_), Err(error)) => {
                let text = "failed to send a batch, which is a bug of this program";
                return Err(CommandError::with_cause(text, error));
            }
            (_, _) => {
                return Ok(Delivered {
                    totals,
                    failure: None,
                    is_over: false,
                });
            }
        }
    }
}
