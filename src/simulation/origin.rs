//! The shop behind the fleet: products whose version grows with every write, and one page that is each user's own.
//!
//! It answers slowly, reads its data somewhere in between, and fails when told to. It notes who asks for what at once.

use super::ledger::Ledger;
use super::network::Dice;
use crate::engine::origin::{Body, Origin, OriginError};
use crate::semantics::reason::Reason;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::sleep;

/// The field that names a user.
pub(super) const USER: &str = "x-user";

/// What all instances ask.
#[derive(Debug)]
pub(super) struct Shop {
    dice: Dice,
    ledger: Arc<Ledger>,
    is_failing: AtomicBool,
    slowest_ms: AtomicU64,
}

impl Shop {
    pub(super) fn new(dice: Dice, ledger: Arc<Ledger>) -> Arc<Self> {
        Arc::new(Self { dice, ledger, is_failing: AtomicBool::new(false), slowest_ms: AtomicU64::new(100) })
    }

    pub(super) fn fail(&self, is_failing: bool) {
        self.is_failing.store(is_failing, Ordering::Relaxed);
    }

    pub(super) fn slow_down(&self, slowest: Duration) {
        self.slowest_ms.store(u64::try_from(slowest.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
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
    async fn fetch(&self, request: Request<Body>) -> Result<Response<Body>, OriginError> {
        let shop = &self.shop;
        let path = request.uri().path().to_owned();
        let under_way = shop.ledger.fetch_begins(self.instance, &path, (self.is_current)());
        let slowest = Duration::from_millis(shop.slowest_ms.load(Ordering::Relaxed));
        sleep(shop.dice.up_to(slowest)).await;
        let version = shop.ledger.version(&path);
        sleep(shop.dice.up_to(slowest)).await;
        drop(under_way);
        if shop.is_failing.load(Ordering::Relaxed) {
            shop.ledger.origin_failed();
            return Err(OriginError { reason: Reason::UpstreamConnect, cause: None });
        }
        if path.starts_with("/mine/") {
            let user = request.headers().get(USER).map_or("nobody", |user| user.to_str().unwrap_or("nobody"));
            return Ok(answer(user.to_owned(), "private, max-age=3600", None));
        }
        let tag = format!("\"{version}\"");
        if request.headers().get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
            let mut unchanged = answer(String::new(), "max-age=3600", Some(&tag));
            *unchanged.status_mut() = StatusCode::NOT_MODIFIED;
            return Ok(unchanged);
        }
        Ok(answer(version.to_string(), "max-age=3600", Some(&tag)))
    }
}

fn answer(body: String, cache_control: &'static str, tag: Option<&str>) -> Response<Body> {
    let body = Full::new(Bytes::from(body)).map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(cache_control));
    if let Some(tag) = tag {
        response.headers_mut().insert(ETAG, HeaderValue::try_from(tag).expect("a number in quotes is a field value"));
    }
    response
}
