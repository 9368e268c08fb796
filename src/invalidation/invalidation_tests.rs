//! What a purge promises.

use super::*;
use crate::clock::{ManualClock, Timestamp};
use crate::scope::{RouteName, Scope, Tag, Tags};
use purge::{Depth, PurgeSource};
use std::sync::atomic::AtomicBool;

const URL: &str = "http://shop/api/products/42";

fn standing(invalidation: &Invalidation, stamp: Stamp) -> Standing {
    let tags = [Tag::new("product:42").unwrap()];
    let membership =
        Membership { url: URL, path_start: 11, route: &RouteName::new("product"), tags: Tags::Listed(&tags) };
    invalidation.standing(stamp, &membership)
}

fn purge_of(scope: Scope, depth: Depth) -> Purge {
    Purge::new(vec![scope], depth, PurgeSource::Admin).unwrap()
}

fn product() -> Scope {
    Scope::Tag(Tag::new("product:42").unwrap())
}

fn invalidation() -> Invalidation {
    let options = InvalidationOptions {
        instance: "one".to_owned(),
        clock: Arc::new(ManualClock::new(Timestamp::from_secs(7))),
        run: 0xbeef,
        ..InvalidationOptions::default()
    };
    Invalidation::alone(options)
}

#[tokio::test]
async fn invariant_1_after_a_purge_no_response_whose_fetch_began_before_is_clear() {
    for (depth, expected) in [(Depth::Hard, Standing::Purged), (Depth::Soft, Standing::SoftPurged)] {
        let invalidation = invalidation();
        let before = invalidation.applied();
        assert_eq!(standing(&invalidation, before), Standing::Clear);
        invalidation.purge(purge_of(product(), depth), PurgeOptions::default()).await.unwrap();
        assert_eq!(standing(&invalidation, before), expected);
        assert_eq!(standing(&invalidation, invalidation.applied()), Standing::Clear);
    }
}

/// Fetches begin and end on some threads while others purge: each purge is followed by a look at the last fetch that
/// had begun before it, and by a look at the note that spares the look.
#[test]
fn invariant_1_holds_while_purges_and_readers_race() {
    let invalidation = Arc::new(invalidation());
    let stop = AtomicBool::new(false);
    std::thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let generation = invalidation.generation();
                    let stamp = invalidation.applied();
                    let found = standing(&invalidation, stamp);
                    if found != Standing::Clear {
                        assert!(invalidation.generation() > generation, "purged by nothing");
                    }
                }
            });
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            for _ in 0..2_000 {
                let (stamp, generation) = (invalidation.applied(), invalidation.generation());
                let receipt =
                    invalidation.purge(purge_of(product(), Depth::Hard), PurgeOptions::default()).await.unwrap();
                assert!(receipt.stamp > stamp);
                assert!(invalidation.generation() > generation, "a noted clearance would live on");
                assert_eq!(standing(&invalidation, stamp), Standing::Purged);
            }
        });
        stop.store(true, Ordering::Relaxed);
    });
}

#[tokio::test]
async fn an_answer_that_purges_is_newer_than_its_own_purge_but_not_than_another() {
    let tags = [Tag::new("product:42").unwrap()];
    let membership =
        Membership { url: URL, path_start: 11, route: &RouteName::new("product"), tags: Tags::Listed(&tags) };
    let own = || purge_of(Scope::Url(URL.into()), Depth::Hard);
    let elsewhere = || Scope::Tag(Tag::new("product:43").unwrap());
    for (meanwhile, expected) in [(elsewhere(), Standing::Clear), (product(), Standing::Purged)] {
        let invalidation = invalidation();
        let began = invalidation.applied();
        invalidation.purge(purge_of(meanwhile, Depth::Hard), PurgeOptions::default()).await.unwrap();
        let (stamp, _) = invalidation.purge_by_answer(own(), began, &membership).await.unwrap();
        assert_eq!(standing(&invalidation, stamp), expected);
        assert_eq!(standing(&invalidation, began), Standing::Purged);
    }
}

#[tokio::test]
async fn concurrent_purges_are_applied_in_the_order_of_their_stamps() {
    let invalidation = Arc::new(invalidation());
    let ask = || {
        let invalidation = Arc::clone(&invalidation);
        tokio::spawn(async move {
            invalidation.purge(purge_of(product(), Depth::Hard), PurgeOptions::default()).await.unwrap().stamp
        })
    };
    let asked: Vec<_> = (0..50).map(|_| ask()).collect();
    let mut stamps = Vec::new();
    for purge in asked {
        stamps.push(purge.await.unwrap());
    }
    stamps.sort_unstable();
    assert_eq!(stamps, (1..=50).map(Stamp::local).collect::<Vec<_>>());
    assert_eq!(invalidation.applied(), Stamp::local(50));
}

#[tokio::test]
async fn a_purge_leaves_a_receipt_and_is_counted() {
    let invalidation = invalidation();
    let receipt = invalidation.purge(purge_of(product(), Depth::Soft), PurgeOptions::default()).await.unwrap();
    assert_eq!(receipt.id, "0000beef-0-1");
    assert_eq!((&*receipt.applied, &*receipt.pending), (&["one".to_owned()][..], &[][..]));
    assert_eq!((receipt.requested_at, receipt.scopes_total), (Timestamp::from_secs(7), 1));
    assert_eq!(invalidation.receipt(&receipt.id).as_deref(), Some(&receipt));
    let counted: u64 = invalidation.purge_counts().iter().map(|count| count.count).sum();
    assert_eq!(counted, 1);
}

#[tokio::test]
async fn a_receipt_repeats_only_the_first_scopes_of_a_large_purge() {
    let invalidation = invalidation();
    let scopes = (0..100).map(|n| Scope::Url(format!("/{n}").into())).collect();
    let receipt = invalidation
        .purge(Purge::new(scopes, Depth::Hard, PurgeSource::Admin).unwrap(), PurgeOptions::default())
        .await
        .unwrap();
    assert_eq!((receipt.scopes.len(), receipt.scopes_total), (SCOPES_SHOWN_MAX, 100));
}

#[tokio::test]
async fn expiry_covers_what_is_older_and_moves_the_generation() {
    let invalidation = invalidation();
    for n in 0..4 {
        let other = Scope::Url(format!("/{n}").into());
        invalidation.purge(purge_of(other, Depth::Hard), PurgeOptions::default()).await.unwrap();
    }
    let generation = invalidation.generation();
    invalidation.expire(Stamp::local(3));
    assert!(invalidation.generation() > generation);
    assert_eq!(invalidation.barriers(), 2);
    assert_eq!(standing(&invalidation, Stamp::local(1)), Standing::Purged, "hard purges were forgotten");
    assert_eq!(standing(&invalidation, Stamp::local(2)), Standing::Clear);
}
