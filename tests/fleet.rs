//! Several instances that share one real Redis: what one fetched the others have, what one purges none serves, and no
//! trouble with Redis is a client's trouble.

mod support;

mod fleet {
    mod events;
    mod explaining;
    mod house;
    mod invariant_1_purge;
    mod invariant_2_coalescing;
    mod invariant_4_sharing;
    mod invariant_5_redis_fails;
    mod joining;
    mod kinds_of_redis;
    mod leaving_clients;
    mod mixed;
    mod prices_under_load;
    mod receipts;
    mod shared_tier;
    mod stamps;
    mod switches;
    mod tls;
    mod trimmed_log;
}
