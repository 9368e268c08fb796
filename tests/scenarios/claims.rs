//! `claims`: answers shared by what verified bearer tokens claim, and by nothing else.

use crate::support::expect::Response;
use crate::support::tokens::{Signer, key_set};
use crate::support::{Barrier, Request, Scenario, Setup, get, post, reply, request};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

const PRICES: &str = "claims = [\"group\"]\nttl = \"1m\"\ncookies = []\n";

/// A shop whose prices differ by group, and the issuer of its customers' tokens.
struct Shop {
    scenario: Scenario,
    signer: Signer,
    folder: TempDir,
}

impl Shop {
    async fn open(keys: &str) -> Self {
        let shop = Self::before_origin(keys).await;
        shop.scenario.origin.on_request("/prices", |seen| {
            let token = seen.value("Authorization").unwrap_or("none");
            reply(200).header("ETag", "\"p\"").body(format!("prices for {}", group_in(token)))
        });
        shop
    }

    async fn before_origin(keys: &str) -> Self {
        let (folder, signer) = (TempDir::new().expect("a temporary folder"), Signer::new("k", "ES256"));
        let file = folder.path().join("keys.json");
        std::fs::write(&file, key_set(&[&signer])).expect("a fresh folder takes a file");
        let scenario = Setup::route(keys).section(&trusting(&file.display().to_string())).start().await;
        Self { scenario, signer, folder }
    }

    fn token(&self, change: &Value) -> String {
        self.signer.token(&claims(change))
    }

    /// A request of a customer of this group.
    fn of(&self, group: &str, customer: &str) -> Request {
        bearing(&self.token(&json!({ "group": group, "sub": customer })))
    }
}

fn trusting(jwks: &str) -> String {
    format!(
        "[jwt]\njwks = {jwks:?}\nissuer = \"https://id.example.com\"\naudience = [\"shop\"]\nalgorithms = [\"ES256\"]\n\
         leeway = \"0s\"\n"
    )
}

fn seconds_from_now(seconds: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970").as_secs();
    i64::try_from(now).expect("a time of this age") + seconds
}

fn claims(change: &Value) -> Value {
    let mut claims = json!({ "iss": "https://id.example.com", "aud": "shop", "exp": seconds_from_now(3600) });
    for (name, value) in change.as_object().expect("claims are an object") {
        claims[name] = value.clone();
    }
    claims
}

fn bearing(token: &str) -> Request {
    get("/prices").header("Authorization", &format!("Bearer {token}"))
}

/// What an origin reads of a token without checking it.
fn group_in(authorization: &str) -> String {
    use base64::Engine as _;
    let payload = authorization.split('.').nth(1).unwrap_or_default();
    let decoded = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap_or_default();
    let claims: Value = serde_json::from_slice(&decoded).unwrap_or_default();
    claims["group"].as_str().unwrap_or("nobody").to_owned()
}

#[tokio::test]
async fn a_price_list_is_shared_within_a_group_and_never_beyond() {
    let shop = Shop::open(PRICES).await;
    for group in ["gold", "silver"] {
        let body = format!("prices for {group}");
        shop.scenario.fetch(&shop.of(group, "ada")).await.status(200).forwarded("uri-miss").says("stored").body(&body);
        for customer in ["ada", "bob", "eve"] {
            shop.scenario.fetch(&shop.of(group, customer)).await.hit().body(&body);
        }
    }
    shop.scenario.origin.saw("/prices", 2);
    let seen = shop.scenario.origin.requests("/prices");
    assert!(
        seen[0].value("Authorization").is_some_and(|sent| sent.starts_with("Bearer ")),
        "the origin gets the token"
    );
}

#[tokio::test]
async fn a_request_without_a_token_that_is_believed_passes_by_with_its_reason() {
    let shop = Shop::open(PRICES).await;
    shop.scenario.fetch(&shop.of("gold", "ada")).await.body("prices for gold");
    let stranger = Signer::new("k", "ES256");
    let gold = |change: Value| {
        let mut all = json!({ "group": "gold" });
        all.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        bearing(&shop.token(&all))
    };
    let rows = [
        (get("/prices"), "token-missing"),
        (get("/prices").header("Authorization", "Basic YTpi"), "token-missing"),
        (bearing("not.a.token"), "token-malformed"),
        (gold(json!({})).header("Authorization", "Bearer x"), "token-malformed"),
        (gold(json!({})).header("Connection", "authorization"), "token-malformed"),
        (bearing(&stranger.token(&claims(&json!({ "group": "gold" })))), "token-signature"),
        (bearing(&Signer::new("k", "EdDSA").token(&claims(&json!({ "group": "gold" })))), "token-algorithm"),
        (bearing(&Signer::new("other", "ES256").token(&claims(&json!({ "group": "gold" })))), "token-key-unknown"),
        (gold(json!({ "iss": "https://evil.example" })), "token-issuer"),
        (gold(json!({ "aud": "bank" })), "token-audience"),
        (gold(json!({ "exp": seconds_from_now(-1) })), "token-expired"),
        (gold(json!({ "nbf": seconds_from_now(3000) })), "token-not-yet-valid"),
        (gold(json!({ "cnf": { "jkt": "x" } })), "token-bound"),
        (gold(json!({ "group": null })), "token-claim"),
        (bearing(&shop.token(&json!({}))), "token-claim"),
    ];
    for (number, (request, reason)) in rows.into_iter().enumerate() {
        for _ in 0..2 {
            shop.scenario.fetch(&request).await.status(200).forwarded("bypass").detail(reason);
        }
        shop.scenario.origin.saw("/prices", 1 + 2 * (number + 1));
    }
    shop.scenario.fetch(&shop.of("gold", "bob")).await.hit().body("prices for gold");
    let only = get("/prices").header("Cache-Control", "only-if-cached");
    shop.scenario.fetch(&only).await.problem(504).detail("only-if-cached");
}

#[tokio::test]
async fn on_one_connection_each_request_is_answered_by_its_own_token() {
    let shop = Shop::open(PRICES).await;
    let mut client = shop.scenario.connect().await;
    for group in ["gold", "silver", "gold", "silver"] {
        client.send(&shop.of(group, "ada")).await;
        client.response().await.body(format!("prices for {group}"));
        client.send(&get("/prices")).await;
        client.response().await.forwarded("bypass").detail("token-missing").body("prices for nobody");
    }
}

#[tokio::test]
async fn a_fetch_is_shared_by_those_who_claim_the_same() {
    let shop = Shop::before_origin(PRICES).await;
    let gate = Barrier::new();
    let held = gate.clone();
    shop.scenario.origin.on_request("/prices", move |seen| {
        let group = group_in(seen.value("Authorization").unwrap_or_default());
        reply(200).chunked().body(format!("for {group}: ")).wait(&held).body("all")
    });
    let mut clients = Vec::new();
    for (group, customer) in [("gold", "ada"), ("silver", "bob"), ("gold", "eve"), ("silver", "dan")] {
        let mut client = shop.scenario.begin(&shop.of(group, customer)).await;
        client.body_so_far(&format!("for {group}: ")).await;
        clients.push((group, client));
    }
    gate.open();
    for (group, client) in &mut clients {
        client.response().await.status(200).body(format!("for {group}: all"));
    }
    shop.scenario.origin.saw("/prices", 2);
}

#[tokio::test]
async fn heads_ranges_conditions_and_bodies_are_answered_by_the_claims() {
    let shop = Shop::open(&format!("{PRICES}body_key = \"json\"\n")).await;
    shop.scenario.fetch(&shop.of("gold", "ada")).await.body("prices for gold");
    let bob = shop.token(&json!({ "group": "gold", "sub": "bob" }));
    let with = |request: Request| request.header("Authorization", &format!("Bearer {bob}"));
    shop.scenario.fetch(&with(request("HEAD", "/prices"))).await.status(200).hit();
    shop.scenario.fetch(&with(get("/prices")).header("Range", "bytes=0-5")).await.status(206).hit().body("prices");
    shop.scenario.fetch(&with(get("/prices")).header("If-None-Match", "\"p\"")).await.status(304).hit();
    let search = |request: Request| request.header("Content-Type", "application/json");
    shop.scenario.fetch(&search(with(post("/prices", "{}")))).await.not_a_hit().body("prices for gold");
    shop.scenario.fetch(&search(with(post("/prices", "{ }")))).await.hit().body("prices for gold");
    let silver = shop.token(&json!({ "group": "silver" }));
    let other = search(post("/prices", "{}")).header("Authorization", &format!("Bearer {silver}"));
    shop.scenario.fetch(&other).await.not_a_hit().body("prices for silver");
}

#[tokio::test]
async fn other_credentials_stay_their_clients_own() {
    let shop = Shop::open(PRICES).await;
    shop.scenario.fetch(&shop.of("gold", "ada")).await.says("stored");
    for _ in 0..2 {
        let with_key = shop.of("silver", "ada").header("X-Api-Key", "secret");
        shop.scenario.fetch(&with_key).await.not_a_hit().detail("authorization");
    }
    let rules = "claims = [\"group\"]\nttl = \"1m\"\n";
    let shop = Shop::open(rules).await;
    for _ in 0..2 {
        let with_cookie = shop.of("gold", "ada").header("Cookie", "sid=1");
        shop.scenario.fetch(&with_cookie).await.not_a_hit().detail("cookie-undecided");
    }
}

#[tokio::test]
async fn what_the_origin_says_is_for_one_token_alone_is_not_shared() {
    for (answer, reason) in [
        (reply(200).header("Cache-Control", "private, max-age=60"), "response-private"),
        (reply(200).header("Cache-Control", "no-store"), "response-no-store"),
        (reply(200).header("Vary", "Accept, Authorization"), "vary-token"),
        (reply(200).header("Set-Cookie", "sid=1"), "set-cookie"),
        (reply(401).header("Cache-Control", "max-age=60"), "token-refused"),
    ] {
        let shop = Shop::before_origin(PRICES).await;
        shop.scenario.origin.on("/prices", answer.body("mine"));
        for customer in ["ada", "bob"] {
            shop.scenario.fetch(&shop.of("gold", customer)).await.not_a_hit().detail(reason);
        }
        shop.scenario.origin.saw("/prices", 2);
    }
}

#[tokio::test]
async fn a_purge_takes_the_answers_for_all_groups_and_so_does_a_write() {
    let shop = Shop::open(PRICES).await;
    let [gold, silver] = [shop.of("gold", "ada"), shop.of("silver", "bob")];
    let write = post("/prices", "{}");
    for way in ["url", "all", "write"] {
        for request in [&gold, &silver] {
            shop.scenario.fetch(request).await.says("stored");
            shop.scenario.fetch(request).await.hit();
        }
        match way {
            "url" => shop.scenario.purge(&json!({ "urls": ["/prices"] }).to_string()).await,
            "all" => shop.scenario.purge(r#"{"all": true}"#).await,
            _ => {
                shop.scenario.fetch(&write).await.status(200);
            }
        }
        for request in [&gold, &silver] {
            shop.scenario.fetch(request).await.not_a_hit();
        }
        shop.scenario.purge(r#"{"all": true}"#).await;
    }
}

#[tokio::test]
async fn nothing_is_refreshed_without_a_client() {
    let shop = Shop::before_origin("claims = [\"group\"]\n").await;
    let stale = reply(200).header("Cache-Control", "public, max-age=8, stale-while-revalidate=600").header("Age", "10");
    shop.scenario.origin.on("/prices", stale.body("old"));
    for customer in ["ada", "bob"] {
        shop.scenario.fetch(&shop.of("gold", customer)).await.not_a_hit().body("old");
    }
    shop.scenario.origin.saw("/prices", 2);
}

#[tokio::test]
async fn explain_says_what_is_claimed_and_never_the_token() {
    let shop = Shop::open(PRICES).await;
    let token = shop.token(&json!({ "group": { "b": 2, "a": [1] } }));
    let url = "/explain?url=http%3A%2F%2Fshop%2Fprices";
    let explained = shop.scenario.admin(get(url).header("X-Explain-Authorization", &format!("Bearer {token}"))).await;
    let text = explained.text();
    let said: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(said["claims"], json!({ "iss": "https://id.example.com", "group": { "a": [1], "b": 2 } }), "{text}");
    assert!(!text.contains(&token) && !text.contains(token.rsplit('.').next().expect("a part")), "{text}");
    let without: Value = serde_json::from_str(&shop.scenario.admin(get(url)).await.text()).expect("JSON");
    assert_eq!(without["would"]["reason"], "token-missing");
    assert_eq!(without["claims"], Value::Null);
}

#[tokio::test]
async fn a_key_that_is_new_is_found_and_one_that_was_taken_back_is_believed_no_more() {
    let shop = Shop::open(PRICES).await;
    shop.scenario.fetch(&shop.of("gold", "ada")).await.says("stored");
    let next = Signer::new("next", "ES256");
    std::fs::write(shop.folder.path().join("keys.json"), key_set(&[&next])).expect("the file is written");
    let request = bearing(&next.token(&claims(&json!({ "group": "gold" }))));
    // The first such token has the keys read again.
    shop.scenario.until("the new key is there", &request, Response::is_hit).await.body("prices for gold");
    shop.scenario.fetch(&shop.of("gold", "ada")).await.forwarded("bypass").detail("token-key-unknown");
    std::fs::write(shop.folder.path().join("keys.json"), "<html>").expect("the file is written");
    shop.scenario.admin(post("/reload", "{}")).await.status(200);
    let metric = "larder_jwks_refreshes_total{result=\"failed\"}";
    crate::support::deadline::within("the reading has failed", async {
        while shop.scenario.metric(metric).await < 1.0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(shop.scenario.metric("larder_jwks_keys").await > 0.5, "the last good keys stay");
    shop.scenario.fetch(&request).await.hit();
}

#[tokio::test]
async fn keys_are_fetched_from_a_url() {
    let issuer = crate::support::origin::Origin::start().await;
    let signer = Signer::new("k", "ES256");
    issuer.on_each("/keys", [reply(503).body("later"), reply(200).body(key_set(&[&signer]))]);
    let url = format!("http://{}/keys", issuer.address);
    let scenario = Setup::route(PRICES).section(&trusting(&url)).start().await;
    scenario.origin.on("/prices", reply(200).body("prices"));
    let request = bearing(&signer.token(&claims(&json!({ "group": "gold" }))));
    // What failed at the start is tried again, and a token that names an unknown key has it tried at once.
    scenario.until("the keys are there", &request, Response::is_hit).await.body("prices");
    let asked = issuer.requests("/keys");
    assert_eq!((asked[0].method.as_str(), asked[0].value("Authorization")), ("GET", None));
}
