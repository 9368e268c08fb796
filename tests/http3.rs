//! HTTP/3 from clients, with a real one: aioquic.

mod support;

mod http3 {
    mod announced;
    mod client;
    mod client_certificates;
    mod hostile;
    mod lifetime;
    mod limits;
    mod malformed;
    mod messages;
    mod slow;
    mod taking_over;
    mod websocket;
}
