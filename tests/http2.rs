//! HTTP/2 from clients, frame by frame: RFC 9113, RFC 7541, RFC 8441, and floods.

mod support;

mod http2 {
    mod bodies;
    mod client;
    mod compression;
    mod connections;
    mod floods;
    mod generic;
    mod messages;
    mod rows;
    mod streams;
    mod websocket;
}
