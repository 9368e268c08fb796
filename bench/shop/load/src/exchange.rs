//! One request and its answer, measured from before it is sent until the last byte of its body.

use crate::cache_status::Origin;
use crate::record::{Endpoint, Outcome};
use crate::world::World;
use flate2::read::GzDecoder;
use reqwest::header::{CONTENT_ENCODING, HeaderMap, HeaderName};
use reqwest::{Client, RequestBuilder};
use serde::Deserialize;
use std::io::Read as _;
use std::time::Instant;

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// What every answer about one product shows.
#[derive(Debug, Deserialize)]
struct Versioned {
    version: u64,
}

/// What is done with a good answer's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Text {
    Ignored,
    HasVersion,
}

/// Asks for a path and counts what came.
pub(crate) async fn get(world: &World, client: &Client, endpoint: Endpoint, path: &str) {
    let novelty = world.record.asks(path);
    let request = client.get(format!("{}{path}", world.options.target));
    exchange(world, endpoint, novelty, request, Text::Ignored).await;
}

/// Asks for a product or its stock, and holds what came against what had been acknowledged before.
pub(crate) async fn get_product(world: &World, client: &Client, endpoint: Endpoint, product: u32, path: &str) {
    let promise = world.acknowledged.promise(product);
    let novelty = world.record.asks(path);
    let request = client.get(format!("{}{path}", world.options.target));
    if let Some(version) = exchange(world, endpoint, novelty, request, Text::HasVersion).await {
        world.acknowledged.check(promise, version, path);
    }
}

/// Changes a product; its new version, where that was done.
pub(crate) async fn put(world: &World, client: &Client, endpoint: Endpoint, path: &str, json: String) -> Option<u64> {
    let request = client.put(format!("{}{path}", world.options.target));
    let request = request.header(reqwest::header::CONTENT_TYPE, "application/json").body(json);
    exchange(world, endpoint, crate::record::Novelty::Known, request, Text::HasVersion).await
}

/// Sends, reads, counts; the version in the answer, where one was asked for and found.
async fn exchange(
    world: &World,
    endpoint: Endpoint,
    novelty: crate::record::Novelty,
    request: RequestBuilder,
    text: Text,
) -> Option<u64> {
    let begun = Instant::now();
    let phase = world.phase(begun);
    let answer = whole(request).await;
    let took = begun.elapsed();
    let (outcome, version) = match answer {
        Err(error) => (Outcome::Failed(in_words(&error)), None),
        Ok((status, ..)) if !status.is_success() => (Outcome::Failed(format!("status {}", status.as_u16())), None),
        Ok((_, fields, body)) => {
            let answered =
                Outcome::Answered(Origin::of(fields.get(CACHE_STATUS).and_then(|field| field.to_str().ok())));
            match text {
                Text::Ignored => (answered, None),
                Text::HasVersion => match version_in(&fields, &body) {
                    Some(version) => (answered, Some(version)),
                    None => (Outcome::Failed("no version in the answer".to_owned()), None),
                },
            }
        }
    };
    world.record.add(phase, endpoint, novelty, took, outcome);
    version
}

async fn whole(request: RequestBuilder) -> reqwest::Result<(reqwest::StatusCode, HeaderMap, Vec<u8>)> {
    let mut response = request.send().await?;
    let (status, fields) = (response.status(), std::mem::take(response.headers_mut()));
    Ok((status, fields, response.bytes().await?.into()))
}

fn in_words(error: &reqwest::Error) -> String {
    let words = match () {
        () if error.is_timeout() => "timeout",
        () if error.is_connect() => "no connection",
        () if error.is_body() || error.is_decode() => "body cut short",
        () => "no answer",
    };
    words.to_owned()
}

fn version_in(fields: &HeaderMap, body: &[u8]) -> Option<u64> {
    let read = |text: &[u8]| serde_json::from_slice::<Versioned>(text).ok().map(|found| found.version);
    if fields.get(CONTENT_ENCODING).is_some_and(|coding| coding == "gzip") {
        let mut text = Vec::new();
        GzDecoder::new(body).read_to_end(&mut text).ok()?;
        read(&text)
    } else {
        read(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use reqwest::header::HeaderValue;
    use std::io::Write as _;

    #[test]
    fn the_version_is_found_in_plain_and_packed_text() {
        let text = br#"{"id" : 7, "version" : 12, "name" : "x"}"#;
        assert_eq!(version_in(&HeaderMap::new(), text), Some(12));
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(text).expect("memory takes it");
        let small = gzip.finish().expect("memory takes it");
        let fields = HeaderMap::from_iter([(CONTENT_ENCODING, HeaderValue::from_static("gzip"))]);
        assert_eq!(version_in(&fields, &small), Some(12));
        assert_eq!(version_in(&fields, text), None);
        assert_eq!(version_in(&HeaderMap::new(), br#"{"id" : 7}"#), None);
    }
}
