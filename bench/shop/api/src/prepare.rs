//! Making the shop's tables, data and indexes. The data is made within PostgreSQL, the same in every run.

use crate::database::options;
use anyhow::Context as _;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};
use std::time::{Duration, Instant};

/// Each step and its SQL, in order. `{products}` stands for their number.
const STEPS: [(&str, &str); 5] = [
    ("tables", include_str!("../sql/schema/1_tables.sql")),
    ("words", include_str!("../sql/schema/2_words.sql")),
    ("data", include_str!("../sql/schema/3_data.sql")),
    ("indexes", include_str!("../sql/schema/4_indexes.sql")),
    ("statistics", "VACUUM ANALYZE"),
];

/// A step that is done.
#[derive(Debug)]
pub struct Step {
    /// What it made.
    pub name: &'static str,
    /// How long it took.
    pub took: Duration,
}

/// Makes everything in an empty database.
///
/// # Errors
/// Where nobody answers at `url`, or the database has such tables already.
pub async fn prepare(url: &str, products: u32) -> anyhow::Result<Vec<Step>> {
    let mut connection = options(url)?.connect().await.with_context(|| format!("cannot connect to {url}"))?;
    let mut steps = Vec::new();
    for (name, sql) in STEPS {
        let begun = Instant::now();
        // The one thing that is put in is a number.
        let sql = AssertSqlSafe(sql.replace("{products}", &products.to_string()));
        sqlx::raw_sql(sql)
            .execute(&mut connection)
            .await
            .with_context(|| format!("cannot make the {name}\nhint: the database must be empty"))?;
        steps.push(Step { name, took: begun.elapsed() });
    }
    connection.close().await.context("cannot close the connection")?;
    Ok(steps)
}
