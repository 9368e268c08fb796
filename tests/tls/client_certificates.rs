//! Clients that must show a certificate.

use super::peers::{Certificates, HOST, https};
use crate::support::certificates::Authority;
use crate::support::{Scenario, Setup, get, reply};

/// Larder that asks for certificates, and the arguments with which curl shows those of each of two clients.
async fn asking(keys: &str, rule: &str) -> (Certificates, Scenario, [[String; 4]; 2]) {
    let certificates = Certificates::new();
    let clients = ["till-1", "till-2"].map(|name| {
        certificates.add(name, &[name]);
        let [certificate, key] =
            ["pem", "key"].map(|end| certificates.path(&format!("{name}.{end}")).display().to_string());
        ["--cert".to_owned(), certificate, "--key".to_owned(), key]
    });
    let ca = certificates.path("ca.pem").display().to_string();
    let listen = certificates.https(&format!(", client_ca = \"{ca}\"{keys}"));
    let scenario = Setup::route(rule).listen(&listen).start().await;
    (certificates, scenario, clients)
}

fn texts(arguments: &[String; 4]) -> [&str; 4] {
    [&arguments[0], &arguments[1], &arguments[2], &arguments[3]]
}

#[tokio::test]
async fn only_who_shows_a_certificate_of_the_authority_is_served() {
    let (certificates, scenario, [till, _]) = asking("", "").await;
    scenario.origin.on("/p", reply(200).body("here"));
    assert!(certificates.curl(https(&scenario), "/p", &texts(&till)).await.answer().ends_with("here"));
    assert!(!certificates.curl(https(&scenario), "/p", &[]).await.succeeded());
    let [certificate, key] = Authority::new("someone else").vouch_for(&["till-1"]);
    std::fs::write(certificates.path("other.pem"), certificate).unwrap();
    std::fs::write(certificates.path("other.key"), key).unwrap();
    let [certificate, key] = ["other.pem", "other.key"].map(|name| certificates.path(name).display().to_string());
    let other = ["--cert", certificate.as_str(), "--key", &key];
    assert!(!certificates.curl(https(&scenario), "/p", &other).await.succeeded());
    scenario.origin.saw("/p", 1);
}

#[tokio::test]
async fn the_origin_is_told_whom_the_certificate_names_and_nothing_a_client_says() {
    let (certificates, scenario, tills) = asking(", client_subject = \"X-Client-Subject\"", "").await;
    scenario.origin.on_request("/p", |seen| {
        let told = seen.value("X-Client-Subject").unwrap_or("nobody").to_owned();
        assert!(seen.value("X_Client_Subject").is_none());
        reply(200).header("Cache-Control", "max-age=60").body(&told)
    });
    let forged = ["--header", "X-Client-Subject: CN=admin", "--header", "X_Client_Subject: CN=admin"];
    for protocol in ["--http1.1", "--http2"] {
        for (till, name) in tills.iter().zip(["CN=till-1", "CN=till-2"]) {
            let arguments = [&texts(till)[..], &forged, &[protocol]].concat();
            let answer = certificates.curl(https(&scenario), "/p", &arguments).await.answer();
            assert!(answer.ends_with(name), "{answer}");
        }
    }
    // Whatever is stored, the next client gets its own; and in clear text nobody is named.
    let host = format!("{HOST}:{}", https(&scenario).port());
    let forged = get("/p").header("Host", &host).header("X-Client-Subject", "CN=admin");
    scenario.fetch(&forged).await.status(200).body("nobody");
}

#[tokio::test]
async fn a_rule_may_share_by_the_subject() {
    let rule = "headers = [\"X-Client-Subject\"]";
    let (certificates, scenario, tills) = asking(", client_subject = \"X-Client-Subject\"", rule).await;
    scenario.origin.on_request("/p", |seen| {
        reply(200).header("Cache-Control", "max-age=60").body(seen.value("X-Client-Subject").unwrap_or("nobody"))
    });
    for _ in 0..2 {
        for (till, name) in tills.iter().zip(["CN=till-1", "CN=till-2"]) {
            let answer = certificates.curl(https(&scenario), "/p", &texts(till)).await.answer();
            assert!(answer.ends_with(name), "{answer}");
        }
    }
    scenario.origin.saw("/p", 2);
}

#[tokio::test]
async fn another_host_than_the_connections_is_misdirected() {
    let (certificates, scenario, [till, _]) = asking("", "").await;
    scenario.origin.on("/p", reply(200).header("Cache-Control", "max-age=60").body("here"));
    for protocol in ["--http1.1", "--http2"] {
        for (host, status) in [(HOST, " 200"), ("other.example", " 421"), ("SHOP.example:9", " 200")] {
            let field = format!("Host: {host}");
            for _ in 0..2 {
                let arguments = [&texts(&till)[..], &["--header", &field, protocol]].concat();
                let answer = certificates.curl(https(&scenario), "/p", &arguments).await.answer();
                assert!(answer.lines().next().unwrap().contains(status), "{host} {protocol}: {answer}");
            }
        }
    }
}
