//! Three instances, each a process of its own, and one Redis under load, while prices change and Redis is paused, killed
//! and restarted empty: no instance serves a price that a receipt says it has purged, and no request fails.

use super::house::HOST;
use crate::support::client::Client;
use crate::support::origin::Origin;
use crate::support::redis_server::RedisServer;
use crate::support::served::Served;
use crate::support::{Setup, get, post, reply};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

const TROUBLES: u32 = 10;
const CLIENTS: usize = 64;
const PRODUCTS: usize = 16;
const INSTANCES: [&str; 3] = ["one", "two", "three"];
/// How many purges succeed between one trouble with Redis and the next.
const PURGES_BETWEEN_TROUBLES: u64 = 12;
/// How many reads pass while it lasts: about as long as `partition_grace`, or longer.
const READS_IN_TROUBLE: u64 = 5_000;
/// As many are made well within any deadline, however busy the machine is.
const READS_IN_A_STEP: u64 = 500;

/// What is known of the prices, in cents, which only ever rise.
#[derive(Default)]
struct Prices {
    /// At the origin.
    current: [AtomicU64; PRODUCTS],
    /// By instance: the highest that a receipt has promised.
    promised: [[AtomicU64; PRODUCTS]; INSTANCES.len()],
    reads: AtomicU64,
    purges: AtomicU64,
    refused: AtomicU64,
    over: AtomicBool,
}

impl Prices {
    fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    fn purges(&self) -> u64 {
        self.purges.load(Ordering::Relaxed)
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_price_is_stale_after_its_receipt_under_load_whatever_happens_to_redis() {
    let mut redis = RedisServer::start().await;
    let (origin, prices) = (Origin::start().await, Arc::new(Prices::default()));
    sell(&origin, &prices);
    let instances = fleet(&redis, &origin).await;
    let data_addresses: Vec<_> = instances.iter().map(|instance| instance.data_address).collect();
    let admin_addresses: Vec<_> = instances.iter().map(|instance| instance.admin_address).collect();
    let here = tokio::task::LocalSet::new();
    let load = here.run_until(async {
        let mut tasks = tokio::task::JoinSet::new();
        for client in 0..CLIENTS {
            tasks.spawn_local(read(Arc::clone(&prices), data_addresses.clone(), client));
        }
        tasks.spawn_local(write(Arc::clone(&prices), admin_addresses));
        tokio::select! {
            () = trouble(&mut redis, &prices) => {}
            Some(Err(failed)) = tasks.join_next() => std::panic::resume_unwind(failed.into_panic()),
        }
        prices.over.store(true, Ordering::Relaxed);
        while let Some(ended) = tasks.join_next().await {
            ended.expect("no client saw a stale price or an error");
        }
    });
    load.await;
    for mut instance in instances {
        instance.signal(rustix::process::Signal::TERM);
        assert_eq!(instance.ended().await.code(), Some(0), "an instance bears all of that");
    }
    let (purges, refused) = (prices.purges(), prices.refused.load(Ordering::Relaxed));
    println!("{} reads, {purges} purges, {refused} refused, {TROUBLES} troubles, 0 stale, 0 errors", prices.reads());
    assert!(purges > 100 && refused > 0, "the test was too short to mean anything");
}

async fn fleet(redis: &RedisServer, origin: &Origin) -> Vec<Served> {
    let mut instances = Vec::new();
    for name in INSTANCES {
        let section = format!(
            "[redis]\nurl = \"{}\"\ninstance = \"{name}\"\npartition_grace = \"1s\"\n[log]\naccess = false",
            redis.url()
        );
        let rules = "[[route]]\npath = \"/price/{id}\"\ntags = [\"product:{id}\"]";
        instances.push(Setup::rules(rules).section(&section).before(origin.address).serve().await);
    }
    instances
}

/// The origin tells the price of the moment.
fn sell(origin: &Origin, prices: &Arc<Prices>) {
    for product in 0..PRODUCTS {
        let prices = Arc::clone(prices);
        origin.on_request(&format!("/price/{product}"), move |_| {
            let price = prices.current[product].load(Ordering::SeqCst);
            reply(200).header("Cache-Control", "max-age=600").body(price.to_string())
        });
    }
}

/// Reads prices, each no older than what was promised before it was asked for.
async fn read(prices: Arc<Prices>, addresses: Vec<SocketAddr>, client: usize) {
    let at = client % addresses.len();
    let mut connection = Client::connect(addresses[at]).await;
    for nth in client.. {
        if prices.is_over() {
            return;
        }
        let product = (nth * 7) % PRODUCTS;
        let promised = prices.promised[at][product].load(Ordering::SeqCst);
        connection.send(&get(&format!("/price/{product}")).header("Host", HOST)).await;
        let answer = connection.response().await;
        let price: u64 = answer.status(200).text().parse().expect("a price");
        assert!(price >= promised, "{} sold at {price}, {promised} was promised: {answer}", INSTANCES[at]);
        prices.reads.fetch_add(1, Ordering::Relaxed);
    }
}

/// Changes one price after another, and repeats each purge until the log has taken it.
async fn write(prices: Arc<Prices>, addresses: Vec<SocketAddr>) {
    for nth in 0.. {
        let product = nth % PRODUCTS;
        let price = prices.current[product].fetch_add(1, Ordering::SeqCst) + 1;
        loop {
            if prices.is_over() {
                return;
            }
            let address = addresses[nth % addresses.len()];
            let purge = format!("{{\"tags\": [\"product:{product}\"], \"wait\": \"3s\"}}");
            let mut connection = Client::connect(address).await;
            let request = post("/purge", &purge).header("Content-Type", "application/json");
            connection.send(&request.header("Host", &address.to_string())).await;
            let answer = connection.response().await;
            if answer.status == 503 {
                prices.refused.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            let receipt: serde_json::Value = serde_json::from_slice(&answer.body).expect("a receipt");
            let applied = receipt["applied"].as_array().expect("a list").clone();
            for instance in applied.iter().filter_map(serde_json::Value::as_str) {
                let at = INSTANCES.iter().position(|name| *name == instance).expect("one of ours");
                prices.promised[at][product].fetch_max(price, Ordering::SeqCst);
            }
            // Nobody pending: whoever is not named serves nothing unasked.
            if receipt["pending"].as_array().is_some_and(Vec::is_empty) {
                for promised in &prices.promised {
                    promised[product].fetch_max(price, Ordering::SeqCst);
                }
            }
            prices.purges.fetch_add(1, Ordering::Relaxed);
            break;
        }
    }
}

/// Pauses Redis, kills it and restarts it empty, in turn.
async fn trouble(redis: &mut RedisServer, prices: &Prices) {
    for trouble in 0..TROUBLES {
        more("purges", || prices.purges(), PURGES_BETWEEN_TROUBLES, 1).await;
        if trouble % 2 == 0 {
            redis.pause();
            more("reads", || prices.reads(), READS_IN_TROUBLE, READS_IN_A_STEP).await;
            redis.resume();
        } else {
            redis.kill();
            more("reads", || prices.reads(), READS_IN_TROUBLE, READS_IN_A_STEP).await;
            redis.restart_empty().await;
        }
    }
}

/// Waits for so many more in small steps: a busy machine is slow, but it goes on.
async fn more(what: &str, count: impl Fn() -> u64, more: u64, in_a_step: u64) {
    let until = count() + more;
    while count() < until {
        let step = count() + in_a_step;
        crate::support::deadline::within(what, async {
            while count() < step {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}
