//! Larder, a read-through caching reverse proxy.
//!
//! The path of a request is the reading order of this crate:
//! `proxy` accepts it and hands it to `engine`, which asks `rules` for its one verdict, builds its `key`, looks it up in
//! `store`, lets `plan` decide what is done about what was found, joins or leads a flight in `coalesce`, fetches through `upstream`,
//! asks `invalidation` whether a purge has overtaken the answer, admits an `entry`, and delivers. `admin` shows and
//! changes what the engine does, `config` says what it should do, `cli` puts the parts together.
//!
//! A file imports only from its own floor or a lower one; the mods below stand in that order, lowest first.
//! Nothing is public but `run` and what [`testing`] names, so the compiler finds what nobody uses.
//! The invariants that hold whatever happens are listed in ARCHITECTURE.md, each with the test that can break it.

mod alarm;
mod clock;
#[cfg(test)]
mod deliberate_fault;
mod histogram;
mod metric;
mod secret;
mod semantics;
mod version;

mod clients;
mod consistency;
mod entry;
mod in_flight;
mod key;
mod rules;
mod scope;
mod stamp;
mod stamps;

mod coalesce;
mod fleet;
mod store;
mod tls;

mod invalidation;
mod plan;

mod engine;

mod callout;
mod cdn;
mod decisions;
mod events;
mod jobs;
mod jwks;
mod learning;
mod metrics;
mod proxy;
mod recorded;
mod replay;
mod supervisor;
mod traces;
mod upstream;
mod warming;

#[cfg(test)]
mod simulation;

mod config;

mod admin;

mod cli;

pub mod testing;

pub use cli::run;
