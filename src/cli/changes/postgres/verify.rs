//! `larder changes verify`: what is missing in the real database.

use super::{quoted, table};
use crate::cli::changes::Needed;
use crate::cli::changes::finding::{Finding, Weight, finding, report};
use crate::events::changes::postgres::PostgresChangesOptions;
use crate::events::postgres_server::Queries;
use crate::rules::change::TableName;
use anyhow::Context as _;
use std::collections::BTreeSet;
use tokio_postgres::Client;

/// Prints what is missing.
///
/// # Errors
/// Where something is, or the database can't be asked.
pub(in crate::cli::changes) fn run(
    options: &PostgresChangesOptions,
    needed: &Needed,
    as_json: bool,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    report(&runtime.block_on(findings(options, needed))?, as_json)
}

async fn findings(options: &PostgresChangesOptions, needed: &Needed) -> anyhow::Result<Vec<Finding>> {
    let (client, ()) = options.server.connect(Queries).await.context("the database cannot be asked")?;
    let mut findings = of_server(&client, options).await?;
    for (name, columns) in needed {
        findings.extend(of_table(&client, options, name, columns).await?);
    }
    Ok(findings)
}

/// What is asked of the server as a whole.
const SERVER: &str = "SELECT current_setting('wal_level') = 'logical', \
    current_setting('max_slot_wal_keep_size') <> '-1', \
    (SELECT rolreplication OR rolsuper FROM pg_roles WHERE rolname = current_user), NOT pg_is_in_recovery(), \
    (SELECT pubinsert AND pubupdate AND pubdelete AND pubtruncate FROM pg_publication WHERE pubname = $1), \
    EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = $2) OR (SELECT count(*) FROM pg_replication_slots) \
        < current_setting('max_replication_slots')::bigint, \
    coalesce((SELECT plugin = 'pgoutput' AND database = current_database() FROM pg_replication_slots \
        WHERE slot_name = $2), true), current_setting('server_version_num')::integer >= 140000, current_user::text";

async fn of_server(client: &Client, options: &PostgresChangesOptions) -> anyhow::Result<Vec<Finding>> {
    let row = client.query_one(SERVER, &[&options.publication, &options.slot]).await?;
    let (user, publication) = (quoted(&row.get::<_, String>(8)), quoted(&options.publication));
    let publishes: Option<bool> = row.get(4);
    let checks = [
        (row.get(7), Weight::Missing, "PostgreSQL is older than 14", "upgrade it".to_owned()),
        (
            row.get(3),
            Weight::Missing,
            "the server is a replica; changes are read from the primary",
            "name it in `url`".to_owned(),
        ),
        (
            row.get(0),
            Weight::Missing,
            "wal_level is not logical",
            "ALTER SYSTEM SET wal_level = 'logical'; and restart PostgreSQL".to_owned(),
        ),
        (row.get(2), Weight::Missing, "the role may not replicate", format!("ALTER ROLE {user} REPLICATION;")),
        (
            publishes.is_some(),
            Weight::Missing,
            "there is no such publication",
            format!("CREATE PUBLICATION {publication}; as `larder changes plan` prints it"),
        ),
        (
            publishes != Some(false),
            Weight::Missing,
            "the publication leaves some kinds of changes out",
            format!("ALTER PUBLICATION {publication} SET (publish = 'insert, update, delete, truncate');"),
        ),
        (
            row.get(5),
            Weight::Missing,
            "all replication slots are in use",
            "ALTER SYSTEM SET max_replication_slots = 20; and restart PostgreSQL".to_owned(),
        ),
        (
            row.get(6),
            Weight::Missing,
            "the replication slot is of another database or not of pgoutput",
            "name another as `slot`".to_owned(),
        ),
        (
            row.get(1),
            Weight::Warning,
            "while nobody reads, PostgreSQL keeps its log without a bound",
            "ALTER SYSTEM SET max_slot_wal_keep_size = '10GB'; SELECT pg_reload_conf();".to_owned(),
        ),
    ];
    let failed = checks.into_iter().filter(|(holds, ..)| !holds);
    Ok(failed.map(|(_, weight, what, sql)| finding(weight, what, sql)).collect())
}

async fn of_table(
    client: &Client,
    options: &PostgresChangesOptions,
    name: &TableName,
    columns: &BTreeSet<String>,
) -> anyhow::Result<Vec<Finding>> {
    const TABLE: &str = "SELECT relreplident::text, EXISTS (SELECT FROM pg_publication_tables \
            WHERE pubname = $1 AND schemaname = $2 AND tablename = $3), \
        ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped), \
        ARRAY(SELECT attname::text FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey) \
            WHERE indrelid = c.oid AND CASE relreplident WHEN 'd' THEN indisprimary ELSE indisreplident END) \
        FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace \
        WHERE nspname = $2 AND relname = $3 AND relkind IN ('r', 'p')";
    let Some(row) = client.query_opt(TABLE, &[&options.publication, &name.schema, &name.table]).await? else {
        let mend = "mend `table` in the [[change]] block, or make the table";
        return Ok(vec![finding(Weight::Missing, format!("there is no table {name}"), mend)]);
    };
    let (table, publication) = (table(name), quoted(&options.publication));
    let mut findings = Vec::new();
    if !row.get::<_, bool>(1) {
        let sql = format!("ALTER PUBLICATION {publication} ADD TABLE {table};");
        findings.push(finding(Weight::Missing, format!("the publication lacks the table {name}"), sql));
    }
    let (there, identity): (Vec<String>, Vec<String>) = (row.get(2), row.get(3));
    let lacking = |known: &[String]| {
        let lacking: Vec<&str> = columns.iter().filter(|column| !known.contains(column)).map(String::as_str).collect();
        if lacking.is_empty() { None } else { Some(lacking.join(", ")) }
    };
    if let Some(columns) = lacking(&there) {
        let what = format!("the table {name} lacks the columns {columns}");
        findings.push(finding(Weight::Missing, what, "mend the [[change]] block"));
    } else if let Some(columns) = lacking(&identity).filter(|_| row.get::<_, String>(0) != "f") {
        let what = format!(
            "of an old row of {name}, PostgreSQL does not say {columns}: an update or a deletion purges more than it must"
        );
        findings.push(finding(Weight::Warning, what, format!("ALTER TABLE {table} REPLICA IDENTITY FULL;")));
    }
    Ok(findings)
}
