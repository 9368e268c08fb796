//! Requests that are keyed by their bodies: what a client asks for is a view of a page, which only the body names.
//!
//! The answer names the view too, so whoever is given the answer to another body sees it. Bodies that say the same are written
//! in more than one way.

use super::World;
use crate::engine::origin::Body;
use crate::rules::body_key::query_method;
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};

/// How many views a page has.
const VIEWS: u64 = 3;

/// The first of them that is asked for by QUERY, whose answers can be validated; which method it is by is part of the key.
const BY_QUERY: u64 = 2;

/// What a request asks for by its body: `None` for the page itself, by GET.
pub(super) type View = Option<u64>;

impl World {
    /// What a client asks for of a page: in runs with bodies, often a view.
    pub(super) fn view(&self) -> View {
        (self.has_bodies && self.dice.below(3) > 0).then(|| self.dice.below(VIEWS))
    }

    /// The request for what was asked, in one of the ways that say the same.
    pub(super) fn request_for(&self, path: &str, view: View) -> Request<Body> {
        let Some(view) = view else { return super::request(Method::GET, path) };
        let method = if view < BY_QUERY { Method::POST } else { query_method() };
        let text = match self.dice.below(3) {
            0 => format!("{{\"view\":{view},\"of\":\"all\"}}"),
            1 => format!("{{ \"of\" : \"all\", \"view\" : {view}.0 }}"),
            _ => format!("{{\"of\":\"\\u0061ll\",\n\"view\":{view}e0}}"),
        };
        let mut request = super::request(method, path);
        *request.body_mut() = Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed_unsync();
        request
    }
}

/// The view that a request asks its origin for.
pub(super) async fn view_of(body: Body) -> View {
    let body = body.collect().await.expect("what clients send is whole").to_bytes();
    if body.is_empty() {
        return None;
    }
    let said: serde_json::Value = serde_json::from_slice(&body).expect("clients send JSON");
    let written = said["view"].as_f64()?.to_string();
    (0..VIEWS).find(|view| view.to_string() == written)
}

/// The answer to what was asked, which names its view.
pub(super) fn named(answer: &str, view: View) -> String {
    view.map_or_else(|| answer.to_owned(), |view| format!("{answer}{SEPARATOR}{view}"))
}

/// What an answer says without the view's name; `None` where it is the answer to another body.
pub(super) fn told(answer: &str, view: View) -> Option<&str> {
    match (answer.split_once(SEPARATOR), view) {
        (None, None) => Some(answer),
        (Some((answer, named)), Some(view)) => (named == view.to_string()).then_some(answer),
        (None, Some(_)) | (Some(_), None) => None,
    }
}

const SEPARATOR: &str = " in view ";
