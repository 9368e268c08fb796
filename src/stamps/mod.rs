//! Stamps that clients keep, so that who has just written never reads older.
//!
//! An answer to a successful unsafe request carries a **stamp** ([`token`]): a [place](place::Place) in the log of purges that
//! comes after the write, and a MAC, so that nobody can make one up. A request that [presents](presented) it is answered from
//! nothing whose fetch began before that place. Nobody keeps a session for that: the stamp is all that there is.

// From the log's place to its text.
pub(crate) mod place;
pub(crate) mod secret;
pub(crate) mod token;

// What clients present, and what comes of it.
pub(crate) mod counts;
pub(crate) mod presented;

use counts::StampCounts;
use http::HeaderName;
use secret::StampKeys;
use std::time::Duration;

/// The field of answers and requests.
pub(crate) static LARDER_STAMP: HeaderName = HeaderName::from_static("larder-stamp");

/// Whether browsers keep stamps as a cookie, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StampCookie {
    /// They do not.
    Off,
    /// So long after the last write.
    For(Duration),
}

/// `[stamps]`
#[derive(Debug, Clone)]
pub(crate) struct StampOptions {
    /// What they are signed with.
    pub(crate) keys: StampKeys,
    /// How long a request waits for this instance to reach its stamp.
    pub(crate) wait: Duration,
    /// Whether browsers keep them.
    pub(crate) cookie: StampCookie,
}

/// How stamps are made and taken.
#[derive(Debug)]
pub(crate) struct Stamping {
    /// As the operator says.
    pub(crate) options: StampOptions,
    /// What came of those that were presented.
    pub(crate) counts: StampCounts,
}

impl Stamping {
    /// By these options.
    pub(crate) fn new(options: StampOptions) -> Self {
        Self { options, counts: StampCounts::default() }
    }
}
