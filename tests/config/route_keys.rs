//! The keys of a route that say what passes by, what is sent to the origin, and what clients are told.

use super::{Expected, assert_problems, refused};
use larder::config::{Problem, check_rules_text};
use larder::rules::Route;
use std::sync::Arc;

fn route(keys: &str) -> Arc<Route> {
    let rules = check_rules_text(&text(keys)).unwrap_or_else(|errors| panic!("{errors}"));
    assert!(rules.warnings.is_empty(), "{:?}", rules.warnings);
    Arc::clone(&rules.rule_set.routes()[0])
}

/// A route with these keys from its third line on.
fn text(keys: &str) -> String {
    format!("[[route]]\npath = \"/shop/{{id}}\"\n{keys}")
}

#[test]
fn every_key_reaches_its_option() {
    let bypass =
        route("bypass = { cookies = [\"wp_*\"], headers = [\"X-Pre*\"], query = [\"filter[*]\"] }").bypass.clone();
    let bypass = bypass.expect("the route has one");
    assert!(bypass.cookies.is_match("wp_a") && !bypass.cookies.is_match("WP_a"));
    assert!(bypass.headers.is_match("x-preview") && !bypass.headers.is_match("x-ray"));
    assert!(bypass.query.is_match("filter[a]") && !bypass.query.is_match("filtera"));
    assert!(route("").bypass.is_none());
}

/// Keys and all their problems.
const BAD: &[(&str, &[Expected])] = &[
    (
        "bypass = {}",
        &[(
            3,
            10,
            "`bypass` names nothing that a request could carry",
            Some("write bypass = { cookies = [\"session*\"] }, or leave `bypass` out"),
        )],
    ),
    ("bypass = { cookie = [\"a\"] }", &[(3, 12, "unknown key `cookie`", Some("did you mean `cookies`?"))]),
    ("bypass = { cookies = [\"a b\"] }", &[(3, 23, "`a b` is no name of a cookie", None)]),
    ("bypass = { headers = [\"*:\"] }", &[(3, 23, "`*:` is no name of a header", None)]),
    ("bypass = { query = [\"\"] }", &[(3, 21, "`` is no name of a parameter", None)]),
];

#[test]
fn every_problem_is_told_with_its_place_and_how_to_mend_it() {
    for (keys, expected) in BAD {
        assert_problems(keys, &refused(keys, check_rules_text(&text(keys))), expected);
    }
}

#[test]
fn warnings_tell_what_hardly_means_what_it_says() {
    const IDLE: &str = "what passes through is neither keyed nor stored nor changed";
    let cases: &[(&str, &[Expected])] = &[(
        "cache = false\nbypass = { query = [\"a\"] }",
        &[(4, 10, "`bypass` means nothing where `cache = false`", Some(IDLE))],
    )];
    for (keys, expected) in cases {
        let rules = check_rules_text(&text(keys)).unwrap_or_else(|errors| panic!("{errors}"));
        let found: Vec<_> = rules.warnings.iter().map(Problem::report).collect();
        assert_problems(keys, &found, expected);
    }
}
