//! The pool of connections, and running a statement on one of them while it is counted.

use crate::metrics::Metrics;
use crate::queries::Query;
use anyhow::Context as _;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::query::QueryScalar;
use sqlx::{ConnectOptions as _, Connection as _, Postgres};
use std::time::{Duration, Instant};

/// How long a request waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);

/// A statement that makes a JSON text, to bind values to.
pub(crate) type JsonQuery = QueryScalar<'static, Postgres, String, PgArguments>;

/// The database with the metrics of its use.
#[derive(Debug)]
pub struct Database {
    pool: PgPool,
    pub(crate) metrics: Metrics,
}

impl Database {
    /// Connects, with at most `connections` at once.
    ///
    /// # Errors
    /// Where the URL is none, or nobody answers there.
    pub async fn connect(url: &str, connections: u32) -> anyhow::Result<Self> {
        let options = options(url)?;
        // A pool tries again and again, and then only says that it took too long.
        let first = options.connect().await.with_context(|| format!("cannot connect to {url}"))?;
        first.close().await.context("cannot close a connection")?;
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .connect_with(options)
            .await
            .with_context(|| format!("cannot connect to {url}"))?;
        Ok(Self { pool, metrics: Metrics::new()? })
    }

    /// The JSON that a statement makes; none where it finds no row.
    pub(crate) async fn json(
        &self,
        query: Query,
        bind: impl FnOnce(JsonQuery) -> JsonQuery,
    ) -> Result<Option<String>, sqlx::Error> {
        let run = async {
            let asked = Instant::now();
            let mut connection = self.pool.acquire().await?;
            let begun = Instant::now();
            self.metrics.waited(begun - asked);
            let found = bind(sqlx::query_scalar(query.sql())).fetch_optional(&mut *connection).await;
            self.metrics.ran(query, begun.elapsed());
            found
        };
        run.await.inspect_err(|_| self.metrics.failed(query))
    }

    /// The metrics' text.
    pub(crate) fn metrics_text(&self) -> Result<String, prometheus::Error> {
        let idle = i64::try_from(self.pool.num_idle()).unwrap_or(i64::MAX);
        self.metrics.text(i64::from(self.pool.size()).saturating_sub(idle), idle)
    }
}

/// How to connect. What is asked for differs so much from one category or word to the next that a plan made for none in
/// particular suits none; making one takes a millisecond.
pub(crate) fn options(url: &str) -> anyhow::Result<PgConnectOptions> {
    let options: PgConnectOptions = url.parse().with_context(|| format!("{url} is no URL of a PostgreSQL database"))?;
    Ok(options.application_name("shop-api").options([("plan_cache_mode", "force_custom_plan")]))
}
