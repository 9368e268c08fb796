//! The answers of the simulated shop.

use crate::engine::origin::Body;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, ETAG};
use http::{HeaderValue, Response};
use http_body_util::{BodyExt, Full};

/// An answer with this body, which is fresh as said.
pub(super) fn answer(body: String, cache_control: &'static str, tag: Option<&str>) -> Response<Body> {
    let body = Full::new(Bytes::from(body)).map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(cache_control));
    if let Some(tag) = tag {
        response.headers_mut().insert(ETAG, HeaderValue::try_from(tag).expect("a number in quotes is a field value"));
    }
    response
}
