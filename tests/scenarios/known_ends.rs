//! `not_after`: no lifetime crosses a moment that the route names, neither here nor at a client.

use crate::support::expect::Response;
use crate::support::{Scenario, Setup, get, post, reply};
use std::time::{Duration, SystemTime};

fn moment(at: SystemTime) -> String {
    format!("not_after = [\"{}\"]", humantime::format_rfc3339_seconds(at))
}

fn an_hour_ago() -> SystemTime {
    SystemTime::now() - Duration::from_hours(1)
}

fn in_an_hour() -> SystemTime {
    SystemTime::now() + Duration::from_hours(1)
}

/// The number behind a directive of Cache-Control.
fn directive(said: &Response, name: &str) -> Option<u64> {
    let line = said.head.values("Cache-Control").join(", ");
    line.split(", ").find_map(|directive| directive.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
}

#[tokio::test]
async fn what_was_made_before_a_moment_that_has_come_is_asked_for_each_time_and_never_served_stale() {
    for (name, value) in
        [("Age", "7200".to_owned()), ("Date", httpdate::fmt_http_date(SystemTime::now() - Duration::from_hours(2)))]
    {
        let keys = format!(
            "ttl = \"1d\"\nstale_while_revalidate = \"1d\"\nstale_if_error = \"1d\"\n{}",
            moment(an_hour_ago())
        );
        let scenario = Setup::route(&keys).start().await;
        let old = || reply(200).header(name, &value).header("ETag", "\"a\"").body("old");
        scenario.origin.on_each("/p", [old(), old(), reply(503).body("failed")]);
        scenario.get("/p").await.body("old");
        scenario.get("/p").await.body("old").not_a_hit().detail("not-after");
        scenario.get("/p").await.status(503);
        let switch = r#"{"mode":"freeze","for":"1m"}"#;
        scenario.admin(post("/routes/all/switch", switch)).await.status(200);
        scenario.get("/p").await.not_a_hit();
    }
}

#[tokio::test]
async fn clients_are_told_no_lifetime_that_crosses_it_whatever_way_the_answer_takes() {
    let keys = format!("ttl = \"1d\"\nbypass = {{ query = [\"preview\"] }}\n{}", moment(in_an_hour()));
    let scenario = Setup::route(&keys).start().await;
    let page =
        || reply(200).header("Cache-Control", "max-age=86400, stale-while-revalidate=60").header("ETag", "\"a\"");
    scenario.origin.on("/p", page().body("p"));
    scenario.origin.on("/p?preview=1", page().body("p"));
    scenario.origin.on("/private", page().header("Set-Cookie", "a=b").body("p"));
    let requests = [
        get("/p"),
        get("/p"),
        get("/p").header("If-None-Match", "\"a\""),
        get("/p").header("Range", "bytes=0-0"),
        get("/p?preview=1"),
        get("/private"),
    ];
    for request in requests {
        let said = scenario.fetch(&request).await;
        let (max_age, window) = (directive(&said, "max-age"), directive(&said, "stale-while-revalidate"));
        assert!(max_age.is_some_and(|secs| (3500..=3601).contains(&secs)), "{said}");
        assert_eq!(window, Some(0), "{said}");
    }
    scenario.get("/p").await.hit();
}

#[tokio::test]
async fn what_ends_before_it_is_sent_as_the_origin_said_and_a_reload_puts_it_in_force_at_once() {
    let scenario = Setup::route(&format!("ttl = \"1d\"\n{}", moment(in_an_hour()))).start().await;
    scenario.origin.on("/p", reply(200).header("Cache-Control", "public,max-age=60").header("Age", "7200").body("p"));
    scenario.get("/p").await.header("Cache-Control", "public,max-age=60");
    scenario.origin.on("/q", reply(200).header("Age", "7200").body("q"));
    scenario.get("/q").await;
    scenario.get("/q").await.hit();
    let rules = format!("[[route]]\nname = \"all\"\npath = \"/**\"\nttl = \"1d\"\n{}\n", moment(an_hour_ago()));
    std::fs::write(scenario.rules_file(), rules).expect("the file is ours");
    scenario.admin(post("/reload", "")).await.status(200);
    scenario.get("/q").await.not_a_hit().detail("not-after");
    let explained = explained(&scenario, "/q").await;
    assert!(explained.contains("\"not_after\""), "{explained}");
}

async fn explained(scenario: &Scenario, path: &str) -> String {
    scenario.admin(get(&format!("/explain?method=GET&url=http://shop.test{path}"))).await.text()
}
