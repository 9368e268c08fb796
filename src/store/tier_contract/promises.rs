//! The promises, one check each.

use super::entries::{assert_same, entry, entry_with, in_language, key, sized};
use super::subjects::BODY_BYTES_TOO_LARGE;
use super::{AfterUse, BeyondVariantsMax, Parts, Reach, Subject};
use crate::clock::Timestamp;
use crate::entry::Entry;
use crate::entry::body::StoredBody;
use crate::entry::coding;
use crate::entry::samples::{Sample, TWO_BYTES};
use crate::key::PrimaryKey;
use crate::scope::RouteName;
use crate::semantics::content_coding::Coding;
use crate::stamp::Stamp;
use crate::store::memory::Admission;
use crate::store::tier::Lookup;
use bytes::Bytes;
use futures_util::future::join_all;
use http::{HeaderMap, HeaderValue};
use std::sync::Arc;
use std::time::Duration;

/// Longer than any check.
const LONG: Duration = Duration::from_hours(1);

impl Subject {
    async fn found(&self, key: &PrimaryKey) -> Vec<Arc<Entry>> {
        match self.tier.lookup(key).await {
            Lookup::Found(variants) => variants.entries().to_vec(),
            Lookup::Absent => Vec::new(),
            Lookup::Unavailable => panic!("the tier is there"),
        }
    }

    async fn languages(&self, key: &PrimaryKey) -> Vec<String> {
        let language = |entry: &Arc<Entry>| String::from_utf8_lossy(&entry.variant().0[0].1).into_owned();
        self.found(key).await.iter().map(language).collect()
    }

    async fn store(&self, key: &PrimaryKey, entry: &Arc<Entry>) {
        assert_eq!(self.tier.admit(key, Arc::clone(entry), LONG).await, Admission::Stored);
    }

    /// Stores each and finds each, alone and as it was.
    async fn assert_returns(&self, entries: impl IntoIterator<Item = (&'static str, Arc<Entry>)>) {
        for (what, entry) in entries {
            let key = key(what);
            self.store(&key, &entry).await;
            let found = self.found(&key).await;
            assert_eq!(found.len(), 1, "{what}");
            assert_same(&found[0], &entry);
        }
    }
}

pub(super) async fn an_absent_key_is_absent(subject: Subject) {
    assert!(matches!(subject.tier.lookup(&key("/a")).await, Lookup::Absent));
    subject.tier.discard(&key("/a"), &entry(Sample::default())).await;
    assert!(matches!(subject.tier.lookup(&key("/a")).await, Lookup::Absent));
}

pub(super) async fn the_head_is_found_as_it_was(subject: Subject) {
    let with = |headers: &[(&'static str, &'static str)]| Sample { headers: headers.to_vec(), ..Sample::default() };
    let with_status = |status| Sample { status, ..Sample::default() };
    let samples = [
        ("a typical head", Sample::typical()),
        ("no field", with(&[])),
        ("a field in two lines", with(&[("link", "</a>"), ("x-a", "1"), ("link", "</b>")])),
        ("an empty field", with(&[("x-empty", "")])),
        ("an ETag and a length", with(&[("etag", "W/\"1\""), ("content-length", "2")])),
        ("a redirection", Sample { headers: vec![("location", "/b")], ..with_status(301) }),
        ("an error", with_status(404)),
        ("no content", Sample { headers: Vec::new(), status: 204, ..Sample::sized(0) }),
    ];
    subject.assert_returns(samples.map(|(what, sample)| (what, entry(sample)))).await;
    let mut headers = HeaderMap::new();
    headers.insert("x-name", HeaderValue::from_bytes(b"caf\xe9 \xff\t!").expect("such bytes are allowed"));
    let with_bytes = Entry::new(Sample::default().parts(), &headers);
    subject.assert_returns([("bytes that are no ASCII", Arc::new(with_bytes))]).await;
}

pub(super) async fn the_body_is_found_byte_for_byte(subject: Subject) {
    let text = Bytes::from("a line that repeats\n".repeat(200));
    let [coded, with_br, with_zstd] = [Coding::Gzip, Coding::Br, Coding::Zstd].map(|coding| {
        let coded = coding::coded(text.clone(), coding);
        assert_eq!(coded.coding(), Some(coding), "it shrinks");
        coded
    });
    let all_bytes: Vec<u8> = (0..=u8::MAX).cycle().take(3000).collect();
    let gzipped_by_the_origin = Sample {
        headers: vec![("content-encoding", "gzip"), ("content-type", "text/plain")],
        body: StoredBody::AsReceived(coded.at_rest().clone()),
        ..Sample::default()
    };
    let samples = [
        ("an empty body", Sample::sized(0)),
        ("a text", Sample { body: StoredBody::AsReceived(text), ..Sample::default() }),
        ("a text that Larder coded", Sample { body: coded, ..Sample::default() }),
        ("one in Brotli", Sample { body: with_br, ..Sample::default() }),
        ("one in Zstandard", Sample { body: with_zstd, ..Sample::default() }),
        ("a text that the origin coded", gzipped_by_the_origin),
        ("all bytes", Sample { body: StoredBody::AsReceived(all_bytes.into()), ..sized(0) }),
        ("a large body", sized(BODY_BYTES_TOO_LARGE / 2)),
    ];
    subject.assert_returns(samples.map(|(what, sample)| (what, entry(sample)))).await;
}

pub(super) async fn stamp_times_route_and_tags_are_found_as_they_were(subject: Subject) {
    let fresh = Sample { headers: vec![("cache-control", "max-age=60, no-cache=\"x-a\"")], ..Sample::default() };
    let tagged = Sample { tags: vec!["product:1", "catalogue", "caf\u{e9}"], ..Sample::default() };
    let entries = [
        ("tags", entry(tagged)),
        ("a policy", entry(fresh.clone())),
        ("an age on arrival", entry_with(fresh, |parts| parts.policy.initial_age = Duration::from_millis(7_500))),
        ("a stamp of the log", entry_with(Sample::default(), |parts| parts.stamp = Stamp::new((17, 3), 0))),
        ("a refined stamp", entry_with(Sample::default(), |parts| parts.stamp = Stamp::new((17, 3), 2))),
        ("a local stamp", entry_with(Sample::default(), |parts| parts.stamp = Stamp::local(5))),
        ("a stamp before all purges", entry_with(Sample::default(), |parts| parts.stamp = Stamp::ZERO)),
        ("a route", entry_with(Sample::default(), |parts| parts.route = RouteName::new("search"))),
        ("a time", entry_with(Sample::default(), |parts| parts.stored_at = Timestamp::from_millis(1_234_567))),
    ];
    subject.assert_returns(entries).await;
}

pub(super) async fn looking_up_changes_nothing(subject: Subject) {
    let entry = entry(Sample::typical());
    subject.store(&key("/a"), &entry).await;
    for _ in 0..3 {
        let found = subject.found(&key("/a")).await;
        assert_eq!(found.len(), 1);
        assert_same(&found[0], &entry);
    }
}

pub(super) async fn a_second_entry_of_a_variant_takes_the_place_of_the_first(subject: Subject) {
    for variant in [vec![], vec![("accept-language", "de"), ("device", "")]] {
        let key = key(&format!("/{}", variant.len()));
        let [first, second] = ["first", "second"].map(|body| {
            let body = StoredBody::AsReceived(Bytes::from_static(body.as_bytes()));
            entry(Sample { variant: variant.clone(), body, ..Sample::default() })
        });
        subject.store(&key, &first).await;
        subject.store(&key, &second).await;
        let found = subject.found(&key).await;
        assert_eq!(found.len(), 1);
        assert_same(&found[0], &second);
    }
}

pub(super) async fn variants_live_side_by_side_the_newest_first(subject: Subject) {
    for (language, stored_at_secs) in [("da", 1), ("de", 2), ("en", 3), ("da", 4)] {
        subject.store(&key("/a"), &in_language(language, stored_at_secs)).await;
    }
    assert_eq!(subject.languages(&key("/a")).await, ["da", "en", "de"]);
}

pub(super) async fn keys_do_not_mix(subject: Subject) {
    let (here, there) = (entry(Sample::default()), entry(Sample::typical()));
    subject.store(&key("/a"), &here).await;
    subject.store(&key("/b"), &there).await;
    assert_same(&subject.found(&key("/a")).await[0], &here);
    subject.tier.discard(&key("/a"), &here).await;
    assert!(subject.found(&key("/a")).await.is_empty());
    assert_same(&subject.found(&key("/b")).await[0], &there);
}

pub(super) async fn discarding_drops_one_variant_only(subject: Subject) {
    for (language, stored_at_secs) in [("da", 1), ("de", 2), ("en", 3)] {
        subject.store(&key("/a"), &in_language(language, stored_at_secs)).await;
    }
    // Another entry of that variant names it just as well.
    for (language, rest) in [("de", &["en", "da"][..]), ("de", &["en", "da"]), ("da", &["en"]), ("en", &[])] {
        subject.tier.discard(&key("/a"), &in_language(language, 9)).await;
        assert_eq!(subject.languages(&key("/a")).await, rest, "without {language}");
    }
}

pub(super) async fn writers_of_one_key_do_not_lose_each_others_variants(subject: Subject) {
    let languages = ["da", "de", "en", "fi"];
    let key = key("/a");
    join_all(languages.map(|language| {
        let (subject, key) = (&subject, &key);
        async move { subject.store(key, &in_language(language, 1)).await }
    }))
    .await;
    let mut found = subject.languages(&key).await;
    found.sort();
    assert_eq!(found, languages);
}

pub(super) async fn what_is_too_large_is_not_stored_and_what_it_supersedes_goes(subject: Subject) {
    let too_large = entry(sized(BODY_BYTES_TOO_LARGE));
    subject.store(&key("/a"), &in_language("de", 1)).await;
    subject.store(&key("/a"), &entry(Sample::default())).await;
    for path in ["/a", "/b"] {
        assert_eq!(subject.tier.admit(&key(path), Arc::clone(&too_large), LONG).await, Admission::TooLarge);
    }
    assert_eq!(subject.languages(&key("/a")).await, ["de"]);
    assert!(subject.found(&key("/b")).await.is_empty());
}

pub(super) async fn beyond_the_most_variants_of_a_key_it_does_as_declared(subject: Subject) {
    const NAMES: [&str; 17] =
        ["00", "01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12", "13", "14", "15", "16"];
    let most = subject.declared.variants_max;
    for (name, stored_at_secs) in NAMES.iter().zip(0..).take(most) {
        subject.store(&key("/a"), &in_language(name, stored_at_secs)).await;
    }
    assert_eq!(subject.found(&key("/a")).await.len(), most, "as many as it takes");
    subject.store(&key("/b"), &in_language("de", 1)).await;
    subject.tier.admit(&key("/a"), in_language(NAMES[most], 99), LONG).await;
    let found = subject.languages(&key("/a")).await;
    match subject.declared.beyond_variants_max {
        BeyondVariantsMax::TheOldestGoes => {
            assert_eq!(found, NAMES[1..=most].iter().rev().copied().collect::<Vec<_>>());
        }
        BeyondVariantsMax::TheKeyGoes => assert_eq!(found, Vec::<String>::new()),
    }
    assert_eq!(subject.languages(&key("/b")).await, ["de"], "other keys stay");
}

pub(super) async fn a_part_is_kept_or_refused_as_declared(subject: Subject) {
    let sample = Sample {
        status: 206,
        headers: vec![("content-range", "bytes 0-1/4")],
        part: Some(TWO_BYTES),
        ..Sample::default()
    };
    let part = entry(sample);
    let admission = subject.tier.admit(&key("/a"), Arc::clone(&part), LONG).await;
    let found = subject.found(&key("/a")).await;
    match subject.declared.parts {
        Parts::Kept => {
            assert_eq!((admission, found.len()), (Admission::Stored, 1));
            assert_same(&found[0], &part);
        }
        Parts::Refused => assert_eq!((admission, found.len()), (Admission::Gone, 0)),
    }
}

pub(super) async fn what_is_of_use_is_kept_and_what_is_not_goes_if_declared(subject: Subject) {
    const SHORT: Duration = Duration::from_millis(50);
    subject.store(&key("/long"), &entry(Sample::default())).await;
    assert_eq!(subject.tier.admit(&key("/short"), entry(Sample::default()), SHORT).await, Admission::Stored);
    subject.world.pass(SHORT).await;
    assert_eq!(subject.found(&key("/long")).await.len(), 1);
    let left = match subject.declared.after_use {
        AfterUse::Goes => 0,
        AfterUse::Stays => 1,
    };
    assert_eq!(subject.found(&key("/short")).await.len(), left);
    // What is of use again is kept again.
    subject.store(&key("/short"), &entry(Sample::default())).await;
    subject.world.pass(SHORT).await;
    assert_eq!(subject.found(&key("/short")).await.len(), 1);
}

pub(super) async fn a_variant_of_short_use_does_not_cut_another_short(subject: Subject) {
    const SHORT: Duration = Duration::from_millis(50);
    for (path, long_first) in [("/a", [("de", LONG), ("en", SHORT)]), ("/b", [("en", SHORT), ("de", LONG)])] {
        for (language, keep_for) in long_first {
            let admission = subject.tier.admit(&key(path), in_language(language, 1), keep_for).await;
            assert_eq!(admission, Admission::Stored);
        }
    }
    subject.world.pass(SHORT).await;
    for path in ["/a", "/b"] {
        assert!(subject.languages(&key(path)).await.contains(&"de".to_owned()), "{path}");
    }
}

pub(super) async fn what_cannot_be_reached_is_neither_found_nor_stored(mut subject: Subject) {
    let stored = entry(Sample::default());
    subject.store(&key("/a"), &stored).await;
    subject.world.cut();
    let found = subject.tier.lookup(&key("/a")).await;
    let admission = subject.tier.admit(&key("/b"), Arc::clone(&stored), LONG).await;
    subject.tier.discard(&key("/c"), &stored).await;
    match subject.declared.reach {
        Reach::Here => assert!(matches!((found, admission), (Lookup::Found(_), Admission::Stored))),
        Reach::OverALink => assert!(matches!((found, admission), (Lookup::Unavailable, Admission::Gone))),
    }
}
