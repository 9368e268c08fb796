//! Tags in full: whatever an answer is labelled with is found by a purge of it, or the answer is not stored.

use crate::support::reply::Reply;
use crate::support::{Scenario, Setup, get, post, reply};

async fn stored(fields: &[(&str, &str)]) -> Scenario {
    let scenario = Setup::route("ttl = \"1m\"").start().await;
    let answer =
        |body| fields.iter().fold(reply(200), |answer: Reply, (name, value)| answer.header(name, value)).body(body);
    scenario.origin.on_each("/p", [answer("one"), answer("two")]);
    scenario.get("/p").await.body("one").says("stored");
    scenario.get("/p").await.hit();
    scenario
}

/// A purge of `tag` takes an answer with these field lines.
async fn takes(fields: &[(&str, &str)], tag: &str) {
    let scenario = stored(fields).await;
    scenario.purge(&format!(r#"{{"tags": ["{tag}"]}}"#)).await;
    let after = scenario.get("/p").await;
    assert!(!after.is_hit(), "{fields:.80?} is to be purged by {tag:.80}: {after}");
}

#[tokio::test]
async fn an_answer_is_purged_by_each_of_its_tags_however_many() {
    let keys: Vec<String> = (1..=2_000).map(|number| format!("key-{number}")).collect();
    for (field, separator) in [("Surrogate-Key", " "), ("xkey", " "), ("Cache-Tag", ","), ("Surrogate-Key", "\t")] {
        for key in ["key-1", "key-257", "key-300", "key-2000"] {
            takes(&[(field, &keys.join(separator))], key).await;
        }
    }
    let groups: Vec<String> = (1..=300).map(|number| format!("\"group {number:026}\"")).collect();
    takes(&[("Cache-Groups", &groups.join(", "))], "group 00000000000000000000000300").await;
}

#[tokio::test]
async fn bytes_outside_ascii_are_part_of_a_tag_and_harm_no_other() {
    for tag in ["product-42", "café", "größe:ü"] {
        takes(&[("Surrogate-Key", "product-42 café größe:ü")], tag).await;
        takes(&[("Cache-Tag", "product-42, café, größe:ü")], tag).await;
    }
}

#[tokio::test]
async fn a_tag_is_filed_as_it_stands_and_in_the_parts_that_another_reading_sees() {
    for (field, line, tags) in [
        ("Surrogate-Key", "a, b", &["a", "b", "a,"][..]),
        ("Surrogate-Key", "a,b c", &["a,b", "a", "b", "c"]),
        ("xkey", "a,b, c", &["a", "b", "c", "a,b,"]),
        ("Surrogate-Key", "a\tb", &["a", "b"]),
        ("Cache-Tag", "red shoes,b", &["red shoes", "red", "shoes", "b"]),
        ("Cache-Groups", r#""red shoes";x=1, "b""#, &["red shoes", "b"]),
        ("Cache-Groups", r#"" a ,b""#, &[" a ,b"]),
    ] {
        for tag in tags {
            takes(&[(field, line)], tag).await;
        }
    }
}

#[tokio::test]
async fn a_long_tag_is_a_tag() {
    let long = "x".repeat(5_000);
    takes(&[("Surrogate-Key", &format!("a {long}"))], &long).await;
    takes(&[("Cache-Groups", &format!("\"{long}\""))], &long).await;
}

#[tokio::test]
async fn what_cannot_be_purged_by_all_its_labels_is_not_stored_and_says_so() {
    for (field, line) in [
        ("Cache-Groups", "\"a\", token"),
        ("Cache-Groups", "\"a"),
        ("Cache-Groups", "\"é\""),
        ("Cache-Groups", "(\"a\")"),
    ] {
        let scenario = Setup::route("ttl = \"1m\"").start().await;
        scenario.origin.on("/p", reply(200).header(field, line).body("one"));
        for _ in 0..2 {
            scenario.get("/p").await.status(200).not_a_hit().detail("tags-unreadable").does_not_say("stored");
        }
    }
}

#[tokio::test]
async fn a_route_template_makes_a_tag_of_any_path_or_the_answer_is_not_stored() {
    let rules = "[[route]]\nname = \"p\"\npath = \"/p/{id}\"\nttl = \"1m\"\ntags = [\"product:{id}\"]";
    for (path, tag) in
        [("/p/red%20shoes", "product:red shoes"), ("/p/caf%C3%A9", "product:café"), ("/p/caf%E9", "product:café")]
    {
        let scenario = Setup::rules(rules).start().await;
        scenario.origin.on(path, reply(200).body("one"));
        scenario.get(path).await.status(200);
        scenario.get(path).await.hit();
        scenario.purge(&format!(r#"{{"tags": ["{tag}"]}}"#)).await;
        scenario.get(path).await.not_a_hit();
    }
    let rules = "[[route]]\nname = \"p\"\npath = \"/p/{rest...}\"\nttl = \"1m\"\ntags = [\"{rest}\"]";
    let scenario = Setup::rules(rules).start().await;
    scenario.origin.on("/p/", reply(200).body("one"));
    for _ in 0..2 {
        scenario.get("/p/").await.status(200).not_a_hit().detail("tags-unreadable").does_not_say("stored");
    }
}

#[tokio::test]
async fn tags_that_may_not_be_stored_as_a_field_still_label_what_is_stored() {
    for directive in ["private=\"Surrogate-Key\"", "no-cache=\"Surrogate-Key\""] {
        let control = format!("max-age=60, {directive}");
        takes(&[("Surrogate-Key", "a b"), ("Cache-Control", &control)], "b").await;
    }
}

#[tokio::test]
async fn a_confirmed_answer_keeps_its_tags_and_takes_on_those_of_the_confirmation() {
    let stale = |field: &str| {
        reply(200)
            .header("ETag", "\"1\"")
            .header("Cache-Control", "max-age=1")
            .header("Age", "5")
            .header("Surrogate-Key", field)
    };
    let confirmed = || reply(304).header("ETag", "\"1\"").header("Cache-Control", "max-age=60");
    for (confirmation, tag) in [(confirmed(), "first"), (confirmed().header("Surrogate-Key", "second"), "second")] {
        let scenario = Setup::route("").start().await;
        scenario.origin.on_each("/p", [stale("first").body("one"), confirmation, reply(200).body("two")]);
        scenario.get("/p").await.body("one");
        scenario.get("/p").await.body("one");
        scenario.get("/p").await.hit();
        scenario.purge(&format!(r#"{{"tags": ["{tag}"]}}"#)).await;
        scenario.get("/p").await.not_a_hit();
    }
}

#[tokio::test]
async fn a_group_invalidation_names_groups_in_full() {
    let groups: Vec<String> = (1..=400).map(|number| format!("\"group {number}\"")).collect();
    for (line, group) in [(groups.join(", "), "group 400"), ("\"red shoes\";x".to_owned(), "red shoes")] {
        let scenario = stored(&[("Cache-Groups", &format!("\"{group}\""))]).await;
        scenario.origin.on("/write", reply(200).header("Cache-Group-Invalidation", &line));
        scenario.fetch(&post("/write", "")).await.status(200);
        scenario.get("/p").await.not_a_hit();
    }
}

#[tokio::test]
async fn a_group_invalidation_that_is_no_list_of_strings_invalidates_all_that_it_may_mean() {
    for line in ["shoes", "a, shoes", "\"a\", shoes", "\"shoes", "é, \"shoes\"", "(\"a\" \"shoes\")"] {
        let scenario = stored(&[("Cache-Groups", "\"shoes\"")]).await;
        scenario.origin.on("/write", reply(200).header("Cache-Group-Invalidation", line));
        scenario.fetch(&post("/write", "")).await.status(200);
        let after = scenario.get("/p").await;
        assert!(!after.is_hit(), "{line}: {after}");
    }
}

#[tokio::test]
async fn a_joined_part_is_labelled_by_both_answers() {
    let part = |range: &str, tag: &str, body: &str| {
        let head = reply(206).header("ETag", "\"1\"").header("Cache-Control", "max-age=60");
        head.header("Content-Range", range).header("Surrogate-Key", tag).body(body)
    };
    for tag in ["first", "second"] {
        let scenario = Setup::route("").start().await;
        scenario.origin.on_each(
            "/p",
            [part("bytes 0-4/10", "first", "01234"), part("bytes 5-9/10", "second", "56789"), reply(200).body("new")],
        );
        scenario.fetch(&get("/p").header("Range", "bytes=0-4")).await.status(206);
        scenario.get("/p").await.body("0123456789");
        scenario.get("/p").await.hit();
        scenario.purge(&format!(r#"{{"tags": ["{tag}"]}}"#)).await;
        scenario.get("/p").await.not_a_hit();
    }
}
