//! Fetches what nobody has asked for yet, so that it is there when somebody does.
//!
//! It gives way to clients. It begins no fetch while bodies under way hold half of what they may, nor where it would
//! leave them less than half of a route's `miss_limit` or of a pool's `max_requests`. It waits for that before it joins a
//! fetch or leads one: what clients share with it is from then on a fetch as any other.

use super::fetch::Fetch;
use super::fetch_outcome::Fetched;
use super::handler::RequestContext;
use super::refresh::read_to_its_end;
use super::requester::Requester;
use super::serve::join;
use super::storing::StoreOutcome;
use super::uncacheable::Uncacheable;
use super::{Engine, arrival};
use crate::coalesce::flights::Role;
use crate::in_flight::Room;
use crate::plan::Plan;
use crate::plan::by_operation::ByOperation;
use crate::plan::request::{CacheableRequest, Sharing};
use crate::plan::serving::Serving;
use crate::plan::wanted::Wanted;
use crate::plan::way::{Asked, Form, NotCached, Payload, Way};
use crate::semantics::forwarding::Passage;
use crate::semantics::reason::Reason;
use crate::semantics::reuse::MustValidate;
use crate::semantics::target::{Target, TargetError};
use http::header::HOST;
use http::uri::Scheme;
use http::{HeaderMap, Method, Uri, Version};
use std::sync::Arc;
use std::time::Duration;

/// How long one that gives way waits before it looks again.
const GIVES_WAY_FOR: Duration = Duration::from_millis(50);

/// What became of one that was to be warmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Warmed {
    /// It is there and fresh: nothing was asked.
    Fresh,
    /// It was fetched or validated, and is stored.
    Fetched,
    /// Another instance had it.
    FromSharedTier,
    /// Somebody else fetches it already.
    UnderWay,
    /// It was fetched and not stored, and why.
    NotStored(Reason),
    /// It was not fetched: it is not cached, or not for everyone, and why.
    NotCached(Reason),
    /// The origin gave no usable answer.
    Failed(Reason),
}

impl Warmed {
    /// The label of what no request can name.
    pub(crate) const NO_REQUEST: &'static str = "no-request";

    /// Every label.
    pub(crate) const LABELS: [&'static str; 8] =
        ["fresh", "fetched", "shared-tier", "under-way", "not-stored", "not-cached", "failed", Self::NO_REQUEST];

    /// The stable label in metrics and jobs.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Fetched => "fetched",
            Self::FromSharedTier => "shared-tier",
            Self::UnderWay => "under-way",
            Self::NotStored(_) => "not-stored",
            Self::NotCached(_) => "not-cached",
            Self::Failed(_) => "failed",
        }
    }

    /// Why not, where that is reported.
    pub(crate) const fn why(self) -> Option<Reason> {
        match self {
            Self::NotStored(why) | Self::NotCached(why) | Self::Failed(why) => Some(why),
            Self::Fresh | Self::Fetched | Self::FromSharedTier | Self::UnderWay => None,
        }
    }
}

impl Engine {
    /// The scheme of a live request for a URL of this one.
    pub(crate) fn scheme_of(&self, url: &Scheme) -> Scheme {
        self.front.reception.load().schemes.of_live(url).clone()
    }

    /// Has the answer to a GET for an absolute URL with these headers in memory, unless it is there and fresh. Waits while
    /// clients need what there is to fetch with; `gives_way` is called when it does.
    ///
    /// # Errors
    /// Where the URL is not one that a request can name.
    pub(crate) async fn warm(
        self: &Arc<Self>,
        url: &Uri,
        headers: &HeaderMap,
        gives_way: impl Fn(bool),
    ) -> Result<Warmed, TargetError> {
        let request = match self.request_to_warm(url, headers)? {
            Ok(request) => Arc::new(request),
            Err(why) => return Ok(Warmed::NotCached(why)),
        };
        loop {
            let Some(wanted) = self.lacking(&request) else { return Ok(Warmed::Fresh) };
            if self.has_spare_room(&request) {
                gives_way(false);
                let variant = wanted.stored().map(|entry| entry.variant().clone());
                let Role::Leader(leader) = join(self, &request, variant.as_ref()) else {
                    return Ok(Warmed::UnderWay);
                };
                let requester = Arc::new(Requester::Refresh(request));
                return Ok(settled(Fetch::begin(self, &requester, wanted, Some(leader)).await).await);
            }
            gives_way(true);
            tokio::time::sleep(GIVES_WAY_FOR).await;
        }
    }

    /// The request by which it is asked for, or why what answers it is not kept for everyone.
    fn request_to_warm(&self, url: &Uri, headers: &HeaderMap) -> Result<Result<CacheableRequest, Reason>, TargetError> {
        let scheme = self.scheme_of(url.scheme().unwrap_or(&Scheme::HTTP));
        let mut headers = headers.clone();
        headers.remove(HOST);
        let target = Target::settle(&arrival::under(url, &scheme), &headers, &scheme)?;
        headers.insert(HOST, target.host_value());
        let context = RequestContext::direct(scheme, None);
        if arrival::mark(&mut headers, Version::HTTP_11, &target, &context, &self.front.here) == Passage::Again {
            return Ok(Err(Reason::Loop));
        }
        let (rules, method) = (self.rules(), Method::GET);
        let form = Form::Any(Version::HTTP_11, Payload::None);
        let asked = Asked { method: &method, target: &target, headers: &headers, form };
        let (through, operation) = match Way::of(asked, &rules, || self.now()) {
            Way::Cached(through) => (through, None),
            Way::ByOperation(_) => {
                let told = self.operation_of_url(&target);
                let asked = Asked { method: &method, target: &target, headers: &headers, form };
                match self.way_by_operation(asked, &told, None, &rules) {
                    ByOperation::Cached(through, operation) => (through, Some(operation)),
                    ByOperation::NotCached(NotCached::Forward(pass) | NotCached::Refuse(pass)) => {
                        return Ok(Err(pass.why));
                    }
                }
            }
            // A GET is not keyed by a body.
            Way::ByBody(_) => return Ok(Err(Reason::MethodNotStorable)),
            Way::Pass(pass) | Way::Refuse(pass) => return Ok(Err(pass.why)),
        };
        if let Some(hold) = through.hold {
            return Ok(Err(Serving::Held(hold).into()));
        }
        let request = CacheableRequest::new(method, headers, target, through, rules);
        let request = match operation {
            Some(operation) => request.asking(operation),
            None => request,
        };
        Ok(match (request.sharing(), self.recall_uncacheable(&request)) {
            (Sharing::Alone(why), _) => Err(why.into()),
            // What came past its lifetime is not shared, but no less worth fetching than what grew old here.
            (_, None | Some(Uncacheable::MustValidate(MustValidate::Expired))) => Ok(request.in_background()),
            (_, Some(why)) => Err(why.into()),
        })
    }

    /// What is to be asked of the origin for it; `None` if what is stored is fresh.
    fn lacking(&self, request: &CacheableRequest) -> Option<Wanted> {
        match self.plan_with(request, self.memory().peek(&request.key).as_ref(), self.now()) {
            Plan::Serve(usable) => Wanted::meanwhile(&usable),
            Plan::Ask(ask) => Some(Wanted::of(request, &ask)),
            // It says nothing of only-if-cached.
            Plan::Refuse(_) => None,
        }
    }

    /// Whether what no client waits for may be fetched now.
    pub(super) fn has_spare_room(&self, request: &CacheableRequest) -> bool {
        let rooms = [
            self.in_flight().spare_room(),
            self.miss_budgets.spare_room(&request.route),
            self.origin.spare_room(request.route.to_origin.pool.as_ref()),
        ];
        rooms.iter().all(|room| *room == Room::Free)
    }
}

/// What came of a fetch, once it is over.
async fn settled(fetched: Fetched) -> Warmed {
    let stored = |outcome| match outcome {
        StoreOutcome::Stored => Warmed::Fetched,
        StoreOutcome::Refused(why) => Warmed::NotStored(why),
    };
    match fetched {
        Fetched::Streaming { draft, headers, reader, storing: Some(storing) } => {
            read_to_its_end(Fetched::Streaming { draft, headers, reader, storing: None }).await;
            stored(storing.settled().await)
        }
        Fetched::Confirmed(_, _, Some(outcome)) => stored(outcome),
        Fetched::Streaming { .. } | Fetched::Confirmed(..) => Warmed::UnderWay,
        Fetched::Stored(_) => Warmed::FromSharedTier,
        Fetched::Failed(failure) => Warmed::Failed(failure.reason()),
        Fetched::Private(response, _) if response.status().is_server_error() => {
            Warmed::Failed(Reason::UpstreamErrorStatus)
        }
        Fetched::Private(_, why) => Warmed::NotStored(why),
    }
}
