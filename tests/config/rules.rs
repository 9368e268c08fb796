//! Rules files.

use super::{Expected, assert_problems, refused};
use http::{Method, StatusCode};
use larder::testing::config::{Problem, check_rules_text, load_rules};
use larder::testing::rules::{
    CookieRule, LifetimeRule, OriginPrecedence, QueryRule, Route, RouteMode, SetCookieRule, TagTemplate,
};
use larder::testing::semantics::Coding;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

fn routes(text: &str) -> Vec<Arc<Route>> {
    let rules = check_rules_text(text).unwrap_or_else(|errors| panic!("{errors}"));
    rules.rule_set.routes().to_vec()
}

#[test]
fn a_route_with_only_a_path_is_a_plain_shared_cache() {
    let routes = routes("[[route]]\npath = \"/api/Products/{id}.json\"\n");
    let route = &routes[0];
    assert_eq!(route.name.as_str(), "api-products-id-json");
    assert_eq!(route.path.source(), "/api/Products/{id}.json");
    assert_eq!(route.methods, [Method::GET, Method::HEAD]);
    assert!(route.host.is_none());
    assert_eq!(route.mode, RouteMode::Cache);
    assert_eq!(route.lifetime, LifetimeRule::by_origin());
    assert!(matches!(route.key.query, QueryRule::AsReceived));
    assert!(route.key.headers.is_empty());
    assert_eq!(route.key.cookies, CookieRule::AsReceived);
    assert!(route.tags.is_empty());
    assert_eq!((route.set_cookie, &*route.codings), (SetCookieRule::Refuse, &[][..]));
    assert_eq!((route.max_body_bytes, route.coalesce_wait), (8 << 20, Duration::from_secs(5)));
    assert_eq!(route.read_timeout, None);
}

#[test]
fn every_key_reaches_its_option() {
    let routes = routes(
        r#"
        [[route]]
        name = "product"
        path = "/api/products/{id}"
        methods = ["GET", "POST"]
        host = "shop.example.com"
        cache = true
        ttl = "5m"
        origin = "override"
        ttl_by_status = { "404" = "30s", 301 = "0s" }
        jitter = "10%"
        stale_while_revalidate = "30s"
        stale_if_error = "1h"
        refresh_ahead = "80%"
        query = { allow = ["currency", "filter[*]"] }
        headers = ["X-Region", "accept-language", "x-region"]
        cookies = ["currency", "lang"]
        tags = ["product:{id}", "catalog"]
        set_cookie = "store"
        compress = true
        max_body = "2MiB"
        coalesce_wait = "0s"
        read_timeout = "5m"
        "#,
    );
    let route = &routes[0];
    assert_eq!(route.methods, [Method::GET, Method::HEAD, Method::POST]);
    assert_eq!(route.host.as_ref().unwrap().source(), "shop.example.com");
    let secs = Duration::from_secs;
    assert_eq!(
        route.lifetime,
        LifetimeRule {
            ttl: Some(secs(300)),
            origin: OriginPrecedence::Override,
            ttl_by_status: vec![(StatusCode::MOVED_PERMANENTLY, secs(0)), (StatusCode::NOT_FOUND, secs(30))],
            jitter: 0.1,
            stale_while_revalidate: Some(secs(30)),
            stale_if_error: Some(secs(3600)),
            refresh_ahead: Some(0.8),
            ..LifetimeRule::by_origin()
        }
    );
    assert_eq!(
        route.key.query.apply("filter[b]=1&currency=EUR&filterx=1").as_deref(),
        Some("currency=EUR&filter[b]=1")
    );
    assert_eq!(route.key.headers, ["accept-language", "x-region"]);
    assert_eq!(route.key.cookies, CookieRule::Only(vec!["currency".into(), "lang".into()]));
    assert_eq!(route.tags.iter().map(TagTemplate::source).collect::<Vec<_>>(), ["product:{id}", "catalog"]);
    assert_eq!((route.set_cookie, &*route.codings), (SetCookieRule::Store, &[Coding::Gzip][..]));
    assert_eq!((route.max_body_bytes, route.coalesce_wait), (2 << 20, Duration::ZERO));
    assert_eq!(route.read_timeout, Some(Duration::from_mins(5)));
}

#[test]
fn an_exception_covers_every_method_unless_it_names_some() {
    let routes = routes(
        "[[route]]\npath = \"/a\"\ncache = false\n[[route]]\npath = \"/b\"\ncache = false\nmethods = [\"GET\"]\n",
    );
    assert!(routes[0].names_method(&Method::DELETE));
    assert!(!routes[1].names_method(&Method::DELETE));
    assert!(routes[1].names_method(&Method::HEAD));
}

const GLOBAL: &str = "a tag is a line of text, with captures of the path in braces: \"product:{id}\"";

#[test]
fn a_lifetime_is_fixed_or_adaptive_and_known_ends_are_in_order() {
    let routes = routes(
        "[[route]]\npath = \"/a\"\nttl = { adaptive = [\"10s\", \"1h\"] }\n\
         not_after = [\"2026-11-27T00:00:00Z\", \"2026-11-26T00:00:00+01:00\", \"2026-11-27T01:00:00+01:00\"]\n",
    );
    let lifetime = &routes[0].lifetime;
    let secs = Duration::from_secs;
    assert_eq!((lifetime.ttl, lifetime.adaptive_max), (Some(secs(10)), Some(secs(3600))));
    let ends: Vec<_> = lifetime.not_after.iter().map(|end| end.to_rfc3339()).collect();
    assert_eq!(ends, ["2026-11-25T23:00:00.000Z", "2026-11-27T00:00:00.000Z"]);
}

/// Texts (`R` stands for the head and path of a route) and all their problems.
const BAD: &[(&str, &[Expected])] = &[
    ("[[rout]]\npath = \"/\"", &[(1, 3, "unknown key `rout`", Some("did you mean `route`?"))]),
    ("[route]\npath = \"/\"", &[(1, 1, "expected a list, found a table", None)]),
    (
        "[[route]]\nttl = \"5m\"",
        &[(1, 1, "the route has no `path`", Some("say what it matches: path = \"/api/products/{id}\""))],
    ),
    ("[[route]]\npaht = \"/a\"", &[(2, 1, "unknown key `paht`", Some("did you mean `path`?"))]),
    (
        "[[route]]\npath = \"api\"",
        &[(
            2,
            8,
            "a path pattern begins with `/`",
            Some("write the whole path, e.g. `/api/products/{id}`; the host goes into `host`"),
        )],
    ),
    (
        "[[route]]\npath = \"/a?b\"",
        &[(
            2,
            8,
            "`?` ends the path, so a path pattern cannot hold it",
            Some("the query is not part of the path; say which parameters count with `query`"),
        )],
    ),
    (
        "R\nname = \"Shop\"",
        &[(3, 8, "`Shop` is not a route name", Some("a name is a label in metrics and logs: a-z, 0-9, `-` and `_`"))],
    ),
    ("R\nmethods = [\"get\"]", &[(3, 12, "`get` is not a method", Some("methods are case-sensitive: write `GET`"))]),
    ("R\nmethods = [\"G ET\"]", &[(3, 12, "`G ET` is not a method", None)]),
    (
        "R\nmethods = []",
        &[(3, 11, "a route without methods matches nothing", Some("leave `methods` out for GET and HEAD"))],
    ),
    (
        "R\nhost = \"https://shop\"",
        &[(3, 8, "a host cannot hold `/`", Some("write the host alone, without scheme and path"))],
    ),
    (
        "R\nhost = \"shop:x\"",
        &[(3, 8, "`x` is not a port", Some("a port is a number from 1 to 65535; without one every port matches"))],
    ),
    (
        "R\nttl = \"0s\"",
        &[(
            3,
            7,
            "a `ttl` of zero keeps nothing fresh",
            Some("write `cache = false` to store nothing, or leave `ttl` out to follow the origin"),
        )],
    ),
    (
        "R\nttl = 300",
        &[(3, 7, "expected a duration such as \"30s\", found an integer", Some("write \"300s\" for seconds"))],
    ),
    (
        "R\norigin = \"overide\"",
        &[(3, 10, "`overide` is not one of this key's values", Some("did you mean `override`?"))],
    ),
    (
        "R\nttl_by_status = { \"4xx\" = \"1s\", \"404\" = 1 }",
        &[
            (
                3,
                19,
                "`4xx` is not a status that can be stored",
                Some("write one status a key, from 200 to 599, e.g. \"404\""),
            ),
            (3, 41, "expected a duration such as \"30s\", found an integer", Some("write \"1s\" for seconds")),
        ],
    ),
    (
        "R\njitter = \"110%\"",
        &[(3, 10, "`110%` is not a percentage", Some("write a percentage from \"0%\" to \"100%\""))],
    ),
    (
        "R\njitter = 0.1",
        &[(
            3,
            10,
            "expected a percentage such as \"10%\", found a float",
            Some("write a percentage from \"0%\" to \"100%\""),
        )],
    ),
    (
        "R\nquery = { allow = [\"a\"], deny = [\"b\"] }",
        &[(3, 9, "`query` has both `allow` and `deny`", Some("keep `allow`: what it does not list is denied"))],
    ),
    (
        "R\nquery = {}",
        &[(
            3,
            9,
            "`query` has neither `allow` nor `deny`",
            Some("write query = { allow = [\"page\"] }, or leave `query` out to keep it as it came"),
        )],
    ),
    ("R\nquery = { alow = [\"a\"] }", &[(3, 11, "unknown key `alow`", Some("did you mean `allow`?"))]),
    ("R\nquery = { deny = [\"\"] }", &[(3, 19, "`` is not a parameter name", None)]),
    ("R\nheaders = [\"a b\"]", &[(3, 12, "`a b` is not a header", None)]),
    (
        "R\nheaders = [\"Range\", \"host\"]",
        &[
            (
                3,
                12,
                "`range` cannot be keyed",
                Some("conditional and range requests are answered from the whole response"),
            ),
            (
                3,
                21,
                "`host` cannot be keyed",
                Some("host and port are part of every key; use `host` to distinguish routes"),
            ),
        ],
    ),
    ("R\ncookies = [\"a=b\"]", &[(3, 12, "`a=b` is not a cookie name", None)]),
    (
        "[[route]]\npath = \"/p/{id}\"\ntags = [\"p:{di}\", \"p:{sku}\"]",
        &[
            (3, 9, "`{di}` is not a capture of the path `/p/{id}`", Some("did you mean `{id}`?")),
            (3, 19, "`{sku}` is not a capture of the path `/p/{id}`", Some("the path captures {id}")),
        ],
    ),
    (
        "R\ntags = [\"p:{id}\"]",
        &[(
            3,
            9,
            "`{id}` is not a capture of the path `/a`",
            Some("the path captures nothing; put `{name}` for a segment"),
        )],
    ),
    (
        "R\ntags = [\"a\\nb\", \"{\"]",
        &[
            (3, 9, "a tag cannot hold control characters", Some(GLOBAL)),
            (3, 17, "a brace is not closed or not opened in `{`", Some(GLOBAL)),
        ],
    ),
    ("R\nset_cookie = false", &[(3, 14, "expected a string, found a boolean", None)]),
    ("R\nmax_body = 0", &[(3, 12, "no body fits into `max_body`", Some("write `cache = false` to store nothing"))]),
    (
        "R\nname = \"x\"\n[[route]]\nname = \"x\"\npath = \"/b\"",
        &[(
            5,
            8,
            "another route has the name `x`",
            Some("names are unique over all files; the other one is in rules.toml:3"),
        )],
    ),
    (
        "R\n[[route]]\npath = \"/a/\"",
        &[(
            4,
            8,
            "another route has the name `a`",
            Some("give this route a `name` of its own; the other one is in rules.toml:2"),
        )],
    ),
];

#[test]
fn every_problem_is_told_with_its_place_and_how_to_mend_it() {
    for (text, expected) in BAD {
        let text = text.replace("R\n", "[[route]]\npath = \"/a\"\n");
        assert_problems(&text, &refused(&text, check_rules_text(&text)), expected);
    }
}

#[test]
fn a_key_that_is_near_to_none_is_answered_with_all_there_are() {
    let text = "[[route]]\npath = \"/a\"\nedge_side_includes = true";
    let [report] = &refused(text, check_rules_text(text))[..] else { panic!("one problem") };
    assert_eq!((report.line, report.message.as_str()), (Some(3), "unknown key `edge_side_includes`"));
    let hint = report.hint.as_deref().unwrap();
    assert!(hint.starts_with("known here: name, path, ") && hint.contains(", miss_limit"), "{hint}");
}

fn assert_warnings(text: &str, expected: &[Expected]) {
    let rules = check_rules_text(text).unwrap_or_else(|errors| panic!("{errors}"));
    let found: Vec<_> = rules.warnings.iter().map(Problem::report).collect();
    assert_problems(text, &found, expected);
}

#[test]
fn a_file_without_a_route_is_warned_of() {
    assert_warnings(
        "",
        &[(
            0,
            0,
            "there is no route in `rules.toml`, so everything passes through",
            Some(
                "write a file there that says what may be cached: `[[route]]`, `path = \"/api/products/**\"`, `ttl = \"1m\"`; it is read as soon as it is there",
            ),
        )],
    );
}

#[test]
fn warnings_tell_what_hardly_means_what_it_says() {
    const IDLE: &str = "what passes through is neither keyed nor stored nor changed";
    let cases: &[(&str, &[Expected])] = &[
        ("[[route]]\npath = \"/a\"\nttl = \"1s\"\njitter = \"5%\"\ncookies = []", &[]),
        (
            "[[route]]\npath = \"/a/**\"\n[[route]]\npath = \"/a/{id}\"",
            &[(
                4,
                8,
                "the route `a-id` can never match",
                Some("`a` in rules.toml:2 takes all its requests; put this one first"),
            )],
        ),
        (
            "[[route]]\npath = \"/a\"\ncache = false\nttl = \"1s\"\ntags = [\"x\"]",
            &[
                (4, 7, "`ttl` means nothing where `cache = false`", Some(IDLE)),
                (5, 8, "`tags` means nothing where `cache = false`", Some(IDLE)),
            ],
        ),
        (
            "[[route]]\npath = \"/a\"\nmethods = [\"PUT\"]",
            &[(
                3,
                11,
                "nothing that this route matches can be stored",
                Some(
                    "answers to GET can be stored, and HEAD is answered from them; for an exception, write `cache = false`",
                ),
            )],
        ),
        (
            "[[route]]\npath = \"/a\"\njitter = \"5%\"\norigin = \"override\"",
            &[
                (
                    3,
                    10,
                    "`jitter` has no lifetime to spread",
                    Some("it spreads `ttl` and `ttl_by_status`; what the origin says stays as it is"),
                ),
                (4, 10, "nothing here goes before what the origin says", Some("add a `ttl`, or leave `origin` out")),
            ],
        ),
        (
            "[[route]]\npath = \"/a\"\nheaders = [\"Cookie\"]",
            &[(
                3,
                12,
                "every visitor gets entries of their own",
                Some("list the cookies that count: cookies = [\"currency\"]"),
            )],
        ),
    ];
    for (text, expected) in cases {
        assert_warnings(text, expected);
    }
}

#[test]
fn a_folder_is_read_in_name_order_without_hidden_and_other_files() {
    let folder = tempfile::tempdir().unwrap();
    for (file, text) in [
        ("20-b.toml", "[[route]]\npath = \"/b\"\n"),
        ("10-a.toml", "[[route]]\npath = \"/a\"\n"),
        (".30-c.toml", "nonsense"),
        ("notes.txt", "nonsense"),
        ("40-d.yaml", "nonsense"),
        ("50-e.TOML", "nonsense"),
    ] {
        std::fs::write(folder.path().join(file), text).unwrap();
    }
    std::fs::create_dir(folder.path().join("more")).unwrap();
    std::fs::write(folder.path().join("more/60-f.toml"), "nonsense").unwrap();
    let rules = load_rules(folder.path()).unwrap_or_else(|errors| panic!("{errors}"));
    let names: Vec<_> = rules.rule_set.routes().iter().map(|route| route.name.to_string()).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(rules.sources.len(), 2);
    let warned: Vec<_> = rules.warnings.iter().map(|warning| warning.report().message).collect();
    assert_eq!(warned.len(), 3, "{warned:?}");
    for (warning, name) in warned.iter().zip(["40-d.yaml", "50-e.TOML", "more"]) {
        assert!(warning.ends_with(&format!("{name}` is not read")), "{warning}");
    }
}

#[test]
fn problems_of_all_files_are_told_with_their_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.toml"), "[[route]]\npath = \"a\"\n").unwrap();
    std::fs::write(folder.path().join("b.toml"), "\nnonsense").unwrap();
    let found = refused("two files", load_rules(folder.path()));
    let places: Vec<_> = found
        .iter()
        .map(|report| (Path::new(report.file.as_deref().unwrap()).file_name().unwrap().to_str().unwrap(), report.line))
        .collect();
    assert_eq!(places, [("a.toml", Some(2)), ("b.toml", Some(2))]);
}

#[test]
fn rules_that_cannot_be_read_are_told_with_where_they_are_named() {
    let errors = load_rules(Path::new("no/such/rules")).unwrap_err();
    let report = &errors.reports()[0];
    assert!(report.message.starts_with("cannot read the rules at `no/such/rules`: "), "{}", report.message);
    assert!(report.hint.as_deref().unwrap().contains("--rules PATH"));
}

proptest::proptest! {
    #[test]
    fn no_text_panics_and_every_problem_can_be_shown(pieces in proptest::collection::vec(piece(), 0..12)) {
        match check_rules_text(&pieces.concat()) {
            Ok(rules) => drop(rules.warnings.iter().map(ToString::to_string).collect::<Vec<_>>()),
            Err(errors) => drop((errors.to_string(), errors.reports())),
        }
    }
}

/// Parts of rules files, whole and broken.
fn piece() -> impl proptest::strategy::Strategy<Value = String> {
    use proptest::prelude::*;
    prop_oneof![
        Just("[[route]]\n".to_owned()),
        "path = \"/[a-z{}*./%\u{e9}]{0,9}\"\n",
        "(ttl|host|name|jitter|origin|max_body|set_cookie) = \"[0-9a-zM%:.\u{e9}\u{7f}]{0,6}\"\n",
        "(tags|methods|headers|cookies|query) = (\\[|\\{)[\"a-zA-Z ={}:,\n]{0,12}(\\]|\\})\n",
        "\\PC{0,10}",
    ]
}
