//! Rules that learn: what passes through is watched, routes are proposed, and nothing comes into force by itself.

use crate::support::client::Client;
use crate::support::deadline::within;
use crate::support::expect::Response;
use crate::support::{Request, Scenario, Setup, get, post, reply, request};
use serde_json::{Value, json};
use std::net::IpAddr;
use std::path::Path;
use std::process::Output;
use tokio::process::Command;

/// What `larder init` writes: what the origin says, and nothing more.
const AS_THE_ORIGIN_SAYS: &str = "[[route]]\npath = \"/**\"\n";

/// A shop without a word on caching. Who has signed in has a greeting on pages and an account; a price is in the currency of a cookie.
async fn shop(rules: &str) -> Scenario {
    let scenario = Setup::rules(rules).start().await;
    for id in 1..=3 {
        scenario.origin.on(&format!("/products/{id}"), reply(200).body(format!("product {id}")));
    }
    scenario.origin.on_request("/catalogue", |seen| {
        let session = seen.value("Cookie").filter(|cookies| cookies.contains("sessionid="));
        let text = session.map_or_else(|| "hello".to_owned(), |session| format!("hello {session}"));
        reply(200).header("Vary", "Cookie").body(text)
    });
    scenario
        .origin
        .on_request("/prices", |seen| reply(200).body(format!("in {}", seen.value("Cookie").unwrap_or("EUR"))));
    scenario
        .origin
        .on_request("/me", |seen| reply(200).body(format!("you are {}", seen.value("Cookie").unwrap_or("nobody"))));
    scenario.origin.on("/cart", reply(200).header("Set-Cookie", "cart=1").body("a cart"));
    scenario.origin.on("/health", reply(200).body("well"));
    scenario
}

/// A request of one of several clients.
async fn fetch_as(scenario: &Scenario, client: u8, request: &Request) -> Response {
    let mut client = Client::connect_from(IpAddr::from([127, 0, 0, client]), scenario.running.data_address).await;
    client.send(request).await;
    client.response().await
}

/// One round of six clients through the shop; the first has signed in.
async fn round(scenario: &Scenario) {
    for client in 11..=16_u8 {
        let currency = if client % 2 == 0 { "currency=GBP" } else { "currency=USD" };
        let session = "sessionid=0123456789abcdef-of-alice";
        for path in ["/products/1?utm_source=letter", "/products/2", "/products/3", "/catalogue", "/cart", "/health"] {
            let asked = if client == 11 { get(path).header("Cookie", session) } else { get(path) };
            fetch_as(scenario, client, &asked).await.status(200);
        }
        fetch_as(scenario, client, &get("/prices").header("Cookie", currency)).await.status(200);
        let own = format!("sessionid=0123456789abcdef-{client}");
        fetch_as(scenario, client, &get("/me").header("Cookie", &own)).await.status(200);
    }
}

async fn learned(scenario: &Scenario) -> Value {
    serde_json::from_str(&scenario.admin(get("/learned")).await.text()).expect("it is JSON")
}

/// Goes on until something has been watched for two seconds, in which each client has been round several times.
async fn rounds(scenario: &Scenario) {
    within("two seconds of the shop's life", async {
        for done in 0.. {
            round(scenario).await;
            if done >= 4 && learned(scenario).await["watched_secs"].as_u64() >= Some(2) {
                return;
            }
        }
    })
    .await;
}

async fn until_watching(scenario: &Scenario) {
    within("a session", async {
        while learned(scenario).await["state"] != "watching" {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

async fn begin(scenario: &Scenario) -> String {
    let begun = scenario.admin(post("/learn", r#"{"for": "1h"}"#)).await;
    begun.status(202);
    begun.value("Location").expect("it says where the job is").to_owned()
}

fn paths(learned: &Value, list: &str) -> Vec<String> {
    let items = learned[list].as_array().into_iter().flatten();
    items.filter_map(|item| item["path"].as_str().map(str::to_owned)).collect()
}

#[tokio::test]
async fn what_all_share_is_proposed_with_what_counts_and_what_is_personal_is_left_out() {
    for rules in ["", AS_THE_ORIGIN_SAYS] {
        let shop = shop(rules).await;
        let job = begin(&shop).await;
        rounds(&shop).await;
        shop.admin(request("DELETE", &job)).await.status(200);
        let learned = learned(&shop).await;
        assert_eq!(learned["state"], "ended");
        assert_eq!(paths(&learned, "routes"), ["/catalogue", "/prices", "/products/{id}"], "{learned:#}");
        let text = learned["rules"].as_str().expect("it is a text").to_owned();
        larder::testing::config::check_rules_text(&text).unwrap_or_else(|errors| panic!("{errors}\n{text}"));
        assert!(!text.contains("alice") && !text.contains("0123"), "{text}");

        // In force because somebody has put it there, it gives everyone their own and shares what is everyone's.
        std::fs::write(shop.rules_file(), &text).expect("the file takes it");
        shop.admin(post("/reload", "{}")).await.status(200);
        let is_hit = |response: &Response| response.head.value("Cache-Status").is_some_and(|it| it.contains("; hit"));
        shop.until("a hit", &get("/products/1"), is_hit).await.body("product 1");
        shop.until("a hit", &get("/catalogue"), is_hit).await.body("hello");
        for who in ["sessionid=0123456789abcdef-bob", "sessionid=0123456789abcdef-eve"] {
            let page = shop.fetch(&get("/catalogue").header("Cookie", who)).await;
            page.not_a_hit().body(format!("hello {who}"));
            shop.fetch(&get("/me").header("Cookie", who)).await.not_a_hit().body(format!("you are {who}"));
        }
        for currency in ["currency=GBP", "currency=USD"] {
            let asked = get("/prices").header("Cookie", currency);
            shop.until("a hit", &asked, is_hit).await.body(format!("in {currency}"));
        }
    }
}

#[tokio::test]
async fn what_rules_decide_already_teaches_nothing_and_that_is_said() {
    let shop = shop("[[route]]\npath = \"/**\"\nttl = \"1m\"\ncookies = []\n").await;
    let job = begin(&shop).await;
    round(&shop).await;
    shop.admin(request("DELETE", &job)).await.status(200);
    let learned = learned(&shop).await;
    let passed = |why: &str| learned["passed_over"][why].as_u64().unwrap_or_default();
    assert!(passed("decided-by-rules") > 0, "{learned:#}");
    // What sets a cookie is fetched for each, but the rule has taken cookies out of what the origin saw.
    assert_eq!((&learned["answers"], paths(&learned, "routes").len()), (&0.into(), 0), "{learned:#}");
}

#[tokio::test]
async fn one_session_runs_at_a_time_and_wrong_input_is_named() {
    let shop = shop("").await;
    assert_eq!(learned(&shop).await["state"], "idle");
    for (body, said) in [
        (r#"{"for": "soon"}"#, "it is no duration from 1s to 24h"),
        (r#"{"for": "25h"}"#, "it is no duration from 1s to 24h"),
        (r#"{"for": 10}"#, "it is no duration"),
        (r#"{"min_clients": 0}"#, "it is no whole number from 1"),
        (r#"{"min_answers": "many"}"#, "it is no whole number from 1"),
        (r#"{"min_answers": null}"#, "it is no whole number from 1"),
        (r#"{"until": "1h"}"#, "unknown field"),
        ("[]", "not a JSON object"),
    ] {
        let refused = shop.admin(post("/learn", body)).await;
        refused.status(400);
        assert!(refused.text().contains(said), "{body}: {}", refused.text());
    }
    let job = begin(&shop).await;
    assert_eq!(learned(&shop).await["state"], "watching");
    shop.admin(post("/learn", "{}")).await.status(409);
    shop.admin(request("DELETE", &job)).await.status(200);
    begin(&shop).await;
}

/// `larder learn` with these arguments, against this instance.
async fn learn(scenario: &Scenario, folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
    command.arg("learn").args(arguments).args(["--admin-url", &scenario.running.admin_address.to_string()]);
    within(arguments.join(" "), command.current_dir(folder).output()).await.expect("it runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test]
async fn the_command_writes_a_file_that_holds_but_never_among_the_rules() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let shop = shop("").await;
    let nothing = learn(&shop, folder.path(), &["--show"]).await;
    assert_eq!((nothing.status.code(), text(&nothing.stdout)), (Some(1), String::new()), "{nothing:?}");

    let visitors = async {
        until_watching(&shop).await;
        rounds(&shop).await;
        let jobs = shop.admin(get("/jobs")).await.text();
        let jobs: Value = serde_json::from_str(&jobs).expect("it is JSON");
        let id = jobs["jobs"][0]["id"].as_str().expect("a job has an id");
        shop.admin(request("DELETE", &format!("/jobs/{id}"))).await.status(200);
    };
    let arguments = ["--for", "1h", "--min-clients", "2", "--out", "learned.toml"];
    let (done, ()) = tokio::join!(learn(&shop, folder.path(), &arguments), visitors);
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    assert!(text(&done.stdout).contains("3 routes proposed"), "{done:?}");
    let written = std::fs::read_to_string(folder.path().join("learned.toml")).expect("it is there");
    larder::testing::config::check_rules_text(&written).unwrap_or_else(|errors| panic!("{errors}\n{written}"));

    let shown = learn(&shop, folder.path(), &["--show"]).await;
    assert_eq!((shown.status.code(), text(&shown.stdout).trim_end()), (Some(0), written.trim_end()));
    let shown = learn(&shop, folder.path(), &["--show", "--json"]).await;
    let json: Value = serde_json::from_slice(&shown.stdout).expect("it is JSON");
    assert_eq!((&json["state"], &json["min_clients"]), (&json!("ended"), &json!(2)));
    let again = learn(&shop, folder.path(), &["--show", "--out", "learned.toml"]).await;
    assert!(again.status.code() == Some(1) && text(&again.stderr).contains("is there already"), "{again:?}");
    let wrong = learn(&shop, folder.path(), &["--for", "soon"]).await;
    assert!(wrong.status.code() == Some(1) && text(&wrong.stderr).contains("for: it is no duration"), "{wrong:?}");
}

#[tokio::test]
async fn a_file_in_the_rules_folder_is_refused_before_anything_is_watched() {
    let origin = crate::support::origin::Origin::start().await;
    let folder = Setup::rules("").before(origin.address).folder();
    let rules = folder.path().join("rules");
    std::fs::create_dir(&rules).expect("a fresh folder takes another");
    std::fs::rename(folder.path().join("rules.toml"), rules.join("10-first.toml")).expect("it moves");
    let proxy = folder.path().join("proxy.toml");
    let configuration = std::fs::read_to_string(&proxy).expect("it is there");
    std::fs::write(&proxy, configuration.replace("rules = \"rules.toml\"", "rules = \"rules\""))
        .expect("it is written");
    let served = crate::support::served::Served::start(folder).await;
    let out = rules.join("learned.toml");
    let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
    command.args(["learn", "--for", "1h", "--admin-url", &served.admin_address.to_string(), "--out"]).arg(&out);
    let refused = within("the refusal", command.output()).await.expect("it runs");
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(text(&refused.stderr).contains("lies in the rules folder") && !out.exists(), "{refused:?}");
}
