//! Where in the binary log the changes are read, and how that is kept.

use crate::events::changes::together::Place;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// More than a position needs, in bytes.
const TEXT_BYTES_MAX: usize = 64 << 10;

/// MariaDB's global number of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gtid {
    pub(super) domain: u32,
    pub(super) server: u32,
    pub(super) sequence: u64,
}

impl fmt::Display for Gtid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.domain, self.server, self.sequence)
    }
}

/// The last transactions of each domain.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Gtids(BTreeMap<u32, String>);

impl Gtids {
    /// Reads `0-1-5,1-2-7`.
    pub(super) fn parse(text: &str) -> Self {
        let read = |gtid: &str| Some((gtid.trim().split_once('-')?.0.parse().ok()?, gtid.trim().to_owned()));
        Self(text.split(',').filter_map(read).collect())
    }

    pub(super) fn follow(&mut self, gtid: Gtid) {
        self.0.insert(gtid.domain, gtid.to_string());
    }
}

impl fmt::Display for Gtids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.values().map(String::as_str).collect::<Vec<_>>().join(","))
    }
}

/// A place in the binary log of one server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LogPlace {
    /// The file's name, which ends with a number.
    pub(super) file: String,
    /// In bytes from its beginning.
    pub(super) position: u64,
}

impl LogPlace {
    /// A number that grows along the log.
    pub(super) fn ordinal(&self) -> (u64, u64) {
        let number = self.file.rsplit('.').next().and_then(|number| number.parse().ok()).unwrap_or_default();
        (number, self.position)
    }

    /// Whether the log has come this far.
    pub(super) fn reaches(&self, other: &Self) -> bool {
        self.ordinal() >= other.ordinal()
    }
}

/// Up to where all is read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    /// Which server's log it was read from.
    pub(super) server: u32,
    /// The place in that log.
    pub(super) place: LogPlace,
    /// When that server began the file, in seconds since the Unix epoch; 0 where that is not known yet.
    pub(super) begun: u32,
    /// What the next one is asked to go on after, on whichever server.
    pub(super) gtids: Gtids,
}

impl Position {
    /// Reads what [`Self::text`] wrote; `None` where it is something else.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        if text.len() > TEXT_BYTES_MAX { None } else { serde_json::from_slice(text).ok() }
    }

    pub(super) fn text(&self) -> String {
        serde_json::json!(self).to_string()
    }
}

impl Place for Position {
    fn follow(&mut self, later: Self) {
        *self = later;
    }
}
