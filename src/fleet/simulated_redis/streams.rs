//! Streams, and the commands on them.

use super::stream::{Entry, Stream, Trim, entry_reply, id_of, text};
use super::values::Keyspace;
use super::words::{Refusal, Reply, Words, bulk, count};
use crate::fleet::streams::EntryId;
use redis::Value;
use std::ops::Bound;
use std::time::Duration;

/// So many entries share a node; `~` drops whole nodes only, as Redis does with its default of
/// `stream-node-max-entries`.
pub(super) const NODE_ENTRIES: u64 = 100;

const NO_SUCH_KEY: &str = "ERR no such key";
const ZERO_ID: &str = "ERR The ID specified in XADD must be greater than 0-0";
const LOW_ID: &str = "ERR The ID specified in XADD is equal or smaller than the target stream top item";

/// A reader's question: `XREAD` of one stream.
#[derive(Debug)]
pub(super) struct Reading {
    key: Vec<u8>,
    after: After,
    count_max: usize,
    /// How long to wait for an entry.
    pub(super) block: Option<Duration>,
}

#[derive(Debug, Clone, Copy)]
enum After {
    Id(EntryId),
    /// Whatever is the last when the question arrives.
    Last,
}

impl Reading {
    pub(super) fn parse(words: &Words) -> Result<Self, Refusal> {
        let (mut count_max, mut block) = (usize::MAX, None);
        let mut place = 1;
        loop {
            match words.option(place).as_str() {
                "COUNT" => count_max = words.number(place + 1)?,
                "BLOCK" => block = Some(Duration::from_millis(words.number(place + 1)?)),
                "STREAMS" => break,
                _ => words.unknown(),
            }
            place += 2;
        }
        assert_eq!(words.count(), place + 3, "{words} reads more than one stream");
        assert_ne!(block, Some(Duration::ZERO), "{words} blocks for ever");
        let after = match words.at(place + 2) {
            b"$" => After::Last,
            id => After::Id(id_of(id, 0)?),
        };
        Ok(Self { key: words.at(place + 1).to_vec(), after, count_max, block })
    }

    /// The entries that answer it; nil where there are none yet.
    pub(super) fn answer(&mut self, keys: &mut Keyspace) -> Reply {
        let stream = keys.existing::<Stream>(&self.key)?;
        let after = match self.after {
            After::Id(id) => id,
            After::Last => stream.as_ref().map_or(EntryId::ZERO, |stream| stream.last),
        };
        self.after = After::Id(after);
        let entries = stream.map(|stream| stream.between(Bound::Excluded(after), Bound::Unbounded, self.count_max));
        Ok(match entries {
            Some(entries) if !entries.is_empty() => {
                Value::Array(vec![Value::Array(vec![bulk(&self.key), Value::Array(entries)])])
            }
            _ => Value::Nil,
        })
    }
}

impl Keyspace {
    /// Executes a command on streams; `XREAD` does not wait here.
    pub(super) fn execute_on_stream(&mut self, words: &Words, node_entries: u64) -> Reply {
        match words.name().as_str() {
            "XADD" => self.xadd(words, node_entries),
            "XRANGE" => self.xrange(words),
            "XREAD" => Reading::parse(words)?.answer(self),
            "XINFO" => self.xinfo(words),
            "XTRIM" => self.xtrim(words),
            _ => words.unknown(),
        }
    }

    fn xadd(&mut self, words: &Words, node_entries: u64) -> Reply {
        let mut place = 2;
        let trim = Trim::parse(words, &mut place)?;
        let (now_ms, key) = (self.now_ms, words.at(1));
        let last = self.existing::<Stream>(key)?.map_or(EntryId::ZERO, |stream| stream.last);
        let id = match words.at(place) {
            // A clock that went back does not take the ids with it.
            b"*" if now_ms > last.0 => EntryId(now_ms, 0),
            b"*" => EntryId(last.0, last.1 + 1),
            given => id_of(given, 0)?,
        };
        if id == EntryId::ZERO {
            return Err(Refusal::of(ZERO_ID));
        }
        if id <= last {
            return Err(Refusal::of(LOW_ID));
        }
        let fields = words.pairs_from(place + 1).flat_map(|(name, value)| [name.to_vec(), value.to_vec()]).collect();
        let stream = self.existing_or_new::<Stream>(key)?;
        stream.append(id, fields, node_entries);
        if let Some(trim) = trim {
            stream.trim(trim);
        }
        Ok(text(&id))
    }

    fn xrange(&mut self, words: &Words) -> Reply {
        let first = match words.at(2) {
            b"-" => Bound::Unbounded,
            [b'(', id @ ..] => Bound::Excluded(id_of(id, 0)?),
            id => Bound::Included(id_of(id, 0)?),
        };
        let last = match words.at(3) {
            b"+" => Bound::Unbounded,
            [b'(', id @ ..] => Bound::Excluded(id_of(id, u64::MAX)?),
            id => Bound::Included(id_of(id, u64::MAX)?),
        };
        let count_max = match words.count() {
            4 => usize::MAX,
            6 if words.option(4) == "COUNT" => words.number(5)?,
            _ => words.unknown(),
        };
        let stream = self.existing::<Stream>(words.at(1))?;
        Ok(Value::Array(stream.map_or_else(Vec::new, |stream| stream.between(first, last, count_max))))
    }

    fn xinfo(&mut self, words: &Words) -> Reply {
        if words.option(1) != "STREAM" || words.count() != 3 {
            words.unknown();
        }
        let Some(stream) = self.existing::<Stream>(words.at(2))? else { return Err(Refusal::of(NO_SUCH_KEY)) };
        let entry = |entry: Option<(&EntryId, &Entry)>| entry.map_or(Value::Nil, |(id, entry)| entry_reply(*id, entry));
        let about = [
            ("length", count(stream.entries.len())),
            ("radix-tree-keys", Value::Int(1)),
            ("radix-tree-nodes", Value::Int(2)),
            ("last-generated-id", text(&stream.last)),
            ("groups", Value::Int(0)),
            ("first-entry", entry(stream.entries.first_key_value())),
            ("last-entry", entry(stream.entries.last_key_value())),
        ];
        Ok(Value::Array(about.into_iter().flat_map(|(name, value)| [text(&name), value]).collect()))
    }

    fn xtrim(&mut self, words: &Words) -> Reply {
        let mut place = 2;
        let Some(trim) = Trim::parse(words, &mut place)? else { words.unknown() };
        assert_eq!(words.count(), place, "not simulated: {words}");
        Ok(count(self.existing::<Stream>(words.at(1))?.map_or(0, |stream| stream.trim(trim))))
    }
}
