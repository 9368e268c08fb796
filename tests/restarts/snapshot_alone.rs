//! A snapshot where there is no Redis: the process that reads it goes on in the log of the one that wrote it.

use super::shop::{HOST, admin, ask, asking, logged, next, purge, setup, snapshot};
use crate::support::client::Client;
use crate::support::origin::Origin;
use crate::support::served::Served;
use crate::support::{Barrier, post, reply};
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

async fn origin() -> Origin {
    let origin = Origin::start().await;
    for path in ["/a", "/b", "/c"] {
        origin.on(path, reply(200).header("ETag", &format!("\"{path}\"")).body(path));
    }
    origin
}

#[tokio::test]
async fn what_was_stored_is_served_by_the_next_process_with_its_age() {
    let origin = origin().await;
    origin.on("/large", reply(200).body("x".repeat(50_000)));
    origin.on_request("/varies", |seen| reply(200).header("Vary", "X-A").body(seen.value("X-A").unwrap_or_default()));
    let mut first = setup("compress = true").before(origin.address).serve().await;
    for path in ["/a", "/large"] {
        ask(&first, path).await.status(200).says("stored");
    }
    for value in ["one", "two"] {
        first.fetch(&asking("/varies").header("X-A", value)).await.body(value);
    }
    assert!(!snapshot(&first).exists());
    let mut second = next(&mut first).await;
    assert!(!snapshot(&second).exists(), "it is removed before anything of it is served");
    for generation in 0..2 {
        ask(&second, "/a").await.hit().body("/a").header("ETag", "\"/a\"");
        ask(&second, "/large").await.hit().body("x".repeat(50_000));
        for value in ["one", "two"] {
            second.fetch(&asking("/varies").header("X-A", value)).await.hit().body(value);
        }
        if generation == 0 {
            second = next(&mut second).await;
        }
    }
    origin.saw("/a", 1);
    origin.saw("/varies", 2);
}

#[tokio::test]
async fn it_is_readable_by_its_owner_alone_and_one_that_others_may_open_is_not_used() {
    let origin = origin().await;
    let mut first = setup("").before(origin.address).serve().await;
    ask(&first, "/a").await.says("stored");
    first.stop().await;
    let file = snapshot(&first);
    assert_eq!(fs::metadata(&file).expect("it is left").mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(file.parent().expect("its folder")).expect("it is there").count(), 1);
    fs::set_permissions(&file, Permissions::from_mode(0o640)).expect("it is ours");
    let second = first.again(&[]).await;
    logged(&second, "others than its owner may open it").await;
    assert!(!file.exists());
    ask(&second, "/a").await.not_a_hit();
}

#[tokio::test]
async fn what_was_purged_is_not_served_by_the_next_process_whatever_named_it() {
    for (named, soft) in [
        (r#"{"tags": ["all"]}"#, false),
        (r#"{"routes": ["all"]}"#, false),
        (r#"{"urls": ["http://shop.example.com/a"]}"#, false),
        (r#"{"urls": ["/a"], "soft": true}"#, true),
        (r#"{"prefixes": ["/"]}"#, false),
        (r#"{"all": true}"#, false),
    ] {
        let origin = origin().await;
        let mut first = setup("").before(origin.address).serve().await;
        ask(&first, "/a").await.says("stored");
        purge(&first, named).await;
        first.stop().await;
        let second = first.again(&[]).await;
        logged(&second, "the snapshot is in memory").await;
        let answer = ask(&second, "/a").await;
        answer.not_a_hit().body("/a");
        let conditions = origin.requests("/a").last().and_then(|seen| seen.value("If-None-Match").map(str::to_owned));
        assert_eq!(conditions.is_some(), soft, "{named}");
    }
}

#[tokio::test]
async fn a_purge_of_the_next_process_covers_what_the_one_before_had_stored() {
    let origin = origin().await;
    let mut first = setup("").before(origin.address).serve().await;
    for _ in 0..3 {
        purge(&first, r#"{"tags": ["something-else"]}"#).await;
    }
    ask(&first, "/a").await.says("stored");
    first.stop().await;
    let second = first.again(&[]).await;
    // Whether or not it has been read by now.
    purge(&second, r#"{"urls": ["/a"]}"#).await;
    logged(&second, "the snapshot is in memory").await;
    ask(&second, "/a").await.not_a_hit();
    ask(&second, "/a").await.hit();
}

#[tokio::test]
async fn what_is_purged_and_written_while_the_process_drains_is_not_served_by_the_next() {
    let origin = origin().await;
    let gate = Barrier::new();
    let written = gate.clone();
    origin.on_request("/c", move |seen| match seen.method.as_str() {
        "POST" => reply(200).hold(&written),
        _ => reply(200).body("/c"),
    });
    let mut first = setup("").before(origin.address).serve().await;
    for path in ["/a", "/b", "/c"] {
        ask(&first, path).await.says("stored");
    }
    let mut writer = Client::connect(first.data_address).await;
    writer.send(&post("/c", "{}").header("Host", HOST)).await;
    origin.requested("/c", 2).await;
    first.signal(rustix::process::Signal::TERM);
    logged(&first, "requests in progress may finish").await;
    purge(&first, r#"{"urls": ["/a"]}"#).await;
    gate.open();
    writer.response().await.status(200);
    assert!(first.ended().await.success());
    let second = first.again(&[]).await;
    logged(&second, "the snapshot is in memory").await;
    ask(&second, "/a").await.not_a_hit();
    ask(&second, "/c").await.not_a_hit();
    ask(&second, "/b").await.hit();
}

#[tokio::test]
async fn rules_of_today_judge_what_was_stored_and_tags_of_rules_in_between_hold() {
    let origin = origin().await;
    let rules = |tags: &str, path: &str| {
        format!("[[route]]\nname = \"all\"\npath = \"{path}\"\nttl = \"1h\"\ntags = [\"{tags}\"]\n")
    };
    let mut first = setup("").before(origin.address).serve().await;
    for path in ["/a", "/b"] {
        ask(&first, path).await.says("stored");
    }
    let reloaded = async |served: &Served, tags: &str, path: &str| {
        fs::write(served.folder().join("rules.toml"), rules(tags, path)).expect("it is ours");
        admin(served, "/reload", "{}").await.status(200);
    };
    // A tag that neither the rules before nor those after give.
    reloaded(&first, "between", "/**").await;
    purge(&first, r#"{"tags": ["between"]}"#).await;
    ask(&first, "/b").await.not_a_hit();
    reloaded(&first, "after", "/**").await;
    let mut second = next(&mut first).await;
    ask(&second, "/a").await.not_a_hit();
    ask(&second, "/b").await.hit();
    reloaded(&second, "after", "/b").await;
    let third = next(&mut second).await;
    ask(&third, "/a").await.not_a_hit();
    ask(&third, "/b").await.hit();
}

#[tokio::test]
async fn a_damaged_or_foreign_file_is_removed_and_nothing_of_it_served() {
    let origin = origin().await;
    for (damage, said) in [(0, "was not written by Larder"), (4, "another version"), (60, ""), (usize::MAX, "damaged")]
    {
        let mut first = setup("").before(origin.address).serve().await;
        ask(&first, "/a").await;
        first.stop().await;
        let file = snapshot(&first);
        let mut bytes = fs::read(&file).expect("it is left");
        let at = damage.min(bytes.len() - 1);
        bytes[at] ^= 0xff;
        fs::write(&file, bytes).expect("it is ours");
        let second = first.again(&[]).await;
        let said = if said.is_empty() { "unreadable=1" } else { said };
        logged(&second, said).await;
        assert!(!file.exists());
        ask(&second, "/a").await.not_a_hit().body("/a");
    }
}

#[tokio::test]
async fn a_snapshot_that_was_used_once_is_not_used_again() {
    let origin = origin().await;
    let mut first = setup("").before(origin.address).serve().await;
    ask(&first, "/a").await.says("stored");
    first.stop().await;
    let copy = fs::read(snapshot(&first)).expect("it is left");
    let mut second = first.again(&[]).await;
    logged(&second, "the snapshot is in memory").await;
    purge(&second, r#"{"urls": ["/a"]}"#).await;
    second.signal(rustix::process::Signal::KILL);
    second.ended().await;
    fs::write(snapshot(&first), copy).expect("it is ours");
    fs::set_permissions(snapshot(&first), Permissions::from_mode(0o600)).expect("it is ours");
    let third = second.again(&[]).await;
    logged(&third, "it was read before").await;
    ask(&third, "/a").await.not_a_hit();
}
