//! Handshakes under way: so many at once, and for one more the oldest gives way. An honest one takes milliseconds, so what is
//! old is a client that does not go on; it holds up nobody.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// The handshakes of one listener.
#[derive(Debug)]
pub(super) struct UnderWay {
    max: usize,
    begun: Mutex<Begun>,
}

#[derive(Debug, Default)]
struct Begun {
    next: u64,
    by_age: BTreeMap<u64, Arc<Notify>>,
}

/// One of them, until dropped.
#[derive(Debug)]
pub(in crate::proxy) struct Handshake<'a> {
    all: &'a UnderWay,
    number: u64,
    displaced: Arc<Notify>,
}

impl UnderWay {
    /// At most so many.
    pub(super) const fn new(max: usize) -> Self {
        Self { max, begun: Mutex::new(Begun { next: 0, by_age: BTreeMap::new() }) }
    }

    /// One more.
    pub(super) fn begin(&self) -> Handshake<'_> {
        let displaced = Arc::new(Notify::new());
        let mut begun = self.begun();
        if begun.by_age.len() >= self.max
            && let Some((_, oldest)) = begun.by_age.pop_first()
        {
            oldest.notify_one();
        }
        let number = begun.next;
        begun.next += 1;
        begun.by_age.insert(number, Arc::clone(&displaced));
        Handshake { all: self, number, displaced }
    }

    /// How many there are.
    #[cfg(feature = "http3")]
    pub(super) fn count(&self) -> usize {
        self.begun().by_age.len()
    }

    fn begun(&self) -> MutexGuard<'_, Begun> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Handshake<'_> {
    /// Ends once another one needs its place.
    pub(in crate::proxy) async fn displaced(&self) {
        self.displaced.notified().await;
    }
}

impl Drop for Handshake<'_> {
    fn drop(&mut self) {
        self.all.begun().by_age.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    #[test]
    fn the_oldest_gives_way_and_what_is_over_counts_no_more() {
        let all = UnderWay::new(2);
        let [first, second] = [all.begin(), all.begin()];
        assert!(first.displaced().now_or_never().is_none());
        let third = all.begin();
        assert!(first.displaced().now_or_never().is_some());
        drop(second);
        let _fourth = all.begin();
        assert!(third.displaced().now_or_never().is_none());
        drop(first);
        let _fifth = all.begin();
        assert!(third.displaced().now_or_never().is_some());
    }
}
