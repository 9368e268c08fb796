//! The command line.

use clap::Parser;
use std::path::PathBuf;
use std::time::Duration;

/// Load on the sample shop, as ten behaviours of shoppers, writers who announce what they changed, and a monitor.
#[derive(Debug, Parser)]
pub(crate) struct Options {
    /// Where shoppers go: the shop's API, or Larder in front of it
    #[arg(long, value_name = "URL")]
    pub(crate) target: String,
    /// Larder's admin address, to which writers send events; absent: what the API has answered counts as acknowledged
    #[arg(long, value_name = "URL")]
    pub(crate) admin: Option<String>,
    /// How many users there are once all have come
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(3..))]
    pub(crate) users: u32,
    /// From how many addresses users come: of loopback, 127.0.1.1 and what follows; 0: they have no addresses of their own
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=250))]
    pub(crate) addresses: u16,
    /// How many users come each second
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) ramp: u32,
    /// How long all of them are there before the measured time begins, in seconds
    #[arg(long, default_value_t = 0)]
    pub(crate) settle: u32,
    /// How long the measured time is, in seconds
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) seconds: u32,
    /// The shortest pause between two behaviours of a user
    #[arg(long, default_value_t = 1_000, value_name = "MS")]
    pub(crate) think_min_ms: u64,
    /// The longest pause between two behaviours of a user
    #[arg(long, default_value_t = 3_000, value_name = "MS")]
    pub(crate) think_max_ms: u64,
    /// The mean pause between two changes of a writer; the default makes about one write for a thousand reads
    #[arg(long, default_value_t = 20_000, value_name = "MS")]
    pub(crate) writer_pause_ms: u64,
    /// After which a request has failed
    #[arg(long, default_value_t = 30_000, value_name = "MS")]
    pub(crate) timeout_ms: u64,
    /// How many products the shop has
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) products: u32,
    /// How many different things people search for
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) terms: u32,
    /// How unequal products are: the exponent of Zipf's law
    #[arg(long, default_value_t = 1.1)]
    pub(crate) product_exponent: f64,
    /// How unequal search terms, categories and brands are
    #[arg(long, default_value_t = 1.0)]
    pub(crate) word_exponent: f64,
    /// Paths, one a line, that are in the cache before the first user comes
    #[arg(long, value_name = "FILE")]
    pub(crate) known: Option<PathBuf>,
    /// What a change takes out of the cache is fetched again before a user asks for it
    #[arg(long)]
    pub(crate) refreshed: bool,
    /// Where the figures go, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

impl Options {
    /// How long it takes until all users have come and have settled.
    pub(crate) fn ramp_time(&self) -> Duration {
        Duration::from_secs_f64(f64::from(self.users) / f64::from(self.ramp) + f64::from(self.settle))
    }

    /// After which a request has failed.
    pub(crate) const fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }
}
