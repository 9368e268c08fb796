//! `claims` of a route: which claims of a verified token are part of the key.

use std::sync::Arc;

/// The claims that a route keys, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClaimsRule {
    /// In the order of the key: sorted, each once, at least one.
    names: Arc<[Box<str>]>,
}

impl ClaimsRule {
    /// These; `None` if there is none.
    pub(crate) fn of<'n>(names: impl Iterator<Item = &'n str>) -> Option<Self> {
        let mut names: Vec<Box<str>> = names.map(Into::into).collect();
        names.sort_unstable();
        names.dedup();
        (!names.is_empty()).then(|| Self { names: names.into() })
    }

    /// Their names.
    pub(crate) fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.names.iter().map(|name| &**name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_have_one_order() {
        let rule = |names: &[&str]| ClaimsRule::of(names.iter().copied());
        assert_eq!(rule(&["region", "group", "region"]), rule(&["group", "region"]));
        assert_eq!(rule(&[]), None);
    }
}
