//! The keys of a route that say what passes by, what is sent to the origin, and what clients are told.

use super::{Expected, assert_problems, refused};
use http::HeaderValue;
use larder::testing::config::{Problem, check_rules_text};
use larder::testing::rules::{ClientDirectives, Route};
use larder::testing::semantics::Coding;
use std::sync::Arc;
use std::time::Duration;

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
    assert_eq!(route("").client_directives, ClientDirectives::Collapse);
    for word in [ClientDirectives::Obey, ClientDirectives::Collapse, ClientDirectives::Ignore] {
        assert_eq!(route(&format!("client_directives = \"{}\"", word.label())).client_directives, word);
    }
    let keys = "vary_origin = [\"https://a.test\"]\nstrip_prefix = \"/shop\"\nadd_prefix = \"/v2/api\"\n\
                upstream_host = \"API.internal:8000\"\nset_request_headers = { X-Key = \"a b\", x-other = \"c\" }\n\
                remove_request_headers = [\"X-Debug\", \"accept-encoding\"]";
    let route = route(keys);
    assert_eq!(route.key.origins.as_deref(), Some(&[HeaderValue::from_static("https://a.test")][..]));
    let rule = &route.to_origin;
    assert_eq!((rule.strip_prefix.as_str(), rule.add_prefix.as_str()), ("/shop", "/v2/api"));
    assert_eq!(rule.host, Some(HeaderValue::from_static("api.internal:8000")));
    let set: Vec<_> = rule.set.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    assert_eq!(set, [("x-key", "a b"), ("x-other", "c")]);
    assert_eq!(rule.removed, ["accept-encoding", "x-debug"]);
}

#[test]
fn codings_keep_their_order() {
    use Coding::{Br, Gzip, Zstd};
    for (written, codings) in [
        ("false", &[][..]),
        ("true", &[Gzip]),
        ("[\"br\"]", &[Br]),
        ("[\"zstd\", \"br\", \"gzip\"]", &[Zstd, Br, Gzip]),
        ("[\"gzip\", \"zstd\"]", &[Gzip, Zstd]),
    ] {
        assert_eq!(*route(&format!("compress = {written}")).codings, *codings, "{written}");
    }
}

#[test]
fn what_clients_are_told_reaches_its_option() {
    assert!(self::route("").answer.is_none());
    let keys = "browser_cache_control = \"public, max-age=60\"\nset_headers = { X-Served-By = \"larder\" }\n\
                remove_headers = [\"Server\"]\ntag_fields = [\"Edge-Cache-Tag\"]\nsend_tags = false";
    let route = route(keys);
    let rule = route.answer.as_ref().expect("the route changes answers");
    assert_eq!(rule.cache_control, Some(HeaderValue::from_static("public, max-age=60")));
    assert_eq!(rule.set.len(), 1);
    assert_eq!(rule.removed, ["server", "edge-cache-tag"]);
    assert_eq!(route.tag_fields[..], ["edge-cache-tag"]);
    assert_eq!(self::route("send_tags = false").answer.as_ref().unwrap().removed.len(), 4);
}

#[test]
fn a_route_says_for_how_long_replicas_lag() {
    assert_eq!(route("settle = \"2s\"").settle, Some(Duration::from_secs(2)));
    assert_eq!(route("").settle, None);
}

const SETTLE: &str = "write the longest time for which a replica of the origin's database lags: settle = \"2s\"";
const ORIGIN: &str = "write scheme, host and port as browsers send them: \"https://shop.example.com\"";
const SEGMENTS: &str = "a prefix is made of whole segments: \"/shop\"";
const ONE: &str = "it concerns one connection only and is not sent on";
const VALUE: &str = "a value is visible ASCII text without white space around it";
const TOLD: &str = "it is sent to clients in place of Cache-Control, Expires and Pragma; keep one of them";
const KEYED: &str = "what is part of the key is sent as the client sent it; take it out of one of the two";

/// Keys and all their problems.
const BAD: &[(&str, &[Expected])] = &[
    ("settle = \"0s\"", &[(3, 10, "`settle` cannot be zero", Some("leave it out: then nothing is kept shorter"))]),
    ("settle = \"2h\"", &[(3, 10, "`settle` is longer than an hour", Some(SETTLE))]),
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
    ("bypass = { cookies = [\"a b\"] }", &[(3, 23, "`a b` is not a cookie name", None)]),
    ("bypass = { headers = [\"*:\"] }", &[(3, 23, "`*:` is not a header name", None)]),
    (
        "client_directives = \"ignored\"",
        &[(3, 21, "`ignored` is not one of this key's values", Some("did you mean `ignore`?"))],
    ),
    ("bypass = { query = [\"\"] }", &[(3, 21, "`` is not a parameter name", None)]),
    (
        "vary_origin = [\"*\", \"https://A.test:443/x\", \"ftp://a.test\"]",
        &[
            (3, 16, "`*` is not an origin", Some(ORIGIN)),
            (3, 21, "`https://A.test:443/x` is not an origin", Some("write `https://a.test`, as browsers send it")),
            (3, 45, "`ftp://a.test` is not an origin", Some(ORIGIN)),
        ],
    ),
    (
        "types = { Product = \"product:{id}\" }\nprivate_mutations = [\"login\"]",
        &[
            (3, 9, "`types` is about GraphQL", Some("add body_key = \"graphql\", or leave it out")),
            (4, 21, "`private_mutations` is about GraphQL", Some("add body_key = \"graphql\", or leave it out")),
        ],
    ),
    (
        "body_key = \"graphql\"\nprivate_mutations = [\"login\", \"log in\"]",
        &[(
            4,
            31,
            "`log in` is no name of a mutation",
            Some("write the name of a field of the schema's Mutation: \"addItemToOrder\""),
        )],
    ),
    (
        "body_key_max = \"1KiB\"",
        &[(3, 16, "no body is part of a key here", Some("add body_key = \"json\", or leave it out"))],
    ),
    (
        "compress = \"br\"",
        &[(3, 12, "expected true, false or a list of codings, found a string", Some("write [\"br\"]"))],
    ),
    (
        "compress = \"yes\"",
        &[(
            3,
            12,
            "expected true, false or a list of codings, found a string",
            Some("write true for [\"gzip\"], or [\"zstd\", \"br\", \"gzip\"]"),
        )],
    ),
    (
        "compress = []",
        &[(3, 12, "`compress` names no coding", Some("write `compress = false` to keep bodies as they come"))],
    ),
    (
        "compress = [\"br\", \"deflate\"]",
        &[(3, 19, "`deflate` is not one of this key's values", Some("choose one of zstd, br, gzip"))],
    ),
    (
        "compress = [\"brotli\"]",
        &[(3, 13, "`brotli` is not one of this key's values", Some("choose one of zstd, br, gzip"))],
    ),
    (
        "compress = [\"br\", \"gzip\", \"br\"]",
        &[(3, 27, "`br` is named twice", Some("the order says which one is preferred: name each once"))],
    ),
    (
        "body_key = \"xml\"",
        &[(3, 12, "`xml` is not one of this key's values", Some("choose one of json, bytes, graphql"))],
    ),
    (
        "body_key = \"json\"\nbody_key_max = \"2MiB\"\nmethods = [\"GET\"]",
        &[
            (
                3,
                12,
                "the route names neither POST nor QUERY",
                Some("name one of both in `methods`, or leave `methods` out"),
            ),
            (
                4,
                16,
                "no useful size of a key's body",
                Some("a body is held in memory while it is answered: at most 1 MiB"),
            ),
        ],
    ),
    ("strip_prefix = \"shop/\"", &[(3, 16, "`shop/` is not a path prefix", Some("write `/shop`"))]),
    (
        "strip_prefix = \"/{id}\"",
        &[(3, 16, "`/{id}` is not a path prefix", Some("a prefix is made of whole segments: \"/shop\""))],
    ),
    ("add_prefix = \"/\"", &[(3, 14, "`/` is not a path prefix", Some(SEGMENTS))]),
    ("add_prefix = \"/a/../b\"", &[(3, 14, "`/a/../b` is not a path prefix", Some(SEGMENTS))]),
    (
        "strip_prefix = \"/sho\"",
        &[(
            3,
            16,
            "not every path of the route begins with `/sho`",
            Some("let `path` begin with it, e.g. path = \"/sho/**\""),
        )],
    ),
    (
        "upstream_host = \"http://api\"",
        &[(
            3,
            17,
            "`http://api` is not a host",
            Some("write a host, with a port where it has one, \"api.internal\", or \"keep\" for the client's"),
        )],
    ),
    (
        "set_request_headers = { Host = \"a\", Connection = \"a\", Content-Length = \"0\", Range = \"a\", Via = \"a\" }",
        &[
            (3, 25, "`host` cannot be set", Some("say what the origin is sent with `upstream_host`")),
            (3, 37, "`connection` cannot be set", Some(ONE)),
            (3, 55, "`content-length` cannot be set", Some(ONE)),
            (
                3,
                77,
                "`range` cannot be set",
                Some("conditional and range requests are answered from the whole response"),
            ),
            (3, 90, "`via` cannot be set", Some("it is replaced on the way to the origin")),
        ],
    ),
    (
        "set_request_headers = { X-A = \" a\", x-b = \"\\n\", X-b = \"c\" }",
        &[
            (3, 31, "` a` is not a valid header value", Some(VALUE)),
            (3, 43, "`\\n` is not a valid header value", Some(VALUE)),
        ],
    ),
    (
        "set_request_headers = { X-A = \"a\", x-a = \"b\" }",
        &[(3, 36, "`x-a` is listed twice", Some("header names are case-insensitive: keep one of them"))],
    ),
    (
        "set_request_headers = [\"a\"]",
        &[(3, 23, "expected a table such as { \"X-Served-By\" = \"larder\" }, found an array", None)],
    ),
    (
        "remove_request_headers = [\"transfer-encoding\", \"a b\"]",
        &[(3, 27, "`transfer-encoding` cannot be removed", Some(ONE)), (3, 48, "`a b` is not a header", None)],
    ),
    (
        "set_headers = { Age = \"0\", Content-Length = \"0\", Content-Encoding = \"br\", Host = \"a\" }",
        &[
            (3, 17, "`age` cannot be set", Some("Larder writes it on every response")),
            (3, 28, "`content-length` cannot be set", Some(ONE)),
            (3, 50, "`content-encoding` cannot be set", Some("it determines how the body is read")),
            (3, 75, "`host` cannot be set", Some("it is a field of requests")),
        ],
    ),
    (
        "remove_headers = [\"Via\", \"Trailer\"]",
        &[
            (3, 19, "`via` cannot be removed", Some("Larder writes it on every response")),
            (3, 26, "`trailer` cannot be removed", Some(ONE)),
        ],
    ),
    (
        "browser_cache_control = \"max age\"",
        &[(3, 25, "`max age` is not a list of directives", Some("write what Cache-Control is to say: \"max-age=60\""))],
    ),
    (
        "browser_cache_control = \"public, max-age=1h\"",
        &[(
            3,
            25,
            "`public, max-age=1h` is not a list of directives",
            Some("write what Cache-Control is to say: \"max-age=60\""),
        )],
    ),
    ("browser_cache_control = \"\"", &[(3, 25, "`` is not a valid header value", Some(VALUE))]),
    (
        "browser_cache_control = \"no-cache\"\nset_headers = { cache-control = \"a\", X-A = \"b\" }\nremove_headers = [\"Expires\", \"x-a\"]",
        &[
            (4, 17, "`cache-control` beside `browser_cache_control`", Some(TOLD)),
            (
                4,
                38,
                "`X-A` is removed as well",
                Some("what is set takes the place of what the origin sent; keep it in one of the two"),
            ),
            (5, 19, "`Expires` beside `browser_cache_control`", Some(TOLD)),
        ],
    ),
    ("tag_fields = [\"Connection\"]", &[(3, 15, "`connection` cannot be read for tags", Some(ONE))]),
    (
        "headers = [\"x-a\"]\ncookies = [\"a\"]\nremove_request_headers = [\"X-A\"]\nset_request_headers = { cookie = \"a\" }",
        &[(5, 27, "`X-A` is part of the key", Some(KEYED)), (6, 25, "`cookie` is part of the key", Some(KEYED))],
    ),
    ("read_timeout = \"0s\"", &[(3, 16, "a timeout cannot be zero", None)]),
];

#[test]
fn every_problem_is_told_with_its_place_and_how_to_mend_it() {
    for (keys, expected) in BAD {
        assert_problems(keys, &refused(keys, check_rules_text(&text(keys))), expected);
    }
}

#[test]
fn warnings_tell_what_hardly_means_what_it_says() {
    const LETTERS: &str = "write `{name}` for a segment, `*` within one, `**` for any number of them";
    const NAME: &str = "write the name alone, decoded: `page`, `filter[*]`";
    const IDLE: &str = "what passes through is neither keyed nor stored nor changed";
    let cases: &[(&str, &[Expected])] = &[(
        "cache = false\nbypass = { query = [\"a\"] }",
        &[(4, 10, "`bypass` means nothing where `cache = false`", Some(IDLE))],
    )];
    for (text, expected) in [
        ("path = \"/a/[0-9]+\"", (2, 8, "`[` is matched literally: a path is not a regular expression", Some(LETTERS))),
        ("path = \"/a/.*\"", (2, 8, "`.*` is matched literally: a path is not a regular expression", Some(LETTERS))),
        ("path = \"/a/:id/b\"", (2, 8, "`:id` is matched literally", Some("write `{id}`"))),
        (
            "path = \"/a\"\nmethods = [\"GET\", \"PSOT\"]",
            (3, 19, "`PSOT` is not a known method", Some("did you mean `POST`?")),
        ),
        (
            "path = \"/a\"\nttl = \"1m\"\ncookies = []\nmethods = [\"POST\"]",
            (
                5,
                11,
                "nothing that this route matches can be stored",
                Some(
                    "answers to GET can be stored, and HEAD is answered from them; for an exception, write `cache = false`",
                ),
            ),
        ),
        ("path = \"/a\"\nquery = { allow = [\"page=*\"] }", (3, 20, "`page=*` matches no parameter name", Some(NAME))),
        ("path = \"/a\"\nquery = { deny = [\"utm%5F*\"] }", (3, 19, "`utm%5F*` matches no parameter name", Some(NAME))),
        (
            "path = \"/a\"\nheaders = [\"Cookie\"]\ncookies = [\"a\"]",
            (
                3,
                12,
                "`Cookie` is part of the key in addition to `cookies`",
                Some("`cookies` says which cookies count; leave `Cookie` out of `headers`"),
            ),
        ),
        (
            "path = \"/a\"\nmax_body = 8",
            (3, 12, "a body of up to 8 bytes is probably not intended", Some("a size has a unit: \"64KiB\", \"2MiB\"")),
        ),
    ] {
        let text = format!("[[route]]\n{text}");
        let rules = check_rules_text(&text).unwrap_or_else(|errors| panic!("{errors}"));
        let found: Vec<_> = rules.warnings.iter().map(Problem::report).collect();
        assert_problems(&text, &found, &[expected]);
    }
    for (keys, expected) in cases {
        let rules = check_rules_text(&text(keys)).unwrap_or_else(|errors| panic!("{errors}"));
        let found: Vec<_> = rules.warnings.iter().map(Problem::report).collect();
        assert_problems(keys, &found, expected);
    }
}
