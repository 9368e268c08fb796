//! How clients learn of HTTP/3: Alt-Svc, RFC 7838.

use super::client::{Certificates, HOST, address, https};
use crate::support::{Scenario, Setup, get, reply};
use tokio::process::Command;

/// The values of Alt-Svc that curl gets over TLS.
async fn announced(certificates: &Certificates, scenario: &Scenario, version: &str, path: &str) -> Vec<String> {
    let port = https(scenario).port();
    let asked = Command::new("curl")
        .args(["--silent", "--include", "--cacert"])
        .arg(certificates.path("ca.pem"))
        .args(["--resolve", &format!("{HOST}:{port}:127.0.0.1"), version])
        .arg(format!("https://{HOST}:{port}{path}"))
        .output()
        .await
        .expect("curl runs");
    let text = String::from_utf8(asked.stdout).expect("text").to_ascii_lowercase();
    text.lines().filter_map(|line| line.strip_prefix("alt-svc: ")).map(str::to_owned).collect()
}

#[tokio::test]
async fn every_answer_over_tls_announces_it_once_in_place_of_what_the_origin_says() {
    let certificates = Certificates::new();
    let scenario = certificates.start(Setup::route("ttl = \"1m\"")).await;
    scenario.origin.on("/p", reply(200).header("Alt-Svc", "h3=\":1\"").body("here"));
    let expected = [format!("h3=\":{}\"; ma=86400", address(&scenario).port())];
    // The miss, the hit by the fast path, the hit over HTTP/2, a refusal.
    for (version, path) in
        [("--http1.1", "/p"), ("--http1.1", "/p"), ("--http2", "/p"), ("--http1.1", "/none"), ("--http2", "/none")]
    {
        assert_eq!(announced(&certificates, &scenario, version, path).await, expected, "{version} {path}");
    }
    let clear = scenario.fetch(&get("/p").header("Host", HOST)).await;
    assert_eq!(clear.value("alt-svc"), Some("h3=\":1\""), "in clear text the origin's own is passed on");
}

#[tokio::test]
async fn what_the_operator_says_is_announced_as_it_is() {
    let certificates = Certificates::new();
    let setup = certificates.offered(Setup::route("ttl = \"1m\""), "alt_svc = 'h3=\":443\"; ma=60'");
    let scenario = setup.start().await;
    scenario.origin.on("/p", reply(200).body("here"));
    for version in ["--http1.1", "--http1.1", "--http2"] {
        assert_eq!(announced(&certificates, &scenario, version, "/p").await, ["h3=\":443\"; ma=60"]);
    }
}
