//! Scenarios over real sockets: Larder between scripted clients and a scripted origin.
//!
//! The tests of the invariants in ARCHITECTURE.md are named after them, `invariant_2_…`.

mod support;

mod scenarios {
    mod admin_callers;
    mod after_purge;
    mod answer_headers;
    mod authorities;
    mod behind_balancer;
    mod binary;
    mod binary_commands;
    mod body_tags;
    mod book;
    mod bypass;
    mod client_directives;
    mod client_limits;
    mod compression;
    mod decisions;
    mod demo;
    mod ending;
    mod events;
    mod explaining;
    mod explaining_shown;
    mod failing_servers;
    mod fetch_safety;
    mod foreign_purges;
    mod framework;
    mod hard_after_soft;
    mod http2;
    mod http2_stalls;
    mod invariant_1_purge;
    mod invariant_2_coalescing;
    mod invariant_3_truncation;
    mod invariant_4_privacy;
    mod invariant_4_sharing;
    mod invariant_6_in_flight;
    mod invariant_6_memory;
    mod invariant_7_rules;
    mod invariant_8_pass_through;
    mod invariant_9_hostile;
    mod keyed_bodies;
    mod known_ends;
    mod learning;
    mod leaving_clients;
    mod lifetimes_by_rule;
    mod logs;
    mod loops;
    mod origin_messages;
    mod pools;
    mod quiet_streams;
    mod ranges;
    mod reconfigured;
    mod reconfigured_pools;
    mod reloaded_rules;
    mod replaying;
    mod stale;
    mod storing;
    mod switches;
    mod tags;
    mod terminal;
    mod to_origin;
    mod top;
    mod traces;
    mod troubled_servers;
    mod undecided_cookies;
    mod unsafe_methods;
    mod upgrades;
    mod users;
    mod validation;
    mod variants;
    mod waiting;
    mod warm_blocks;
    mod warm_command;
    mod warming;
}
