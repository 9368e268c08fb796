//! Whether what a purge names is stored here, and what may have been meant where it is not.

use crate::engine::Engine;
use crate::rules::tag_template::TagTemplate;
use crate::scope::Scope;

/// How like the beginning of a tag must be to that of a template to be suggested, 0 to 1.
const LIKENESS_MIN: f64 = 0.8;

/// What to look at where nothing in memory carries a scope.
pub(super) fn hint(engine: &Engine, scope: &Scope) -> Option<String> {
    match scope {
        Scope::Tag(tag) => tag_hint(engine, tag.as_str()),
        Scope::Url(url) => url_hint(engine, url),
        Scope::Prefix(prefix) => other_host(prefix)
            .filter(|path| engine.may_match(&Scope::Prefix((*path).into())))
            .map(|path| format!("it is stored under another host: `{path}` means every host")),
        Scope::All | Scope::Route(_) => None,
    }
}

fn tag_hint(engine: &Engine, tag: &str) -> Option<String> {
    let rules = engine.rules();
    let templates = || rules.routes().iter().flat_map(|route| &route.tags);
    if templates().any(|template| template.makes(tag)) || rules.routes().iter().any(|route| route.may_tag_by_body(tag))
    {
        return None;
    }
    let likeness = |template: &TagTemplate| {
        let begin = template.source().split('{').next().unwrap_or_default();
        let compared: String = tag.chars().take(begin.chars().count().max(1)).collect();
        let compared = if template.is_literal() { tag } else { &compared };
        strsim::jaro_winkler(compared, begin)
    };
    let near = templates()
        .map(|template| (likeness(template), template.source()))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|(one, _), (other, _)| one.total_cmp(other));
    Some(match near {
        Some((_, near)) => format!("no route gives this tag; did you mean `{near}`?"),
        None => "no route gives this tag: only the origin can, in a field of its answer".to_owned(),
    })
}

fn url_hint(engine: &Engine, url: &str) -> Option<String> {
    let is_stored = |url: &str| engine.may_match(&Scope::Url(url.into()));
    let (path, query) = url.split_once('?').map_or((url, None), |(path, query)| (path, Some(query)));
    let other_end = path.strip_suffix('/').map_or_else(|| format!("{path}/"), str::to_owned);
    if query.is_some() && is_stored(path) {
        return Some(format!("it is stored without a query: did you mean `{path}`?"));
    }
    if engine.may_match(&Scope::Prefix(format!("{path}?").into())) {
        return Some(format!("it is stored with another query: the prefix `{path}?` means any"));
    }
    if is_stored(&other_end) {
        return Some(format!("did you mean `{other_end}`?"));
    }
    let path = other_host(url).filter(|path| is_stored(path))?;
    Some(format!("it is stored under another host: `{path}` means every host"))
}

/// The path of a URL that names a host.
fn other_host(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://").filter(|_| !url.starts_with('/'))?;
    rest.find('/').and_then(|at| rest.get(at..))
}
