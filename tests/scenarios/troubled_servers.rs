//! A pool of three servers on a bad day: one dies, one is slow, one is drained, all are gone. Clients notice as little as
//! can be.

use crate::support::deadline::within;
use crate::support::expect::Response;
use crate::support::origin::Origin;
use crate::support::reply::Reply;
use crate::support::{Barrier, Scenario, Setup, get, post, reply};

const RULES: &str = r#"
[[route]]
name = "stored"
path = "/stored/**"
ttl = "1m"
stale_if_error = "1h"
upstream = "three"

[[route]]
name = "passed"
path = "/**"
cache = false
upstream = "three"
"#;

struct Day {
    larder: Scenario,
    servers: [Origin; 3],
}

impl Day {
    async fn begin() -> Self {
        let servers = [Origin::start().await, Origin::start().await, Origin::start().await];
        let urls = servers.each_ref().map(|server| format!("\"http://{}\"", server.address)).join(", ");
        let pool = format!(
            "[upstreams.three]\nservers = [{urls}]\nbalance = \"least-requests\"\neject = {{ for = \"200ms\" }}\n\
             health = {{ path = \"/healthz\", interval = \"100ms\", timeout = \"5s\", rise = 2, fall = 2 }}"
        );
        let day = Self { larder: Setup::rules(RULES).section(&pool).start().await, servers };
        (0..3).for_each(|n| day.set(n, &reply(200).body("well")));
        day
    }

    /// What a server answers from now on, to checks too.
    fn set(&self, server: usize, answer: &Reply) {
        for path in ["/p", "/stored/p", "/healthz"] {
            self.servers[server].on(path, answer.clone());
        }
    }

    /// Waits until these are up. Who was taken out for what became of requests is back once one is answered.
    async fn up(&self, expected: [bool; 3], requests: usize) {
        within(format_args!("{expected:?} to be up"), async {
            loop {
                let mut up = [false; 3];
                for (up, server) in up.iter_mut().zip(&self.servers) {
                    let series = format!("larder_upstream_server_up{{pool=\"three\",server=\"{}\"}}", server.address);
                    *up = self.larder.metric(&series).await > 0.5;
                }
                if up == expected {
                    return;
                }
                self.all_answered(requests).await;
            }
        })
        .await;
    }

    async fn all_answered(&self, requests: usize) {
        for _ in 0..requests {
            self.larder.get("/p").await.status(200).body("well");
        }
    }

    fn asked(&self) -> [usize; 3] {
        self.servers.each_ref().map(|server| server.requests("/p").len())
    }

    async fn drain(&self, server: usize, json: &str) {
        let name = self.servers[server].address.to_string().replace(':', "%3A");
        self.larder.admin(post(&format!("/upstreams/three/{name}/drain"), json)).await.status(200);
    }
}

#[tokio::test]
async fn one_dies_one_is_slow_one_is_drained_and_no_request_fails() {
    let day = Day::begin().await;
    day.all_answered(12).await;
    assert!(day.asked().iter().all(|count| *count == 4), "{:?}", day.asked());

    day.set(0, &reply(200).reset());
    day.all_answered(30).await;
    day.up([false, true, true], 1).await;
    let shown = day.larder.admin(get("/upstreams")).await.text();
    assert!(shown.contains("\"state\":\"down\"") && shown.contains("\"why\":"), "{shown}");
    let explained = day.larder.admin(get("/explain?url=http%3A%2F%2Fshop.test%2Fp")).await.text();
    assert!(explained.contains("\"state\":\"down\""), "{explained}");
    day.set(0, &reply(200).body("well"));
    day.up([true; 3], 1).await;

    let barrier = Barrier::new();
    day.servers[1].on("/p", reply(200).body("well").hold(&barrier));
    let before = day.asked()[1];
    let mut waiting = Vec::new();
    while day.asked()[1] == before {
        let so_far: usize = day.asked().iter().sum();
        waiting.push(day.larder.begin(&get("/p")).await);
        within("the request to have come", async {
            while day.asked().iter().sum::<usize>() == so_far {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
    day.all_answered(30).await;
    assert_eq!(day.asked()[1], before + 1, "what it has under way keeps the others from it");
    barrier.open();
    for mut client in waiting {
        client.response().await.status(200).body("well");
    }
    day.set(1, &reply(200).body("well"));

    day.drain(2, "{}").await;
    let before = day.asked();
    day.all_answered(30).await;
    assert_eq!(day.asked()[2], before[2]);
    let draining = format!("larder_upstream_server_draining{{pool=\"three\",server=\"{}\"}}", day.servers[2].address);
    assert!(day.larder.metric(&draining).await > 0.5);
    day.drain(2, "{\"drain\": false}").await;
    day.all_answered(9).await;
    assert!(day.asked()[2] > before[2]);
}

#[tokio::test]
async fn where_all_are_gone_what_is_stale_is_served_else_503_and_the_first_that_is_back_is_asked() {
    let day = Day::begin().await;
    day.larder.get("/stored/p").await.status(200).body("well");
    day.larder.purge(r#"{"all": true, "soft": true}"#).await;
    (0..3).for_each(|n| day.set(n, &reply(200).reset()));
    day.up([false; 3], 0).await;
    let before = day.asked();
    for _ in 0..20 {
        let refused = day.larder.get("/p").await;
        refused.status(503);
        let status = refused.value("Proxy-Status").unwrap_or_default();
        assert!(status.contains("destination_unavailable"), "{refused}");
    }
    assert_eq!(day.asked(), before, "nobody is asked but by checks");
    day.larder.get("/stored/p").await.status(200).body("well").forwarded("stale");
    day.set(1, &reply(200).body("well"));
    day.larder.until("the first to be back", &get("/p"), |answer| answer.status == 200).await;
    day.all_answered(10).await;
    day.larder.until("what is stored to be fresh again", &get("/stored/p"), Response::is_hit).await;
}
