//! HTTP/2 with prior knowledge, on the same port.

use crate::support::deadline::within;
use crate::support::{Setup, get, reply};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};

#[tokio::test]
async fn http2_clients_share_the_cache_with_http1_clients() {
    let scenario = Setup::route("ttl = \"1m\"").start().await;
    scenario.origin.on("/p", reply(200).header("X-Origin", "1").body("body"));
    let stream = tokio::net::TcpStream::connect(scenario.running.data_address).await.unwrap();
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut sender, connection) = within("the HTTP/2 handshake", handshake).await.unwrap();
    tokio::spawn(connection);
    for expected in ["fwd=uri-miss", "hit"] {
        let request = hyper::Request::get("http://shop.test/p").body(Empty::<Bytes>::new()).unwrap();
        let response = within("the answer", sender.send_request(request)).await.unwrap();
        assert_eq!(response.status(), 200);
        let status = response.headers()["cache-status"].to_str().unwrap().to_owned();
        assert!(status.contains(expected), "{status}");
        let body = within("the body", response.into_body().collect()).await.unwrap().to_bytes();
        assert_eq!(body, "body");
    }
    scenario.fetch(&get("/p")).await.hit().body("body");
    scenario.origin.saw("/p", 1);
    assert_eq!(scenario.origin.only_request("/p").head.values("Host"), ["shop.test"]);
}

#[tokio::test]
async fn cookies_in_several_lines_are_one_field_to_rules_and_origin() {
    for (rule, expected) in
        [("cache = false", "a=1; currency=EUR; b=2"), ("ttl = \"1m\"\ncookies = [\"currency\"]", "currency=EUR")]
    {
        let scenario = Setup::route(rule).start().await;
        scenario.origin.on("/p", reply(200).body("p"));
        let stream = tokio::net::TcpStream::connect(scenario.running.data_address).await.unwrap();
        let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
        let (mut sender, connection) = within("the HTTP/2 handshake", handshake).await.unwrap();
        tokio::spawn(connection);
        let mut request = hyper::Request::get("http://shop.test/p");
        for cookie in ["a=1", "currency=EUR", "b=2"] {
            request = request.header("cookie", cookie);
        }
        let sent = sender.send_request(request.body(Empty::<Bytes>::new()).unwrap());
        assert_eq!(within("the answer", sent).await.unwrap().status(), 200);
        assert_eq!(scenario.origin.only_request("/p").head.values("Cookie"), [expected]);
    }
}
