//! HTTP/3 from clients, with a real one: aioquic.

mod support;

mod http3 {
    mod announced;
    mod client;
    mod hostile;
    mod lifetime;
    mod malformed;
    mod messages;
    mod slow;
    mod websocket;
}
