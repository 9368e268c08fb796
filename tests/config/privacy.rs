//! Warnings of rules that may give one visitor what was made for another.

use super::{Expected, assert_problems};
use larder::config::{Problem, check_rules_text};

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
