//! `upstream.tls` and `upstream_host`.

use super::{Expected, assert_problems, load_among, refused};
use larder::testing::config::{Config, ConfigErrors, Environment, Overrides};
use rcgen::{CertificateParams, KeyPair};

/// Loads a configuration beside a certificate, its key, and a key of another.
fn load(text: &str) -> Result<Config, ConfigErrors> {
    let (key, other) = (KeyPair::generate().expect("ring makes keys"), KeyPair::generate().expect("ring makes keys"));
    let params = CertificateParams::new(["localhost".to_owned()]).expect("it is a name");
    let certificate = params.self_signed(&key).expect("the parameters are sound").pem();
    let files = [
        ("cert.pem", certificate.as_str()),
        ("key.pem", &key.serialize_pem()),
        ("other.pem", &other.serialize_pem()),
        ("proxy.toml", text),
    ];
    load_among(&files, &Overrides::default(), &Environment::default())
}

#[test]
fn files_and_names_are_read() {
    let config = load(
        "[upstream]\nservers = [\"https://a\"]\nupstream_host = \"API.internal:8443\"\n\
         tls = { ca_file = \"cert.pem\", certificate = \"cert.pem\", key = \"key.pem\", server_name = \"b.internal\" }\n\
         [upstreams.plain]\nservers = [\"http://b\"]\nupstream_host = \"keep\"",
    );
    let config = config.unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(config.upstream.host.as_ref().map(http::HeaderValue::as_bytes), Some(&b"api.internal:8443"[..]));
    assert!(config.upstream.tls.is_some() && config.upstream.servers[0].url.is_secure());
    let (_, plain) = &config.upstreams[0];
    assert!(plain.tls.is_none() && plain.host.is_none());
}

#[test]
fn tls_that_no_server_speaks_is_warned_of() {
    let config = load("[upstream]\nservers = [\"http://a\"]\ntls = { server_name = \"b\" }").expect("it can be used");
    assert!(config.warnings.iter().any(|warning| warning.report().message == "no server of this pool speaks TLS"));
}

#[test]
fn what_cannot_be_used_is_said_where_it_stands() {
    const PEM: &str = "name a PEM file; a relative path is relative to the folder of the configuration";
    // What comes after `tls = { ` in the third line.
    let bad: &[(&str, &[Expected])] = &[
        (
            "key = \"key.pem\"",
            &[(
                3,
                15,
                "`tls.certificate` is missing",
                Some("name the file with the certificate that the key belongs to"),
            )],
        ),
        (
            "server_name = \"b:1\"",
            &[(
                3,
                23,
                "`b:1` is not a name that a certificate can carry",
                Some("write a host without a port: \"api.internal\""),
            )],
        ),
        ("cafile = \"ca.pem\"", &[(3, 9, "unknown key `cafile`", Some("did you mean `ca_file`?"))]),
    ];
    for (keys, expected) in bad {
        let text = format!("[upstream]\nservers = [\"https://a\"]\ntls = {{ {keys} }}");
        assert_problems(&text, &refused(&text, load(&text)), expected);
    }
    let files = [
        ("ca_file = \"none.pem\"", "none.pem` cannot be used: No such file", Some(PEM)),
        ("ca_file = \"key.pem\"", "key.pem` cannot be used: there is no certificate in it", None),
        ("certificate = \"cert.pem\"", "cert.pem` cannot be used: there is no private key in it", None),
        ("certificate = \"cert.pem\", key = \"other.pem\"", "the private key does not fit the certificate in", None),
    ];
    for (keys, message, hint) in files {
        let text = format!("[upstream]\nservers = [\"https://a\"]\ntls = {{ {keys} }}");
        let found = refused(&text, load(&text));
        let [problem] = found.as_slice() else { panic!("one problem in {text}: {found:?}") };
        assert!(problem.message.contains(message) && problem.line == Some(3), "{problem:?}");
        assert!(problem.hint.is_some() && (hint.is_none() || problem.hint.as_deref() == hint), "{problem:?}");
    }
}
