//! Every endpoint over a real PostgreSQL with a small shop.

#![allow(unreachable_pub, reason = "the helpers are modules of this binary")]

mod support;

use reqwest::StatusCode;
use serde_json::{Value, json};
use support::shop::{PRODUCTS, Shop, items, numbers};

#[tokio::test]
async fn every_endpoint_answers_from_the_database() {
    let shop = Shop::open();
    assert_eq!(shop.json("/health").await, json!({ "status": "ok" }));
    products(&shop).await;
    lists(&shop).await;
    searches(&shop).await;
    what_sells(&shop).await;
    analytics(&shop).await;
    refusals(&shop).await;
    changes(&shop).await;
    counts(&shop).await;
}

async fn products(shop: &Shop) {
    let answer = shop.get("/api/products/42").await;
    assert_eq!(answer.headers()["surrogate-key"], "product:42 catalog");
    assert_eq!(answer.headers().get("cache-control"), None);
    let product: Value = answer.json().await.expect("it is JSON");
    assert_eq!((&product["id"], &product["version"]), (&json!(42), &json!(1)));
    let stars = product["reviews"]["stars"].as_object().expect("it has stars");
    assert_eq!(stars.values().filter_map(Value::as_u64).sum::<u64>(), product["reviews"]["count"]);
    assert!(stars.len() > 1, "a popular product has many reviews: {product}");
    let inventory = shop.json("/api/products/42/inventory").await;
    assert_eq!(inventory, json!({ "id": 42, "stock": product["stock"], "version": 1 }));
}

async fn lists(shop: &Shop) {
    let tree = shop.json("/api/categories").await;
    let department = &tree["categories"][0];
    let category = &department["children"][1];
    assert_eq!(shop.json("/api/products").await["total"], PRODUCTS);
    assert_eq!(shop.json("/api/products?category=1").await["total"], department["products"]);
    let list = shop.json("/api/products?category=8&sort=price").await;
    assert_eq!(list["total"], category["products"]);
    let prices = numbers(items(&list), "price_cents");
    assert_eq!(prices.len(), 20);
    assert!(prices.is_sorted(), "{prices:?}");
    assert!(numbers(items(&list), "category_id").iter().all(|id| *id == 8));
    let next = shop.json("/api/products?category=8&sort=price&page=2").await;
    assert!(numbers(items(&next), "price_cents")[0] >= prices[19]);
    assert!(numbers(items(&next), "id").iter().all(|id| !numbers(items(&list), "id").contains(id)));

    let facet = &list["facets"]["brands"][0];
    let brand = facet["brand"].as_str().expect("a brand has a name");
    let filtered = shop.json(&format!("/api/products?category=8&brand={brand}&min_price=0")).await;
    assert_eq!(filtered["total"], facet["count"]);
    assert!(items(&filtered).iter().all(|item| item["brand"] == brand));
    assert_eq!(filtered["facets"]["brands"], list["facets"]["brands"], "a choice of brand does not hide the others");
    let dear = shop.json("/api/products?min_price=20000&max_price=29999").await;
    assert!(numbers(items(&dear), "price_cents").iter().all(|price| (20_000..30_000).contains(price)));
    assert_eq!(shop.json("/api/products?category=999").await["total"], 0);
}

async fn searches(shop: &Shop) {
    let found = shop.json("/api/search?q=tent").await;
    assert_eq!(items(&found).len(), 20);
    assert!(
        items(&found).iter().all(|item| item["name"].as_str().is_some_and(|name| name.contains("Tent"))),
        "{found}"
    );
    assert!(found["total"].as_u64() > Some(20));
    let of_brands = numbers(found["facets"]["brands"].as_array().expect("it has brands"), "count");
    assert_eq!(of_brands.iter().sum::<u64>(), found["total"]);
    let misspelt = shop.json("/api/search?q=++Backpak").await;
    assert!(items(&misspelt)[0]["name"].as_str().is_some_and(|name| name.contains("Backpack")), "{misspelt}");
    let second = shop.json("/api/search?q=tent&page=2").await;
    assert!(numbers(items(&second), "id").iter().all(|id| !numbers(items(&found), "id").contains(id)));

    let suggested = shop.json("/api/suggest?q=te").await;
    assert_eq!(suggested["suggestions"][0], "tent");
    let noted = shop.json("/api/suggest?q=backpak").await;
    assert_eq!(noted["suggestions"], json!(["backpak"]), "what has found something is suggested");
}

async fn what_sells(shop: &Shop) {
    let popular = shop.json("/api/popular").await;
    let sold = numbers(items(&popular), "sold");
    assert_eq!(sold.len(), 20);
    assert!(sold.is_sorted_by(|more, less| more >= less), "{sold:?}");
    assert_eq!(numbers(items(&popular), "version"), [1; 20]);
}

async fn analytics(shop: &Shop) {
    let sales = shop.json("/api/analytics/sales?days=30").await;
    let revenue = |of: &str| numbers(sales[of].as_array().expect("it is a list"), "revenue_cents").iter().sum::<u64>();
    assert!(revenue("days") > 0);
    assert_eq!((revenue("countries"), revenue("brands")), (revenue("days"), revenue("days")));
    assert!(sales["days"].as_array().is_some_and(|days| days.len() > 20), "{sales}");
    let categories = shop.json("/api/analytics/categories").await;
    let categories = categories["categories"].as_array().expect("it is a list");
    assert_eq!(categories.len(), 54);
    assert_eq!(numbers(categories, "products").iter().sum::<u64>(), PRODUCTS);
    assert_eq!(numbers(categories, "reviews").iter().sum::<u64>(), 3 * PRODUCTS);
}

async fn refusals(shop: &Shop) {
    for (path, status) in [
        ("/api/products/999999", StatusCode::NOT_FOUND),
        ("/api/products/999999/inventory", StatusCode::NOT_FOUND),
        ("/api/nothing", StatusCode::NOT_FOUND),
        ("/api/products/x", StatusCode::BAD_REQUEST),
        ("/api/products?sort=colour", StatusCode::BAD_REQUEST),
        ("/api/products?page=0", StatusCode::BAD_REQUEST),
        ("/api/search", StatusCode::BAD_REQUEST),
        ("/api/search?q=%00", StatusCode::BAD_REQUEST),
        ("/api/analytics/sales?days=0", StatusCode::BAD_REQUEST),
    ] {
        let answer = shop.get(path).await;
        assert_eq!(answer.status(), status, "{path}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json", "{path}");
    }
    for (path, body, status) in [
        ("/api/products/1/price", json!({ "price_cents": 0 }), StatusCode::BAD_REQUEST),
        ("/api/products/1/stock", json!({ "stock": -1 }), StatusCode::BAD_REQUEST),
        ("/api/products/1/stock", json!({ "price_cents": 1 }), StatusCode::BAD_REQUEST),
        ("/api/products/999999/price", json!({ "price_cents": 1 }), StatusCode::NOT_FOUND),
        ("/api/products/999999/stock", json!({ "stock": 1 }), StatusCode::NOT_FOUND),
    ] {
        assert_eq!(shop.put(path, &body).await.status(), status, "{path} {body}");
    }
    assert_eq!(shop.json("/api/products/1").await["version"], 1, "what was refused has changed nothing");
}

async fn changes(shop: &Shop) {
    let answer = shop.put("/api/products/7/price", &json!({ "price_cents": 1 })).await;
    assert_eq!(answer.json::<Value>().await.expect("it is JSON"), json!({ "id": 7, "version": 2 }));
    let answer = shop.put("/api/products/7/stock", &json!({ "stock": 12_345 })).await;
    assert_eq!(answer.json::<Value>().await.expect("it is JSON"), json!({ "id": 7, "version": 3 }));
    assert_eq!(shop.json("/api/products/7/inventory").await, json!({ "id": 7, "stock": 12_345, "version": 3 }));
    let cheapest = &shop.json("/api/products?sort=price").await["items"][0];
    for product in [&shop.json("/api/products/7").await, cheapest] {
        assert_eq!(product["id"], 7);
        assert_eq!(
            (&product["price_cents"], &product["stock"], &product["version"]),
            (&json!(1), &json!(12_345), &json!(3))
        );
    }
}

async fn counts(shop: &Shop) {
    let before = shop.metric("shop_database_queries_total{query=\"inventory\"}").await;
    shop.json("/api/products/1/inventory").await;
    shop.json("/api/products/2/inventory").await;
    let after = shop.metric("shop_database_queries_total{query=\"inventory\"}").await;
    let timed = shop.metric("shop_database_query_duration_seconds_count{query=\"inventory\"}").await;
    assert!((after - before - 2.0).abs() < f64::EPSILON, "two more than {before}: {after}");
    assert!((timed - after).abs() < f64::EPSILON, "each is timed: {timed} of {after}");
    assert!(shop.metric("shop_database_query_errors_total{query=\"search\"}").await.abs() < f64::EPSILON);
    assert!(shop.metric("shop_requests_total{endpoint=\"/api/products\",status=\"200\"}").await > 1.0);
    let used = shop.metric("shop_database_pool_connections{state=\"used\"}").await;
    let idle = shop.metric("shop_database_pool_connections{state=\"idle\"}").await;
    assert!((1.0..=4.0).contains(&(used + idle)), "{used} used and {idle} idle");
}
