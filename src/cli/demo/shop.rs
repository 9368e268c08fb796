//! The sample shop's HTTP API: slow where real ones are slow, and silent about caching as most are.

use super::catalog::Catalog;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// What a listing costs a real shop's database.
const LISTING_TAKES: Duration = Duration::from_millis(150);
/// What a search costs it.
const SEARCH_TAKES: Duration = Duration::from_millis(300);

/// The shop, running.
#[derive(Debug)]
pub(super) struct Shop {
    /// Where it listens.
    pub(super) address: SocketAddr,
    catalog: Arc<Catalog>,
}

impl Shop {
    /// Starts the shop on a free loopback port; it runs as long as the process.
    pub(super) async fn start() -> std::io::Result<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let (address, catalog) = (listener.local_addr()?, Arc::new(Catalog::stocked()));
        let router = router(Arc::clone(&catalog));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, catalog })
    }

    /// How many searches it has worked on.
    pub(super) fn searches(&self) -> u64 {
        self.catalog.searches()
    }
}

fn router(catalog: Arc<Catalog>) -> Router {
    Router::new()
        .route("/api/products", get(listing))
        .route("/api/products/{id}", get(product).patch(reprice))
        .route("/api/search", get(search))
        .route("/api/inventory/{id}", get(inventory))
        .with_state(catalog)
}

#[derive(Deserialize)]
struct Listing {
    category: Option<String>,
}

async fn listing(State(shop): State<Arc<Catalog>>, Query(query): Query<Listing>) -> Response {
    tokio::time::sleep(LISTING_TAKES).await;
    Json(shop.listing(query.category.as_deref())).into_response()
}

async fn product(State(shop): State<Arc<Catalog>>, Path(id): Path<u32>) -> Response {
    shop.product(id).map_or_else(no_such_product, |product| Json(product).into_response())
}

#[derive(Deserialize)]
struct Search {
    q: String,
}

async fn search(State(shop): State<Arc<Catalog>>, Query(query): Query<Search>) -> Response {
    tokio::time::sleep(SEARCH_TAKES).await;
    Json(shop.search(&query.q)).into_response()
}

/// Each look at the stock finds it changed.
async fn inventory(State(shop): State<Arc<Catalog>>, Path(id): Path<u32>) -> Response {
    const FRESHNESS: [(HeaderName, &str); 1] = [(header::CACHE_CONTROL, "max-age=1, stale-while-revalidate=60")];
    shop.take_one(id)
        .map_or_else(no_such_product, |stock| (FRESHNESS, Json(json!({ "id": id, "stock": stock }))).into_response())
}

#[derive(Deserialize)]
struct Reprice {
    price_cents: u32,
}

async fn reprice(State(shop): State<Arc<Catalog>>, Path(id): Path<u32>, Json(new): Json<Reprice>) -> Response {
    shop.reprice(id, new.price_cents).map_or_else(no_such_product, |product| Json(product).into_response())
}

fn no_such_product() -> Response {
    (StatusCode::NOT_FOUND, Json(json!({ "error": "no such product" }))).into_response()
}
