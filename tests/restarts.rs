//! Processes that take the place of one another: what is in memory, the log of purges and the listening sockets pass from
//! one to the next, and nobody is served anything that was purged meanwhile.

mod support;

mod restarts {
    mod service_manager;
    mod shop;
    mod snapshot_alone;
    mod snapshot_in_fleet;
    mod taking_over;
}
