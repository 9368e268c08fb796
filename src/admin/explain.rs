//! `GET /explain?method=GET&url=…`: what would happen to a request.
//!
//! The headers of the call are those of the request explained, apart from what belongs to the call itself:
//! Authorization, Connection and Content-Length are left out, and Host is that of the URL. `X-Explain-NAME: value` says
//! what the explained request has in field NAME (Authorization, say) and takes the place of the call's own NAME field.

use super::AdminState;
use super::problem::Problem;
use crate::engine::explain::Explanation;
use crate::rules::url_scopes::absolute;
use crate::upstream::ServerOverview;
use axum::Json;
use axum::extract::{Query, RawQuery, State};
use axum::http::header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HOST};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
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

struct Asked {
    method: Method,
    url: String,
}

pub(super) async fn explain(
    State(state): State<AdminState>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let asked = asked_of(query.as_deref().unwrap_or_default())?;
    let mut headers = explained_headers(&headers);
    let url = absolute(&asked.url).map_err(|_| {
        Problem::input("url", "it is no absolute URL")
            .hint("write http://host/path, percent-encoded as one query value")
    })?;
    if let Some(host) = url.authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok()) {
        headers.insert(HOST, host);
    }
    let explanation = state.engine.explain(&asked.method, &url, &headers).await;
    let explanation = explanation.map_err(|error| Problem::input("url", error.to_string()))?;
    let upstream_servers = explanation.upstream.as_ref().and_then(|pool| {
        let pools = state.upstream.overview();
        pools.into_iter().find(|known| known.pool == *pool).map(|pool| pool.servers)
    });
    Ok(Json(Explained { explanation, upstream_servers }).into_response())
}

fn asked_of(query: &str) -> Result<Asked, Problem> {
    let uri = Uri::builder().path_and_query(format!("/?{query}")).build();
    let pairs = uri.ok().and_then(|uri| Query::<Vec<(String, String)>>::try_from_uri(&uri).ok());
    let Some(Query(pairs)) = pairs else {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "the query is not made of names and values"));
    };
    let (mut method, mut url) = (None, None);
    for (name, value) in pairs {
        let slot = match name.as_str() {
            "method" => &mut method,
            "url" => &mut url,
            _ => {
                return Err(Problem::input(name, "there is no such parameter")
                    .hint("method and url are; percent-encode an & within the url"));
            }
        };
        if slot.replace(value).is_some() {
            return Err(Problem::input(name, "it is there twice"));
        }
    }
    let Some(url) = url else { return Err(Problem::input("url", "it is missing")) };
    let method = method.as_deref().unwrap_or("GET").parse();
    let method = method.map_err(|_| Problem::input("method", "it is not a method"))?;
    Ok(Asked { method, url })
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
        let field = |query| match asked_of(query) {
            Ok(asked) => Ok((asked.method.to_string(), asked.url)),
            Err(problem) => Err(problem.field),
        };
        let shop = "http://shop/x?a=1&b=2".to_owned();
        assert_eq!(field("url=http%3A%2F%2Fshop%2Fx%3Fa%3D1%26b%3D2"), Ok(("GET".to_owned(), shop)));
        assert_eq!(field("method=HEAD&url=/"), Ok(("HEAD".to_owned(), "/".to_owned())));
        assert_eq!(field(""), Err(Some("url".to_owned())));
        assert_eq!(field("url=/&url=/"), Err(Some("url".to_owned())));
        assert_eq!(field("url=http://shop/x?a=1&b=2"), Err(Some("b".to_owned())));
        assert_eq!(field("url=/&method=G%20T"), Err(Some("method".to_owned())));
    }
}
