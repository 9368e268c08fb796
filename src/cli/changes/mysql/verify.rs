//! `larder changes verify` for MariaDB: what is missing in the real database.

use super::{located, quoted};
use crate::cli::changes::Needed;
use crate::cli::changes::finding::{Finding, Weight, finding, report};
use crate::events::changes::mysql::MysqlChangesOptions;
use crate::rules::change::TableName;
use anyhow::Context as _;
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Row};
use std::collections::BTreeSet;

/// Prints what is missing.
///
/// # Errors
/// Where something is, or the database can't be asked.
pub(in crate::cli::changes) fn run(
    options: &MysqlChangesOptions,
    needed: &Needed,
    as_json: bool,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    report(&runtime.block_on(findings(options, needed))?, as_json)
}

async fn findings(options: &MysqlChangesOptions, needed: &Needed) -> anyhow::Result<Vec<Finding>> {
    let mut conn = options.server.connect().await.context("the database cannot be asked")?;
    let mut findings = of_server(&mut conn).await?;
    findings.extend(of_user(&mut conn).await?);
    let schemas: BTreeSet<&str> = needed.keys().map(|table| located(table, options.server.database()).0).collect();
    findings.extend(of_filters(&mut conn, &schemas).await);
    for (name, columns) in needed {
        findings.extend(of_table(&mut conn, located(name, options.server.database()), name, columns).await?);
    }
    drop(conn.disconnect().await);
    Ok(findings)
}

/// The value of a setting; `None` where the server has no such setting.
async fn setting(conn: &mut Conn, name: &str) -> anyhow::Result<Option<String>> {
    let said: Option<(String, String)> = conn.query_first(format!("SHOW GLOBAL VARIABLES LIKE '{name}'")).await?;
    Ok(said.map(|(_, value)| value))
}

async fn of_server(conn: &mut Conn) -> anyhow::Result<Vec<Finding>> {
    use Weight::{Missing, Warning};
    let version: Option<String> = conn.query_first("SELECT @@version").await?;
    if !version.unwrap_or_default().contains("MariaDB") {
        return Ok(vec![finding(Missing, "the server is no MariaDB", "name one in `url`")]);
    }
    let mut findings = Vec::new();
    for (name, wanted, weight, what, mend) in [
        (
            "log_bin",
            "ON",
            Missing,
            "the server keeps no binary log",
            "set log_bin in its configuration, and restart it",
        ),
        (
            "binlog_format",
            "ROW",
            Missing,
            "binlog_format is not ROW: a statement that changes rows may have changed any, and purges all that a change could name",
            "SET GLOBAL binlog_format = 'ROW'; and in the configuration",
        ),
        (
            "binlog_row_metadata",
            "FULL",
            Missing,
            "binlog_row_metadata is not FULL: the log does not say what columns are called, and each change purges all that it could name",
            "SET GLOBAL binlog_row_metadata = 'FULL'; and in the configuration (MariaDB 10.5 or later)",
        ),
        (
            "binlog_row_image",
            "FULL",
            Warning,
            "binlog_row_image is not FULL: of an old row the log does not say all, and an update purges more than it must",
            "SET GLOBAL binlog_row_image = 'FULL'; and in the configuration",
        ),
        ("read_only", "OFF", Warning, "the server is read-only; changes are read from the primary", "name it in `url`"),
    ] {
        if setting(conn, name).await?.is_none_or(|value| !value.eq_ignore_ascii_case(wanted)) {
            findings.push(finding(weight, what, mend));
        }
    }
    Ok(findings)
}

async fn of_user(conn: &mut Conn) -> anyhow::Result<Vec<Finding>> {
    let user: Option<String> = conn.query_first("SELECT current_user()").await?;
    let user = user.unwrap_or_default();
    let user = user
        .rsplit_once('@')
        .map_or_else(|| quoted(&user), |(name, host)| format!("{}@{}", quoted(name), quoted(host)));
    let grants: Vec<String> = conn.query("SHOW GRANTS").await?;
    let may = |privileges: &[&str]| {
        grants
            .iter()
            .filter(|grant| grant.contains(" ON *.* "))
            .any(|grant| privileges.iter().any(|name| grant.contains(name)))
    };
    let checks = [
        (may(&["REPLICATION SLAVE", "ALL PRIVILEGES"]), "REPLICATION SLAVE"),
        (may(&["BINLOG MONITOR", "REPLICATION CLIENT", "ALL PRIVILEGES"]), "REPLICATION CLIENT"),
    ];
    let lacking = checks.into_iter().filter(|(holds, _)| !holds);
    Ok(lacking
        .map(|(_, privilege)| {
            let what = format!("the user may not read the binary log: it lacks {privilege}");
            finding(Weight::Missing, what, format!("GRANT {privilege} ON *.* TO {user};"))
        })
        .collect())
}

/// Databases that the log leaves out. A user who may not ask for them may not read the log either, which is found elsewhere.
async fn of_filters(conn: &mut Conn, schemas: &BTreeSet<&str>) -> Vec<Finding> {
    let said: Option<Row> = conn.query_first("SHOW MASTER STATUS").await.unwrap_or_default();
    let list = |nth: usize| said.as_ref().and_then(|row| row.get_opt(nth)?.ok()).unwrap_or_default();
    let (only, without): (String, String) = (list(2), list(3));
    let is_in = |list: &str, schema: &str| list.split(',').any(|name| name == schema);
    let is_left_out = |schema: &str| (!only.is_empty() && !is_in(&only, schema)) || is_in(&without, schema);
    let left_out = schemas.iter().filter(|schema| is_left_out(schema));
    left_out
        .map(|schema| {
            let what = format!("the database {schema} is not in the binary log");
            finding(
                Weight::Missing,
                what,
                "mend binlog_do_db or binlog_ignore_db in the configuration, and restart the server",
            )
        })
        .collect()
}

async fn of_table(
    conn: &mut Conn,
    (schema, table): (&str, &str),
    name: &TableName,
    columns: &BTreeSet<String>,
) -> anyhow::Result<Vec<Finding>> {
    const TABLES: &str =
        "SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema = ? AND table_name = ?";
    const COLUMNS: &str = "SELECT column_name, data_type FROM information_schema.columns \
                           WHERE table_schema = ? AND table_name = ?";
    let found: Option<(String, String)> = conn.exec_first(TABLES, (schema, table)).await?;
    let Some(found) = found else {
        let what = format!("there is no table {schema}.{table}, or this user may not know of it");
        let mend = format!(
            "mend `table` in the [[change]] block, make the table, or GRANT REFERENCES ON {}.*, as `larder changes plan` prints it",
            quoted(schema)
        );
        return Ok(vec![finding(Weight::Missing, what, mend)]);
    };
    let mut findings = Vec::new();
    if (found.0.as_str(), found.1.as_str()) != (schema, table) {
        let what = format!("the table {name} is called {}.{} in the binary log", found.0, found.1);
        findings.push(finding(Weight::Missing, what, "mend `table` in the [[change]] block"));
    }
    let there: Vec<(String, String)> = conn.exec(COLUMNS, (schema, table)).await?;
    let lacking: Vec<&str> =
        columns.iter().filter(|column| !there.iter().any(|(name, _)| name == *column)).map(String::as_str).collect();
    if !lacking.is_empty() {
        let what = format!("the table {name} lacks the columns {}", lacking.join(", "));
        findings.push(finding(Weight::Missing, what, "mend the [[change]] block"));
    }
    Ok(findings)
}
