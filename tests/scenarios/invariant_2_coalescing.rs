//! Invariant 2: one key, many clients, one fetch; and every client ends, whatever happens to the one that fetches.

use crate::support::reply::Reply;
use crate::support::{Barrier, Request, Scenario, Setup, get, head, reply};

const CACHED: &str = "ttl = \"1m\"";

/// Whoever waits for another, waits for longer than any test does.
const UNHURRIED: &str = "ttl = \"1m\"\ncoalesce_wait = \"1h\"";

/// Opens `count` clients for one target, each with its request sent.
async fn clients(scenario: &Scenario, target: &str, count: usize) -> Vec<crate::support::client::Client> {
    let mut clients = Vec::with_capacity(count);
    for _ in 0..count {
        clients.push(scenario.begin(&get(target)).await);
    }
    clients
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_2_one_thousand_clients_make_one_upstream_request() {
    let scenario = Setup::route(CACHED).start().await;
    let (first, second) = (Barrier::new(), Barrier::new());
    scenario.origin.on("/p", reply(200).hold(&first).chunked().body("first ").wait(&second).body("second"));
    let mut clients = clients(&scenario, "/p", 1000).await;
    first.reached_by(1).await;
    first.open();
    for client in &mut clients {
        client.body_so_far("first ").await;
    }
    second.open();
    for client in &mut clients {
        client.response().await.status(200).body("first second");
    }
    scenario.origin.saw("/p", 1);
    scenario.get("/p").await.hit();
}

#[tokio::test]
async fn invariant_2_one_who_joins_in_the_middle_gets_the_body_from_its_beginning() {
    let scenario = Setup::route(CACHED).start().await;
    let gate = Barrier::new();
    scenario.origin.on("/p", reply(200).chunked().body("begun ").wait(&gate).body("ended"));
    let mut leader = scenario.begin(&get("/p")).await;
    leader.body_so_far("begun ").await;
    let mut follower = scenario.begin(&get("/p")).await;
    follower.body_so_far("begun ").await;
    gate.open();
    leader.response().await.body("begun ended");
    follower.response().await.body("begun ended").says("collapsed");
    scenario.origin.saw("/p", 1);
}

#[tokio::test]
async fn invariant_2_who_comes_after_the_head_is_judged_as_by_a_look_up() {
    for directive in ["max-age=5", "min-fresh=55"] {
        let scenario = Setup::route("").start().await;
        let gate = Barrier::new();
        let fresh = || reply(200).header("Cache-Control", "max-age=60");
        let first = fresh().header("Age", "10").chunked().body("begun ").wait(&gate).body("ended");
        scenario.origin.on_each("/p", [first, fresh().body("newer")]);
        let mut leader = scenario.begin(&get("/p")).await;
        leader.body_so_far("begun ").await;
        // Ten seconds old: what is stored so would not do for this one.
        let asks = get("/p").header("Cache-Control", directive);
        scenario.fetch(&asks).await.body("newer").does_not_say("collapsed");
        gate.open();
        leader.response().await.body("begun ended");
        scenario.origin.saw("/p", 2);
    }
}

#[tokio::test]
async fn invariant_2_a_leader_whose_client_goes_away_strands_no_one() {
    let scenario = Setup::route(CACHED).start().await;
    let (head, rest) = (Barrier::new(), Barrier::new());
    scenario.origin.on("/p", reply(200).hold(&head).chunked().body("half ").wait(&rest).body("whole"));
    let leader = scenario.begin(&get("/p")).await;
    head.reached_by(1).await;
    let mut followers = clients(&scenario, "/p", 3).await;
    leader.reset();
    head.open();
    rest.open();
    for follower in &mut followers {
        follower.response().await.status(200).body("half whole");
    }
}

#[tokio::test]
async fn invariant_2_a_leader_that_is_reset_upstream_strands_no_one() {
    let scenario = Setup::route(CACHED).start().await;
    let gate = Barrier::new();
    scenario.origin.on("/p", reply(200).hold(&gate).reset());
    let mut waiting = clients(&scenario, "/p", 4).await;
    gate.reached_by(1).await;
    gate.open();
    for client in &mut waiting {
        client.response().await.problem(502);
    }
    scenario.origin.on("/p", reply(200).body("again"));
    scenario.get("/p").await.status(200).body("again");
}

#[tokio::test]
async fn invariant_2_a_leader_that_hangs_holds_no_one_longer_than_coalesce_wait() {
    let scenario = Setup::route("ttl = \"1m\"\ncoalesce_wait = \"50ms\"").start().await;
    let never = Barrier::new();
    scenario.origin.on_each("/p", [reply(200).hold(&never).body("late"), reply(200).body("prompt")]);
    let _leader = scenario.begin(&get("/p")).await;
    never.reached_by(1).await;
    scenario.get("/p").await.status(200).body("prompt");
}

#[tokio::test]
async fn invariant_2_a_hanging_origin_ends_in_a_504_for_every_client() {
    let scenario = Setup::route(CACHED).upstream("read_timeout = \"100ms\"").start().await;
    let never = Barrier::new();
    scenario.origin.on("/p", reply(200).hold(&never).body("never"));
    for client in &mut clients(&scenario, "/p", 5).await {
        client.response().await.problem(504);
    }
}

/// Two hundred clients on a cold key, one fetch: the one that asked gets the origin's own answer, the others a problem
/// with its status and its Retry-After, and the key is as cacheable as before.
async fn check_failure(what: &str, failing: Reply, own: Option<&str>, status: u16, retry_after: Option<&str>) {
    let scenario = Setup::route(CACHED).upstream("read_timeout = \"2s\"").start().await;
    let (gate, well) = (Barrier::new(), Barrier::new());
    scenario.origin.on("/p", failing.hold(&gate));
    let mut leader = scenario.begin(&get("/p")).await;
    gate.reached_by(1).await;
    // Connections that have been answered once are all read before one that is only then opened is answered.
    scenario.origin.on("/other", reply(200).body("read"));
    let mut waiting = clients(&scenario, "/other", 199).await;
    for client in &mut waiting {
        client.response().await.status(200);
    }
    for client in &mut waiting {
        client.send(&get("/p")).await;
    }
    scenario.get("/other?last").await.status(200);
    gate.open();
    let first = leader.response().await;
    match own {
        Some(body) => drop(first.status(status).body(body)),
        None => drop(first.problem(status)),
    }
    for client in &mut waiting {
        let response = client.response().await;
        assert!(!response.text().contains("own words"), "{what}: {response}");
        assert_eq!(response.value("Retry-After"), retry_after, "{what}: {response}");
        response.problem(status).says("collapsed");
    }
    let asked = scenario.origin.requests("/p").len();
    // A connection that breaks may be tried again, by the one fetch.
    assert!(asked == 1 || own.is_none() && asked <= 3, "{what}: {asked} fetches");
    scenario.origin.on("/p", reply(200).hold(&well).body("well"));
    let mut after = clients(&scenario, "/p", 5).await;
    well.reached_by(1).await;
    well.open();
    for client in &mut after {
        client.response().await.body("well");
    }
    scenario.origin.saw("/p", asked + 1);
}

#[tokio::test]
async fn invariant_2_a_failure_is_shared_with_those_who_waited_and_says_nothing_of_the_key() {
    let words = "own words of the origin";
    let failing = |status| reply(status).header("Set-Cookie", "session=1").body(words);
    check_failure("503", failing(503).header("Retry-After", "7"), Some(words), 503, Some("7")).await;
    check_failure("500", failing(500), Some(words), 500, None).await;
    check_failure("504, private", failing(504).header("Cache-Control", "private"), Some(words), 504, None).await;
    check_failure("502, no-store", failing(502).header("Cache-Control", "no-store"), Some(words), 502, None).await;
    check_failure("a reset", reply(200).reset(), None, 502, None).await;
}

/// Of something stale the origin is asked by `first`, or behind its answer; `then` comes while the origin is silent.
async fn check_failed_validation(window: &str, first: &Request, then: &Request, joins: bool) {
    let what = format!("{window}: {}, {}", first.method, then.method);
    let scenario = Setup::route("").start().await;
    let gate = Barrier::new();
    let old = reply(200).header("Cache-Control", &format!("max-age=10{window}")).header("Age", "9");
    let words = "own words of the origin";
    let failing = reply(503).header("Retry-After", "7").hold(&gate).body(words);
    scenario.origin.on_each("/p", [old.header("ETag", "\"1\"").body("old"), failing]);
    scenario.get("/p").await.body("old");
    let fresh = get("/p").header("Cache-Control", "only-if-cached, max-age=1000");
    scenario.until("what is stored to be stale", &fresh, |response| response.status == 504).await;
    let mut asking = scenario.begin(first).await;
    if !window.is_empty() {
        asking.response().await.hit();
    }
    gate.reached_by(1).await;
    let mut waiting = scenario.begin(then).await;
    if joins {
        // Answered on a connection that was opened later, and so read later.
        scenario.origin.on("/other", reply(200).body("read"));
        scenario.get("/other").await.status(200);
    } else {
        gate.reached_by(2).await;
    }
    gate.open();
    let own = |request: &Request| if request.method == "HEAD" { "" } else { words };
    if window.is_empty() {
        asking.response().await.status(503).header("Retry-After", "7").body(own(first));
    }
    let response = waiting.response().await;
    response.status(503).header("Retry-After", "7");
    if joins {
        assert!(!response.text().contains(words), "{what}: {response}");
        response.says("collapsed");
    } else {
        response.body(own(then));
    }
    scenario.origin.saw("/p", if joins { 2 } else { 3 });
}

#[tokio::test]
async fn invariant_2_a_failed_refresh_or_validation_shares_its_status_and_retry_after_and_never_its_body() {
    let fresh = |request: Request| request.header("Cache-Control", "max-age=1000");
    let (get, head) = (fresh(get("/p")), fresh(head("/p")));
    // Asked for by whoever was given what is stale, and then the one fetch behind their backs.
    let (window, given_stale) =
        (", stale-while-revalidate=60", [crate::support::get("/p"), crate::support::head("/p")]);
    let rows = [
        ("", &get, &get, true),
        // What a HEAD brings is nobody else's, and a HEAD waits for nobody.
        ("", &head, &get, false),
        ("", &get, &head, false),
        ("", &head, &head, false),
        (window, &given_stale[0], &get, true),
        (window, &given_stale[0], &head, false),
        (window, &given_stale[1], &get, true),
        (window, &given_stale[1], &head, false),
    ];
    let checks = rows.map(|(window, first, then, joins)| check_failed_validation(window, first, then, joins));
    futures_util::future::join_all(checks).await;
}

#[tokio::test]
async fn invariant_2_an_uncacheable_answer_is_neither_shared_nor_serialised() {
    let scenario = Setup::route(UNHURRIED).start().await;
    let (first, rest) = (Barrier::new(), Barrier::new());
    let private = |gate: &Barrier| reply(200).header("Cache-Control", "private").hold(gate);
    scenario.origin.on_each("/p", [private(&first).body("mine"), private(&rest).body("theirs")]);
    let mut leader = scenario.begin(&get("/p")).await;
    first.reached_by(1).await;
    let mut followers = clients(&scenario, "/p", 5).await;
    first.open();
    leader.response().await.body("mine");
    // All five are at the origin at once: none waits for another.
    rest.reached_by(5).await;
    rest.open();
    for follower in &mut followers {
        follower.response().await.body("theirs").not_a_hit();
    }
    scenario.origin.saw("/p", 6);
}

#[tokio::test]
async fn invariant_2_a_key_known_to_be_uncacheable_sends_its_clients_on_at_once() {
    let scenario = Setup::route(UNHURRIED).start().await;
    let gate = Barrier::new();
    let private = reply(200).header("Cache-Control", "private");
    scenario.origin.on_each("/p", [private.clone().body("a"), private.hold(&gate).body("b")]);
    scenario.get("/p").await.body("a");
    let mut waiting = clients(&scenario, "/p", 4).await;
    gate.reached_by(4).await;
    gate.open();
    for client in &mut waiting {
        client.response().await.body("b").not_a_hit();
    }
}

#[tokio::test]
async fn invariant_2_a_truncated_flight_truncates_every_follower() {
    let scenario = Setup::route(CACHED).start().await;
    let gate = Barrier::new();
    scenario.origin.on("/p", reply(200).length(100).body("only this").wait(&gate).cut());
    let mut waiting = clients(&scenario, "/p", 3).await;
    for client in &mut waiting {
        client.body_so_far("only this").await;
    }
    gate.open();
    for client in &mut waiting {
        client.response().await.truncated();
    }
}
