//! What events are, and what the rules make of them.

use super::*;
use crate::scope::Tag;

fn templates(texts: &[&str]) -> Vec<TagTemplate> {
    texts.iter().map(|text| TagTemplate::parse(text).unwrap()).collect()
}

fn rule(on: &str, tags: &[&str], urls: &[&str], prefixes: &[&str]) -> EventRule {
    let (tags, urls, prefixes) = (templates(tags), templates(urls), templates(prefixes));
    EventRule { on: on.to_owned(), tags, urls, prefixes, always: Vec::new(), depth: Depth::Hard }
}

fn tag(text: &str) -> Scope {
    Scope::Tag(Tag::new(text).unwrap())
}

fn mapped(rules: Vec<EventRule>, json: &str) -> Mapped {
    RuleSet::new(Vec::new()).unwrap().with_events(rules).purges_on(&Event::parse_json(json.as_bytes()).unwrap())
}

#[track_caller]
fn check_scopes(rule: EventRule, json: &str, expected: &[Scope]) {
    let purges = match mapped(vec![rule], json) {
        Mapped::Purges(purges) => purges.into_iter().flat_map(|purge| purge.scopes).collect(),
        Mapped::NoRule | Mapped::FieldsMissing => Vec::new(),
    };
    assert_eq!(purges, expected, "{json}");
}

#[test]
fn templates_are_filled_with_the_fields_of_the_event() {
    let product = || rule("product.updated", &["product:{id}", "search"], &[], &[]);
    check_scopes(product(), r#"{"type": "product.updated", "id": 42}"#, &[tag("product:42"), tag("search")]);
    check_scopes(product(), r#"{"type": "product.updated", "id": "a-1"}"#, &[tag("product:a-1"), tag("search")]);
    check_scopes(
        product(),
        r#"{"type": "product.updated", "id": [1, "2", null, {}]}"#,
        &[tag("product:1"), tag("product:2"), tag("search")],
    );
    check_scopes(product(), r#"{"type": "product.updated", "id": "a b"}"#, &[tag("product:a b"), tag("search")]);
    check_scopes(product(), r#"{"type": "product.updated"}"#, &[tag("search")]);
    check_scopes(product(), r#"{"type": "product.deleted", "id": 42}"#, &[]);
    let both = rule("moved", &["{from}-{to}-{from}"], &[], &[]);
    check_scopes(both, r#"{"type": "moved", "from": ["a", "b"], "to": "c"}"#, &[tag("a-c-a"), tag("b-c-b")]);
}

#[test]
fn values_in_urls_are_encoded_and_stay_within_their_segment() {
    let url = |text: &str| Scope::Url(text.into());
    let product = || rule("p", &[], &["/api/products/{id}"], &[]);
    check_scopes(product(), r#"{"type": "p", "id": 42}"#, &[url("/api/products/42")]);
    check_scopes(product(), r#"{"type": "p", "id": "a b?c"}"#, &[url("/api/products/a%20b%3Fc")]);
    check_scopes(
        rule("p", &[], &[], &["/api/{kind}/"]),
        r#"{"type": "p", "kind": "x"}"#,
        &[Scope::Prefix("/api/x/".into())],
    );
}

#[test]
fn an_event_that_maps_to_nothing_says_why() {
    assert_eq!(mapped(vec![], r#"{"type": "a"}"#), Mapped::NoRule);
    assert_eq!(mapped(vec![rule("b", &["x"], &[], &[])], r#"{"type": "a"}"#), Mapped::NoRule);
    assert_eq!(mapped(vec![rule("a", &["x:{id}"], &[], &[])], r#"{"type": "a", "no": 1}"#), Mapped::FieldsMissing);
}

#[test]
fn what_is_no_event_is_refused_with_its_reason() {
    for (text, expected) in [
        ("", EventError::Syntax),
        ("[]", EventError::Syntax),
        ("{}", EventError::Type),
        (r#"{"type": ""}"#, EventError::Type),
        (r#"{"type": null}"#, EventError::Type),
    ] {
        assert_eq!(Event::parse_json(text.as_bytes()), Err(expected), "{text}");
    }
    let long = format!(r#"{{"type": "{}"}}"#, "x".repeat(TYPE_BYTES_MAX + 1));
    assert_eq!(Event::parse_json(long.as_bytes()), Err(EventError::Type));
    let large = format!(r#"{{"type": "a", "b": "{}"}}"#, "x".repeat(EVENT_BYTES_MAX));
    assert_eq!(Event::parse_json(large.as_bytes()), Err(EventError::TooLarge));
    let many = (0..=FIELDS_MAX).map(|n| (n.to_string(), String::new())).chain([("type".to_owned(), "a".to_owned())]);
    assert_eq!(Event::from_fields(many.collect()), Err(EventError::TooLarge));
}

#[test]
fn lists_multiply_within_bounds() {
    let items: Vec<u32> = (0..200).collect();
    let event = serde_json::json!({"type": "a", "b": items, "c": items}).to_string();
    let Mapped::Purges(purges) = mapped(vec![rule("a", &["{b}-{c}"], &[], &[])], &event) else { panic!("it maps") };
    assert_eq!(purges[0].scopes.len(), SCOPES_MAX);
}

#[test]
fn a_gap_purges_all_that_an_event_could_have_named() {
    for (rule, expected) in [
        (rule("a", &["search"], &[], &[]), vec![tag("search")]),
        (rule("a", &["search", "product:{id}"], &[], &[]), vec![Scope::All]),
        (rule("a", &[], &["/p/{id}"], &[]), vec![Scope::Prefix("/p/".into())]),
        (rule("a", &[], &["/p/1"], &[]), vec![Scope::Url("/p/1".into())]),
    ] {
        let rules = RuleSet::new(Vec::new()).unwrap().with_events(vec![rule.clone()]);
        let purges: Vec<_> = rules.purges_on_a_gap().into_iter().flat_map(|purge| purge.scopes).collect();
        assert_eq!(purges, expected, "{rule:?}");
    }
}
