//! `larder changes` for MariaDB: what it prints makes a fresh database ready, and what it finds is what is missing; over TLS and with a
//! password, as a user that may read no table.

use super::commands::{changes, configured_with, text};
use super::mysql_house::{MysqlHouse, database, instance_at};
use crate::support::certificates::Authority;
use crate::support::mariadb_server::MariadbServer;

const BLOCKS: &str = "[[change]]\ntable = \"product\"\npurge = { tags = [\"product:{id}\", \"{category}\"] }
    [[change]]\ntable = \"shop.tick\"\npurge = { tags = [\"tick\"] }";

fn section(url: &str, keys: &str) -> String {
    format!("[events.mysql_changes]\nurl = \"{url}\"\n{keys}")
}

#[tokio::test]
async fn what_plan_prints_makes_a_mariadb_ready_for_a_user_with_a_password_over_tls() {
    let authority = Authority::new("the database's authority");
    let [certificate, key] = authority.vouch_for(&["127.0.0.1"]);
    let files = tempfile::TempDir::new().expect("a temporary folder");
    for (name, text) in [("server.pem", &certificate), ("server.key", &key)] {
        std::fs::write(files.path().join(name), text).expect("the folder takes a file");
    }
    let option = |name: &str, file: &str| format!("--ssl-{name}={}", files.path().join(file).display());
    let mariadb = database(&[&option("cert", "server.pem"), &option("key", "server.key")]).await;
    let url = mariadb.url_as("larder:secret") + "?require_ssl=true";
    let folder = configured_with(&section(&url, "ca_file = \"ca.pem\""), BLOCKS);
    std::fs::write(folder.path().join("ca.pem"), &authority.pem).expect("the folder takes a file");
    let plan = changes(folder.path(), &["plan"]).await;
    assert_eq!(plan.status.code(), Some(0), "{plan:?}");
    mariadb.client(&text(&plan.stdout)).await;
    // It may do nothing until it has a password.
    let verified = changes(folder.path(), &["verify"]).await;
    assert!(text(&verified.stderr).contains("Access denied"), "{verified:?}");
    mariadb.execute("ALTER USER larder@'%' IDENTIFIED BY 'secret'").await;
    // It can be run again.
    mariadb.client(&text(&plan.stdout)).await;
    let verified = changes(folder.path(), &["verify", "--json"]).await;
    assert!(text(&verified.stdout).contains("\"complete\":true,\"findings\":[]"), "{verified:?}");
    let ca = folder.path().join("ca.pem");
    let block = "[[change]]\ntable = \"product\"\npurge = { tags = [\"product:{id}\"] }";
    let larder = instance_at(&url, block, &format!("ca_file = {ca:?}")).await;
    let house = MysqlHouse { mariadb, larder };
    house.until_reading().await;
    house.stock(&["/p/product:1/shoes", "/p/product:2/hats"]).await;
    house.change(&["INSERT INTO product VALUES (1, 'bags', 1, NULL)"]).await;
    assert_eq!(house.stored(&["/p/product:1/shoes", "/p/product:2/hats"]).await, ["/p/product:2/hats"]);
}

#[tokio::test]
async fn verify_names_what_a_mariadb_lacks_with_the_sql_that_mends_it() {
    let mariadb = MariadbServer::start_with(&[
        "--binlog-format=MIXED",
        "--binlog-row-metadata=NO_LOG",
        "--binlog-row-image=MINIMAL",
        "--binlog-do-db=other",
    ])
    .await;
    mariadb
        .client(
            "CREATE TABLE shop.product (id int PRIMARY KEY); CREATE TABLE shop.tick (n int PRIMARY KEY);
             CREATE USER poor@'%' IDENTIFIED BY 'secret'; GRANT REFERENCES ON shop.* TO poor@'%';",
        )
        .await;
    let blocks = format!("{BLOCKS}\n[[change]]\ntable = \"gone\"\npurge = {{ all = true }}");
    let folder = configured_with(&section(&mariadb.url_as("poor:secret"), ""), &blocks);
    let verified = changes(folder.path(), &["verify"]).await;
    assert_eq!(verified.status.code(), Some(1), "{verified:?}");
    let said = text(&verified.stdout);
    for expected in [
        "missing: binlog_format is not ROW",
        "missing: binlog_row_metadata is not FULL",
        "warning: binlog_row_image is not FULL",
        "missing: the user may not read the binary log: it lacks REPLICATION SLAVE",
        "GRANT REPLICATION CLIENT ON *.* TO `poor`@`%`;",
        "missing: there is no table shop.gone",
        "missing: the table public.product lacks the columns category",
    ] {
        assert!(said.contains(expected), "{expected}\n{said}");
    }
    mariadb.execute("GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO poor@'%'").await;
    let said = text(&changes(folder.path(), &["verify"]).await.stdout);
    assert!(said.contains("missing: the database shop is not in the binary log"), "{said}");
}
