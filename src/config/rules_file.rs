//! The rules: a file, or a folder of them, made into one [`RuleSet`].

use super::event::{resolve_change, resolve_event};
use super::problem::{ConfigErrors, Problem, Problems, SourceText};
use super::raw_rules::RawRulesFile;
use super::route::{WrittenRoute, resolve_route};
use super::table::{Reader, nearest};
use super::warm::{DefaultHost, resolve_warm};
use super::{rules_lint, tag_lint};
use crate::rules::RuleSet;
use crate::rules::origin_request::{OriginRequestRule, PoolName};
use http::HeaderValue;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Rules that can be put in force.
#[derive(Debug)]
pub struct LoadedRules {
    /// The rules.
    pub rule_set: RuleSet,
    /// What hardly means what it says.
    pub warnings: Vec<Problem>,
    /// The files and their texts, in the order read.
    pub sources: Vec<(PathBuf, String)>,
}

/// The pools that routes may name.
#[derive(Debug, Clone)]
pub(crate) enum Pools {
    /// Whatever a route says: proxy.toml is not known.
    Any,
    /// The default one, and these, each with its `upstream_host`.
    Known {
        default: Option<HeaderValue>,
        named: Vec<(PoolName, Option<HeaderValue>)>,
        default_host: DefaultHost,
        tokens: Tokens,
    },
}

/// Whether proxy.toml says which tokens are believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tokens {
    Believed,
    Unknown,
}

impl Pools {
    const fn default_host(&self) -> DefaultHost {
        match self {
            Self::Any => DefaultHost::Unknown,
            Self::Known { default_host, .. } => *default_host,
        }
    }

    /// The host that a pool's servers want, if not the client's.
    fn host(&self, pool: Option<&PoolName>) -> Option<HeaderValue> {
        let Self::Known { default, named, .. } = self else { return None };
        match pool.filter(|pool| pool.as_str() != PoolName::DEFAULT) {
            None => default.clone(),
            Some(pool) => named.iter().find(|(name, _)| name == pool).and_then(|(_, host)| host.clone()),
        }
    }
}

/// Reads and resolves the rules in a file, or in the `*.toml` files of a folder in name order.
///
/// # Errors
/// Where a file can't be read or holds problems: all of them.
pub fn load_rules(path: &Path) -> Result<LoadedRules, ConfigErrors> {
    resolve_rules(path, read_sources(path)?, &Pools::Any)
}

/// What is in force where nothing is written at `path` yet: no route, and a warning that says so.
pub(super) fn no_rules(path: &Path) -> Result<LoadedRules, ConfigErrors> {
    resolve_rules(path, Vec::new(), &Pools::Any)
}

/// Resolves the text of one rules file by itself.
///
/// # Errors
/// Where the text holds problems: all of them.
pub fn check_rules_text(text: &str) -> Result<LoadedRules, ConfigErrors> {
    check_rules_text_for(text, &Pools::Any)
}

/// The same for rules that may name these pools only.
pub(super) fn check_rules_text_for(text: &str, pools: &Pools) -> Result<LoadedRules, ConfigErrors> {
    let path = Path::new("rules.toml");
    resolve_rules(path, vec![(path.to_owned(), text.to_owned())], pools)
}

/// The rules files and their texts.
pub(super) fn read_sources(path: &Path) -> Result<Vec<(PathBuf, String)>, ConfigErrors> {
    let failed = |path: &Path, error: &io::Error| {
        let hint = match error.kind() {
            io::ErrorKind::NotFound => {
                "`rules` in proxy.toml, or `--rules PATH`, names a file or a folder of *.toml files"
            }
            _ => "rules are readable UTF-8 text files",
        };
        let message = format!("cannot read the rules at `{}`: {error}", path.display());
        ConfigErrors::one(Problem::without_place(&message, Some(hint)))
    };
    let files = rules_files(path).map_err(|error| failed(path, &error))?;
    let read = |file: PathBuf| match std::fs::read_to_string(&file) {
        Ok(text) => Ok((file, text)),
        Err(error) => Err(failed(&file, &error)),
    };
    files.into_iter().map(read).collect()
}

fn rules_files(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !std::fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let file = entry?.path();
        // Editors keep their own files beside the one they edit, hidden.
        let is_hidden = file.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if file.extension().is_some_and(|extension| extension == "toml") && !is_hidden && file.is_file() {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

/// Resolves the texts of the rules at `path`.
pub(super) fn resolve_rules(
    path: &Path,
    sources: Vec<(PathBuf, String)>,
    pools: &Pools,
) -> Result<LoadedRules, ConfigErrors> {
    let mut problems = Problems::default();
    let mut written: Vec<WrittenRoute> = Vec::new();
    let (mut events, mut changes, mut warm) = (Vec::new(), Vec::new(), Vec::new());
    for (file, text) in &sources {
        let source = Arc::new(SourceText { name: file.display().to_string(), text: text.clone() });
        let Some(raw) = Reader::new(&source, &mut problems).document::<RawRulesFile>() else { continue };
        let folder = file.parent().unwrap_or(Path::new(""));
        let blocks = raw.value.warm.map(|blocks| blocks.value).unwrap_or_default();
        let blocks = blocks.iter().filter_map(|raw| resolve_warm(raw, folder, pools.default_host(), &mut problems));
        warm.extend(blocks);
        events.extend(raw.value.event.map(|events| events.value).unwrap_or_default());
        changes.extend(raw.value.change.map(|changes| changes.value).unwrap_or_default());
        let routes = raw.value.route.map(|routes| routes.value).unwrap_or_default();
        for raw in routes {
            if let Some(mut route) = resolve_route(&raw.value, &raw.place, &mut problems) {
                if raw.value.upstream_host.is_none() {
                    route.to_origin.host = pools.host(route.to_origin.pool.as_ref());
                }
                written.push(WrittenRoute { route, raw: raw.value, place: raw.place });
            }
        }
    }
    refuse_same_names(&written, &mut problems);
    refuse_unknown_pools(&written, pools, &mut problems);
    refuse_unbelieved_claims(&written, pools, &mut problems);
    let names: Vec<_> = written.iter().map(|written| written.route.name.clone()).collect();
    let event_rules = events.iter().filter_map(|raw| resolve_event(raw, &names, &mut problems)).collect();
    let change_rules = changes.iter().filter_map(|raw| resolve_change(raw, &names, &mut problems)).collect();
    if problems.has_errors() {
        return Err(problems.finish().err().unwrap_or_else(|| unresolvable("no error is known")));
    }
    let routes = written.iter().map(|written| written.route.clone()).collect();
    let rule_set = RuleSet::new(routes)
        .map_err(|error| unresolvable(&error.to_string()))?
        .with_events(event_rules)
        .with_changes(change_rules)
        .with_warm(warm);
    let rule_set = rule_set.with_unrouted(OriginRequestRule { host: pools.host(None), ..Default::default() });
    let rule_set = rule_set.read_from(sources.iter().map(|(_, text)| text.as_str()));
    rules_lint::lint(&written, &rule_set, path, &mut problems);
    let of_events = events.iter().filter_map(|event| event.value.purge.as_ref());
    let of_changes = changes.iter().filter_map(|change| change.value.purge.as_ref());
    tag_lint::lint(&written, of_events.chain(of_changes), &mut problems);
    Ok(LoadedRules { rule_set, warnings: problems.finish()?, sources })
}

fn unresolvable(message: &str) -> ConfigErrors {
    ConfigErrors::one(Problem::without_place(message, Some("split the rules, or use fewer `**` and `*`")))
}

fn refuse_same_names(written: &[WrittenRoute], problems: &mut Problems) {
    let mut first_uses = std::collections::HashMap::new();
    for WrittenRoute { route, raw, place } in written {
        let place = raw.name.as_ref().or(raw.path.as_ref()).map_or(place, |name| &name.place);
        if let Some(first) = first_uses.insert(route.name.as_str(), place) {
            let message = format!("another route has the name `{}`", route.name);
            let hint = match raw.name {
                Some(_) => format!("names are unique over all files; the other one is in {first}"),
                None => format!("give this route a `name` of its own; the other one is in {first}"),
            };
            problems.error(place, message, Some(hint));
        }
    }
}

fn refuse_unbelieved_claims(written: &[WrittenRoute], pools: &Pools, problems: &mut Problems) {
    if matches!(pools, Pools::Known { tokens: Tokens::Unknown, .. }) {
        for claims in written.iter().filter_map(|written| written.raw.claims.as_ref()) {
            let hint =
                "say in proxy.toml whose tokens are believed: `[jwt]` with jwks, issuer, audience and algorithms";
            problems.error(&claims.place, "no token is believed, so nothing that one claims can be keyed", Some(hint));
        }
    }
}

fn refuse_unknown_pools(written: &[WrittenRoute], pools: &Pools, problems: &mut Problems) {
    let Pools::Known { named, .. } = pools else { return };
    let names = || named.iter().map(|(name, _)| name.as_str()).chain([PoolName::DEFAULT]);
    for pool in written.iter().filter_map(|written| written.raw.upstream.as_ref()) {
        if names().any(|name| name == pool.value) {
            continue;
        }
        let hint = match nearest(&pool.value, names()) {
            Some(known) => format!("did you mean `{known}`?"),
            None => format!("name its servers in proxy.toml: `[upstreams.{}]`", pool.value),
        };
        problems.error(&pool.place, format!("there is no pool `{}` of upstream servers", pool.value), Some(hint));
    }
}
