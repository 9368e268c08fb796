//! The shipped rules for a framework, in front of a real one: Django, with its sessions and its CSRF middleware.

use crate::run;
use crate::support::deadline::within;
use crate::support::expect::Response;
use crate::support::{Request, Scenario, Setup, get, post, request};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// The shipped rules.
const SHIPPED: &str = include_str!("../../rules/20-framework.toml");

/// The shop; it ends with the value.
async fn django() -> (Child, SocketAddr) {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    run(&mut Command::new(root.join("scripts/install-django.sh"))).await;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let mut process = Command::new(target.join("tools/django/bin/python"))
        .arg(root.join("tests/real_upstream/django_shop.py"))
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("Django starts");
    let mut said = BufReader::new(process.stdout.take().expect("piped above")).lines();
    let line = within("Django's address", said.next_line()).await.expect("text").expect("Django goes on");
    (process, line.parse().expect("an address"))
}

/// A visitor with a cookie jar.
#[derive(Default)]
struct Browser {
    jar: BTreeMap<String, String>,
}

impl Browser {
    async fn fetch(&mut self, shop: &Scenario, request: Request) -> Response {
        let cookies: Vec<String> = self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = if cookies.is_empty() { request } else { request.header("Cookie", &cookies.join("; ")) };
        let response = shop.fetch(&request).await;
        for line in response.head.values("Set-Cookie") {
            let pair = line.split(';').next().unwrap_or_default();
            let (name, value) = pair.split_once('=').expect("a cookie has a name");
            self.jar.insert(name.to_owned(), value.to_owned());
        }
        response
    }

    async fn get(&mut self, shop: &Scenario, path: &str) -> Response {
        self.fetch(shop, get(path)).await
    }

    /// Opens a page with a form and returns the form's token.
    async fn open_form(&mut self, shop: &Scenario, path: &str) -> String {
        let page = self.get(shop, path).await;
        page.status(200).not_a_hit();
        let text = page.text();
        let token = text.split("name=\"csrfmiddlewaretoken\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
        token.unwrap_or_else(|| panic!("no token in {text}")).to_owned()
    }

    async fn send_form(&mut self, shop: &Scenario, path: &str, token: &str, text: &str) -> Response {
        let form = post(path, &format!("csrfmiddlewaretoken={token}&text={text}"));
        self.fetch(shop, form.header("Content-Type", "application/x-www-form-urlencoded")).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forms_work_for_every_visitor_and_catalogue_pages_are_hits() {
    let (_django, address) = django().await;
    let shop = Setup::rules(SHIPPED).before(address).start().await;
    let (mut alice, mut bob) = (Browser::default(), Browser::default());
    alice.get(&shop, "/catalogue/shoes").await.status(200).body("Shoes for everyone").says("stored");
    bob.get(&shop, "/catalogue/shoes").await.hit().body("Shoes for everyone").without("Set-Cookie");

    // A form on a cacheable path and one on a path that is passed through.
    for path in ["/catalogue/review", "/account/sign-in"] {
        let tokens = [alice.open_form(&shop, path).await, bob.open_form(&shop, path).await];
        assert_ne!(tokens[0], tokens[1], "{path}");
        assert_ne!(alice.jar["csrftoken"], bob.jar["csrftoken"], "{path}");
        for (visitor, token, name) in [(&mut alice, &tokens[0], "alice"), (&mut bob, &tokens[1], "bob")] {
            let answer = visitor.send_form(&shop, path, token, name).await;
            answer.status(if path == "/catalogue/review" { 200 } else { 302 });
        }
        // Another's token is no token: what the middleware is there for.
        alice.send_form(&shop, path, "x".repeat(64).as_str(), "mallory").await.status(403);
    }

    // Who has signed in has pages of their own, and nobody else gets them.
    alice.get(&shop, "/catalogue/shoes").await.forwarded("bypass").detail("bypass-cookie").body("Shoes for alice");
    bob.get(&shop, "/catalogue/shoes").await.not_a_hit().body("Shoes for bob");
    let mut carol = Browser::default();
    carol.open_form(&shop, "/catalogue/review").await;
    carol.get(&shop, "/catalogue/shoes").await.hit().body("Shoes for everyone").without("Set-Cookie");
}

/// One visit of each to what they look at.
async fn visits(shop: &Scenario, alice: &mut Browser, bob: &mut Browser, carol: &mut Browser) {
    for visitor in [bob, alice, carol] {
        for path in ["/catalogue/shoes", "/catalogue/review", "/catalogue/shoes", "/account/sign-in"] {
            visitor.get(shop, path).await.status(200);
        }
    }
    Browser::default().get(shop, "/catalogue/shoes").await.status(200);
}

async fn learned(shop: &Scenario) -> serde_json::Value {
    serde_json::from_str(&shop.admin(get("/learned")).await.text()).expect("it is JSON")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_learned_shares_catalogue_pages_and_neither_forms_nor_pages_of_who_has_signed_in() {
    let (_django, address) = django().await;
    let shop = Setup::rules("").before(address).start().await;
    let (mut alice, mut bob, mut carol) = (Browser::default(), Browser::default(), Browser::default());
    let token = alice.open_form(&shop, "/account/sign-in").await;
    alice.send_form(&shop, "/account/sign-in", &token, "alice").await.status(302);
    carol.open_form(&shop, "/catalogue/review").await;
    let begun = shop.admin(post("/learn", r#"{"for": "1h", "min_clients": 1}"#)).await;
    begun.status(202);
    within("two seconds of the shop's life", async {
        for done in 0.. {
            visits(&shop, &mut alice, &mut bob, &mut carol).await;
            if done >= 10 && learned(&shop).await["watched_secs"].as_u64() >= Some(2) {
                return;
            }
        }
    })
    .await;
    let job = begun.value("Location").expect("it says where the job is");
    shop.admin(request("DELETE", job)).await.status(200);
    let learned = learned(&shop).await;
    let paths: Vec<_> = learned["routes"].as_array().into_iter().flatten().map(|route| &route["path"]).collect();
    assert_eq!(paths, ["/catalogue/shoes"], "{learned:#}");
    let text = learned["rules"].as_str().expect("it is a text").to_owned();
    assert!(text.contains("sessionid") && !text.contains("alice"), "{text}");

    std::fs::write(shop.rules_file(), text).expect("the file takes it");
    shop.admin(post("/reload", "{}")).await.status(200);
    let is_hit = |response: &Response| response.head.value("Cache-Status").is_some_and(|it| it.contains("; hit"));
    shop.until("a hit", &get("/catalogue/shoes"), is_hit).await.body("Shoes for everyone");
    for _ in 0..3 {
        alice.get(&shop, "/catalogue/shoes").await.not_a_hit().body("Shoes for alice");
        bob.get(&shop, "/catalogue/shoes").await.body("Shoes for everyone");
        let tokens =
            [bob.open_form(&shop, "/catalogue/review").await, carol.open_form(&shop, "/catalogue/review").await];
        assert_ne!(tokens[0], tokens[1]);
    }
}
