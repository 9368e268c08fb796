//! Signed webhooks: who is believed purges, and nobody else does, whatever the admin token.

use crate::support::request::Request;
use crate::support::{Scenario, Setup, get, post, reply};
use ring::hmac;
use std::fmt::Write as _;
use tempfile::TempDir;

const RULES: &str = "[[route]]\nname = \"all\"\npath = \"/**\"\ntags = [\"all\"]\n\
                     [[event]]\non = \"products/update\"\npurge = { tags = [\"product:{id}\"] }\n";

const BODY: &str = r#"{"id": 42, "title": "Red shoes"}"#;

/// An instance with an admin token, and a shop that knows a secret.
async fn instance(folder: &TempDir) -> Scenario {
    for (name, text) in [("secret", "s3cret\n"), ("token", "admin-token\n")] {
        std::fs::write(folder.path().join(name), text).expect("a fresh folder takes a file");
    }
    let path = |name: &str| folder.path().join(name).display().to_string();
    let webhook = format!(
        "[[events.webhook]]\nname = \"shop\"\nsecrets = [{:?}]\n\
         signature = {{ header = \"X-Hub-Signature-256\", form = \"sha256=hex\" }}\n\
         type_header = \"X-Topic\"\nfields = {{ id = \"$.id\" }}\n",
        path("secret")
    );
    Setup::rules(RULES).admin(&format!("token_file = {:?}", path("token"))).section(&webhook).start().await
}

fn signed(secret: &str, body: &str) -> Request {
    unnamed(secret, body).header("X-Topic", "products/update")
}

/// A call that does not say what it tells.
fn unnamed(secret: &str, body: &str) -> Request {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), BODY.as_bytes());
    let mut hex = String::from("sha256=");
    for byte in tag.as_ref() {
        write!(hex, "{byte:02x}").expect("a String takes all that is written");
    }
    post("/events/shop", body).header("X-Hub-Signature-256", &hex)
}

#[tokio::test]
async fn who_signs_purges_without_a_token_and_nobody_else_does() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let larder = instance(&folder).await;
    larder
        .origin
        .on("/p", reply(200).header("Cache-Control", "max-age=60").header("Cache-Tag", "product:42").body("one"));
    larder.get("/p").await.body("one");
    larder.get("/p").await.hit();
    larder.admin(signed("other", BODY)).await.problem(403);
    larder.admin(signed("s3cret", &BODY.replace("42", "43"))).await.problem(403);
    larder.admin(post("/events/shop", BODY).header("Authorization", "Bearer admin-token")).await.problem(403);
    larder.admin(post("/events/another", BODY)).await.problem(404);
    larder.get("/p").await.hit();
    let answer = larder.admin(signed("s3cret", BODY)).await;
    let answer = answer.status(200).text();
    assert!(answer.contains(r#""result":"purged""#) && answer.contains("product:42"), "{answer}");
    larder.get("/p").await.not_a_hit();
    let metrics = larder.admin(get("/metrics").header("Authorization", "Bearer admin-token")).await.text();
    let counted = "larder_events_total{source=\"webhook\",type=\"products/update\",result=\"purged\"} 1";
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test]
async fn a_secret_that_is_changed_counts_at_once() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let larder = instance(&folder).await;
    larder.admin(signed("n3w", BODY)).await.problem(403);
    std::fs::write(folder.path().join("secret"), "n3w").expect("the file is there");
    larder.admin(signed("n3w", BODY)).await.status(200);
    larder.admin(signed("s3cret", BODY)).await.problem(403);
    std::fs::remove_file(folder.path().join("secret")).expect("the file is there");
    larder.admin(signed("n3w", BODY)).await.problem(503);
}

#[tokio::test]
async fn what_no_rule_names_is_taken_and_what_is_no_json_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let larder = instance(&folder).await;
    let elsewhere = unnamed("s3cret", BODY).header("X-Topic", "orders/create");
    let answer = larder.admin(elsewhere).await.status(200).text();
    assert!(answer.contains(r#""result":"no-rule""#), "{answer}");
    larder.admin(unnamed("s3cret", BODY)).await.problem(400);
}
