//! What a sitemap names, read through this instance itself: its rules, its cache and its upstream servers.

use super::URLS_MAX;
use super::sitemap::{self, SITEMAP_BYTES_MAX, Sitemap};
use crate::engine::origin::empty_body;
use crate::engine::{Engine, Handler, RequestContext};
use crate::rules::url_scopes::absolute;
use bytes::{Bytes, BytesMut};
use http::header::HOST;
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderValue, Request, StatusCode, Uri};
use http_body_util::BodyExt as _;
use std::sync::Arc;

/// How many sitemaps an index may name.
const SITEMAPS_MAX: usize = 1_000;

/// The pages of a sitemap, or of those that it names. A problem of one of these is told to `problem`, and the others are
/// read all the same.
///
/// # Errors
/// Where it can't be read, or names too many pages.
pub(super) async fn pages(
    engine: &Arc<Engine>,
    sitemap: &Uri,
    mut problem: impl FnMut(String, String),
) -> Result<Vec<Uri>, String> {
    let named = match read(engine, sitemap).await? {
        Sitemap::Urls(urls) => vec![Ok(urls)],
        Sitemap::Index(sitemaps) if sitemaps.len() > SITEMAPS_MAX => {
            return Err(format!("it names more than {SITEMAPS_MAX} sitemaps"));
        }
        Sitemap::Index(sitemaps) => {
            let mut all = Vec::new();
            for text in sitemaps {
                all.push(of_index(engine, &text).await.map_err(|why| (text, why)));
            }
            all
        }
    };
    let mut pages = Vec::new();
    for urls in named {
        match urls {
            Ok(urls) => pages.extend(urls),
            Err((text, why)) => problem(text, why),
        }
        if pages.len() > URLS_MAX {
            return Err(format!("it names more than {URLS_MAX} pages in all: warm a part, or what a log names most"));
        }
    }
    let mut parsed = Vec::with_capacity(pages.len());
    for text in pages {
        match absolute(&text) {
            Ok(url) => parsed.push(url),
            Err(error) => problem(text, error.to_string()),
        }
    }
    Ok(parsed)
}

async fn of_index(engine: &Arc<Engine>, text: &str) -> Result<Vec<String>, String> {
    let url = absolute(text).map_err(|error| error.to_string())?;
    match read(engine, &url).await? {
        Sitemap::Urls(urls) => Ok(urls),
        Sitemap::Index(_) => Err("it is an index within an index".to_owned()),
    }
}

async fn read(engine: &Arc<Engine>, url: &Uri) -> Result<Sitemap, String> {
    let bytes = fetch(engine, url).await?;
    let parsed = tokio::task::spawn_blocking(move || sitemap::read(&bytes).map_err(|error| error.to_string()));
    parsed.await.map_err(|_| "it could not be read".to_owned())?
}

/// Asks this instance as a client would.
async fn fetch(engine: &Arc<Engine>, url: &Uri) -> Result<Bytes, String> {
    let mut request = Request::new(empty_body());
    let path = url.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    *request.uri_mut() = Uri::from(path);
    let host = url.authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
    request.headers_mut().insert(HOST, host.ok_or("it names no host")?);
    let scheme = engine.scheme_of(url.scheme().unwrap_or(&Scheme::HTTP));
    let answer = engine.handle(request, RequestContext::direct(scheme, None)).await;
    let response = answer.reply.map_err(|failure| format!("it could not be had: {}", failure.reason.label()))?;
    if response.status() != StatusCode::OK {
        return Err(format!("the answer has status {}", response.status().as_u16()));
    }
    let (mut body, mut read) = (response.into_body(), BytesMut::new());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| format!("it could not be read: {error}"))?;
        read.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
        if read.len() as u64 > SITEMAP_BYTES_MAX {
            return Err(format!("it has more than {SITEMAP_BYTES_MAX} bytes"));
        }
    }
    Ok(read.freeze())
}
