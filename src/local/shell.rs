//! What the operator's shell and manual take: completions and man pages, made from the command line itself.

use std::{fs, io::Write, path::Path, path::PathBuf};

use clap::Command;
use clap_complete::Shell;

use super::{
    Status,
    error::{CommandError, printing},
    escape,
};

/// Print the completions of a shell.
///
/// For bash: `cw-resend completions bash > ~/.local/share/bash-completion/completions/cw-resend`.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Completions {
    /// The shell.
    #[arg(value_enum)]
    pub shell: Shell,
}

/// Print the manual page, or write one for each command.
#[derive(Debug, clap::Args)]
pub struct Man {
    /// The folder that gets a page for each command, such as ~/.local/share/man/man1.
    #[arg(value_name = "FOLDER")]
    pub folder: Option<PathBuf>,
}

/// Prints the completions of `command` for a shell.
///
/// # Errors
///
/// Returns an error when `out` fails.
pub fn completions(
    args: &Completions,
    mut command: Command,
    out: &mut dyn Write,
) -> Result<Status, CommandError> {
    let name = command.get_name().to_string();
    // The generators panic where their output fails, as a closed pipe does.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    out.write_all(&script).map_err(printing)?;
    Ok(Status::Clean)
}

/// Prints the manual page of `command`, or writes those of it and of all its commands into a folder.
///
/// # Errors
///
/// Returns an error when `out` fails, or a page can not be written.
pub fn man(args: &Man, mut command: Command, out: &mut dyn Write) -> Result<Status, CommandError> {
    command.build();
    let Some(folder) = &args.folder else {
        let page = page(&command, command.get_name()).map_err(printing)?;
        out.write_all(&page).map_err(printing)?;
        return Ok(Status::Clean);
    };
    let failed = |path: &Path, cause| {
        CommandError::with_cause(format!("failed to write {}", escape::path(path)), cause)
    };
    fs::create_dir_all(folder).map_err(|cause| failed(folder, cause))?;
    let name = command.get_name();
    let mut pages = vec![(name.to_string(), &command)];
    let shown = command.get_subcommands().filter(|one| !one.is_hide_set());
    // `help` has no text of its own.
    let shown = shown.filter(|one| one.get_name() != "help");
    pages.extend(shown.map(|one| (format!("{name}-{}", one.get_name()), one)));
    for (name, command) in pages {
        let path = folder.join(format!("{name}.1"));
        let written = page(command, &name).and_then(|page| fs::write(&path, page));
        written.map_err(|cause| failed(&path, cause))?;
        writeln!(out, "{}", escape::path(&path)).map_err(printing)?;
    }
    Ok(Status::Clean)
}

/// A page. It has no date, so that the same version makes the same bytes.
fn page(command: &Command, title: &str) -> std::io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let mut command = command.clone();
    // What is below it has pages of its own, which a link between has to find by this name.
    command = command.display_name(title.to_string());
    clap_mangen::Man::new(command)
        .title(title.to_uppercase())
        .source("")
        .date("")
        .render(&mut page)?;
    Ok(page)
}
