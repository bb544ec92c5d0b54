//! The inventory as OpenAPI 3.1, one document a host.

use std::io::Write;

use crate::local::{error::CommandError, inventory::model::Inventory};

/// Writes the document of `host`, which has endpoints in `inventory`.
///
/// # Errors
///
/// Returns the error of `out`.
pub fn write(inventory: &Inventory, host: &str, out: &mut dyn Write) -> Result<(), CommandError> {
    _ = (inventory, host, out);
    Err(CommandError::new("not built yet"))
}
