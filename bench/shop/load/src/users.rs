//! Who comes: of a hundred users one writes and one watches, the others shop.

use crate::behaviours::Behaviour;
use crate::staff;
use crate::world::World;
use anyhow::Context as _;
use clap::Parser as _;
use goose::client::GooseClientBuilder;
use goose::config::GooseConfiguration;
use goose::goose::{GooseUser, Scenario, Transaction, TransactionFunction, TransactionResult};
use goose::{GooseAttack, GooseScheduler};
use std::sync::Arc;
use std::time::Duration;

/// Of each hundred users.
const SHOPPERS: usize = 98;

/// What goose can ask a user to do.
#[derive(Debug, Clone, Copy)]
enum Work {
    Arrive,
    Shop,
    Write,
    Watch,
}

impl Work {
    async fn act(self, world: &World, user: &mut GooseUser) -> TransactionResult {
        match self {
            Self::Arrive => user.set_client_builder(world.newcomer()).await.map_err(Box::new)?,
            Self::Shop => Behaviour::drawn().act(world, user).await,
            Self::Write => staff::write(world, user).await,
            Self::Watch => staff::watch(world, user).await,
        }
        Ok(())
    }

    fn transaction(self, world: &Arc<World>) -> Transaction {
        let world = Arc::clone(world);
        let act: TransactionFunction = Arc::new(move |user| {
            let world = Arc::clone(&world);
            Box::pin(async move { self.act(&world, user).await })
        });
        Transaction::new(act)
    }
}

/// Lets all users come, stay and leave.
///
/// # Errors
/// Where goose can't run them.
pub(crate) async fn run(world: &Arc<World>) -> anyhow::Result<()> {
    let options = &world.options;
    let arguments = [
        "shop-load".to_owned(),
        format!("--host={}", options.target),
        format!("--users={}", options.users),
        format!("--increase-rate={}", options.ramp),
        format!("--run-time={}", options.settle + options.seconds),
        // Everything is measured here.
        "--no-metrics".to_owned(),
        "--no-telnet".to_owned(),
        "--quiet".to_owned(),
    ];
    let configuration = GooseConfiguration::try_parse_from(arguments).context("goose refuses its options")?;
    // Each user makes a client of its own as it comes; the one that goose wants before that is shared and never used.
    let unused = GooseClientBuilder::new().without_cookies();
    let think = (options.think_min_ms, options.think_max_ms);
    let write = (options.writer_pause_ms / 2, options.writer_pause_ms * 3 / 2);
    let shop = Work::Shop.transaction(world);
    let attack = GooseAttack::initialize_with_config(configuration)?
        .set_scheduler(GooseScheduler::Random)
        .set_client_builder_without_cookies(unused)?
        .register_scenario(arriving(world, "shopper", think)?.set_weight(SHOPPERS)?.register_transaction(shop))
        .register_scenario(arriving(world, "writer", write)?.register_transaction(Work::Write.transaction(world)))
        .register_scenario(arriving(world, "monitor", think)?.register_transaction(Work::Watch.transaction(world)));
    Box::pin(attack.execute()).await?;
    Ok(())
}

/// Users who arrive before they do anything else, and pause between a least and a most of milliseconds.
fn arriving(world: &Arc<World>, name: &str, (least_ms, most_ms): (u64, u64)) -> anyhow::Result<Scenario> {
    Ok(Scenario::new(name)
        .register_transaction(Work::Arrive.transaction(world).set_on_start())
        .set_wait_time(Duration::from_millis(least_ms), Duration::from_millis(most_ms))?)
}
