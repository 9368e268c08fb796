//! All stored responses of one primary key.

use super::{ALLOCATION_OVERHEAD_BYTES, ARC_HEADER_BYTES, Entry};
use crate::semantics::vary::VariantKey;
use http::HeaderName;
use std::sync::Arc;

/// The variants stored under one primary key, newest first. Immutable: a change makes another. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Variants(Row);

/// Most keys have one variant: that one needs no row of its own.
#[derive(Debug, Clone)]
enum Row {
    One(Arc<Entry>),
    Many(Arc<[Arc<Entry>]>),
}

impl Default for Variants {
    fn default() -> Self {
        Self(Row::Many(Arc::default()))
    }
}

impl Variants {
    /// These entries, newest first, each of another variant.
    #[must_use]
    pub fn of(mut entries: Vec<Arc<Entry>>) -> Self {
        match (entries.pop(), entries.is_empty()) {
            (Some(only), true) => Self(Row::One(only)),
            (last, _) => {
                entries.extend(last);
                Self(Row::Many(entries.into()))
            }
        }
    }

    /// The entries, newest first.
    #[must_use]
    pub fn entries(&self) -> &[Arc<Entry>] {
        match &self.0 {
            Row::One(entry) => std::slice::from_ref(entry),
            Row::Many(entries) => entries,
        }
    }

    /// Whether the other is this one, cloned.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Row::One(one), Row::One(other)) => Arc::ptr_eq(one, other),
            (Row::Many(one), Row::Many(other)) => Arc::ptr_eq(one, other),
            (Row::One(_), Row::Many(_)) | (Row::Many(_), Row::One(_)) => false,
        }
    }

    /// All memory that they hold, in bytes: entries and row.
    #[must_use]
    pub fn weight_bytes(&self) -> usize {
        let row = match &self.0 {
            Row::One(_) => 0,
            Row::Many(entries) => size_of_val(&**entries) + ARC_HEADER_BYTES + ALLOCATION_OVERHEAD_BYTES,
        };
        row + self.entries().iter().map(|entry| entry.weight_bytes()).sum::<usize>()
    }

    /// The entry that a request picks (RFC 9111 section 4.1), by the normalised value that the request would have at
    /// the origin for a field (`Route::fetch_value`); asked at most once for each field.
    ///
    /// The newest that matches wins, but one that varies by nothing yields to one that varies: it matches any request,
    /// and a Vary forgotten on one response must not hide the others. Nor is it used once a newer response has told
    /// that the resource varies.
    #[must_use]
    pub fn select(&self, mut presented: impl FnMut(&HeaderName) -> Box<[u8]>) -> Option<&Arc<Entry>> {
        let mut asked: Vec<(HeaderName, Box<[u8]>)> = Vec::new();
        let mut matches = |variant: &VariantKey| {
            variant.0.iter().all(|(name, stored)| {
                if let Some((_, value)) = asked.iter().find(|(known, _)| known == name) {
                    return value == stored;
                }
                let value = presented(name);
                let same = value == *stored;
                asked.push((name.clone(), value));
                same
            })
        };
        let mut unvaried = None;
        for (at, entry) in self.entries().iter().enumerate() {
            let variant = entry.variant();
            if variant.0.is_empty() {
                unvaried = unvaried.or((at == 0).then_some(entry));
            } else if matches(variant) {
                return Some(entry);
            }
        }
        unvaried
    }

    /// These and a new entry, which takes the place of those of the same variant; the oldest beyond `entries_max` go.
    #[must_use]
    pub fn with(&self, entry: Arc<Entry>, entries_max: usize) -> Self {
        let others = self.others(entry.variant());
        let mut entries: Vec<_> = others.take(entries_max.saturating_sub(1)).cloned().collect();
        entries.insert(0, entry);
        Self::of(entries)
    }

    /// These and an entry of an earlier process, in the order in which they were stored. `None` if one of its variant is
    /// among them: that one is newer.
    pub(crate) fn with_earlier(&self, entry: Arc<Entry>) -> Option<Self> {
        let present = self.entries();
        if present.iter().any(|other| other.variant() == entry.variant()) {
            return None;
        }
        let place = present.iter().position(|other| other.stored_at() < entry.stored_at()).unwrap_or(present.len());
        let (before, after) = present.split_at(place);
        Some(Self::of(before.iter().cloned().chain([entry]).chain(after.iter().cloned()).collect()))
    }

    /// These with `newer`, which takes the place of `older` and of those of its own variant. `None` if `older` is not
    /// among them.
    #[must_use]
    pub fn replacing(&self, older: &Arc<Entry>, newer: Arc<Entry>) -> Option<Self> {
        self.entries().iter().find(|entry| Arc::ptr_eq(entry, older))?;
        let others = self.others(newer.variant()).filter(|entry| !Arc::ptr_eq(entry, older));
        let mut entries: Vec<_> = others.cloned().collect();
        entries.insert(0, newer);
        Some(Self::of(entries))
    }

    /// These with the same response as `older` in its place, with other codings beside it. `None` if `older` is not among
    /// them.
    #[must_use]
    pub(crate) fn with_same(&self, older: &Arc<Entry>, same: Arc<Entry>) -> Option<Self> {
        let place = self.entries().iter().position(|entry| Arc::ptr_eq(entry, older))?;
        let mut entries = self.entries().to_vec();
        entries[place] = same;
        Some(Self::of(entries))
    }

    /// These without an entry. `None` if it is not among them.
    #[must_use]
    pub fn without(&self, entry: &Arc<Entry>) -> Option<Self> {
        let others: Vec<_> = self.entries().iter().filter(|other| !Arc::ptr_eq(other, entry)).cloned().collect();
        (others.len() < self.entries().len()).then(|| Self::of(others))
    }

    /// These without those of one variant.
    #[must_use]
    pub fn without_variant(&self, variant: &VariantKey) -> Self {
        Self::of(self.others(variant).cloned().collect())
    }

    /// These without the oldest ones that do not fit into `bytes`; the newest stays in any case.
    #[must_use]
    pub fn within(mut self, bytes: usize) -> Self {
        while self.entries().len() > 1 && self.weight_bytes() > bytes {
            let fewer = self.entries().len() - 1;
            self = Self::of(self.entries().iter().take(fewer).cloned().collect());
        }
        self
    }

    fn others<'a>(&'a self, variant: &'a VariantKey) -> impl Iterator<Item = &'a Arc<Entry>> {
        self.entries().iter().filter(move |entry| entry.variant() != variant)
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::Sample;
    use super::*;

    type Variant = [(&'static str, &'static str)];

    fn entry(variant: &Variant) -> Arc<Entry> {
        Sample { variant: variant.to_vec(), ..Sample::default() }.entry()
    }

    fn stored(oldest_first: &[&Variant]) -> Variants {
        oldest_first.iter().fold(Variants::default(), |variants, variant| variants.with(entry(variant), 8))
    }

    #[test]
    fn the_newest_match_is_selected_and_one_without_vary_yields() {
        let (de, en) = ([("accept-language", "de")], [("accept-language", "en")]);
        let de_phone = [("accept-language", "de"), ("device", "phone")];
        let rows: &[(&str, &[&Variant], Option<usize>)] = &[
            ("nothing stored", &[], None),
            ("one that varies by nothing", &[&[]], Some(0)),
            ("the matching one of two", &[&de, &en], Some(1)),
            ("none matches", &[&en], None),
            ("the newer of two that match, with other fields", &[&de, &de_phone], Some(0)),
            ("the newer of two that match, the other way", &[&de_phone, &de], Some(0)),
            ("a newer one without Vary yields", &[&de, &[]], Some(1)),
            ("a newest one without Vary serves who matches no other", &[&en, &[]], Some(0)),
            ("an older one without Vary is superseded", &[&[], &en], None),
        ];
        for (what, oldest_first, expected) in rows {
            let variants = stored(oldest_first);
            let presented = |name: &HeaderName| -> Box<[u8]> {
                match name.as_str() {
                    "accept-language" => b"de".to_vec().into(),
                    _ => b"phone".to_vec().into(),
                }
            };
            let selected = variants.select(presented);
            let place = selected.map(|found| variants.entries().iter().position(|one| Arc::ptr_eq(one, found)));
            assert_eq!(place, expected.map(Some), "{what}");
        }
    }

    #[test]
    fn each_field_is_asked_for_once_and_only_if_needed() {
        let mut asked = Vec::new();
        let variants = stored(&[&[("accept-language", "de")], &[("accept-language", "en")], &[("device", "phone")]]);
        let _ = variants.select(|name| {
            asked.push(name.as_str().to_owned());
            Box::default()
        });
        assert_eq!(asked, ["device", "accept-language"]);
    }

    #[test]
    fn a_new_entry_replaces_its_variant_and_pushes_out_the_oldest() {
        let variants = stored(&[&[("a", "1")], &[("a", "2")], &[("a", "3")]]);
        let again = entry(&[("a", "2")]);
        let changed = variants.with(Arc::clone(&again), 2);
        assert_eq!(changed.entries().len(), 2);
        assert!(Arc::ptr_eq(&changed.entries()[0], &again));
        assert!(Arc::ptr_eq(&changed.entries()[1], &variants.entries()[0]), "the newest other one stays");
    }

    #[test]
    fn replacing_and_removing_concern_one_entry_and_only_if_it_is_there() {
        let variants = stored(&[&[("a", "1")], &[("a", "2")]]);
        let (newest, oldest) = (&variants.entries()[0], &variants.entries()[1]);
        let newer = entry(&[("b", "1")]);
        let replaced = variants.replacing(oldest, Arc::clone(&newer)).expect("the oldest is there");
        assert_eq!(replaced.entries().len(), 2);
        assert!(Arc::ptr_eq(&replaced.entries()[0], &newer) && Arc::ptr_eq(&replaced.entries()[1], newest));
        assert!(replaced.replacing(oldest, entry(&[])).is_none(), "what is gone is not replaced");
        assert_eq!(variants.without(newest).map(|rest| rest.entries().len()), Some(1));
        assert!(variants.without(&newer).is_none());
    }

    #[test]
    fn the_oldest_beyond_a_size_go_but_never_the_newest() {
        let variants = || stored(&[&[("a", "1")], &[("a", "2")], &[("a", "3")]]);
        let (all, each) = (variants().weight_bytes(), entry(&[("a", "1")]).weight_bytes());
        for (bytes, expected) in [(all, 3), (all - 1, 2), (all - each - 8, 2), (each * 2, 1), (0, 1)] {
            let variants = variants();
            assert_eq!(variants.within(bytes).entries().len(), expected, "{bytes}");
        }
    }
}
