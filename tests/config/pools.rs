//! The keys of the pools of upstream servers.

use super::{Expected, assert_problems, load_text, refused};
use larder::testing::config::Config;
use larder::testing::upstream::{Balancing, HealthOptions};
use std::time::Duration;

fn resolved(text: &str) -> Config {
    load_text(text).unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn a_server_is_a_url_or_a_table() {
    let config = resolved(
        "[upstream]\nservers = [\"http://a\", { url = \"http://b:81\", weight = 256 }, { url = \"http://c\" }]\n\
         balance = \"consistent\"\n[upstreams.other]\nservers = [{ url = \"http://d\", weight = 3 }]\nbalance = \"least-requests\"",
    );
    let servers: Vec<_> =
        config.upstream.servers.iter().map(|server| (server.url.to_string(), server.weight)).collect();
    let expected = [("http://a/", 1), ("http://b:81/", 256), ("http://c/", 1)];
    assert_eq!(servers, expected.map(|(url, weight)| (url.to_owned(), weight)));
    assert_eq!(config.upstream.balancing, Balancing::Consistent);
    let (_, other) = &config.upstreams[0];
    assert_eq!((other.servers[0].weight, other.balancing), (3, Balancing::LeastRequests));
    let plain = resolved("[upstream]\nservers = [\"http://a\"]");
    assert_eq!(plain.upstream.balancing, Balancing::RoundRobin);
}

#[test]
fn how_servers_are_checked_and_looked_up() {
    let config = resolved(
        "[upstream]\nservers = [\"http://a\"]\nmax_requests = 7\nslow_start = \"30s\"\nresolve = \"5s\"\n[upstream.health]\npath = \"/up?x\"\n\
         interval = \"2s\"\ntimeout = \"500ms\"\nexpect = \"200,204\"\nrise = 1\nfall = 5",
    );
    let health = HealthOptions {
        path: "/up?x".parse().unwrap(),
        interval: Duration::from_secs(2),
        timeout: Duration::from_millis(500),
        expect: "200,204".parse().unwrap(),
        rise: 1,
        fall: 5,
    };
    assert_eq!(config.upstream.health.as_deref(), Some(&health));
    assert_eq!(
        (config.upstream.slow_start, config.upstream.resolve),
        (Duration::from_secs(30), Duration::from_secs(5))
    );
    assert_eq!(config.upstream.max_requests.map(std::num::NonZeroUsize::get), Some(7));
    let usual = resolved("[upstream]\nservers = [\"http://a\"]\nhealth.path = \"/\"").upstream;
    let health = HealthOptions {
        path: "/".parse().unwrap(),
        interval: Duration::from_secs(5),
        timeout: Duration::from_secs(1),
        expect: "200-399".parse().unwrap(),
        rise: 2,
        fall: 3,
    };
    assert_eq!(usual.health.as_deref(), Some(&health));
    assert_eq!(usual.max_requests, None);
    assert_eq!((usual.slow_start, usual.resolve), (Duration::ZERO, Duration::from_secs(30)));
}

/// Keys after `[upstream]`, with `servers` where the text names none, and all their problems.
const BAD: &[(&str, &[Expected])] = &[
    ("servers = [{ url = \"http://a\", weight = 0 }]", &[(2, 41, "too small", Some("write no less than 1"))]),
    ("servers = [{ url = \"http://a\", weight = 257 }]", &[(2, 41, "too large", Some("write no more than 256"))]),
    (
        "servers = [{ url = \"http://a\", weigth = 2 }]",
        &[(2, 32, "unknown key `weigth`", Some("did you mean `weight`?"))],
    ),
    (
        "servers = [{ weight = 2 }]",
        &[(2, 12, "the server has no `url`", Some("write { url = \"http://host:port\", weight = 2 }"))],
    ),
    (
        "servers = [{ url = \"a:1\" }]",
        &[(
            2,
            20,
            "`a:1` is not the URL of an upstream server",
            Some("write \"http://host:port\", \"https://…\" or \"unix:/path\""),
        )],
    ),
    (
        "servers = [\"http://a\", { url = \"http://A:80\", weight = 2 }]",
        &[(2, 32, "`http://A:80/` is listed twice", None)],
    ),
    (
        "balance = \"least-request\"",
        &[(3, 11, "`least-request` is not one of this key's values", Some("did you mean `least-requests`?"))],
    ),
    ("health = {}", &[(3, 10, "`health` has no `path`", Some("say what is asked for: path = \"/healthz\""))]),
    ("health = \"/healthz\"", &[(3, 10, "expected a table, found a string", None)]),
    (
        "health = { path = \"healthz\", expect = \"abc\" }",
        &[
            (
                3,
                19,
                "`healthz` is not a path",
                Some("write a path that begins with a slash, with a query if need be: \"/healthz\""),
            ),
            (
                3,
                39,
                "`abc` does not name the statuses of a healthy server",
                Some("write statuses from 200 to 599 and ranges of them: \"200-399\", \"200,204\""),
            ),
        ],
    ),
    (
        "health = { path = \"/h\", interval = \"1ms\", timeout = \"0s\", rise = 0, fall = 0, expct = \"200\" }",
        &[
            (3, 36, "too short", Some("write no less than \"100ms\"")),
            (3, 53, "a timeout cannot be zero", None),
            (3, 66, "too small", Some("write no less than 1")),
            (3, 76, "too small", Some("write no less than 1")),
            (3, 79, "unknown key `expct`", Some("did you mean `expect`?")),
        ],
    ),
    ("max_requests = -1", &[(3, 16, "`-1` is out of range", None)]),
    ("max_requests = 2000000", &[(3, 16, "too large", Some("write no more than 1000000"))]),
    ("resolve = \"0s\"", &[(3, 11, "too short", Some("write no less than \"1s\""))]),
    (
        "slow_start = 5",
        &[(3, 14, "expected a duration such as \"30s\", found an integer", Some("write \"5s\" for seconds"))],
    ),
    (
        "balance = \"ip-hash\"",
        &[(
            3,
            11,
            "`ip-hash` is not one of this key's values",
            Some("choose one of round-robin, least-requests, consistent"),
        )],
    ),
];

#[test]
fn what_is_wrong_is_refused_with_place_value_and_hint() {
    for (keys, expected) in BAD {
        let servers = if keys.starts_with("servers") { "" } else { "servers = [\"http://a\"]\n" };
        for pool in ["[upstream]\n", "upstream.servers = [\"http://z\"]\n[upstreams.other]\n"] {
            let text = format!("{pool}{servers}{keys}");
            let more = pool.lines().count() - 1;
            let shifted: Vec<_> =
                expected.iter().map(|(line, column, said, hint)| (line + more, *column, *said, *hint)).collect();
            assert_problems(&text, &refused(&text, load_text(&text)), &shifted);
        }
    }
}
