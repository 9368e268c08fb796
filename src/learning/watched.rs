//! Stands before the engine while a session may run. Without one it costs a request that is no plain hit one look.

use super::Learning;
use super::digest::{Coding, Digested, Told};
use super::exchange::{Asked, PassedOver};
use super::session::Session;
use crate::clients::Clients;
use crate::engine::fast_path::{FastHit, Marked, PlainHeaders, PlainRequest};
use crate::engine::origin::Body;
use crate::engine::outcome::{Decision, Outcome};
use crate::engine::{Answer, Engine, Handler, RequestContext};
use crate::in_flight::InFlight;
use crate::rules::RuleSet;
use crate::rules::key_recipe::{CookieRule, QueryRule};
use crate::semantics::target::Target;
use futures_util::future::Either;
use http::header::CONTENT_ENCODING;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use std::sync::Arc;

/// An engine whose answers can be learned from.
pub(crate) struct Watched {
    engine: Arc<Engine>,
    learning: Arc<Learning>,
}

impl Watched {
    /// This engine, watched while a session runs.
    pub(crate) fn over(engine: &Arc<Engine>, learning: Arc<Learning>) -> Arc<Self> {
        Arc::new(Self { engine: Arc::clone(engine), learning })
    }
}

impl Handler for Watched {
    fn handle(
        self: &Arc<Self>,
        mut request: Request<Body>,
        mut context: RequestContext,
    ) -> impl Future<Output = Answer> + Send {
        // Without a session the engine's own future: one around it would hold the request once more.
        let Some(session) = self.learning.session() else {
            return Either::Left(self.engine.handle(request, context));
        };
        context.terms.with_fields_in(request.headers_mut());
        let watch = Watch::of(session, &request, &context);
        Either::Right(Box::pin(async move {
            let answer = self.engine.handle(request, context).await;
            watch.answered(answer, &self.engine.rules())
        }))
    }

    fn plain_headers(&self, request: Request<()>, context: &RequestContext) -> Option<PlainHeaders> {
        self.engine.plain_headers(request, context)
    }

    fn fast_hit(self: &Arc<Self>, request: PlainRequest<'_>) -> Result<FastHit, Option<Marked>> {
        self.engine.fast_hit(request)
    }

    async fn settled(self: &Arc<Self>) {
        self.engine.settled().await;
    }

    async fn cut_off(self: &Arc<Self>) {
        self.engine.cut_off().await;
    }

    fn clients(&self) -> Arc<Clients> {
        Handler::clients(&*self.engine)
    }

    fn in_flight(&self) -> Option<Arc<InFlight>> {
        Handler::in_flight(&*self.engine)
    }
}

/// One request whose answer is awaited.
struct Watch {
    session: Arc<Session>,
    asked: Result<Asked, PassedOver>,
}

impl Watch {
    fn of(session: Arc<Session>, request: &Request<Body>, context: &RequestContext) -> Self {
        let asked = match Target::of(request, &context.scheme) {
            _ if request.method() != Method::GET => Err(PassedOver::Method),
            Ok(target) => {
                session.asked((target.authority(), target.path(), target.query()), request.headers(), context.client)
            }
            Err(_) => Err(PassedOver::NotWhole),
        };
        Self { session, asked }
    }

    fn answered(self, mut answer: Answer, rules: &RuleSet) -> Answer {
        let Self { session, asked } = self;
        let asked = match asked.and_then(|asked| fetched_as_asked(&answer.decision, rules).map(|()| asked)) {
            Ok(asked) => asked,
            Err(why) => {
                session.pass_over(why);
                return answer;
            }
        };
        answer.reply = answer.reply.map(|response| {
            if !is_whole(response.status()) {
                session.pass_over(PassedOver::NotWhole);
                return response;
            }
            let (coding, head) =
                (coding(response.headers()), session.head(response.status().as_u16(), response.headers()));
            let (key, said) = (*session.key(), head.said);
            let told: Told = Box::new(move |digest| match digest {
                Ok(digest) => session.complete(asked, head, digest),
                Err(why) => session.pass_over(why),
            });
            response.map(|body| Digested::new(body, coding, (&key, said), told).boxed_unsync())
        });
        answer
    }
}

/// Whether the origin was asked for this request alone, with all that may choose its answer.
fn fetched_as_asked(decision: &Decision, rules: &RuleSet) -> Result<(), PassedOver> {
    match decision.outcome {
        Outcome::Pass | Outcome::Bypass => Ok(()),
        Outcome::Miss => {
            let name = decision.route.as_ref();
            let route = rules.routes().iter().find(|route| Some(&route.name) == name);
            let is_whole = route.is_some_and(|route| {
                matches!(route.key.query, QueryRule::AsReceived) && route.key.cookies == CookieRule::AsReceived
            });
            if is_whole { Ok(()) } else { Err(PassedOver::Ruled) }
        }
        Outcome::Error | Outcome::Redirect => Err(PassedOver::NotWhole),
        Outcome::Hit | Outcome::Stale | Outcome::Revalidated | Outcome::Collapsed => Err(PassedOver::FromCache),
    }
}

/// Whether an answer says what there is at its URL.
fn is_whole(status: StatusCode) -> bool {
    let is_part = matches!(status, StatusCode::NOT_MODIFIED | StatusCode::PARTIAL_CONTENT);
    !is_part && !status.is_informational() && !status.is_server_error() && status != StatusCode::TOO_MANY_REQUESTS
}

/// What is coded otherwise is compared as it is.
fn coding(headers: &HeaderMap) -> Coding {
    let coding = headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes);
    if coding.is_some_and(|coding| coding.eq_ignore_ascii_case(b"gzip")) { Coding::Gzip } else { Coding::Plain }
}
