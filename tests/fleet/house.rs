//! Two instances, one scripted origin, one Redis.

use crate::support::redis_server::RedisServer;
use crate::support::relay::Relay;
use crate::support::request::Request;
use crate::support::{Scenario, Setup, get, post};

/// The host that clients ask for: the same at every instance, or they would not ask for the same.
pub(super) const HOST: &str = "shop.example.com";

/// A key of `[redis]`: a deadline so long that a busy machine is not taken for a Redis that fails.
pub(super) const UNHURRIED: &str = "timeout = \"2s\"";

/// A fleet of two.
pub(super) struct House {
    pub(super) redis: RedisServer,
    /// Started first; its origin is everyone's.
    pub(super) one: Scenario,
    pub(super) two: Scenario,
}

impl House {
    /// Everything is cached as the origin says, and tagged with its path's last segment.
    pub(super) async fn build() -> Self {
        Self::with("").await
    }

    /// As [`Self::build`], with further keys of `[redis]`.
    pub(super) async fn with(keys: &str) -> Self {
        Self::on(RedisServer::start().await, keys).await
    }

    /// As [`Self::with`], on this Redis.
    pub(super) async fn on(redis: RedisServer, keys: &str) -> Self {
        Self::of(redis, keys, "").await
    }

    /// As [`Self::build`], with further keys of the route.
    pub(super) async fn routed(route: &str) -> Self {
        Self::of(RedisServer::start().await, "", route).await
    }

    /// As [`Self::with`]; the second instance comes to Redis over a cable of its own.
    pub(super) async fn cabled(keys: &str) -> (Self, Relay) {
        let redis = RedisServer::start().await;
        let relay = Relay::to(([127, 0, 0, 1], redis.port()).into()).await;
        let urls = [redis.url(), format!("redis://{}", relay.address)];
        (Self::joined(redis, urls, keys, "").await, relay)
    }

    /// As [`Self::on`], with further keys of the route, and what comes after it.
    pub(super) async fn of(redis: RedisServer, keys: &str, route: &str) -> Self {
        let urls = [redis.url(), redis.url()];
        Self::joined(redis, urls, keys, route).await
    }

    /// On this Redis, to which the second instance may come over a cable of its own, and with stamps, as these keys say.
    pub(super) async fn stamped(redis: RedisServer, cable: Option<&Relay>, stamps: &str) -> Self {
        let cabled = cable.map_or_else(|| redis.url(), |cable| format!("redis://{}", cable.address));
        let urls = [redis.url(), cabled];
        Self::set_up(redis, urls, "", "", |setup| setup.stamps(stamps)).await
    }

    /// The two instances come to Redis by these URLs.
    async fn joined(redis: RedisServer, urls: [String; 2], keys: &str, route: &str) -> Self {
        Self::set_up(redis, urls, keys, route, |setup| setup).await
    }

    async fn set_up(
        redis: RedisServer,
        urls: [String; 2],
        keys: &str,
        route: &str,
        further: impl Fn(Setup) -> Setup,
    ) -> Self {
        let setup = |name: &str, url: &str| {
            let section = format!("[redis]\nurl = \"{url}\"\ninstance = \"{name}\"\n{UNHURRIED}\n{keys}");
            further(Setup::route(&format!("tags = [\"all\"]\nstale_if_error = \"1h\"\n{route}")).section(&section))
        };
        let one = setup("one", &urls[0]).start().await;
        let two = setup("two", &urls[1]).before(one.origin.address).start().await;
        let house = Self { redis, one, two };
        house.until_current().await;
        house
    }

    /// Waits until both instances have joined and serve what they have: a purge reaches both.
    pub(super) async fn until_current(&self) {
        let both = r#""applied":["one","two"]"#;
        for instance in [&self.one, &self.two] {
            crate::support::deadline::within("both instances in the fleet", async {
                loop {
                    let answer = purge(instance, r#"{"tags": ["nothing"], "wait": "1s"}"#).await;
                    if answer.text().contains(both) {
                        return;
                    }
                    tokio::task::yield_now().await;
                }
            })
            .await;
        }
    }
}

/// A GET that names the shop's host.
pub(super) fn shop(target: &str) -> Request {
    get(target).header("Host", HOST)
}

/// `POST /purge`
pub(super) async fn purge(instance: &Scenario, json: &str) -> crate::support::expect::Response {
    instance.admin(post("/purge", json)).await
}

/// Waits until this many responses have been written to Redis by `instance`.
pub(super) async fn until_written(instance: &Scenario, count: f64) {
    crate::support::deadline::within("responses written to Redis", async {
        while instance.metric("larder_redis_writes_total{result=\"stored\"}").await < count {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
