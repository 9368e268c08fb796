//! Fastly's API: `POST /service/{id}/purge/{key}`, `/purge`, `/purge_all`, and `POST /purge/{url}`.

use super::{Asked, Refused, Rules, depth, is_soft, single, tag, tags};
use crate::admin::problem::Problem;
use crate::invalidation::receipts::Receipt;
use crate::scope::Scope;
use axum::Json;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The most keys that one call names, as Fastly has it.
const KEYS_MAX: usize = 256;

#[derive(Debug, Deserialize)]
struct Body {
    surrogate_keys: Vec<String>,
}

pub(super) fn read(parts: &Parts, body: &[u8], rules: &Rules) -> Result<Asked, Refused> {
    let (path, soft) = (parts.uri.path(), is_soft(&parts.headers)?);
    if let Some(url) = path.strip_prefix("/purge/") {
        // Some clients encode it as one segment of the path.
        let decoded = || percent_decode_str(url).decode_utf8().map(std::borrow::Cow::into_owned);
        let url = if url.contains('/') { Ok(url.to_owned()) } else { decoded() };
        let url = url.map_err(|_| Refused::new("url", "it is not percent-encoded UTF-8"))?;
        let query = parts.uri.query().map_or_else(String::new, |query| format!("?{query}"));
        return Ok(Asked { scopes: rules.url("url", &format!("{url}{query}"))?, depth: depth(soft), keys: Vec::new() });
    }
    let unknown = || Refused::new("path", "it is none of Fastly's purges");
    let words: Vec<&str> = path.trim_start_matches('/').splitn(4, '/').collect();
    let (scopes, keys) = match words[..] {
        ["service", _, "purge_all"] if soft => {
            return Err(Refused::new("fastly-soft-purge", "all of a service is purged hard"));
        }
        ["service", _, "purge_all"] => (vec![Scope::All], Vec::new()),
        ["service", _, "purge", key] => {
            let key = percent_decode_str(key).decode_utf8().map_err(|_| unknown())?.into_owned();
            (vec![tag("key", &key)?], Vec::new())
        }
        ["service", _, "purge"] => several(parts, body)?,
        _ => return Err(unknown()),
    };
    Ok(Asked { scopes, depth: depth(soft), keys })
}

/// The keys of a body or of a field, one of which must name some.
fn several(parts: &Parts, body: &[u8]) -> Result<(Vec<Scope>, Vec<String>), Refused> {
    let keys: Vec<String> = if let Some(keys) = single(&parts.headers, "surrogate-key")? {
        keys.split_ascii_whitespace().map(str::to_owned).collect()
    } else {
        let wrong = |error| Refused::new("surrogate_keys", format!("neither a field Surrogate-Key nor JSON: {error}"));
        let Body { surrogate_keys } = serde_json::from_slice(body).map_err(wrong)?;
        surrogate_keys
    };
    if keys.is_empty() || keys.len() > KEYS_MAX {
        return Err(Refused::new("surrogate_keys", format!("a call names between 1 and {KEYS_MAX} keys")));
    }
    let mut scopes = Vec::new();
    for key in &keys {
        scopes.push(tag("surrogate_keys", key)?);
        scopes.extend(tags("surrogate_keys", key)?);
    }
    Ok((scopes, keys))
}

/// The receipt's id, once or for each key.
pub(super) fn answer(receipt: &Receipt, keys: &[String]) -> Response {
    if keys.is_empty() {
        return Json(json!({ "status": "ok", "id": receipt.id })).into_response();
    }
    let ids: Map<String, Value> = keys.iter().map(|key| (key.clone(), receipt.id.clone().into())).collect();
    Json(ids).into_response()
}

pub(super) fn refuse(problem: &Problem) -> Response {
    let title = problem.status.canonical_reason().unwrap_or("Error");
    let place = problem.field.as_ref().map_or_else(String::new, |field| format!("{field}: "));
    (problem.status, Json(json!({ "msg": title, "detail": format!("{place}{}", problem.detail) }))).into_response()
}
