//! Upgrades: what is not passed on is ignored (RFC 9110 section 7.8), and the request is one like any other.

use crate::support::{Setup, get, reply};

#[tokio::test]
async fn a_client_that_offers_h2c_with_each_request_is_served_from_the_cache() {
    for offered in ["h2c", "TLS/1.2", "HTTP/2.0, h2c", "chat"] {
        let scenario = Setup::route("ttl = \"1m\"").start().await;
        scenario.origin.on("/p", reply(200).body("p"));
        let request = get("/p").header("Connection", "Upgrade, HTTP2-Settings").header("Upgrade", offered);
        let request = request.header("HTTP2-Settings", "AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA");
        let mut client = scenario.begin(&request).await;
        client.response().await.status(200).says("stored");
        for _ in 0..2 {
            client.send(&request).await;
            client.response().await.status(200).hit().body("p");
        }
        scenario.get("/p").await.hit();
        let seen = scenario.origin.only_request("/p");
        for name in ["Upgrade", "HTTP2-Settings", "Connection"] {
            assert_eq!(seen.value(name), None, "{offered}: {name}");
        }
    }
}

#[tokio::test]
async fn an_upgrade_that_nobody_passes_on_is_left_out_of_what_passes_through() {
    let scenario = Setup::rules("").start().await;
    scenario.origin.on("/p", reply(200).body("p"));
    scenario.fetch(&get("/p").header("Connection", "Upgrade").header("Upgrade", "h2c, chat")).await.status(200);
    assert_eq!(scenario.origin.only_request("/p").value("Upgrade"), None);
}

#[tokio::test]
async fn a_route_names_the_protocols_that_its_clients_may_change_to() {
    for (rule, offered, expected) in [
        ("", "websocket", Some("websocket")),
        ("cache = false", "chat, websocket", Some("websocket")),
        ("", "websocket, h2c", Some("websocket")),
        ("", "h2c,WebSocket", Some("WebSocket")),
        ("upgrade = [\"chat\"]", "websocket, h2c, chat", Some("chat")),
        ("upgrade = [\"chat\"]", "Chat/2", Some("Chat/2")),
        ("upgrade = [\"chat\"]", "websocket", None),
        ("upgrade = []", "websocket", None),
    ] {
        let scenario = Setup::route(&format!("ttl = \"1m\"\n{rule}")).start().await;
        scenario.origin.on("/p", reply(200).body("p"));
        let request = get("/p").header("Connection", "Upgrade").header("Upgrade", offered);
        scenario.fetch(&request).await.status(200);
        assert_eq!(scenario.origin.only_request("/p").value("Upgrade"), expected, "{rule} {offered}");
        let is_hit = scenario.fetch(&request).await.is_hit();
        assert_eq!(is_hit, expected.is_none(), "{rule} {offered}");
    }
}

#[tokio::test]
async fn http_1_0_without_host_is_for_the_default_host_if_there_is_one() {
    for (listen, status) in [("", 400), ("default_host = \"Old.test:80\"", 200)] {
        let scenario = Setup::route("ttl = \"1m\"").listen(listen).start().await;
        scenario.origin.on_request("/p", |seen| reply(200).body(seen.value("Host").unwrap_or_default()));
        let answer = scenario.send_raw("GET /p HTTP/1.0\r\n\r\n").await.response().await;
        answer.status(status);
        if status == 200 {
            answer.body("old.test");
            scenario.fetch(&get("/p").header("Host", "old.test")).await.hit();
        }
        scenario.send_raw("GET /p HTTP/1.1\r\n\r\n").await.response().await.problem(400);
        let own = scenario.send_raw("GET /p HTTP/1.0\r\nHost: own.test\r\n\r\n").await.response().await;
        own.status(200).body("own.test");
    }
}

#[tokio::test]
async fn framing_with_more_than_one_reading_is_refused() {
    let scenario = Setup::route("cache = false").start().await;
    scenario.origin.on("/p", reply(200));
    for (fields, status) in [
        ("Content-Length: 2, 2", 400),
        ("Content-Length: 2\r\nContent-Length: 2", 400),
        ("Content-Length: +2", 400),
        ("Transfer-Encoding: gzip, chunked", 400),
        ("Transfer-Encoding: xchunked", 400),
        ("Transfer-Encoding: chunked, gzip", 400),
    ] {
        let request = format!("POST /p HTTP/1.1\r\nHost: shop.test\r\n{fields}\r\n\r\nab");
        scenario.send_raw(request).await.response().await.problem(status);
    }
    scenario.origin.saw("/p", 0);
}
