//! Processes of one shop: what clients and operators ask of them.

use crate::support::client::Client;
use crate::support::deadline::within;
use crate::support::expect::Response;
use crate::support::request::Request;
use crate::support::served::Served;
use crate::support::{Setup, get, post};
use std::path::PathBuf;

/// The host that clients ask for, whichever process answers.
pub(super) const HOST: &str = "shop.example.com";

/// The name of the snapshot in the folder of the configuration.
const SNAPSHOT: &str = "var/larder.snapshot";

/// The socket at which a process is asked for its place.
const SOCKET: &str = "takeover.sock";

/// A shop whose processes leave a snapshot; each answer has a tag of its path and one of all.
pub(super) fn setup(route: &str) -> Setup {
    Setup::route(&format!("ttl = \"1h\"\ntags = [\"all\"]\n{route}")).memory_keys(&format!("snapshot = \"{SNAPSHOT}\""))
}

/// As [`setup`], for processes that take the place of one another.
pub(super) fn taking_over(route: &str) -> Setup {
    setup(route).listen(&format!("takeover = \"{SOCKET}\""))
}

/// Where a process is asked for its place.
pub(super) fn socket(served: &Served) -> PathBuf {
    served.folder().join(SOCKET)
}

/// Where it lies.
pub(super) fn snapshot(served: &Served) -> PathBuf {
    served.folder().join(SNAPSHOT)
}

pub(super) fn asking(target: &str) -> Request {
    get(target).header("Host", HOST)
}

pub(super) async fn ask(served: &Served, target: &str) -> Response {
    served.fetch(&asking(target)).await
}

/// `POST` to the admin port.
pub(super) async fn admin(served: &Served, path: &str, json: &str) -> Response {
    let mut client = Client::connect(served.admin_address).await;
    let request = post(path, json).header("Host", &served.admin_address.to_string());
    client.send(&request.header("Content-Type", "application/json")).await;
    client.response().await
}

pub(super) async fn purge(served: &Served, json: &str) {
    admin(served, "/purge", json).await.status(200);
}

/// Waits until it has logged this.
pub(super) async fn logged(served: &Served, part: &str) {
    within(part, async {
        while !served.log().contains(part) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Another process in the place of one that has stopped, once it has taken up what that has left.
pub(super) async fn next(before: &mut Served) -> Served {
    before.stop().await;
    let next = before.again(&[]).await;
    logged(&next, "the snapshot is in memory").await;
    next
}
