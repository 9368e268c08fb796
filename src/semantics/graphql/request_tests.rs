//! Requests that ask for the same, and those of which it can't be told what they ask for.

use super::*;
use proptest::prelude::*;

/// SHA-256 of `{ a }`.
fn hash_of(text: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

fn of_body(body: &str) -> Result<Operation, Untold> {
    Operation::of_body(body.as_bytes(), |_| None)
}

fn digest(body: &str) -> blake3::Hash {
    of_body(body).unwrap().digest
}

#[test]
fn requests_that_ask_for_the_same_have_one_digest() {
    let plain = digest(r#"{"query": "query A($x: Int) { a(x: $x) }", "variables": {"x": 1, "y": [2]}}"#);
    let hash = hash_of("query A($x:Int){a(x:$x)}");
    let persisted = format!(
        r#"{{"query": "query A($x:Int){{a(x:$x)}}", "variables": {{"x": 1, "y": [2]}},
            "extensions": {{"persistedQuery": {{"version": 1, "sha256Hash": "{hash}"}}}}}}"#
    );
    for same in [
        r#"{"variables": {"y": [2.0], "x": 1}, "operationName": "A", "query": "query A($x:Int){a(x:$x)} # end"}"#,
        r#"{"query": "query A($x: Int) { a(x: $x) }", "variables": {"x": 1, "y": [2]}, "operationName": null, "extensions": {}}"#,
        &persisted,
    ] {
        assert_eq!(digest(same), plain, "{same}");
    }
    for other in [
        r#"{"query": "query A($x: Int) { a(x: $x) }", "variables": {"x": 2, "y": [2]}}"#,
        r#"{"query": "query A($x: Int) { a(x: $x) }"}"#,
        r#"{"query": "query A($x: Int) { a(x: $x) }", "variables": {"x": 1, "y": [2]}, "extensions": {"trace": true}}"#,
        r#"{"query": "query A($x: Int) { a(x: $x) }", "variables": {"x": 1, "y": [2]}, "tenant": "one"}"#,
        r#"{"query": "query A($x: Int) { a(x: $x) } query B { b }", "operationName": "A", "variables": {"x": 1, "y": [2]}}"#,
    ] {
        assert_ne!(digest(other), plain, "{other}");
    }
    let both =
        |name: &str| digest(&format!(r#"{{"query": "query A {{ a }} query B {{ b }}", "operationName": "{name}"}}"#));
    assert_ne!(both("A"), both("B"));
    let of_url = Operation::of_query(
        "operationName=A&query=query+A(%24x:Int)%7Ba(x:$x)%7D&variables=%7B%22y%22:[2],%22x%22:1%7D&utm=1",
        |_| None,
    );
    assert_eq!(of_url.unwrap().digest, plain);
}

#[test]
fn what_cannot_be_told_has_its_reason_and_may_be_a_write() {
    use Effect::{MayWrite, Reads};
    let hash = hash_of("{ a }");
    let persisted = |rest: &str| {
        format!(r#"{{{rest} "extensions": {{"persistedQuery": {{"version": 1, "sha256Hash": "{hash}"}}}}}}"#)
    };
    for (body, why, effect) in [
        ("", Reason::GraphqlUnreadable, MayWrite),
        ("{", Reason::GraphqlUnreadable, MayWrite),
        ("null", Reason::GraphqlUnreadable, MayWrite),
        ("{}", Reason::GraphqlUnreadable, MayWrite),
        (r#" [{"query": "{ a }"}]"#, Reason::GraphqlBatch, MayWrite),
        (r#"{"query": 1}"#, Reason::GraphqlUnreadable, MayWrite),
        (r#"{"query": "{ a"}"#, Reason::GraphqlUnreadable, MayWrite),
        (r#"{"query": "{ a }", "variables": [1]}"#, Reason::GraphqlUnreadable, MayWrite),
        (r#"{"query": "{ a }", "operationName": 1}"#, Reason::GraphqlUnreadable, MayWrite),
        (r#"{"query": "{ a }", "query": "{ b }"}"#, Reason::RequestBodyAmbiguous, MayWrite),
        (r#"{"query": "{ a }", "variables": {"id": 9007199254740993}}"#, Reason::RequestBodyAmbiguous, MayWrite),
        (r#"{"query": "query A { a }", "operationName": "B"}"#, Reason::GraphqlOperationUnknown, Reads),
        (r#"{"query": "query A { a } query B { b }"}"#, Reason::GraphqlOperationUnknown, Reads),
        (r#"{"query": "mutation A { a }", "operationName": ""}"#, Reason::GraphqlOperationUnknown, MayWrite),
        (&persisted(""), Reason::GraphqlHashUnknown, MayWrite),
        (&persisted(r#""query": "{ b }","#), Reason::GraphqlHashMismatch, MayWrite),
        (
            r#"{"query": "{ a }", "extensions": {"persistedQuery": {"version": 2}}}"#,
            Reason::GraphqlUnreadable,
            MayWrite,
        ),
        (
            r#"{"query": "{ a }", "extensions": {"persistedQuery": {"version": 1, "sha256Hash": "+1"}}}"#,
            Reason::GraphqlUnreadable,
            MayWrite,
        ),
    ] {
        assert_eq!(of_body(body), Err(Untold { why, effect }), "{body}");
    }
    for query in ["", "query=%7B", "query=%ff", "variables=1", "id=3"] {
        assert_eq!(Operation::of_query(query, |_| None).unwrap_err().why, Reason::GraphqlUnreadable, "{query}");
    }
    let twice = Operation::of_query("query={a}&query={b}", |_| None);
    assert_eq!(twice.unwrap_err().why, Reason::RequestBodyAmbiguous);
}

#[test]
fn only_queries_are_cached() {
    let of = |text: &str| of_body(&format!(r#"{{"query": "{text}"}}"#)).unwrap();
    assert_eq!((of("{ a }").why_not_cached(), of("{ a }").effect()), (None, Effect::Reads));
    assert_eq!(of("mutation { a }").why_not_cached(), Some(Reason::GraphqlMutation));
    assert_eq!(of("mutation { a }").effect(), Effect::MayWrite);
    assert_eq!(of("subscription { a }").why_not_cached(), Some(Reason::GraphqlSubscription));
}

#[test]
fn a_hash_stands_for_the_document_that_is_known_by_it() {
    let (text, hash) = ("query A { a }", hash_of("query A { a }"));
    let by_hash = format!(r#"{{"extensions": {{"persistedQuery": {{"version": 1, "sha256Hash": "{hash}"}}}}}}"#);
    let document = Arc::new(Document::parse(text).unwrap());
    let named = Operation::of_body(by_hash.as_bytes(), |_| Some(Arc::clone(&document))).unwrap();
    assert_eq!(named.digest, digest(r#"{"query": "query A { a }"}"#));
    assert_eq!(named.name.as_deref(), Some("A"));
}

proptest! {
    #[test]
    fn any_text_is_read_without_a_panic(text in ".{0,200}") {
        let _ = (Operation::of_body(text.as_bytes(), |_| None), Operation::of_query(&text, |_| None));
    }
}
