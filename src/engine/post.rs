//! The answer to a POST that later GETs may be given: RFC 9110 section 9.3.3.
//!
//! The POST itself passes the cache by, so what it carries is not held to the key as a fetch's fields are. Its answer is
//! kept only where that makes no difference: where a fetch for the same target would have carried the same fields.

use super::Engine;
use super::draft::{self, Draft, OriginAnswer};
use super::fill::Fill;
use super::origin::Body;
use crate::plan::request::CacheableRequest;
use crate::plan::way::{Asked, Form, Way};
use crate::rules::RuleSet;
use crate::semantics::cache_control::RequestDirectives;
use crate::semantics::forwarding::strip_hop_by_hop;
use crate::semantics::policy::ExchangeTimes;
use crate::semantics::sharing::Shareability;
use crate::semantics::target::Target;
use crate::stamp::Stamp;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_LOCATION, CONTENT_TYPE, EXPECT, HOST};
use http::{HeaderMap, Method, Response};
use http_body_util::BodyExt;
use std::sync::Arc;

/// A POST as the origin saw it.
#[derive(Debug)]
pub(super) struct Post<'a> {
    /// Its target.
    pub(super) target: &'a Target,
    /// Its fields.
    pub(super) headers: &'a HeaderMap,
    /// The rules in force.
    pub(super) rules: &'a Arc<RuleSet>,
}

impl Post<'_> {
    /// What is to be stored of its answer, if anything, under the stamp of when it began.
    pub(super) fn draft(&self, response: &Response<Body>, times: ExchangeTimes, stamp: Stamp) -> Option<Box<Draft>> {
        // A coding was chosen by an Accept-Encoding that no fetch would have sent.
        if !response.headers().contains_key(CONTENT_LOCATION) || response.headers().contains_key(CONTENT_ENCODING) {
            return None;
        }
        // Where a GET that carried the same would pass the cache by, this answer is none to share either.
        let get = Asked { method: &Method::GET, target: self.target, headers: self.headers, form: Form::Plain };
        let Way::Cached(through) = Way::of(get, self.rules, || times.received_at) else { return None };
        let (headers, target, rules) = (self.headers.clone(), self.target.clone(), Arc::clone(self.rules));
        let request = CacheableRequest::new(Method::GET, headers, target, through, rules);
        if request.target != *self.target || !self.carries_what_a_fetch_would(&request) {
            return None;
        }
        let head = (response.status(), response.headers().clone());
        let answer = OriginAnswer::head(RequestDirectives::parse(self.headers), head, times, stamp);
        let draft = draft::judge(&request, &OriginAnswer { method: Method::POST, ..answer }).ok()?;
        // A later GET would have to ask all the same.
        (draft.shareability(times.received_at) == Shareability::Shared).then(|| Box::new(draft))
    }

    /// Whether each field is one that a fetch would carry with the same value, but for those of its body.
    fn carries_what_a_fetch_would(&self, request: &CacheableRequest) -> bool {
        let mut sent = self.headers.clone();
        strip_hop_by_hop(&mut sent);
        for name in [HOST, ACCEPT_ENCODING, EXPECT, CONTENT_LENGTH, CONTENT_TYPE] {
            sent.remove(name);
        }
        let fetched = request.fetch_headers();
        sent.keys().all(|name| sent.get_all(name).iter().eq(fetched.get_all(name).iter()))
    }
}

/// Stores an answer while it streams to the client.
pub(super) fn keep(engine: &Arc<Engine>, draft: Box<Draft>, response: Response<Body>) -> Response<Body> {
    let (head, body) = response.into_parts();
    let (fill, writer, reader) = Fill::of(engine, Arc::from(draft));
    tokio::spawn(fill.run(body, writer));
    Response::from_parts(head, reader.boxed_unsync())
}
