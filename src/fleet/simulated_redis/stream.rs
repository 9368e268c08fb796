//! One stream: its entries, and how it is trimmed.

use super::words::{Refusal, Words, bulk};
use crate::fleet::streams::EntryId;
use redis::Value;
use std::collections::BTreeMap;
use std::ops::Bound;

const INVALID_ID: &str = "ERR Invalid stream ID specified as stream command argument";

/// A stream. One without entries remembers the highest id that it has ever had.
#[derive(Debug, Default)]
pub(super) struct Stream {
    pub(super) entries: BTreeMap<EntryId, Entry>,
    pub(super) last: EntryId,
    added: u64,
}

#[derive(Debug)]
pub(super) struct Entry {
    /// Which node it lies in.
    node: u64,
    fields: Vec<Vec<u8>>,
}

/// How exactly a stream is trimmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exactness {
    /// Whole nodes only.
    Nodes,
    Entries,
}

/// What stays when a stream is trimmed.
#[derive(Debug, Clone, Copy)]
enum Keep {
    Newest(usize),
    From(EntryId),
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Trim {
    keep: Keep,
    exactness: Exactness,
}

impl Trim {
    /// Reads `MAXLEN ~ 100` or `MINID ~ 5-0` from `place` on, and moves `place` behind it.
    pub(super) fn parse(words: &Words, place: &mut usize) -> Result<Option<Self>, Refusal> {
        let strategy = words.option(*place);
        if strategy != "MAXLEN" && strategy != "MINID" {
            return Ok(None);
        }
        *place += 1;
        let exactness = match words.at(*place) {
            b"~" => Exactness::Nodes,
            _ => Exactness::Entries,
        };
        if matches!(words.at(*place), b"~" | b"=") {
            *place += 1;
        }
        let keep = match strategy.as_str() {
            "MAXLEN" => Keep::Newest(words.number(*place)?),
            _ => Keep::From(id_of(words.at(*place), 0)?),
        };
        *place += 1;
        Ok(Some(Self { keep, exactness }))
    }
}

impl Stream {
    pub(super) fn append(&mut self, id: EntryId, fields: Vec<Vec<u8>>, node_entries: u64) {
        let node = self.added / node_entries;
        self.entries.insert(id, Entry { node, fields });
        self.last = id;
        self.added += 1;
    }

    /// Drops what need not stay, from the oldest on, and counts it.
    pub(super) fn trim(&mut self, trim: Trim) -> usize {
        let mut surplus = match trim.keep {
            Keep::Newest(kept) => self.entries.len().saturating_sub(kept),
            Keep::From(first) => self.entries.range(..first).count(),
        };
        if trim.exactness == Exactness::Nodes {
            let first_to_stay = self.entries.values().nth(surplus).map(|entry| entry.node);
            surplus = self.entries.values().take(surplus).filter(|entry| Some(entry.node) != first_to_stay).count();
        }
        for _ in 0..surplus {
            self.entries.pop_first();
        }
        surplus
    }

    pub(super) fn between(&self, first: Bound<EntryId>, last: Bound<EntryId>, count_max: usize) -> Vec<Value> {
        // A range that ends before it begins is empty to Redis, and a panic to the map.
        let is_before = |id: EntryId| match last {
            Bound::Included(last) => id <= last,
            Bound::Excluded(last) => id < last,
            Bound::Unbounded => true,
        };
        self.entries
            .range((first, Bound::Unbounded))
            .take_while(|(id, _)| is_before(**id))
            .take(count_max)
            .map(|(id, entry)| entry_reply(*id, entry))
            .collect()
    }
}

/// Reads `5-3`, and `5` with the sequence that it leaves out.
pub(super) fn id_of(word: &[u8], sequence: u64) -> Result<EntryId, Refusal> {
    let text = String::from_utf8_lossy(word);
    let id = EntryId::parse(&text).or_else(|| Some(EntryId(text.parse().ok()?, sequence)));
    id.ok_or_else(|| Refusal::of(INVALID_ID))
}

pub(super) fn entry_reply(id: EntryId, entry: &Entry) -> Value {
    Value::Array(vec![text(&id), Value::Array(entry.fields.iter().map(|field| bulk(field)).collect())])
}

pub(super) fn text(text: &impl ToString) -> Value {
    Value::BulkString(text.to_string().into_bytes())
}
