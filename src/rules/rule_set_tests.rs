//! Verdicts, unreachable routes and tags.

use super::*;
use crate::rules::host_pattern::HostPattern;
use crate::rules::pattern::PathPattern;
use crate::rules::tag_template::TagTemplate;
use crate::scope::RouteName;
use http::uri::Scheme;
use http::{HeaderMap, Uri};

fn target(url: &str) -> Target {
    Target::settle(&url.parse::<Uri>().unwrap(), &HeaderMap::new(), &Scheme::HTTP).unwrap()
}

/// `name [METHOD,METHOD] [host]/path`, with `!` before the name of a route that passes through.
fn route(text: &str) -> Route {
    let mut words: Vec<&str> = text.split(' ').collect();
    let place = words.pop().unwrap();
    let (host, path) = place.split_at(place.find('/').unwrap());
    let name = words[0];
    let mut route = Route::plain(RouteName::new(name.trim_start_matches('!')), PathPattern::parse(path).unwrap());
    if name.starts_with('!') {
        route.mode = RouteMode::PassThrough;
        route.methods.clear();
    }
    if let Some(methods) = words.get(1) {
        route.methods = methods.split(',').map(|method| method.parse().unwrap()).collect();
    }
    route.host = (!host.is_empty()).then(|| HostPattern::parse(host).unwrap());
    route
}

fn rule_set(routes: &[&str]) -> RuleSet {
    RuleSet::new(routes.iter().map(|text| route(text)).collect()).unwrap()
}

/// The verdict as `cache NAME` or `pass NAME REASON`.
fn verdict(rules: &RuleSet, method: &str, url: &str) -> String {
    match rules.decide(&method.parse().unwrap(), &target(url)) {
        RouteVerdict::Cache(route) => format!("cache {}", route.name),
        RouteVerdict::ByOperation(route) => format!("by operation {}", route.name),
        RouteVerdict::Pass { route, why } => {
            format!("pass {} {why}", route.map_or_else(|| "-".to_owned(), |route| route.name.to_string()))
        }
    }
}

#[test]
fn the_first_route_that_matches_path_host_and_method_decides() {
    let rules = rule_set(&[
        "!private /api/me/**",
        "admin GET admin.example.com/**",
        "product GET /api/products/{id}",
        "search GET,POST /api/search",
        "products GET /api/products/**",
        "shop *.example.com/api/**",
    ]);
    for (method, url, expected) in [
        ("GET", "http://shop/api/products/1", "cache product"),
        ("HEAD", "http://shop/api/products/1", "cache product"),
        ("GET", "http://shop/api/products/1/reviews", "cache products"),
        ("GET", "http://admin.example.com/api/products/1", "cache admin"),
        ("GET", "http://a.example.com/api/other", "cache shop"),
        ("GET", "http://a.example.com:8080/api/other", "cache shop"),
        ("GET", "http://shop/api/other", "pass - no-route"),
        ("POST", "http://shop/api/search", "cache search"),
        ("POST", "http://shop/api/products/1", "pass product method-not-named"),
        ("DELETE", "http://shop/api/search", "pass search method-not-named"),
        ("PURGE", "http://shop/other", "pass - no-route"),
        ("GET", "http://shop/api/me/orders", "pass private route-passes"),
        ("POST", "http://shop/api/me/orders", "pass private route-passes"),
        ("GET", "http://shop/api/products/a%2Fb", "pass product ambiguous-path"),
        ("GET", "http://shop/api/products/1;v=2", "pass product ambiguous-path"),
        ("GET", "http://shop/api/products/1?x=/api/me/", "cache product"),
        ("GET", "http://shop/api/x/../products/1", "cache product"),
    ] {
        assert_eq!(verdict(&rules, method, url), expected, "{method} {url}");
    }
}

#[test]
fn without_routes_everything_passes() {
    assert_eq!(verdict(&rule_set(&[]), "GET", "http://shop/"), "pass - no-route");
}

#[test]
fn one_automaton_agrees_with_trying_each_route_in_turn() {
    let patterns = ["/a", "/a/**", "/{x}", "/{x}/b", "/**/b", "/a/*c", "/a/{x}.c", "/{x}/{y...}", "/b/**/b/*"];
    let paths = ["/", "/a", "/a/", "/a/b", "/a/c", "/a/x.c", "/b", "/b/b", "/b/b/b", "/b/x/y/b/z", "/x/y/z/b"];
    for start in 0..patterns.len() {
        let order: Vec<&str> = patterns[start..].iter().chain(&patterns[..start]).copied().collect();
        let texts: Vec<String> = order.iter().enumerate().map(|(place, path)| format!("r{place} {path}")).collect();
        let rules = rule_set(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        let alone: Vec<RuleSet> = texts.iter().map(|text| rule_set(&[text])).collect();
        for path in paths {
            let url = format!("http://shop{path}");
            let each =
                alone.iter().map(|rules| verdict(rules, "GET", &url)).find(|verdict| verdict.starts_with("cache"));
            let expected = each.unwrap_or_else(|| "pass - no-route".to_owned());
            assert_eq!(verdict(&rules, "GET", &url), expected, "{order:?} {path}");
        }
    }
}

#[test]
fn a_route_that_an_earlier_one_covers_is_unreachable() {
    let rules = rule_set(&[
        "all GET /api/**",
        "same GET /api/products/{id}",
        "posts POST /api/products/{id}",
        "hosted GET shop/api/x",
        "!every /api/y",
        "other /other",
        "again GET,HEAD /other",
    ]);
    let found: Vec<_> = rules
        .unreachable_routes()
        .iter()
        .map(|found| format!("{} by {}", found.route.name, found.covered_by.name))
        .collect();
    assert_eq!(found, ["same by all", "hosted by all", "again by other"]);
}

#[test]
fn tags_are_filled_from_the_path_without_repeats() {
    let mut route = route("product GET /c/{category}/{id}");
    route.tags =
        ["catalog", "product:{id}", "{category}", "catalog"].map(|tag| TagTemplate::parse(tag).unwrap()).into();
    let rules = RuleSet::new(vec![route]).unwrap();
    let tags = |url: &str| -> Vec<String> {
        rules
            .tags(&rules.routes()[0], &target(url))
            .unwrap_or_default()
            .iter()
            .map(|tag| tag.as_str().to_owned())
            .collect()
    };
    assert_eq!(tags("http://shop/c/tea/42"), ["catalog", "product:42", "tea"]);
    assert_eq!(tags("http://shop/c/green%20tea/42"), ["catalog", "product:42", "green tea"]);
    assert_eq!(tags("http://shop/c/catalog/1"), ["catalog", "product:1"]);
}
