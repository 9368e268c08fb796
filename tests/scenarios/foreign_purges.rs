//! The purges of other caches, from who may make them.

use crate::support::expect::Response;
use crate::support::request::Request;
use crate::support::{Scenario, Setup, get, reply, request};

const RULES: &str = "[[route]]\nname = \"shop\"\npath = \"/**\"\nttl = \"1m\"\ntags = [\"page\"]\ncookies = []\n";
const HOST: &str = "shop.example.com";

struct House {
    scenario: Scenario,
    _folder: tempfile::TempDir,
}

impl House {
    /// With a token that may purge `page` and one that may read, and these further keys.
    async fn build(keys: &str) -> Self {
        let folder = tempfile::TempDir::new().expect("a temporary folder");
        let file = |name: &str| {
            let file = folder.path().join(name);
            std::fs::write(&file, format!("{name}-secret")).expect("the folder is ours");
            file.display().to_string()
        };
        let tokens = format!(
            "tokens = [{{ name = \"pages\", file = \"{}\", may = [\"purge\"], tags = [\"page\"] }}, \
             {{ name = \"reader\", file = \"{}\", may = [\"read\"] }}, {{ name = \"root\", file = \"{}\", may = [\"all\"] }}]",
            file("pages"),
            file("reader"),
            file("root")
        );
        let scenario = Setup::rules(RULES).admin(&format!("{tokens}\n{keys}")).start().await;
        scenario.origin.on("/p", reply(200).body("p"));
        Self { scenario, _folder: folder }
    }

    /// Asks the admin port with the shop's host.
    async fn ask(&self, request: Request) -> Response {
        let mut client = crate::support::client::Client::connect(self.scenario.running.admin_address).await;
        client.send(&request.header("Host", HOST)).await;
        client.response().await
    }

    /// Checks what a purge is answered, and that it takes what is stored where it is done, and nothing elsewhere.
    async fn check(&self, request: Request, status: u16) {
        let page = get("/p").header("Host", HOST);
        self.scenario.fetch(&page).await.status(200);
        self.scenario.fetch(&page).await.hit();
        self.ask(request).await.status(status);
        let after = self.scenario.fetch(&page).await;
        assert_eq!(after.is_hit(), status != 200, "{after}");
    }
}

#[tokio::test]
async fn a_purge_wants_a_token_that_may_purge_what_it_names() {
    let house = House::build("").await;
    let key = |request: Request, name: &str| request.header("Fastly-Key", &format!("{name}-secret"));
    let purge = || request("PURGE", "/p");
    let tag = || request("PURGE", "/").header("xkey-purge", "page");
    house.check(key(purge(), "root"), 200).await;
    house.check(purge().header("Authorization", "Bearer root-secret"), 200).await;
    house.check(key(tag(), "pages"), 200).await;
    for (refused, status) in [
        (purge(), 401),
        (key(purge(), "nobody"), 401),
        (key(purge(), "reader"), 403),
        (key(purge(), "pages"), 403),
        (key(request("PURGE", "/").header("xkey-purge", "page other"), "pages"), 403),
        (key(request("POST", "/service/S/purge_all"), "pages"), 403),
        (key(request("BAN", "/").header("x-url", "\\.html$"), "root"), 400),
        (key(purge(), "root").header("Origin", "http://shop.example.com"), 403),
        (key(purge(), "root").header("Sec-Fetch-Site", "same-origin"), 403),
    ] {
        house.check(refused, status).await;
    }
    // Other calls want the listener's own name as before.
    house.ask(get("/stats").header("Authorization", "Bearer root-secret")).await.problem(421);
}

#[tokio::test]
async fn a_refusal_is_in_the_form_that_each_client_reads() {
    let house = House::build("").await;
    let root = |request: Request| request.header("Fastly-Key", "root-secret");
    let fastly = house.ask(root(request("POST", "/service/S/purge"))).await;
    assert!(fastly.text().contains("\"msg\":\"Bad Request\""), "{fastly}");
    let cloudflare = house.ask(root(request("POST", "/client/v4/zones/Z/purge_cache").body("{}"))).await;
    assert!(cloudflare.text().contains("\"success\":false"), "{cloudflare}");
    house.ask(root(request("PURGEKEYS", "/"))).await.problem(400);
}

#[tokio::test]
async fn from_a_named_address_no_token_is_wanted_for_purges_alone() {
    let house = House::build("purge_from = [\"127.0.0.0/8\"]").await;
    house.check(request("PURGE", "/p"), 200).await;
    house.check(request("POST", "/service/S/purge/page"), 200).await;
    house.check(request("PURGE", "/p").header("Origin", "http://evil.example"), 403).await;
    house.ask(get("/stats")).await.problem(401);
    let own = house.scenario.running.admin_address.to_string();
    let purge = request("POST", "/purge").header("Host", &own).header("Content-Type", "application/json");
    let mut client = crate::support::client::Client::connect(house.scenario.running.admin_address).await;
    client.send(&purge.body("{\"all\": true}")).await;
    client.response().await.problem(401);
    let elsewhere = House::build("purge_from = [\"192.0.2.0/24\"]").await;
    elsewhere.check(request("PURGE", "/p"), 401).await;
}
