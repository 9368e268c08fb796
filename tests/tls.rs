//! TLS to clients, with real ones: curl, openssl, and rustls where its records are counted.

mod support;

mod tls {
    mod admin;
    mod behind_proxies;
    mod client_certificates;
    mod day_load;
    mod day_servers;
    mod handshakes;
    mod operators_day;
    mod peers;
    mod redirecting;
    mod renewals;
    mod serving;
}
