//! `[redis]`, and what routes say of purges.

use super::{Expected, assert_problems, load_among, refused};
use larder::testing::config::{Config, ConfigErrors, Environment, Overrides, check_rules_text};
use std::time::Duration;

fn load(text: &str, redis: Option<&str>) -> Result<Config, ConfigErrors> {
    let text = format!("upstream.servers = [\"http://a:1\"]\n{text}");
    let files = [("ca.pem", "-----BEGIN CERTIFICATE-----\n"), ("blank", "\n"), ("proxy.toml", &text)];
    let overrides = Overrides { redis: redis.map(str::to_owned), ..Overrides::default() };
    load_among(&files, &overrides, &Environment::default())
}

fn resolved(text: &str, redis: Option<&str>) -> Config {
    load(text, redis).unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn without_redis_an_instance_stands_alone() {
    let config = resolved("", None);
    assert!(config.fleet.is_none());
}

#[test]
fn a_url_is_enough_and_every_default_is_filled_in() {
    for (text, argument) in [
        ("[redis]\nurl = \"redis://127.0.0.1:6379\"", None),
        ("", Some("redis://127.0.0.1:6379")),
        ("[redis]\nurl = \"redis://elsewhere\"", Some("redis://127.0.0.1:6379")),
    ] {
        let fleet = resolved(text, argument).fleet.expect("there is a URL");
        assert_eq!(fleet.url, "redis://127.0.0.1:6379");
        assert_eq!(fleet.names.purges(), "larder:purges");
        assert_eq!((fleet.timeout, fleet.partition_grace), (Duration::from_millis(50), Duration::from_secs(30)));
        assert_eq!((fleet.value_bytes_max, fleet.queue_bytes_max), (1 << 20, 16 << 20));
        assert_eq!((fleet.log_retention, fleet.ca_pem), (Duration::from_hours(24), None));
        let again = resolved(text, argument).fleet.expect("there is a URL");
        assert_ne!(fleet.instance, again.instance, "two processes must not share a name by default");
    }
}

#[test]
fn every_key_reaches_its_option() {
    let text = r#"
        [redis]
        url = "rediss://cache.internal"
        namespace = "shop"
        instance = "one"
        timeout = "20ms"
        partition_grace = "5s"
        ca_file = "ca.pem"
        max_value = "64KiB"
        write_queue = "1MiB"
        log_retention = "1h"
    "#;
    let config = resolved(text, None);
    let fleet = config.fleet.expect("there is a URL");
    assert_eq!((fleet.names.purges().as_str(), fleet.instance.as_str()), ("shop:purges", "one"));
    assert_eq!((fleet.timeout, fleet.partition_grace), (Duration::from_millis(20), Duration::from_secs(5)));
    assert!(fleet.lease() > fleet.partition_grace);
    assert_eq!((fleet.value_bytes_max, fleet.queue_bytes_max), (64 << 10, 1 << 20));
    assert_eq!(fleet.log_retention, Duration::from_hours(1));
    assert!(fleet.ca_pem.is_some());
}

#[test]
fn every_problem_is_told_with_its_place_and_how_to_mend_it() {
    const URL: &str = "url = \"redis://127.0.0.1:6379\"";
    let rows: &[(&str, &[Expected])] = &[
        (
            "[redis]",
            &[(2, 1, "`redis.url` is missing", Some("set the address of Redis: url = \"redis://127.0.0.1:6379\""))],
        ),
        (
            "[redis]\nurl = \"http://a\"",
            &[(
                3,
                7,
                "`http` is no scheme of a Redis URL",
                Some(
                    "write redis://host:port, rediss://host:port, redis+sentinel://host:port,host:port/service or redis-cluster://host:port,host:port",
                ),
            )],
        ),
        ("[redis]\nurl = 1", &[(3, 7, "expected a string, found an integer", None)]),
        ("[redis]\nU\ntimeout = \"0s\"", &[(4, 11, "a timeout cannot be zero", None)]),
        (
            "[redis]\nU\ntimeout = \"1m\"",
            &[(4, 11, "too long for an operation that requests wait for", Some("write at most 10s"))],
        ),
        (
            "[redis]\nU\npartition_grace = \"1ms\"",
            &[(4, 19, "not a useful partition grace", Some("write between 1s and 1h"))],
        ),
        (
            "[redis]\nU\nlog_retention = \"1s\"",
            &[(
                4,
                17,
                "too short",
                Some("nothing stored is used without asking the origin for longer than this: write at least 1m"),
            )],
        ),
        (
            "[redis]\nU\nnamespace = \"a b\"",
            &[(4, 13, "`a b` is not a name", Some("write up to 128 letters, digits, `-`, `_` and `.`"))],
        ),
        (
            "[redis]\nU\nca_file = \"blank\"",
            &[(4, 11, "contains no certificate", Some("certificates must be in PEM format"))],
        ),
    ];
    for (text, expected) in rows {
        let text = text.replace('U', URL);
        assert_problems(&text, &refused(&text, load(&text, None)), expected);
    }
}

#[test]
fn a_route_says_what_it_purges_and_what_its_bodies_name() {
    let text = r#"
        [[route]]
        path = "/p/{id}"
        tags_from_body = ["$.items[*].sku", "$.id"]
        tag_prefix = "sku:"
        purge_on_write = ["product:{id}", "search"]
    "#;
    let rules = check_rules_text(text).unwrap_or_else(|errors| panic!("{errors}"));
    let route = &rules.rule_set.routes()[0];
    let body_tags = route.body_tags.as_ref().expect("it was written");
    let tags =
        body_tags.tags(br#"{"id": 7, "items": [{"sku": "a"}, {"sku": "a"}, {"sku": true}]}"#).expect("it is JSON");
    assert_eq!(
        tags.iter().map(larder::testing::scope::Tag::as_str).collect::<Vec<_>>(),
        ["sku:a", "sku:true", "sku:7"]
    );
    assert_eq!(body_tags.tags(b"{"), None);
    assert_eq!(body_tags.tags(br#"{"id": "a\nb"}"#), None, "a label that is no tag could not be purged");
    assert_eq!(route.purge_on_write.len(), 2);
}

#[test]
fn what_a_route_says_of_them_wrongly_is_told() {
    let rows: &[(&str, &[Expected])] = &[
        (
            "tag_prefix = \"a\"",
            &[(
                3,
                14,
                "`tag_prefix` needs `tags_from_body`",
                Some("say where the labels stand: tags_from_body = [\"$.items[*].sku\"]"),
            )],
        ),
        (
            "purge_on_write = [\"a:{id}\"]",
            &[(
                3,
                19,
                "`{id}` is not a capture of the path `/p`",
                Some("the path captures nothing; put `{name}` for a segment"),
            )],
        ),
    ];
    for (text, expected) in rows {
        let written = format!("[[route]]\npath = \"/p\"\n{text}");
        assert_problems(text, &refused(&written, check_rules_text(&written)), expected);
    }
}
