//! Invariant 4 between requests under way: where an origin wants to be asked each time, nobody gets what another asked for.
//!
//! Every user has a page of their own, told apart by a cookie that stands in no key. Each row is a way in which an origin
//! says "not without asking me"; each check is a way of coming at the same time.

use super::users::{ALICE, Protocol, User, others};
use crate::support::reply::Reply;
use crate::support::{Barrier, Scenario, Setup, reply, request};

/// A way in which an origin says that it wants to be asked each time.
struct Row {
    what: &'static str,
    lines: &'static [(&'static str, &'static str)],
}

const fn row(what: &'static str, lines: &'static [(&'static str, &'static str)]) -> Row {
    Row { what, lines }
}

const ROWS: [Row; 26] = [
    row("no-cache", &[("Cache-Control", "no-cache")]),
    row("no-cache with a lifetime", &[("Cache-Control", "no-cache, max-age=60")]),
    row("NO-CACHE on a second line", &[("Cache-Control", "max-age=60"), ("Cache-Control", "NO-CACHE")]),
    row("max-age=0", &[("Cache-Control", "max-age=0")]),
    row("public, max-age=0", &[("Cache-Control", "public, max-age=0")]),
    row("max-age that is no number", &[("Cache-Control", "max-age=soon")]),
    row("s-maxage=0", &[("Cache-Control", "s-maxage=0, max-age=60")]),
    row("must-revalidate without a life", &[("Cache-Control", "max-age=0, must-revalidate")]),
    row("Expires: 0", &[("Expires", "0")]),
    row("Expires in the past", &[("Expires", "Thu, 19 Nov 1981 08:52:00 GMT")]),
    row("two of Expires", &[("Expires", "Thu, 19 Nov 2099 08:52:00 GMT"), ("Expires", "0")]),
    row("Pragma", &[("Pragma", "no-cache")]),
    row("an Age past its lifetime", &[("Cache-Control", "max-age=8"), ("Age", "10")]),
    row("a Date past its lifetime", &[("Cache-Control", "max-age=60"), ("Date", "Sun, 01 Nov 2020 08:00:00 GMT")]),
    row("a validator only", &[]),
    row("Last-Modified, of which a lifetime could be guessed", &[("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT")]),
    row(
        "Last-Modified as of now",
        &[("Last-Modified", "Sun, 01 Nov 2020 08:00:00 GMT"), ("Date", "Sun, 01 Nov 2020 08:00:00 GMT")],
    ),
    row("private", &[("Cache-Control", "private, max-age=60")]),
    row("no-store", &[("Cache-Control", "no-store, max-age=60")]),
    row("Set-Cookie", &[("Cache-Control", "max-age=60"), ("Set-Cookie", "session=1")]),
    row("Vary: *", &[("Cache-Control", "max-age=60"), ("Vary", "*")]),
    row("a targeted no-cache", &[("Cache-Control", "max-age=60"), ("CDN-Cache-Control", "no-cache")]),
    row("a targeted max-age=0", &[("Cache-Control", "max-age=60"), ("CDN-Cache-Control", "max-age=0")]),
    row("a targeted private", &[("Cache-Control", "max-age=60"), ("CDN-Cache-Control", "private, max-age=9")]),
    row(
        "what PHP's sessions send",
        &[
            ("Expires", "Thu, 19 Nov 1981 08:52:00 GMT"),
            ("Cache-Control", "no-store, no-cache, must-revalidate"),
            ("Pragma", "no-cache"),
        ],
    ),
    row(
        "what a common shop sends",
        &[("Expires", "Wed, 11 Jan 1984 05:00:00 GMT"), ("Cache-Control", "no-cache, must-revalidate, max-age=0")],
    ),
];

/// What a page is filled up with, so that it is worth coding.
const FILLING: usize = 4096;

impl Row {
    /// The user's own page, as this row marks it.
    fn page(&self, user: &str) -> Reply {
        let answer = reply(200).header("ETag", &format!("\"{user}\"")).header("X-User", user);
        self.lines.iter().fold(answer, |answer, (name, value)| answer.header(name, value))
    }

    fn body(user: &str) -> String {
        format!("{user} {}", ".".repeat(FILLING))
    }

    /// What the origin answers: 304 where the user has the page already.
    fn answer(&self, seen: &crate::support::origin::Seen, user: &str) -> Reply {
        if seen.value("If-None-Match").is_some_and(|tags| tags.contains(user)) {
            let answer = reply(304).header("ETag", &format!("\"{user}\""));
            return self.lines.iter().fold(answer, |answer, (name, value)| answer.header(name, value));
        }
        self.page(user).body(Self::body(user))
    }
}

/// One instance whose origin holds Alice's answers at the first gate, and everyone else's at the second.
struct Case<'a> {
    row: &'a Row,
    scenario: Scenario,
    alice: Barrier,
    rest: Barrier,
}

/// Whether an answer is held back before its head, or after it.
#[derive(Clone, Copy)]
enum Held {
    BeforeTheHead,
    AfterTheHead,
}

impl<'a> Case<'a> {
    async fn begin(row: &'a Row, keys: &str, held: Held) -> Self {
        // Whoever waits for another, waits for longer than the test does.
        let scenario = Setup::route(&format!("{keys}\ncoalesce_wait = \"1h\"")).start().await;
        let (alice, rest) = (Barrier::new(), Barrier::new());
        let lines: &'static [(&str, &str)] = row.lines;
        let what = row.what;
        let gates = (alice.clone(), rest.clone());
        scenario.origin.on_request("/p", move |seen| {
            let row = Row { what, lines };
            let user = seen.value("Cookie").unwrap_or("nobody").to_owned();
            match held {
                Held::AfterTheHead if user == ALICE => row.page(&user).chunked().wait(&gates.0).body(Row::body(&user)),
                _ => row.answer(seen, &user).hold(if user == ALICE { &gates.0 } else { &gates.1 }),
            }
        });
        Self { row, scenario, alice, rest }
    }

    fn what(&self) -> &'static str {
        self.row.what
    }
}

/// Alice's page must reach nobody else, and nobody waits for anybody: all the others are at the origin at once.
async fn check_waiting(row: &Row, keys: &str, protocol: Protocol, method: &str, range: Option<&str>) {
    let case = Case::begin(row, keys, Held::BeforeTheHead).await;
    let alice = User::of(ALICE).ask(&case.scenario, Protocol::Http1, "/p").await;
    case.alice.reached_by(1).await;
    let mut waiting = Vec::new();
    for user in others(4) {
        waiting.push((user.name.clone(), user.with(method, range).ask(&case.scenario, protocol, "/p").await));
    }
    case.alice.open();
    alice.own(ALICE, case.what()).await;
    case.rest.reached_by(4).await;
    case.rest.open();
    for (name, answer) in waiting {
        answer.own(&name, case.what()).await;
    }
}

#[tokio::test]
async fn invariant_4_who_waits_for_a_page_that_must_be_asked_for_each_time_gets_their_own() {
    for row in &ROWS {
        for protocol in [Protocol::Http1, Protocol::Http2] {
            check_waiting(row, "", protocol, "GET", None).await;
        }
        check_waiting(row, "stale_if_error = \"1h\"\nstale_while_revalidate = \"1h\"", Protocol::Http1, "GET", None)
            .await;
    }
}

#[tokio::test]
async fn invariant_4_head_and_range_are_no_way_to_anothers_page() {
    for row in &ROWS {
        check_waiting(row, "", Protocol::Http1, "HEAD", None).await;
        check_waiting(row, "", Protocol::Http1, "GET", Some("bytes=0-4")).await;
        check_waiting(row, "", Protocol::Http2, "GET", Some("bytes=0-4")).await;
    }
}

#[tokio::test]
async fn invariant_4_who_comes_after_the_head_gets_their_own_page() {
    for row in &ROWS {
        for protocol in [Protocol::Http1, Protocol::Http2] {
            let case = Case::begin(row, "compress = true", Held::AfterTheHead).await;
            let mut alice = case.scenario.begin(&request("GET", "/p").header("Cookie", ALICE)).await;
            alice.head().await;
            let mut late = Vec::new();
            for user in others(3) {
                late.push((user.name.clone(), user.ask(&case.scenario, protocol, "/p").await));
            }
            case.rest.reached_by(3).await;
            case.rest.open();
            for (name, answer) in late {
                answer.own(&name, case.what()).await;
            }
            case.alice.open();
            alice.response().await.body(Row::body(ALICE)).does_not_say("collapsed");
        }
    }
}

#[tokio::test]
async fn invariant_4_who_comes_once_a_page_is_complete_gets_their_own_while_it_is_still_being_coded() {
    for row in &ROWS {
        let case = Case::begin(row, "compress = true", Held::BeforeTheHead).await;
        case.alice.open();
        case.rest.open();
        User::of(ALICE).ask(&case.scenario, Protocol::Http1, "/p").await.own(ALICE, case.what()).await;
        for user in others(3) {
            user.clone().ask(&case.scenario, Protocol::Http1, "/p").await.own(&user.name, case.what()).await;
        }
    }
}

#[tokio::test]
async fn invariant_4_what_is_stored_but_must_be_validated_each_time_is_validated_by_each_alone() {
    for row in &ROWS {
        for protocol in [Protocol::Http1, Protocol::Http2] {
            let case = Case::begin(row, "", Held::BeforeTheHead).await;
            case.alice.open();
            User::of(ALICE).ask(&case.scenario, Protocol::Http1, "/p").await.own(ALICE, case.what()).await;
            // Alice comes again and is told 304 while the others come: her 304 is not about their pages.
            let again = User::of(ALICE).ask(&case.scenario, protocol, "/p").await;
            let mut waiting = Vec::new();
            for user in others(3) {
                waiting.push((user.name.clone(), user.ask(&case.scenario, protocol, "/p").await));
            }
            case.rest.reached_by(3).await;
            again.own(ALICE, case.what()).await;
            case.rest.open();
            for (name, answer) in waiting {
                answer.own(&name, case.what()).await;
            }
        }
    }
}
