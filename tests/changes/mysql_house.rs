//! A shop whose pages are cached, and the MariaDB that they are made of.

use super::house::{ROUTES, TICK, stock, stored};
use crate::support::deadline::{DEADLINE, within, within_time};
use crate::support::mariadb_server::MariadbServer;
use crate::support::{Scenario, Setup};
use std::time::Duration;

const TABLES: &[&str] = &[
    "CREATE TABLE product (id bigint unsigned PRIMARY KEY, category varchar(50), price decimal(10, 2), data json) ENGINE = InnoDB",
    "CREATE TABLE tick (n bigint PRIMARY KEY AUTO_INCREMENT)",
];

/// An instance, and its database.
pub(super) struct MysqlHouse {
    pub(super) mariadb: MariadbServer,
    pub(super) larder: Scenario,
}

impl MysqlHouse {
    /// A database with tables, and an instance with these blocks that reads its changes.
    pub(super) async fn with(blocks: &str) -> Self {
        Self::of(&[], blocks).await
    }

    /// As [`Self::with`], with these settings of the database.
    pub(super) async fn of(settings: &[&str], blocks: &str) -> Self {
        let mariadb = database(settings).await;
        let larder = instance(&mariadb, blocks, "").await;
        let house = Self { mariadb, larder };
        house.until_reading().await;
        house
    }

    /// Waits until the log is read.
    pub(super) async fn until_reading(&self) {
        within("the log being read", async {
            while self.mariadb.ask(READ).await != "1" {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// Stores these pages.
    pub(super) async fn stock(&self, pages: &[&str]) {
        stock(&self.larder, pages).await;
    }

    /// Runs statements, and waits until what they changed is purged.
    pub(super) async fn change(&self, statements: &[&str]) {
        use mysql_async::prelude::Queryable as _;
        let mut conn = self.mariadb.connect(Some("shop")).await.expect("the server answers");
        for sql in statements {
            conn.query_drop(*sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        }
        self.until_taken().await;
    }

    /// Waits until all that has changed is purged.
    pub(super) async fn until_taken(&self) {
        self.until_taken_in(DEADLINE).await;
    }

    /// As [`Self::until_taken`], where that takes longer than most.
    pub(super) async fn until_taken_in(&self, deadline: Duration) {
        let before = self.ticks().await;
        self.mariadb.execute("INSERT INTO tick VALUES ()").await;
        within_time(deadline, "the changes taken", async {
            while self.ticks().await <= before {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    async fn ticks(&self) -> f64 {
        self.counted("public.tick", "purged").await
    }

    /// How many changes of a table came to this.
    pub(super) async fn counted(&self, table: &str, result: &str) -> f64 {
        let labels = format!("source=\"mysql_changes\",type=\"{table}\",result=\"{result}\"");
        self.larder.metric(&format!("larder_events_total{{{labels}}}")).await
    }

    /// Waits until so many gaps were covered.
    pub(super) async fn until_gaps(&self, count: f64) {
        within("the gap covered", async {
            while self.counted("other", "gap").await < count {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// Waits until these are still stored of these pages, and no others.
    pub(super) async fn until_stored(&self, pages: &[&str], expected: &[&str]) {
        within("the pages purged", async {
            while self.stored(pages).await != expected {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// Those of these pages that are still stored.
    pub(super) async fn stored<'p>(&self, pages: &[&'p str]) -> Vec<&'p str> {
        stored(&self.larder, pages).await
    }
}

/// Whether anybody reads the log.
const READ: &str =
    "SELECT CAST(count(*) > 0 AS char) FROM information_schema.processlist WHERE command = 'Binlog Dump'";

/// A database with tables.
pub(super) async fn database(settings: &[&str]) -> MariadbServer {
    let mariadb = MariadbServer::start_with(settings).await;
    for table in TABLES {
        mariadb.execute(table).await;
    }
    mariadb
}

/// An instance that reads this database's changes, with these blocks and sections.
pub(super) async fn instance(mariadb: &MariadbServer, blocks: &str, sections: &str) -> Scenario {
    instance_at(&mariadb.url(), blocks, sections).await
}

/// As [`instance`], of the database at this URL.
pub(super) async fn instance_at(url: &str, blocks: &str, sections: &str) -> Scenario {
    let section = format!("[events.mysql_changes]\nurl = \"{url}\"\n{sections}");
    Setup::rules(&format!("{ROUTES}{TICK}{blocks}")).section(&section).start().await
}
