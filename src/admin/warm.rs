//! `POST /warm`.

use super::AdminState;
use super::answer::{ReadBody, body_bytes, json};
use super::jobs::ShownJob;
use super::problem::Problem;
use crate::rules::warm::{CONCURRENT_MAX, Pace, Rate};
use crate::rules::warm_url::{Base, UrlProblem, url};
use crate::warming::{WarmOrder, WarmSource};
use axum::Json;
use axum::extract::State;
use axum::http::header::{HOST, LOCATION};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;

/// The most URLs of one call.
const URLS_MAX: usize = 10_000;

/// The most fields that each request may have.
const HEADERS_MAX: usize = 16;

/// The most that they may hold, in bytes.
const HEADER_BYTES_MAX: usize = 4096;

/// The body, its fields not yet looked into, so that an error in one can name it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(default)]
    urls: Value,
    #[serde(default)]
    sitemap: Value,
    #[serde(default)]
    host: Value,
    #[serde(default)]
    headers: Value,
    #[serde(default)]
    concurrent: Value,
    #[serde(default)]
    rate: Value,
}

/// Begins a job, and answers with it.
pub(super) async fn warm(State(state): State<AdminState>, body: ReadBody) -> Result<Response, Problem> {
    let asked: Asked = json(&body_bytes(body)?)?;
    let order = order_of(&asked, state.warming.default_base())?;
    let job = state.warming.begin(order).map_err(|error| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
            .hint("wait for one to end, or cancel one: GET /jobs lists them")
    })?;
    let location = HeaderValue::from_str(&format!("/jobs/{}", job.id));
    let mut response = (StatusCode::ACCEPTED, Json(ShownJob::from(&*job))).into_response();
    response.headers_mut().extend(location.ok().map(|location| (LOCATION, location)));
    Ok(response)
}

fn order_of(asked: &Asked, default_base: Option<&Base>) -> Result<WarmOrder, Problem> {
    let named = match text("host", &asked.host)? {
        Some(host) => Some(Base::parse(host).map_err(|_| {
            Problem::input("host", "it is no host").hint("write shop.example.com, or https://shop.example.com")
        })?),
        None => None,
    };
    let base = named.as_ref().or(default_base);
    let (about, source) = match (&asked.urls, text("sitemap", &asked.sitemap)?) {
        (Value::Null, None) => {
            return Err(Problem::input("urls", "it is missing").hint("name `urls`, or a `sitemap`"));
        }
        (Value::Null, Some(sitemap)) => {
            let sitemap = url(sitemap, base).map_err(|error| bad_url("sitemap".to_owned(), error))?;
            (format!("the sitemap {sitemap}"), WarmSource::Sitemap(sitemap))
        }
        (_, Some(_)) => return Err(Problem::input("sitemap", "there are `urls`, too: one of the two is warmed")),
        (urls, None) => {
            let urls = urls_of(urls, base)?;
            let plural = if urls.len() == 1 { "" } else { "s" };
            (format!("{} URL{plural}", urls.len()), WarmSource::Urls(urls))
        }
    };
    Ok(WarmOrder { about, source, headers: headers_of(&asked.headers)?, pace: pace_of(asked)? })
}

fn urls_of(urls: &Value, base: Option<&Base>) -> Result<Vec<Uri>, Problem> {
    let Value::Array(items) = urls else { return Err(Problem::input("urls", "it is not an array of strings")) };
    if items.is_empty() {
        return Err(Problem::input("urls", "it names nothing"));
    }
    if items.len() > URLS_MAX {
        let detail = format!("a call cannot name more than {URLS_MAX}");
        return Err(Problem::input("urls", detail).hint("send several calls, or a `sitemap`"));
    }
    let parsed = |(n, item): (usize, &Value)| {
        let place = format!("urls[{n}]");
        match item.as_str() {
            Some(text) => url(text, base).map_err(|error| bad_url(place, error)),
            None => Err(Problem::input(place, "it is not a string")),
        }
    };
    items.iter().enumerate().map(parsed).collect()
}

fn headers_of(headers: &Value) -> Result<HeaderMap, Problem> {
    let fields: BTreeMap<&str, &str> = match headers {
        Value::Null => return Ok(HeaderMap::new()),
        Value::Object(fields) if fields.len() > HEADERS_MAX => {
            return Err(Problem::input("headers", format!("there may be {HEADERS_MAX} at most")));
        }
        Value::Object(fields) => {
            let texts = fields.iter().map(|(name, value)| Some((name.as_str(), value.as_str()?))).collect();
            let texts: Option<_> = texts;
            texts.ok_or_else(|| Problem::input("headers", "a value is not a string"))?
        }
        _ => return Err(Problem::input("headers", "it is not an object of strings")),
    };
    let mut map = HeaderMap::new();
    let mut bytes = 0;
    for (name, value) in fields {
        let place = || format!("headers.{}", name.chars().take(100).collect::<String>());
        bytes += name.len() + value.len();
        let field = HeaderName::try_from(name).map_err(|_| Problem::input(place(), "it is no name of a field"))?;
        let value = HeaderValue::try_from(value).map_err(|_| Problem::input(place(), "it is no value of a field"))?;
        if field == HOST {
            return Err(Problem::input(place(), "the host is that of each URL").hint("name a `host` for paths"));
        }
        map.append(field, value);
    }
    if bytes > HEADER_BYTES_MAX {
        return Err(Problem::input("headers", format!("they may have {HEADER_BYTES_MAX} bytes at most")));
    }
    Ok(map)
}

fn pace_of(asked: &Asked) -> Result<Pace, Problem> {
    let mut pace = Pace::default();
    if !asked.concurrent.is_null() {
        let number = asked.concurrent.as_u64().and_then(|number| usize::try_from(number).ok());
        let concurrent = number.filter(|number| *number <= CONCURRENT_MAX).and_then(NonZeroUsize::new);
        pace.concurrent = concurrent
            .ok_or_else(|| Problem::input("concurrent", format!("it is no whole number from 1 to {CONCURRENT_MAX}")))?;
    }
    if let Some(rate) = text("rate", &asked.rate)? {
        pace.rate = Some(Rate::parse(rate).map_err(|error| Problem::input("rate", error.to_string()))?);
    }
    Ok(pace)
}

fn text<'a>(field: &str, value: &'a Value) -> Result<Option<&'a str>, Problem> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        _ => Err(Problem::input(field, "it is not a string")),
    }
}

fn bad_url(place: String, error: UrlProblem) -> Problem {
    Problem::input(place, error.to_string()).hint(error.hint())
}
