//! Stamps at the two ends of a request: what it presents, and what the answer to a write is given.

use super::written::Invalidated;
use super::{Answer, Engine};
#[cfg(test)]
use crate::deliberate_fault::{self, Fault};
use crate::invalidation::places::Arrival;
use crate::semantics::target::Target;
use crate::stamps::counts::Presentation;
use crate::stamps::place::{LogId, NotBefore};
use crate::stamps::presented::{Presented, set_cookie};
use crate::stamps::token::Written;
use crate::stamps::{LARDER_STAMP, StampCookie};
use http::header::{CACHE_CONTROL, EXPIRES, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Method};
use tokio::time::Instant;

/// Takes the stamps that a request presents out of its fields.
pub(super) fn presented(engine: &Engine, headers: &mut HeaderMap) -> Vec<Written> {
    let Some(stamping) = &engine.front.stamps else { return Vec::new() };
    let Presented { said, ignored } = stamping.options.take(headers);
    if ignored > 0 {
        stamping.counts.add(Presentation::Invalid);
        tracing::debug!(reason = "stamp-invalid", "a stamp is not signed by a known secret: it is ignored");
    }
    said
}

/// As [`presented`] and [`reach`], for a request that is not made: nothing is counted, and nothing waited for.
pub(super) fn explained(engine: &Engine, headers: &mut HeaderMap) -> NotBefore {
    let stamping = engine.front.stamps.as_ref();
    stamping.map_or(NotBefore::Anything, |stamping| reached(engine, &stamping.options.take(headers).said))
}

/// What the answer to a request that presents these must not be older than, once this instance has reached them or they were
/// waited for long enough.
pub(super) async fn reach(engine: &Engine, presented: &[Written]) -> NotBefore {
    let Some(stamping) = &engine.front.stamps else { return NotBefore::Anything };
    let deadline = Instant::now() + stamping.options.wait;
    let mut presentation = Presentation::Reached;
    for written in presented {
        let Written::Before(place) = written else { break };
        let wait = deadline.saturating_duration_since(Instant::now());
        match engine.invalidation().reach(*place, wait).await {
            Arrival::AtOnce => {}
            Arrival::Later => presentation = Presentation::Waited,
            // Then the others make no difference.
            Arrival::Not => break,
        }
    }
    let not_before = reached(engine, presented);
    stamping.counts.add(if not_before == NotBefore::Unreached { Presentation::Unreached } else { presentation });
    not_before
}

/// As [`reach`], as this instance stands.
fn reached(engine: &Engine, presented: &[Written]) -> NotBefore {
    let each = presented.iter().map(|written| match written {
        Written::Before(place) => engine.invalidation().not_before(*place),
        Written::Unplaced => NotBefore::Unreached,
    });
    let not_before = each.fold(NotBefore::Anything, NotBefore::and);
    #[cfg(test)]
    if not_before == NotBefore::Unreached && deliberate_fault::is_on(Fault::UnreachedIsTaken) {
        return NotBefore::Anything;
    }
    not_before
}

/// A write whose answer is to be given a stamp.
pub(crate) struct Write {
    /// The log that was read before that.
    pub(crate) log: Option<LogId>,
    /// What it has invalidated.
    pub(crate) invalidated: Invalidated,
}

/// Gives the answer to a successful write its stamp, where stamps are given. Whatever the origin says by that field is
/// replaced.
pub(super) async fn give(engine: &Engine, answer: &mut Answer, write: Write, (method, target): (&Method, &Target)) {
    let Ok(response) = &mut answer.reply else { return };
    let Some(stamp) = engine.stamp_after(write).await else { return };
    let headers = response.headers_mut();
    if let Some(StampCookie::For(kept_for)) = engine.front.stamps.as_ref().map(|stamping| stamping.options.cookie)
        && let Ok(stamp) = stamp.to_str()
        && let Ok(cookie) = HeaderValue::try_from(set_cookie(stamp, kept_for, target.scheme()))
    {
        headers.append(SET_COOKIE, cookie);
        // Of unsafe requests, only what answers a POST may be stored by others (RFC 9110 section 9.3.3), and then without
        // the stamp, which would take the place of a later one.
        if *method == Method::POST && [CACHE_CONTROL, EXPIRES].iter().any(|name| headers.contains_key(name)) {
            headers.append(CACHE_CONTROL, HeaderValue::from_static("private=\"set-cookie\""));
        }
    }
    headers.insert(&LARDER_STAMP, stamp);
}

impl Engine {
    /// The stamp of what was done before the call; `None` if none are given.
    pub(crate) async fn stamp_after(&self, write: Write) -> Option<HeaderValue> {
        let stamping = self.front.stamps.as_ref()?;
        let place = match write.invalidated {
            Invalidated::At(stamp) => self.invalidation().placed(write.log, stamp),
            Invalidated::Nothing => self.invalidation().mark().await,
            Invalidated::HereAlone => None,
        };
        let written = place.map_or(Written::Unplaced, Written::Before);
        HeaderValue::try_from(written.signed(&stamping.options.keys)).ok()
    }
}
