//! How many fetches of one route may be under way at once (`miss_limit`): so that a purge, or a crowd of cold keys, does
//! not fall upon the origin all at once.
//!
//! A fetch counts until the origin has nothing more to do for it: its body has ended, or nobody wants the rest.
//!
//! Over the limit a request takes something stale, if there is something that may be served so; else it waits, at most
//! `coalesce_wait`; else it gets 503 with Retry-After. The table is locked for a look-up and never across an await.

use super::Engine;
use super::origin::Body;
use super::origin_failure::OriginFailure;
use super::requester::Requester;
use crate::clients::Place;
use crate::in_flight::Room;
use crate::plan::wanted::Wanted;
use crate::rules::Route;
use crate::scope::RouteName;
use http_body_util::BodyExt as _;
use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// The budgets of the routes that have one.
#[derive(Debug, Default)]
pub(super) struct MissBudgets(Mutex<HashMap<RouteName, Budget>>);

#[derive(Debug)]
struct Budget {
    limit: NonZeroUsize,
    free: Arc<Semaphore>,
}

impl MissBudgets {
    /// What is free of a route's budget; `None` if it has no limit. A limit that was edited holds at once; fetches that
    /// began under the old one do not count against the new.
    fn of(&self, route: &Route) -> Option<Arc<Semaphore>> {
        let limit = route.miss_limit?;
        let mut budgets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || Budget { limit, free: Arc::new(Semaphore::new(limit.get())) };
        let budget = budgets.entry(route.name.clone()).or_insert_with(fresh);
        if budget.limit != limit {
            *budget = fresh();
        }
        Some(Arc::clone(&budget.free))
    }
}

impl MissBudgets {
    /// Whether a fetch of a route that no client waits for may begin: it leaves clients half of the limit.
    pub(super) fn spare_room(&self, route: &Route) -> Room {
        let Some(free) = self.of(route) else { return Room::Free };
        Room::beside(free.available_permits(), route.miss_limit.map_or(usize::MAX, NonZeroUsize::get))
    }
}

impl Engine {
    /// Waits until a fetch may begin. It counts for as long as the permit is held; `None` if the route has no limit.
    ///
    /// # Errors
    /// Where too many are under way.
    pub(super) async fn miss_permit(
        &self,
        request: &Requester,
        wanted: &Wanted,
    ) -> Result<Option<OwnedSemaphorePermit>, OriginFailure> {
        let Some(budget) = self.miss_budgets.of(&request.route) else { return Ok(None) };
        if let Ok(permit) = Arc::clone(&budget).try_acquire_owned() {
            return Ok(Some(permit));
        }
        if wanted.may_be_served_stale(|entry| self.standing_now(request, entry)) {
            return Err(request.timed_out(OriginFailure::Busy));
        }
        match timeout(request.at_most(request.route.coalesce_wait), budget.acquire_owned()).await {
            Ok(Ok(permit)) => Ok(Some(permit)),
            Ok(Err(_)) | Err(_) => Err(request.timed_out(OriginFailure::Busy)),
        }
    }
}

/// A body whose fetch counts among those under way until it has ended or was given up.
pub(super) fn holding(held: (Option<OwnedSemaphorePermit>, Option<Arc<Place>>), body: Body) -> Body {
    if matches!(held, (None, None)) {
        return body;
    }
    body.map_err(move |error| {
        let _held = &held;
        error
    })
    .boxed_unsync()
}
