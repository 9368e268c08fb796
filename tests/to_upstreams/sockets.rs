//! Servers on Unix sockets.

use crate::support::nginx::Peer;
use crate::support::{Setup, post};
use std::path::Path;

/// An nginx on a Unix socket, which also listens on its port.
async fn nginx(socket: &Path, listens: &str) -> Peer {
    let tells = "location / { return 200 \"$server_protocol $host $connection\"; }";
    let socket = socket.display();
    Peer::nginx(&format!("server {{ listen unix:{socket}{listens}; listen 127.0.0.1:{{port}}; {tells} }}")).await
}

#[tokio::test]
async fn a_server_on_a_unix_socket_is_asked_like_any_other() {
    for (listens, keys, expected) in
        [("", "", "HTTP/1.1 shop.test"), (" http2", "protocol = \"http2\"", "HTTP/2.0 shop.test")]
    {
        let folder = tempfile::tempdir().expect("the system has room for a folder");
        let socket = folder.path().join("app.sock");
        let _server = nginx(&socket, listens).await;
        let url = format!("unix:{}", socket.display());
        let scenario = Setup::route("cache = false").before_all(&[&url]).upstream(keys).start().await;
        let first = scenario.get("/p").await.status(200).text();
        assert!(first.starts_with(expected), "{first}");
        scenario.get("/p").await.status(200).body(&first);
        scenario.fetch(&post("/p", "order")).await.status(200);
        let up = format!("larder_upstream_server_up{{pool=\"default\",server=\"{url}\"}}");
        assert!(scenario.metric(&up).await > 0.5);
    }
}

#[tokio::test]
async fn a_socket_that_nobody_listens_on_is_passed_over() {
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    let (socket, gone) = (folder.path().join("app.sock"), folder.path().join("gone.sock"));
    let _server = nginx(&socket, "").await;
    let urls = [&gone, &socket].map(|path| format!("unix:{}", path.display()));
    let scenario = Setup::route("cache = false").before_all(&[&urls[0], &urls[1]]).start().await;
    for _ in 0..4 {
        scenario.fetch(&post("/p", "order")).await.status(200);
    }
    let alone = Setup::route("cache = false").before_all(&[&urls[0]]).start().await;
    let refused = "larder; error=connection_refused; details=\"upstream-connect\"";
    alone.get("/p").await.problem(502).header("proxy-status", refused);
}
