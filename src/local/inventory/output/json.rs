//! The inventory as JSON: the model as it is, which `diff` reads again.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter};

use crate::local::{
    error::{CommandError, printing},
    escape,
    inventory::model::Inventory,
};

/// Writes it, over several lines, in the order of the model.
///
/// # Errors
///
/// Returns the error of `out`.
pub fn write(inventory: &Inventory, out: &mut dyn Write) -> Result<(), CommandError> {
    pretty(inventory, out).map_err(printing)
}

/// Writes a value over several lines, and what acts on a terminal or can't be seen as an escape: it is the same text for
/// whoever reads the JSON.
pub(crate) fn pretty(value: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    let formatter = Escaping(PrettyFormatter::new());
    let mut serializer = serde_json::Serializer::with_formatter(&mut *out, formatter);
    value.serialize(&mut serializer)?;
    writeln!(out)
}

/// Escapes more than JSON has to.
struct Escaping(PrettyFormatter<'static>);

impl Formatter for Escaping {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(escape::is_treacherous) {
            out.write_all(&rest.as_bytes()[..at])?;
            let mut after = rest[at..].chars();
            let treacherous = after.next().unwrap_or_default();
            for unit in treacherous.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
            rest = after.as_str();
        }
        out.write_all(rest.as_bytes())
    }

    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_array(out)
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array(out)
    }

    fn begin_array_value<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        is_first: bool,
    ) -> io::Result<()> {
        self.0.begin_array_value(out, is_first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array_value(out)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object(out)
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object(out)
    }

    fn begin_object_key<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        is_first: bool,
    ) -> io::Result<()> {
        self.0.begin_object_key(out, is_first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object_value(out)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object_value(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_not_be_seen_is_escaped_and_reads_as_it_was() {
        let text = "/a\u{202e}b\u{7f}\u{9b}\u{200b}\u{e0041}\u{1b}\"\\猫";
        let mut out = Vec::new();
        pretty(&[text], &mut out).unwrap();
        let written = String::from_utf8(out).unwrap();
        let expected = r#"/a\u202eb\u007f\u009b\u200b\udb40\udc41\u001b\"\\猫"#;
        assert_eq!(written, format!("[\n  \"{expected}\"\n]\n"));
        assert_eq!(
            serde_json::from_str::<[String; 1]>(&written).unwrap(),
            [text]
        );
    }
}
