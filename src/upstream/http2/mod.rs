//! HTTP/2 to a server (RFC 9113): many requests at a time over one connection.
//!
//! A [`line::Line`] is one connection and counts the requests under way on it; [`lines::Lines`] are those of an
//! endpoint. [`exchange`] sends one request, [`upload`] its body, [`body::Http2Body`] is what comes back.

mod line;
mod upload;

mod body;
mod opening;

mod exchange;

mod slot;

mod lines;

pub(super) use body::Http2Body;
pub(super) use line::Line;
pub(super) use lines::Lines;
pub(super) use opening::Http2Options;
pub(super) use slot::Slot;
