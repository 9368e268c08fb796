//! A sample shop's HTTP API over PostgreSQL, for Larder to stand in front of.
//!
//! Each endpoint is one statement, kept in sql/queries, that makes the whole JSON answer: so an answer shows one snapshot of
//! the database, and the `version` of a product in it says which. A change is committed before it is answered. The API says
//! by `Surrogate-Key` what an answer is about, and nothing of how long it may be kept.

mod analytics;
mod answer;
mod catalog;
mod changes;
mod database;
mod discovery;
mod input;
mod metrics;
mod operations;
mod prepare;
mod problem;
mod queries;
mod server;

pub use database::Database;
pub use prepare::prepare;
pub use server::serve;
