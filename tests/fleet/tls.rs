//! A fleet over TLS trusts whom `ca_file` names, and nobody else.
//!
//! The client library reads the system's certificates for each connection, whatever `ca_file` says, and holds up the thread
//! meanwhile: noticeable in a debug build, so whole fleets run on two threads.

use super::kinds_of_redis::{assert_shares_and_purges, fleet_of_two};
use crate::support::certificates::{Authority, written};
use crate::support::deadline::within;
use crate::support::origin::Origin;
use crate::support::redis_server::{RedisServer, free_port};
use crate::support::{Setup, post, reply};
use std::path::Path;
use tempfile::TempDir;

/// The name that an instance asks for.
const ASKED_FOR: &str = "127.0.0.1";

/// A Redis that also speaks TLS.
struct TlsRedis {
    server: RedisServer,
    tls_port: u16,
    folder: TempDir,
}

impl TlsRedis {
    /// Vouched for by `authority` under `name`.
    async fn start(authority: &Authority, name: &str) -> Self {
        Self::start_with(authority, name, &[]).await
    }

    /// As [`Self::start`], with further arguments.
    async fn start_with(authority: &Authority, name: &str, more: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("the system has room for a folder");
        let [certificate, key] = authority.vouch_for(&[name]);
        let files = [("cert.pem", &certificate), ("key.pem", &key), ("ca.pem", &authority.pem)];
        let [certificate, key, ca] = files.map(|(file, text)| text_of(&written(folder.path(), file, text)));
        let tls_port = free_port();
        let port = tls_port.to_string();
        let mut arguments = vec!["--tls-port", &port, "--tls-auth-clients", "no", "--tls-ca-cert-file", &ca];
        arguments.extend(["--tls-cert-file", &certificate, "--tls-key-file", &key]);
        arguments.extend(more);
        let server = RedisServer::start_with(&arguments).await;
        Self { server, tls_port, folder }
    }

    fn url(&self) -> String {
        format!("rediss://{ASKED_FOR}:{}", self.tls_port)
    }

    /// The key of `[redis]` that makes an instance trust `authority`.
    fn trusting(&self, authority: &Authority) -> String {
        let file = written(self.folder.path(), "trusted.pem", &authority.pem);
        format!("ca_file = \"{}\"", text_of(&file))
    }
}

fn text_of(path: &Path) -> String {
    path.to_str().expect("a plain path").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fleet_shares_and_purges_over_tls() {
    let authority = Authority::new("the shop's own");
    let redis = TlsRedis::start(&authority, ASKED_FOR).await;
    let fleet = fleet_of_two(&redis.url(), &redis.trusting(&authority)).await;
    assert_shares_and_purges(&fleet, "tls").await;
    let clients: String = redis.server.command(&["CLIENT", "LIST"]).await;
    let encrypted = format!("laddr={ASKED_FOR}:{}", redis.tls_port);
    assert!(clients.lines().filter(|client| client.contains(&encrypted)).count() >= 2, "{clients}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fleet_works_on_a_cluster_over_tls() {
    let authority = Authority::new("the shop's own");
    let bus = free_port().to_string();
    let as_cluster = ["--cluster-enabled", "yes", "--cluster-port", &bus, "--tls-cluster", "yes"];
    let redis = TlsRedis::start_with(&authority, ASKED_FOR, &as_cluster).await;
    redis.server.command::<String>(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]).await;
    within("the cluster being whole", async {
        while !redis.server.command::<String>(&["CLUSTER", "INFO"]).await.contains("cluster_state:ok") {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let url = redis.url().replace("rediss://", "rediss-cluster://");
    let fleet = fleet_of_two(&url, &redis.trusting(&authority)).await;
    assert_shares_and_purges(&fleet, "cluster").await;
}

#[tokio::test]
async fn a_server_that_another_authority_vouches_for_is_not_spoken_to() {
    let (authority, other) = (Authority::new("the shop's own"), Authority::new("someone"));
    let redis = TlsRedis::start(&other, ASKED_FOR).await;
    assert_does_without(&redis, &redis.trusting(&authority)).await;
}

#[tokio::test]
async fn a_server_under_another_name_is_not_spoken_to() {
    let authority = Authority::new("the shop's own");
    let redis = TlsRedis::start(&authority, "127.0.0.2").await;
    assert_does_without(&redis, &redis.trusting(&authority)).await;
}

#[tokio::test]
async fn without_a_ca_file_only_the_systems_authorities_are_trusted() {
    let authority = Authority::new("the shop's own");
    let redis = TlsRedis::start(&authority, ASKED_FOR).await;
    assert_does_without(&redis, "").await;
}

#[tokio::test]
async fn an_instance_says_why_it_does_without_redis() {
    let (authority, other) = (Authority::new("the shop's own"), Authority::new("someone"));
    let redis = TlsRedis::start(&other, ASKED_FOR).await;
    let section = format!("[redis]\nurl = \"{}\"\n{}", redis.url(), redis.trusting(&authority));
    let origin = Origin::start().await;
    let instance = Setup::route("").section(&section).before(origin.address).serve().await;
    within("the reason in the log", async {
        while !instance.log().contains("UnknownIssuer") {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Requests go on without Redis, no purge is acknowledged that no log has taken, and the metrics tell of it.
async fn assert_does_without(redis: &TlsRedis, keys: &str) {
    let section = format!("[redis]\nurl = \"{}\"\n{keys}", redis.url());
    let instance = Setup::route("tags = [\"all\"]").section(&section).start().await;
    instance.origin.on("/p", reply(200).header("Cache-Control", "max-age=60").body("all the same"));
    instance.get("/p").await.status(200).body("all the same");
    instance.admin(post("/purge", r#"{"all": true}"#)).await.status(503);
    assert!(instance.metric("larder_redis_breaker_open").await > 0.0);
    // On a busy machine the deadline may come before the end of a handshake.
    let failures = |failure| format!("larder_redis_failures_total{{failure=\"{failure}\"}}");
    let failed = instance.metric(&failures("away")).await + instance.metric(&failures("timed-out")).await;
    assert!(failed > 0.0, "no failure is counted");
    instance.get("/p").await.status(200).body("all the same");
    within("a write that fails", async {
        while instance.metric("larder_redis_writes_total{result=\"failed\"}").await < 1.0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let keys: Vec<String> = redis.server.command(&["KEYS", "*"]).await;
    assert_eq!(keys, Vec::<String>::new(), "nothing reaches a server that is not trusted");
}
