//! A whole fleet in one thread and in virtual time: three engines, Redis, an origin, the network and the clocks.
//!
//! Everything that happens by chance comes from one seed: what is asked and written, which clients leave before their
//! answer, how long each message takes and whether it arrives, who dies, which clock jumps, when the rules are reloaded and
//! when Redis is started anew with or without its data. After every step the invariants 1, 2, 4, 5 and 10 are checked by what
//! clients saw ([`ledger`]) and, for the breaker's part of 5, by what requests waited for ([`watch`]). A seed that breaks one
//! is printed and makes the same run again. So nothing here may wake in an order of its own: a `select!` is `biased`, and
//! whatever several tasks wait for wakes them in the order in which they came (tokio's `watch` does not).
//!
//! `LARDER_SEEDS=1000` runs so many; `make simulate SEEDS=1000` does, too.

mod answer;
mod bodies;
mod changes;
mod instance;
mod ledger;
mod network;
mod origin;
mod private_pages;
mod rules;
mod sessions;
mod tests;
mod watch;

use crate::engine::origin::{Body, empty_body};
use crate::engine::{Engine, Handler, RequestContext};
use crate::fleet::simulated_redis::SimulatedRedis;
use crate::invalidation::purge::Depth;
use bodies::View;
use http::header::{COOKIE, HOST};
use http::uri::Scheme;
use http::{HeaderValue, Method};
use http_body_util::BodyExt;
use instance::{Instance, Nursery};
use ledger::{AFTERMATH, Asked, Ledger, PURGE_SPREADS};
use network::Dice;
use origin::{LYING, Shop};
use rules::Edition;
use sessions::Sessions;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

/// The `coalesce_wait` of the one route.
const COALESCE_WAIT: Duration = Duration::from_secs(2);

const INSTANCES: usize = 3;
const STEPS: u32 = 120;

/// What the paths of pages that differ by user begin with.
const MINE: &str = "/mine/";

const PATHS: [&str; 5] = ["/product/1", "/product/2", LYING, "/mine/cart", "/mine/page"];

/// How many of them are products. After them comes the page whose validator lies: it is written and purged where Redis
/// loses nothing, for an instance that never hears of a purge has the old page confirmed.
const PRODUCTS: u64 = 2;

/// Room for all barriers; in every other run for so few that they are forgotten or merged all the time.
const BARRIERS_BYTES: [usize; 2] = [64 << 20, 6 << 10];

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
        if world.ledger.violations().is_empty() {
            world.end().await;
        }
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
    edition: Edition,
    /// Whether clients write through Larder, rules are reloaded and events name many: in every other run not, since two
    /// fetches of a key are allowed for a while after each of these.
    is_eventful: bool,
    /// Whether instances die and are born again: not where rules are reloaded, since an instance knows of no rules from
    /// before its birth, and so not of tags that only they gave to what Redis holds.
    has_rebirths: bool,
    /// Whether clients ask for views by bodies, too.
    has_bodies: bool,
    /// Whether Redis is started anew, without its data or with older data.
    has_losses: bool,
    writes: u64,
    sessions: Sessions,
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
            barriers_bytes_max: BARRIERS_BYTES[usize::try_from(seed / 2 % 2).expect("it is 0 or 1")],
        };
        let edition = Edition::First;
        let instances = (0..INSTANCES).map(|number| nursery.instance(number, 0, edition)).collect();
        Self {
            dice,
            ledger,
            redis,
            shop,
            nursery,
            instances,
            under_way: JoinSet::new(),
            edition,
            is_eventful: !seed.is_multiple_of(2),
            has_rebirths: seed % 4 != 1,
            has_bodies: seed % 5 == 3,
            has_losses: !seed.is_multiple_of(3),
            writes: 0,
            sessions: Sessions::default(),
        }
    }

    async fn step(&mut self) {
        match self.dice.below(100) {
            47..62 => self.crowd(self.path()),
            62..70 => self.write_and_purge(),
            70..72 => self.purge_what_nobody_asks_for(),
            72..77 if self.is_eventful => self.write_through(),
            77..79 if self.is_eventful => self.write_many(),
            35..47 if self.is_eventful => self.read_in_session(),
            79..82 if self.is_eventful && !self.has_rebirths => self.reload_rules(),
            0..47 | 72..82 => self.read(),
            82..88 => self.make_trouble(),
            88..94 => self.mend(),
            _ => sleep(self.dice.up_to(Duration::from_secs(8))).await,
        }
        sleep(self.dice.up_to(Duration::from_millis(150))).await;
        while self.under_way.try_join_next().is_some() {}
    }

    /// Lets everything come to its end, and looks once more when nothing has been wrong for a while: then there is no
    /// excuse for an answer of before a purge, nor for two fetches at once.
    async fn end(&mut self) {
        self.mend();
        self.all_ended().await;
        sleep(AFTERMATH).await;
        for (number, path) in (0..INSTANCES).flat_map(|number| PATHS.map(|path| (number, path))) {
            self.ask(number, path, self.view());
        }
        self.all_ended().await;
        for path in &PATHS[..usize::try_from(PRODUCTS).expect("few paths")] {
            self.purge(path, self.edition.tag(path), Depth::Hard);
            self.all_ended().await;
            sleep(PURGE_SPREADS).await;
            self.crowd(path);
        }
        self.all_ended().await;
    }

    async fn all_ended(&mut self) {
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
        self.ask(instance, path, self.view());
    }

    /// Several clients ask several instances for the same at once.
    fn crowd(&mut self, path: &str) {
        let view = self.view();
        for _ in 0..4 {
            let instance = self.any();
            self.ask(instance, path, view);
        }
    }

    fn ask(&mut self, number: usize, path: &str, view: View) {
        let user = format!("user-{}", self.dice.below(5));
        let instance = &self.instances[number];
        let asked = self.ledger.asked((number, instance.life), path, &user).by_body(view);
        let (request, patience) = (self.request_for(&asked.path, asked.view), self.patience());
        let (engine, ledger) = (Arc::clone(&self.instances[number].engine), Arc::clone(&self.ledger));
        self.under_way.spawn(async move { read_with(&engine, &ledger, &asked, request, patience).await });
    }

    /// How long a client waits: most to the end, some leave before the origin can have answered.
    fn patience(&self) -> Duration {
        if self.dice.below(8) == 0 { self.dice.up_to(ORIGIN.1) } else { END }
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
            2 if self.has_losses => self.redis.restart_empty(),
            3 if self.has_losses => self.redis.restart_keeping(),
            4 if self.has_rebirths => {
                let life = instance.life + 1;
                self.ledger.reborn((number, life));
                self.instances[number] = self.nursery.instance(number, life, self.edition);
            }
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

/// One user asks one instance for something, and waits so long.
async fn read(engine: &Arc<Engine>, ledger: &Ledger, asked: &Asked, patience: Duration) {
    read_with(engine, ledger, asked, request(Method::GET, &asked.path), patience).await;
}

/// As [`read`], with this request.
async fn read_with(
    engine: &Arc<Engine>,
    ledger: &Ledger,
    asked: &Asked,
    mut request: http::Request<Body>,
    patience: Duration,
) {
    let user = HeaderValue::try_from(asked.user.as_str()).expect("it is a field value");
    request.headers_mut().insert(COOKIE, user);
    let exchange = async {
        let answer = engine.handle(request, context()).await;
        let outcome = answer.decision.outcome;
        let Ok(response) = answer.reply else { return (outcome, None) };
        let body = response.into_body().collect().await.ok().map(http_body_util::Collected::to_bytes);
        (outcome, body.map(|body| String::from_utf8_lossy(&body).into_owned()))
    };
    match timeout(patience, exchange).await {
        Ok((outcome, body)) => ledger.answered(asked, outcome, body.as_deref(), ORIGIN.1),
        Err(_) if patience < END => ledger.note(&format!("{} leaves {}", asked.user, asked.path)),
        Err(_) => ledger.stranded(asked),
    }
}

fn request(method: Method, path: &str) -> http::Request<Body> {
    let mut request = http::Request::new(empty_body());
    *request.method_mut() = method;
    *request.uri_mut() = path.parse().expect("it is a path");
    request.headers_mut().insert(HOST, HeaderValue::from_static("shop.example.com"));
    request
}

fn context() -> RequestContext {
    RequestContext::direct(Scheme::HTTP, None)
}
