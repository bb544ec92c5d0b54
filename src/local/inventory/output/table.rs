//! The inventory as a table, for a terminal.

use std::io::Write;

use crate::local::{error::CommandError, inventory::model::Inventory, ui::Ui};

/// Writes it, as wide as the terminal, or 80 columns.
///
/// # Errors
///
/// Returns the error of `out`.
pub fn write(inventory: &Inventory, ui: &Ui, out: &mut dyn Write) -> Result<(), CommandError> {
    _ = (inventory, ui, out);
    Err(CommandError::new("not built yet"))
}
