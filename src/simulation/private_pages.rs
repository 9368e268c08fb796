//! Pages that differ by the user whom a cookie names, under every way in which an origin says that they may not be given
//! to others, or not without asking it.

use super::answer::answer;
use super::bodies::{View, named};
use super::network::Dice;
use super::{MINE, PATHS};
use crate::engine::origin::Body;
use http::header::{CACHE_CONTROL, COOKIE, IF_NONE_MATCH};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use std::collections::BTreeMap;

/// The fields of one way; a validator comes with it where it says so.
struct Way {
    fields: &'static [(&'static str, &'static str)],
    has_tag: bool,
}

const fn way(fields: &'static [(&'static str, &'static str)], has_tag: bool) -> Way {
    Way { fields, has_tag }
}

const WAYS: [Way; 13] = [
    way(&[("cache-control", "private, max-age=3600")], false),
    way(&[("cache-control", "no-cache")], true),
    way(&[("cache-control", "no-cache, max-age=3600")], true),
    way(&[("cache-control", "max-age=0")], true),
    way(&[("cache-control", "s-maxage=0, max-age=3600")], true),
    way(&[("expires", "0")], true),
    way(&[("pragma", "no-cache"), ("expires", "0")], true),
    way(&[("cache-control", "max-age=60"), ("age", "36000")], true),
    way(&[], true),
    way(&[("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"), ("cache-control", "no-cache")], false),
    way(&[("cache-control", "max-age=3600"), ("set-cookie", "seen=1")], false),
    way(&[("cache-control", "max-age=3600"), ("vary", "*")], false),
    way(&[("cache-control", "no-store")], false),
];

/// The user whom a request's cookie names.
fn user_of(headers: &HeaderMap) -> String {
    headers.get(COOKIE).and_then(|cookie| cookie.to_str().ok()).unwrap_or("nobody").to_owned()
}

/// The ways in which a run's origin says so, one for each page.
#[derive(Debug)]
pub(super) struct Ways(BTreeMap<&'static str, usize>);

impl Ways {
    pub(super) fn pick(dice: &Dice) -> Self {
        let way = |path| (path, usize::try_from(dice.below(WAYS.len() as u64)).expect("few ways"));
        Self(PATHS.iter().filter(|path| path.starts_with(MINE)).map(|path| way(*path)).collect())
    }

    /// A user's page; 304 where the request has it already.
    pub(super) fn page(&self, path: &str, view: View, headers: &HeaderMap) -> Response<Body> {
        let way = self.0.get(path).and_then(|way| WAYS.get(*way)).expect("every such page has its way");
        page_of(headers, view, way)
    }
}

fn page_of(headers: &HeaderMap, view: View, way: &Way) -> Response<Body> {
    let user = user_of(headers);
    let tag = format!("\"{user}\"");
    let is_known = headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let mut page = answer(if is_known { String::new() } else { named(&user, view) }, "", way.has_tag.then_some(&tag));
    page.headers_mut().remove(CACHE_CONTROL);
    for (name, value) in way.fields {
        page.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if is_known {
        *page.status_mut() = StatusCode::NOT_MODIFIED;
    }
    page
}
