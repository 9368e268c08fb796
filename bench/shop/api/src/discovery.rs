//! Ways to find a product: search, suggestions, what sells best, the tree of categories.

use crate::answer::Answer;
use crate::database::Database;
use crate::input::{Page, Query, Words};
use crate::problem::Problem;
use crate::queries;
use axum::extract::State;
use serde::Deserialize;
use std::sync::Arc;

/// What is searched for.
#[derive(Debug, Deserialize)]
pub(crate) struct SearchParameters {
    q: Words,
    #[serde(default)]
    page: Page,
}

/// What somebody has begun to type.
#[derive(Debug, Deserialize)]
pub(crate) struct SuggestParameters {
    q: Words,
}

/// `GET /api/search`
pub(crate) async fn search(
    State(shop): State<Arc<Database>>,
    Query(asked): Query<SearchParameters>,
) -> Result<Answer, Problem> {
    let bind = |query: crate::database::JsonQuery| query.bind(asked.q.into_text()).bind(asked.page.offset());
    let json = shop.json(queries::Query::Search, bind).await?;
    Ok(Answer { json: json.ok_or(Problem::NotFound("search"))?, tags: "search catalog".to_owned() })
}

/// `GET /api/suggest`
pub(crate) async fn suggest(
    State(shop): State<Arc<Database>>,
    Query(asked): Query<SuggestParameters>,
) -> Result<Answer, Problem> {
    let json = shop.json(queries::Query::Suggest, |query| query.bind(asked.q.into_text())).await?;
    Ok(Answer { json: json.ok_or(Problem::NotFound("suggestion"))?, tags: "suggestions".to_owned() })
}

/// `GET /api/popular`
pub(crate) async fn popular(State(shop): State<Arc<Database>>) -> Result<Answer, Problem> {
    let json = shop.json(queries::Query::Popular, |query| query).await?;
    Ok(Answer { json: json.ok_or(Problem::NotFound("sale"))?, tags: "popular catalog".to_owned() })
}

/// `GET /api/categories`
pub(crate) async fn categories(State(shop): State<Arc<Database>>) -> Result<Answer, Problem> {
    let json = shop.json(queries::Query::Categories, |query| query).await?;
    Ok(Answer { json: json.ok_or(Problem::NotFound("category"))?, tags: "categories catalog".to_owned() })
}
