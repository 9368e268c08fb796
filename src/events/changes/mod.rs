//! Changes that a database tells of itself: which rows changed, in the order of the commits, from its own log.
//!
//! Each database has a [`Source`](super::driver::Source) of its own, which knows how its log is read, who of a fleet reads it and
//! up to where that is done. What is one for all is here: transactions are gathered into purges ([`batch`]), those that have come already are
//! handed on together ([`together`]), and how far the reading is behind is measured ([`lag`]).

mod batch;
mod lag;
mod naming;
mod together;
mod wider;

pub(crate) mod mysql;
pub(crate) mod postgres;

pub(crate) use lag::{Lag, Lags, METRICS};
