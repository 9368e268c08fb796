//! `[listen]`: where Larder listens, and the certificates that it shows.

use super::{load_among, refused};
use larder::testing::config::{Config, ConfigErrors, Environment, Overrides};
use larder::testing::proxy::Speaks;
use rcgen::{CertificateParams, KeyPair};

/// Loads `[listen]` in a folder with a pair, another key, and a certificate that has expired.
fn loaded(listen: &str) -> (String, Result<Config, ConfigErrors>) {
    let [key, other] = [(); 2].map(|()| KeyPair::generate().expect("a key can be made"));
    let mut params = CertificateParams::new(["shop.example".to_owned()]).expect("it is a name");
    let valid = params.self_signed(&key).expect("the key signs").pem();
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    let expired = params.self_signed(&key).expect("the key signs").pem();
    let text = format!("[listen]\n{listen}\n[upstream]\nservers = [\"http://127.0.0.1:8000\"]\n");
    let files = [
        ("cert.pem", valid.as_str()),
        ("expired.pem", &expired),
        ("key.pem", &key.serialize_pem()),
        ("other.pem", &other.serialize_pem()),
        ("empty.pem", ""),
        ("proxy.toml", &text),
    ];
    let result = load_among(&files, &Overrides::default(), &Environment::default());
    (text, result)
}

/// A listener of TLS.
const HTTPS: &str = "https = { address = \"127.0.0.1:0\", certificate = \"cert.pem\", key = \"key.pem\" }";

#[test]
fn what_cannot_be_listened_with_is_an_error_with_a_hint() {
    for (listen, expected) in [
        ("http = []", "there is no address in the list"),
        ("http = [\"127.0.0.1:1\", \"127.0.0.1:1\"]", "two listeners have the address 127.0.0.1:1"),
        ("http = \"unix:\"", "`unix:` is not the path of a Unix socket"),
        ("http = \"127.0.0.1\"", "`127.0.0.1` is not an address to listen on"),
        ("https = { address = \"127.0.0.1:0\" }", "`listen.https` has no certificate"),
        ("https = { certificate = \"cert.pem\", key = \"key.pem\" }", "`listen.https.address` is missing"),
        ("https = { address = \"127.0.0.1:0\", key = \"key.pem\" }", "a key without a certificate"),
        ("https = { address = \"127.0.0.1:0\", certificates = [{ key = \"key.pem\" }] }", "`certificate` is missing"),
        ("redirect_https = true", "there is no port of `https` to send clients to"),
        ("redirect_https = 0", "`0` is not a port"),
        ("redirect_https = \"443\"", "expected true, false or a port"),
        ("http3 = \"127.0.0.1:0\"", "HTTP/3 needs certificates, and there is no `listen.https`"),
        (&format!("http3 = \"unix:/run/larder.sock\"\n{HTTPS}"), "HTTP/3 is not spoken on Unix sockets"),
        (&format!("{HTTPS}\nhttp3 = [\"127.0.0.1:1\", \"0.0.0.0:1\"]"), "two listeners have the address 0.0.0.0:1"),
        (
            &format!(
                "proxy_protocol = \"require\"\ntrusted_proxies = [\"10.0.0.0/8\"]\nhttp3 = \"127.0.0.1:0\"\n{HTTPS}"
            ),
            "HTTP/3 carries no PROXY protocol",
        ),
        ("alt_svc = 'h3=\":443\"'", "there is no `listen.http3` that this could announce"),
        (&format!("alt_svc = \"h3\"\nhttp3 = \"127.0.0.1:0\"\n{HTTPS}"), "`h3` is no value of Alt-Svc"),
        ("hsts = \"max-age=1\"", "no answer goes over https"),
        ("hsts = \"includeSubDomains\"\nscheme = \"https\"", "is no value of Strict-Transport-Security"),
        (
            "https = { address = \"127.0.0.1:0\", certificate = \"cert.pem\", key = \"other.pem\" }",
            "the private key does not fit the certificate",
        ),
        ("https = { address = \"127.0.0.1:0\", certificate = \"cert.pem\" }", "there is no private key in it"),
        ("https = { address = \"127.0.0.1:0\", certificate = \"empty.pem\", key = \"key.pem\" }", "the file is empty"),
        (
            "https = { address = \"127.0.0.1:0\", certificate = \"gone.pem\", key = \"key.pem\" }",
            "gone.pem` cannot be used: No such file",
        ),
    ] {
        let (text, result) = loaded(listen);
        let reports = refused(&text, result);
        assert_eq!(reports.len(), 1, "{text}{reports:?}");
        assert!(reports[0].message.contains(expected), "{text}{reports:?}");
        assert!(reports[0].hint.is_some() && reports[0].line == Some(2), "{text}{reports:?}");
    }
}

#[test]
fn an_expired_certificate_is_warned_of_and_used() {
    let (_, result) = loaded("https = { address = \"127.0.0.1:0\", certificate = \"expired.pem\", key = \"key.pem\" }");
    let warnings = result.unwrap().warnings;
    let message = warnings[0].report().message;
    assert_eq!(message, "the certificate `expired.pem` has expired at 2021-01-01T00:00:00.000Z");
}

#[test]
fn http3_has_the_certificates_of_https_and_may_have_its_port() {
    let (_, result) = loaded(&format!("http3 = [\"127.0.0.1:0\", \"[::1]:0\"]\n{HTTPS}"));
    let listeners = result.unwrap().proxy.listeners;
    let [over_tls, quic @ ..] = &listeners[..] else { panic!("{listeners:?}") };
    let Speaks::Https(tls) = &over_tls.speaks else { panic!("{over_tls:?}") };
    assert_eq!(quic.len(), 2);
    assert!(quic.iter().all(|listener| listener.speaks == Speaks::Http3(tls.clone())), "{quic:?}");
    let same_port = HTTPS.replace(":0", ":8443");
    let (_, result) = loaded(&format!("http3 = \"127.0.0.1:8443\"\n{same_port}"));
    assert_eq!(result.unwrap().proxy.listeners.len(), 2, "a port of UDP is not one of TCP");
}

#[test]
fn with_https_alone_nothing_is_spoken_in_clear_text() {
    let (_, result) =
        loaded("https = { address = [\"127.0.0.1:0\", \"[::1]:0\"], certificate = \"cert.pem\", key = \"key.pem\" }");
    let listeners = result.unwrap().proxy.listeners;
    assert_eq!(listeners.len(), 2);
    assert!(listeners.iter().all(|listener| matches!(listener.speaks, Speaks::Https(_))), "{listeners:?}");
}
