//! Larder, a read-through caching reverse proxy.
//!
//! The path of a request is the reading order of this crate:
//! `proxy` accepts it and hands it to `engine`, which asks `rules` for its one verdict, builds its `key`, looks it up in
//! `store`, lets `plan` decide what is done about what was found, joins or leads a flight in `coalesce`, fetches through `upstream`,
//! asks `invalidation` whether a purge has overtaken the answer, admits an `entry`, and delivers. `admin` shows and
//! changes what the engine does, `config` says what it should do, `cli` puts the parts together.
//!
//! A file imports only from its own floor or a lower one; the mods below stand in that order, lowest first.
//! The invariants that hold whatever happens are listed in ARCHITECTURE.md, each with the test that can break it.

mod alarm;
pub mod clock;
#[cfg(test)]
pub(crate) mod deliberate_fault;
pub mod histogram;
pub mod metric;
pub mod semantics;
pub(crate) mod version;

pub mod entry;
pub mod in_flight;
pub mod key;
pub mod rules;
pub mod scope;
pub mod stamp;

pub mod coalesce;
pub mod fleet;
pub mod store;
pub mod tls;

pub mod invalidation;
pub(crate) mod plan;

pub mod engine;

pub mod events;
pub mod metrics;
pub mod proxy;
pub(crate) mod supervisor;
pub mod upstream;

#[cfg(test)]
mod simulation;

pub mod admin;

pub mod cli;
pub mod config;
