//! The patterns of a ban, where they say no more and no less than the scopes of a purge can.

use super::{Refused, Rules, prefix_scopes, tag};
use crate::scope::Scope;

/// What a ban matches, as far as it is said: what is not said matches anything.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Matched {
    hosts: Option<Vec<String>>,
    url: Option<UrlMatched>,
    tags: Option<Vec<String>>,
}

#[derive(Debug, PartialEq, Eq)]
enum UrlMatched {
    Exactly(String),
    From(String),
}

impl Matched {
    /// A pattern of hosts: one, or `^(a|b)$`.
    pub(super) fn host_like(&mut self, field: &str, pattern: &str) -> Result<(), Refused> {
        if is_anything(pattern) {
            return Ok(());
        }
        let inner = pattern.strip_prefix('^').and_then(|pattern| pattern.strip_suffix('$'));
        let hosts = inner.and_then(alternatives).ok_or_else(|| inexact(field, pattern))?;
        self.set_hosts(field, hosts)
    }

    /// A pattern of URLs: `^/prefix`, `^/exactly$`.
    pub(super) fn url_like(&mut self, field: &str, pattern: &str) -> Result<(), Refused> {
        if is_anything(pattern) || matches!(pattern, "^/" | "^/.*" | "^/.*$") {
            return Ok(());
        }
        let inner = pattern.strip_prefix('^').ok_or_else(|| inexact(field, pattern))?;
        let (inner, is_whole) = match inner.strip_suffix('$') {
            Some(inner) if !inner.ends_with('\\') => (inner, true),
            _ => (inner, false),
        };
        let inner = if is_whole { inner } else { inner.strip_suffix(".*").unwrap_or(inner) };
        let literal =
            literal(inner).filter(|literal| literal.starts_with('/')).ok_or_else(|| inexact(field, pattern))?;
        self.set_url(field, if is_whole { UrlMatched::Exactly(literal) } else { UrlMatched::From(literal) })
    }

    /// A pattern of the field that lists tags: `(^|[ ,])a($|[ ,])`, `(^|,)(a|b)(,|$)`.
    pub(super) fn tags_like(&mut self, field: &str, pattern: &str) -> Result<(), Refused> {
        const BEGINS: [&str; 6] = ["(^|[ ,])", "(^|[, ])", "(^|,)", "(^| )", "(?:^|,)", "(?:^| )"];
        const ENDS: [&str; 5] = ["($|[ ,])", "([ ,]|$)", "([, ]|$)", "(,|$)", "( |$)"];

        if is_anything(pattern) {
            return Ok(());
        }
        let inner = BEGINS.iter().find_map(|begin| pattern.strip_prefix(begin));
        let inner = inner.and_then(|inner| ENDS.iter().find_map(|end| inner.strip_suffix(end)));
        let tags = inner.and_then(alternatives).ok_or_else(|| inexact(field, pattern))?;
        let is_first = self.tags.replace(tags).is_none();
        if is_first { Ok(()) } else { Err(Refused::new(field, "it speaks of the tags twice")) }
    }

    /// What Larder files nothing by may be anything only.
    pub(super) fn anything(field: &str, pattern: &str) -> Result<(), Refused> {
        if is_anything(pattern) { Ok(()) } else { Err(inexact(field, pattern)) }
    }

    fn set_hosts(&mut self, field: &str, hosts: Vec<String>) -> Result<(), Refused> {
        let is_first = self.hosts.replace(hosts).is_none();
        if is_first { Ok(()) } else { Err(Refused::new(field, "it speaks of the host twice")) }
    }

    fn set_url(&mut self, field: &str, url: UrlMatched) -> Result<(), Refused> {
        let is_first = self.url.replace(url).is_none();
        if is_first { Ok(()) } else { Err(Refused::new(field, "it speaks of the URL twice")) }
    }

    /// The scopes that are exactly that.
    pub(super) fn scopes(self, field: &str, rules: &Rules) -> Result<Vec<Scope>, Refused> {
        match self {
            Self { hosts: None, url: None, tags: Some(tags) } => tags.iter().map(|name| tag(field, name)).collect(),
            Self { tags: Some(_), .. } => {
                Err(Refused::new(field, "a ban by tags and something else cannot be mapped exactly"))
            }
            Self { hosts: None, url: None, tags: None } => Ok(vec![Scope::All]),
            Self { hosts: None, url: Some(url), tags: None } => url.scopes(field, "", rules),
            Self { hosts: Some(hosts), url, tags: None } => {
                let url = url.unwrap_or_else(|| UrlMatched::From("/".to_owned()));
                let each = hosts.iter().map(|host| url.scopes(field, host, rules));
                Ok(each.collect::<Result<Vec<_>, _>>()?.concat())
            }
        }
    }
}

impl UrlMatched {
    fn scopes(&self, field: &str, host: &str, rules: &Rules) -> Result<Vec<Scope>, Refused> {
        match self {
            Self::Exactly(url) => rules.url(field, &format!("{host}{url}")),
            Self::From(prefix) => prefix_scopes(field, &format!("{host}{prefix}")),
        }
    }
}

/// An expression of Varnish's language: terms joined by `&&`, each a field, `==` or `~`, and what it is compared with.
pub(super) fn expression(field: &str, text: &str) -> Result<Matched, Refused> {
    let mut matched = Matched::default();
    for term in text.split("&&").map(str::trim) {
        let words: Vec<&str> = term.splitn(3, ' ').map(str::trim).collect();
        let [of, operator, argument] = words[..] else { return Err(inexact(field, text)) };
        let argument = argument.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(argument);
        if argument.is_empty() || argument.contains('"') {
            return Err(inexact(field, text));
        }
        match (of.to_ascii_lowercase().as_str(), operator) {
            ("req.http.host" | "obj.http.x-host", "==") => matched.set_hosts(field, vec![argument.to_owned()])?,
            ("req.http.host" | "obj.http.x-host", "~") => matched.host_like(field, argument)?,
            ("req.url" | "obj.http.x-url", "==") if argument.starts_with('/') => {
                matched.set_url(field, UrlMatched::Exactly(argument.to_owned()))?;
            }
            ("req.url" | "obj.http.x-url", "~") => matched.url_like(field, argument)?,
            ("obj.http.xkey" | "obj.http.surrogate-key" | "obj.http.x-cache-tags" | "obj.http.cache-tags", "~") => {
                matched.tags_like(field, argument)?;
            }
            _ => return Err(inexact(field, text)),
        }
    }
    Ok(matched)
}

fn inexact(field: &str, pattern: &str) -> Refused {
    let pattern: String = pattern.chars().take(100).collect();
    let detail =
        format!("`{pattern}` cannot be mapped exactly: name tags, URLs or their beginnings, or use POST /purge");
    Refused::new(field, detail)
}

fn is_anything(pattern: &str) -> bool {
    matches!(pattern, ".*" | "^.*" | "^.*$" | ".*$" | ".")
}

/// One text, or those of `(a|b)`; `None` if they are more than texts.
fn alternatives(pattern: &str) -> Option<Vec<String>> {
    let inner = pattern.strip_prefix("(?:").or_else(|| pattern.strip_prefix('('));
    match inner {
        Some(inner) => inner.strip_suffix(')')?.split('|').map(literal).collect(),
        None => Some(vec![literal(pattern)?]),
    }
}

/// The text that a pattern stands for, if it stands for one alone.
pub(super) fn literal(pattern: &str) -> Option<String> {
    let mut text = String::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => text.push(chars.next().filter(|escaped| !escaped.is_ascii_alphanumeric())?),
            '.' | '*' | '+' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '|' | '^' | '$' => return None,
            c => text.push(c),
        }
    }
    Some(text).filter(|text| !text.is_empty())
}
