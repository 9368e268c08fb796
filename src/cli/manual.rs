//! `larder man` and `larder completions`: what packages install beside the program.

use super::Cli;
use anyhow::Context as _;
use clap::{Args, CommandFactory as _};
use clap_complete::Shell;
use std::io::Write as _;
use std::path::PathBuf;

/// What `larder man` takes.
#[derive(Debug, Args)]
pub(super) struct ManArguments {
    /// Write a page for each command into this folder instead: larder.1, larder-serve.1, …
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

/// Prints the manual page of the program, or writes those of all commands.
///
/// # Errors
/// Where they can't be written.
pub(super) fn man(arguments: &ManArguments) -> anyhow::Result<()> {
    if let Some(folder) = &arguments.out {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
        let written = clap_mangen::generate_to(Cli::command(), folder);
        return written.with_context(|| format!("cannot write into `{}`", folder.display()));
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut page).context("cannot write the page")?;
    emit(&page)
}

/// What `larder completions` takes.
#[derive(Debug, Args)]
pub(super) struct CompletionsArguments {
    /// The shell.
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Prints the script that completes commands and options in a shell.
///
/// # Errors
/// Where it can't be written.
pub(super) fn completions(arguments: &CompletionsArguments) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "larder", &mut script);
    emit(&script)
}

/// Writes to standard output. A reader that has left early is no error.
fn emit(text: &[u8]) -> anyhow::Result<()> {
    match std::io::stdout().lock().write_all(text) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error).context("cannot print"),
        _ => Ok(()),
    }
}
