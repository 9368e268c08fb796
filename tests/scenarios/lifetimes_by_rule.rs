//! What an operator can say of lifetimes: which of the origin's directives count, for how long, on which failures, and
//! in which fields the origin speaks.

use crate::support::{Setup, get, reply};

const IGNORING: &str = "ttl = \"1m\"\norigin = \"override\"\ncookies = []\nset_cookie = \"strip\"\n\
                        ignore = [\"no-cache\", \"private\", \"no-store\"]";

/// What frameworks send with every page: Laravel, Symfony, a PHP session.
const FRAMEWORKS: [&str; 4] = [
    "no-cache, private",
    "max-age=0, must-revalidate, private",
    "no-store, no-cache, must-revalidate",
    "no-store, no-cache=\"set-cookie\", private",
];

#[tokio::test]
async fn what_a_rule_ignores_is_stored_and_shared() {
    for directives in FRAMEWORKS {
        let scenario = Setup::route(IGNORING).start().await;
        scenario.origin.on_request("/p", move |seen| {
            let page = reply(200).header("Cache-Control", directives).header("Set-Cookie", "session=1");
            page.header("Pragma", "no-cache").body(seen.value("Cookie").unwrap_or("nobody"))
        });
        scenario
            .fetch(&get("/p").header("Cookie", "session=9"))
            .await
            .body("nobody")
            .says("stored")
            .without("Set-Cookie");
        scenario.fetch(&get("/p").header("Cookie", "session=8")).await.hit().body("nobody").without("Set-Cookie");
        scenario.get("/p").await.hit();
    }
}

#[tokio::test]
async fn what_is_not_ignored_holds_all_the_same() {
    for (ignored, directives, detail) in [
        ("no-cache", "no-store", "response-no-store"),
        ("no-cache", "private", "response-private"),
        ("private", "no-store, private", "response-no-store"),
    ] {
        let keys = format!("ttl = \"1m\"\norigin = \"override\"\ncookies = []\nignore = [\"{ignored}\"]");
        let scenario = Setup::route(&keys).start().await;
        scenario.origin.on("/p", reply(200).header("Cache-Control", directives).body("p"));
        scenario.get("/p").await.detail(detail);
        scenario.get("/p").await.not_a_hit();
    }
}

#[tokio::test]
async fn invariant_4_nothing_is_ignored_for_a_request_with_credentials() {
    for (name, value) in [("Authorization", "Bearer a"), ("X-API-Key", "a"), ("X-Session-Token", "a")] {
        for directives in FRAMEWORKS {
            let scenario = Setup::route(IGNORING).start().await;
            scenario.origin.on_request("/p", move |seen| {
                reply(200).header("Cache-Control", directives).body(seen.value(name).unwrap_or("nobody"))
            });
            scenario.fetch(&get("/p").header(name, value)).await.body(value).does_not_say("stored");
            scenario.get("/p").await.body("nobody").says("stored");
            // What was stored for those without is not for those with them, whose answer the origin keeps apart.
            scenario.fetch(&get("/p").header(name, value)).await.body(value).not_a_hit();
            scenario.get("/p").await.hit().body("nobody");
        }
    }
}

#[tokio::test]
async fn what_was_stored_in_spite_of_the_origin_is_withheld_once_the_rule_says_so_no_more() {
    for directives in FRAMEWORKS {
        let scenario = Setup::route(IGNORING).start().await;
        scenario.origin.on_each(
            "/p",
            [
                reply(200).header("Cache-Control", directives).body("old"),
                reply(200).header("Cache-Control", directives).body("new"),
            ],
        );
        scenario.get("/p").await.says("stored");
        scenario.get("/p").await.hit();
        let obeying = "[[route]]\nname = \"all\"\npath = \"/**\"\nttl = \"1m\"\ncookies = []\n";
        std::fs::write(scenario.rules_file(), obeying).unwrap();
        scenario.admin(crate::support::post("/reload", "")).await.status(200);
        scenario.get("/p").await.body("new").not_a_hit();
    }
}

#[tokio::test]
async fn max_ttl_bounds_what_the_origin_gives_and_nothing_else() {
    for (keys, lines, ttl) in [
        ("max_ttl = \"10s\"", [("Cache-Control", "max-age=100")], 10),
        ("max_ttl = \"10s\"", [("Cache-Control", "s-maxage=100")], 10),
        ("max_ttl = \"10s\"", [("CDN-Cache-Control", "max-age=100")], 10),
        ("max_ttl = \"10s\"", [("Expires", "Fri, 31 Dec 9999 23:59:59 GMT")], 10),
        ("max_ttl = \"10s\"", [("Cache-Control", "max-age=5")], 5),
        ("max_ttl = \"10s\"\nttl = \"20s\"", [("X-None", "1")], 20),
    ] {
        let scenario = Setup::route(keys).start().await;
        scenario
            .origin
            .on("/p", lines.iter().fold(reply(200), |page, (name, value)| page.header(name, value)).body("p"));
        let first = scenario.get("/p").await;
        let says = |ttl: u64| first.cache_status().contains(&format!("ttl={ttl};"));
        assert!(says(ttl) || says(ttl - 1), "{keys} {lines:?}\n{first}");
    }
}

#[tokio::test]
async fn a_ttl_is_counted_from_receipt_whatever_the_origins_clock_says() {
    for (name, value) in [("Date", "Sun, 06 Nov 1994 08:49:37 GMT"), ("Age", "86400")] {
        let scenario = Setup::route("ttl = \"1m\"").start().await;
        scenario.origin.on("/p", reply(200).header(name, value).body("p"));
        scenario.get("/p").await.says("stored");
        let hit = scenario.get("/p").await;
        assert!(["ttl=60", "ttl=59"].iter().any(|ttl| hit.cache_status().contains(ttl)), "{hit}");
        hit.hit();
        // The origin's own lifetime is counted as age, as RFC 9111 section 4.2 has it.
        let scenario = Setup::route("ttl = \"1m\"").start().await;
        scenario.origin.on("/p", reply(200).header("Cache-Control", "max-age=60").header(name, value).body("p"));
        scenario.get("/p").await;
        scenario.get("/p").await.not_a_hit();
    }
}

#[tokio::test]
async fn something_stale_stands_in_for_the_failures_that_the_rule_names() {
    for (keys, status, is_covered) in [
        ("", 503, true),
        ("", 429, false),
        ("stale_if_error_on = [429, 500]", 429, true),
        ("stale_if_error_on = [429, 500]", 500, true),
        ("stale_if_error_on = [429, 500]", 503, false),
        ("stale_if_error_on = []", 503, false),
    ] {
        let scenario = Setup::route(&format!("stale_if_error = \"1h\"\n{keys}")).start().await;
        let old = reply(200).header("Cache-Control", "max-age=8").header("Age", "10").body("old");
        scenario.origin.on_each("/p", [old, reply(status).body("failed")]);
        scenario.get("/p").await.body("old");
        let second = scenario.get("/p").await;
        assert_eq!(second.text(), if is_covered { "old" } else { "failed" }, "{keys} {status}\n{second}");
        if is_covered {
            second.status(200).detail("stale-if-error").says(&format!("fwd-status={status}"));
        }
    }
}

#[tokio::test]
async fn a_rules_own_stale_windows_hold_under_the_origins_s_maxage() {
    for (keys, directives, is_stale) in [
        ("stale_while_revalidate = \"1m\"", "s-maxage=8", true),
        ("stale_while_revalidate = \"1m\"\norigin = \"override\"", "s-maxage=8", true),
        // The origin's own window does not: s-maxage says proxy-revalidate, too (RFC 9111 section 5.2.2.10).
        ("", "s-maxage=8, stale-while-revalidate=60", false),
        ("stale_while_revalidate = \"1m\"", "s-maxage=8, must-revalidate", false),
        ("stale_while_revalidate = \"1m\"", "s-maxage=8, proxy-revalidate", false),
        ("stale_while_revalidate = \"1m\"", "s-maxage=0", false),
    ] {
        let scenario = Setup::route(keys).start().await;
        let old = reply(200).header("Cache-Control", directives).header("Age", "10").body("old");
        scenario.origin.on_each("/p", [old, reply(200).body("new")]);
        scenario.get("/p").await.body("old");
        let second = scenario.get("/p").await;
        assert_eq!(second.text(), if is_stale { "old" } else { "new" }, "{keys} {directives}\n{second}");
        let scenario = Setup::route(&keys.replace("while_revalidate", "if_error")).start().await;
        let old = reply(200).header("Cache-Control", directives).header("Age", "10").body("old");
        scenario.origin.on_each("/p", [old, reply(503).body("failed")]);
        scenario.get("/p").await.body("old");
        let second = scenario.get("/p").await;
        assert_eq!(second.text(), if is_stale { "old" } else { "failed" }, "{keys} {directives}\n{second}");
    }
}

#[tokio::test]
async fn fields_that_the_rule_names_go_before_the_standard_ones_in_its_order() {
    let both = "lifetime_fields = [\"surrogate-control\", \"x-accel-expires\"]";
    let turned = "lifetime_fields = [\"x-accel-expires\", \"surrogate-control\"]";
    let accel = ("X-Accel-Expires", "200");
    let surrogate = ("Surrogate-Control", "max-age=100");
    let private = ("Cache-Control", "private, max-age=10");
    for (keys, lines, ttl) in [
        ("", vec![accel, surrogate, ("Cache-Control", "max-age=10")], Some(10)),
        (both, vec![accel, surrogate, private], Some(100)),
        (turned, vec![accel, surrogate, private], Some(200)),
        (both, vec![accel, ("Cache-Control", "no-store")], Some(200)),
        (both, vec![surrogate, ("CDN-Cache-Control", "max-age=10")], Some(100)),
        (both, vec![("Surrogate-Control", "content=\"ESI/1.0\""), ("Cache-Control", "max-age=10")], Some(10)),
        (both, vec![("X-Accel-Expires", "off"), ("Cache-Control", "max-age=10")], Some(10)),
        (both, vec![("X-Accel-Expires", "0"), ("Cache-Control", "max-age=10")], None),
        (both, vec![("Surrogate-Control", "no-store"), accel, ("Cache-Control", "max-age=10")], None),
    ] {
        let scenario = Setup::route(keys).start().await;
        scenario
            .origin
            .on("/p", lines.iter().fold(reply(200), |page, (name, value)| page.header(name, value)).body("p"));
        let first = scenario.get("/p").await;
        let says = |ttl: u64| first.cache_status().contains(&format!("ttl={ttl};"));
        match ttl {
            Some(ttl) => assert!(says(ttl) || says(ttl - 1), "{keys} {lines:?}\n{first}"),
            None => drop(first.does_not_say("stored")),
        }
        assert_eq!(scenario.get("/p").await.is_hit(), ttl.is_some(), "{keys} {lines:?}");
    }
}

#[tokio::test]
async fn an_answer_of_a_status_that_ttl_does_not_cover_says_so() {
    for status in [302, 303, 307, 404, 410, 500] {
        let scenario = Setup::route("ttl = \"1m\"").start().await;
        scenario.origin.on("/p", reply(status).header("Location", "/q").body("p"));
        scenario.get("/p").await.status(status).detail("status-without-ttl");
        scenario.get("/p").await.not_a_hit();
        let scenario =
            Setup::route(&format!("ttl = \"1m\"\nttl_by_status = {{ \"{status}\" = \"1m\" }}")).start().await;
        scenario.origin.on("/p", reply(status).header("Location", "/q").body("p"));
        scenario.get("/p").await.status(status).says("stored");
        scenario.get("/p").await.status(status).hit();
    }
}
