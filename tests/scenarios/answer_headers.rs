//! What clients get in place of what the origin said: on every path, and for which answers.

use crate::support::{Barrier, Setup, get, head, post, reply};

const RULES: &str = r#"
[[route]]
name = "exception"
path = "/pass/**"
cache = false
set_headers = { "X-Served-By" = "larder" }
remove_headers = ["Server"]

[[route]]
name = "shop"
path = "/**"
browser_cache_control = "max-age=60, public"
set_headers = { "X-Served-By" = "larder" }
remove_headers = ["Server"]
bypass = { query = ["preview"] }
"#;

const OLD: &str = "Thu, 01 Jan 2026 00:00:00 GMT";

fn answer() -> crate::support::reply::Reply {
    reply(200).header("Server", "shop/1").header("ETag", "\"a\"").header("Date", OLD).header("Expires", "0")
}

#[tokio::test]
async fn browsers_are_told_the_rules_word_of_what_is_stored_and_count_its_age_anew() {
    let scenario = Setup::rules(RULES).start().await;
    scenario.origin.on("/p", answer().header("Cache-Control", "max-age=99999999").header("Age", "7").body("p"));
    let asked = [
        get("/p"),
        get("/p"),
        head("/p"),
        get("/p").header("Range", "bytes=0-0"),
        get("/p").header("If-None-Match", "\"a\""),
        get("/p").header("Cache-Control", "no-cache"),
    ];
    scenario.get("/p").await.says("stored").header("Cache-Control", "max-age=60, public").header("Age", "0");
    scenario.get("/p").await.hit();
    for request in asked {
        let answered = scenario.fetch(&request).await;
        answered.header("Cache-Control", "max-age=60, public").header("Age", "0").without("Expires").without("Server");
        answered.header("X-Served-By", "larder");
        assert_ne!(answered.value("Date"), Some(OLD), "{answered}");
    }
}

#[tokio::test]
async fn followers_of_a_fetch_and_a_head_without_anything_stored_are_told_the_same() {
    let scenario = Setup::rules(RULES).start().await;
    let gate = Barrier::new();
    let long = || answer().header("Cache-Control", "max-age=99999999");
    scenario.origin.on("/p", long().hold(&gate).body("p"));
    let mut first = scenario.begin(&get("/p")).await;
    gate.reached_by(1).await;
    let mut second = scenario.begin(&get("/p")).await;
    gate.open();
    for client in [&mut first, &mut second] {
        client.response().await.header("Cache-Control", "max-age=60, public").without("Expires");
    }
    scenario.origin.on("/head", long().body("head"));
    scenario.fetch(&head("/head")).await.header("Cache-Control", "max-age=60, public");
}

#[tokio::test]
async fn what_is_not_stored_keeps_the_origins_word_on_how_long_to_keep_it() {
    let scenario = Setup::rules(RULES).start().await;
    for path in ["/private", "/pass/p", "/preview", "/post"] {
        scenario
            .origin
            .on(path, reply(200).header("Server", "a").header("Cache-Control", "private, max-age=5").body("p"));
    }
    for request in [get("/private"), head("/private"), get("/pass/p"), get("/preview?preview"), post("/post", "x")] {
        let answered = scenario.fetch(&request).await;
        answered.header("Cache-Control", "private, max-age=5");
        answered.header("X-Served-By", "larder").without("Server");
    }
}

#[tokio::test]
async fn a_changed_rule_holds_for_what_is_stored() {
    let scenario = Setup::rules(RULES).start().await;
    scenario.origin.on("/p", answer().header("Cache-Control", "max-age=99999999").body("p"));
    scenario.get("/p").await.header("Cache-Control", "max-age=60, public");
    std::fs::write(scenario.rules_file(), "[[route]]\nname = \"shop\"\npath = \"/**\"\n").unwrap();
    scenario.admin(post("/reload", "")).await.status(200);
    scenario
        .get("/p")
        .await
        .hit()
        .header("Cache-Control", "max-age=99999999")
        .header("Server", "shop/1")
        .header("Date", OLD);
}

#[tokio::test]
async fn tags_are_read_from_the_fields_that_the_route_names_and_not_sent_where_it_says_so() {
    let rules = "[[route]]\nname = \"shop\"\npath = \"/**\"\nttl = \"1m\"\ntag_fields = [\"Edge-Cache-Tag\", \"Surrogate-Key\"]\n";
    for (keys, sent) in [("", true), ("send_tags = true", true), ("send_tags = false", false)] {
        let scenario = Setup::rules(&format!("{rules}{keys}\n")).start().await;
        let tagged =
            reply(200).header("Edge-Cache-Tag", "red, blue").header("Surrogate-Key", "a b").header("xkey", "x");
        scenario.origin.on("/p", tagged.body("p"));
        for tag in ["red", "blue", "b"] {
            for answered in [scenario.get("/p").await, scenario.get("/p").await] {
                assert_eq!(answered.value("Edge-Cache-Tag").is_some(), sent, "{keys} {answered}");
                assert_eq!(answered.value("Surrogate-Key").is_some(), sent, "{keys} {answered}");
                answered.header("xkey", "x");
            }
            scenario.get("/p").await.hit();
            scenario.purge(&format!("{{\"tags\": [\"{tag}\"]}}")).await;
            scenario.get("/p").await.not_a_hit();
        }
        scenario.purge(r#"{"tags": ["x"]}"#).await;
        scenario.get("/p").await.hit();
    }
}
