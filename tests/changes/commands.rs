//! `larder changes`: what it prints makes a fresh database ready, and what it finds is what is missing; over TLS and with a
//! password, as a role that may do nothing else.

use super::house::{House, instance_at};
use crate::support::certificates::Authority;
use crate::support::postgres_server::PostgresServer;
use std::path::Path;
use std::process::Output;
use tempfile::TempDir;
use tokio::process::Command;

const BLOCKS: &str = "[[change]]\ntable = \"product\"\npurge = { tags = [\"product:{id}\", \"{category}\"] }
    [[change]]\ntable = \"public.tick\"\npurge = { tags = [\"tick\"] }";

const TABLES: &str =
    "CREATE TABLE product (id bigint PRIMARY KEY, category text); CREATE TABLE tick (n bigint PRIMARY KEY)";

/// `larder changes` in a folder with these rules and this database.
pub(super) async fn changes(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
    command.arg("changes").args(arguments).current_dir(folder).output().await.expect("it runs")
}

fn configured(url: &str, keys: &str, rules: &str) -> TempDir {
    configured_with(&format!("[events.postgres_changes]\nurl = \"{url}\"\n{keys}"), rules)
}

/// A folder with this section in its proxy.toml, and these rules.
pub(super) fn configured_with(section: &str, rules: &str) -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    let proxy = format!("[upstream]\nservers = [\"http://127.0.0.1:1\"]\n{section}");
    for (name, text) in [("proxy.toml", proxy.as_str()), ("rules.toml", rules)] {
        std::fs::write(folder.path().join(name), text).expect("a fresh folder takes a file");
    }
    std::fs::create_dir(folder.path().join("rules")).expect("the folder is ours");
    std::fs::rename(folder.path().join("rules.toml"), folder.path().join("rules/rules.toml")).expect("it was written");
    folder
}

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test]
async fn what_plan_prints_makes_a_database_ready_for_a_role_with_a_password_over_tls() {
    let postgres = PostgresServer::start_logical().await;
    postgres.execute(TABLES).await;
    let authority = Authority::new("the database's authority");
    let [certificate, key] = authority.vouch_for(&["127.0.0.1"]);
    postgres.demand_tls("larder", &certificate, &key).await;
    let url = postgres.url().replace("postgres://postgres@", "postgres://larder:secret@") + "?sslmode=require";
    let folder = configured(&url, "ca_file = \"ca.pem\"", BLOCKS);
    std::fs::write(folder.path().join("ca.pem"), &authority.pem).expect("the folder takes a file");
    let plan = changes(folder.path(), &["plan"]).await;
    assert_eq!(plan.status.code(), Some(0), "{plan:?}");
    postgres.psql(&text(&plan.stdout)).await;
    postgres.execute("ALTER ROLE larder PASSWORD 'secret'").await;
    // It can be run again.
    postgres.psql(&text(&plan.stdout)).await;
    let verified = changes(folder.path(), &["verify", "--json"]).await;
    assert!(text(&verified.stdout).contains("\"complete\":true"), "{verified:?}");
    assert!(!text(&verified.stdout).contains("REPLICA IDENTITY"), "{verified:?}");
    let ca = folder.path().join("ca.pem");
    let larder = instance_at(
        &url,
        "[[change]]\ntable = \"product\"\npurge = { tags = [\"product:{id}\"] }",
        &format!("ca_file = {ca:?}"),
    )
    .await;
    let house = House { postgres, larder };
    house.until_reading().await;
    house.stock(&["/p/product:1/shoes", "/p/product:2/hats"]).await;
    house.change("INSERT INTO product VALUES (1, 'bags')").await;
    assert_eq!(house.stored(&["/p/product:1/shoes", "/p/product:2/hats"]).await, ["/p/product:2/hats"]);
}

#[tokio::test]
async fn verify_names_what_is_missing_with_the_sql_that_mends_it() {
    let postgres = PostgresServer::start().await;
    postgres.execute(TABLES).await;
    let blocks = format!(
        "{BLOCKS}\n[[change]]\ntable = \"gone\"\npurge = {{ all = true }}
        [[change]]\ntable = \"tick\"\npurge = {{ tags = [\"{{what}}\"] }}"
    );
    let folder = configured(&postgres.url(), "", &blocks);
    let verified = changes(folder.path(), &["verify"]).await;
    assert_eq!(verified.status.code(), Some(1), "{verified:?}");
    let said = text(&verified.stdout);
    for expected in [
        "missing: wal_level is not logical",
        "missing: there is no such publication",
        "missing: there is no table public.gone",
        "missing: the table public.tick lacks the columns what",
        "ALTER PUBLICATION \"larder\" ADD TABLE \"public\".\"product\";",
        "warning: of an old row of public.product, PostgreSQL does not say category",
        "ALTER TABLE \"public\".\"product\" REPLICA IDENTITY FULL;",
        "warning: while nobody reads, PostgreSQL keeps its log without a bound",
    ] {
        assert!(said.contains(expected), "{expected}\n{said}");
    }
}

#[tokio::test]
async fn what_can_not_be_asked_is_said() {
    let postgres = PostgresServer::start().await;
    let nowhere = format!("{}_gone", postgres.url());
    for (url, rules, expected) in [
        (nowhere.as_str(), BLOCKS, "does not exist"),
        (&postgres.url(), "[[route]]\npath = \"/**\"", "no [[change]] block"),
    ] {
        let folder = configured(url, "", rules);
        let verified = changes(folder.path(), &["verify"]).await;
        assert_eq!(verified.status.code(), Some(1), "{verified:?}");
        assert!(text(&verified.stderr).contains(expected), "{verified:?}");
    }
}
