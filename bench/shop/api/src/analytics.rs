//! What the shop's owners ask: aggregates over orders, stock and reviews.

use crate::answer::Answer;
use crate::database::Database;
use crate::input::Query;
use crate::problem::Problem;
use crate::queries;
use axum::extract::State;
use serde::Deserialize;
use std::sync::Arc;

const DAYS_MAX: i32 = 365;

/// Of how many days.
#[derive(Debug, Deserialize)]
pub(crate) struct SalesParameters {
    #[serde(default = "a_month")]
    days: i32,
}

const fn a_month() -> i32 {
    30
}

/// `GET /api/analytics/sales`
pub(crate) async fn sales(
    State(shop): State<Arc<Database>>,
    Query(asked): Query<SalesParameters>,
) -> Result<Answer, Problem> {
    if !(1..=DAYS_MAX).contains(&asked.days) {
        return Err(Problem::BadRequest(format!("`days` is a number from 1 to {DAYS_MAX}")));
    }
    let json = shop.json(queries::Query::Sales, |query| query.bind(asked.days)).await?;
    Ok(Answer { json: json.ok_or(Problem::NotFound("sale"))?, tags: "analytics".to_owned() })
}

/// `GET /api/analytics/categories`
pub(crate) async fn categories(State(shop): State<Arc<Database>>) -> Result<Answer, Problem> {
    let json = shop.json(queries::Query::CategoryAnalytics, |query| query).await?;
    Ok(Answer { json: json.ok_or(Problem::NotFound("category"))?, tags: "analytics".to_owned() })
}
