//! Looking into Redis without asking for anything.

use super::*;
use crate::clock::SystemClock;
use crate::entry::samples::Sample;
use crate::fleet::guarded_link::GuardedLink;
use crate::fleet::simulated_redis::{Cable, SimulatedRedis};
use crate::key::{KeyBuilder, KeyPart};
use tokio::time::Instant;

const TIMEOUT: Duration = Duration::from_millis(50);

fn tier(wire: &Arc<Cable>) -> Arc<RedisTier> {
    let redis = SimulatedRedis::new();
    let options = FleetOptions { timeout: TIMEOUT, ..FleetOptions::new(String::new(), "one".to_owned()) };
    let lookups = GuardedLink::over(redis.link(wire.clone()));
    RedisTier::new(lookups, redis.link(wire.clone()), options, Arc::new(SystemClock::default()))
}

#[tokio::test(start_paused = true)]
async fn a_peek_finds_what_a_look_up_finds_waits_no_longer_and_is_not_counted() {
    let wire = Arc::new(Cable::default());
    let tier = tier(&wire);
    let mut key = KeyBuilder::default();
    key.part(KeyPart::Path, b"/p");
    let key = key.finish();
    assert!(matches!(tier.peek(&key).await, Lookup::Absent));
    tier.admit(&key, Sample::typical().entry(), Duration::from_mins(1)).await;
    let Lookup::Found(variants) = tier.peek(&key).await else { panic!("it is there") };
    assert_eq!(variants.entries().len(), 1);
    wire.cut();
    for wait in [TIMEOUT, Duration::ZERO] {
        let began = Instant::now();
        assert!(matches!(tier.peek(&key).await, Lookup::Unavailable));
        assert_eq!(began.elapsed(), wait);
    }
    assert!(tier.usage().lookups.iter().all(|(_, count)| *count == 0), "{:?}", tier.usage());
    assert!(matches!(tier.lookup(&key).await, Lookup::Unavailable));
    assert!(tier.usage().lookups.contains(&("unavailable", 1)), "{:?}", tier.usage());
}
