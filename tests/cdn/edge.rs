//! A scripted CDN, and the block that names it.

use crate::support::deadline::within;
use crate::support::expect::Response;
use crate::support::origin::Origin;
use crate::support::reply::reply;
use crate::support::{Scenario, get, post};
use serde_json::Value;
use tempfile::TempDir;

/// A CDN whose API is an origin's script: `/tags`, `/urls`, `/prefixes` and `/all`.
pub(super) struct Edge {
    pub(super) api: Origin,
    folder: TempDir,
}

impl Edge {
    /// One that does what it is told.
    pub(super) async fn start() -> Self {
        let api = Origin::start().await;
        for path in ["/tags", "/urls", "/prefixes", "/all"] {
            api.on(path, reply(200).header("X-Request-Id", &format!("id-of{}", path.replace('/', "-"))));
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("token"), "s3cret\n").expect("a fresh folder takes a file");
        Self { api, folder }
    }

    /// The block, with further keys.
    pub(super) fn block(&self, keys: &str) -> String {
        let (api, token) = (self.api.address, self.folder.path().join("token").display().to_string());
        let once = if keys.contains("repeat_after") { "" } else { "repeat_after = \"0s\"" };
        format!(
            "[[cdn]]\nname = \"edge\"\nkind = \"http\"\ntoken_file = {token:?}\n\
             headers = {{ Authorization = \"Bearer {{token}}\" }}\n\
             tags = {{ url = \"http://{api}/tags\", body = '{{\"tags\": {{tags}}}}' }}\n\
             urls = {{ method = \"PURGE\", url = \"http://{api}/urls\", body = \"{{path}}\" }}\n\
             everything = {{ url = \"http://{api}/all\" }}\n{once}\n{keys}\n"
        )
    }

    /// Waits until everything was purged so often: at the start nobody knows what was.
    pub(super) async fn until_emptied(&self, times: usize) {
        self.api.requested("/all", times).await;
    }

    /// The tags that it was told so far.
    pub(super) fn tags(&self) -> Vec<String> {
        let calls = self.api.requests("/tags");
        let named = calls.iter().flat_map(|call| {
            let body: Value = serde_json::from_slice(&call.body).expect("the body is JSON");
            let tags = body["tags"].as_array().cloned().unwrap_or_default();
            tags.into_iter().map(|tag| tag.as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
        });
        // What Larder adds is about answers whose tags are not listed, or written otherwise.
        named.filter(|tag| !tag.starts_with("larder-")).collect()
    }
}

/// `POST /purge`
pub(super) async fn purge(instance: &Scenario, json: &str) -> Response {
    instance.admin(post("/purge", json)).await
}

/// Purges, and waits for the CDN. Returns what the receipt says of it.
pub(super) async fn purge_through(instance: &Scenario, scopes: &str) -> Value {
    let answer = purge(instance, &format!("{{{scopes}, \"wait\": \"15s\", \"wait_for\": \"cdns\"}}")).await;
    answer.status(200);
    receipt(&answer)["cdns"][0].clone()
}

/// The JSON of an answer.
pub(super) fn receipt(answer: &Response) -> Value {
    serde_json::from_str(&answer.text()).expect("the admin API speaks JSON")
}

/// Waits until the receipt of a purge says of the CDN what `holds` wants. Returns that.
pub(super) async fn until_state(instance: &Scenario, id: &str, holds: impl Fn(&Value) -> bool) -> Value {
    within("the purge at the CDN", async {
        loop {
            let said = receipt(&instance.admin(get(&format!("/purges/{id}"))).await)["cdns"][0].clone();
            if holds(&said) {
                return said;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}
