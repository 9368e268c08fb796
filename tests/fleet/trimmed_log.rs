//! An instance that comes back after the log was trimmed beyond what it had applied can't know what it missed: all that it
//! has is validated, and nothing stale is served.

use super::house::{HOST, House, purge, shop, until_written};
use crate::support::reply;

#[tokio::test]
async fn what_is_older_than_the_first_entry_left_is_validated() {
    assert_validated_where(async |house| {
        purge(&house.one, r#"{"tags": ["something-else"]}"#).await.status(200);
        trim(house, "1").await;
    })
    .await;
}

#[tokio::test]
async fn what_is_older_than_a_log_trimmed_to_nothing_is_validated() {
    assert_validated_where(async |house| trim(house, "0").await).await;
}

/// Leaves so many entries in the log.
async fn trim(house: &House, left: &str) {
    let trimmed: u64 = house.redis.command(&["XTRIM", "larder:purges", "MAXLEN", left]).await;
    assert!(trimmed > 0, "the log held what the instance has not applied");
}

/// The second instance is cut off, misses a purge, and comes back when the log no longer holds it.
async fn assert_validated_where(trim: impl AsyncFnOnce(&House)) {
    // A grace so long that nothing is validated merely because of the cut.
    let (house, cable) = House::cabled("partition_grace = \"10m\"").await;
    let (origin, two) = (&house.one.origin, &house.two);
    let fresh = || reply(200).header("Cache-Control", "max-age=600");
    origin.on("/changed", fresh().header("ETag", "\"old\"").body("old"));
    origin.on_request("/kept", move |seen| match seen.value("If-None-Match") {
        Some("\"kept\"") => reply(304).header("ETag", "\"kept\""),
        _ => reply(200).header("Cache-Control", "max-age=600").header("ETag", "\"kept\"").body("kept"),
    });
    for (path, body) in [("/changed", "old"), ("/kept", "kept")] {
        two.fetch(&shop(path)).await.status(200).body(body);
        two.fetch(&shop(path)).await.hit().body(body);
    }
    until_written(two, 2.0).await;

    cable.cut();
    origin.on("/changed", fresh().header("ETag", "\"new\"").body("new"));
    let missed = purge(&house.one, &format!(r#"{{"urls": ["http://{HOST}/changed"]}}"#)).await;
    assert!(missed.status(200).text().contains(r#""pending":["two"]"#), "{missed}");
    for (path, body) in [("/changed", "old"), ("/kept", "kept")] {
        two.fetch(&shop(path)).await.hit().body(body);
    }
    trim(&house).await;

    cable.mend();
    house.until_current().await;
    two.fetch(&shop("/changed")).await.forwarded("stale").detail("unproven").status(200).body("new");
    two.fetch(&shop("/kept")).await.forwarded("stale").detail("unproven").status(200).body("kept");
    origin.saw("/kept", 2);
    until_written(two, 4.0).await;
    for (path, body) in [("/changed", "new"), ("/kept", "kept")] {
        two.fetch(&shop(path)).await.hit().body(body);
        // Whoever was never cut off has missed nothing, and is given nothing older.
        house.one.fetch(&shop(path)).await.hit().body(body);
    }
}
