//! What a part of the log asks of one CDN, as far as that CDN can express it. What it can't express is asked wider.

use crate::invalidation::following::Purged;
use crate::rules::tag_label::UNLISTED;
use crate::scope::{Depth, Scope, without_scheme};

/// What a CDN can purge besides everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Abilities {
    pub(crate) tags: Able,
    pub(crate) urls: Able,
    pub(crate) prefixes: Able,
    /// Making stale instead of unusable.
    pub(crate) soft: Able,
}

/// Whether a CDN can do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Able {
    Yes,
    No,
}

/// A URL, or the beginning of one, as a CDN knows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Address {
    /// With its port; none where every host is meant.
    pub(crate) host: Option<String>,
    /// The path and, behind a question mark, the query.
    pub(crate) path: String,
}

/// Something to be purged in one way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    Everything(Depth),
    Tags(Depth, Vec<String>),
    Urls(Depth, Vec<Address>),
    Prefixes(Depth, Vec<Address>),
}

impl Part {
    /// How deep.
    pub(crate) const fn depth(&self) -> Depth {
        match self {
            Self::Everything(depth) | Self::Tags(depth, _) | Self::Urls(depth, _) | Self::Prefixes(depth, _) => *depth,
        }
    }

    /// What it is, in words.
    pub(crate) fn describe(&self) -> String {
        let counted = |count: usize, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
        match self {
            Self::Everything(_) => "everything".to_owned(),
            Self::Tags(_, tags) => counted(tags.iter().filter(|tag| *tag != UNLISTED).count(), "tag", "tags"),
            Self::Urls(_, urls) => counted(urls.len(), "URL", "URLs"),
            Self::Prefixes(_, prefixes) => counted(prefixes.len(), "prefix", "prefixes"),
        }
    }
}

/// What is asked of a CDN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) parts: Vec<Part>,
    /// Why more is asked than was purged here.
    pub(crate) widened: Option<String>,
}

impl Asked {
    /// Everything, in place of what can't be asked.
    pub(crate) fn widened(depth: Depth, why: impl Into<String>) -> Self {
        Self { parts: vec![Part::Everything(depth)], widened: Some(why.into()) }
    }

    /// What is asked of a CDN that can do so much and serves these hosts.
    pub(crate) fn of(purged: &Purged, abilities: Abilities, hosts: &[String]) -> Self {
        if let Some(depth) = purged.everything() {
            let has_harder = purged.scopes().any(|(_, scope_depth)| scope_depth > depth);
            let depth = if has_harder { Depth::Hard } else { depth };
            return Self { parts: vec![Part::Everything(depth)], widened: None };
        }
        let mut lists: [Lists; 2] = Default::default();
        for (scope, depth) in purged.scopes() {
            let depth = if abilities.soft == Able::Yes { depth } else { Depth::Hard };
            let list = &mut lists[usize::from(depth == Depth::Hard)];
            if let Err(why) = list.add(scope, abilities, hosts) {
                let deepest = purged.scopes().map(|(_, depth)| depth).max().unwrap_or(Depth::Hard);
                return Self::widened(deepest, why);
            }
        }
        let [soft, hard] = lists;
        let parts = soft.into_parts(Depth::Soft).into_iter().chain(hard.into_parts(Depth::Hard)).collect();
        Self { parts, widened: None }
    }
}

#[derive(Debug, Default)]
struct Lists {
    tags: Vec<String>,
    urls: Vec<Address>,
    prefixes: Vec<Address>,
}

impl Lists {
    /// Adds a scope, or says why the CDN can't express it.
    fn add(&mut self, scope: &Scope, abilities: Abilities, hosts: &[String]) -> Result<(), String> {
        match scope {
            Scope::All => return Err("everything was purged".to_owned()),
            Scope::Route(name) => return Err(format!("it knows no routes (`{name}`)")),
            Scope::Tag(tag) if abilities.tags == Able::Yes => self.tags.push(tag.as_str().to_owned()),
            Scope::Tag(tag) => return Err(format!("it knows no tags (`{tag}`)")),
            Scope::Url(url) if abilities.urls == Able::Yes => self.urls.extend(addresses(url, hosts)?),
            Scope::Url(url) if abilities.prefixes == Able::Yes => self.prefixes.extend(addresses(url, hosts)?),
            Scope::Url(url) => return Err(format!("it can purge no URLs (`{url}`)")),
            Scope::Prefix(prefix) if abilities.prefixes == Able::Yes => {
                self.prefixes.extend(addresses(prefix, hosts)?);
            }
            Scope::Prefix(prefix) => return Err(format!("it can purge no prefixes (`{prefix}`)")),
        }
        Ok(())
    }

    /// Sorted, so that the same purge is asked in the same words.
    fn into_parts(self, depth: Depth) -> Vec<Part> {
        let Self { mut tags, mut urls, mut prefixes } = self;
        tags.sort_unstable();
        for addresses in [&mut urls, &mut prefixes] {
            addresses.sort_unstable();
            addresses.dedup();
        }
        if !tags.is_empty() {
            // What has more tags than it can list.
            tags.push(UNLISTED.to_owned());
        }
        let mut parts = Vec::new();
        parts.extend((!tags.is_empty()).then_some(Part::Tags(depth, tags)));
        parts.extend((!urls.is_empty()).then_some(Part::Urls(depth, urls)));
        parts.extend((!prefixes.is_empty()).then_some(Part::Prefixes(depth, prefixes)));
        parts
    }
}

/// A URL or prefix under the CDN's names. One that begins with `/` stands for every host; and a host that is none of the CDN's is what
/// Larder is called by, for whichever of them.
fn addresses(text: &str, hosts: &[String]) -> Result<Vec<Address>, String> {
    let under_all = |path: &str| -> Vec<Address> {
        if hosts.is_empty() {
            return vec![Address { host: None, path: path.to_owned() }];
        }
        hosts.iter().map(|host| Address { host: Some(host.clone()), path: path.to_owned() }).collect()
    };
    if text.starts_with('/') {
        return Ok(under_all(text));
    }
    let (host, path) = without_scheme(text)
        .strip_prefix("://")
        .and_then(|rest| rest.find('/').and_then(|at| rest.split_at_checked(at)))
        .ok_or_else(|| format!("`{text}` names no whole host"))?;
    if hosts.is_empty() || hosts.iter().any(|known| known.eq_ignore_ascii_case(host)) {
        return Ok(vec![Address { host: Some(host.to_owned()), path: path.to_owned() }]);
    }
    Ok(under_all(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invalidation::purge::{Purge, PurgeSource};
    use crate::scope::{RouteName, Tag};

    const ALL: Abilities = Abilities { tags: Able::Yes, urls: Able::Yes, prefixes: Able::Yes, soft: Able::Yes };

    fn purged(scopes: &[(Scope, Depth)]) -> Purged {
        let mut purged = Purged::default();
        for (scope, depth) in scopes {
            purged.add(&Purge { scopes: vec![scope.clone()], depth: *depth, source: PurgeSource::Admin });
        }
        purged
    }

    fn tag(text: &str) -> Scope {
        Scope::Tag(Tag::new(text).unwrap())
    }

    /// And what has more tags than it can list.
    fn tags(names: &[&str]) -> Vec<String> {
        names.iter().chain([&UNLISTED]).map(|name| (*name).to_owned()).collect()
    }

    fn url(text: &str) -> Scope {
        Scope::Url(text.into())
    }

    fn address(host: Option<&str>, path: &str) -> Address {
        Address { host: host.map(str::to_owned), path: path.to_owned() }
    }

    #[test]
    fn each_scope_is_asked_for_as_it_is_where_the_cdn_can() {
        let hosts = ["shop".to_owned(), "www".to_owned()];
        let (hard, soft) = (Depth::Hard, Depth::Soft);
        for (scopes, hosts, expected) in [
            (vec![(tag("b"), hard), (tag("a"), hard)], &hosts[..0], vec![Part::Tags(hard, tags(&["a", "b"]))]),
            (
                vec![(tag("b"), soft), (tag("a"), hard)],
                &hosts[..0],
                vec![Part::Tags(soft, tags(&["b"])), Part::Tags(hard, tags(&["a"]))],
            ),
            (vec![(tag("a"), soft), (tag("a"), hard)], &hosts[..0], vec![Part::Tags(hard, tags(&["a"]))]),
            (vec![(url("/p?q"), hard)], &hosts[..0], vec![Part::Urls(hard, vec![address(None, "/p?q")])]),
            (
                vec![(url("/p"), hard)],
                &hosts[..],
                vec![Part::Urls(hard, vec![address(Some("shop"), "/p"), address(Some("www"), "/p")])],
            ),
            (vec![(url("http://www/p"), hard)], &hosts[..], vec![Part::Urls(hard, vec![address(Some("www"), "/p")])]),
            (
                vec![(url("http://inner:8080/p"), hard)],
                &hosts[..1],
                vec![Part::Urls(hard, vec![address(Some("shop"), "/p")])],
            ),
            (
                vec![(Scope::Prefix("https://inner/p".into()), hard)],
                &hosts[..0],
                vec![Part::Prefixes(hard, vec![address(Some("inner"), "/p")])],
            ),
            (vec![(Scope::All, soft)], &hosts[..0], vec![Part::Everything(soft)]),
            (vec![(Scope::All, soft), (tag("a"), hard)], &hosts[..0], vec![Part::Everything(hard)]),
        ] {
            let asked = Asked::of(&purged(&scopes), ALL, hosts);
            assert_eq!((asked.parts, asked.widened), (expected, None), "{scopes:?}");
        }
    }

    #[test]
    fn what_a_cdn_cannot_express_is_everything_and_never_nothing() {
        let none = Abilities { tags: Able::No, urls: Able::No, prefixes: Able::No, soft: Able::No };
        for (scope, abilities) in [
            (Scope::Route(RouteName::new("a")), ALL),
            (Scope::Prefix("http://sho".into()), ALL),
            (tag("a"), none),
            (url("/p"), none),
            (Scope::Prefix("/p".into()), Abilities { prefixes: Able::No, ..ALL }),
        ] {
            let scopes = [(scope, Depth::Hard), (tag("b"), Depth::Soft)];
            let asked = Asked::of(&purged(&scopes), abilities, &[]);
            assert_eq!(asked.parts, [Part::Everything(Depth::Hard)], "{scopes:?}");
            assert!(asked.widened.is_some(), "{scopes:?}");
        }
        let by_prefix =
            Asked::of(&purged(&[(url("/p"), Depth::Soft)]), Abilities { urls: Able::No, soft: Able::No, ..ALL }, &[]);
        assert_eq!(by_prefix.parts, [Part::Prefixes(Depth::Hard, vec![address(None, "/p")])]);
    }
}
