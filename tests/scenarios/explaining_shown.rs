//! What `explain` shows: the fields that the origin is sent, notes on where else to look, and purges.

use super::explaining::{ask, asked, explained, explained_url, shop};
use crate::support::{Setup, get, reply};
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[tokio::test]
async fn the_fields_that_it_shows_are_those_that_the_origin_is_sent() {
    let scenario = shop().await;
    ask(&scenario, &asked("GET", "/a/expired", &[])).await;
    let rows = [
        (
            asked("GET", "/a/fresh", &[("Accept-Language", "de"), ("X_Forwarded_Host", "evil"), ("Accept", "*/*")]),
            "/a/fresh",
        ),
        (asked("GET", "/a/expired", &[("TE", "trailers"), ("Connection", "te, x-own"), ("X-Own", "1")]), "/a/expired"),
        (asked("GET", "/a/ranged", &[("Range", "bytes=0-1"), ("Accept-Encoding", "gzip, br")]), "/a/ranged"),
        (asked("GET", "/shop/p?q=1", &[("X-Forwarded-Port", "81"), ("Forwarded", "for=6.6.6.6")]), "/v2/p"),
        (asked("GET", "/off", &[("Accept", "text/html"), ("X-Forwarded-Host", "evil"), ("Max-Forwards", "3")]), "/off"),
        (asked("GET", "/", &[("If-Modified-Since", "Thu, 01 Jan 1970 00:00:00 GMT")]), "/"),
    ];
    for (row, path) in rows {
        let mut told = explained(&scenario, &row).await;
        // The call's own, as every field of it that it does not name otherwise.
        told["fetch_headers"].as_object_mut().unwrap().remove("content-type");
        let before = scenario.origin.requests(path).len();
        ask(&scenario, &row).await;
        let seen = scenario.origin.requests(path).swap_remove(before);
        let id = seen.value("X-Request-Id").unwrap().to_owned();
        let mut sent = BTreeMap::<String, Vec<String>>::new();
        for (name, value) in &seen.head.lines {
            let value = value.replace("127.0.0.1", "(the client's address)").replace(&id, "(the request's id)");
            sent.entry(name.to_ascii_lowercase()).or_default().push(value);
        }
        sent.insert("host".to_owned(), vec![seen.value("Host").unwrap().to_owned()]);
        assert_eq!(told["fetch_headers"], json!(sent), "{}", row.path);
        assert_eq!(told["origin_target"], json!(seen.target), "{}", row.path);
        let notes = told["notes"].to_string();
        assert!(notes.contains("(the client's address)") && notes.contains("X-Request-Id"), "{notes}");
    }
}

#[tokio::test]
async fn a_scheme_that_no_request_has_is_told_and_one_that_both_have_is_looked_up() {
    let page = asked("GET", "/a/fresh", &[]);
    for (listen, url, note) in [
        ("", "https://shop.test:443/a/fresh", "No request comes here with `https`"),
        ("scheme = \"https\"", "http://shop.test:80/a/fresh", "No request comes here with `http`"),
        ("", "http://shop.test/a/fresh", ""),
        (
            "trusted_proxies = [\"127.0.0.1\"]",
            "https://shop.test/a/fresh",
            "http://shop.test/a/fresh has a key of its own",
        ),
    ] {
        let scenario = Setup::route("").listen(listen).start().await;
        scenario.origin.on("/a/fresh", reply(200).header("Cache-Control", "max-age=60").body("page"));
        ask(&scenario, &page).await;
        let told = explained_url(&scenario, &page, url).await;
        let is_other = listen.contains("trusted");
        assert_eq!(told["would"]["outcome"], if is_other { "miss" } else { "hit" }, "{listen} {url}: {told}");
        let notes = told["notes"].to_string();
        let scheme_notes = notes.contains("No request comes") || notes.contains("key of its own");
        assert!(scheme_notes != note.is_empty() && notes.contains(note), "{listen} {url}: {notes}");
    }
}

#[tokio::test]
async fn hosts_under_which_a_path_is_stored_are_named_where_its_own_has_none() {
    let scenario = shop().await;
    for number in 0..12 {
        scenario.fetch(&get("/a/fresh").header("Host", &format!("h{number}.test"))).await.status(200);
    }
    let page = asked("GET", "/a/fresh", &[]);
    let told = explained_url(&scenario, &page, "http://localhost/a/fresh?x=1").await["notes"].to_string();
    assert!(told.contains("under `localhost`, but under: ") && told.contains(" and others"), "{told}");
    assert_eq!(told.matches(".test").count(), 10, "{told}");
    let head = asked("HEAD", "/a/fresh", &[]);
    let told = explained_url(&scenario, &head, "http://localhost/a/fresh").await["notes"].to_string();
    assert!(told.contains("but under"), "{told}");
    for url in ["http://h3.test/a/fresh", "http://h3.test/a/fresh?x=1", "http://localhost/a/other"] {
        let told = explained_url(&scenario, &page, url).await["notes"].to_string();
        assert!(!told.contains("but under"), "{url}: {told}");
    }
}

#[tokio::test]
async fn a_covered_response_names_the_purge_its_scope_and_its_time() {
    for (json, kind, name) in [
        (r#"{"tags": ["a"]}"#, "tag", Some("a")),
        (r#"{"routes": ["shop"], "soft": true}"#, "route", Some("shop")),
        (r#"{"urls": ["https://shop.test/a/fresh"]}"#, "url", Some("//shop.test/a/fresh")),
        (r#"{"prefixes": ["/a/"]}"#, "prefix", Some("/a/")),
        (r#"{"all": true}"#, "all", None),
    ] {
        let scenario = shop().await;
        let page = asked("GET", "/a/fresh", &[]);
        ask(&scenario, &page).await;
        assert!(explained(&scenario, &page).await["stored"][0]["purge"].is_null());
        scenario.purge(json).await;
        scenario.purge(r#"{"tags": ["other"]}"#).await;
        let told = explained(&scenario, &page).await;
        let purge = &told["stored"][0]["purge"];
        let receipt =
            scenario.admin(get(&format!("/purges/{}", purge["id"].as_str().unwrap()))).await.status(200).text();
        let receipt: Value = serde_json::from_str(&receipt).unwrap();
        for member in ["id", "requested_at", "stamp", "depth", "source"] {
            assert_eq!(purge[member], receipt[member], "{json}: {told}");
        }
        assert_eq!((&purge["scope"]["kind"], purge["scope"]["name"].as_str()), (&json!(kind), name), "{told}");
    }
}
