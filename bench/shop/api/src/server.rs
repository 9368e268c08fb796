//! Which request goes where.

use crate::database::Database;
use crate::{analytics, catalog, changes, discovery, operations};
use axum::routing::{get, put};
use axum::serve::ListenerExt as _;
use axum::{Router, middleware};
use std::sync::Arc;
use tokio::net::TcpListener;

fn router(shop: Arc<Database>) -> Router {
    Router::new()
        .route("/health", get(operations::health))
        .route("/metrics", get(operations::metrics))
        .route("/api/products", get(catalog::list))
        .route("/api/products/{id}", get(catalog::product))
        .route("/api/products/{id}/inventory", get(catalog::inventory))
        .route("/api/products/{id}/price", put(changes::set_price))
        .route("/api/products/{id}/stock", put(changes::set_stock))
        .route("/api/search", get(discovery::search))
        .route("/api/suggest", get(discovery::suggest))
        .route("/api/popular", get(discovery::popular))
        .route("/api/categories", get(discovery::categories))
        .route("/api/analytics/sales", get(analytics::sales))
        .route("/api/analytics/categories", get(analytics::categories))
        .fallback(operations::nothing_here)
        .layer(middleware::from_fn_with_state(Arc::clone(&shop), operations::count))
        .with_state(shop)
}

/// Serves until `stop` is over; requests under way are answered.
///
/// # Errors
/// Where the listener fails.
pub async fn serve(
    listener: TcpListener,
    database: Database,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    // A small answer must not wait for the client's acknowledgement. Where that can't be set, it does.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, router(Arc::new(database))).with_graceful_shutdown(stop).await
}
