//! What lies between instances and Redis, and the clocks: both by chance, and sometimes bad.

use crate::clock::{Clock, Timestamp};
use crate::fleet::simulated_redis::{Passage, Wire};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// When every simulation begins, in milliseconds since the epoch.
const BEGIN_MS: u64 = 1_700_000_000_000;

/// Chance, all of it from one seed.
#[derive(Clone)]
pub(super) struct Dice(Arc<Mutex<StdRng>>);

impl Dice {
    pub(super) fn of(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    /// A number below `end`.
    pub(super) fn below(&self, end: u64) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).random_range(0..end)
    }

    /// A time shorter than `longest`.
    pub(super) fn up_to(&self, longest: Duration) -> Duration {
        Duration::from_micros(self.below(u64::try_from(longest.as_micros()).unwrap_or(u64::MAX).max(1)))
    }
}

impl fmt::Debug for Dice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dice")
    }
}

/// The way of one instance to Redis.
#[derive(Debug)]
pub(super) struct Weather {
    dice: Dice,
    cut_off: AtomicBool,
    /// Of a hundred exchanges so many are lost.
    lost_percent: AtomicU32,
    slowest_ms: AtomicU64,
}

impl Weather {
    pub(super) fn fair(dice: Dice) -> Arc<Self> {
        let (cut_off, lost_percent) = (AtomicBool::new(false), AtomicU32::new(0));
        Arc::new(Self { dice, cut_off, lost_percent, slowest_ms: AtomicU64::new(5) })
    }

    pub(super) fn cut_off(&self) {
        self.cut_off.store(true, Ordering::Relaxed);
    }

    pub(super) fn turn_rough(&self) {
        self.lost_percent.store(20, Ordering::Relaxed);
        self.slowest_ms.store(60, Ordering::Relaxed);
    }

    pub(super) fn turn_fair(&self) {
        self.cut_off.store(false, Ordering::Relaxed);
        self.lost_percent.store(0, Ordering::Relaxed);
        self.slowest_ms.store(5, Ordering::Relaxed);
    }
}

impl Wire for Weather {
    fn next(&self) -> Passage {
        let slowest = Duration::from_millis(self.slowest_ms.load(Ordering::Relaxed));
        let (there, back) = (self.dice.up_to(slowest), self.dice.up_to(slowest));
        let luck = self.dice.below(200);
        let lost = u64::from(self.lost_percent.load(Ordering::Relaxed));
        if self.cut_off.load(Ordering::Relaxed) || luck < lost {
            Passage::LostThere
        } else if luck < 2 * lost {
            Passage::LostBack { there }
        } else {
            Passage::Through { there, back }
        }
    }
}

/// The clocks of one instance: virtual time, and a wall clock that can jump.
#[derive(Debug)]
pub(super) struct SimulatedClock {
    born: Instant,
    jumped_ms: AtomicI64,
    latest_ms: AtomicU64,
}

impl SimulatedClock {
    pub(super) fn new(born: Instant) -> Arc<Self> {
        Arc::new(Self { born, jumped_ms: AtomicI64::new(0), latest_ms: AtomicU64::new(0) })
    }

    /// Sets the wall clock wrong by so much more.
    pub(super) fn jump(&self, by_ms: i64) {
        self.jumped_ms.fetch_add(by_ms, Ordering::Relaxed);
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        let lived = u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX);
        let shown = (BEGIN_MS + lived).saturating_add_signed(self.jumped_ms.load(Ordering::Relaxed));
        // As the system's clock here: it never goes back.
        Timestamp::from_millis(self.latest_ms.fetch_max(shown, Ordering::Relaxed).max(shown))
    }

    fn monotonic(&self) -> Duration {
        // Not from zero: an instance may be started on a machine that has been up for long.
        Duration::from_hours(1) + self.born.elapsed()
    }
}
