//! Events from other systems, and the purges that they become.
//!
//! [`Intake`] makes purges of events, as the rules in force say. `POST /events` of the admin API hands it each event itself;
//! the others are [`driver::Source`]s, which one driver reads: the Redis stream `{namespace}:events` ([`stream`]),
//! PostgreSQL's NOTIFY ([`postgres`]) and the rows that change in it ([`changes`]). Delivery is at least once: a purge that is made twice does no harm.

mod changed;
pub(crate) mod postgres_server;

pub(crate) mod changes;
pub(crate) mod driver;
mod intake;

pub(crate) mod postgres;
pub(crate) mod stream;
pub(crate) mod webhook;

pub use intake::Intake;
pub(crate) use intake::{EventSource, METRICS, Taken};
