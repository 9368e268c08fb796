//! The fast path: a plain request that a fresh stored response answers, without a task, a response or its headers.
//!
//! The plan is that of every request; only the delivery differs, which is the head as it was prepared and the body as it is
//! kept, or a 304 made from that head. Whatever is not plain, not stored or not fresh is handled from the start by
//! [`Handler::handle`](super::Handler::handle).

use super::deliver::{self, AtRest, Conditions};
use super::origin::{Body, empty_body};
use super::outcome::{Decision, Outcome};
use super::request_fields::{RequestFields, SharedFields};
use super::respond::ttl_secs;
use super::{Engine, RequestContext, arrival};
use crate::clock::Timestamp;
use crate::entry::Entry;
use crate::entry::body::BodyView;
use crate::plan::Plan;
use crate::plan::request::CacheableRequest;
use crate::plan::serving::Serving;
use crate::plan::way::{Asked, Form, Way};
use crate::rules::RuleSet;
use crate::rules::answer::{AnswerRule, Kept};
use crate::semantics::cache_status::CacheStatus;
use crate::semantics::forwarding::{LoopToken, Passage, keeps_alive_plainly};
use crate::semantics::reason::Reason;
use crate::semantics::spelling::Spelling;
use crate::semantics::target::Target;
use crate::semantics::trace_context::TraceContext;
use crate::stamps::presented::has_stamp;
use http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, COOKIE, EXPECT, HOST, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    IF_RANGE, IF_UNMODIFIED_SINCE, PRAGMA, RANGE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use std::sync::{Arc, OnceLock};

/// Fields that make a request more than plain: they change what is answered, or how the connection goes on.
static NOT_PLAIN: [HeaderName; 14] = [
    AUTHORIZATION,
    CACHE_CONTROL,
    CONTENT_LENGTH,
    EXPECT,
    IF_MATCH,
    IF_RANGE,
    IF_UNMODIFIED_SINCE,
    PRAGMA,
    RANGE,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("larder-stamp"),
];

/// The headers of a plain request: one valid Host, nothing of [`NOT_PLAIN`], and a Connection that says `keep-alive` at
/// most. Made once for all requests of a connection that have them.
#[derive(Debug, Clone)]
pub struct PlainHeaders {
    headers: Arc<HeaderMap>,
    /// That of the client.
    version: Version,
    conditions: Conditions,
    /// A target at the authority that they are for.
    root: Target,
    /// As the origin is sent them, once a request has passed the cache by.
    sent: OnceLock<Arc<SharedFields>>,
}

impl PlainHeaders {
    /// Those of this request, if they are plain, with its way written into them.
    pub(super) fn of(request: Request<()>, context: &RequestContext, here: &LoopToken) -> Option<Self> {
        let root = Target::of(&request, &context.scheme).ok()?;
        let version = request.version();
        let mut headers = request.into_parts().0.headers;
        // A whole family of clients offers h2c with each request.
        if headers.get_all(UPGRADE).iter().all(|line| line.as_bytes().eq_ignore_ascii_case(b"h2c")) {
            headers.remove(UPGRADE);
        }
        let is_stamped = headers.get_all(COOKIE).iter().any(has_stamp);
        let is_plain =
            keeps_alive_plainly(&headers) && !is_stamped && !NOT_PLAIN.iter().any(|name| headers.contains_key(name));
        let is_conditional = [IF_NONE_MATCH, IF_MODIFIED_SINCE].iter().any(|name| headers.contains_key(name));
        let conditions = if is_conditional { Conditions::IfChanged } else { Conditions::None };
        let is_first = is_plain && arrival::mark(&mut headers, version, &root, context, here) == Passage::First;
        is_first.then(|| Self { headers: Arc::new(headers), version, conditions, root, sent: OnceLock::new() })
    }

    /// The version of HTTP that their client speaks.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The Host field.
    #[must_use]
    pub fn host(&self) -> Option<&HeaderValue> {
        self.headers.get(HOST)
    }

    /// As the origin is sent them.
    fn sent(&self, spelling: &Spelling) -> Arc<SharedFields> {
        let make = || Arc::new(SharedFields::new(&self.headers, self.root.host_value(), spelling));
        Arc::clone(self.sent.get_or_init(make))
    }

    /// The trace that they name.
    pub(crate) fn trace(&self) -> Option<TraceContext> {
        TraceContext::of(&self.headers)
    }

    /// The `traceparent` that names it.
    pub(crate) fn trace_line(&self) -> Option<&HeaderValue> {
        TraceContext::line_of(&self.headers)
    }

    /// The User-Agent field.
    #[must_use]
    pub fn user_agent(&self) -> Option<&HeaderValue> {
        self.headers.get(USER_AGENT)
    }
}

/// A GET without a body, for a path, with plain headers.
#[derive(Debug, Clone, Copy)]
pub struct PlainRequest<'a> {
    /// Path and query as the client sent them.
    pub path_and_query: &'a str,
    /// The client's headers.
    pub headers: &'a PlainHeaders,
}

/// What is known of a request that has which way it came written into its fields.
#[derive(Debug, Clone)]
pub struct Marked {
    /// Its settled target.
    pub(super) target: Target,
    /// Which way it goes, by these rules, where they have been asked.
    pub(super) judged: Option<(Arc<RuleSet>, Way)>,
}

impl PlainRequest<'_> {
    /// The same as a request for [`Handler::handle`](super::Handler::handle), and what is known of it besides; `found` by
    /// [`Handler::fast_hit`](super::Handler::fast_hit). The names of the fields were spelt so.
    pub(crate) fn to_request(
        self,
        found: Option<Marked>,
        spelling: &Spelling,
    ) -> Option<(http::Request<Body>, RequestFields, Marked)> {
        let mut request = http::Request::new(empty_body());
        *request.uri_mut() = Uri::try_from(self.path_and_query).ok()?;
        let marked =
            found.unwrap_or_else(|| Marked { target: self.headers.root.beside(self.path_and_query), judged: None });
        let fields = if marked.passes_with_its_fields() && self.headers.conditions == Conditions::None {
            RequestFields::Shared(self.headers.sent(spelling))
        } else {
            *request.headers_mut() = HeaderMap::clone(&self.headers.headers);
            RequestFields::Own(spelling.clone())
        };
        Some((request, fields, marked))
    }
}

impl Marked {
    /// Whether it passes the cache by, and the origin is sent the fields that it has.
    fn passes_with_its_fields(&self) -> bool {
        match &self.judged {
            Some((rules, Way::Pass(pass))) => rules.to_origin(pass.route.as_deref()).leaves_fields(),
            _ => false,
        }
    }
}

/// A fresh stored response that answers a plain request as it is kept.
#[derive(Debug)]
pub struct FastHit {
    /// The response.
    pub entry: Arc<Entry>,
    /// How it answers.
    pub form: AtRest,
    /// The Age that it is sent with, in seconds.
    pub age_secs: u64,
    /// What the route sends to clients in place of what the origin said, and from when on.
    pub changes: Option<(Arc<AnswerRule>, Timestamp)>,
    /// How it was decided.
    pub decision: Decision,
}

impl FastHit {
    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self.form {
            AtRest::Whole => self.entry.status(),
            AtRest::NotModified => StatusCode::NOT_MODIFIED,
        }
    }

    /// The head, as it is apart from what whoever sends it adds.
    #[must_use]
    pub fn head(&self) -> Response<()> {
        let status = self.status();
        let mut fields = deliver::fields_at_rest(&self.entry, self.form, self.age_secs);
        if let Some((rule, now)) = &self.changes {
            rule.change(status, Kept::Here, *now, &mut fields);
        }
        let mut head = Response::new(());
        *head.status_mut() = status;
        *head.headers_mut() = fields;
        head
    }

    /// The head with the body as it is kept.
    pub(crate) fn response(&self) -> Response<Body> {
        let body = self.body().map_or_else(empty_body, |body| deliver::full(body.to_bytes()));
        self.head().map(|()| body)
    }

    /// The body; `None` if there is none to be sent.
    #[must_use]
    pub fn body(&self) -> Option<BodyView<'_>> {
        (self.form == AtRest::Whole).then(|| self.entry.body())
    }
}

/// The hit that answers a plain request.
///
/// # Errors
/// Where there is none; with what was found of a request that nothing stored may answer.
pub(super) fn fast_hit(engine: &Engine, request: PlainRequest<'_>) -> Result<FastHit, Option<Marked>> {
    let PlainRequest { path_and_query, headers } = request;
    let target = headers.root.beside(path_and_query);
    let rules = engine.rules();
    let asked = Asked { method: &Method::GET, target: &target, headers: &headers.headers, form: Form::Plain };
    let through = match Way::of(asked, &rules, || engine.now()) {
        Way::Cached(through) => through,
        // Another method's, or known only once more is read.
        Way::ByBody(_) | Way::ByOperation(_) => return Err(None),
        way @ (Way::Pass(_) | Way::Refuse(_)) => return Err(Some(Marked { target, judged: Some((rules, way)) })),
    };
    // The lifetime that clients get may have to be shortened.
    if !through.route.lifetime.not_after.is_empty() {
        return Err(None);
    }
    let request = CacheableRequest::plain(Arc::clone(&headers.headers), target, through, rules);
    let now = engine.now();
    let usable = match engine.plan(&request, now) {
        // As above, of what is kept for a moment only.
        Plan::Serve(usable) if usable.how == Serving::Fresh && usable.entry.settling().is_none() => usable,
        _ => return Err(None),
    };
    let codings = &request.route.codings;
    let (entry, form) =
        deliver::at_rest(usable.entry, &headers.headers, codings, headers.conditions, now).ok_or(None)?;
    engine.note_hit(&request, &entry, now);
    let age = entry.current_age(now);
    let ttl_secs = Some(ttl_secs(entry.spent(&usable.lifetime, now), &usable.lifetime));
    let cache_status = Some(CacheStatus { ttl_secs, ..CacheStatus::HIT });
    let route = Some(request.route.name.clone());
    let changes = request.route.answer.as_ref().map(|rule| (Arc::clone(rule), now));
    let starts_anew = changes.as_ref().is_some_and(|(rule, _)| rule.cache_control.is_some());
    Ok(FastHit {
        age_secs: if starts_anew { 0 } else { deliver::sent_age_secs(age) },
        changes,
        entry,
        form,
        decision: Decision { outcome: Outcome::Hit, reason: Reason::Fresh, route, cache_status, storing: None },
    })
}
