//! A product, how many of it are left, and lists of products.

use crate::answer::Answer;
use crate::database::Database;
use crate::input::{Page, Path, Query};
use crate::problem::Problem;
use crate::queries;
use axum::extract::State;
use serde::Deserialize;
use std::sync::Arc;

/// What a list shows and in which order.
#[derive(Debug, Deserialize)]
pub(crate) struct ListParameters {
    category: Option<i32>,
    brand: Option<String>,
    min_price: Option<i32>,
    max_price: Option<i32>,
    #[serde(default)]
    sort: Sort,
    #[serde(default)]
    page: Page,
}

/// The order of a list.
#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Sort {
    Price,
    Newest,
    #[default]
    Rating,
}

impl Sort {
    const fn label(self) -> &'static str {
        match self {
            Self::Price => "price",
            Self::Newest => "newest",
            Self::Rating => "rating",
        }
    }
}

/// `GET /api/products/{id}`
pub(crate) async fn product(State(shop): State<Arc<Database>>, Path(id): Path<i32>) -> Result<Answer, Problem> {
    let json = shop.json(queries::Query::Product, |query| query.bind(id)).await?;
    Ok(Answer { json: json.ok_or(Problem::NotFound("such product"))?, tags: format!("product:{id} catalog") })
}

/// `GET /api/products/{id}/inventory`
pub(crate) async fn inventory(State(shop): State<Arc<Database>>, Path(id): Path<i32>) -> Result<Answer, Problem> {
    let json = shop.json(queries::Query::Inventory, |query| query.bind(id)).await?;
    Ok(Answer { json: json.ok_or(Problem::NotFound("such product"))?, tags: format!("product:{id} inventory") })
}

/// `GET /api/products`
pub(crate) async fn list(
    State(shop): State<Arc<Database>>,
    Query(asked): Query<ListParameters>,
) -> Result<Answer, Problem> {
    let tags = asked.category.map_or_else(|| "catalog".to_owned(), |id| format!("category:{id} catalog"));
    let bind = |query: crate::database::JsonQuery| {
        query
            .bind(asked.category)
            .bind(asked.brand)
            .bind(asked.min_price.unwrap_or(0))
            .bind(asked.max_price.unwrap_or(i32::MAX))
            .bind(asked.sort.label())
            .bind(asked.page.offset())
    };
    let json = shop.json(queries::Query::List, bind).await?;
    Ok(Answer { json: json.ok_or(Problem::NotFound("list"))?, tags })
}
