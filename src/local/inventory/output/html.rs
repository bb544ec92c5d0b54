//! The inventory as one self-contained page.

use std::io::Write;

use crate::local::{error::CommandError, inventory::model::Inventory};

/// Writes it.
///
/// # Errors
///
/// Returns the error of `out`.
pub fn write(inventory: &Inventory, out: &mut dyn Write) -> Result<(), CommandError> {
    _ = (inventory, out);
    Err(CommandError::new("not built yet"))
}
