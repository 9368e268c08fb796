//! A whole fleet in one thread and in virtual time: three engines, Redis, an origin, the network and the clocks.
//!
//! Everything that happens by chance comes from one seed: what is asked and written, how long each message takes and
//! whether it arrives, who dies, which clock jumps, when Redis is started anew with or without its data. After every
//! step the invariants 1, 2, 4 and 5 are checked by what clients saw ([`ledger`]) and, for the breaker's part of 5, by what
//! requests waited for ([`watch`]). A seed that breaks one is printed and
//! makes the same run again, step by step.
//!
//! `LARDER_SEEDS=1000` runs so many; `make simulate SEEDS=1000` does, too.

mod instance;
mod ledger;
mod network;
mod origin;
mod tests;
mod watch;

use crate::engine::{Handler, RequestContext};
use crate::fleet::simulated_redis::SimulatedRedis;
use crate::invalidation::PurgeOptions;
use crate::invalidation::purge::{Depth, Purge, Source};
use crate::scope::{Scope, Tag};
use http::header::{HOST, HeaderName};
use http::uri::Scheme;
use http_body_util::BodyExt;
use instance::{Instance, Nursery};
use ledger::Ledger;
use network::Dice;
use origin::{Shop, USER};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

/// The `coalesce_wait` of the one route.
const COALESCE_WAIT: Duration = Duration::from_secs(2);

const INSTANCES: usize = 3;
const STEPS: u32 = 120;
const PATHS: [&str; 4] = ["/product/1", "/product/2", "/listing/1", "/mine/cart"];

/// The slowest half of an exchange with the origin, usually and when it is slow.
const ORIGIN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(1500));

/// No request may take longer than that, whatever happens.
const END: Duration = Duration::from_mins(1);

/// What a run came to.
struct Run {
    violations: Vec<String>,
    trace: String,
}

/// Runs the simulation that a seed stands for.
fn run(seed: u64) -> Run {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime without I/O can be made").block_on(async {
        let mut world = World::of(seed);
        for _ in 0..STEPS {
            world.step().await;
            if !world.ledger.violations().is_empty() {
                break;
            }
        }
        world.end().await;
        Run { violations: world.ledger.violations(), trace: world.ledger.trace() }
    })
}

struct World {
    dice: Dice,
    ledger: Arc<Ledger>,
    redis: Arc<SimulatedRedis>,
    shop: Arc<Shop>,
    nursery: Nursery,
    instances: Vec<Instance>,
    under_way: JoinSet<()>,
}

impl World {
    fn of(seed: u64) -> Self {
        let (dice, born) = (Dice::of(seed), Instant::now());
        let (ledger, redis) = (Ledger::new(born), SimulatedRedis::new());
        let shop = Shop::new(dice.clone(), Arc::clone(&ledger));
        let nursery = Nursery {
            redis: Arc::clone(&redis),
            shop: Arc::clone(&shop),
            ledger: Arc::clone(&ledger),
            dice: dice.clone(),
            born,
        };
        let instances = (0..INSTANCES).map(|number| nursery.instance(number, 0)).collect();
        Self { dice, ledger, redis, shop, nursery, instances, under_way: JoinSet::new() }
    }

    async fn step(&mut self) {
        match self.dice.below(100) {
            0..55 => self.read(),
            55..70 => self.crowd(),
            70..82 => self.write_and_purge(),
            82..88 => self.make_trouble(),
            88..94 => self.mend(),
            _ => sleep(self.dice.up_to(Duration::from_secs(8))).await,
        }
        sleep(self.dice.up_to(Duration::from_millis(150))).await;
        while self.under_way.try_join_next().is_some() {}
    }

    /// Lets everything come to its end.
    async fn end(&mut self) {
        self.mend();
        while let Some(ended) = self.under_way.join_next().await {
            ended.expect("nothing in a simulation panics");
        }
    }

    fn path(&self) -> &'static str {
        PATHS[usize::try_from(self.dice.below(PATHS.len() as u64)).expect("few paths")]
    }

    fn any(&self) -> usize {
        usize::try_from(self.dice.below(INSTANCES as u64)).expect("few instances")
    }

    fn read(&mut self) {
        let (instance, path) = (self.any(), self.path());
        self.ask(instance, path);
    }

    /// Several clients ask several instances for the same at once.
    fn crowd(&mut self) {
        let path = self.path();
        for _ in 0..4 {
            let instance = self.any();
            self.ask(instance, path);
        }
    }

    fn ask(&mut self, number: usize, path: &str) {
        let user = format!("user-{}", self.dice.below(5));
        let asked = self.ledger.asked(number, path, &user);
        let (engine, ledger) = (Arc::clone(&self.instances[number].engine), Arc::clone(&self.ledger));
        let mut request = http::Request::new(crate::engine::origin::empty_body());
        *request.uri_mut() = path.parse().expect("it is a path");
        request.headers_mut().insert(HOST, http::HeaderValue::from_static("shop.example.com"));
        let user = http::HeaderValue::try_from(user).expect("it is a field value");
        request.headers_mut().insert(HeaderName::from_static(USER), user);
        self.under_way.spawn(async move {
            let exchange = async {
                let answer = engine.handle(request, RequestContext::direct(Scheme::HTTP, None)).await;
                let outcome = answer.decision.outcome;
                let Ok(response) = answer.reply else { return (outcome, None) };
                let body = response.into_body().collect().await.ok().map(http_body_util::Collected::to_bytes);
                (outcome, body.map(|body| String::from_utf8_lossy(&body).into_owned()))
            };
            match timeout(END, exchange).await {
                Ok((outcome, body)) => ledger.answered(&asked, outcome, body.as_deref(), ORIGIN.1),
                Err(_) => ledger.stranded(&asked),
            }
        });
    }

    /// The shop changes a product, and then has it purged.
    fn write_and_purge(&mut self) {
        let path = PATHS[usize::try_from(self.dice.below(3)).expect("few paths")];
        let number = self.any();
        let version = self.ledger.write(path);
        let depth = if self.dice.below(3) == 0 { Depth::Soft } else { Depth::Hard };
        self.ledger.note(&format!("{path} is {version} now; {} purge at {number}", depth.label()));
        let tag = Tag::new(&path[1..].replace('/', ":")).expect("it is a tag");
        let purge = Purge { scopes: vec![Scope::Tag(tag)], depth, source: Source::Admin };
        let wait = Some(self.dice.up_to(Duration::from_secs(8)));
        let (engine, ledger) = (Arc::clone(&self.instances[number].engine), Arc::clone(&self.ledger));
        self.under_way.spawn(async move {
            let asked = engine.invalidation().purge(purge, PurgeOptions { wait, idempotency_key: None }).await;
            if let Ok(receipt) = asked {
                ledger.promise(number, path, version);
                if receipt.pending.is_empty() {
                    ledger.promise_everywhere(path, version);
                }
                ledger.note(&format!("{path} {version}: applied {:?}, pending {:?}", receipt.applied, receipt.pending));
            }
            ledger.purge_ends(path);
        });
    }

    fn make_trouble(&mut self) {
        let number = self.any();
        let instance = &self.instances[number];
        let what = self.dice.below(8);
        self.ledger.note(&format!("trouble {what} for {number}"));
        self.ledger.trouble();
        match what {
            0 => instance.weather.cut_off(),
            1 => instance.weather.turn_rough(),
            2 => self.redis.restart_empty(),
            3 => self.redis.restart_keeping(),
            4 => self.instances[number] = self.nursery.instance(number, instance.life + 1),
            5 => instance.clock.jump(i64::try_from(self.dice.below(20_000)).expect("it is small") - 10_000),
            6 => {
                let offset = i64::try_from(self.dice.below(20_000)).expect("it is small") - 10_000;
                self.redis.set_clock_offset(offset);
            }
            _ if self.dice.below(2) == 0 => self.shop.slow_down(ORIGIN.1),
            _ => self.shop.fail(true),
        }
    }

    fn mend(&mut self) {
        self.ledger.note("all is mended");
        self.ledger.mended();
        for instance in &self.instances {
            instance.weather.turn_fair();
        }
        self.shop.fail(false);
        self.shop.slow_down(ORIGIN.0);
    }
}
