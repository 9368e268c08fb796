//! Keys and what is kept under them: texts, hashes and sorted sets. Streams are in [`super::streams`].

use super::stream::Stream;
use super::words::{Refusal, Reply, Words, bulk, count};
use redis::Value;
use std::collections::BTreeMap;

const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";
const INVALID_EXPIRY: &str = "ERR invalid expire time";

/// A hash, by field.
type Hash = BTreeMap<Vec<u8>, Vec<u8>>;

/// A sorted set: the score of each member.
type Scores = BTreeMap<Vec<u8>, f64>;

/// What one key holds.
#[derive(Debug)]
pub(super) enum Kept {
    Text(Vec<u8>),
    Hash(Hash),
    Scores(Scores),
    Stream(Stream),
}

/// A kind of value, found where a key holds that kind.
pub(super) trait Kind: Default {
    fn pick(kept: &mut Kept) -> Option<&mut Self>;
    fn keep(self) -> Kept;
}

macro_rules! kind {
    ($kind:ty, $variant:ident) => {
        impl Kind for $kind {
            fn pick(kept: &mut Kept) -> Option<&mut Self> {
                if let Kept::$variant(it) = kept { Some(it) } else { None }
            }

            fn keep(self) -> Kept {
                Kept::$variant(self)
            }
        }
    };
}

kind!(Vec<u8>, Text);
kind!(Hash, Hash);
kind!(Scores, Scores);
kind!(Stream, Stream);

#[derive(Debug)]
struct Item {
    kept: Kept,
    expires_at_ms: Option<u64>,
}

/// All that one run of Redis keeps.
#[derive(Debug, Default)]
pub(super) struct Keyspace {
    items: BTreeMap<Vec<u8>, Item>,
    pub(super) now_ms: u64,
}

impl Keyspace {
    /// Drops what has expired by now.
    pub(super) fn expire(&mut self) {
        let now_ms = self.now_ms;
        self.items.retain(|_, item| item.expires_at_ms.is_none_or(|at| at > now_ms));
    }

    /// What is kept under `key`, if it is of this kind; refused if it is of another.
    pub(super) fn existing<T: Kind>(&mut self, key: &[u8]) -> Result<Option<&mut T>, Refusal> {
        match self.item(key) {
            None => Ok(None),
            Some(item) => T::pick(&mut item.kept).map(Some).ok_or_else(|| Refusal::of(WRONG_TYPE)),
        }
    }

    /// As [`Self::existing`]; an empty one where nothing is kept.
    pub(super) fn existing_or_new<T: Kind>(&mut self, key: &[u8]) -> Result<&mut T, Refusal> {
        if self.item(key).is_none() {
            self.put(key, T::default().keep(), None);
        }
        Ok(self.existing(key)?.expect("it was put there just now"))
    }

    fn item(&mut self, key: &[u8]) -> Option<&mut Item> {
        let now_ms = self.now_ms;
        if self.items.get(key)?.expires_at_ms.is_some_and(|at| at <= now_ms) {
            self.items.remove(key);
        }
        self.items.get_mut(key)
    }

    fn put(&mut self, key: &[u8], kept: Kept, expires_at_ms: Option<u64>) {
        self.items.insert(key.to_vec(), Item { kept, expires_at_ms });
    }

    /// Executes a command on texts, hashes, sorted sets or keys of any kind.
    pub(super) fn execute(&mut self, words: &Words) -> Reply {
        match words.name().as_str() {
            "SET" => self.set(words),
            "GET" => Ok(self.existing::<Vec<u8>>(words.at(1))?.map_or(Value::Nil, |text| bulk(text))),
            "DEL" => Ok(count(words.from(1).filter(|key| self.delete(key) == Deleted::Now).count())),
            "PEXPIRE" => self.pexpire(words),
            "HSET" => self.hset(words),
            "HGETALL" => {
                let hash = self.existing::<Hash>(words.at(1))?.map(|hash| &*hash);
                Ok(Value::Array(
                    hash.into_iter().flatten().flat_map(|(field, value)| [bulk(field), bulk(value)]).collect(),
                ))
            }
            "HDEL" => self.hdel(words),
            "HLEN" => Ok(count(self.existing::<Hash>(words.at(1))?.map_or(0, |hash| hash.len()))),
            "ZADD" => self.zadd(words),
            "ZRANGE" => self.zrange(words),
            "ZREM" => {
                let scores = self.existing::<Scores>(words.at(1))?;
                Ok(count(
                    scores.map_or(0, |scores| words.from(2).filter(|member| scores.remove(*member).is_some()).count()),
                ))
            }
            "ZREMRANGEBYSCORE" => self.zremrangebyscore(words),
            _ => words.unknown(),
        }
    }

    fn delete(&mut self, key: &[u8]) -> Deleted {
        if self.item(key).is_none() {
            return Deleted::Before;
        }
        self.items.remove(key);
        Deleted::Now
    }

    fn set(&mut self, words: &Words) -> Reply {
        let (key, text) = (words.at(1), words.at(2));
        let (mut expires_at_ms, mut is_for_new, mut tells_old) = (None, false, false);
        let mut next = 3;
        while next < words.count() {
            match words.option(next).as_str() {
                "NX" => is_for_new = true,
                "GET" => tells_old = true,
                "PX" => {
                    next += 1;
                    let millis: u64 = words.number(next)?;
                    let at = self.now_ms.checked_add(millis).filter(|_| millis > 0);
                    expires_at_ms = Some(at.ok_or_else(|| Refusal::of(INVALID_EXPIRY))?);
                }
                _ => words.unknown(),
            }
            next += 1;
        }
        let old = if tells_old { self.existing::<Vec<u8>>(key)?.map(|text| bulk(text)) } else { None };
        if is_for_new && self.item(key).is_some() {
            return Ok(old.unwrap_or(Value::Nil));
        }
        self.put(key, Kept::Text(text.to_vec()), expires_at_ms);
        Ok(if tells_old { old.unwrap_or(Value::Nil) } else { Value::Okay })
    }

    fn pexpire(&mut self, words: &Words) -> Reply {
        let (key, millis) = (words.at(1), words.number::<i64>(2)?);
        let at = self.now_ms.checked_add_signed(millis).filter(|at| i64::try_from(*at).is_ok());
        let at = at.ok_or_else(|| Refusal::of(INVALID_EXPIRY))?;
        let Some(item) = self.item(key) else { return Ok(Value::Int(0)) };
        let is_refused = match (words.count() > 3).then(|| words.option(3)).as_deref() {
            None => false,
            Some("NX") => item.expires_at_ms.is_some(),
            // What never expires lives longer than any time to come.
            Some("GT") => item.expires_at_ms.is_none_or(|present| at <= present),
            Some(_) => words.unknown(),
        };
        if is_refused {
            return Ok(Value::Int(0));
        }
        item.expires_at_ms = Some(at);
        Ok(Value::Int(1))
    }

    fn hset(&mut self, words: &Words) -> Reply {
        let hash = self.existing_or_new::<Hash>(words.at(1))?;
        let before = hash.len();
        for (field, value) in words.pairs_from(2) {
            hash.insert(field.to_vec(), value.to_vec());
        }
        Ok(count(hash.len() - before))
    }

    fn hdel(&mut self, words: &Words) -> Reply {
        let key = words.at(1);
        let Some(hash) = self.existing::<Hash>(key)? else { return Ok(Value::Int(0)) };
        let removed = words.from(2).filter(|field| hash.remove(*field).is_some()).count();
        if hash.is_empty() {
            self.delete(key);
        }
        Ok(count(removed))
    }

    fn zadd(&mut self, words: &Words) -> Reply {
        let pairs = words.pairs_from(2).map(|(score, member)| Ok((score_of(score)?, member)));
        let pairs = pairs.collect::<Result<Vec<_>, Refusal>>()?;
        let scores = self.existing_or_new::<Scores>(words.at(1))?;
        let before = scores.len();
        for (score, member) in pairs {
            scores.insert(member.to_vec(), score);
        }
        Ok(count(scores.len() - before))
    }

    fn zrange(&mut self, words: &Words) -> Reply {
        let (first, last) = (words.number::<i64>(2)?, words.number::<i64>(3)?);
        assert_eq!((first, last, words.count()), (0, -1, 4), "only all of a sorted set is ever asked for");
        let scores = self.existing::<Scores>(words.at(1))?.map(|scores| &*scores);
        let mut members: Vec<_> = scores.into_iter().flatten().collect();
        members.sort_by(|(a, a_score), (b, b_score)| a_score.total_cmp(b_score).then_with(|| a.cmp(b)));
        Ok(Value::Array(members.into_iter().map(|(member, _)| bulk(member)).collect()))
    }

    fn zremrangebyscore(&mut self, words: &Words) -> Reply {
        let (min, max) = (score_of(words.at(2))?, score_of(words.at(3))?);
        let key = words.at(1);
        let Some(scores) = self.existing::<Scores>(key)? else { return Ok(Value::Int(0)) };
        let before = scores.len();
        scores.retain(|_, score| *score < min || *score > max);
        let removed = before - scores.len();
        if scores.is_empty() {
            self.delete(key);
        }
        Ok(count(removed))
    }
}

/// Whether a key was there to be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deleted {
    Now,
    Before,
}

fn score_of(word: &[u8]) -> Result<f64, Refusal> {
    let text = String::from_utf8_lossy(word);
    text.parse().map_err(|_| Refusal::of("ERR value is not a valid float"))
}
