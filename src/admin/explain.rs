//! `GET /explain?method=GET&url=…`: what would happen to a request; with `request_id=…` what did.
//!
//! The headers of the call are those of the request explained, apart from what belongs to the call itself:
//! Authorization, Connection and Content-Length are left out, and Host is that of the URL. `X-Explain-NAME: value` says
//! what the explained request has in field NAME (Authorization, say) and takes the place of the call's own NAME field. The
//! body of the call is that of the request explained.

use super::AdminState;
use super::answer::{ReadBody, body_bytes};
use super::explain_decided::decided;
use super::problem::Problem;
use super::query::Parameters;
use crate::engine::explain::Explanation;
use crate::rules::url_scopes::absolute;
use crate::upstream::ServerOverview;
use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HOST};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

const EXPLAINED_PREFIX: &str = "x-explain-";

/// The engine's explanation, with how the servers are that would be asked.
#[derive(Serialize)]
struct Explained {
    #[serde(flatten)]
    explanation: Explanation,
    upstream_servers: Option<Vec<ServerOverview>>,
}

/// What is to be explained.
enum Asked {
    /// What would happen to a request.
    Would { method: Method, url: String },
    /// What was decided about the request with this id.
    Decided(String),
}

pub(super) async fn explain(
    State(state): State<AdminState>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: ReadBody,
) -> Result<Response, Problem> {
    let body = body_bytes(body)?;
    let (method, url) = match asked_of(query.as_deref())? {
        Asked::Would { method, url } => (method, url),
        Asked::Decided(id) => return decided(&state, &id).await,
    };
    let mut headers = explained_headers(&headers);
    let url = absolute(&url).map_err(|_| {
        Problem::input("url", "it is no absolute URL")
            .hint("write http://host/path, percent-encoded as one query value")
    })?;
    if let Some(host) = url.authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok()) {
        headers.insert(HOST, host);
    }
    let explanation = state.engine.explain(&method, &url, &headers, body).await;
    let explanation = explanation.map_err(|error| Problem::input("url", error.to_string()))?;
    let upstream_servers = explanation.upstream.as_ref().and_then(|pool| {
        let pools = state.upstream.overview();
        pools.into_iter().find(|known| known.pool == *pool).map(|pool| pool.servers)
    });
    Ok(Json(Explained { explanation, upstream_servers }).into_response())
}

fn asked_of(query: Option<&str>) -> Result<Asked, Problem> {
    let hint = "method and url are, or request_id; percent-encode an & within the url";
    let parameters = Parameters::read(query, &["method", "url", "request_id"], hint)?;
    if let Some(id) = parameters.get("request_id") {
        return match ["method", "url"].into_iter().find(|name| parameters.get(name).is_some()) {
            Some(name) => Err(Problem::input(name, "it cannot stand beside request_id")),
            None => Ok(Asked::Decided(id.to_owned())),
        };
    }
    let Some(url) = parameters.get("url") else {
        return Err(Problem::input("url", "it is missing").hint("or say which request by request_id"));
    };
    let method = parameters.parse("method", "a method")?.unwrap_or(Method::GET);
    Ok(Asked::Would { method, url: url.to_owned() })
}

fn explained_headers(given: &HeaderMap) -> HeaderMap {
    let own = [AUTHORIZATION, HOST, CONNECTION, CONTENT_LENGTH];
    let renamed = |name: &HeaderName| {
        let name = name.as_str().strip_prefix(EXPLAINED_PREFIX)?;
        HeaderName::from_bytes(name.as_bytes()).ok()
    };
    let mut headers = given.clone();
    for name in given.keys() {
        if own.contains(name) || name.as_str().starts_with(EXPLAINED_PREFIX) {
            headers.remove(name);
        }
        if let Some(name) = renamed(name) {
            headers.remove(name);
        }
    }
    for (name, value) in given {
        if let Some(name) = renamed(name) {
            headers.append(name, value.clone());
        }
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&str, &str)]) -> HeaderMap {
        fields.iter().map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn the_calls_own_fields_are_not_the_explained_requests() {
        let given = headers(&[
            ("authorization", "Bearer admin"),
            ("host", "localhost"),
            ("accept", "*/*"),
            ("x-explain-accept", "application/json"),
            ("x-explain-authorization", "Bearer customer"),
            ("x-explain-host", "shop"),
            ("accept-language", "de"),
        ]);
        let expected = headers(&[
            ("accept-language", "de"),
            ("accept", "application/json"),
            ("authorization", "Bearer customer"),
            ("host", "shop"),
        ]);
        assert_eq!(explained_headers(&given), expected);
    }

    #[test]
    fn the_query_names_one_method_and_one_url() {
        let field = |query| match asked_of(Some(query)) {
            Ok(Asked::Would { method, url }) => Ok((method.to_string(), url)),
            Ok(Asked::Decided(id)) => Ok(("id".to_owned(), id)),
            Err(problem) => Err(problem.field),
        };
        let shop = "http://shop/x?a=1&b=2".to_owned();
        assert_eq!(field("url=http%3A%2F%2Fshop%2Fx%3Fa%3D1%26b%3D2"), Ok(("GET".to_owned(), shop)));
        assert_eq!(field("method=HEAD&url=/"), Ok(("HEAD".to_owned(), "/".to_owned())));
        assert_eq!(field(""), Err(Some("url".to_owned())));
        assert_eq!(field("url=/&url=/"), Err(Some("url".to_owned())));
        assert_eq!(field("url=http://shop/x?a=1&b=2"), Err(Some("b".to_owned())));
        assert_eq!(field("url=/&method=G%20T"), Err(Some("method".to_owned())));
        assert_eq!(field("request_id=a"), Ok(("id".to_owned(), "a".to_owned())));
        assert_eq!(field("request_id=a&url=/"), Err(Some("url".to_owned())));
    }
}
