//! Shoppers and back offices of the sample shop, as load: who they are, what they ask, and what they got.
//!
//! Goose starts the users, ramps them up and paces them; each request is measured here, from before it is sent until the
//! last byte of its body, in microseconds, because goose rounds to milliseconds and stops at the head. A reader of a
//! product notes which version a purge has been acknowledged for before it asks: an answer with a lower one is a stale read.

mod behaviours;
mod cache_status;
mod catalogue;
mod choices;
mod exchange;
mod freshness;
mod options;
mod record;
mod report;
mod staff;
mod users;
mod world;

use anyhow::Context as _;
use clap::Parser as _;
use std::io::Write as _;
use std::sync::Arc;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = options::Options::parse();
    let world = Arc::new(world::World::new(options)?);
    users::run(&world).await?;
    let report = report::Report::of(&world);
    let output = &world.options.output;
    let text = serde_json::to_string_pretty(&report).context("cannot write the figures as JSON")?;
    std::fs::write(output, text).with_context(|| format!("cannot write {}", output.display()))?;
    writeln!(std::io::stdout(), "{}", report.summary())?;
    Ok(())
}
