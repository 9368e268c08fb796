//! Whether servers can be reached is found out without a request.

use crate::support::Setup;
use crate::support::certificates::{Authority, Validity};
use crate::support::nginx::Peer;
use crate::support::redis_server::free_port;
use larder::testing::config::{Environment, Overrides, load};
use larder::testing::upstream::try_servers;

#[tokio::test]
async fn each_server_of_each_pool_is_tried_and_what_fails_is_said() {
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    let files = Authority::new("the shop's own").write_for(folder.path(), &["localhost"], Validity::Valid);
    let certificate =
        format!("ssl_certificate {}; ssl_certificate_key {};", files.certificate.display(), files.key.display());
    let server = Peer::nginx(&format!("server {{ listen 127.0.0.1:{{port}} ssl http2; {certificate} }}")).await;
    let plain = Peer::nginx("server { listen 127.0.0.1:{port}; }").await;
    let gone = format!("http://127.0.0.1:{}", free_port());
    let secure = server.url("https", "localhost");
    let pools = format!(
        "[upstreams.stranger]\nservers = [\"{secure}\"]\n[upstreams.plain]\nservers = [\"{}\"]\n\
         [upstreams.old]\nservers = [\"{}\"]\nprotocol = \"http2\"",
        plain.url("http", "localhost"),
        plain.url("http", "localhost")
    );
    let trusting = format!("tls = {{ ca_file = \"{}\" }}", files.ca.display());
    let setup = Setup::route("ttl = \"1m\"").before_all(&[&secure, &gone]).upstream(&trusting).section(&pools);
    let folder = setup.folder();
    let config = load(&folder.path().join("proxy.toml"), &Overrides::default(), &Environment::default())
        .expect("it can be used");
    let expected = [
        ("default", vec![None, Some("took no connection")]),
        ("stranger", vec![Some("unknown issuer; hint: name the file")]),
        ("plain", vec![None]),
        ("old", vec![Some("does not speak HTTP/2; hint: ")]),
    ];
    let named = config.upstreams.iter().map(|(name, options)| (name.as_str(), options));
    let pools: Vec<_> = std::iter::once(("default", &config.upstream)).chain(named).collect();
    assert_eq!(pools.len(), expected.len());
    for ((pool, options), (name, expected)) in pools.into_iter().zip(expected) {
        assert_eq!(pool, name);
        let tried = try_servers(options).await;
        assert_eq!(tried.len(), expected.len(), "{pool}");
        for (tried, expected) in tried.into_iter().zip(expected) {
            match (&tried.failed, expected) {
                (None, None) => {}
                (Some(why), Some(expected)) => assert!(why.contains(expected), "{why}"),
                (failed, expected) => panic!("{}: {failed:?}, not {expected:?}", tried.server),
            }
        }
    }
}
