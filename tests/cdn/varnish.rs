//! A real Varnish in front: what is purged here is gone there.

use super::edge::purge_through;
use crate::support::client::Client;
use crate::support::nginx::Peer;
use crate::support::redis_server::RedisServer;
use crate::support::{Setup, get, reply};
use std::net::SocketAddr;
use std::process::Command;

/// As the book says, with tags by xkey.
const VCL: &str = r#"vcl 4.1;
import xkey;
backend default { .host = "127.0.0.1"; .port = "{port}"; }
sub vcl_recv {
    if (req.method == "PURGE") {
        set req.http.n-gone = xkey.purge(req.http.xkey-purge);
        return (synth(200, "Purged"));
    }
    if (req.method == "BAN") {
        ban("obj.http.x-host ~ " + req.http.X-Host + " && obj.http.x-url ~ " + req.http.X-Url);
        return (synth(200, "Banned"));
    }
}
sub vcl_backend_response {
    set beresp.http.x-host = bereq.http.host;
    set beresp.http.x-url = bereq.url;
}
"#;

async fn varnish(before: SocketAddr) -> Peer {
    Peer::start(|port, folder| {
        let vcl = folder.join("default.vcl");
        std::fs::write(&vcl, VCL.replace("{port}", &before.port().to_string())).expect("a fresh folder takes a file");
        // Debian keeps servers where the PATH of a user does not lead.
        let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default());
        let mut command = Command::new("varnishd");
        command.env("PATH", path).args(["-F", "-j", "none", "-T", "none", "-s", "malloc,16m"]);
        command.arg("-a").arg(format!("127.0.0.1:{port}")).arg("-f").arg(vcl).arg("-n").arg(folder.join("work"));
        command
    })
    .await
}

#[tokio::test]
async fn what_is_purged_here_is_gone_from_a_varnish_in_front() {
    let redis = RedisServer::start().await;
    let section = |name: &str| format!("[redis]\nurl = \"{}\"\ninstance = \"{name}\"\ntimeout = \"2s\"\n", redis.url());
    let one = Setup::route("").section(&section("one")).start().await;
    let varnish = varnish(one.running.data_address).await;
    let cdn = format!(
        "[[cdn]]\nname = \"varnish\"\nkind = \"varnish\"\nservers = [\"http://127.0.0.1:{}\"]\nknows_tags = true\n\
         repeat_after = \"0s\"\n",
        varnish.port
    );
    let two = Setup::route("").section(&section("two")).section(&cdn).before(one.origin.address).start().await;
    // What nobody can know of is purged first.
    purge_through(&two, r#""tags": ["none"]"#).await;
    let seen = async || {
        let mut client = Client::connect(([127, 0, 0, 1], varnish.port).into()).await;
        client.send(&get("/p.x?q=1").header("Host", "shop.example.com")).await;
        client.response().await.status(200).text()
    };
    for (nth, scopes) in
        [r#""tags": ["product-1"]"#, r#""urls": ["/p.x?q=1"]"#, r#""prefixes": ["/p"]"#, r#""routes": ["all"]"#]
            .iter()
            .enumerate()
    {
        let answer = |text: &str| {
            reply(200).header("Cache-Control", "max-age=600").header("xkey", "product-1").body(format!("{text} {nth}"))
        };
        one.origin.on("/p.x", answer("before"));
        purge_through(&two, r#""all": true"#).await;
        assert_eq!(seen().await, format!("before {nth}"), "{scopes}");
        one.origin.on("/p.x", answer("after"));
        assert_eq!(seen().await, format!("before {nth}"), "Varnish has it: {scopes}");
        purge_through(&two, r#""tags": ["another"]"#).await;
        assert_eq!(seen().await, format!("before {nth}"), "another tag is another: {scopes}");
        purge_through(&two, scopes).await;
        assert_eq!(seen().await, format!("after {nth}"), "{scopes}");
    }
}
