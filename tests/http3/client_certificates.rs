//! Clients of HTTP/3 that must show a certificate: `client_ca`, as over TCP.

use super::client::{Certificates, Client, HOST, address, fields};
use crate::support::certificates::Authority;
use crate::support::{Scenario, Setup, reply};
use serde_json::json;
use std::path::PathBuf;

/// What QUIC says of an alert of TLS: RFC 9001 section 4.8. The alerts are those of RFC 8446 section 6.
const OF_TLS: u64 = 0x100;
const CERTIFICATE_REQUIRED: u64 = 116;
const DECRYPT_ERROR: u64 = 51;
const UNKNOWN_CA: u64 = 48;

/// Larder that asks for certificates.
async fn asking(certificates: &Certificates, keys: &str, rule: &str) -> Scenario {
    let ca = certificates.path("ca.pem").display().to_string();
    certificates.offered_with(Setup::route(rule), &format!(", client_ca = {ca:?}{keys}"), "").start().await
}

async fn showing(certificates: &Certificates, scenario: &Scenario, shown: &[PathBuf; 2]) -> Client {
    Client::showing(address(scenario), &certificates.path("ca.pem"), shown).await
}

#[tokio::test]
async fn only_who_shows_a_certificate_of_the_authority_is_served() {
    let certificates = Certificates::new();
    let scenario = asking(&certificates, "", "").await;
    scenario.origin.on("/p", reply(200).body("here"));
    let till = certificates.of_client(&certificates.authority, "till-1");
    assert_eq!(showing(&certificates, &scenario, &till).await.get("/p").await.body(), "here");
    let stranger = certificates.of_client(&Authority::new("someone else"), "till-2");
    let code = showing(&certificates, &scenario, &stranger).await.closed().await;
    assert!([OF_TLS + UNKNOWN_CA, OF_TLS + DECRYPT_ERROR].contains(&code), "{code:#x}");
    let code = certificates.client(&scenario).await.closed().await;
    assert_eq!(code, OF_TLS + CERTIFICATE_REQUIRED, "{code:#x}");
    scenario.origin.saw("/p", 1);
}

#[tokio::test]
async fn the_origin_is_told_whom_the_certificate_names_and_a_rule_may_share_by_it() {
    let certificates = Certificates::new();
    let keys = ", client_subject = \"X-Client-Subject\"";
    let scenario = asking(&certificates, keys, "headers = [\"X-Client-Subject\"]").await;
    scenario.origin.on_request("/p", |seen| {
        reply(200).header("Cache-Control", "max-age=60").body(seen.value("X-Client-Subject").unwrap_or("nobody"))
    });
    for name in ["till-1", "till-2"] {
        let shown = certificates.of_client(&certificates.authority, name);
        let mut client = showing(&certificates, &scenario, &shown).await;
        for _ in 0..2 {
            let mut forged = fields("GET", "/p");
            forged.push(("x-client-subject".to_owned(), "CN=admin".to_owned()));
            let stream = client.send(&forged, json!({})).await;
            assert_eq!(client.answer(stream).await.body(), format!("CN={name}"));
        }
    }
    scenario.origin.saw("/p", 2);
}

#[tokio::test]
async fn another_host_than_the_connections_is_misdirected() {
    let certificates = Certificates::new();
    let scenario = asking(&certificates, "", "").await;
    scenario.origin.on("/p", reply(200).header("Cache-Control", "max-age=60").body("here"));
    let till = certificates.of_client(&certificates.authority, "till-1");
    let mut client = showing(&certificates, &scenario, &till).await;
    for (host, status) in [(HOST, 200), ("other.example", 421), ("SHOP.example:9", 200)] {
        for _ in 0..2 {
            let fields = fields("GET", "/p").into_iter();
            let fields =
                fields.map(|(name, value)| if name == ":authority" { (name, host.to_owned()) } else { (name, value) });
            let stream = client.send(&fields.collect::<Vec<_>>(), json!({})).await;
            assert_eq!(client.answer(stream).await.status(), status, "{host}");
        }
    }
}
