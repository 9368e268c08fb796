//! Who may do what by the admin API: tokens with names, scopes and tags, and the log of what they did.

use crate::support::deadline::within;
use crate::support::expect::Response;
use crate::support::request::Request;
use crate::support::{Scenario, Setup, get, post, reply};
use serde_json::Value;
use tempfile::TempDir;

const RULES: &str = "[[route]]\nname = \"shop\"\npath = \"/**\"\nttl = \"1m\"\ntags = [\"all\"]\ncookies = []\n";

/// Callers with a scope each, by the name of their token, which is the name and `-secret`.
const SCOPES: [&str; 8] = ["read", "purge", "events", "warm", "rules", "switch", "upstreams", "all"];

struct House {
    scenario: Scenario,
    tokens: TempDir,
}

impl House {
    async fn build() -> Self {
        let tokens = TempDir::new().expect("a temporary folder");
        let file = |name: &str| tokens.path().join(name).display().to_string();
        let mut listed = Vec::new();
        for name in SCOPES.into_iter().chain(["root", "shop"]) {
            std::fs::write(tokens.path().join(name), format!("{name}-secret\n")).expect("the folder is ours");
        }
        for name in SCOPES {
            let entry = format!("{{ name = \"{name}\", file = \"{}\", may = [\"{name}\"] }},", file(name));
            listed.push(entry);
        }
        let shop = file("shop");
        listed.push(format!(
            "{{ name = \"shop\", file = \"{shop}\", may = [\"read\", \"purge\"], tags = [\"product:*\", \"home\"] }}"
        ));
        let keys = format!("token_file = \"{}\"\ntokens = [\n{}\n]", file("root"), listed.join("\n"));
        let scenario = Setup::rules(RULES).admin(&keys).start().await;
        Self { scenario, tokens }
    }

    async fn by(&self, name: &str, request: Request) -> Response {
        self.scenario.admin(request.header("Authorization", &format!("Bearer {name}-secret"))).await
    }
}

fn is(answer: &Response, status: u16) -> bool {
    answer.head.first_line.contains(&format!(" {status} "))
}

#[tokio::test]
async fn a_token_makes_the_calls_of_its_scope_and_no_others() {
    let house = House::build().await;
    let calls = [
        ("read", get("/stats")),
        ("read", get("/audit")),
        ("read", get("/routes")),
        ("read", post("/rules/check", RULES).header("X-No", "1")),
        ("purge", post("/purge", r#"{"tags": ["a"]}"#)),
        ("events", post("/events", r#"{"type": "a"}"#)),
        ("rules", post("/reload", "")),
        ("switch", post("/routes/shop/switch", r#"{"mode": "normal"}"#)),
        ("upstreams", post("/upstreams/default/nowhere/drain", "{}")),
    ];
    for (scope, call) in calls {
        for name in SCOPES.into_iter().chain(["root"]) {
            let answer = house.by(name, call.clone()).await;
            let may = name == scope || name == "all" || name == "root";
            let says = format!("the token `{name}` lacks the scope `{scope}`");
            assert_eq!(answer.text().contains(&says), !may, "{name}: {}", answer.text());
            assert_eq!(is(&answer, 403), !may, "{name}: {}", answer.text());
        }
        house.by("nobody", call).await.problem(401);
    }
    house.scenario.admin(get("/healthz")).await.status(200);
}

#[tokio::test]
async fn a_token_with_tags_purges_those_tags_and_nothing_else() {
    let house = House::build().await;
    for (json, field) in [
        (r#"{"tags": ["product:42", "product:", "home"]}"#, None),
        (r#"{"tags": ["product:42"], "soft": true, "all": false, "urls": []}"#, None),
        (r#"{"tags": ["product:42", "products"]}"#, Some("tags[1]")),
        (r#"{"tags": ["all"]}"#, Some("tags[0]")),
        (r#"{"tags": ["home"], "urls": ["/p"]}"#, Some("urls")),
        (r#"{"prefixes": ["/"]}"#, Some("prefixes")),
        (r#"{"routes": ["shop"]}"#, Some("routes")),
        (r#"{"all": true}"#, Some("all")),
    ] {
        let answer = house.by("shop", post("/purge", json)).await;
        match field {
            None => drop(answer.status(200)),
            Some(field) => {
                answer.problem(403);
                assert!(answer.text().contains(&format!("\"field\":\"{field}\"")), "{json}: {}", answer.text());
            }
        }
    }
}

#[tokio::test]
async fn a_token_is_replaced_and_withdrawn_by_its_file() {
    let house = House::build().await;
    let file = house.tokens.path().join("purge");
    let purge = || post("/purge", r#"{"tags": ["a"]}"#);
    let until = async |name: &str, status: u16| {
        within("the file being read again", async {
            while !is(&house.by(name, purge()).await, status) {
                tokio::task::yield_now().await;
            }
        })
        .await;
    };
    house.by("purge", purge()).await.status(200);
    std::fs::write(&file, "another-secret\n").expect("the folder is ours");
    until("purge", 401).await;
    until("another", 200).await;
    std::fs::remove_file(&file).expect("the folder is ours");
    until("another", 401).await;
    std::fs::write(&file, "").expect("the folder is ours");
    until("", 401).await;
    std::fs::write(&file, "purge-secret").expect("the folder is ours");
    until("purge", 200).await;
    // The one token as well, and never does everyone get in.
    std::fs::remove_file(house.tokens.path().join("root")).expect("the folder is ours");
    until("root", 401).await;
    house.scenario.admin(purge()).await.problem(401);
}

#[tokio::test]
async fn a_session_may_do_what_its_token_may_and_ends_with_it() {
    let house = House::build().await;
    let address = house.scenario.running.admin_address.to_string();
    let login = async |token: &str| {
        let mut client = crate::support::client::Client::connect(house.scenario.running.admin_address).await;
        let form = post("/login", &format!("token={token}")).header("Host", &address);
        let form = form.header("Content-Type", "application/x-www-form-urlencoded");
        client.send(&form.header("Origin", &format!("http://{address}"))).await;
        let answer = client.response().await;
        answer.value("Set-Cookie").map(|cookie| cookie.split(';').next().unwrap_or_default().to_owned())
    };
    assert_eq!(login("nobody-secret").await, None);
    let cookie = login("read-secret").await.expect("a session");
    let by = async |request: Request| {
        let request = request.header("Cookie", &cookie).header("Origin", &format!("http://{address}"));
        house.scenario.admin(request).await
    };
    by(get("/stats")).await.status(200);
    by(post("/purge", r#"{"all": true}"#)).await.problem(403);
    std::fs::remove_file(house.tokens.path().join("read")).expect("the folder is ours");
    within("the session's end", async {
        while !is(&by(get("/stats")).await, 401) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn what_was_changed_or_refused_is_in_the_audit_log_with_its_name() {
    let house = House::build().await;
    house.scenario.origin.on("/p", reply(200));
    let purged = house.by("shop", post("/purge", r#"{"tags": ["product:1", "product:2"]}"#)).await;
    house.by("shop", post("/purge", r#"{"all": true}"#)).await.problem(403);
    house.by("read", post("/reload", "")).await.problem(403);
    house.by("switch", post("/routes/shop/switch", r#"{"mode": "freeze", "for": "1m"}"#)).await.status(200);
    house.by("read", get("/stats")).await.status(200);
    let said: Value = serde_json::from_str(&house.by("read", get("/audit")).await.text()).expect("it is JSON");
    let rows = said["calls"].as_array().expect("a list").iter().map(|call| {
        let text = |field: &str| call[field].as_str().unwrap_or_default().to_owned();
        (text("who"), text("call"), text("subject"), call["status"].as_u64().unwrap_or_default())
    });
    let row =
        |who: &str, call: &str, subject: &str, status| (who.to_owned(), call.to_owned(), subject.to_owned(), status);
    let receipt: Value = serde_json::from_str(&purged.text()).expect("it is JSON");
    let subject = format!("hard purge {}: tag product:1, tag product:2", receipt["id"].as_str().expect("an id"));
    let expected = [
        row("switch", "POST /routes/{name}/switch", "/routes/shop/switch", 200),
        row("read", "POST /reload", "/reload", 403),
        row("shop", "POST /purge", "/purge", 403),
        row("shop", "POST /purge", &subject, 200),
    ];
    assert_eq!(rows.collect::<Vec<_>>(), expected);
    assert_eq!(purged.value("X-Request-Id"), said["calls"][3]["request_id"].as_str());
    let routes: Value = serde_json::from_str(&house.by("read", get("/routes")).await.text()).expect("it is JSON");
    assert_eq!(routes["switches"][0]["who"], "switch");
}
