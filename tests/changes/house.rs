//! A shop whose pages are cached, and the database that they are made of.

use crate::support::deadline::{DEADLINE, within, within_time};
use crate::support::postgres_server::PostgresServer;
use crate::support::{Scenario, Setup, reply};
use std::time::Duration;

/// Tables, and the publication of all of them.
const TABLES: &str = "
    CREATE TABLE product (id bigint PRIMARY KEY, category text, price numeric(10, 2), tags text[], data jsonb);
    CREATE TABLE described (id bigint PRIMARY KEY, category text, note text);
    ALTER TABLE described REPLICA IDENTITY FULL;
    CREATE TABLE tick (n bigint PRIMARY KEY);
    CREATE PUBLICATION larder FOR TABLE product, described, tick;
";

/// Pages are tagged with all that their paths say: `/p/product:1/shoes` carries `product:1` and `shoes`.
pub(super) const ROUTES: &str = "
    [[route]]
    name = \"page\"
    path = \"/p/{a}/{b}\"
    ttl = \"1h\"
    tags = [\"{a}\", \"{b}\"]
";

/// Tells when what came before has been taken.
pub(super) const TICK: &str = "
    [[change]]
    table = \"tick\"
    purge = { tags = [\"tick\"] }
";

/// An instance, and its database.
pub(super) struct House {
    pub(super) postgres: PostgresServer,
    pub(super) larder: Scenario,
}

impl House {
    /// A database with tables, and an instance with these blocks that reads its changes.
    pub(super) async fn with(blocks: &str) -> Self {
        let postgres = PostgresServer::start_logical().await;
        postgres.execute(TABLES).await;
        let larder = instance(&postgres, blocks, "").await;
        let house = Self { postgres, larder };
        house.until_reading().await;
        house
    }

    /// Waits until the slot is read.
    pub(super) async fn until_reading(&self) {
        within("the slot being read", async {
            while self.postgres.ask(READ).await != "true" {
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
    pub(super) async fn change(&self, sql: &str) {
        self.postgres.execute(sql).await;
        self.until_taken().await;
    }

    /// Waits until all that has changed is purged.
    pub(super) async fn until_taken(&self) {
        self.until_taken_in(DEADLINE).await;
    }

    /// As [`Self::until_taken`], where that takes longer than most.
    pub(super) async fn until_taken_in(&self, deadline: Duration) {
        let before = self.ticks().await;
        self.postgres.execute("INSERT INTO tick SELECT coalesce(max(n), 0) + 1 FROM tick").await;
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
        let labels = format!("source=\"postgres_changes\",type=\"{table}\",result=\"{result}\"");
        self.larder.metric(&format!("larder_events_total{{{labels}}}")).await
    }

    /// Those of these pages that are still stored.
    pub(super) async fn stored<'p>(&self, pages: &[&'p str]) -> Vec<&'p str> {
        stored(&self.larder, pages).await
    }
}

/// Whether anybody reads the slot. While it is made, it is held without a position, and what is committed then is not in it.
const READ: &str = "SELECT coalesce((SELECT (active AND confirmed_flush_lsn IS NOT NULL)::text \
    FROM pg_replication_slots WHERE slot_name = 'larder'), 'none')";

/// An instance that reads this database's changes, with these blocks and sections.
pub(super) async fn instance(postgres: &PostgresServer, blocks: &str, sections: &str) -> Scenario {
    instance_at(&postgres.url(), blocks, sections).await
}

/// As [`instance`], of the database at this URL.
pub(super) async fn instance_at(url: &str, blocks: &str, sections: &str) -> Scenario {
    let section = format!("[events.postgres_changes]\nurl = \"{url}\"\n{sections}");
    Setup::rules(&format!("{ROUTES}{TICK}{blocks}")).section(&section).start().await
}

/// Stores these pages at an instance.
pub(super) async fn stock(larder: &Scenario, pages: &[&str]) {
    for page in pages {
        larder.origin.on(page, reply(200).body("a page"));
        larder.get(page).await.status(200);
        larder.get(page).await.hit();
    }
}

/// Those of these pages that an instance still has.
pub(super) async fn stored<'p>(larder: &Scenario, pages: &[&'p str]) -> Vec<&'p str> {
    let mut stored = Vec::new();
    for page in pages {
        if larder.get(page).await.is_hit() {
            stored.push(*page);
        }
    }
    stored
}
