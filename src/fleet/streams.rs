//! Redis streams: their entries, and the commands that read and write them.

use super::link::{LinkError, LinkFailure};
use redis::streams::StreamInfoStreamReply;
use redis::{Cmd, Value, cmd, from_redis_value};
use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

/// The id of a stream's entry: milliseconds and sequence. Ids rise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct EntryId(pub(crate) u64, pub(crate) u64);

impl EntryId {
    /// Before every entry.
    pub(crate) const ZERO: Self = Self(0, 0);

    /// Reads `1700000000000-3`; `None` if it is not that.
    #[must_use]
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (millis, sequence) = text.split_once('-')?;
        Some(Self(millis.parse().ok()?, sequence.parse().ok()?))
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.0, self.1)
    }
}

/// One entry. Values that are no text are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StreamEntry {
    /// Its place.
    pub(crate) id: EntryId,
    /// Its fields in their order, each as often as it was written.
    pub(crate) fields: Vec<(String, String)>,
}

impl StreamEntry {
    /// The first field of this name.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, text)| text.as_str())
    }
}

/// Appends an entry; Redis chooses the id unless one is given.
#[must_use]
pub(crate) fn append(stream: &str, id: Option<EntryId>, entries_max: Option<usize>, fields: &[(&str, String)]) -> Cmd {
    let mut command = cmd("XADD");
    command.arg(stream);
    if let Some(entries_max) = entries_max {
        command.arg("MAXLEN").arg("~").arg(entries_max);
    }
    command.arg(id.map_or_else(|| "*".to_owned(), |id| id.to_string()));
    for (name, text) in fields {
        command.arg(*name).arg(text);
    }
    command
}

/// The entries from `first` on, itself included.
#[must_use]
pub(crate) fn range_from(stream: &str, first: EntryId, count: usize) -> Cmd {
    let mut command = cmd("XRANGE");
    command.arg(stream).arg(first.to_string()).arg("+").arg("COUNT").arg(count);
    command
}

/// The entries after `last`, waited for as long as `block`.
#[must_use]
pub(crate) fn read_after(stream: &str, last: &str, count: usize, block: Duration) -> Cmd {
    let mut command = cmd("XREAD");
    let millis = u64::try_from(block.as_millis()).unwrap_or(u64::MAX).max(1);
    command.arg("COUNT").arg(count).arg("BLOCK").arg(millis).arg("STREAMS").arg(stream).arg(last);
    command
}

/// The last entry.
#[must_use]
pub(crate) fn last(stream: &str) -> Cmd {
    let mut command = cmd("XREVRANGE");
    command.arg(stream).arg("+").arg("-").arg("COUNT").arg(1);
    command
}

/// What a stream is.
#[must_use]
pub(crate) fn info(stream: &str) -> Cmd {
    let mut command = cmd("XINFO");
    command.arg("STREAM").arg(stream);
    command
}

/// Drops the entries before `first`, or some of them.
#[must_use]
pub(crate) fn trim_before(stream: &str, first: EntryId) -> Cmd {
    let mut command = cmd("XTRIM");
    command.arg(stream).arg("MINID").arg("~").arg(first.to_string());
    command
}

/// The id in the reply to [`append`].
///
/// # Errors
/// Where the reply is none.
pub(crate) fn appended(reply: Value) -> Result<EntryId, LinkError> {
    let text: String = from_redis_value(reply).map_err(|_| unexpected())?;
    EntryId::parse(&text).ok_or_else(unexpected)
}

/// The entries in the reply to [`range_from`].
///
/// # Errors
/// Where the reply is none.
pub(crate) fn ranged(reply: Value) -> Result<Vec<StreamEntry>, LinkError> {
    entries(from_redis_value(reply).map_err(|_| unexpected())?)
}

/// The entries in the reply to [`read_after`] for one stream; `None` if the time to wait was over.
///
/// # Errors
/// Where the reply is none.
pub(crate) fn read(reply: Value) -> Result<Vec<StreamEntry>, LinkError> {
    if reply == Value::Nil {
        return Ok(Vec::new());
    }
    let streams: Vec<(Value, Vec<Written>)> = from_redis_value(reply).map_err(|_| unexpected())?;
    entries(streams.into_iter().flat_map(|(_, written)| written).collect())
}

/// The entries in the reply to XAUTOCLAIM. An entry that has been trimmed since is none.
///
/// # Errors
/// Where the reply is none.
pub(crate) fn claimed(reply: Value) -> Result<Vec<StreamEntry>, LinkError> {
    let Value::Array(parts) = reply else { return Err(unexpected()) };
    let claimed = parts.into_iter().nth(1).ok_or_else(unexpected)?;
    let claimed: Vec<Option<Written>> = from_redis_value(claimed).map_err(|_| unexpected())?;
    entries(claimed.into_iter().flatten().collect())
}

/// The highest id that the stream has ever had, from the reply to [`info`].
///
/// # Errors
/// Where the reply is none.
pub(crate) fn last_generated(reply: Value) -> Result<EntryId, LinkError> {
    let reply: StreamInfoStreamReply = from_redis_value(reply).map_err(|_| unexpected())?;
    EntryId::parse(&reply.last_generated_id).ok_or_else(unexpected)
}

/// What a stream has held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    /// The highest id that it has ever had.
    pub(crate) last: EntryId,
    /// How many entries it holds.
    pub(crate) length: u64,
    /// How many it has ever been given.
    pub(crate) added: u64,
}

/// What a stream has held, from the reply to [`info`].
///
/// # Errors
/// Where the reply is none.
pub(crate) fn extent(info: Value) -> Result<Extent, LinkError> {
    let fields: HashMap<String, Value> = from_redis_value(info).map_err(|_| unexpected())?;
    let number = |name: &str| {
        let value = fields.get(name).cloned().ok_or_else(unexpected)?;
        from_redis_value::<u64>(value).map_err(|_| unexpected())
    };
    let last: String =
        fields.get("last-generated-id").cloned().and_then(|id| from_redis_value(id).ok()).ok_or_else(unexpected)?;
    let last = EntryId::parse(&last).ok_or_else(unexpected)?;
    Ok(Extent { last, length: number("length")?, added: number("entries-added")? })
}

/// An entry as Redis replies it: the id, then names and values by turns. A map would keep one of those that share a name.
type Written = (String, Vec<(Value, Value)>);

fn entries(written: Vec<Written>) -> Result<Vec<StreamEntry>, LinkError> {
    let text = |value| from_redis_value::<String>(value).ok();
    let entry = |(id, fields): Written| {
        let id = EntryId::parse(&id).ok_or_else(unexpected)?;
        let fields = fields.into_iter().filter_map(|(name, value)| Some((text(name)?, text(value)?)));
        Ok(StreamEntry { id, fields: fields.collect() })
    };
    written.into_iter().map(entry).collect()
}

fn unexpected() -> LinkError {
    LinkError::of(LinkFailure::Unexpected)
}
