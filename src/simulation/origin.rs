//! The shop behind the fleet: products whose version grows with every write, and pages that are each user's own.
//!
//! It answers slowly, reads its data somewhere in between, and fails on request. It notes who asks for what at once.

use super::MINE;
use super::answer::answer;
use super::bodies;
use super::ledger::Ledger;
use super::network::Dice;
use super::private_pages::Ways;
use crate::engine::origin::{Body, Origin, OriginError, OriginErrorKind};
use http::header::IF_NONE_MATCH;
use http::{HeaderName, Method, Request, Response, StatusCode};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::sleep;

/// The field that numbers a write, so that the ledger knows which version it made.
pub(super) const WRITE: HeaderName = HeaderName::from_static("x-write");

/// A page whose validator stays the same whatever changes: only a hard purge brings its change about.
pub(super) const LYING: &str = "/listing/1";

/// What all instances ask.
#[derive(Debug)]
pub(super) struct Shop {
    dice: Dice,
    ledger: Arc<Ledger>,
    is_failing: AtomicBool,
    slowest_ms: AtomicU64,
    ways: Ways,
}

impl Shop {
    pub(super) fn new(dice: Dice, ledger: Arc<Ledger>) -> Arc<Self> {
        let ways = Ways::pick(&dice);
        Arc::new(Self { dice, ledger, is_failing: AtomicBool::new(false), slowest_ms: AtomicU64::new(100), ways })
    }

    pub(super) fn fail(&self, is_failing: bool) {
        self.is_failing.store(is_failing, Ordering::Relaxed);
    }

    pub(super) fn slow_down(&self, slowest: Duration) {
        self.slowest_ms.store(u64::try_from(slowest.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    async fn work(&self) {
        let slowest = Duration::from_millis(self.slowest_ms.load(Ordering::Relaxed));
        sleep(self.dice.up_to(slowest)).await;
    }

    fn check_reachable(&self) -> Result<(), OriginError> {
        if self.is_failing.load(Ordering::Relaxed) {
            self.ledger.origin_failed();
            return Err(OriginError { kind: OriginErrorKind::Connect, cause: None });
        }
        Ok(())
    }

    /// A write is done somewhere between its first byte and its answer, which may be lost.
    async fn write(&self, path: &str, number: u64) -> Result<Response<Body>, OriginError> {
        self.check_reachable()?;
        self.work().await;
        self.ledger.commit(path, number);
        self.work().await;
        if self.dice.below(4) == 0 {
            self.ledger.origin_failed();
            return Err(OriginError { kind: OriginErrorKind::Closed, cause: None });
        }
        let mut done = answer(String::new(), "no-store", None);
        *done.status_mut() = StatusCode::NO_CONTENT;
        Ok(done)
    }
}

/// The shop as one instance asks it.
#[derive(Clone)]
pub(super) struct ShopSeenFrom {
    pub(super) shop: Arc<Shop>,
    /// Which instance, and which of its lives.
    pub(super) instance: (usize, u32),
    pub(super) is_current: Arc<dyn Fn() -> bool + Send + Sync>,
}

impl fmt::Debug for ShopSeenFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ShopSeenFrom({:?})", self.instance)
    }
}

#[async_trait::async_trait]
impl Origin for ShopSeenFrom {
    async fn fetch(
        &self,
        request: Request<Body>,
        _terms: crate::engine::exchange::Terms,
    ) -> Result<Response<Body>, OriginError> {
        let shop = &self.shop;
        let path = request.uri().path().to_owned();
        if *request.method() == Method::PUT {
            let number = request.headers().get(WRITE).and_then(|number| number.to_str().ok()?.parse().ok());
            return shop.write(&path, number.expect("every write is numbered")).await;
        }
        let (head, body) = request.into_parts();
        let view = bodies::view_of(body).await;
        let under_way = shop.ledger.fetch_begins(self.instance, (&path, view), (self.is_current)());
        shop.work().await;
        let version = shop.ledger.version(&path);
        shop.work().await;
        drop(under_way);
        shop.check_reachable()?;
        if path.starts_with(MINE) {
            return Ok(shop.ways.page(&path, view, &head.headers));
        }
        let tag = if path == LYING { "\"same\"".to_owned() } else { format!("\"{version}\"") };
        if head.headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
            let mut unchanged = answer(String::new(), "max-age=3600", Some(&tag));
            *unchanged.status_mut() = StatusCode::NOT_MODIFIED;
            return Ok(unchanged);
        }
        Ok(answer(bodies::named(&version.to_string(), view), "max-age=3600", Some(&tag)))
    }
}
