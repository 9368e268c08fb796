//! What an instance's requests wait for while Redis is away: invariant 5, checked on the link that they use.
//!
//! Two watchers stand around the breaker. The one beneath it sees when Redis fails and when a probe is answered: a
//! *window* is the time between. The one above it sees what callers wait for. Who was under way when a window began may
//! have paid for it; who comes while it is open must be refused at once.

use super::ledger::Ledger;
use crate::fleet::guarded_link::GuardedLink;
use crate::fleet::link::{Keeper, Link, LinkError, LinkFailure};
use redis::{Arg, Cmd, Value};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// A link with the real breaker before it, watched from both sides, and the task that probes it.
pub(super) fn guarded(
    link: Arc<dyn Link>,
    ledger: Arc<Ledger>,
    instance: usize,
) -> (Arc<dyn Link>, impl Future<Output = ()>) {
    let window = Arc::new(Window::default());
    let beneath = Beneath { link, window: Arc::clone(&window) };
    let guarded = GuardedLink::over(Arc::new(beneath));
    (Arc::new(Above { link: guarded.clone(), window, ledger, instance }), guarded.probe())
}

/// Whether Redis has failed, and no probe was answered since.
#[derive(Debug, Default)]
struct Window(AtomicBool);

impl Window {
    fn is_open(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Notes what a command came to.
    fn ended<T>(&self, is_probe: bool, reply: &Result<T, LinkError>) {
        match reply {
            Ok(_) if is_probe => self.0.store(false, Ordering::Relaxed),
            Err(error) if matches!(error.failure, LinkFailure::Away | LinkFailure::TimedOut) => {
                self.0.store(true, Ordering::Relaxed);
            }
            Ok(_) | Err(_) => {}
        }
    }
}

#[derive(Debug)]
struct Beneath {
    link: Arc<dyn Link>,
    window: Arc<Window>,
}

#[async_trait::async_trait]
impl Link for Beneath {
    async fn call(&self, command: &Cmd, deadline: Duration) -> Result<Value, LinkError> {
        let is_probe = matches!(command.args_iter().next(), Some(Arg::Simple(b"PING")));
        let reply = self.link.call(command, deadline).await;
        self.window.ended(is_probe, &reply);
        reply
    }

    async fn keeper(&self, key: &str, deadline: Duration) -> Result<Keeper, LinkError> {
        let keeper = self.link.keeper(key, deadline).await;
        self.window.ended(false, &keeper);
        keeper
    }

    fn generation(&self) -> u64 {
        self.link.generation()
    }
}

#[derive(Debug)]
struct Above {
    link: Arc<GuardedLink>,
    window: Arc<Window>,
    ledger: Arc<Ledger>,
    instance: usize,
}

impl Above {
    async fn watched<T>(&self, exchange: impl Future<Output = T>) -> T {
        let (was_open, began) = (self.window.is_open(), Instant::now());
        let reply = exchange.await;
        if was_open {
            self.ledger.waited_in_window(self.instance, began.elapsed());
        }
        reply
    }
}

#[async_trait::async_trait]
impl Link for Above {
    async fn call(&self, command: &Cmd, deadline: Duration) -> Result<Value, LinkError> {
        self.watched(self.link.call(command, deadline)).await
    }

    async fn keeper(&self, key: &str, deadline: Duration) -> Result<Keeper, LinkError> {
        self.watched(self.link.keeper(key, deadline)).await
    }

    fn generation(&self) -> u64 {
        self.link.generation()
    }
}
