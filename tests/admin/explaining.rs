//! `GET /explain`.

use crate::house::{Plan, build};
use http::{Method, StatusCode};
use http_body_util::Full;

const EXPLAIN: &str = "/explain?url=http%3A%2F%2Fshop%2Fapi%2Fproducts%2F42";

#[tokio::test]
async fn it_says_what_would_happen_and_changes_nothing() {
    let house = build(Plan::default()).await;
    let before = house.get(EXPLAIN).await;
    assert_eq!(before.status, StatusCode::OK, "{}", before.text);
    assert_eq!(before.json()["would"]["outcome"], "miss");
    assert_eq!(house.get(EXPLAIN).await.json(), before.json(), "explaining has stored something");

    house.store("http://shop/api/products/42").await;
    let after = house.get(EXPLAIN).await.json();
    assert_eq!((&after["would"]["outcome"], &after["route"]), (&"hit".into(), &"product".into()));
    assert_eq!(after["stored"][0]["tags"], serde_json::json!(["product:42", "catalog"]));

    house.post("/purge", r#"{"tags":["catalog"]}"#).await;
    let purged = house.get(EXPLAIN).await.json();
    assert_eq!(purged["would"]["reason"], "purged");
    assert_eq!(purged["stored"][0]["standing"], "purged");
}

#[tokio::test]
async fn the_request_explained_has_the_headers_given_but_not_the_admins_token() {
    let house = build(Plan::default()).await;
    let mut request = house.ask(Method::GET, EXPLAIN);
    request.headers_mut().insert("accept-language", "de".parse().unwrap());
    let said = house.send(request).await;
    assert!(!said.text.contains("authorization"), "{}", said.text);
    assert_eq!(said.json()["fetch_headers"]["accept-language"], serde_json::json!(["de"]));

    let mut request = house.ask(Method::GET, EXPLAIN);
    request.headers_mut().insert("x-explain-authorization", "Bearer customer".parse().unwrap());
    let said = house.send(request).await;
    assert!(said.json()["fetch_headers"]["authorization"].is_array(), "{}", said.text);
    assert!(!said.text.contains("customer") && !said.text.contains("s3cret"), "{}", said.text);
}

#[tokio::test]
async fn what_it_cannot_explain_it_refuses_by_parameter() {
    let house = build(Plan::default()).await;
    for (query, field) in [
        ("", "url"),
        ("?url=/api/products/42", "url"),
        ("?url=http://", "url"),
        ("?url=http://shop/&method=G%20T", "method"),
        ("?url=http://shop/x?a=1&b=2", "b"),
        ("?url=http://shop/&url=http://shop/", "url"),
    ] {
        let said = house.get(&format!("/explain{query}")).await;
        assert_eq!(said.status, StatusCode::BAD_REQUEST, "{query}");
        assert_eq!(said.json()["field"], field, "{query}");
    }
}

#[tokio::test]
async fn a_body_over_the_bound_is_refused_as_everywhere() {
    let house = build(Plan::default()).await;
    let explain = |bytes: usize| house.ask(Method::GET, EXPLAIN).map(|_| Full::from(vec![b' '; bytes]));
    assert_eq!(house.send(explain(1 << 20)).await.status, StatusCode::OK);
    let said = house.send(explain((1 << 20) + 1)).await;
    assert_eq!((said.status.as_u16(), said.header("content-type")), (413, "application/problem+json"));
}

#[tokio::test]
async fn the_openapi_document_names_each_field_of_the_answer() {
    let house = build(Plan::default()).await;
    house.store("http://shop/api/products/42").await;
    let (explained, document) = (house.get(EXPLAIN).await.json(), house.get("/openapi.json").await.json());
    let schemas = &document["components"]["schemas"];
    for (what, object, schema) in [
        ("the answer", &explained, "Explanation"),
        ("what is stored", &explained["stored"][0], "Stored"),
        ("a receipt", &house.post("/purge", r#"{"all":true}"#).await.json(), "Receipt"),
    ] {
        for name in object.as_object().unwrap().keys() {
            assert!(schemas[schema]["properties"][name].is_object(), "{what}: {name} is in no schema");
        }
    }
}
