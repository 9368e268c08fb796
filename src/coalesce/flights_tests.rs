//! What must hold of flights, leaders and followers.

use super::*;
use crate::key::{KeyBuilder, KeyPart};
use tokio::sync::Barrier;

impl<H> Flights<H> {
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many followers hold on to the flight for `key`, 0 where there is none.
    fn followers_waiting(&self, key: &PrimaryKey) -> usize {
        self.shard(key).get(key).map_or(0, |flight| flight.followers())
    }
}

impl<H> Flight<H> {
    /// Everyone who holds the announcement, but for the flight itself.
    fn followers(&self) -> usize {
        Arc::strong_count(&self.announced) - 1
    }
}

impl<H> Leader<H> {
    fn followers_waiting(&self) -> usize {
        self.flight.followers()
    }
}

type Texts = Flights<&'static str>;

fn key(path: &str) -> PrimaryKey {
    let mut builder = KeyBuilder::default();
    builder.part(KeyPart::Path, path.as_bytes());
    builder.finish()
}

fn join(flights: &Arc<Texts>, path: &str) -> Role<&'static str> {
    flights.join(&key(path), |_| true, || Stamp::ZERO)
}

fn lead(flights: &Arc<Texts>, path: &str) -> Leader<&'static str> {
    match join(flights, path) {
        Role::Leader(leader) => leader,
        Role::Follower(_) => panic!("a flight for {path} was under way"),
    }
}

fn follow(flights: &Arc<Texts>, path: &str) -> Follower<&'static str> {
    match join(flights, path) {
        Role::Follower(follower) => follower,
        Role::Leader(_) => panic!("no flight for {path} was under way"),
    }
}

/// An announcement in words, to compare.
fn words(announcement: &Announcement<&'static str>) -> String {
    match announcement {
        Announcement::Shared(text) => format!("shared {text}"),
        Announcement::Alone => "alone".to_owned(),
        Announcement::Gone => "gone".to_owned(),
    }
}

async fn heard(mut follower: Follower<&'static str>) -> String {
    words(&follower.announcement().await)
}

#[tokio::test]
async fn every_waiter_ends_whatever_happens_to_the_leader() {
    type Fate = fn(Leader<&'static str>);
    let fates: [(&str, Fate, &str); 5] = [
        ("dropped", drop, "gone"),
        ("announces an answer", |leader| leader.announce(Announcement::Shared("yes")), "shared yes"),
        ("announces that its answer is not for them", |leader| leader.announce(Announcement::Alone), "alone"),
        (
            "announces twice: the first stands",
            |leader| {
                leader.announce(Announcement::Shared("first"));
                leader.announce(Announcement::Alone);
            },
            "shared first",
        ),
        (
            "panics",
            |leader| {
                let fetch = std::thread::spawn(move || {
                    let _leader = leader;
                    std::panic::resume_unwind(Box::new(()));
                });
                assert!(fetch.join().is_err());
            },
            "gone",
        ),
    ];
    for (fate, meet, expected) in fates {
        let flights = Texts::new();
        let leader = lead(&flights, "/a");
        let waiting: Vec<_> = (0..10).map(|_| tokio::spawn(heard(follow(&flights, "/a")))).collect();
        meet(leader);
        for waiter in waiting {
            assert_eq!(waiter.await.unwrap(), expected, "the leader is {fate}");
        }
        assert!(flights.is_empty(), "the leader is {fate}");
    }
}

#[tokio::test]
async fn an_aborted_fetch_task_strands_no_one() {
    let flights = Texts::new();
    let leader = lead(&flights, "/a");
    let follower = follow(&flights, "/a");
    let fetch = tokio::spawn(async move {
        let _leader = leader;
        std::future::pending::<()>().await;
    });
    fetch.abort();
    assert_eq!(heard(follower).await, "gone");
    drop(lead(&flights, "/a"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_clients_for_one_key_have_one_leader_and_all_hear_it() {
    for _ in 0..20 {
        let flights = Texts::new();
        let gate = Arc::new(Barrier::new(1000));
        let clients: Vec<_> = (0..1000)
            .map(|_| {
                let (flights, gate) = (Arc::clone(&flights), Arc::clone(&gate));
                tokio::spawn(async move {
                    let role = join(&flights, "/cold");
                    let leads = matches!(role, Role::Leader(_));
                    gate.wait().await;
                    match role {
                        Role::Leader(leader) => leader.announce(Announcement::Shared("body")),
                        Role::Follower(follower) => assert_eq!(heard(follower).await, "shared body"),
                    }
                    usize::from(leads)
                })
            })
            .collect();
        let mut leaders = 0;
        for client in clients {
            leaders += client.await.unwrap();
        }
        assert_eq!(leaders, 1);
        assert!(flights.is_empty());
    }
}

#[tokio::test]
async fn who_joins_after_the_announcement_gets_it_until_the_leader_is_dropped() {
    let flights = Texts::new();
    let leader = lead(&flights, "/a");
    leader.announce(Announcement::Shared("body"));
    assert_eq!(heard(follow(&flights, "/a")).await, "shared body");
    let mut late = follow(&flights, "/a");
    drop(leader);
    assert_eq!(words(&late.announcement().await), "shared body");
    assert_eq!(words(&late.announcement().await), "shared body", "asked again");
    drop(lead(&flights, "/a"));
}

#[test]
fn an_uncacheable_answer_ends_the_flight_before_the_leader_is_dropped() {
    let flights = Texts::new();
    let leader = lead(&flights, "/a");
    leader.announce(Announcement::Alone);
    let next = lead(&flights, "/a");
    drop(leader);
    assert_eq!(flights.len(), 1, "the old leader's end leaves the new flight alone");
    drop(next);
    assert!(flights.is_empty());
}

#[tokio::test]
async fn a_closed_flight_is_not_joined_and_still_tells_those_who_did() {
    let flights = Texts::new();
    let leader = lead(&flights, "/a");
    let follower = follow(&flights, "/a");
    leader.close();
    drop(lead(&flights, "/a"));
    leader.announce(Announcement::Shared("body"));
    assert_eq!(heard(follower).await, "shared body");
}

#[tokio::test]
async fn a_flight_begun_before_a_purge_is_replaced_and_goes_on_for_those_who_joined_it() {
    let flights = Texts::new();
    let (before, after) = (Stamp::local(1), Stamp::local(2));
    let may_join = |flight: FlightView<'_, &'static str>| flight.stamp >= after;
    let old = match flights.join(&key("/a"), may_join, || before) {
        Role::Leader(leader) => leader,
        Role::Follower(_) => panic!("no flight was under way"),
    };
    let joined_old = follow(&flights, "/a");
    let new = match flights.join(&key("/a"), may_join, || after) {
        Role::Leader(leader) => leader,
        Role::Follower(_) => panic!("joined a flight that began before the purge"),
    };
    assert_eq!((old.stamp(), joined_old.stamp(), new.stamp()), (before, before, after));
    let joined_new = match flights.join(&key("/a"), may_join, || unreachable!("no new flight begins")) {
        Role::Follower(follower) => follower,
        Role::Leader(_) => panic!("the new flight was not joined"),
    };
    assert_eq!(joined_new.stamp(), after);

    old.announce(Announcement::Shared("old"));
    drop(old);
    assert_eq!(flights.len(), 1, "the old leader's end leaves the new flight alone");
    new.announce(Announcement::Shared("new"));
    assert_eq!(heard(joined_old).await, "shared old");
    assert_eq!(heard(joined_new).await, "shared new");
}

#[test]
fn a_cancelled_follower_is_forgotten() {
    let flights = Texts::new();
    let leader = lead(&flights, "/a");
    let followers: Vec<_> = (0..1000).map(|_| follow(&flights, "/a")).collect();
    assert_eq!((leader.followers_waiting(), flights.followers_waiting(&key("/a"))), (1000, 1000));
    drop(followers);
    assert_eq!((leader.followers_waiting(), flights.followers_waiting(&key("/a"))), (0, 0));
}

#[test]
fn flights_of_different_keys_do_not_touch() {
    let flights = Texts::new();
    let leaders: Vec<_> = (0..100).map(|i| lead(&flights, &format!("/{i}"))).collect();
    assert_eq!(flights.len(), 100);
    for leader in leaders {
        assert_eq!(leader.followers_waiting(), 0);
    }
    assert!(flights.is_empty());
}

#[test]
fn who_might_join_learns_what_was_announced() {
    let flights = Texts::new();
    let leader = lead(&flights, "/a");
    let unheard = |flight: FlightView<'_, &'static str>| flight.announced.is_none();
    assert!(matches!(flights.join(&key("/a"), unheard, || Stamp::ZERO), Role::Follower(_)), "nothing is announced yet");
    leader.announce(Announcement::Shared("head"));
    let heard = |flight: FlightView<'_, &'static str>| flight.announced == Some(&"head");
    assert!(matches!(flights.join(&key("/a"), heard, || Stamp::ZERO), Role::Follower(_)), "the head is known");
    assert!(
        matches!(flights.join(&key("/a"), unheard, || Stamp::ZERO), Role::Leader(_)),
        "it does not suit: a new one"
    );
}

#[tokio::test]
async fn a_flight_that_has_begun_can_be_followed_by_another_that_waits_for_it() {
    let flights = Texts::new();
    let gathering = |flight: FlightView<'_, &'static str>| flight.stage == FlightStage::Gathering;
    let lead = |role| match role {
        Role::Leader(leader) => leader,
        Role::Follower(_) => panic!("it had to lead"),
    };
    let mut first = lead(flights.join(&key("/a"), gathering, || Stamp::ZERO));
    assert!(first.take_predecessor().is_none());
    assert!(matches!(flights.join(&key("/a"), gathering, || Stamp::ZERO), Role::Follower(_)), "it has not begun");
    first.begin();
    let mut second = lead(flights.join(&key("/a"), gathering, || Stamp::ZERO));
    let mut before = second.take_predecessor().expect("the first was still under way");
    first.announce(Announcement::Shared("first"));
    assert!(matches!(before.announcement().await, Announcement::Shared("first")));
    assert!(
        matches!(flights.join(&key("/a"), gathering, || Stamp::ZERO), Role::Follower(_)),
        "the second has not begun"
    );
}
