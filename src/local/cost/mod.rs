//! The monthly bill for forwarding the access log of an API: all of AWS's parts, for figures of one's own.
//!
//! It is a calculation. Nothing of it was measured on AWS: `bench/COSTS.md` says what it assumes and leaves out.
//!
//! ```text
//! plan (options) ─┐
//! prices (file) ──┼─> bill (parts in dollars) ──> show (text, JSON)
//! work (results) ─┘
//! ```

pub mod bill;
pub mod plan;
pub mod prices;
pub mod show;
pub mod work;

use std::{io::Write, path::Path};

use super::error::{CommandError, printing};
use bill::Bill;
use plan::Plan;
use prices::Prices;
use work::Work;

/// Writes the bill of a plan.
///
/// # Errors
///
/// Returns an error if the plan contradicts itself, the file with prices is invalid, or `out` fails.
pub fn run(
    plan: &Plan,
    prices: Option<&Path>,
    json: bool,
    out: &mut dyn Write,
) -> Result<(), CommandError> {
    plan.check()?;
    let prices = match prices {
        None => Prices::embedded()?,
        Some(path) => Prices::read(path)?,
    };
    let work = Work::measured()?;
    let bill = Bill::of(plan, &prices, &work);
    let savings = bill::savings(plan, &prices, &work);
    let text = if json {
        show::json(plan, &prices, &bill, &savings)
    } else {
        show::text(plan, &prices, &bill, &savings)
    };
    out.write_all(text.as_bytes()).map_err(printing)
}
