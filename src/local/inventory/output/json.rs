//! The inventory as JSON: the model as it is, which `diff` reads again.

use std::io::{self, Write};

use crate::local::{
    error::{CommandError, printing},
    inventory::model::Inventory,
};

/// Writes it, over several lines, in the order of the model.
///
/// # Errors
///
/// Returns the error of `out`.
pub fn write(inventory: &Inventory, out: &mut dyn Write) -> Result<(), CommandError> {
    serde_json::to_writer_pretty(&mut *out, inventory)
        .map_err(io::Error::from)
        .map_err(printing)?;
    writeln!(out).map_err(printing)
}
