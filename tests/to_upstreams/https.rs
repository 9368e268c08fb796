//! `https://` servers: whom they must be vouched for by, under which name, and what is said where they are not.

use crate::support::certificates::{Authority, Files, Validity, written};
use crate::support::deadline::within;
use crate::support::nginx::Peer;
use crate::support::scenario::Scenario;
use crate::support::{Setup, get, post};
use std::path::Path;
use tempfile::TempDir;
use tokio::net::TcpListener;

/// Tells what the server was asked by: the name in SNI, Host, the connection's number, the client's certificate.
const TELLS: &str = "location / { return 200 \"$ssl_server_name $host $connection $ssl_client_s_dn\"; }";

pub(super) fn folder() -> TempDir {
    tempfile::tempdir().expect("the system has room for a folder")
}

/// An nginx over TLS, with further directives.
pub(super) async fn nginx(files: &Files, directives: &str) -> Peer {
    let (certificate, key) = (files.certificate.display(), files.key.display());
    Peer::nginx(&format!(
        "server {{ listen 127.0.0.1:{{port}} ssl; listen [::1]:{{port}} ssl; ssl_certificate {certificate}; \
         ssl_certificate_key {key}; {directives} }}"
    ))
    .await
}

/// The key of `[upstream]` that trusts this authority, with further keys of `tls`.
pub(super) fn trusting(ca: &Path, more: &str) -> String {
    format!("tls = {{ ca_file = \"{}\"{more} }}\n", ca.display())
}

/// Larder before one server, asked for `Host: shop.example`.
async fn told(upstream: &str, keys: &str, route: &str) -> String {
    let scenario =
        Setup::route(&format!("cache = false\n{route}")).before_all(&[upstream]).upstream(keys).start().await;
    scenario.get("/p").await.status(200).text()
}

#[tokio::test]
async fn a_server_is_asked_by_and_verified_for_the_name_that_is_configured() {
    let (authority, folder) = (Authority::new("the shop's own"), folder());
    let url_host = "localhost";
    let rows = [
        // The certificate's name, keys of [upstream] and of tls, keys of the route; SNI and Host that the server sees.
        (url_host, "", "", "", "localhost shop.test"),
        ("api.internal", "upstream_host = \"api.internal\"", "", "", "api.internal api.internal"),
        ("api.internal", "upstream_host = \"api.internal:8443\"", "", "", "api.internal api.internal"),
        (
            "own.internal",
            "upstream_host = \"api.internal\"",
            ", server_name = \"own.internal\"",
            "",
            "own.internal api.internal",
        ),
        ("own.internal", "", ", server_name = \"own.internal\"", "", "own.internal shop.test"),
        (
            "a.internal",
            "upstream_host = \"api.internal\"",
            "",
            "upstream_host = \"a.internal\"",
            "a.internal a.internal",
        ),
        (url_host, "upstream_host = \"api.internal\"", "", "upstream_host = \"keep\"", "localhost shop.test"),
        (url_host, "upstream_host = \"keep\"", "", "", "localhost shop.test"),
    ];
    for (name, keys, tls, route, expected) in rows {
        let files = authority.write_for(folder.path(), &[name], Validity::Valid);
        let server = nginx(&files, TELLS).await;
        let keys = format!("{keys}\n{}", trusting(&files.ca, tls));
        let told = told(&server.url("https", url_host), &keys, route).await;
        assert!(told.starts_with(&format!("{expected} ")), "{told:?} with {keys} {route}");
    }
}

#[tokio::test]
async fn the_host_that_a_pool_wants_is_sent_where_no_route_matches_and_mapped_back() {
    let (authority, folder) = (Authority::new("the shop's own"), folder());
    let files = authority.write_for(folder.path(), &["api.internal"], Validity::Valid);
    let server = nginx(&files, "location / { return 301 https://api.internal/elsewhere; }").await;
    let keys = format!("upstream_host = \"api.internal\"\n{}", trusting(&files.ca, ""));
    let rules = "[[route]]\nname = \"other\"\npath = \"/other\"\ncache = false";
    let setup = Setup::rules(rules).before_all(&[&server.url("https", "localhost")]).upstream(&keys);
    let scenario = setup.start().await;
    for path in ["/p", "/other"] {
        scenario.get(path).await.status(301).header("location", "https://shop.test/elsewhere");
    }
}

#[tokio::test]
async fn a_server_that_is_known_by_its_address_proves_its_address() {
    let (authority, folder) = (Authority::new("the shop's own"), folder());
    let files = authority.write_for(folder.path(), &["127.0.0.1", "::1"], Validity::Valid);
    let server = nginx(&files, TELLS).await;
    for host in ["127.0.0.1", "[::1]"] {
        let told = told(&server.url("https", host), &trusting(&files.ca, ""), "").await;
        assert!(told.starts_with(" shop.test "), "an address is not sent as a name: {told:?}");
    }
}

/// As certbot and its kin do.
fn renew(path: &Path, text: &str) {
    let beside = path.with_extension("new");
    std::fs::write(&beside, text).expect("the folder is ours");
    std::fs::rename(&beside, path).expect("the folder is ours");
}

#[tokio::test]
async fn renewed_authorities_and_certificates_are_used_without_a_restart_and_broken_ones_are_not() {
    let (authority, folder) = (Authority::new("the shop's own"), folder());
    let files = authority.write_for(folder.path(), &["localhost"], Validity::Valid);
    let directives = format!("ssl_verify_client optional_no_ca; keepalive_timeout 0; {TELLS}");
    let server = nginx(&files, &directives).await;
    // Trusted is another authority at first.
    let (trusted, shown, key) = (folder.path().join("a.pem"), folder.path().join("c.pem"), folder.path().join("c.key"));
    renew(&trusted, &Authority::new("another").pem);
    let show = |name: &str| {
        let [certificate, private] = authority.vouch_for(&[name]);
        // The key first: for a moment it does not fit.
        renew(&key, &private);
        renew(&shown, &certificate);
    };
    show("first.internal");
    let keys = trusting(&trusted, &format!(", certificate = \"{}\", key = \"{}\"", shown.display(), key.display()));
    let setup = Setup::route("cache = false").before_all(&[&server.url("https", "localhost")]).upstream(&keys);
    let scenario = setup.start().await;
    scenario.get("/p").await.status(502);
    renew(&trusted, &authority.pem);
    let told = scenario.until("the authority is trusted", &get("/p"), |answer| answer.status == 200).await.text();
    assert!(told.ends_with("CN=first.internal"), "{told}");
    show("second.internal");
    let of_second = |answer: &crate::support::expect::Response| answer.text().ends_with("CN=second.internal");
    scenario.until("the new certificate is shown", &get("/p"), of_second).await;
    let refused = "larder_tls_certificate_reloads_total{result=\"refused\"}";
    let before = scenario.metric(refused).await;
    renew(&trusted, "no certificate");
    within("the broken file is refused", async { while scenario.metric(refused).await <= before {} }).await;
    scenario.get("/p").await.status(200);
}

#[tokio::test]
async fn a_connection_is_used_again_for_the_name_that_was_proved_and_for_no_other() {
    let (authority, folder) = (Authority::new("the shop's own"), folder());
    let files = authority.write_for(folder.path(), &["a.internal", "b.internal"], Validity::Valid);
    let server = nginx(&files, TELLS).await;
    let route = |name| {
        format!(
            "[[route]]\nname = \"{name}\"\npath = \"/{name}\"\ncache = false\nupstream_host = \"{name}.internal\"\n"
        )
    };
    let setup = Setup::rules(&format!("{}{}", route("a"), route("b")));
    let setup = setup.before_all(&[&server.url("https", "localhost")]).upstream(&trusting(&files.ca, ""));
    let scenario = setup.start().await;
    let ask = async |name: &str| {
        let told = scenario.get(&format!("/{name}")).await.status(200).text();
        let mut words = told.split(' ');
        assert_eq!(words.next(), Some(format!("{name}.internal").as_str()), "{told}");
        words.nth(1).map(ToOwned::to_owned)
    };
    let (a, b) = (ask("a").await, ask("b").await);
    assert_ne!(a, b, "two names, two connections");
    for _ in 0..3 {
        assert_eq!((ask("a").await, ask("b").await), (a.clone(), b.clone()), "each is used again");
    }
}

#[tokio::test]
async fn a_server_that_asks_for_a_certificate_is_shown_the_one_that_is_configured() {
    let (authority, folder, client) = (Authority::new("the shop's own"), folder(), self::folder());
    let files = authority.write_for(folder.path(), &["localhost"], Validity::Valid);
    let own = authority.write_for(client.path(), &["larder"], Validity::Valid);
    for protocols in ["TLSv1.2", "TLSv1.3"] {
        let verify =
            format!("ssl_protocols {protocols}; ssl_client_certificate {}; ssl_verify_client on;", files.ca.display());
        let server = nginx(&files, &format!("{verify} {TELLS}")).await;
        let shown = format!(", certificate = \"{}\", key = \"{}\"", own.certificate.display(), own.key.display());
        let told = told(&server.url("https", "localhost"), &trusting(&files.ca, &shown), "").await;
        assert!(told.contains("CN=larder"), "{told}");
    }
}

/// Larder before one server, as a program whose log can be read: what clients get and what the log says.
async fn refused(upstream: &str, keys: &str, error: &str, said: &str) {
    let setup = Setup::route("ttl = \"1m\"").before_all(&[upstream]).upstream(keys);
    let served = setup.section("[log]\nformat = \"json\"").serve().await;
    for request in [get("/p"), post("/p", "order")] {
        let response = served.fetch(&request).await;
        let status = response.problem(502).value("proxy-status").unwrap_or_default().to_owned();
        assert!(status.contains(&format!("error={error};")), "{status}, not {error}");
        assert!(!response.text().contains("localhost"), "nothing of what lies beneath");
    }
    within(format!("`{said}` in the log"), async {
        while !served.log().contains(said) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn what_of_tls_failed_is_told_to_clients_as_a_type_and_in_the_log_with_a_hint() {
    let (authority, other, folder) = (Authority::new("the shop's own"), Authority::new("someone"), folder());
    let ca = trusting(&written(folder.path(), "trusted.pem", &authority.pem), "");
    let server = async |authority: &Authority, name, validity, arguments: &[&str]| {
        Peer::s_server(&authority.write_for(folder.path(), &[name], validity), arguments).await
    };
    let rows = [
        (&authority, "localhost", Validity::Expired, "tls_certificate_error", "has expired"),
        (&other, "localhost", Validity::Valid, "tls_certificate_error", "unknown issuer; hint: name the file"),
        (&authority, "api.internal", Validity::Valid, "tls_certificate_error", "is not for `localhost`, only for"),
    ];
    for (vouched_by, name, validity, error, said) in rows {
        let server = server(vouched_by, name, validity, &[]).await;
        refused(&server.url("https", "localhost"), &ca, error, said).await;
    }
    let old = ["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"];
    let server_of_old = server(&authority, "localhost", Validity::Valid, &old).await;
    refused(&server_of_old.url("https", "localhost"), &ca, "tls_alert_received", "TLS 1.2 and 1.3 are spoken").await;
    for version in ["-tls1_2", "-tls1_3"] {
        let asks = ["-Verify", "1", "-verify_return_error", version];
        let asking = server(&authority, "localhost", Validity::Valid, &asks).await;
        refused(&asking.url("https", "localhost"), &ca, "tls_alert_received", "certificate").await;
    }
    let plain = Peer::nginx("server { listen 127.0.0.1:{port}; }").await;
    refused(&plain.url("https", "localhost"), &ca, "tls_protocol_error", "speak TLS on this port").await;
}

#[tokio::test]
async fn a_handshake_must_be_over_within_connect_timeout() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", silent.local_addr().unwrap());
    let setup = Setup::route("cache = false").before_all(&[&url]).upstream("connect_timeout = \"200ms\"");
    let scenario = setup.start().await;
    let response = scenario.get("/p").await;
    response.problem(502).header("proxy-status", "larder; error=tls_protocol_error; details=\"upstream-tls\"");
}

#[tokio::test]
async fn a_server_without_a_good_certificate_is_passed_over_and_taken_out() {
    let (authority, other, folder) = (Authority::new("the shop's own"), Authority::new("someone"), folder());
    let bad = nginx(&other.write_for(folder.path(), &["localhost"], Validity::Valid), TELLS).await;
    let files = authority.write_for(folder.path(), &["localhost"], Validity::Valid);
    let good = nginx(&files, TELLS).await;
    let keys = format!("eject = {{ failures = 2 }}\n{}", trusting(&files.ca, ""));
    let urls = [bad.url("https", "localhost"), good.url("https", "localhost")];
    let setup = Setup::route("cache = false").before_all(&[&urls[0], &urls[1]]).upstream(&keys);
    let scenario = setup.start().await;
    for number in 0..8 {
        scenario.fetch(&post(&format!("/{number}"), "order")).await.status(200);
    }
    assert!(!is_up(&scenario, &bad).await, "it is out");
    assert!(is_up(&scenario, &good).await);
}

async fn is_up(scenario: &Scenario, server: &Peer) -> bool {
    let name = format!("localhost:{}", server.port);
    scenario.metric(&format!("larder_upstream_server_up{{pool=\"default\",server=\"{name}\"}}")).await > 0.5
}

#[tokio::test]
async fn large_bodies_pass_whole_in_both_directions() {
    let (authority, folder) = (Authority::new("the shop's own"), folder());
    let files = authority.write_for(folder.path(), &["localhost"], Validity::Valid);
    let body = "a line of thirty bytes or more\n".repeat(70_000);
    std::fs::write(folder.path().join("large"), &body).expect("the folder takes a file");
    let directives = format!(
        "client_max_body_size 10m; location = /large {{ root {}; }} \
         location /up {{ proxy_pass http://127.0.0.1:{{port}}9; error_page 502 = @got; }} \
         location @got {{ return 200 \"$request_length\"; }}",
        folder.path().display()
    );
    let server = nginx(&files, &directives.replace("{port}9", "1")).await;
    let setup = Setup::route("ttl = \"1m\"").before_all(&[&server.url("https", "localhost")]);
    let scenario = setup.upstream(&trusting(&files.ca, "")).start().await;
    scenario.get("/large").await.status(200).body(&body);
    scenario.get("/large").await.hit().body(&body);
    let got: usize = scenario.fetch(&post("/up", &body)).await.status(200).text().parse().expect("a length");
    assert!(got > body.len(), "{got} of {}", body.len());
}
