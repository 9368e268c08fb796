//! What answers requests, seen from the floor above: what it is given, and what it gives back.

use super::exchange::Terms;
use super::fast_path::{FastHit, Marked, PlainHeaders, PlainRequest};
use super::origin::{Body, BodyError, OriginErrorKind};
use super::origin_failure::OriginFailure;
use super::outcome::{Decision, Outcome};
use crate::clients::Clients;
use crate::in_flight::InFlight;
use crate::semantics::network::Network;
use crate::semantics::reason::Reason;
use crate::stamps::place::NotBefore;
use http::uri::Scheme;
use http::{HeaderValue, StatusCode};
use std::net::IpAddr;
use std::sync::Arc;

/// What the connection adds to a request besides its head.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// The scheme that the client used, as far as is known.
    pub scheme: Scheme,
    /// The client's address; none for a request that Larder makes up itself.
    pub client: Option<IpAddr>,
    /// As what the client is counted for `limits.per_client`; none: it is not.
    pub counted: Option<Network>,
    /// The trusted proxies between the client and this instance, the nearest to the client first.
    pub proxies: Vec<IpAddr>,
    /// What the origin is asked with on its behalf.
    pub terms: Terms,
    /// What is known of a request that has which way it came written into its fields already.
    pub marked: Option<Marked>,
    /// What its answer must not be older than, once its stamps have been looked at.
    pub(crate) not_before: NotBefore,
}

impl RequestContext {
    /// Of a request that came without a proxy in between.
    #[must_use]
    pub fn direct(scheme: Scheme, client: Option<IpAddr>) -> Self {
        let (terms, not_before) = (Terms::default(), NotBefore::default());
        Self { scheme, client, counted: None, proxies: Vec::new(), terms, marked: None, not_before }
    }
}

/// Why the client gets an error of Larder's own instead of a response.
#[derive(Debug)]
pub struct Failure {
    /// 400, 429, 502, 503, 504 or 508; or what the origin answered to the one request that was made for several.
    pub status: StatusCode,
    /// The reason, also in the decision.
    pub reason: Reason,
    /// When the client may try again: what the origin says, or Larder where it is busy.
    pub retry_after: Option<HeaderValue>,
    /// The underlying error: for the log, never for the client.
    pub cause: Option<BodyError>,
}

impl Failure {
    /// A failure without an underlying error.
    #[must_use]
    pub const fn of(status: StatusCode, reason: Reason) -> Self {
        Self { status, reason, retry_after: None, cause: None }
    }

    /// There is too much to do at the moment: for all, or for this client.
    #[must_use]
    pub const fn come_back(status: StatusCode, reason: Reason) -> Self {
        let retry_after = Some(HeaderValue::from_static("1"));
        Self { status, reason, retry_after, cause: None }
    }

    pub(super) fn of_origin(failure: &OriginFailure) -> Self {
        let of = |status| Self::of(status, failure.reason());
        match failure {
            OriginFailure::Answer { status, retry_after } => Self { retry_after: retry_after.clone(), ..of(*status) },
            OriginFailure::Error(error) if error.kind == OriginErrorKind::Full => {
                Self::come_back(StatusCode::SERVICE_UNAVAILABLE, failure.reason())
            }
            OriginFailure::Error(error) => {
                let status = match error.kind {
                    OriginErrorKind::Timeout => StatusCode::GATEWAY_TIMEOUT,
                    OriginErrorKind::NoServer => StatusCode::SERVICE_UNAVAILABLE,
                    OriginErrorKind::ClientBody | OriginErrorKind::InvalidTarget => StatusCode::BAD_REQUEST,
                    _ => StatusCode::BAD_GATEWAY,
                };
                Self { cause: Some(Box::new(Arc::clone(error))), ..of(status) }
            }
            OriginFailure::DeadlinePassed => of(StatusCode::GATEWAY_TIMEOUT),
            OriginFailure::Busy => Self::come_back(StatusCode::SERVICE_UNAVAILABLE, failure.reason()),
            OriginFailure::ClientBusy => Self::come_back(StatusCode::TOO_MANY_REQUESTS, failure.reason()),
            OriginFailure::Slow | OriginFailure::Gone => of(StatusCode::BAD_GATEWAY),
        }
    }
}

/// The answer to one request.
#[derive(Debug)]
pub struct Answer {
    /// The response, or why there is none.
    pub reply: Result<http::Response<Body>, Failure>,
    /// How it was decided.
    pub decision: Decision,
}

impl Answer {
    /// To a request of which nothing more is to be known.
    pub(super) fn refused(status: StatusCode, reason: Reason, cause: Option<BodyError>) -> Self {
        Self {
            reply: Err(Failure { cause, ..Failure::of(status, reason) }),
            decision: Decision { outcome: Outcome::Error, reason, route: None, cache_status: None, storing: None },
        }
    }
}

/// Answers requests: the engine, or something simpler in a test of a higher floor.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request. The URI is as the client sent it; the headers are the client's own.
    fn handle(
        self: &Arc<Self>,
        request: http::Request<Body>,
        context: RequestContext,
    ) -> impl Future<Output = Answer> + Send;

    /// The fields of a request, as it has them once its way is written into them, where they are plain; `None` if they are
    /// not, or where nothing is answered by [`Self::fast_hit`]. Which path it names makes no difference.
    fn plain_headers(&self, request: http::Request<()>, context: &RequestContext) -> Option<PlainHeaders> {
        let _ = (request, context);
        None
    }

    /// Answers a plain request from what is stored and fresh, at once and without a task: the same answer that
    /// [`Self::handle`] would give.
    ///
    /// # Errors
    /// Where that takes more; with what was found of the request, for [`RequestContext::marked`].
    fn fast_hit(self: &Arc<Self>, request: PlainRequest<'_>) -> Result<FastHit, Option<Marked>> {
        let _ = request;
        Err(None)
    }

    /// Resolves once nothing is under way that has outlived its client.
    fn settled(self: &Arc<Self>) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// Ends what is under way without its client, in short time.
    fn cut_off(self: &Arc<Self>) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// The account of what each client takes.
    fn clients(&self) -> Arc<Clients> {
        Arc::default()
    }

    /// The account of what bodies under way hold; `None` if nobody keeps one.
    fn in_flight(&self) -> Option<Arc<InFlight>> {
        None
    }
}
