//! What changes a product. Each change is committed before it is answered, and raises the product's version.

use crate::answer::Answer;
use crate::database::Database;
use crate::input::{Body, Path};
use crate::problem::Problem;
use crate::queries::Query;
use axum::extract::State;
use serde::Deserialize;
use std::sync::Arc;

/// A new price.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPrice {
    price_cents: i32,
}

/// A new number of pieces left.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewStock {
    stock: i32,
}

/// `PUT /api/products/{id}/price`
pub(crate) async fn set_price(
    State(shop): State<Arc<Database>>,
    Path(id): Path<i32>,
    Body(new): Body<NewPrice>,
) -> Result<Answer, Problem> {
    if new.price_cents <= 0 {
        return Err(Problem::BadRequest("`price_cents` is a number from 1".to_owned()));
    }
    change(&shop, Query::SetPrice, id, new.price_cents).await
}

/// `PUT /api/products/{id}/stock`
pub(crate) async fn set_stock(
    State(shop): State<Arc<Database>>,
    Path(id): Path<i32>,
    Body(new): Body<NewStock>,
) -> Result<Answer, Problem> {
    if new.stock < 0 {
        return Err(Problem::BadRequest("`stock` is a number from 0".to_owned()));
    }
    change(&shop, Query::SetStock, id, new.stock).await
}

async fn change(shop: &Database, query: Query, id: i32, value: i32) -> Result<Answer, Problem> {
    let json = shop.json(query, |query| query.bind(id).bind(value)).await?;
    Ok(Answer { json: json.ok_or(Problem::NotFound("such product"))?, tags: String::new() })
}
