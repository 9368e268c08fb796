//! What a replay says of traffic that is known.

use crate::clock::Timestamp;
use crate::config::check_rules_text;
use crate::recorded::{Lines, Logs};
use crate::replay::Compared;
use crate::replay::from_log::LogReplay;
use crate::replay::report::{Report, Shown};
use crate::rules::RuleSet;
use std::sync::Arc;

fn rules(text: &str) -> Arc<RuleSet> {
    Arc::new(check_rules_text(text).expect("the rules are good").rule_set)
}

fn replayed(log: &str, present: &str, proposed: Option<&str>) -> Report {
    let compared = Compared { present: rules(present), proposed: proposed.map(rules) };
    let mut replay = LogReplay::new(compared, "shop".to_owned());
    let lines = Lines::new("log", log.as_bytes()).expect("it is text");
    Logs::default().read(lines, |request| replay.take(&request)).expect("it can be read");
    replay.finish().0
}

/// One line: seconds, method and target, status, and the rest as JSON.
fn line(second: u64, request: &str, status: u16, rest: &str) -> String {
    let (method, target) = request.split_once(' ').expect("a method and a target");
    let time = Timestamp::from_secs(second).to_rfc3339();
    format!(
        r#"{{"time":"{time}","message":"request","method":"{method}","target":"{target}","host":"shop","status":{status},"body_bytes":100{rest}}}"#
    )
}

fn check(what: &str, log: &[String], present: &str, expected: [u64; 6]) {
    let report = replayed(&log.join("\n"), present, None);
    let Shown { hits, stale, collapsed, misses, passed, upstream_requests, .. } =
        report.all.present.expect("the rules in force are always there");
    assert_eq!([hits, stale, collapsed, misses, passed, upstream_requests], expected, "{what}");
}

const A: &str = "[[route]]\nname = \"a\"\npath = \"/a\"\nttl = \"10s\"\nquery = { allow = [] }\n";

#[test]
fn requests_are_decided_as_they_would_be_live() {
    let get = |second| line(second, "GET /a", 200, "");
    check("fresh within the lifetime", &[get(0), get(5), get(9), get(10), get(12)], A, [3, 0, 0, 2, 0, 2]);
    let stale = format!("{A}stale_while_revalidate = \"5s\"\n");
    check("stale within the window, refreshed meanwhile", &[get(0), get(12), get(13)], &stale, [1, 1, 0, 1, 0, 2]);
    check("past the window", &[get(0), get(16)], &stale, [0, 0, 0, 2, 0, 2]);
    let ahead = format!("{A}refresh_ahead = \"50%\"\n");
    check("refreshed ahead", &[get(0), get(8), get(12)], &ahead, [2, 0, 0, 1, 0, 2]);
    let same_key =
        [line(0, "GET /a?x=1", 200, ""), line(1, "GET http://shop/a?y=2", 200, ""), line(1, "HEAD /a", 200, "")];
    check("one key", &same_key, A, [2, 0, 0, 1, 0, 1]);
    let others = [line(0, "GET /b", 200, ""), line(1, "GET /b", 200, ""), line(2, "OPTIONS *", 200, "")];
    check("no route", &others, A, [0, 0, 0, 0, 3, 3]);
    let errors = [
        line(0, "GET /a", 500, ""),
        line(1, "GET /a", 500, ""),
        line(2, "GET /a", 304, ""),
        line(3, "GET /a", 304, ""),
    ];
    check("errors are not kept, a 304 stands for the whole", &errors, A, [1, 0, 0, 3, 0, 3]);
    let by_origin = "[[route]]\npath = \"/a\"\n";
    check("only the origin gives a lifetime", &[get(0), get(1)], by_origin, [0, 0, 0, 2, 0, 2]);
}

#[test]
fn what_is_under_way_is_shared_and_takes_as_long_as_it_did() {
    let slow =
        r#","duration_us":3000000,"outcome":"miss","reason":"no-entry","upstream_us":3000000,"admission":"stored""#;
    let waits = r#","duration_us":1000000,"outcome":"collapsed","reason":"no-entry""#;
    // The follower began at 2 s and ended as the leader did, at 3 s.
    let log = [line(3, "GET /a", 200, waits), line(3, "GET /a", 200, slow), line(4, "GET /a", 200, "")];
    check("a follower", &log, A, [1, 0, 1, 1, 0, 1]);
    let report = replayed(&log.join("\n"), A, Some("[[route]]\nname = \"b\"\npath = \"/a\"\ncache = false\n"));
    let by_name = |name: &str| report.routes.iter().find(|route| route.route.as_deref() == Some(name)).unwrap();
    let (a, b) = (by_name("a"), by_name("b"));
    assert_eq!(a.present.as_ref().unwrap().upstream_seconds, Some(3.0));
    assert_eq!((a.proposed.is_none(), b.present.is_none()), (true, true));
    assert_eq!(b.proposed.as_ref().unwrap().upstream_seconds, Some(9.0), "what was not asked counts as what was");
    let measured = a.measured.as_ref().unwrap();
    assert_eq!((measured.requests, measured.collapsed, measured.misses), (2, 1, 1));
}

#[test]
fn purges_and_refusals_that_the_log_tells_count() {
    let told = |second, rest| line(second, "GET /a", 200, rest);
    let purged = r#","outcome":"miss","reason":"purged","admission":"stored""#;
    check("a purge", &[told(0, ""), told(1, ""), told(2, purged), told(3, "")], A, [2, 0, 0, 2, 0, 2]);
    let refused = r#","outcome":"miss","reason":"no-entry","admission":"response-no-store""#;
    check("no-store", &[told(0, refused), told(1, refused), told(2, refused)], A, [0, 0, 0, 3, 0, 3]);
    let ignoring = format!("{A}origin = \"override\"\nignore = [\"no-store\"]\ncookies = []\n");
    check(
        "no-store that is ignored",
        &[told(0, refused), told(1, refused), told(2, refused)],
        &ignoring,
        [2, 0, 0, 1, 0, 1],
    );
    let written = [told(0, ""), line(1, "PUT /a", 200, ""), told(2, ""), line(3, "PUT /a", 500, ""), told(4, "")];
    check("a write that succeeds", &written, A, [1, 0, 0, 2, 2, 4]);
    let by_tag =
        "[[route]]\npath = \"/a\"\nttl = \"1m\"\ntags = [\"t\"]\n[[route]]\npath = \"/w\"\npurge_on_write = [\"t\"]\n";
    check("a write elsewhere", &[told(0, ""), line(1, "POST /w", 200, ""), told(2, "")], by_tag, [0, 0, 0, 2, 1, 3]);
}

#[test]
fn memory_is_what_can_be_used_at_one_time() {
    let get = |second, target: &str| line(second, &format!("GET /{target}"), 200, "");
    let all = "[[route]]\npath = \"/*\"\nttl = \"10s\"\n";
    let peak = |log: &[String]| replayed(&log.join("\n"), all, None).all.present.unwrap().memory_peak_bytes.unwrap();
    let one = peak(&[get(0, "a"), get(1, "a"), get(60, "z")]);
    assert!(one > 100, "{one}");
    assert_eq!(peak(&[get(0, "a"), get(5, "b"), get(60, "z")]), 2 * one);
    assert_eq!(peak(&[get(0, "a"), get(20, "b"), get(60, "z")]), one);
    assert_eq!(peak(&[get(0, "a"), get(11, "a"), get(22, "a"), get(60, "z")]), one);
}

#[test]
fn lines_without_time_or_host_are_counted() {
    let log = r#"192.0.2.7 - - [x] "GET /a HTTP/1.1" 200 1
192.0.2.7 - - [x] "GET /a HTTP/1.1" 200 1"#;
    let mut replay = LogReplay::new(Compared { present: rules(A), proposed: None }, "shop".to_owned());
    Logs::default().read(Lines::new("log", log.as_bytes()).unwrap(), |request| replay.take(&request)).unwrap();
    let (report, counts) = replay.finish();
    assert_eq!((counts.requests, counts.untimed, counts.hostless), (2, 2, 2));
    let present = report.all.present.unwrap();
    assert_eq!((present.hits, present.misses, present.upstream_seconds), (1, 1, None));
    assert!(report.all.measured.is_none());
}
