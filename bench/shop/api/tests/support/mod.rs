//! What the tests stand on: a PostgreSQL and a shop of their own.

pub mod postgres;
pub mod shop;
