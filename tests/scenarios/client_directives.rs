//! What a client's no-cache, max-age=0 and Pragma do: `client_directives`.

use super::users::{Asked, Protocol, others};
use crate::support::{Barrier, Scenario, Setup, get, reply};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The ways in which a client asks for the origin's own word.
const WAYS: [(&str, &str); 4] = [
    ("Cache-Control", "no-cache"),
    ("Cache-Control", "max-age=0"),
    ("Cache-Control", "x, No-Cache"),
    ("Pragma", "no-cache"),
];

/// An origin that numbers its answers, the first of which is stored; the later ones wait at the gate.
async fn numbered(keys: &str) -> (Scenario, Barrier) {
    let scenario = Setup::route(keys).start().await;
    let (gate, count) = (Barrier::new(), AtomicUsize::new(0));
    let held = gate.clone();
    scenario.origin.on_request("/p", move |_| {
        let answer = reply(200).header("Cache-Control", "max-age=60");
        match count.fetch_add(1, Ordering::Relaxed) {
            0 => answer.body("0"),
            number => answer.hold(&held).body(number.to_string()),
        }
    });
    scenario.get("/p").await.body("0");
    (scenario, gate)
}

async fn crowd(scenario: &Scenario, count: usize, protocol: Protocol, (name, value): (&str, &str)) -> Vec<Asked> {
    let mut crowd = Vec::new();
    for user in others(count) {
        crowd.push(user.saying(name, value).ask(scenario, protocol, "/p").await);
    }
    crowd
}

#[tokio::test]
async fn clients_that_want_the_origins_word_share_one_validation_with_those_who_came_before_it_began() {
    for way in WAYS {
        for protocol in [Protocol::Http1, Protocol::Http2] {
            // One fetch at a time: the second has not begun while the first is at the origin.
            let (scenario, gate) = numbered("miss_limit = 1").await;
            let first = crowd(&scenario, 1, protocol, way).await;
            gate.reached_by(1).await;
            let rest = crowd(&scenario, 29, protocol, way).await;
            // Whoever is answered on a connection opened after theirs shows that theirs have been read.
            scenario.get("/p").await.hit();
            gate.open();
            for asked in first {
                assert_eq!(asked.answered().await.body, "1", "{way:?}");
            }
            for asked in rest {
                let answered = asked.answered().await;
                // With max-age=0 a client wants something new rather than insists on it: over the limit it has what is stored.
                let is_newer = !matches!(&*answered.body, "0" | "1");
                assert!(is_newer || answered.cache_status.contains("miss-limit"), "{way:?}: {answered:?}");
            }
            let fetches = scenario.origin.requests("/p").len();
            // Over HTTP/2 each makes its connection first, and may come too late to share.
            let may_be_late = matches!(protocol, Protocol::Http2);
            assert!(fetches < 10 || may_be_late, "{way:?}: {fetches} fetches for 30 clients");
        }
    }
}

#[tokio::test]
async fn a_validation_does_not_wait_for_the_one_before_it() {
    for way in WAYS {
        let (scenario, gate) = numbered("").await;
        let mut waiting = Vec::new();
        for number in 1..4 {
            waiting.extend(crowd(&scenario, 1, Protocol::Http1, way).await);
            gate.reached_by(number).await;
        }
        // The others have what is stored meanwhile.
        scenario.get("/p").await.hit().body("0");
        gate.open();
        for asked in waiting {
            assert_ne!(asked.answered().await.body, "0", "{way:?}");
        }
    }
}

#[tokio::test]
async fn obeyed_each_asks_on_its_own_and_ignored_none_does() {
    for way in WAYS {
        let (scenario, gate) = numbered("client_directives = \"obey\"").await;
        let waiting = crowd(&scenario, 5, Protocol::Http1, way).await;
        gate.reached_by(5).await;
        gate.open();
        for asked in waiting {
            assert_ne!(asked.answered().await.body, "0", "{way:?}");
        }
        for protocol in [Protocol::Http1, Protocol::Http2] {
            let (scenario, _gate) = numbered("client_directives = \"ignore\"").await;
            for asked in crowd(&scenario, 5, protocol, way).await {
                let answered = asked.answered().await;
                assert!(answered.body == "0" && answered.cache_status.contains("hit"), "{way:?}: {answered:?}");
            }
            scenario.origin.saw("/p", 1);
        }
    }
}

#[tokio::test]
async fn obeyed_a_client_takes_no_word_that_another_asked_for() {
    // max-age=0 has what is stored over the limit.
    for way in WAYS.into_iter().filter(|(_, value)| !value.contains("max-age")) {
        let (scenario, gate) = numbered("client_directives = \"obey\"\nmiss_limit = 1\ncoalesce_wait = \"1h\"").await;
        let mut waiting = crowd(&scenario, 1, Protocol::Http1, way).await;
        gate.reached_by(1).await;
        // These wait for their turn together, where others would share it.
        waiting.extend(crowd(&scenario, 4, Protocol::Http1, way).await);
        scenario.get("/p").await.hit();
        gate.open();
        for asked in waiting {
            assert_ne!(asked.answered().await.body, "0", "{way:?}");
        }
        scenario.origin.saw("/p", 6);
    }
}

#[tokio::test]
async fn no_store_and_only_if_cached_are_obeyed_whatever_the_rule_says() {
    for keys in
        ["", "client_directives = \"obey\"", "client_directives = \"collapse\"", "client_directives = \"ignore\""]
    {
        let scenario = Setup::route(keys).start().await;
        scenario.origin.on("/p", reply(200).header("Cache-Control", "max-age=60").body("page"));
        let only = get("/p").header("Cache-Control", "only-if-cached, no-cache");
        scenario.fetch(&only).await.problem(504);
        scenario
            .fetch(&get("/p").header("Cache-Control", "no-store, no-cache"))
            .await
            .body("page")
            .does_not_say("stored");
        scenario.fetch(&get("/p").header("Cache-Control", "only-if-cached")).await.problem(504);
        scenario.get("/p").await.not_a_hit();
        scenario.fetch(&get("/p").header("Cache-Control", "only-if-cached")).await.hit();
    }
}

#[tokio::test]
async fn rfc_9111_5_2_directives_are_passed_on_whatever_larder_does_about_them() {
    for (keys, passed) in [
        ("client_directives = \"obey\"", true),
        ("client_directives = \"collapse\"", true),
        ("client_directives = \"ignore\"", true),
        ("client_directives = \"ignore\"\nremove_request_headers = [\"Cache-Control\", \"Pragma\"]", false),
        ("cache = false", true),
    ] {
        for (name, value) in WAYS {
            let scenario = Setup::route(keys).start().await;
            scenario.origin.on("/p", reply(200).header("Cache-Control", "max-age=60").body("page"));
            scenario.fetch(&get("/p").header(name, value)).await.body("page");
            let seen = scenario.origin.only_request("/p");
            assert_eq!(seen.value(name), passed.then_some(value), "{keys} {name}: {value}");
        }
    }
}

#[tokio::test]
async fn what_one_client_says_is_not_said_of_a_refresh_in_the_background() {
    for said in ["only-if-cached", "no-store", "only-if-cached, min-fresh=0"] {
        let scenario = Setup::route("refresh_ahead = \"50%\"").start().await;
        scenario
            .origin
            .on_request("/p", |_| reply(200).header("Cache-Control", "max-age=60").header("Age", "50").body("page"));
        scenario.get("/p").await.body("page");
        scenario.fetch(&get("/p").header("Cache-Control", said)).await.hit().says("detail=refresh-ahead");
        scenario.origin.requested("/p", 2).await;
        let refresh = scenario.origin.requests("/p").swap_remove(1);
        assert_eq!(refresh.value("Cache-Control"), None, "{said}");
    }
}

#[tokio::test]
async fn invariant_4_a_shared_validation_that_brings_a_page_of_ones_own_is_shared_no_more() {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let scenario = Setup::route("miss_limit = 1").start().await;
        let gate = Barrier::new();
        let held = gate.clone();
        scenario.origin.on_request("/p", move |seen| match seen.value("Cookie") {
            None => reply(200).header("Cache-Control", "max-age=60").body("for all"),
            Some(user) => reply(200).header("Cache-Control", "no-cache").header("X-User", user).hold(&held).body(user),
        });
        scenario.get("/p").await.body("for all");
        let mut waiting = Vec::new();
        for user in others(6) {
            let name = user.name.clone();
            waiting.push((name, user.saying("Cache-Control", "no-cache").ask(&scenario, protocol, "/p").await));
        }
        gate.reached_by(1).await;
        gate.open();
        for (name, asked) in waiting {
            asked.own(&name, "a validation that a client asked for").await;
        }
    }
}

#[tokio::test]
async fn explain_says_what_a_clients_directives_do() {
    let scenario = Setup::route("ttl = \"1m\"\nclient_directives = \"ignore\"").start().await;
    let explained = scenario.admin(get("/explain?url=http://shop.test/p")).await;
    assert!(explained.text().contains("\"client_directives\":\"ignore\""), "{explained}");
}
