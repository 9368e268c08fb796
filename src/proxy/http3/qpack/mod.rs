//! Field sections as HTTP/3 writes them: RFC 9204 without its dynamic table, which a client may use only where it is offered.
//! So no section waits for another, and nothing is kept for a connection.

mod decode;
mod encode;
mod huffman;
mod integer;
mod static_table;

pub(super) use decode::{DecodeError, Text, decode};
pub(super) use encode::{encode_response, encode_trailers};
