//! Varnish's conventions: PURGE for a URL, xkey and Surrogate-Key fields for tags, PURGEKEYS, and BAN where what it says can be
//! mapped exactly.
//!
//! Varnish leaves to its configuration what these mean; what stands here is what its documentation shows and what the
//! clients of shops send.

use super::patterns::{self, Matched};
use super::{Asked, Refused, Rules, depth, is_soft, prefix_scopes, single, tag, tags};
use crate::scope::Scope;
use axum::http::header::HOST;
use axum::http::request::Parts;
use axum::http::uri::Authority;

/// Fields that name tags.
const KEY_FIELDS: [&str; 4] = ["xkey-purge", "xkey", "surrogate-key", "x-xkey"];

/// The field that names tags to be made stale.
const SOFT_KEY_FIELD: &str = "xkey-softpurge";

/// The field of Magento: a pattern of tags, parted by commas.
const MAGENTO: &str = "x-magento-tags-pattern";

/// How a WordPress plugin says what its URL means.
const WORDPRESS_METHOD: &str = "x-purge-method";

/// What a BAN may say in fields of its own, and what is not looked at where it says less than anything.
const BAN_EXPRESSIONS: [&str; 4] = ["x-ban-expression", "ban-expression", "x-ban", "x-varnish-ban"];

pub(super) fn read(parts: &Parts, rules: &Rules) -> Result<Asked, Refused> {
    let soft = is_soft(&parts.headers)?;
    let asked = |scopes| Asked { scopes, depth: depth(soft), keys: Vec::new() };
    if parts.method.as_str() == "BAN" {
        return ban(parts, rules).map(asked);
    }
    if let Some(keys) = single(&parts.headers, SOFT_KEY_FIELD)? {
        let others = KEY_FIELDS.iter().find(|name| parts.headers.contains_key(**name));
        if let Some(other) = others {
            return Err(Refused::new(*other, format!("beside {SOFT_KEY_FIELD}: one of them at a time")));
        }
        let scopes = named(SOFT_KEY_FIELD, keys)?;
        return Ok(Asked { scopes, depth: depth(true), keys: Vec::new() });
    }
    if let Some(pattern) = single(&parts.headers, MAGENTO)? {
        return magento(pattern).map(asked);
    }
    let mut scopes = Vec::new();
    for name in KEY_FIELDS {
        for line in parts.headers.get_all(name) {
            let line = line.to_str().map_err(|_| Refused::new(name, "it is no text in ASCII"))?;
            scopes.extend(named(name, line)?);
        }
    }
    if !scopes.is_empty() {
        return Ok(asked(scopes));
    }
    if parts.method.as_str() == "PURGEKEYS" {
        return Err(Refused::new("xkey-purge", "PURGEKEYS names its tags there, or in xkey-softpurge"));
    }
    match single(&parts.headers, WORDPRESS_METHOD)? {
        None | Some("default" | "exact") => rules.url("url", &url(parts, rules)?).map(asked),
        Some("regex") => {
            // The plugin writes `.*` behind a path; all else is what a path may hold.
            let url = url(parts, rules)?;
            match url.strip_suffix(".*") {
                Some(prefix) => prefix_scopes("url", prefix).map(asked),
                None => rules.url("url", &url).map(asked),
            }
        }
        Some(_) => Err(Refused::new(WORDPRESS_METHOD, "it is neither default, exact nor regex")),
    }
}

/// The tags of a field, at least one.
fn named(field: &str, text: &str) -> Result<Vec<Scope>, Refused> {
    let scopes = tags(field, text)?;
    if scopes.is_empty() { Err(Refused::new(field, "it names no tag")) } else { Ok(scopes) }
}

/// The URL that is asked for, without its scheme; without its host where that is an address, which no shop is called by.
fn url(parts: &Parts, rules: &Rules) -> Result<String, Refused> {
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    Ok(match host(parts, rules)? {
        Some(host) => format!("{host}{path}"),
        None => path.to_owned(),
    })
}

/// The shop that is meant; `None` if the call names the cache itself: by its address, as localhost, or by one of `admin.hosts`.
fn host(parts: &Parts, rules: &Rules) -> Result<Option<String>, Refused> {
    let wrong = |_| Refused::new("host", "it is no host");
    let authority: Authority = match (parts.uri.authority(), single(&parts.headers, HOST.as_str())?) {
        (Some(authority), _) => authority.clone(),
        (None, Some(host)) => host.parse().map_err(wrong)?,
        (None, None) => return Ok(None),
    };
    let name = authority.host();
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    let is_cache = bare.parse::<std::net::IpAddr>().is_ok()
        || bare.eq_ignore_ascii_case("localhost")
        || rules.own.iter().any(|own| own.eq_ignore_ascii_case(bare));
    Ok((!is_cache).then(|| authority.as_str().to_owned()))
}

/// `((^|,)cat_p_42(,|$))|((^|,)cat_p(,|$))`, or `.*` for everything.
fn magento(pattern: &str) -> Result<Vec<Scope>, Refused> {
    if pattern == ".*" {
        return Ok(vec![Scope::All]);
    }
    let each = |part: &str| {
        let name = part.strip_prefix("((^|,)").and_then(|part| part.strip_suffix("(,|$))"));
        let literal = name.and_then(patterns::literal);
        let literal = literal.ok_or_else(|| Refused::new(MAGENTO, "it is no list of tags as Magento writes it"))?;
        tag(MAGENTO, &literal)
    };
    pattern
        .split(")|((")
        .enumerate()
        .map(|(n, part)| {
            // What the parting took away.
            let part = if n == 0 { part.to_owned() } else { format!("(({part}") };
            let part = if part.ends_with("$))") { part } else { format!("{part})") };
            each(&part)
        })
        .collect()
}

/// What a BAN covers: its URL, what fields say of host, URL and tags, or an expression of Varnish's language.
fn ban(parts: &Parts, rules: &Rules) -> Result<Vec<Scope>, Refused> {
    for name in BAN_EXPRESSIONS {
        if let Some(expression) = single(&parts.headers, name)? {
            return patterns::expression(name, expression)?.scopes(name, rules);
        }
    }
    let mut matched = Matched::default();
    let mut is_said = false;
    for (name, set) in [
        ("x-host", Matched::host_like as fn(&mut Matched, &str, &str) -> Result<(), Refused>),
        ("x-url", Matched::url_like),
        ("x-cache-tags", Matched::tags_like),
        ("x-content-type", |_, field, pattern| Matched::anything(field, pattern)),
    ] {
        if let Some(pattern) = single(&parts.headers, name)? {
            is_said = true;
            set(&mut matched, name, pattern)?;
        }
    }
    if is_said { matched.scopes("ban", rules) } else { rules.url("url", &url(parts, rules)?) }
}
