//! A database that says itself what changed: a real PostgreSQL, whose rows become purges.

mod support;

mod changes {
    mod commands;
    mod fleet;
    mod gaps;
    mod house;
    mod mysql_commands;
    mod mysql_gaps;
    mod mysql_house;
    mod mysql_rows;
    mod promoted;
    mod replicas;
    mod rows;
}
