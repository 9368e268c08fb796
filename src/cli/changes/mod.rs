//! `larder changes`: what a database needs so that its changes can be read, and whether it has that.

mod plan;
mod verify;

use super::config_file::ConfigFile;
use crate::config::Overrides;
use crate::events::changes::postgres::PostgresChangesOptions;
use crate::rules::change::TableName;
use anyhow::Context as _;
use clap::{Args, Subcommand};
use std::collections::{BTreeMap, BTreeSet};

/// What `larder changes` takes.
#[derive(Debug, Args)]
pub(super) struct ChangesArguments {
    #[command(subcommand)]
    command: ChangesCommand,
}

#[derive(Debug, Subcommand)]
enum ChangesCommand {
    /// Print the SQL that the database needs for the `[[change]]` blocks. It changes nothing by itself.
    Plan,
    /// Ask the database of `[events.postgres_changes]` what is missing, and print how to mend it.
    Verify {
        /// As JSON, for scripts.
        #[arg(long)]
        json: bool,
    },
}

/// The tables that rules name, each with the columns that they look at.
type Needed = BTreeMap<TableName, BTreeSet<String>>;

/// Runs one of the two.
///
/// # Errors
/// Where the configuration can't be used, the database can't be asked, or something is missing.
pub(super) fn run(file: &ConfigFile, arguments: &ChangesArguments) -> anyhow::Result<()> {
    let config = file.load(&Overrides::default()).map_err(|errors| anyhow::anyhow!("{errors}"))?;
    let options: &PostgresChangesOptions =
        config.postgres_changes.as_ref().context("there is no [events.postgres_changes] in the configuration")?;
    let rules = config.load_rules().map_err(|errors| anyhow::anyhow!("{errors}"))?.rule_set;
    let mut needed = Needed::new();
    for rule in rules.changes() {
        let columns = rules.columns_looked_at(&rule.table).unwrap_or_default();
        needed.insert(rule.table.clone(), columns.into_iter().map(str::to_owned).collect());
    }
    anyhow::ensure!(!needed.is_empty(), "no [[change]] block in the rules names a table");
    match arguments.command {
        ChangesCommand::Plan => plan::run(options, &needed),
        ChangesCommand::Verify { json } => verify::run(options, &needed, json),
    }
}

/// A name as SQL writes it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as SQL writes it.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A table as SQL writes it.
fn table(name: &TableName) -> String {
    format!("{}.{}", quoted(&name.schema), quoted(&name.table))
}
