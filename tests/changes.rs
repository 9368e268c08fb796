//! A database that says itself what changed: a real PostgreSQL, whose rows become purges.

mod support;

mod changes {
    mod commands;
    mod fleet;
    mod gaps;
    mod house;
    mod rows;
}
