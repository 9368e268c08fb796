//! The keys of the pools of upstream servers.

use super::{Expected, assert_problems, refused};
use larder::testing::config::{Config, ConfigErrors, Overrides, load_with_token};
use larder::testing::upstream::Balancing;

fn load(text: &str) -> Result<Config, ConfigErrors> {
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    let path = folder.path().join("proxy.toml");
    std::fs::write(&path, text).expect("the folder is there");
    load_with_token(&path, &Overrides::default(), None)
}

fn resolved(text: &str) -> Config {
    load(text).unwrap_or_else(|errors| panic!("{errors}"))
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
        &[(2, 20, "`a:1` is not the URL of an upstream server", Some("write \"http://host:port\", or \"https://…\""))],
    ),
    (
        "servers = [\"http://a\", { url = \"http://A:80\", weight = 2 }]",
        &[(2, 32, "`http://A:80/` is listed twice", None)],
    ),
    (
        "balance = \"least-request\"",
        &[(3, 11, "`least-request` is not one of this key's values", Some("did you mean `least-requests`?"))],
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
            assert_problems(&text, &refused(&text, load(&text)), &shifted);
        }
    }
}
