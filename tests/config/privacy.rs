//! Warnings of rules that may give one visitor what was made for another.

use super::{Expected, assert_problems, refused};
use http::StatusCode;
use larder::testing::config::{Problem, check_rules_text};
use larder::testing::rules::IgnoredDirective;
use larder::testing::semantics::LifetimeField;
use std::time::Duration;

#[test]
fn what_may_share_between_visitors_what_was_made_for_one_is_told() {
    let cases: &[(&str, &[Expected])] = &[
        ("[[route]]\npath = \"/a\"\nttl = \"1s\"\nheaders = [\"accept\"]\ncookies = [\"currency\"]", &[]),
        (
            "[[route]]\npath = \"/a\"\nttl = \"1s\"",
            &[(
                3,
                7,
                "`ttl` without `cookies`: visitors' cookies reach the origin, and nothing says whether they change the answer",
                Some(
                    "write `cookies = []` where they change nothing, or list those that do: cookies = [\"currency\"]. Until then, \
                     what a request with cookies brings is kept only where the origin says public, s-maxage or Vary: Cookie",
                ),
            )],
        ),
        (
            "[[route]]\npath = \"/a\"\nttl_by_status = { \"200\" = \"1s\" }\ncookies = []\nset_cookie = \"store\"",
            &[(
                5,
                14,
                "with a `ttl_by_status`, a cookie that the origin gave one visitor is given to all",
                Some("write `set_cookie = \"strip\"` to leave it out of what is stored and sent"),
            )],
        ),
    ];
    for (text, expected) in cases {
        let rules = check_rules_text(text).unwrap_or_else(|errors| panic!("{errors}"));
        let found: Vec<_> = rules.warnings.iter().map(Problem::report).collect();
        assert_problems(text, &found, expected);
    }
}

#[test]
fn what_an_operator_may_ignore_needs_what_protects_visitors_in_its_place() {
    const OVERRIDE: &str = "add origin = \"override\": it makes the rule take precedence over the origin";
    const COOKIES: &str = "the origin keeps these answers apart; say what of a visitor changes them: cookies = [\"currency\"], or \
                           cookies = [] for nothing";
    const STATUSES: &str = "list statuses from 400 to 599: [429, 500, 502, 503, 504]";
    let cases: &[(&str, &[Expected])] = &[
        (
            "R\nttl = \"1m\"\nignore = [\"private\"]",
            &[
                (4, 10, "`ignore` needs `origin = \"override\"`", Some(OVERRIDE)),
                (4, 10, "`ignore` without `cookies`", Some(COOKIES)),
            ],
        ),
        (
            "R\nttl = \"1m\"\norigin = \"override\"\ncookies = []\nset_cookie = \"store\"\nignore = [\"no-store\"]",
            &[(
                6,
                14,
                "with `ignore`, an answer is never stored with its cookie",
                Some("write set_cookie = \"strip\" to leave the cookie out of what is stored and sent"),
            )],
        ),
        (
            "R\nttl = \"1m\"\norigin = \"override\"\ncookies = []\nignore = [\"no_store\"]",
            &[(6, 11, "`no_store` is not one of this key's values", Some("did you mean `no-store`?"))],
        ),
        (
            "R\nmax_ttl = \"0s\"",
            &[(
                3,
                11,
                "a `max_ttl` of zero keeps nothing fresh",
                Some("write `cache = false` to store nothing, or leave `max_ttl` out to follow the origin"),
            )],
        ),
        (
            "R\nstale_if_error_on = [200, 500, 99999]",
            &[
                (3, 22, "`200` is not an error status", Some(STATUSES)),
                (3, 32, "`99999` is not an error status", Some(STATUSES)),
            ],
        ),
        (
            "R\nlifetime_fields = [\"x-accel-expire\"]",
            &[(3, 20, "`x-accel-expire` is not one of this key's values", Some("did you mean `x-accel-expires`?"))],
        ),
    ];
    for (text, expected) in cases {
        let text = text.replace("R\n", "[[route]]\npath = \"/a\"\n");
        assert_problems(&text, &refused(&text, check_rules_text(&text)), expected);
    }
}

#[test]
fn what_an_operator_says_of_lifetimes_is_resolved() {
    let text = "[[route]]\npath = \"/a\"\nttl = \"1m\"\norigin = \"override\"\ncookies = []\nmax_ttl = \"1h\"\n\
                ignore = [\"no-cache\", \"private\", \"no-cache\"]\nstale_if_error_on = [429, 500]\n\
                lifetime_fields = [\"x-accel-expires\", \"surrogate-control\"]";
    let rules = check_rules_text(text).unwrap_or_else(|errors| panic!("{errors}"));
    assert!(rules.warnings.is_empty());
    let rule = &rules.rule_set.routes()[0].lifetime;
    assert_eq!(rule.max_ttl, Some(Duration::from_hours(1)));
    assert_eq!(rule.ignore, [IgnoredDirective::NoCache, IgnoredDirective::Private]);
    assert_eq!(rule.stale_if_error_on, [StatusCode::TOO_MANY_REQUESTS, StatusCode::INTERNAL_SERVER_ERROR]);
    assert_eq!(rule.fields, [LifetimeField::XAccelExpires, LifetimeField::SurrogateControl]);
}
