//! `GET /rules`, `POST /rules/check`, `POST /reload`.

use crate::house::{BAD_RULES, GOOD_RULES, Plan, build};
use http::StatusCode;
use serde_json::json;

#[tokio::test]
async fn the_rules_in_force_are_shown_with_their_source() {
    let said = build(Plan::default()).await.get("/rules").await.json();
    assert_eq!(said["loaded_at"], "1970-01-01T00:16:40.000Z");
    assert_eq!(said["files"], json!([{"path": "rules/shop.toml", "text": "[[route]]"}]));
    assert_eq!(said["rejected"], json!(null));
    let product = json!({"name": "product", "path": "/api/products/{id}", "methods": ["GET", "HEAD"], "cache": true});
    assert_eq!(said["routes"][0], product);
    assert_eq!(said["routes"][1]["host"], "*.example.com");
}

#[tokio::test]
async fn a_rules_file_is_checked_without_being_used() {
    let house = build(Plan::default()).await;
    assert_eq!(house.post("/rules/check", GOOD_RULES).await.json(), json!({"valid": true, "diagnostics": []}));
    let said = house.post("/rules/check", BAD_RULES).await.json();
    assert_eq!((&said["valid"], &said["diagnostics"][0]["line"]), (&json!(false), &json!(3)));
}

#[tokio::test]
async fn a_reload_says_whether_the_new_rules_are_in_force() {
    let house = build(Plan::default()).await;
    for body in ["", "{}"] {
        let said = house.post("/reload", body).await;
        let expected = json!({"routes": 4, "warnings": [], "waits_for_restart": []});
        assert_eq!((said.status, said.json()), (StatusCode::OK, expected), "{body}");
    }
    assert_eq!(house.post("/reload", r#"{"force":true}"#).await.status, StatusCode::BAD_REQUEST);

    let house = build(Plan { rules: BAD_RULES, ..Plan::default() }).await;
    let said = house.post("/reload", "{}").await;
    assert_eq!(said.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(said.json()["diagnostics"][0]["hint"], "did you mean `ttl`?");
}
