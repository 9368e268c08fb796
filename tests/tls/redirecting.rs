//! Clients in clear text that are sent to TLS, and what those over TLS are told.

use super::peers::{Certificates, HOST, https};
use crate::support::{Scenario, Setup, get, head, post, raw, reply, request};

const HSTS: &str = "max-age=63072000; includeSubDomains";

async fn redirecting(keys: &str) -> (Certificates, Scenario) {
    let certificates = Certificates::new();
    let listen = format!("redirect_https = true\nhsts = \"{HSTS}\"\n{keys}\n{}", certificates.https(""));
    let scenario = Setup::route("ttl = \"1m\"").listen(&listen).start().await;
    scenario.origin.on("/p", reply(200).header("ETag", "\"1\"").body("p"));
    (certificates, scenario)
}

#[tokio::test]
async fn whoever_comes_in_clear_text_is_sent_to_the_port_of_the_tls_listener() {
    let (certificates, scenario) = redirecting("").await;
    let port = https(&scenario).port();
    // What is stored is no reason to answer it in clear text.
    for _ in 0..2 {
        assert!(certificates.curl(https(&scenario), "/p", &[]).await.answer().ends_with('p'));
    }
    let mut client = scenario.connect().await;
    for asked in [get("/p?a=b"), head("/p"), get("/p"), post("/p", "a body"), request("OPTIONS", "/none"), get("/p")] {
        let asked = asked.header("Host", HOST);
        client.send(&asked).await;
        let answer = client.response().await;
        let location = format!("https://{HOST}:{port}{}", asked.target);
        answer.status(308).header("Location", &location).body("").without("Cache-Status");
        answer.without("Strict-Transport-Security");
    }
    // A change of protocols is not made in clear text, and the connection goes on.
    let websocket = get("/chat").header("Connection", "Upgrade").header("Upgrade", "websocket");
    for asked in [websocket, get("/p")] {
        client.send(&asked).await;
        client.response().await.status(308);
    }
    // HTTP/2 as well.
    let mut curl = tokio::process::Command::new("curl");
    curl.args(["--silent", "--http2-prior-knowledge", "--dump-header", "-", "--max-time", "20"]);
    let output =
        curl.arg(format!("http://{}/p", scenario.running.data_address)).output().await.expect("curl is installed");
    let answer = String::from_utf8_lossy(&output.stdout).into_owned();
    let location = format!("location: https://127.0.0.1:{port}/p");
    assert!(answer.starts_with("HTTP/2 308") && answer.contains(&location), "{answer}");
    assert!(!answer.contains("strict-transport-security"), "{answer}");
    scenario.origin.saw("/p", 1);
    let counted = "larder_request_reasons_total{route=\"-\",outcome=\"redirect\",reason=\"redirect-https\"}";
    assert!(scenario.metric(counted).await >= 9.0);
}

#[tokio::test]
async fn a_request_that_is_no_request_is_refused_and_a_challenge_of_acme_is_answered_in_clear_text() {
    let (_certificates, scenario) = redirecting("").await;
    scenario.origin.on("/.well-known/acme-challenge/token-1", reply(200).body("proof"));
    scenario.get("/.well-known/acme-challenge/token-1").await.status(200).body("proof");
    scenario.get("/.well-known/acme-challenge/../p").await.status(308);
    scenario.get("/.well-known/security.txt").await.status(308);
    scenario.send_raw("GET / HTTP/1.1\r\n\r\n").await.response().await.status(400).without("Location");
    scenario.send_raw("GET / HTTP/1.1\r\nHost: not a host\r\n\r\n").await.response().await.status(400);
}

#[tokio::test]
async fn what_a_trusted_proxy_says_came_over_https_is_answered_and_told_to_stay() {
    let (_certificates, scenario) = redirecting("trusted_proxies = [\"127.0.0.1\"]").await;
    for _ in 0..2 {
        let secure = get("/p").header("X-Forwarded-Proto", "https").header("X-Forwarded-For", "203.0.113.7");
        scenario.fetch(&secure).await.status(200).body("p").header("Strict-Transport-Security", HSTS);
        let clear = get("/p").header("X-Forwarded-Proto", "http").header("X-Forwarded-For", "203.0.113.7");
        scenario.fetch(&clear).await.status(308).without("Strict-Transport-Security");
    }
    let stranger = redirecting("trusted_proxies = [\"192.0.2.1\"]").await.1;
    stranger.fetch(&get("/p").header("X-Forwarded-Proto", "https")).await.status(308);
}

#[tokio::test]
async fn clients_may_be_sent_to_another_port_than_that_of_the_listener() {
    let scenario = Setup::route("").listen("redirect_https = 443").start().await;
    scenario.get("/p").await.status(308).header("Location", "https://shop.test/p");
}

#[tokio::test]
async fn every_answer_over_tls_has_one_strict_transport_security_and_none_is_stored() {
    let certificates = Certificates::new();
    let listen = format!("hsts = \"{HSTS}\"\n{}", certificates.https(""));
    let rules = "[[route]]\nname = \"changed\"\npath = \"/changed\"\nttl = \"1m\"\nset_headers = { \"Strict-Transport-Security\" \
                 = \"max-age=3\", \"X-Set\" = \"1\" }\n\n[[route]]\nname = \"all\"\npath = \"/**\"\nttl = \"1m\"\n";
    let scenario = Setup::rules(rules).listen(&listen).start().await;
    let own = || reply(200).header("ETag", "\"1\"").header("Strict-Transport-Security", "max-age=1").body("own");
    for target in ["/own", "/changed"] {
        scenario.origin.on(target, own());
    }
    scenario.origin.on("/p", reply(200).header("ETag", "\"1\"").body("p"));
    scenario.origin.on("/gone", reply(404).body("gone"));
    scenario.origin.on("/broken", raw("no HTTP\r\n\r\n"));
    let unmodified = ["--header", "If-None-Match: \"1\""];
    for (target, arguments, status) in [
        ("/p", &[][..], "200"),
        ("/p", &[], "200"),
        ("/p", &["--head", "--output", "/dev/null"], "200"),
        ("/p", &["--range", "0-0"], "206"),
        ("/p", &unmodified, "304"),
        ("/own", &[], "200"),
        ("/own", &[], "200"),
        ("/own", &unmodified, "304"),
        ("/changed", &[], "200"),
        ("/changed", &[], "200"),
        ("/changed", &unmodified, "304"),
        ("/gone", &[], "404"),
        ("/broken", &[], "502"),
        ("/p", &["--header", "Cache-Control: only-if-cached, no-cache"], "504"),
        ("/p", &["--header", "Content-Length: many"], "400"),
    ] {
        for protocol in ["--http1.1", "--http2"] {
            if protocol == "--http2" && status == "400" {
                continue;
            }
            let arguments: Vec<&str> = arguments.iter().copied().chain([protocol]).collect();
            let answer = certificates.curl(https(&scenario), target, &arguments).await.answer();
            let says = answer.to_ascii_lowercase();
            let told: Vec<&str> =
                says.lines().filter_map(|line| line.strip_prefix("strict-transport-security: ")).collect();
            assert_eq!(told, [HSTS.to_ascii_lowercase()], "{target} {arguments:?}: {answer}");
            assert!(answer.split(' ').nth(1).is_some_and(|shown| shown.starts_with(status)), "{answer}");
            assert_eq!(says.contains("x-set: 1"), target == "/changed", "{answer}");
        }
    }
    scenario.origin.saw("/own", 1);
    // In clear text the origin's own is passed on, of what was fetched for TLS and of what was not.
    for _ in 0..2 {
        scenario.get("/own").await.header("Strict-Transport-Security", "max-age=1");
        scenario.get("/p").await.without("Strict-Transport-Security");
    }
}
