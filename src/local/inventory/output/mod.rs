//! What an inventory is written as.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use clap::ValueEnum;

use super::model::{Endpoint, Inventory, OTHER_HOSTS};
use crate::local::{
    error::{CommandError, printing},
    escape::{self, terminal},
    ui::{Ui, counted},
};
use table::Look;
use text::moment;

pub mod csv;
pub mod html;
pub mod json;
pub mod markdown;
pub mod openapi;
mod pager;
pub mod table;
mod text;

/// What an inventory can be written as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For a terminal.
    #[default]
    Table,
    /// All that is known, for `diff` and for programs.
    Json,
    /// For a spreadsheet, a row an endpoint.
    Csv,
    /// For a wiki or a pull request.
    Markdown,
    /// OpenAPI 3.1, one document a host.
    Openapi,
    /// A page of its own, to send to a colleague.
    Html,
}

/// How and where to write.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Options {
    /// What to write.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Where to write it, in place of standard output. For OpenAPI of more than one host: a folder.
    #[arg(long, short, value_name = "PATH")]
    pub output: Option<PathBuf>,
    /// Show a long table without a pager.
    #[arg(long)]
    pub no_pager: bool,
}

/// Writes an inventory to where `options` say.
///
/// # Errors
///
/// Returns an error when `out` or the file fails, and when one stream is to take the documents of several hosts.
pub fn write(
    inventory: &Inventory,
    options: &Options,
    ui: &Ui,
    out: &mut dyn Write,
) -> Result<(), CommandError> {
    if options.format == Format::Openapi {
        return write_documents(inventory, options.output.as_deref(), ui, out);
    }
    let Some(path) = &options.output else {
        let look = Look {
            columns: ui.columns,
            has_color: ui.has_color,
            max_rows: None,
        };
        if options.format == Format::Table && !options.no_pager && ui.columns.is_some() {
            let mut text = Vec::new();
            table::write(inventory, look, &mut text)?;
            return pager::show(&text, out).map_err(printing);
        }
        return write_one(inventory, options.format, look, out);
    };
    write_file(path, &mut |file| {
        write_one(inventory, options.format, Look::default(), file)
    })
}

/// Writes one document of any format but OpenAPI.
fn write_one(
    inventory: &Inventory,
    format: Format,
    look: Look,
    out: &mut dyn Write,
) -> Result<(), CommandError> {
    match format {
        Format::Table => table::write(inventory, look, out),
        Format::Json => json::write(inventory, out),
        Format::Csv => csv::write(inventory, out),
        Format::Markdown => markdown::write(inventory, out),
        Format::Html => html::write(inventory, out),
        // It is written by host.
        Format::Openapi => Ok(()),
    }
}

/// Writes an OpenAPI document for each host: to a folder, or to one place where there is one host.
fn write_documents(
    inventory: &Inventory,
    path: Option<&Path>,
    ui: &Ui,
    out: &mut dyn Write,
) -> Result<(), CommandError> {
    let hosts: Vec<&str> = inventory.named_hosts().into_iter().collect();
    for host in &hosts {
        let methods = openapi::unusual_methods(inventory, host);
        if !methods.is_empty() {
            let methods: Vec<_> = methods.into_iter().map(terminal).collect();
            ui.warn(&format!(
                "OpenAPI 3.1 has no operation for the method {} of {}: the document has it under x-methods",
                methods.join(", "),
                terminal(host)
            ));
        }
    }
    let homeless = inventory.endpoints.iter();
    let homeless = homeless.filter(|endpoint| endpoint.host.is_empty()).count();
    if homeless > 0 && !hosts.is_empty() {
        ui.warn(&format!(
            "nobody called {homeless} operation{} of the specification, and nothing tells the host: no document has {}",
            if homeless == 1 { "" } else { "s" },
            if homeless == 1 { "it" } else { "them" }
        ));
    }
    match (hosts.as_slice(), path) {
        ([host], None) => openapi::write(inventory, host, out),
        ([host], Some(path)) if !path.is_dir() => {
            write_file(path, &mut |file| openapi::write(inventory, host, file))
        }
        (hosts, None) => Err(CommandError::new(format!(
            "failed to write OpenAPI: expected one host, found {}: name a folder with --output, for a document each",
            hosts.len()
        ))),
        (hosts, Some(folder)) => {
            fs::create_dir_all(folder).map_err(|cause| {
                CommandError::with_cause(format!("failed to make {}", escape::path(folder)), cause)
            })?;
            hosts.iter().try_for_each(|host| {
                let path = folder.join(file_name(host));
                write_file(&path, &mut |file| openapi::write(inventory, host, file))
            })
        }
    }
}

/// The name of a host's document. A host was written by a stranger; the function's reader takes only those of
/// letters, digits, dots, hyphens, colons and brackets, so that no two have the same name but in upper case.
fn file_name(host: &str) -> String {
    let name: String = host
        .chars()
        .map(|c| match c {
            'a'..='z' | '0'..='9' | '-' | '.' => c,
            _ => '_',
        })
        .collect();
    format!("{}.json", name.trim_start_matches('.'))
}

/// Writes a file, which is flushed.
fn write_file(
    path: &Path,
    write: &mut dyn FnMut(&mut dyn Write) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    let failed =
        |cause| CommandError::with_cause(format!("failed to write {}", escape::path(path)), cause);
    let mut file = BufWriter::new(File::create(path).map_err(failed)?);
    write(&mut file)?;
    file.flush().map_err(failed)
}

/// The hosts with their endpoints: the most called first, and then by name, in both.
pub(crate) fn hosts(inventory: &Inventory) -> Vec<(&str, Vec<&Endpoint>)> {
    let mut by_name: BTreeMap<&str, Vec<&Endpoint>> = BTreeMap::new();
    for endpoint in &inventory.endpoints {
        by_name.entry(&endpoint.host).or_default().push(endpoint);
    }
    let mut hosts: Vec<_> = by_name.into_iter().collect();
    for (_, endpoints) in &mut hosts {
        endpoints.sort_by_key(|endpoint| Reverse(endpoint.calls));
    }
    hosts.sort_by_key(|(_, endpoints)| {
        let calls = endpoints.iter().map(|endpoint| endpoint.calls);
        Reverse(calls.fold(0, u64::saturating_add))
    });
    hosts
}

/// Why Wallarm would not show endpoints, with their number, the most frequent reason first.
pub(crate) fn reasons(inventory: &Inventory) -> Vec<(&str, u64)> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for endpoint in &inventory.endpoints {
        if let Some(reason) = &endpoint.hidden {
            *counts.entry(reason).or_default() += 1;
        }
    }
    let mut reasons: Vec<_> = counts.into_iter().collect();
    reasons.sort_by_key(|(_, count)| Reverse(*count));
    reasons
}

/// A host as it is shown: that of an operation that nobody called may not be known.
pub(crate) fn shown_host(host: &str) -> &str {
    match host {
        "" => "(any host)",
        OTHER_HOSTS => "(other hosts)",
        host => host,
    }
}

/// What there is, in one sentence without its end.
pub(crate) fn headline(inventory: &Inventory) -> String {
    let mut text = format!(
        "{} of {} on {}",
        counted(inventory.calls, "call"),
        counted(inventory.endpoints.len(), "endpoint"),
        counted(inventory.named_hosts().len(), "host"),
    );
    let (first, last) = (
        inventory.first.and_then(moment),
        inventory.last.and_then(moment),
    );
    if let (Some(first), Some(last)) = (first, last) {
        text += &format!(", {} to {}", first.iso, last.iso);
    }
    text
}
