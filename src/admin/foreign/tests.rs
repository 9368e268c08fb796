//! What the calls of other caches are mapped to, row by row.

use super::*;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue};

fn ask(line: &str, fields: &[(&str, &str)], body: &str) -> Result<Asked, Refused> {
    let (method, target) = line.split_once(' ').unwrap();
    let mut request = Request::builder().method(method).uri(target).body(Body::empty()).unwrap();
    for (name, value) in fields {
        request.headers_mut().append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
    }
    let dialect = Dialect::of(&request).unwrap_or_else(|| panic!("{line} is nobody's"));
    let rules = Rules::of(&Arc::new(RuleSet::new(Vec::new()).unwrap()), &["larder.internal".to_owned()]);
    dialect.read(&request.into_parts().0, body.as_bytes(), &rules)
}

fn shown(asked: &Asked) -> String {
    let scope = |scope: &Scope| match scope {
        Scope::All => "all".to_owned(),
        Scope::Route(name) => format!("route {name}"),
        Scope::Tag(tag) => format!("tag {}", tag.as_str()),
        Scope::Url(url) => format!("url {url}"),
        Scope::Prefix(prefix) => format!("prefix {prefix}"),
    };
    let scopes: Vec<_> = asked.scopes.iter().map(scope).collect();
    format!("{} {}", asked.depth.label(), scopes.join(", "))
}

fn check(line: &str, fields: &[(&str, &str)], body: &str, expected: Result<&str, &str>) {
    let asked = ask(line, fields, body);
    let found = asked.as_ref().map(shown).map_err(|refused| refused.field.clone());
    assert_eq!(found, expected.map(str::to_owned).map_err(str::to_owned), "{line} {fields:?} {body}: {asked:?}");
}

const SHOP: (&str, &str) = ("host", "shop.example.com");

#[test]
fn purge_names_the_url_under_both_schemes_or_tags() {
    let both = Ok("hard url http://shop.example.com/p?q=1, url https://shop.example.com/p?q=1");
    check("PURGE /p?q=1", &[SHOP], "", both);
    check("PURGE http://shop.example.com/p?q=1", &[("host", "other")], "", both);
    for own in ["127.0.0.1:9180", "[::1]:9180", "localhost", "10.0.0.7", "Larder.internal:9180"] {
        check("PURGE /p?q=1", &[("host", own)], "", Ok("hard url /p?q=1"));
    }
    check(
        "PURGE /p",
        &[SHOP, ("fastly-soft-purge", "1")],
        "",
        Ok("soft url http://shop.example.com/p, url https://shop.example.com/p"),
    );
    check("PURGE /p", &[SHOP, ("fastly-soft-purge", "yes")], "", Err("fastly-soft-purge"));
    check("PURGE /", &[SHOP, ("xkey-purge", "a b")], "", Ok("hard tag a, tag b"));
    check("PURGE /", &[SHOP, ("xkey", "a"), ("xkey", "b")], "", Ok("hard tag a, tag b"));
    check("PURGE /", &[SHOP, ("surrogate-key", "a,b")], "", Ok("hard tag a,b, tag a, tag b"));
    check("PURGE /", &[SHOP, ("xkey-softpurge", "a")], "", Ok("soft tag a"));
    check("PURGE /", &[SHOP, ("xkey-softpurge", "a"), ("xkey", "b")], "", Err("xkey"));
    check("PURGEKEYS /", &[SHOP, ("xkey-softpurge", "a")], "", Ok("soft tag a"));
    check("PURGEKEYS /", &[SHOP], "", Err("xkey-purge"));
    check("PURGE /", &[SHOP, ("xkey-softpurge", " ")], "", Err("xkey-softpurge"));
}

#[test]
fn what_plugins_of_shops_send_is_understood() {
    check(
        "PURGE /shop/.*",
        &[SHOP, ("x-purge-method", "regex")],
        "",
        Ok("hard prefix http://shop.example.com/shop/, prefix https://shop.example.com/shop/"),
    );
    check(
        "PURGE /shop/",
        &[SHOP, ("x-purge-method", "default")],
        "",
        Ok("hard url http://shop.example.com/shop/, url https://shop.example.com/shop/"),
    );
    check("PURGE /", &[SHOP, ("x-purge-method", "wild")], "", Err("x-purge-method"));
    let magento = |pattern: &'static str| [SHOP, ("x-magento-tags-pattern", pattern)];
    check("PURGE /", &magento("((^|,)cat_p_42(,|$))"), "", Ok("hard tag cat_p_42"));
    check(
        "PURGE /",
        &magento("((^|,)cat_p_42(,|$))|((^|,)cat_p(,|$))|((^|,)fpc(,|$))"),
        "",
        Ok("hard tag cat_p_42, tag cat_p, tag fpc"),
    );
    check("PURGE /", &magento(".*"), "", Ok("hard all"));
    check("PURGE /", &magento("((^|,)cat_.*(,|$))"), "", Err("x-magento-tags-pattern"));
    check("PURGE /", &magento("cat_p"), "", Err("x-magento-tags-pattern"));
}

#[test]
fn a_ban_is_mapped_exactly_or_refused() {
    check("BAN /p", &[SHOP], "", Ok("hard url http://shop.example.com/p, url https://shop.example.com/p"));
    let everything = [("x-host", ".*"), ("x-url", ".*"), ("x-content-type", ".*")];
    check("BAN /", &everything, "", Ok("hard all"));
    check(
        "BAN /",
        &[("x-host", "^(a\\.example|b\\.example)$"), ("x-url", "^/p$")],
        "",
        Ok("hard url http://a.example/p, url https://a.example/p, url http://b.example/p, url https://b.example/p"),
    );
    check("BAN /", &[("x-url", "^/shop/.*")], "", Ok("hard prefix /shop/"));
    for (field, pattern) in [
        ("x-url", "/shop"),
        ("x-url", "^/a.html"),
        ("x-url", "^/(a|b)"),
        ("x-url", "\\.png$"),
        ("x-host", "example.com"),
        ("x-content-type", "text/html"),
        ("x-cache-tags", "(a|b)(,.+)?$"),
    ] {
        check("BAN /", &[(field, pattern)], "", Err(field));
    }
    check("BAN /", &[("x-cache-tags", "(^|,)(a|b)(,|$)")], "", Ok("hard tag a, tag b"));
    check("BAN /", &[("x-cache-tags", "(^|,)a(,|$)"), ("x-url", "^/p$")], "", Err("ban"));
    let expression = |text: &'static str| [("x-ban-expression", text)];
    for (text, expected) in [
        ("req.url == /p", Ok("hard url /p")),
        ("req.url ~ ^/shop/", Ok("hard prefix /shop/")),
        ("req.url ~ .", Ok("hard all")),
        (
            "req.http.host == shop.example && req.url ~ \"^/shop\"",
            Ok("hard prefix http://shop.example/shop, prefix https://shop.example/shop"),
        ),
        ("req.http.host == shop.example", Ok("hard prefix http://shop.example/, prefix https://shop.example/")),
        ("obj.http.xkey ~ (^|[ ,])product:1($|[ ,])", Ok("hard tag product:1")),
        ("obj.status == 404", Err("x-ban-expression")),
        ("req.url != /p", Err("x-ban-expression")),
        ("req.url ~ ^/a || req.url ~ ^/b", Err("x-ban-expression")),
        ("req.url ~ ^/a && req.url ~ ^/b", Err("x-ban-expression")),
        ("", Err("x-ban-expression")),
    ] {
        check("BAN /", &expression(text), "", expected);
    }
}

#[test]
fn fastlys_calls_are_mapped() {
    check("POST /service/S1/purge/product%3A42", &[], "", Ok("hard tag product:42"));
    check("POST /service/S1/purge/product:42", &[("fastly-soft-purge", "1")], "", Ok("soft tag product:42"));
    check("POST /service/S1/purge_all", &[], "", Ok("hard all"));
    check("POST /service/S1/purge_all", &[("fastly-soft-purge", "1")], "", Err("fastly-soft-purge"));
    check("POST /service/S1/purge", &[("surrogate-key", "a b")], "", Ok("hard tag a, tag a, tag b, tag b"));
    check("POST /service/S1/purge", &[], r#"{"surrogate_keys": ["a"]}"#, Ok("hard tag a, tag a"));
    check("POST /service/S1/purge", &[], "", Err("surrogate_keys"));
    check("POST /service/S1/purge", &[], r#"{"surrogate_keys": []}"#, Err("surrogate_keys"));
    check("POST /service/S1/version", &[], "", Err("path"));
    let both = Ok("hard url http://shop.example.com/p?q=1, url https://shop.example.com/p?q=1");
    check("POST /purge/shop.example.com/p?q=1", &[], "", both);
    check("POST /purge/https://shop.example.com/p?q=1", &[], "", both);
    check("POST /purge/shop.example.com%2Fp%3Fq=1", &[], "", both);
}

#[test]
fn cloudflares_calls_are_mapped() {
    let zone = "POST /client/v4/zones/023e105f4ecef8ad9ca31a8372d0c353/purge_cache";
    check(zone, &[], r#"{"purge_everything": true}"#, Ok("hard all"));
    check("POST /zones/Z/purge_cache", &[], r#"{"tags": ["a"]}"#, Ok("hard tag a"));
    let both = "url http://shop/p, url https://shop/p";
    check(zone, &[], r#"{"files": ["http://shop/p"]}"#, Ok(&format!("hard {both}")));
    check(
        zone,
        &[],
        r#"{"files": [{"url": "https://shop/p", "headers": {"Accept-Language": "de"}}]}"#,
        Ok(&format!("hard {both}")),
    );
    check(zone, &[], r#"{"prefixes": ["shop/a"]}"#, Ok("hard prefix http://shop/a, prefix https://shop/a"));
    check(zone, &[], r#"{"hosts": ["shop"]}"#, Ok("hard prefix http://shop/, prefix https://shop/"));
    for (body, field) in [
        ("", "body"),
        ("{}", "body"),
        (r#"{"purge_everything": false}"#, "body"),
        (r#"{"file": ["http://shop/p"]}"#, "body"),
        (r#"{"files": ["http://shop/a b"]}"#, "files[0]"),
        (r#"{"prefixes": ["/a"]}"#, "prefixes[0]"),
        (r#"{"hosts": ["shop/a"]}"#, "hosts[0]"),
        (r#"{"tags": ["a", ""]}"#, "tags[1]"),
    ] {
        check(zone, &[], body, Err(field));
    }
    let many = serde_json::json!({ "tags": vec!["a"; 501] }).to_string();
    check(zone, &[], &many, Err("tags"));
}

#[test]
fn other_calls_are_not_taken() {
    for line in [
        "POST /purge",
        "GET /purge/x",
        "POST /zones/a/b/purge_cache",
        "POST /zones//purge_cache",
        "GET /service/x/purge_all",
        "POST /purges/1",
    ] {
        let (method, target) = line.split_once(' ').unwrap();
        let request = Request::builder().method(method).uri(target).body(Body::empty()).unwrap();
        assert_eq!(Dialect::of(&request), None, "{line}");
    }
}
