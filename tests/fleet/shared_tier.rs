//! What one instance fetched the others have; what is no value of ours is a miss.

use super::house::{HOST, House, shop, until_written};
use crate::support::{get, reply};

#[tokio::test]
async fn what_one_instance_fetched_the_other_has_with_its_true_age() {
    let house = House::build().await;
    let fresh = reply(200).header("Cache-Control", "max-age=60").header("Age", "7").header("X-Of", "origin");
    house.one.origin.on("/p", fresh.body("one"));
    house.one.fetch(&shop("/p")).await.status(200).forwarded("uri-miss").body("one");
    until_written(&house.one, 1.0).await;
    let shared = house.two.fetch(&shop("/p")).await;
    shared.status(200).hit().detail("shared-tier").body("one").header("X-Of", "origin");
    let age: u64 = shared.value("Age").expect("it is from a cache").parse().expect("a number");
    assert!(age >= 7, "{shared}");
    house.two.fetch(&shop("/p")).await.hit().body("one");
    house.one.origin.saw("/p", 1);
}

#[tokio::test]
async fn variants_are_shared_side_by_side() {
    let house = House::build().await;
    house.one.origin.on_request("/p", |seen| {
        let language = seen.value("Accept-Language").unwrap_or("none").to_owned();
        reply(200).header("Cache-Control", "max-age=60").header("Vary", "Accept-Language").body(&language)
    });
    for language in ["de", "en"] {
        house.one.fetch(&shop("/p").header("Accept-Language", language)).await.status(200).body(language);
    }
    until_written(&house.one, 2.0).await;
    for language in ["de", "en"] {
        house.two.fetch(&shop("/p").header("Accept-Language", language)).await.hit().body(language);
    }
    house.one.origin.saw("/p", 2);
}

#[tokio::test]
async fn what_is_private_is_not_shared() {
    let house = House::build().await;
    house.one.origin.on("/p", reply(200).header("Cache-Control", "private, max-age=60").body("mine"));
    house.one.fetch(&shop("/p")).await.status(200);
    house.two.fetch(&shop("/p")).await.status(200).forwarded("uri-miss");
    house.one.origin.saw("/p", 2);
    assert_eq!(house.redis.command::<Vec<String>>(&["KEYS", "larder:entry:*"]).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_a_rule_says_of_cookies_and_lifetimes_holds_for_what_another_instance_fetched() {
    let house = House::routed("ttl = \"1m\"\nlifetime_fields = [\"x-accel-expires\"]").await;
    let origin = &house.one.origin;
    origin.on_request("/undecided", |seen| reply(200).body(seen.value("Cookie").unwrap_or("nobody")));
    origin.on("/public", reply(200).header("Cache-Control", "public").body("for all"));
    let told = reply(200).header("Cache-Control", "private, max-age=0").header("X-Accel-Expires", "90");
    origin.on("/told", told.body("for nginx"));
    for path in ["/undecided", "/public", "/told"] {
        house.one.fetch(&shop(path)).await.says("stored");
    }
    until_written(&house.one, 3.0).await;
    let with_cookie = |path| shop(path).header("Cookie", "session=bob");
    let undecided = house.two.fetch(&with_cookie("/undecided")).await;
    undecided.not_a_hit().detail("cookie-undecided").body("session=bob");
    house.two.fetch(&shop("/undecided")).await.hit().body("nobody");
    house.two.fetch(&with_cookie("/public")).await.hit().detail("shared-tier").body("for all");
    house.two.fetch(&with_cookie("/told")).await.hit().detail("shared-tier").body("for nginx");
}

#[tokio::test]
async fn what_is_no_value_of_ours_is_a_miss() {
    let house = House::build().await;
    for (nth, (path, what)) in
        [("/cut", "a value cut short"), ("/foreign", "a foreign value"), ("/type", "another type")].iter().enumerate()
    {
        house.one.origin.on(path, reply(200).header("Cache-Control", "max-age=60").body("true"));
        house.one.fetch(&shop(path)).await.status(200);
        #[allow(clippy::cast_precision_loss)]
        until_written(&house.one, (nth + 1) as f64).await;
        let keys: Vec<String> = house.redis.command(&["KEYS", "larder:entry:*"]).await;
        for key in keys {
            match *path {
                "/cut" => drop(house.redis.command::<i64>(&["HSET", &key, "", "LRDR\u{1}"]).await),
                "/foreign" => drop(house.redis.command::<i64>(&["HSET", &key, "", "hello"]).await),
                _ => {
                    house.redis.command::<i64>(&["DEL", &key]).await;
                    house.redis.command::<i64>(&["LPUSH", &key, "a"]).await;
                }
            }
        }
        house.two.fetch(&shop(path)).await.status(200).forwarded("uri-miss").body("true");
        assert_eq!(house.one.origin.requests(path).len(), 2, "{what}");
    }
}

#[tokio::test]
async fn a_large_value_stays_in_the_process_that_fetched_it() {
    let house = House::with("max_value = \"1KiB\"").await;
    house.one.origin.on("/p", reply(200).header("Cache-Control", "max-age=60").body("x".repeat(3000)));
    house.one.fetch(&shop("/p")).await.status(200);
    house.one.fetch(&shop("/p")).await.hit();
    house.two.fetch(&shop("/p")).await.forwarded("uri-miss");
    house.one.origin.saw("/p", 2);
}

#[tokio::test]
async fn what_was_fetched_while_replicas_settle_is_kept_no_longer_by_others() {
    let house = House::routed("settle = \"1h\"").await;
    house.one.origin.on("/p", reply(200).header("Cache-Control", "max-age=86400").body("perhaps old"));
    house.one.fetch(&shop("/p")).await.status(200).forwarded("uri-miss");
    until_written(&house.one, 1.0).await;
    let shared = house.two.fetch(&shop("/p")).await;
    shared.status(200).hit().detail("shared-tier").body("perhaps old");
    let told = shared.value("Cache-Control").expect("the origin says it");
    let secs: u64 = told.strip_prefix("max-age=").expect("one directive").parse().expect("a number");
    assert!(secs <= 3600, "{shared}");
    let explained = house.two.admin(get(&format!("/explain?method=GET&url=http://{HOST}/p"))).await.text();
    assert!(explained.contains("\"settles_at\""), "{explained}");
}
