//! The command line: `shop-api` serves, `shop-api prepare` makes the data.

use anyhow::Context as _;
use clap::Parser;
use shop_api::Database;
use std::io::Write as _;
use std::net::SocketAddr;

/// A sample shop's HTTP API over PostgreSQL.
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Option<ServeArguments>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Make tables, data and indexes in an empty database
    Prepare {
        /// postgres://user@host:port/name
        #[arg(long, value_name = "URL")]
        database: String,
        /// How many products; everything else grows with them
        #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
        products: u32,
    },
}

#[derive(Debug, clap::Args)]
struct ServeArguments {
    /// Where to listen; port 0 picks a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// postgres://user@host:port/name
    #[arg(long, value_name = "URL")]
    database: String,
    /// The most connections to the database
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    connections: u32,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    match (cli.command, cli.serve) {
        (Some(Command::Prepare { database, products }), _) => prepare(&database, products).await,
        (None, Some(arguments)) => serve(arguments).await,
        (None, None) => unreachable!("clap asks for --database where there is no command"),
    }
}

async fn prepare(database: &str, products: u32) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    for step in shop_api::prepare(database, products).await? {
        writeln!(out, "{}: {:.1} s", step.name, step.took.as_secs_f64())?;
    }
    Ok(())
}

async fn serve(arguments: ServeArguments) -> anyhow::Result<()> {
    let database = Database::connect(&arguments.database, arguments.connections).await?;
    let listener = tokio::net::TcpListener::bind(arguments.listen)
        .await
        .with_context(|| format!("cannot listen on {}", arguments.listen))?;
    let mut out = std::io::stdout();
    writeln!(out, "listening on http://{}", listener.local_addr()?)?;
    out.flush()?;
    shop_api::serve(listener, database, stop_asked()?).await.context("cannot serve")
}

/// Ends with the first interrupt or request to terminate.
fn stop_asked() -> anyhow::Result<impl Future<Output = ()> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for signals")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
