//! Each command, read by the parsers that the product reads it with.

use super::{BORN_AT_MS, SimulatedRedis};
use crate::fleet::link::{LinkError, LinkFailure};
use crate::fleet::streams::{self, EntryId};
use redis::{Cmd, FromRedisValue, Value, cmd, from_redis_value};
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::advance;

/// A command from its words.
fn command(words: &str) -> Cmd {
    let mut words = words.split(' ');
    let mut command = cmd(words.next().unwrap());
    for word in words {
        command.arg(word);
    }
    command
}

fn ask<T: FromRedisValue>(redis: &SimulatedRedis, words: &str) -> T {
    from_redis_value(redis.execute(&command(words)).unwrap()).unwrap()
}

fn refused(redis: &SimulatedRedis, words: &str) -> String {
    let error = redis.execute(&command(words)).unwrap_err();
    assert_eq!(error.failure, LinkFailure::Refused);
    error.code().unwrap().to_owned()
}

fn append(redis: &SimulatedRedis, id: Option<EntryId>, entries_max: Option<usize>) -> Result<EntryId, LinkError> {
    redis.execute(&streams::append("s", id, entries_max, &[("a", "1".to_owned())])).and_then(streams::appended)
}

fn ids_from(redis: &SimulatedRedis, first: EntryId, count: usize) -> Vec<EntryId> {
    let entries = streams::ranged(redis.execute(&streams::range_from("s", first, count)).unwrap()).unwrap();
    entries.into_iter().map(|entry| entry.id).collect()
}

fn last_generated(redis: &SimulatedRedis) -> EntryId {
    streams::last_generated(redis.execute(&streams::info("s")).unwrap()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn ids_are_the_time_and_rise_though_the_clock_goes_back() {
    let redis = SimulatedRedis::new();
    assert_eq!(append(&redis, None, None).unwrap(), EntryId(BORN_AT_MS, 0));
    assert_eq!(append(&redis, None, None).unwrap(), EntryId(BORN_AT_MS, 1));
    advance(Duration::from_millis(7)).await;
    assert_eq!(append(&redis, None, None).unwrap(), EntryId(BORN_AT_MS + 7, 0));
    redis.set_clock_offset(-1_000);
    assert_eq!(append(&redis, None, None).unwrap(), EntryId(BORN_AT_MS + 7, 1));
    redis.set_clock_offset(500);
    assert_eq!(append(&redis, None, None).unwrap(), EntryId(BORN_AT_MS + 507, 0));
}

#[tokio::test(start_paused = true)]
async fn an_id_that_is_given_must_be_above_the_last() {
    let redis = SimulatedRedis::new();
    assert_eq!(append(&redis, Some(EntryId(5, 3)), None).unwrap(), EntryId(5, 3));
    for id in [EntryId(5, 3), EntryId(5, 2), EntryId(4, 9), EntryId::ZERO] {
        let error = append(&redis, Some(id), None).unwrap_err();
        assert_eq!((error.failure, error.code()), (LinkFailure::Refused, Some("ERR")), "{id}");
    }
    assert_eq!(append(&redis, Some(EntryId(5, 4)), None).unwrap(), EntryId(5, 4));
    assert_eq!(refused(&redis, "XADD s five a 1"), "ERR");
}

#[tokio::test(start_paused = true)]
async fn a_range_begins_where_it_says_and_has_so_many_entries() {
    let redis = SimulatedRedis::new();
    for n in 1..=5 {
        append(&redis, Some(EntryId(n, 0)), None).unwrap();
    }
    assert_eq!(ids_from(&redis, EntryId(2, 0), 2), [EntryId(2, 0), EntryId(3, 0)]);
    assert_eq!(ids_from(&redis, EntryId(5, 1), 2), []);
    assert_eq!(ids_from(&redis, EntryId::ZERO, 100).len(), 5);
    let entries = streams::ranged(redis.execute(&command("XRANGE s (2 4")).unwrap()).unwrap();
    assert_eq!(entries.iter().map(|entry| entry.id.0).collect::<Vec<_>>(), [3, 4]);
    assert_eq!(entries[0].fields, [("a".to_owned(), "1".to_owned())]);
    assert_eq!(ask::<Vec<Value>>(&redis, "XRANGE s 4 2"), []);
    assert_eq!(ask::<Vec<Value>>(&redis, "XRANGE none - +"), []);
}

#[tokio::test(start_paused = true)]
async fn a_stream_remembers_its_last_id_and_one_that_is_not_there_is_refused() {
    let redis = SimulatedRedis::new();
    assert_eq!(refused(&redis, "XINFO STREAM s"), "ERR");
    append(&redis, Some(EntryId(5, 3)), None).unwrap();
    assert_eq!(last_generated(&redis), EntryId(5, 3));
    assert_eq!(ask::<usize>(&redis, "XTRIM s MINID 6-0"), 1);
    assert_eq!(ids_from(&redis, EntryId::ZERO, 10), []);
    assert_eq!(last_generated(&redis), EntryId(5, 3));
    append(&redis, Some(EntryId(5, 3)), None).unwrap_err();
    assert_eq!(ask::<usize>(&redis, "DEL s"), 1);
    assert_eq!(refused(&redis, "XINFO STREAM s"), "ERR");
    append(&redis, Some(EntryId(1, 0)), None).unwrap();
}

#[tokio::test(start_paused = true)]
async fn approximate_trimming_drops_whole_nodes_from_the_oldest_on() {
    let redis = SimulatedRedis::new();
    redis.set_node_entries(3);
    for n in 1..=8 {
        append(&redis, Some(EntryId(n, 0)), None).unwrap();
    }
    let trim = |first| {
        let reply = redis.execute(&streams::trim_before("s", EntryId(first, 0))).unwrap();
        (from_redis_value::<usize>(reply).unwrap(), ids_from(&redis, EntryId::ZERO, 1))
    };
    assert_eq!(trim(3), (0, vec![EntryId(1, 0)]));
    assert_eq!(trim(6), (3, vec![EntryId(4, 0)]));
    append(&redis, Some(EntryId(9, 0)), Some(4)).unwrap();
    assert_eq!(ids_from(&redis, EntryId::ZERO, 1), [EntryId(4, 0)]);
    append(&redis, Some(EntryId(10, 0)), Some(4)).unwrap();
    assert_eq!(ids_from(&redis, EntryId::ZERO, 1), [EntryId(7, 0)]);
    assert_eq!(trim(100), (4, vec![]));
    assert_eq!(trim(100), (0, vec![]));
    assert_eq!(ask::<usize>(&redis, "XTRIM none MINID ~ 5-0"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_text_is_set_where_it_may_be_and_expires_when_it_should() {
    let redis = SimulatedRedis::new();
    assert_eq!(ask::<Option<String>>(&redis, "GET k"), None);
    assert_eq!(redis.execute(&command("SET k one NX PX 100")).unwrap(), Value::Okay);
    assert_eq!(redis.execute(&command("SET k two PX 100 NX")).unwrap(), Value::Nil);
    advance(Duration::from_millis(99)).await;
    assert_eq!(ask::<Option<String>>(&redis, "GET k"), Some("one".to_owned()));
    advance(Duration::from_millis(1)).await;
    assert_eq!(ask::<Option<String>>(&redis, "GET k"), None);
    assert_eq!(redis.execute(&command("SET k two PX 100")).unwrap(), Value::Okay);
    assert_eq!(redis.execute(&command("SET k three")).unwrap(), Value::Okay);
    advance(Duration::from_secs(1)).await;
    assert_eq!(ask::<Option<String>>(&redis, "GET k"), Some("three".to_owned()));
    assert_eq!(ask::<usize>(&redis, "DEL k none"), 1);
    assert_eq!(ask::<Option<String>>(&redis, "GET k"), None);
    assert_eq!(refused(&redis, "SET k one PX 0"), "ERR");
    assert_eq!(refused(&redis, "SET k one PX soon"), "ERR");
}

#[tokio::test(start_paused = true)]
async fn a_clock_set_wrong_ends_lives_early_and_for_good() {
    let redis = SimulatedRedis::new();
    ask::<()>(&redis, "SET k one PX 1000");
    redis.set_clock_offset(999);
    assert_eq!(ask::<Option<String>>(&redis, "GET k"), Some("one".to_owned()));
    redis.set_clock_offset(1_000);
    redis.set_clock_offset(0);
    assert_eq!(ask::<Option<String>>(&redis, "GET k"), None);
    ask::<()>(&redis, "SET k two PX 1000");
    redis.set_clock_offset(-500);
    advance(Duration::from_millis(1_499)).await;
    assert_eq!(ask::<Option<String>>(&redis, "GET k"), Some("two".to_owned()));
    advance(Duration::from_millis(1)).await;
    assert_eq!(ask::<Option<String>>(&redis, "GET k"), None);
}

#[tokio::test(start_paused = true)]
async fn the_longest_life_of_a_hash_counts() {
    let redis = SimulatedRedis::new();
    assert_eq!(ask::<usize>(&redis, "PEXPIRE h 100 NX"), 0);
    ask::<()>(&redis, "HSET h f v");
    assert_eq!(ask::<usize>(&redis, "PEXPIRE h 100 GT"), 0);
    assert_eq!(ask::<usize>(&redis, "PEXPIRE h 100 NX"), 1);
    assert_eq!(ask::<usize>(&redis, "PEXPIRE h 500 NX"), 0);
    assert_eq!(ask::<usize>(&redis, "PEXPIRE h 100 GT"), 0);
    assert_eq!(ask::<usize>(&redis, "PEXPIRE h 200 GT"), 1);
    ask::<()>(&redis, "HSET h g w");
    advance(Duration::from_millis(199)).await;
    assert_eq!(ask::<usize>(&redis, "HLEN h"), 2);
    advance(Duration::from_millis(1)).await;
    assert_eq!(ask::<usize>(&redis, "HLEN h"), 0);
    ask::<()>(&redis, "HSET h f v");
    assert_eq!(ask::<usize>(&redis, "PEXPIRE h 100"), 1);
    assert_eq!(ask::<usize>(&redis, "PEXPIRE h -1"), 1);
    assert_eq!(ask::<usize>(&redis, "HLEN h"), 0);
    assert_eq!(refused(&redis, &format!("PEXPIRE h {}", i64::MAX)), "ERR");
}

#[tokio::test(start_paused = true)]
async fn a_hash_has_fields_of_any_bytes_and_ends_with_the_last() {
    let redis = SimulatedRedis::new();
    let values = || ask::<HashMap<Vec<u8>, Vec<u8>>>(&redis, "HGETALL h");
    assert_eq!(values(), HashMap::new());
    let bytes = vec![0, 255, b'\r', b'\n'];
    let set = |field: &[u8], value: &[u8]| {
        from_redis_value::<usize>(redis.execute(cmd("HSET").arg("h").arg(field).arg(value)).unwrap()).unwrap()
    };
    assert_eq!(set(&[], &bytes), 1);
    assert_eq!(set(&bytes, b"v"), 1);
    assert_eq!(set(&bytes, b"w"), 0);
    assert_eq!(values(), HashMap::from([(vec![], bytes.clone()), (bytes.clone(), b"w".to_vec())]));
    assert_eq!(ask::<usize>(&redis, "HLEN h"), 2);
    assert_eq!(ask::<usize>(&redis, "HDEL h none"), 0);
    redis.execute(cmd("HDEL").arg("h").arg(&[] as &[u8]).arg(bytes)).unwrap();
    assert_eq!(ask::<usize>(&redis, "DEL h"), 0);
    assert_eq!(ask::<usize>(&redis, "HDEL h f"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_sorted_set_is_sorted_by_score_and_then_by_name() {
    let redis = SimulatedRedis::new();
    let members = || ask::<Vec<String>>(&redis, "ZRANGE z 0 -1");
    assert_eq!(members(), Vec::<String>::new());
    assert_eq!(ask::<usize>(&redis, "ZADD z 1700000000003 a"), 1);
    assert_eq!(ask::<usize>(&redis, "ZADD z 1700000000002 c 1700000000002 b"), 2);
    assert_eq!(members(), ["b", "c", "a"]);
    assert_eq!(ask::<usize>(&redis, "ZADD z 1700000000004 b"), 0);
    assert_eq!(members(), ["c", "a", "b"]);
    assert_eq!(ask::<usize>(&redis, "ZREMRANGEBYSCORE z -inf 1700000000003"), 2);
    assert_eq!(members(), ["b"]);
    assert_eq!(ask::<usize>(&redis, "ZREMRANGEBYSCORE z -inf +inf"), 1);
    assert_eq!(ask::<usize>(&redis, "DEL z"), 0);
    assert_eq!(refused(&redis, "ZADD z high a"), "ERR");
}

#[tokio::test(start_paused = true)]
async fn another_type_under_a_key_is_said_to_be_wrong_and_left_alone() {
    let redis = SimulatedRedis::new();
    ask::<()>(&redis, "SET t v");
    ask::<()>(&redis, "HSET h f v");
    for words in [
        "GET h",
        "HSET t f v",
        "HGETALL t",
        "HDEL t f",
        "HLEN t",
        "ZADD t 1 a",
        "ZRANGE t 0 -1",
        "ZREMRANGEBYSCORE t -inf 1",
        "XADD t * a 1",
        "XRANGE t - +",
        "XREAD COUNT 1 STREAMS t 0",
        "XINFO STREAM t",
        "XTRIM t MINID ~ 1",
    ] {
        assert_eq!(refused(&redis, words), "WRONGTYPE", "{words}");
    }
    assert_eq!(ask::<String>(&redis, "GET t"), "v");
    assert_eq!(redis.execute(&command("SET h v")).unwrap(), Value::Okay);
    assert_eq!(ask::<String>(&redis, "PING"), "PONG");
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "not simulated: FLUSHALL now")]
async fn a_command_that_nobody_has_taught_it_ends_the_test() {
    drop(SimulatedRedis::new().execute(&command("FLUSHALL now")));
}
