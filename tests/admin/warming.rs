//! Warming by the API, the jobs that it makes, and what is refused.

use crate::house::{House, Plan, Said, TOKEN, build};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;

async fn cancel(house: &House, id: &str) -> Said {
    let mut request = house.ask(Method::DELETE, &format!("/jobs/{id}"));
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    house.send(request).await
}

/// Begins to warm, and waits until the job has ended.
async fn warm(house: &House, body: Value) -> Value {
    let said = house.post("/warm", body.to_string()).await;
    assert_eq!(said.status, StatusCode::ACCEPTED, "{body}: {}", said.text);
    let place = said.header("location").to_owned();
    assert_eq!(place, format!("/jobs/{}", said.json()["id"].as_str().expect("a job has an id")));
    let ended = async {
        loop {
            let job = house.get(&place).await.json();
            if job["state"] != "running" {
                return job;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), ended).await.expect("the job ends")
}

#[tokio::test]
async fn what_was_warmed_is_a_hit_and_what_is_fresh_is_not_fetched_again() {
    let house = build(Plan::default()).await;
    let urls = ["http://shop/api/products/1", "http://shop/api/products/2", "/api/products/3"];
    let job = warm(&house, json!({"urls": urls, "host": "shop", "concurrent": 2})).await;
    assert_eq!((&job["state"], &job["kind"], &job["about"]), (&json!("done"), &json!("warm"), &json!("3 URLs")));
    assert_eq!((&job["total"], &job["done"], &job["results"]), (&json!(3), &json!(3), &json!({"fetched": 3})));
    assert_eq!((&job["problems"], &job["gives_way"]), (&json!([]), &json!(false)));
    for n in 1..=3 {
        assert_eq!(house.browse(&format!("http://shop/api/products/{n}")).await, "hit");
    }
    let again = warm(&house, json!({"urls": urls, "host": "http://shop/"})).await;
    assert_eq!(again["results"], json!({"fresh": 3}));
    let listed = house.get("/jobs").await.json();
    assert_eq!(listed, json!({"jobs": [again, job]}));
}

#[tokio::test]
async fn what_a_purge_took_is_fetched_again_by_warming() {
    let house = build(Plan::default()).await;
    let urls = json!({"urls": ["http://shop/api/products/1"]});
    warm(&house, urls.clone()).await;
    for soft in [true, false] {
        house.post("/purge", json!({"all": true, "soft": soft}).to_string()).await;
        assert_eq!(warm(&house, urls.clone()).await["results"], json!({"fetched": 1}), "soft: {soft}");
        assert_eq!(house.browse("http://shop/api/products/1").await, "hit");
    }
}

#[tokio::test]
async fn what_is_for_one_client_alone_is_not_warmed() {
    let house = build(Plan::default()).await;
    let url = "http://shop/api/products/1";
    let headers = json!({"Authorization": "Bearer x"});
    let job = warm(&house, json!({"urls": [url, "http://shop/a%2Fb"], "headers": headers})).await;
    assert_eq!((&job["state"], &job["results"]), (&json!("done"), &json!({"not-cached": 2})));
    let mut reasons: Vec<_> = job["problems"].as_array().unwrap().iter().map(|problem| &problem["reason"]).collect();
    reasons.sort_by_key(ToString::to_string);
    assert_eq!(reasons, [&json!("ambiguous-path"), &json!("authorization")]);
    assert_eq!(house.browse(url).await, "miss");
}

#[tokio::test]
async fn what_cannot_be_warmed_is_refused_whole_and_the_field_named() {
    let house = build(Plan::default()).await;
    let many = json!({"urls": vec!["/"; 10_001]}).to_string();
    let long = json!({"urls": [format!("/{}", "x".repeat(9_000))], "host": "shop"}).to_string();
    let large = json!({"urls": ["http://shop/"], "headers": {"a": "x".repeat(5_000)}}).to_string();
    let numerous = (0..17).map(|n| (format!("x-{n}"), json!("")));
    let numerous = json!({"urls": ["http://shop/"], "headers": Value::Object(numerous.collect())}).to_string();
    for (body, field) in [
        ("", None),
        ("[]", None),
        (r#"{"urls":["http://shop/"],"url":"x"}"#, None),
        ("{}", Some("urls")),
        (r#"{"urls":[]}"#, Some("urls")),
        (r#"{"urls":"http://shop/"}"#, Some("urls")),
        (r#"{"urls":["http://shop/",7]}"#, Some("urls[1]")),
        (r#"{"urls":["http://shop/","/p"]}"#, Some("urls[1]")),
        (r#"{"urls":["ftp://shop/"]}"#, Some("urls[0]")),
        (r#"{"urls":["http://shop/"],"sitemap":"http://shop/s.xml"}"#, Some("sitemap")),
        (r#"{"sitemap":"s.xml"}"#, Some("sitemap")),
        (r#"{"sitemap":7}"#, Some("sitemap")),
        (r#"{"urls":["/"],"host":"shop/x"}"#, Some("host")),
        (r#"{"urls":["/"],"host":["shop"]}"#, Some("host")),
        (r#"{"urls":["http://shop/"],"headers":["a"]}"#, Some("headers")),
        (r#"{"urls":["http://shop/"],"headers":{"a":1}}"#, Some("headers")),
        (r#"{"urls":["http://shop/"],"headers":{"a b":"c"}}"#, Some("headers.a b")),
        (r#"{"urls":["http://shop/"],"headers":{"a":"b\nc"}}"#, Some("headers.a")),
        (r#"{"urls":["http://shop/"],"headers":{"Host":"b"}}"#, Some("headers.Host")),
        (r#"{"urls":["http://shop/"],"concurrent":0}"#, Some("concurrent")),
        (r#"{"urls":["http://shop/"],"concurrent":65}"#, Some("concurrent")),
        (r#"{"urls":["http://shop/"],"concurrent":1.5}"#, Some("concurrent")),
        (r#"{"urls":["http://shop/"],"rate":"fast"}"#, Some("rate")),
        (r#"{"urls":["http://shop/"],"rate":50}"#, Some("rate")),
        (&many, Some("urls")),
        (&long, Some("urls[0]")),
        (&large, Some("headers")),
        (&numerous, Some("headers")),
    ] {
        let said = house.post("/warm", body).await;
        let shown = &body[..body.len().min(100)];
        assert_eq!(said.status, StatusCode::BAD_REQUEST, "{shown}");
        assert_eq!(said.header("content-type"), "application/problem+json", "{shown}");
        assert_eq!(said.json()["field"].as_str(), field, "{shown}: {}", said.text);
    }
    assert_eq!(house.get("/jobs").await.json(), json!({"jobs": []}));
}

#[tokio::test]
async fn a_job_is_called_off_and_one_that_has_ended_stays_as_it_was() {
    let house = build(Plan::default()).await;
    let urls: Vec<_> = (0..1_000).map(|n| format!("http://shop/{n}")).collect();
    // One an hour: only those that may begin at once do.
    let said = house.post("/warm", json!({"urls": urls, "rate": "1/h"}).to_string()).await;
    let id = said.json()["id"].as_str().unwrap().to_owned();
    let cancelled = cancel(&house, &id).await;
    assert_eq!((cancelled.status, &cancelled.json()["state"]), (StatusCode::OK, &json!("cancelled")));
    assert!(cancelled.json()["done"].as_u64().unwrap() < 1_000);
    let done = warm(&house, json!({"urls": ["http://shop/a"]})).await;
    assert_eq!(cancel(&house, done["id"].as_str().unwrap()).await.json(), done);
}

#[tokio::test]
async fn jobs_that_nobody_knows_and_calls_without_token_or_type_are_refused() {
    let house = build(Plan::default()).await;
    assert_eq!(house.get("/jobs/no").await.status, StatusCode::NOT_FOUND);
    assert_eq!(cancel(&house, "no").await.status, StatusCode::NOT_FOUND);
    let without_type = house.send(house.ask(Method::DELETE, "/jobs/no")).await;
    assert_eq!(without_type.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    for (method, path) in [(Method::GET, "/jobs"), (Method::POST, "/warm"), (Method::DELETE, "/jobs/no")] {
        let mut request = house.ask(method.clone(), path);
        request.headers_mut().insert(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer not-{TOKEN}")).unwrap());
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        assert_eq!(house.send(request).await.status, StatusCode::UNAUTHORIZED, "{method} {path}");
    }
}
