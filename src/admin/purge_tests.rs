//! What a purge may say, row by row. URLs are settled and keyed by others: tests/admin.rs purges by them.

use super::*;
use serde_json::json as object;

fn rules() -> RuleSet {
    RuleSet::new(Vec::new()).unwrap()
}

fn read(body: &Value) -> Result<(Purge, Option<Duration>), Problem> {
    let asked: Asked = json(body.to_string().as_bytes())?;
    Ok((purge_of(&asked, &rules(), &BTreeSet::new())?, wait_of(&asked.wait)?))
}

#[test]
fn a_purge_is_read_whole() {
    let (purge, wait) = read(&object!({"tags": ["a", "b", "a"], "all": true, "soft": true, "wait": "2s"})).unwrap();
    let tag = |text| Scope::Tag(Tag::new(text).unwrap());
    assert_eq!(purge.scopes, [Scope::All, tag("a"), tag("b")]);
    assert_eq!((purge.depth, purge.source), (Depth::Soft, PurgeSource::Admin));
    assert_eq!(wait, Some(Duration::from_secs(2)));
}

#[test]
fn what_is_absent_or_null_asks_for_nothing() {
    let (purge, wait) = read(&object!({"tags": ["a"], "urls": null, "all": false, "soft": null})).unwrap();
    assert_eq!((purge.scopes.len(), purge.depth, wait), (1, Depth::Hard, None));
}

#[test]
fn an_error_names_its_field() {
    let row = |body: Value, field: Option<&str>, says: &str| {
        let problem = read(&body).unwrap_err();
        assert_eq!(problem.status, StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(problem.field.as_deref(), field, "{body}");
        assert!(problem.detail.contains(says), "{body}: {}", problem.detail);
    };
    row(object!({}), None, "at least one scope");
    row(object!({"tags": [], "all": false}), None, "at least one scope");
    row(object!([["a"]]), None, "not a JSON object");
    row(object!("all"), None, "not a JSON object");
    row(object!({"tag": ["a"]}), None, "unknown field `tag`");
    row(object!({"tags": "a"}), Some("tags"), "not an array");
    row(object!({"tags": ["a", 1]}), Some("tags[1]"), "not a string");
    row(object!({"tags": ["a", "a\nb"]}), Some("tags[1]"), "control characters");
    row(object!({"tags": [""]}), Some("tags[0]"), "empty");
    row(object!({"routes": ["nowhere"]}), Some("routes[0]"), "no route `nowhere`");
    row(object!({"urls": ["products/42"]}), Some("urls[0]"), "neither absolute");
    row(object!({"urls": ["ftp://shop/a"]}), Some("urls[0]"), "neither absolute");
    row(object!({"urls": ["/a b"]}), Some("urls[0]"), "not a URL");
    row(object!({"urls": [""]}), Some("urls[0]"), "neither absolute");
    row(object!({"prefixes": ["shop/"]}), Some("prefixes[0]"), "neither absolute");
    row(object!({"all": "true"}), Some("all"), "neither true nor false");
    row(object!({"tags": ["a"], "soft": 1}), Some("soft"), "neither true nor false");
    row(object!({"tags": ["a"], "wait": 2}), Some("wait"), "not a string");
    row(object!({"tags": ["a"], "wait": "soon"}), Some("wait"), "no duration");
    row(object!({"tags": ["a"], "wait": "1h"}), Some("wait"), "60 s at most");
    row(object!({"tags": vec!["a"; SCOPES_MAX + 1]}), Some("tags"), "more than 10000");
}

#[test]
fn a_repeated_field_is_refused_rather_than_half_obeyed() {
    let problem = json::<Asked>(br#"{"tags":["a"],"tags":["b"]}"#).unwrap_err();
    assert!(problem.detail.contains("duplicate field `tags`"), "{}", problem.detail);
}
