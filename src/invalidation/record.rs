//! The entries of the shared log, written and read.
//!
//! An entry is a list of names and texts. What can't be read is not skipped: it may be a purge written by a newer
//! version, so it counts as a purge of everything.

use super::idempotency::IdempotencyKey;
use super::purge::{Depth, Purge, PurgeSource, SCOPES_MAX};
use super::switch_record::{SwitchRecord, nothing_purged};
use crate::scope::{RouteName, Scope, Tag};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// The longest text that is taken for a URL, a prefix or the name of a route, in bytes.
const TEXT_BYTES_MAX: usize = 64 * 1024;

/// Marks an entry that others of its purge follow.
const EARLIER: &str = "earlier";

/// Marks an entry that purges nothing.
const MARK: &str = "mark";

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LogRecord {
    /// A purge.
    Purge(PurgeRecord),
    /// An incident switch.
    Switch(SwitchRecord),
    /// Nothing but a place, behind all that was done before it was asked for.
    Mark {
        /// Names this attempt to append, so that its instance knows it again.
        token: String,
    },
    /// This run of Redis keeps the log from here on; what earlier runs held may be lost.
    Epoch {
        /// The run's id.
        run: String,
    },
    /// What this version does not understand.
    Unreadable,
}

/// A purge as the log holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PurgeRecord {
    /// What is purged.
    pub(super) purge: Purge,
    /// The instance that was asked.
    pub(super) by: String,
    /// Names this attempt to append, so that its instance knows it again.
    pub(super) token: String,
    /// The caller's Idempotency-Key.
    pub(super) idempotency: Option<IdempotencyKey>,
    /// Where it stands in the purge that was asked for.
    pub(super) part: PurgePart,
}

/// Where an entry stands in its purge, which may be too long for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PurgePart {
    /// It is the only one, or the last. All of them name so many scopes.
    Last {
        /// How many.
        scopes_total: usize,
    },
    /// More entries follow, and the receipt comes with the last.
    Earlier,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Written {
    All,
    Route(String),
    Tag(String),
    Url(String),
    Prefix(String),
}

impl LogRecord {
    /// The names and texts of the entry.
    pub(super) fn fields(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Epoch { run } => vec![("kind", "epoch".to_owned()), ("run", run.clone())],
            Self::Unreadable => vec![("kind", "unreadable".to_owned())],
            Self::Switch(record) => record.fields(),
            Self::Mark { token } => {
                let mut fields = nothing_purged(token.clone());
                fields.push((MARK, "1".to_owned()));
                fields
            }
            Self::Purge(PurgeRecord { purge, by, token, idempotency, part }) => {
                let scopes: Vec<_> = purge.scopes.iter().map(Written::from).collect();
                let scopes = serde_json::to_string(&scopes).expect("texts and a list of them are JSON");
                let mut fields = vec![
                    ("kind", "purge".to_owned()),
                    ("depth", purge.depth.label().to_owned()),
                    ("source", purge.source.label().to_owned()),
                    ("scopes", scopes),
                    ("by", by.clone()),
                    ("token", token.clone()),
                ];
                if let Some(IdempotencyKey { name, asked }) = idempotency.clone() {
                    fields.push(("idem", name));
                    fields.extend(asked.map(|asked| ("asked", asked)));
                }
                match part {
                    PurgePart::Earlier => fields.push(("part", EARLIER.to_owned())),
                    PurgePart::Last { scopes_total } if *scopes_total == purge.scopes.len() => {}
                    PurgePart::Last { scopes_total } => fields.push(("total", scopes_total.to_string())),
                }
                fields
            }
        }
    }

    /// What names the attempt to append it, so that its instance knows it again.
    pub(super) fn token(&self) -> Option<&str> {
        match self {
            Self::Purge(record) => Some(&record.token),
            Self::Switch(record) => Some(&record.token),
            Self::Mark { token } => Some(token),
            Self::Epoch { .. } | Self::Unreadable => None,
        }
    }

    /// Reads an entry.
    pub(super) fn read(fields: &HashMap<String, String>) -> Self {
        let text = |name: &str| fields.get(name).cloned();
        match fields.get("kind").map(String::as_str) {
            Some("epoch") => text("run").map_or(Self::Unreadable, |run| Self::Epoch { run }),
            Some("purge") if let Some(record) = SwitchRecord::read(fields) => Self::Switch(record),
            Some("purge") if fields.contains_key(MARK) => Self::Mark { token: text("token").unwrap_or_default() },
            Some("purge") => purge_of(fields).map_or(Self::Unreadable, |purge| {
                let total = fields.get("total").and_then(|total| total.parse().ok());
                let last = PurgePart::Last { scopes_total: total.unwrap_or(purge.scopes.len()) };
                let is_earlier = fields.get("part").is_some_and(|part| part == EARLIER);
                Self::Purge(PurgeRecord {
                    purge,
                    by: text("by").unwrap_or_default(),
                    token: text("token").unwrap_or_default(),
                    idempotency: text("idem").map(|name| IdempotencyKey { name, asked: text("asked") }),
                    part: if is_earlier { PurgePart::Earlier } else { last },
                })
            }),
            _ => Self::Unreadable,
        }
    }
}

fn purge_of(fields: &HashMap<String, String>) -> Option<Purge> {
    let depth = match fields.get("depth")?.as_str() {
        "soft" => Depth::Soft,
        "hard" => Depth::Hard,
        _ => return None,
    };
    let source =
        PurgeSource::ALL.into_iter().find(|source| Some(source.label()) == fields.get("source").map(String::as_str));
    let written: Vec<Written> = serde_json::from_str(fields.get("scopes")?).ok()?;
    if written.is_empty() || written.len() > SCOPES_MAX {
        return None;
    }
    let scopes = written.into_iter().map(Written::scope).collect::<Option<Vec<_>>>()?;
    Some(Purge { scopes, depth, source: source.unwrap_or(PurgeSource::Fleet) })
}

impl From<&Scope> for Written {
    fn from(scope: &Scope) -> Self {
        match scope {
            Scope::All => Self::All,
            Scope::Route(name) => Self::Route(name.as_str().to_owned()),
            Scope::Tag(tag) => Self::Tag(tag.as_str().to_owned()),
            Scope::Url(url) => Self::Url(url.to_string()),
            Scope::Prefix(prefix) => Self::Prefix(prefix.to_string()),
        }
    }
}

impl Written {
    fn scope(self) -> Option<Scope> {
        let fits = |text: &String| text.len() <= TEXT_BYTES_MAX;
        match self {
            Self::All => Some(Scope::All),
            Self::Route(name) => Some(name).filter(fits).map(|name| Scope::Route(RouteName::new(&name))),
            Self::Tag(tag) => Tag::new(&tag).ok().map(Scope::Tag),
            Self::Url(url) => Some(url).filter(fits).map(|url| Scope::Url(url.into())),
            Self::Prefix(prefix) => Some(prefix).filter(fits).map(|prefix| Scope::Prefix(prefix.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(fields: &[(&str, &str)]) -> LogRecord {
        LogRecord::read(&fields.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect())
    }

    #[test]
    fn what_is_written_is_read_again() {
        let scopes = vec![
            Scope::All,
            Scope::Route(RouteName::new("product")),
            Scope::Tag(Tag::new("product:1").unwrap()),
            Scope::Url("/a?b=\"c\"".into()),
            Scope::Prefix("http://shop/".into()),
        ];
        let keys = [None, Some(IdempotencyKey::new("abc", b"body"))];
        let parts = [
            PurgePart::Earlier,
            PurgePart::Last { scopes_total: scopes.len() },
            PurgePart::Last { scopes_total: 12_000 },
        ];
        for (idempotency, part) in keys.into_iter().flat_map(|key| parts.map(|part| (key.clone(), part))) {
            let purge = Purge { scopes: scopes.clone(), depth: Depth::Soft, source: PurgeSource::UnsafeRequest };
            let record = PurgeRecord { purge, by: "one".to_owned(), token: "one-7".to_owned(), idempotency, part };
            let record = LogRecord::Purge(record);
            let fields = record.fields();
            let fields: Vec<_> = fields.iter().map(|(name, text)| (*name, text.as_str())).collect();
            assert_eq!(read(&fields), record);
        }
        let mark = LogRecord::Mark { token: "one-8".to_owned() };
        let fields = mark.fields();
        assert_eq!(read(&fields.iter().map(|(name, text)| (*name, text.as_str())).collect::<Vec<_>>()), mark);
        let before: Vec<_> = fields.iter().filter(|(name, _)| *name != MARK).map(|(n, t)| (*n, t.as_str())).collect();
        assert!(matches!(read(&before), LogRecord::Purge(PurgeRecord { part: PurgePart::Earlier, .. })), "{before:?}");
        let epoch = LogRecord::Epoch { run: "f00".to_owned() };
        assert_eq!(read(&[("kind", "epoch"), ("run", "f00")]), epoch);
    }

    #[test]
    fn what_is_not_understood_is_told_apart_from_nothing() {
        let purge = |scopes| read(&[("kind", "purge"), ("depth", "hard"), ("scopes", scopes)]);
        assert!(matches!(purge(r#"["all"]"#), LogRecord::Purge(_)));
        for scopes in ["", "[]", "{}", r#"[{"tag":"a\nb"}]"#, r#"[{"colour":"red"}]"#, r#"["everything"]"#] {
            assert_eq!(purge(scopes), LogRecord::Unreadable, "{scopes}");
        }
        assert_eq!(read(&[]), LogRecord::Unreadable);
        assert_eq!(read(&[("kind", "merge")]), LogRecord::Unreadable);
        assert_eq!(read(&[("kind", "purge"), ("depth", "deep"), ("scopes", r#"["all"]"#)]), LogRecord::Unreadable);
    }

    proptest! {
        #[test]
        fn no_text_makes_reading_panic(scopes in ".{0,200}", kind in "purge|epoch|.{0,5}") {
            let _ = read(&[("kind", &kind), ("depth", "hard"), ("scopes", &scopes)]);
        }
    }
}
