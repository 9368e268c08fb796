//! Who works for the shop: writers who change prices and stock and announce it, and who watches over it.

use crate::behaviours::{inventory_path, product_path};
use crate::cache_status::Origin;
use crate::exchange::{get, put};
use crate::record::{Endpoint, Novelty, Outcome};
use crate::world::World;
use goose::goose::GooseUser;
use rand::RngExt as _;
use reqwest::header::CONTENT_TYPE;
use serde::Deserialize;
use std::time::Instant;

/// What Larder answers to an event.
#[derive(Debug, Deserialize)]
struct Taken {
    result: String,
}

/// A change.
#[derive(Debug, Clone, Copy)]
enum Change {
    Price,
    Stock,
}

impl Change {
    const fn endpoint(self) -> Endpoint {
        match self {
            Self::Price => Endpoint::SetPrice,
            Self::Stock => Endpoint::SetStock,
        }
    }

    const fn event(self) -> &'static str {
        match self {
            Self::Price => "product.price_changed",
            Self::Stock => "product.stock_changed",
        }
    }

    fn path(self, product: u32) -> String {
        let what = match self {
            Self::Price => "price",
            Self::Stock => "stock",
        };
        format!("{}/{what}", product_path(product))
    }

    fn json(self) -> String {
        let mut random = rand::rng();
        match self {
            Self::Price => format!(r#"{{"price_cents":{}}}"#, random.random_range(500..50_000)),
            Self::Stock => format!(r#"{{"stock":{}}}"#, random.random_range(0..500)),
        }
    }
}

/// Changes a product, announces it, and from the acknowledgement on holds everybody's answers against it.
pub(crate) async fn write(world: &World, user: &GooseUser) {
    let product = world.choices.product();
    let change = if rand::rng().random_bool(0.5) { Change::Price } else { Change::Stock };
    let Some(version) = put(world, &user.client, change.endpoint(), &change.path(product), change.json()).await else {
        return;
    };
    let acknowledged = match &world.options.admin {
        None => true,
        Some(admin) => announce(world, &format!("{admin}/events"), change, product).await,
    };
    if acknowledged {
        world.acknowledged.acknowledge(product, version);
        world.record.changed(&product_path(product));
        world.record.changed(&inventory_path(product));
    }
}

/// Sends the event. Larder's answer tells that the log holds its purges and that this instance has applied them.
async fn announce(world: &World, url: &str, change: Change, product: u32) -> bool {
    let event = format!(r#"{{"type":"{}","id":"{product}"}}"#, change.event());
    let begun = Instant::now();
    let phase = world.phase(begun);
    let request = world.admin_client.post(url).header(CONTENT_TYPE, "application/json").body(event);
    let answer = async { request.send().await?.error_for_status()?.bytes().await };
    let failure = match answer.await {
        Err(error) => {
            Some(error.status().map_or("no answer".to_owned(), |status| format!("status {}", status.as_u16())))
        }
        Ok(body) => match serde_json::from_slice::<Taken>(&body) {
            Ok(taken) if taken.result == "purged" => None,
            Ok(taken) => Some(taken.result),
            Err(_) => Some("an answer that is none".to_owned()),
        },
    };
    let acknowledged = failure.is_none();
    let outcome = failure.map_or(Outcome::Answered(Origin::Direct), Outcome::Failed);
    world.record.add(phase, Endpoint::Event, Novelty::Known, begun.elapsed(), outcome);
    acknowledged
}

/// Asks whether the shop is well, and for its metrics.
pub(crate) async fn watch(world: &World, user: &GooseUser) {
    get(world, &user.client, Endpoint::Health, "/health").await;
    get(world, &user.client, Endpoint::Metrics, "/metrics").await;
}
