//! `[[warm]]` in the rules.

use super::{Expected, assert_problems, refused};
use larder::testing::config::{Environment, Overrides, check_rules_text, load};

const ONE_OF: &str = "a warm block names one of `urls`, `sitemap`, `log` and `top`";
const LIKE_THIS: &str =
    "write one of urls = [\"/api/products\"], sitemap = \"/sitemap.xml\", log = \"access.jsonl\", top = 500";
const A_URL: &str = "write http://shop.example.com/path, or /path with a host beside, percent-encoded";

const GOOD_RULES: &[&str] = &[
    "urls = [\"/a\", \"http://shop/b\"]\nevery = \"10m\"",
    "urls = [\"/a\"]\nhost = \"https://shop.example.com\"\nat_start = true\nconcurrent = 64\nrate = \"50/s\"",
    "sitemap = \"https://shop/sitemap.xml\"\nevery = \"1h\"\nat_start = true",
    "sitemap = \"/sitemap.xml\"\nevery = \"1s\"",
    "log = \"access.jsonl\"\nat_start = true",
    "log = \"/var/log/access.log.gz\"\ntop = 500\nat_start = true",
    "top = 500\nat_start = true",
];

#[test]
fn a_block_says_what_when_and_how_fast() {
    for block in GOOD_RULES {
        let text = format!("[[route]]\npath = \"/**\"\n[[warm]]\n{block}");
        assert!(check_rules_text(&text).is_ok(), "{block}");
    }
}

const BAD_RULES: &[(&str, &[Expected])] = &[
    ("[[warm]]\nat_start = true", &[(1, 1, ONE_OF, Some(LIKE_THIS))]),
    ("[[warm]]\nurls = [\"/a\"]\ntop = 5\nat_start = true", &[(1, 1, ONE_OF, Some(LIKE_THIS))]),
    ("[[warm]]\nsitemap = \"/a\"\nlog = \"b\"\nat_start = true", &[(1, 1, ONE_OF, Some(LIKE_THIS))]),
    (
        "[[warm]]\nurls = [\"/a\"]",
        &[(1, 1, "the warm block is never done", Some("set at_start = true, or every = \"10m\""))],
    ),
    (
        "[[warm]]\nurls = [\"/a\"]\nat_start = false",
        &[(1, 1, "the warm block is never done", Some("set at_start = true, or every = \"10m\""))],
    ),
    (
        "[[warm]]\nurls = []\nat_start = true",
        &[(2, 8, "a block names 1 to 10000 URLs", Some("write several blocks, or a `sitemap`"))],
    ),
    (
        "[[warm]]\nurls = [\"/a\", \"b c\"]\nat_start = true",
        &[(2, 15, "it is no URL that a client could ask for", Some(A_URL))],
    ),
    (
        "[[warm]]\nurls = [\"/a\"]\nhost = \"shop/a\"\nat_start = true",
        &[(3, 8, "`shop/a` is no host", Some("write \"shop.example.com\" or \"https://shop.example.com\""))],
    ),
    ("[[warm]]\nurls = [\"/a\"]\nevery = \"10ms\"", &[(3, 9, "too short a time", Some("write at least 1s"))]),
    ("[[warm]]\ntop = 0\nat_start = true", &[(2, 7, "write a number from 1 to 100000", None)]),
    ("[[warm]]\ntop = 5\nat_start = true\nconcurrent = 65", &[(4, 14, "write a number from 1 to 64", None)]),
    (
        "[[warm]]\ntop = 5\nat_start = true\nrate = \"fast\"",
        &[(4, 8, "it is no rate like \"50/s\", \"300/m\" or \"1000/h\"", None)],
    ),
    (
        "[[warm]]\ntop = 5\nat_strat = true\nevery = \"1m\"",
        &[(3, 1, "unknown key `at_strat`", Some("did you mean `at_start`?"))],
    ),
];

#[test]
fn every_problem_of_a_block_is_told_with_its_place_and_how_to_mend_it() {
    for (text, expected) in BAD_RULES {
        assert_problems(text, &refused(text, check_rules_text(text)), expected);
    }
}

/// Loads a block that warms a path without a host, with these lines in `[listen]`.
fn with_listen(listen: &str) -> Result<(), String> {
    let proxy = format!("rules = \"rules.toml\"\nupstream.servers = [\"http://a:1\"]\n[listen]\n{listen}");
    let rules = "[[route]]\npath = \"/**\"\n[[warm]]\nurls = [\"/a\"]\nat_start = true";
    let files = [("proxy.toml", proxy.as_str()), ("rules.toml", rules)];
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("the folder is there");
    }
    let config = load(&folder.path().join("proxy.toml"), &Overrides::default(), &Environment::default());
    let config = config.map_err(|errors| errors.to_string())?;
    config.load_rules().map(|_| ()).map_err(|errors| errors.to_string())
}

#[test]
fn a_path_needs_a_host_beside_it_or_a_default_one() {
    let refused = with_listen("http = \"127.0.0.1:0\"").expect_err("no host is named anywhere");
    assert!(refused.contains("`/a` names no host"), "{refused}");
    with_listen("http = \"127.0.0.1:0\"\ndefault_host = \"shop.example.com\"").expect("there is a default host");
}
