//! Cloudflare's API: `POST /client/v4/zones/{id}/purge_cache`, or without `/client/v4`.

use super::{Asked, Refused, Rules, prefix_scopes, tag};
use crate::admin::problem::Problem;
use crate::invalidation::purge::Depth;
use crate::invalidation::receipts::Receipt;
use crate::scope::Scope;
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

/// The most things that one list of a call names: as many as the largest of Cloudflare's plans takes.
const BATCH_MAX: usize = 500;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    #[serde(default)]
    files: Vec<File>,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    prefixes: Vec<String>,
    #[serde(default)]
    hosts: Vec<String>,
    #[serde(default)]
    purge_everything: bool,
}

/// A URL, alone or with fields that pick one of its variants: all of them are purged.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum File {
    Url(String),
    Variant {
        url: String,
        #[serde(default, rename = "headers")]
        _headers: serde_json::Map<String, serde_json::Value>,
    },
}

/// Whether a path is that of the call.
pub(super) fn is_path(path: &str) -> bool {
    let path = path.strip_prefix("/client/v4").unwrap_or(path);
    let zone = path.strip_prefix("/zones/").and_then(|path| path.strip_suffix("/purge_cache"));
    zone.is_some_and(|zone| !zone.is_empty() && !zone.contains('/'))
}

pub(super) fn read(body: &[u8], rules: &Rules) -> Result<Asked, Refused> {
    let wrong = |error| Refused::new("body", format!("it is not the JSON wanted: {error}"));
    let Body { files, tags, prefixes, hosts, purge_everything } = serde_json::from_slice(body).map_err(wrong)?;
    let lists = [("files", files.len()), ("tags", tags.len()), ("prefixes", prefixes.len()), ("hosts", hosts.len())];
    for (field, count) in lists {
        if count > BATCH_MAX {
            return Err(Refused::new(field, format!("a call names at most {BATCH_MAX}")));
        }
    }
    let mut scopes = Vec::new();
    if purge_everything {
        scopes.push(Scope::All);
    }
    for (n, file) in files.iter().enumerate() {
        let (File::Url(url) | File::Variant { url, .. }) = file;
        scopes.extend(rules.url(&format!("files[{n}]"), url)?);
    }
    for (n, name) in tags.iter().enumerate() {
        scopes.push(tag(&format!("tags[{n}]"), name)?);
    }
    for (n, prefix) in prefixes.iter().enumerate() {
        let place = format!("prefixes[{n}]");
        // A prefix that begins with a slash would be one of every host.
        if prefix.starts_with('/') {
            return Err(Refused::new(place, "it names no host"));
        }
        scopes.extend(prefix_scopes(&place, prefix)?);
    }
    for (n, host) in hosts.iter().enumerate() {
        let place = format!("hosts[{n}]");
        if host.contains(['/', '?', '#', '@', '*']) {
            return Err(Refused::new(place, "it is no host"));
        }
        scopes.extend(prefix_scopes(&place, &format!("{host}/"))?);
    }
    if scopes.is_empty() {
        return Err(Refused::new(
            "body",
            "it names nothing in files, tags, prefixes or hosts, nor says purge_everything",
        ));
    }
    Ok(Asked { scopes, depth: Depth::Hard, keys: Vec::new() })
}

pub(super) fn answer(receipt: &Receipt) -> Response {
    Json(json!({ "success": true, "errors": [], "messages": [], "result": { "id": receipt.id } })).into_response()
}

pub(super) fn refuse(problem: &Problem) -> Response {
    let code = match problem.status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => 10_000,
        _ => 1_012,
    };
    let place = problem.field.as_ref().map_or_else(String::new, |field| format!("{field}: "));
    let errors = json!([{ "code": code, "message": format!("{place}{}", problem.detail) }]);
    (problem.status, Json(json!({ "success": false, "errors": errors, "messages": [], "result": null })))
        .into_response()
}
