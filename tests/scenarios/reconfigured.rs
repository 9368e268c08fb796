//! `proxy.toml` read again while an instance runs: what is in force from the next request on, and what is said of the rest.

use crate::support::client::Client;
use crate::support::deadline::within;
use crate::support::origin::Origin;
use crate::support::served::Served;
use crate::support::{Barrier, Request, Setup, get, post, reply};
use serde_json::Value;

const RULES: &str = "[[route]]\npath = \"/kept/**\"\nttl = \"1h\"\n";

/// A `proxy.toml` before one origin, with further keys of `[upstream]` and `[listen]`, and further sections.
fn toml(origin: &Origin, upstream: &str, listen: &str, sections: &str) -> String {
    format!(
        "rules = \"rules.toml\"\n[listen]\nhttp = \"127.0.0.1:0\"\n{listen}\n[upstream]\nservers = [\"http://{}\"]\n{upstream}\n\
         [memory]\nsize = \"64MiB\"\n[admin]\nlisten = \"127.0.0.1:0\"\n{sections}\n",
        origin.address
    )
}

pub(super) fn write(served: &Served, file: &str, text: &str) {
    // As editors and deployments do it: nobody reads half of it.
    let (path, new) = (served.folder().join(file), served.folder().join("new"));
    std::fs::write(&new, text).expect("the folder is ours");
    std::fs::rename(new, path).expect("the folder is ours");
}

pub(super) async fn reload(served: &Served) -> Value {
    let answer = served.admin(post("/reload", "")).await;
    answer.status(200);
    serde_json::from_str(&answer.text()).expect("it is JSON")
}

async fn shown(served: &Served) -> Value {
    serde_json::from_str(&served.admin(get("/rules")).await.text()).expect("it is JSON")
}

/// What a request comes to before and after the reload, on the same connection.
async fn ask(client: &mut Client, request: &Request) -> u16 {
    client.send(request).await;
    client.response().await.status
}

/// Keys that show in the status of a request on a connection that was open before: upstream, listen, sections, the request, the
/// status before and after.
type Row = (&'static str, &'static str, &'static str, Request, (u16, u16));

#[tokio::test]
async fn a_key_that_needs_no_restart_holds_from_the_next_request_on_also_on_open_connections() {
    let long = format!("/{}", "a".repeat(200));
    let rows: [Row; 8] = [
        ("", "", "[limits]\nuri_bytes = \"100B\"", get(&long), (200, 414)),
        ("", "", "[limits]\nheader_bytes = \"1KiB\"", get("/a").header("X-Long", &"a".repeat(2000)), (200, 431)),
        ("", "", "[limits]\nupstream_header_bytes = \"1KiB\"", get("/long-head"), (200, 502)),
        ("", "", "[limits]\nupstream_headers = 8", get("/many"), (200, 502)),
        ("read_timeout = \"50ms\"", "", "", get("/late"), (200, 504)),
        ("request_timeout = \"50ms\"", "", "", get("/late"), (200, 504)),
        ("", "trusted_proxies = [\"127.0.0.1\"]\nredirect_https = 443", "", get("/a"), (200, 308)),
        ("", "scheme = \"https\"\nredirect_https = 443", "", get("/a"), (200, 200)),
    ];
    for (upstream, listen, sections, request, expected) in rows {
        let origin = Origin::start().await;
        let held = Barrier::new();
        origin.on("/a", reply(200));
        origin.on(&long, reply(200));
        origin.on("/long-head", reply(200).header("X-Long", &"a".repeat(2000)));
        let many = (0..12).fold(reply(200), |reply, n| reply.header(&format!("X-{n}"), "a"));
        origin.on("/many", many);
        origin.on_each("/late", [reply(200), reply(200).hold(&held)]);
        let served = Setup::rules(RULES).before(origin.address).serve().await;
        write(&served, "proxy.toml", &toml(&origin, "", "", ""));
        let mut client = Client::connect(served.data_address).await;
        let shown = format!("{upstream} {listen} {sections}");
        assert_eq!(ask(&mut client, &request).await, expected.0, "before {shown}");

        write(&served, "proxy.toml", &toml(&origin, upstream, listen, sections));
        let said = reload(&served).await;
        assert_eq!(said["waits_for_restart"], Value::Array(Vec::new()), "{shown}: {said}");
        assert_eq!(ask(&mut client, &request).await, expected.1, "after {shown}");
        let mut new = Client::connect(served.data_address).await;
        assert_eq!(ask(&mut new, &request).await, expected.1, "on a new connection after {shown}");
        held.open();
    }
}

#[tokio::test]
async fn who_is_believed_and_what_is_told_changes_with_a_reload_and_back() {
    let origin = Origin::start().await;
    origin.on("/p", reply(200));
    origin.on("/kept/p", reply(200).body("kept"));
    let served = Setup::rules(RULES).before(origin.address).serve().await;
    let mut client = Client::connect(served.data_address).await;
    let through = |target| get(target).header("X-Forwarded-For", "203.0.113.9").header("X-Forwarded-Proto", "https");
    let trusting = "trusted_proxies = [\"127.0.0.1\"]\nhsts = \"max-age=5\"";
    for (listen, believed) in [("", false), (trusting, true), ("", false), (trusting, true)] {
        write(&served, "proxy.toml", &toml(&origin, "", listen, ""));
        reload(&served).await;
        for target in ["/p", "/kept/p", "/kept/p"] {
            client.send(&through(target)).await;
            let answer = client.response().await;
            answer.status(200);
            let told = answer.value("Strict-Transport-Security");
            assert_eq!(told, believed.then_some("max-age=5"), "{target} by {listen:?}");
        }
        let seen = origin.requests("/p").pop().expect("it was asked");
        let says = seen.value("X-Forwarded-For").unwrap_or_default().to_owned();
        assert_eq!(says.contains("203.0.113.9"), believed, "{says}");
    }
}

#[tokio::test]
async fn an_idle_connection_ends_by_the_time_that_was_in_force_at_its_last_request() {
    let origin = Origin::start().await;
    origin.on("/p", reply(200));
    let served = Setup::rules(RULES).before(origin.address).serve().await;
    let mut client = Client::connect(served.data_address).await;
    assert_eq!(ask(&mut client, &get("/p")).await, 200);
    write(&served, "proxy.toml", &toml(&origin, "", "", "[timeouts]\nidle = \"50ms\""));
    reload(&served).await;
    assert_eq!(ask(&mut client, &get("/p")).await, 200);
    client.closed().await;
}

#[tokio::test]
async fn what_waits_for_a_restart_is_named_alike_by_the_answer_the_log_the_metric_and_the_rules() {
    let origin = Origin::start().await;
    let served = Setup::rules(RULES).before(origin.address).serve().await;
    write(&served, "proxy.toml", &toml(&origin, "", "", ""));
    let said = reload(&served).await;
    let waited_before = said["waits_for_restart"].as_array().expect("it is a list").len();
    let sections = "[refresh]\nhot_keys = 5\n[limits]\nin_flight_bytes = \"1MiB\"\nconnections = 7\n[timeouts]\nidle = \"7s\"\n\
                    [log]\naccess = false\n";
    write(&served, "proxy.toml", &toml(&origin, "connect_timeout = \"2s\"", "takeover = \"t.sock\"", sections));
    let said = reload(&served).await;
    let expected = ["limits.in_flight_bytes", "listen.takeover", "log.access", "refresh.hot_keys"];
    let keys: Vec<_> = said["waits_for_restart"].as_array().expect("it is a list").iter().collect();
    assert_eq!(keys, expected.map(Value::from).iter().collect::<Vec<_>>(), "{said}");
    assert_eq!(waited_before, 0);
    for key in expected {
        let line = format!("`{key}` has changed; it is in force after a restart");
        assert!(said["warnings"].to_string().contains(&line), "{said}");
        assert!(served.log().contains(&line), "{}", served.log());
    }
    let shown = shown(&served).await;
    assert_eq!(shown["configuration"]["waits_for_restart"], said["waits_for_restart"]);
    assert!((served.metric("larder_configuration_waiting").await - 4.0).abs() < 0.5);

    write(&served, "proxy.toml", &toml(&origin, "", "", ""));
    assert_eq!(reload(&served).await["waits_for_restart"], Value::Array(Vec::new()));
}

#[tokio::test]
async fn a_configuration_and_its_rules_are_judged_together_and_a_broken_one_changes_nothing() {
    let origin = Origin::start().await;
    let long = format!("/{}", "a".repeat(200));
    origin.on(&long, reply(200));
    origin.on("/kept/p", reply(200));
    let served = Setup::rules(RULES).before(origin.address).serve().await;
    let unnamed = "[[route]]\npath = \"/kept/**\"\nttl = \"1h\"\nupstream = \"other\"\n";
    let short = "[limits]\nuri_bytes = \"100B\"";
    let other = format!("{short}\n[upstreams.other]\nservers = [\"http://{}\"]", origin.address);
    for (sections, rules, what) in [
        (&format!("{short}\nconections = 5"), "[[route]]\npath = \"/kept/**\"\ncache = false\n", "conections"),
        (&short.to_owned(), unnamed, "other"),
        (&other, "[[route]]\npath = \"/kept/**\"\nttl = 5\n", "duration"),
    ] {
        write(&served, "proxy.toml", &toml(&origin, "", "", sections));
        write(&served, "rules.toml", rules);
        let answer = served.admin(post("/reload", "")).await;
        answer.status(422);
        assert!(answer.text().contains(what), "{}", answer.text());
        served.get(&long).await.status(200);
        let shown = shown(&served).await;
        let is_configuration = what == "conections";
        assert_eq!(shown["configuration"]["rejected"].is_null(), !is_configuration, "{what}: {shown}");
        write(&served, "rules.toml", RULES);
        write(&served, "proxy.toml", &toml(&origin, "", "", ""));
        reload(&served).await;
    }
    // A pool comes with the rule that names it, and goes with it.
    write(&served, "proxy.toml", &toml(&origin, "", "", &other));
    write(&served, "rules.toml", unnamed);
    within("the rules and their pool", async { while served.admin(post("/reload", "")).await.status != 200 {} }).await;
    served.get(&long).await.status(414);
    served.get("/kept/p").await.status(200);
    write(&served, "rules.toml", RULES);
    write(&served, "proxy.toml", &toml(&origin, "", "", ""));
    reload(&served).await;
    served.get("/kept/p").await.status(200);
    served.get(&long).await.status(200);
}
