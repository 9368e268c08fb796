//! What each kind of CDN is told, and how: its API's calls for what is asked.

use super::asked::{Abilities, Able, Address, Part};
use super::template::{Filling, Hole, In, Template};
use crate::rules::tag_label::written;
use crate::scope::Depth;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// One call: an absolute URL, fields and a body.
pub(crate) type Call = Request<Bytes>;

/// The most keys of a call to Fastly.
const FASTLY_BATCH: usize = 256;

/// The most things of a call to Cloudflare, whatever the plan.
const CLOUDFLARE_BATCH: usize = 30;

/// The most text of tags in one field, in bytes: Varnish's lines end at 8 KiB.
const FIELD_BYTES_MAX: usize = 4096;

/// A CDN's API.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// Any, by templates.
    Http(Box<HttpKind>),
    Fastly {
        api: String,
        service: String,
        tags: Able,
    },
    Cloudflare {
        api: String,
        zone: String,
        tags: Able,
    },
    /// Each of these servers.
    Varnish {
        servers: Vec<String>,
        tags: Able,
    },
}

/// An API by templates.
#[derive(Debug, Clone)]
pub(crate) struct HttpKind {
    pub(crate) fields: Vec<(HeaderName, Template)>,
    pub(crate) tags: Option<CallTemplate>,
    pub(crate) urls: Option<CallTemplate>,
    pub(crate) prefixes: Option<CallTemplate>,
    pub(crate) everything: CallTemplate,
}

/// One kind of call of an API.
#[derive(Debug, Clone)]
pub(crate) struct CallTemplate {
    pub(crate) method: Method,
    pub(crate) url: Template,
    pub(crate) body: Option<Template>,
    /// How many things a call names at most.
    pub(crate) batch: usize,
}

/// The API has no words for it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("its API cannot be told {0}")]
pub(crate) struct Unsayable(String);

impl Kind {
    /// What it can purge.
    pub(crate) fn abilities(&self) -> Abilities {
        let able = |can: bool| if can { Able::Yes } else { Able::No };
        match self {
            Self::Http(http) => {
                let has_soft = [&http.tags, &http.urls, &http.prefixes].into_iter().flatten();
                let has_soft =
                    has_soft.chain([&http.everything]).any(|call| call.holes().any(|hole| hole == Hole::Soft));
                Abilities {
                    tags: able(http.tags.is_some()),
                    urls: able(http.urls.is_some()),
                    prefixes: able(http.prefixes.is_some()),
                    soft: able(has_soft),
                }
            }
            Self::Fastly { tags, .. } => {
                Abilities { tags: *tags, urls: Able::Yes, prefixes: Able::No, soft: Able::Yes }
            }
            Self::Cloudflare { tags, .. } | Self::Varnish { tags, .. } => {
                Abilities { tags: *tags, urls: Able::Yes, prefixes: Able::Yes, soft: Able::No }
            }
        }
    }

    /// The calls that ask for a part.
    ///
    /// # Errors
    /// Where the API has no words for it.
    pub(crate) fn calls(&self, part: &Part, token: Option<&str>) -> Result<Vec<Call>, Unsayable> {
        let calls = match self {
            Self::Http(http) => http.calls(part, token),
            Self::Fastly { api, service, .. } => fastly(api, service, part, token),
            Self::Cloudflare { api, zone, .. } => cloudflare(api, zone, part, token),
            Self::Varnish { servers, .. } => varnish(servers, part),
        };
        calls.ok_or_else(|| Unsayable(part.describe()))
    }

    /// Whether it wants a token.
    pub(crate) fn wants_token(&self) -> bool {
        match self {
            Self::Http(http) => http.fields.iter().any(|(_, value)| value.holes().any(|hole| hole == Hole::Token)),
            Self::Fastly { .. } | Self::Cloudflare { .. } => true,
            Self::Varnish { .. } => false,
        }
    }
}

impl CallTemplate {
    pub(crate) fn holes(&self) -> impl Iterator<Item = Hole> {
        self.url.holes().chain(self.body.iter().flat_map(Template::holes))
    }
}

impl HttpKind {
    fn calls(&self, part: &Part, token: Option<&str>) -> Option<Vec<Call>> {
        let is_soft = part.depth() == Depth::Soft;
        let empty = Filling { token, tags: &[], addresses: &[], is_soft };
        match part {
            Part::Everything(_) => self.call(&self.everything, &empty).map(|call| vec![call]),
            Part::Tags(_, tags) => {
                let template = self.tags.as_ref()?;
                // As origins write them, and as Larder does.
                let both = tags.iter().map(|tag| (tag, written(tag)));
                let both = both
                    .flat_map(|(tag, written)| [Some(tag.clone()), (*tag != written).then(|| written.into_owned())]);
                let tags: Vec<String> = both.flatten().collect();
                tags.chunks(template.batch).map(|tags| self.call(template, &Filling { tags, ..empty })).collect()
            }
            Part::Urls(_, addresses) => self.of_addresses(self.urls.as_ref()?, addresses, &empty),
            Part::Prefixes(_, addresses) => self.of_addresses(self.prefixes.as_ref()?, addresses, &empty),
        }
    }

    fn of_addresses(&self, template: &CallTemplate, addresses: &[Address], empty: &Filling<'_>) -> Option<Vec<Call>> {
        let chunks = addresses.chunks(template.batch);
        chunks.map(|addresses| self.call(template, &Filling { addresses, ..*empty })).collect()
    }

    fn call(&self, template: &CallTemplate, filling: &Filling<'_>) -> Option<Call> {
        let mut builder = Request::builder().method(&template.method).uri(template.url.fill(filling, In::Url)?);
        for (name, value) in &self.fields {
            builder = builder.header(name, value.fill(filling, In::Field)?);
        }
        let body = match &template.body {
            Some(body) => body.fill(filling, In::Body)?,
            None => String::new(),
        };
        builder.body(Bytes::from(body)).ok()
    }
}

fn fastly(api: &str, service: &str, part: &Part, token: Option<&str>) -> Option<Vec<Call>> {
    let call = |path: &str, depth: Depth, body: Option<Value>| {
        let mut call =
            Request::post(format!("{api}{path}")).header("fastly-key", token?).header("accept", "application/json");
        if depth == Depth::Soft {
            call = call.header("fastly-soft-purge", "1");
        }
        with_json(call, body)
    };
    match part {
        // Fastly makes everything unusable or nothing: it knows no soft purge of all.
        Part::Everything(_) => Some(vec![call(&format!("/service/{service}/purge_all"), Depth::Hard, None)?]),
        Part::Tags(depth, tags) => all_written(tags)
            .chunks(FASTLY_BATCH)
            .map(|tags| call(&format!("/service/{service}/purge"), *depth, Some(json!({ "surrogate_keys": tags }))))
            .collect(),
        Part::Urls(depth, urls) => {
            urls.iter().map(|url| call(&format!("/purge/{}{}", url.host.as_deref()?, url.path), *depth, None)).collect()
        }
        Part::Prefixes(..) => None,
    }
}

fn cloudflare(api: &str, zone: &str, part: &Part, token: Option<&str>) -> Option<Vec<Call>> {
    let call = |body: Value| {
        let call = Request::post(format!("{api}/zones/{zone}/purge_cache"));
        with_json(call.header("authorization", format!("Bearer {}", token?)), Some(body))
    };
    match part {
        Part::Everything(_) => Some(vec![call(json!({ "purge_everything": true }))?]),
        Part::Tags(_, tags) => {
            all_written(tags).chunks(CLOUDFLARE_BATCH).map(|tags| call(json!({ "tags": tags }))).collect()
        }
        Part::Urls(_, addresses) | Part::Prefixes(_, addresses) => {
            let is_whole = matches!(part, Part::Urls(..));
            let covering =
                addresses.iter().map(|address| segments(address, is_whole)).collect::<Option<BTreeSet<_>>>()?;
            let covering: Vec<String> = covering.into_iter().collect();
            covering.chunks(CLOUDFLARE_BATCH).map(|prefixes| call(json!({ "prefixes": prefixes }))).collect()
        }
    }
}

/// The longest beginning of whole segments that covers a prefix, or a URL with whatever query: Cloudflare compares no others.
/// What Larder keys without a parameter, Cloudflare may keep with it.
fn segments(address: &Address, is_whole: bool) -> Option<String> {
    let host = address.host.as_deref()?;
    let (path, query) =
        address.path.split_once('?').map_or((&*address.path, None), |(path, query)| (path, Some(query)));
    let end = if is_whole || query.is_some() { path.len() } else { path.rfind('/').unwrap_or_default() };
    Some(format!("{host}{}", path.get(..end)?.trim_end_matches('/')))
}

fn varnish(servers: &[String], part: &Part) -> Option<Vec<Call>> {
    let each = |method: &str, fields: &[(&'static str, String)]| -> Option<Vec<Call>> {
        let method = Method::from_bytes(method.as_bytes()).ok()?;
        let call = |server: &String| {
            let mut call = Request::builder().method(&method).uri(format!("{server}/"));
            for (name, value) in fields {
                call = call.header(*name, HeaderValue::try_from(value).ok()?);
            }
            call.body(Bytes::new()).ok()
        };
        servers.iter().map(call).collect()
    };
    let ban = |address: &Address, end: &str| {
        let host = address.host.as_deref().map_or_else(|| ".*".to_owned(), |host| format!("^{}$", regex::escape(host)));
        let path = address.path.split('?').next().unwrap_or_default();
        each("BAN", &[("x-host", host), ("x-url", format!("^{}{end}", regex::escape(path)))])
    };
    let flat = |calls: Vec<Vec<Call>>| calls.into_iter().flatten().collect();
    match part {
        Part::Everything(_) => each("BAN", &[("x-host", ".*".to_owned()), ("x-url", ".*".to_owned())]),
        Part::Tags(_, tags) => fields_of(&all_written(tags))?
            .iter()
            .map(|tags| each("PURGE", &[("xkey-purge", tags.clone())]))
            .collect::<Option<_>>()
            .map(flat),
        // Whatever the query: Varnish may keep it with parameters that Larder's key is without.
        Part::Urls(_, urls) => urls.iter().map(|url| ban(url, "(\\?|$)")).collect::<Option<_>>().map(flat),
        Part::Prefixes(_, prefixes) => prefixes.iter().map(|prefix| ban(prefix, "")).collect::<Option<_>>().map(flat),
    }
}

/// Tags as these caches take them.
fn all_written(tags: &[String]) -> Vec<String> {
    tags.iter().map(|tag| written(tag).into_owned()).collect()
}

/// Tags, parted by spaces, in lines that a server takes; `None` if one holds a space itself.
fn fields_of(tags: &[String]) -> Option<Vec<String>> {
    let mut lines: Vec<String> = Vec::new();
    for tag in tags {
        if tag.len() > FIELD_BYTES_MAX || !tag.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        match lines.last_mut().filter(|line| line.len() + tag.len() < FIELD_BYTES_MAX) {
            Some(line) => {
                line.push(' ');
                line.push_str(tag);
            }
            None => lines.push(tag.clone()),
        }
    }
    Some(lines)
}

fn with_json(call: http::request::Builder, body: Option<Value>) -> Option<Call> {
    match body {
        Some(body) => call.header(CONTENT_TYPE, "application/json").body(Bytes::from(body.to_string())).ok(),
        None => call.body(Bytes::new()).ok(),
    }
}

/// The Host field of a call, if it names none itself.
pub(crate) fn host_field(url: &Uri) -> Option<(HeaderName, HeaderValue)> {
    Some((HOST, HeaderValue::try_from(url.authority()?.as_str()).ok()?))
}

#[cfg(test)]
#[path = "kind_tests.rs"]
mod tests;
