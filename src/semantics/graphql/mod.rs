//! GraphQL over HTTP: what a request asks for, whatever its spelling, and whether it may change something.

pub(crate) mod answer;
pub(crate) mod document;
pub(crate) mod request;
