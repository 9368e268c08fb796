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
        Mapped::Purges { purges, .. } => purges.into_iter().flat_map(|purge| purge.scopes).collect(),
        Mapped::NoRule | Mapped::FieldsMissing(_) | Mapped::TooMany => Vec::new(),
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
    let missing = Mapped::FieldsMissing(vec!["id".to_owned()]);
    assert_eq!(mapped(vec![rule("a", &["x:{id}"], &[], &[])], r#"{"type": "a", "no": 1}"#), missing);
}

#[test]
fn what_is_not_purged_for_want_of_a_field_is_named() {
    let both = || vec![rule("a", &["x:{id}", "x:{id}-{size}", "always"], &["/p/{id}"], &[])];
    for (fields, expected) in [
        (r#""id": 1, "size": "xl""#, &[][..]),
        (r#""id": "red shoes", "size": true"#, &[]),
        (r#""id": [1, 2], "size": 4.5"#, &[]),
        (r#""id": 1"#, &["size"]),
        (r#""product_id": 1, "size": 1"#, &["id"]),
        (r#""id": null, "size": {}"#, &["id", "size"]),
        (r#""id": "", "size": 1"#, &["id"]),
        (r#""id": [1, null], "size": 1"#, &["id"]),
        (r#""id": [1, [2]], "size": 1"#, &["id"]),
        (r#""id": [], "size": 1"#, &["id"]),
        (r#""id": 123456789012345678901234567890, "size": 1"#, &["id"]),
        (r#""id": "a\nb", "size": 1"#, &["id", "size"]),
    ] {
        let event = format!(r#"{{"type": "a", {fields}}}"#);
        let Mapped::Purges { missing, .. } = mapped(both(), &event) else { panic!("{event} purges something") };
        assert_eq!(missing, expected, "{event}");
    }
}

#[test]
fn a_whole_number_is_purged_by_each_way_to_write_it() {
    for (written, expected) in [
        ("42", &["42"][..]),
        ("42.0", &["42", "42.0"]),
        ("4.2e1", &["42", "42.0"]),
        ("[1.0, 2]", &["1", "1.0", "2"]),
        ("-3.0", &["-3", "-3.0"]),
        ("1.5", &["1.5"]),
    ] {
        let expected: Vec<_> = expected.iter().map(|id| tag(&format!("product:{id}"))).collect();
        let event = format!(r#"{{"type": "p", "id": {written}}}"#);
        check_scopes(rule("p", &["product:{id}"], &[], &[]), &event, &expected);
    }
    let Mapped::FieldsMissing(missing) =
        mapped(vec![rule("p", &["product:{id}"], &[], &[])], r#"{"type": "p", "id": 1e300}"#)
    else {
        panic!("nobody can tell which number that is")
    };
    assert_eq!(missing, ["id"]);
}

#[test]
fn a_field_that_stands_twice_has_all_its_values() {
    let product = || rule("p", &["product:{id}"], &[], &[]);
    let both = [tag("product:1"), tag("product:2")];
    check_scopes(product(), r#"{"type": "p", "id": 1, "id": 2}"#, &both);
    check_scopes(product(), r#"{"id": [1], "type": "p", "\u0069d": 2}"#, &both);
    let entry = [("type", "p"), ("id", "1"), ("id", "2"), ("other", "")];
    let entry = entry.map(|(name, text)| (name.to_owned(), text.to_owned()));
    let of_entry = |fields: &[(String, String)]| {
        let rules = RuleSet::new(Vec::new()).unwrap().with_events(vec![product()]);
        Event::from_fields(fields.to_vec()).map(|event| rules.purges_on(&event))
    };
    let purge = EventPurge { scopes: both.to_vec(), depth: Depth::Hard };
    assert_eq!(of_entry(&entry), Ok(Mapped::Purges { purges: vec![purge], missing: Vec::new() }));
    // One of both is no value, or neither is.
    let Mapped::Purges { missing, .. } = mapped(vec![product()], r#"{"type": "p", "id": 1, "id": null}"#) else {
        panic!("it purges something")
    };
    assert_eq!(missing, ["id"]);
    let empty = [("type", "p"), ("id", "")].map(|(name, text)| (name.to_owned(), text.to_owned()));
    assert_eq!(of_entry(&empty), Ok(Mapped::FieldsMissing(vec!["id".to_owned()])));
    let types = [("type", "p"), ("type", "q")].map(|(name, text)| (name.to_owned(), text.to_owned()));
    assert_eq!(of_entry(&types), Err(EventError::Type));
}

#[test]
fn blocks_of_one_depth_make_one_purge() {
    let soft = |tag| EventRule { depth: Depth::Soft, ..rule("a", &[tag], &[], &[]) };
    let rules = vec![rule("a", &["hard"], &[], &[]), soft("soft"), rule("a", &["hard:{id}"], &[], &[])];
    let Mapped::Purges { purges, .. } = mapped(rules, r#"{"type": "a", "id": 1}"#) else { panic!("it maps") };
    let soft = EventPurge { scopes: vec![tag("soft")], depth: Depth::Soft };
    assert_eq!(purges, [soft, EventPurge { scopes: vec![tag("hard"), tag("hard:1")], depth: Depth::Hard }]);
}

#[test]
fn what_is_no_event_is_refused_with_its_reason() {
    for (text, expected) in [
        ("", EventError::Syntax),
        ("[]", EventError::Syntax),
        ("{}", EventError::Type),
        (r#"{"type": ""}"#, EventError::Type),
        (r#"{"type": null}"#, EventError::Type),
        (r#"{"type": false}"#, EventError::Type),
        (r#"{"type": 7}"#, EventError::Type),
        (r#"{"type": ["a", "b"]}"#, EventError::Type),
    ] {
        assert_eq!(Event::parse_json(text.as_bytes()), Err(expected), "{text}");
    }
    let long = format!(r#"{{"type": "{}"}}"#, "x".repeat(TYPE_CHARS_MAX + 1));
    assert_eq!(Event::parse_json(long.as_bytes()), Err(EventError::Type));
    let large = format!(r#"{{"type": "a", "b": "{}"}}"#, "x".repeat(EVENT_BYTES_MAX));
    assert_eq!(Event::parse_json(large.as_bytes()), Err(EventError::TooLarge));
    let twice = r#"{"type": "a", "type": "b"}"#;
    assert_eq!(Event::parse_json(twice.as_bytes()), Err(EventError::Type));
    let many = (0..=FIELDS_MAX).map(|n| (n.to_string(), String::new())).chain([("type".to_owned(), "a".to_owned())]);
    assert_eq!(Event::from_fields(many.collect()), Err(EventError::TooLarge));
}

#[test]
fn lists_multiply_and_what_names_too_much_is_refused_whole() {
    let mapped_of = |count: usize, template: &str| {
        let items = vec![1; count];
        let event = serde_json::json!({"type": "a", "b": items, "c": items, "d": items}).to_string();
        mapped(vec![rule("a", &["all", template], &[], &[])], &event)
    };
    let scopes_of = |count, template| match mapped_of(count, template) {
        Mapped::Purges { purges, .. } => purges[0].scopes.len(),
        other => panic!("{count} in {template}: {other:?}"),
    };
    assert_eq!(scopes_of(1_500, "{b}"), 1 + 1_500);
    assert_eq!(scopes_of(200, "{b}-{c}"), 1 + 200 * 200);
    assert_eq!(mapped_of(400, "{b}-{c}"), Mapped::TooMany);
    assert_eq!(mapped_of(EVENT_SCOPES_MAX, "{b}"), Mapped::TooMany, "there is one more");
    assert_eq!(mapped_of(20_000, "{b}-{c}-{d}"), Mapped::TooMany);
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
        let purges: Vec<_> = rules.purges_on_a_gap(None).into_iter().flat_map(|purge| purge.scopes).collect();
        assert_eq!(purges, expected, "{rule:?}");
        assert_eq!(rules.purges_on_a_gap(Some("a")), rules.purges_on_a_gap(None));
        assert_eq!(rules.purges_on_a_gap(Some("b")), []);
    }
}
